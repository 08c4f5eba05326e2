//! The text that tells a number what becomes of its account, beside what does it.

use std::sync::Arc;

use latchkey::access::limits;
use latchkey::access::limits::{Limit, NoticeAllowance, Passed, PlaceAllowance, TextAllowance};
use latchkey::base::afterwards::Afterwards;
use latchkey::base::config::{self, Parameter};
use latchkey::base::error::{Chain, StartError};
use latchkey::base::world::World;
use latchkey::cloud::error::StoreError;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::Committed;
use latchkey::domain::credit::Means;
use latchkey::domain::limits::Share;
use latchkey::domain::numbers::Numbers;
use latchkey::domain::pepper::Pepper;
use latchkey::domain::phone::{Countries, Phone};
use latchkey::http::context::Context;
use latchkey::http::problem::Code;
use latchkey::settings;
use latchkey::sms::sender::{Notice, Sender};
use latchkey::sms::wording::Wish;
use latchkey::tables::codes::Codes;
use latchkey::tables::day_texts::{DayTexts, Kind};
use latchkey::tables::guard::Guard;
use tokio::join;

/// What tells a number, by the rules of codes.
pub(crate) struct Notices {
    codes: Codes,
    guard: Guard,
    texts: DayTexts,
    sender: Arc<Sender>,
    afterwards: Arc<Afterwards>,
    numbers: Numbers,
    countries: Countries,
    world: Arc<World>,
}

impl Notices {
    /// The parameters that [`Notices::new`] reads.
    pub(crate) fn parameters() -> Vec<&'static Parameter> {
        let own: &[&Parameter] = &[config::ALLOWED_COUNTRIES];
        let rules = [settings::CROWD_LIMITS, settings::NUMBERS, &secrets::PEPPER, own].concat();
        let tables = [Codes::PARAMETERS, Guard::PARAMETERS].concat().concat();
        [tables, Sender::parameters(), rules].concat()
    }

    /// That of the deployment.
    pub(crate) fn new(setup: &Setup, pepper: Pepper, sender: Sender) -> Result<Self, StartError> {
        Ok(Self {
            codes: Codes::new(setup, pepper)?,
            guard: Guard::new(setup)?,
            texts: DayTexts::new(setup)?,
            sender: Arc::new(sender),
            afterwards: Arc::clone(&setup.afterwards),
            numbers: settings::numbers(&setup.vars)?,
            countries: settings::countries(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    /// Awaits `done`, and beside it takes a text of the limits; where it is done and they allow,
    /// `phone` is told after the answer, else what was taken is given back.
    pub(crate) async fn tell_once<P>(
        &self,
        done: impl Future<Output = Result<Committed<P>, StoreError>>,
        phone: &Phone,
        notice: Notice,
        context: &Context,
    ) -> Result<Committed<P>, StoreError> {
        let told = Some(phone).filter(|phone| self.may_be_told(phone));
        let limits: [&dyn Limit; 3] = [
            &NoticeAllowance::new(&self.codes, told),
            &TextAllowance::new(&self.texts, told.map(|_| Share::Stranger), Kind::Notice, self.world.now()),
            &PlaceAllowance::new(&self.guard, told, Means::Request),
        ];
        let (done, passed) = join!(done, limits::take(&limits, self.world.now()));
        let is_granted = told.is_some() && matches!(passed, Ok(Passed::Granted));
        match (&done, passed) {
            (Ok(Committed::Done), _) if is_granted => self.tell(phone, notice, context).await,
            (Ok(Committed::Done), Ok(Passed::Granted)) => {}
            (Ok(Committed::Done), passed) => {
                let code = passed.err().unwrap_or_else(|| Code::TextsPaused.into()).code().as_str();
                tracing::warn!(code, ?notice, "the old number was not told");
            }
            _ if is_granted => _ = limits::give_back(&limits).await,
            _ => {}
        }
        done
    }

    /// Whether a number is texted: by the rules of codes.
    fn may_be_told(&self, phone: &Phone) -> bool {
        let is_tester = self.numbers.testers().find(phone, self.world.now()).is_some();
        !is_tester && self.numbers.reachable(phone).is_ok() && self.countries.allow(phone)
    }

    /// Tells it, after the answer.
    async fn tell(&self, phone: &Phone, notice: Notice, context: &Context) {
        let (sender, phone) = (Arc::clone(&self.sender), phone.clone());
        let language = context.header("accept-language").map(str::to_owned);
        let tell = async move {
            let wish = Wish { accept_language: language.as_deref(), ..Wish::default() };
            if let Err(error) = sender.send_notice(&phone, notice, wish).await {
                tracing::warn!(cause = %Chain(&error), ?notice, "the old number was not told");
            }
        };
        self.afterwards.run(tell).await;
    }
}
