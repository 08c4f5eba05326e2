//! `PUT /v1/users/me/phone`: moves the account to a new number, proved by a code
//! that was texted to it.
//!
//! Tests: local/tests/it/phone_change.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::access::guesses::{Attempt, Guesses};
use latchkey::access::limits;
use latchkey::access::limits::{Admission, Allowance, Limit, Verdict};
use latchkey::base::afterwards::Afterwards;
use latchkey::base::config::Parameter;
use latchkey::base::error::{Chain, StartError};
use latchkey::base::hidden::Hidden;
use latchkey::base::world::World;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::{Setup, meanwhile};
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::code::Purpose;
use latchkey::domain::limits::Window;
use latchkey::domain::phone::{Phone, Region};
use latchkey::domain::phone_lists::TestPhones;
use latchkey::domain::user::User;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Line, Nothing};
use latchkey::http::context::Context;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{FirstReferrals, Profile, Profiles};
use latchkey::settings;
use latchkey::sms::sender::Sender;
use latchkey::sms::wording::Wish;
use latchkey::tables::codes::Proof;
use latchkey::tables::counters::Counters;
use latchkey::tables::referrals::Referrals;
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{join, try_join};

latchkey::function!(ChangePhone);

/// Moves the account to a new number.
///
/// The code is one that `/v1/auth/code` texted to the new number with `purpose` `change_phone` and this account's
/// access token. A text tells the old number.
///
/// Limits on guesses are those of `/v1/auth/token`.
#[derive(JsonSchema)]
pub struct ChangePhone;

/// A gate, guesses, users, and a sender for the notice.
pub struct Deps {
    gate: Gate,
    guesses: Guesses,
    counters: Counters,
    users: Users,
    referrals: Referrals,
    profiles: Profiles,
    tables: Tables,
    sender: Arc<Sender>,
    afterwards: Arc<Afterwards>,
    texts_per_day: Window,
    region: Region,
    testers: TestPhones,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let rules = [settings::CROWD_LIMITS, settings::TEST_PHONES, &secrets::PEPPER].concat();
        [Gate::parameters(), Guesses::parameters(), Profiles::parameters(), Sender::parameters(), rules]
            .concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let region: Region = settings::region(vars)?;
        let asked = async { try_join!(Gate::build(setup), secrets::pepper(setup)) };
        let (gate, pepper) = meanwhile(asked, || region.prepare()).await?;
        Ok(Self {
            gate,
            guesses: Guesses::new(setup, pepper)?,
            counters: Counters::new(setup),
            users: Users::new(setup),
            referrals: Referrals::new(setup),
            profiles: Profiles::new(setup)?,
            tables: Tables::new(setup),
            sender: Arc::new(Sender::build(setup)?),
            afterwards: Arc::clone(&setup.afterwards),
            texts_per_day: settings::crowd_limits(vars)?.texts_per_day,
            region,
            testers: settings::test_phones(vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

/// The new phone number, and the code that was texted to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PhoneChange")]
pub struct Entered {
    /// The new number: in E.164, or as a person of `region` types it, with blanks, brackets and hyphens.
    #[schemars(extend("format" = "phone"), example = &"+79000000005")]
    phone: String,
    /// The country in whose format a number without `+` is read: two letters of ISO 3166. Without it, the
    /// deployment's default.
    region: Option<Region>,
    /// The one-time code from the text.
    #[schemars(example = &"4071")]
    code: Hidden<Line<64>>,
    /// The `challenge_id` that `/v1/auth/code` answered with. A wrong one is refused as a wrong code is; some
    /// deployments require it.
    #[schemars(example = &"5f3e9b1c7a2d4e6f8091a2b3c4d5e6f7")]
    challenge_id: Option<Line<64>>,
}

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Me,
    Phone,
}

impl Endpoint for ChangePhone {
    const ROUTE: Route = Route::put("/v1/users/me/phone");
    const PROBLEMS: &'static [Code] = &[
        Code::InvalidPhone,
        Code::InvalidCode,
        Code::TooManyGuesses,
        Code::TooManyRequests,
        Code::PhoneTaken,
    ];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Entered>;
    type Output = Json<Profile>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Profile>, Problem> {
        let Deps { gate, guesses, profiles, .. } = needs;
        let (entered, context, bearer) = (request.body.0, request.context, request.caller);
        let phone = Phone::parse(&entered.phone, entered.region.unwrap_or(needs.region))?;
        let purpose = Purpose::ChangePhone(bearer.user_id.clone());
        let challenge_id = entered.challenge_id.as_ref().map(|id| id.0.as_str());

        let admission = Admission::new(gate, Some(&bearer));
        let also: [&dyn Limit; 1] = [&admission];
        let (attempt, count) = join!(
            guesses.enter(&phone, &purpose, challenge_id, None, &context, &also),
            needs.referrals.count(&bearer.user_id),
        );
        let (mut me, attempt) = match (admission.into_user(), attempt) {
            (Some(me), attempt) => (me, attempt),
            (None, attempt) => return Err(attempt.err().unwrap_or_else(|| Code::Unavailable.into())),
        };
        let count = count?;
        let proof = match attempt {
            // Moved before: that answer was lost.
            _ if me.phone == phone => None,
            Ok(Attempt::Guess(counted)) => Some(guesses.compare(counted, &entered.code.0.0)?),
            Ok(Attempt::Repeated(_)) => return Err(Code::Unavailable.into()),
            Err(problem) => return Err(problem),
        };

        let (moved, referrer, page) = join!(
            async {
                match &proof {
                    Some(proof) => needs.move_account(&me, proof, &context).await,
                    None => Ok(()),
                }
            },
            profiles.person(me.referrer_id.as_ref(), &me),
            profiles.first_page(&me.id),
        );
        moved?;
        me.phone = phone;
        let referrals = FirstReferrals { page: page?, count };
        Ok(Json(profiles.profile(me.clone(), referrer?, referrals, &me, &context)))
    }
}

impl Deps {
    /// Spends the code, moves the account and frees the old number, all or
    /// nothing; then tells the old number.
    async fn move_account(&self, me: &User, proof: &Proof, context: &Context) -> Result<(), Problem> {
        let edge = me.referrer_id.as_ref().map(|id| self.referrals.move_phone(&me.id, id, &proof.phone));
        let moving = Transaction::new(self.world.new_id())
            .with(Part::Code, self.guesses.spend(proof))
            .with_all(Part::Me, self.users.move_phone(me, &proof.phone))
            .with_all(Part::Me, edge)
            .with(Part::Phone, self.users.claim_phone(&proof.phone, &me.id));
        let is_tester = self.testers.find(&me.phone, self.world.now()).is_some();
        let notifies = !is_tester && me.phone.reachable().is_ok();
        let allowance = Allowance::text_today(&self.counters, self.texts_per_day.only_if(notifies));
        let (moved, verdict, ()) = join!(
            moving.commit(&self.tables, &self.world),
            allowance.take(),
            self.guesses.count_entered(proof),
        );
        if let Committed::Refused(refused) = moved? {
            limits::give_back(&[&allowance]).await;
            let of = |part| refused.iter().any(|(refused, _)| *refused == part);
            return Err(if of(Part::Code) {
                Problem::invalid_code(Some(0))
            } else if of(Part::Phone) {
                Code::PhoneTaken.into()
            } else {
                Code::SessionEnded.into()
            });
        }
        if let Verdict::Stopped(problem) = &verdict {
            tracing::warn!(
                code = problem.code().as_str(),
                "the old number was not told: its text was not counted"
            );
        }
        if notifies && matches!(verdict, Verdict::Granted) {
            let (sender, left) = (Arc::clone(&self.sender), me.phone.clone());
            let language = context.header("accept-language").map(str::to_owned);
            let tell = async move {
                let wish = Wish { accept_language: language.as_deref(), ..Wish::default() };
                if let Err(error) = sender.send_phone_changed(&left, wish).await {
                    tracing::warn!(cause = %Chain(&error), "the old number was not told that its account left it");
                }
            };
            self.afterwards.run(tell).await;
        }
        Ok(())
    }
}
