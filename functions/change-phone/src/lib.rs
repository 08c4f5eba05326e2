//! `PUT /v1/users/me/phone`: moves the account to a new number, proved by a code
//! that was texted to it.
//!
//! Tests: local/tests/it/phone_change.rs.

mod notices;
mod recovery;

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::access::guesses::{Attempt, Guessed, Guesses};
use latchkey::access::limits::{Admission, Limit};
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::hidden::Hidden;
use latchkey::base::world::World;
use latchkey::cloud::error::StoreError;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::{Setup, meanwhile};
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::audit::{self, Act, Actor, Deed};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::code::Purpose;
use latchkey::domain::device::DeviceId;
use latchkey::domain::device_token;
use latchkey::domain::numbers::Numbers;
use latchkey::domain::pepper::Pepper;
use latchkey::domain::user::{Role, User};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{EnteredCode, JsonBody, Line, Nothing, RegionHint};
use latchkey::http::context::Context;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{Profile, Profiles};
use latchkey::settings;
use latchkey::sms::sender::{Notice, Sender};
use latchkey::tables;
use latchkey::tables::audit::Audit;
use latchkey::tables::codes::Proof;
use latchkey::tables::referrals::Referrals;
use latchkey::tables::users::{Holder, Users};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{join, try_join};

use crate::notices::Notices;

latchkey::function!(
    ChangePhone,
    recovery::begin::BeginRecovery,
    recovery::see::GetRecovery,
    recovery::stop::StopRecovery
);

/// Moves the account to a new number.
///
/// The code is one that `/v1/auth/code` texted to the new number with `purpose` `change_phone` and this account's
/// access token, whose session began with a sign-in of the last ten minutes. A text tells the old number. It is in the
/// audit trail.
///
/// Limits on guesses are those of `/v1/auth/token`.
#[derive(JsonSchema)]
pub struct ChangePhone;

/// A gate, guesses, users, and a sender for the notice.
pub struct Deps {
    gate: Gate,
    guesses: Guesses,
    users: Users,
    referrals: Referrals,
    profiles: Profiles,
    audit: Audit,
    tables: Tables,
    notices: Notices,
    pepper: Pepper,
    numbers: Numbers,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own = [Guesses::parameters(), Notices::parameters(), tables::AUDIT.to_vec()].concat();
        [Gate::parameters(), Profiles::parameters(), own].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let numbers = settings::numbers(vars)?;
        let asked = async { try_join!(Gate::build(setup), secrets::pepper(setup), Sender::build(setup)) };
        let (gate, pepper, sender) = meanwhile(asked, || numbers.prepare()).await?;
        Ok(Self {
            gate,
            notices: Notices::new(setup, pepper.clone(), sender)?,
            guesses: Guesses::new(setup, pepper.clone())?,
            pepper,
            users: Users::new(setup),
            referrals: Referrals::new(setup),
            profiles: Profiles::new(setup)?,
            audit: Audit::new(setup)?,
            tables: Tables::new(setup),
            numbers,
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
    #[serde(default)]
    region: RegionHint,
    /// The one-time code from the text.
    #[schemars(example = &"4071")]
    code: EnteredCode,
    /// The `challenge_id` that `/v1/auth/code` answered with. A wrong one is refused as a wrong code is; some
    /// deployments require it.
    #[schemars(example = &"5f3e9b1c7a2d4e6f8091a2b3c4d5e6f7")]
    challenge_id: Option<Line<64>>,
}

/// The caller's profile, and what the device is known by with the new number.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MovedProfile")]
pub struct Moved {
    #[serde(flatten)]
    profile: Profile,
    /// The device token for the new number, in the place of the one before.
    #[schemars(example = &"lkd.01a1fbdf.4f1d2a9c6b3e58d7a1c0e9.1795224352.Ab3dEf7h.c2VjcmV0")]
    device_token: Hidden<String>,
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
        Code::PhoneReserved,
        Code::RecentSignInRequired,
    ];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Entered>;
    type Output = Json<Moved>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Moved>, Problem> {
        let Deps { gate, guesses, profiles, .. } = needs;
        let (entered, context, bearer) = (request.body.0, request.context, request.caller);
        let phone = needs.numbers.read(&entered.phone, entered.region.0)?;
        let purpose = Purpose::ChangePhone(bearer.user_id.clone());
        let challenge_id = entered.challenge_id.as_ref().map(|id| id.0.as_str());

        let admission = Admission::recently(gate, &bearer);
        let also: [&dyn Limit; 1] = [&admission];
        let guess = Guessed { phone: &phone, purpose: &purpose, challenge_id, device: None };
        let (attempt, count) =
            join!(guesses.enter(guess, None, &context, &also), profiles.first_count(&bearer.user_id));
        let ((mut me, session), attempt) = match (admission.into_caller(), attempt) {
            (Some(caller), attempt) => (caller, attempt),
            (None, attempt) => return Err(attempt.err().unwrap_or_else(|| Code::Unavailable.into())),
        };
        let count = count?;
        let attempt = match attempt {
            // Moved before: that answer was lost.
            _ if me.phone == phone => None,
            Ok(Attempt::Guess(counted)) => Some(guesses.compare(counted, &entered.code.0)?),
            Ok(Attempt::Repeated(_)) => return Err(Code::Unavailable.into()),
            Err(problem) => return Err(problem),
        };
        let device =
            session.device_id.unwrap_or_else(|| DeviceId::draw(needs.world.now(), &mut *needs.world.rng()));
        let (moved, related) = join!(
            async {
                match &attempt {
                    Some(proof) => needs.move_account(&me, &device, proof, &context).await,
                    None => Ok(()),
                }
            },
            profiles.related(&me, count, &me),
        );
        if let (Err(problem), Some(proof)) = (moved, &attempt) {
            return Err(guesses.undone(proof, problem).await);
        }
        // It is done: what cannot be read for the answer does not undo it.
        let related = related.map_err(StoreError::once_written)?;
        me.phone = phone;
        let device_token = device_token::mint(&me.id, &device, &me.phone, needs.world.now(), &needs.pepper);
        let profile = profiles.profile(me.clone(), related, &me, &context);
        Ok(Json(Moved { profile, device_token: Hidden(device_token) }))
    }
}

impl Deps {
    /// Spends the code, moves the account and frees the old number, all or
    /// nothing; then tells the old number.
    async fn move_account(
        &self,
        me: &User,
        device: &DeviceId,
        proof: &Proof,
        context: &Context,
    ) -> Result<(), Problem> {
        let to_tester = self.numbers.testers().names(&proof.phone);
        if to_tester && me.role != Role::User {
            return Err(Problem::invalid_field("phone", "a test number never holds a role"));
        }
        let edge = me.referrer_id.as_ref().map(|id| self.referrals.move_phone(&me.id, id, &proof.phone));
        let [from, to] = [&me.phone, &proof.phone].map(|phone| audit::of_phone(phone, &self.pepper));
        let deed = Deed::new(Act::MovedPhone, &me.id).from(from).to(to);
        let record = self.audit.entry(&Actor::user(me, context.coarse_ip()), deed);
        let moving = Transaction::new(self.world.new_id())
            .recording(Part::Me, [record])
            .with(Part::Code, self.guesses.spend(proof))
            .with_all(Part::Me, self.users.move_phone(me, &proof.phone, device, to_tester))
            .with_all(Part::Me, edge)
            .with_all(Part::Phone, self.users.claim_moving(me, &proof.phone));
        let moving = moving.commit(&self.tables, &self.world);
        let moved = self.notices.tell_once(moving, &me.phone, Notice::PhoneChanged, context).await?;
        if let Committed::Refused(refused) = moved {
            let of = |part| refused.iter().find(|(refused, _)| *refused == part).map(|(_, part)| part);
            return Err(if let Some(refused) = of(Part::Code) {
                self.guesses.not_spent(refused)
            } else if of(Part::Phone).is_some() {
                match self.users.holder(&proof.phone).await? {
                    Holder::Reserved(of) => Problem::phone_reserved(of.ready_at),
                    Holder::Owner(_) => Code::PhoneTaken.into(),
                    // Free again meanwhile.
                    Holder::Nobody => Code::Unavailable.into(),
                }
            } else {
                // Banned, signed out everywhere, moved by another request, or an admin by now: the
                // next try is told which.
                Code::Unavailable.into()
            });
        }
        self.guesses.count_entered(proof).await;
        Ok(())
    }
}
