//! `PUT /v1/users/me/phone`: moves the account to a new number, proved by a code
//! that was texted to it.

use std::sync::Arc;

use latchkey::afterwards::Afterwards;
use latchkey::config;
use latchkey::domain::code::Purpose;
use latchkey::domain::limits::{CrowdLimits, LimitOf, Window};
use latchkey::domain::numbers::TestPhones;
use latchkey::domain::phone::{Phone, Region};
use latchkey::domain::user::User;
use latchkey::gate::{Bearer, Gate};
use latchkey::guesses::{Entry, Guesses};
use latchkey::http::answer::Json;
use latchkey::http::endpoint::{Endpoint, Needs, OfEndpoint, Request, Route};
use latchkey::http::function::Function;
use latchkey::http::problem::{Chain, Code, Problem};
use latchkey::http::request::{Context, JsonBody, Nothing, Text};
use latchkey::lambda::StartError;
use latchkey::secrets;
use latchkey::setup::{Setup, meanwhile};
use latchkey::tables::codes::Proof;
use latchkey::tables::counters::Counters;
use latchkey::tables::transaction::{Committed, Tables, Transaction};
use latchkey::tables::users::Users;
use latchkey::texts::Sender;
use latchkey::texts::wording::Wish;
use latchkey::views::{FirstReferrals, Profile, Profiles};
use latchkey::world::World;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{join, try_join};

/// The function.
pub fn function<T: OfEndpoint>() -> Function<T> {
    Function::new(env!("CARGO_PKG_NAME")).endpoint::<ChangePhone>()
}

/// Moves the account to a new number.
///
/// The code is one that `/v1/auth/code` texted to the new number with `purpose` `change_phone` and this account's
/// access token. A text tells the old number.
///
/// Limits on guesses are those of `/v1/auth/token`.
#[derive(JsonSchema)]
pub struct ChangePhone;

/// A gate, guesses, users, and a sender for the notice.
pub struct Needed {
    gate: Gate,
    guesses: Guesses,
    counters: Counters,
    users: Users,
    profiles: Profiles,
    tables: Tables,
    sender: Arc<Sender>,
    afterwards: Arc<Afterwards>,
    texts_per_day: Window,
    region: Region,
    testers: TestPhones,
    world: Arc<World>,
}

impl Needs for Needed {
    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let region: Region = vars.parsed(config::DEFAULT_REGION)?;
        let asked = async { try_join!(Gate::build(setup), secrets::pepper(setup)) };
        let (gate, pepper) = meanwhile(asked, || region.prepare()).await?;
        Ok(Self {
            gate,
            guesses: Guesses::new(setup, pepper)?,
            counters: Counters::new(setup),
            users: Users::new(setup),
            profiles: Profiles::new(setup)?,
            tables: Tables::new(setup),
            sender: Arc::new(Sender::build(setup)?),
            afterwards: Arc::clone(&setup.afterwards),
            texts_per_day: CrowdLimits::read(vars)?.texts_per_day,
            region,
            testers: TestPhones::read(vars, region)?,
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
    code: Text<64>,
    /// The `challenge_id` that `/v1/auth/code` answered with. A wrong one is refused as a wrong code is; some
    /// deployments require it.
    #[schemars(example = &"5f3e9b1c7a2d4e6f8091a2b3c4d5e6f7")]
    challenge_id: Option<Text<64>>,
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
    type Needs = Needed;

    async fn call(needs: &Needed, request: Request<Self>) -> Result<Json<Profile>, Problem> {
        let Needed { gate, guesses, profiles, .. } = needs;
        let (entered, context, bearer) = (request.body.0, request.context, request.caller);
        let phone = Phone::parse(&entered.phone, entered.region.unwrap_or(needs.region))?;
        let purpose = Purpose::ChangePhone(bearer.user_id.clone());
        let challenge_id = entered.challenge_id.as_ref().map(|id| id.0.as_str());

        let (me, entry, count) = join!(
            gate.admit(&bearer, &bearer.user_id, Self::STAFF),
            guesses.enter(&phone, &purpose, challenge_id, None, &context),
            needs.users.referrals_count(&bearer.user_id),
        );
        if let (Err(_), Ok(Entry::Guess(counted))) = (&me, &entry) {
            guesses.take_back(counted).await?;
        }
        let (mut me, count) = (me?, count?);
        let proof = match entry {
            // Moved before: that answer was lost.
            _ if me.phone == phone => None,
            Ok(Entry::Guess(counted)) => Some(guesses.compare(counted, &entered.code.0)?),
            Ok(Entry::Repeated(_)) => return Err(Code::Unavailable.into()),
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

impl Needed {
    /// Spends the code, moves the account and frees the old number, all or
    /// nothing; then tells the old number.
    async fn move_account(&self, me: &User, proof: &Proof, context: &Context) -> Result<(), Problem> {
        let moving = Transaction::new(self.world.new_id())
            .with(Part::Code, self.guesses.spend(proof))
            .with_all(Part::Me, self.users.move_phone(me, &proof.phone))
            .with(Part::Phone, self.users.claim_phone(&proof.phone, &me.id));
        let is_tester = self.testers.find(&me.phone, self.world.now()).is_some();
        let notifies = !is_tester && me.phone.reachable().is_ok();
        let (moved, allowance, ()) = join!(
            moving.commit(&self.tables, &self.world),
            self.counters.take("texts", self.texts_per_day.only_if(notifies), LimitOf::Day),
            self.guesses.count_entered(proof),
        );
        if let Committed::Refused(refused) = moved? {
            if let Ok(Ok(taken)) = &allowance {
                self.counters.give_back(taken).await?;
            }
            let of = |part| refused.iter().any(|(refused, _)| *refused == part);
            return Err(if of(Part::Code) {
                Problem::invalid_code(Some(0))
            } else if of(Part::Phone) {
                Code::PhoneTaken.into()
            } else {
                Code::SessionEnded.into()
            });
        }
        if notifies && matches!(allowance, Ok(Ok(_))) {
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
