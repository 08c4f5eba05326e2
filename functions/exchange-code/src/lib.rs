//! `POST /v1/auth/token`: trades a phone and its code for tokens; registers on
//! first sight.
//!
//! Tests: local/tests/it/story.rs, limits.rs, races.rs, idempotency.rs, ambiguity.rs, rotation.rs.

use std::sync::Arc;

use latchkey::access::guesses::{Attempt, Guessed, Guesses};
use latchkey::access::signing_in::{Arrival, Evidence, Known, SigningIn};
use latchkey::base::config::{self, Parameter};
use latchkey::base::error::StartError;
use latchkey::base::hidden::Hidden;
use latchkey::base::world::{Timestamp, World};
use latchkey::cloud::setup::{Setup, meanwhile};
use latchkey::cloud::transaction::RefusedPart;
use latchkey::cloud::writes::Write;
use latchkey::domain::code::Purpose;
use latchkey::domain::numbers::Numbers;
use latchkey::domain::phone::Phone;
use latchkey::domain::user::User;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::{EnteredCode, Hint, Line, Nothing, RegionHint};
use latchkey::http::idempotency::Idempotent;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::SignedIn;
use latchkey::settings;
use latchkey::tables::codes::Proof;
use latchkey::tables::users::{Holder, Users};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::join;

latchkey::function!(ExchangeCode);

/// Trades a phone and its code for tokens; makes the account at the first sign-in.
///
/// A code signs in once. A code of another phone, a wrong, expired, used or replaced one are refused alike, with
/// `attempts_left`. An invite code that cannot be activated never keeps anybody out: the answer then says why in
/// `invite_error`. A number that an account moves to, whose own is lost, is `phone_reserved` for a time; from then on a
/// sign-in with it moves the account.
///
/// Limits, unless the deployment sets others: 5 guesses a code; 10 wrong guesses a day for one phone; 60 guesses
/// an hour from one IPv4 address or IPv6 /64; 20 sessions a user, of which the oldest gives way.
#[derive(JsonSchema)]
pub struct ExchangeCode;

/// Guesses, what signs in, and how phones are read.
pub struct Deps {
    guesses: Guesses,
    signing_in: SigningIn,
    users: Users,
    numbers: Numbers,
    requires_challenge: bool,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own = [settings::NUMBERS, &[config::REQUIRE_CHALLENGE]].concat();
        [Guesses::parameters(), SigningIn::parameters(), own].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let numbers = settings::numbers(&setup.vars)?;
        let signing_in = meanwhile(SigningIn::build(setup), || numbers.prepare()).await?;
        Ok(Self {
            guesses: Guesses::new(setup, signing_in.pepper().clone())?,
            signing_in,
            users: Users::new(setup),
            numbers,
            requires_challenge: setup.vars.flag(config::REQUIRE_CHALLENGE)?,
            world: Arc::clone(&setup.world),
        })
    }
}

/// A phone number, and the code that was texted to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "TokenRequest")]
pub struct Entered {
    /// The phone number: in E.164, or as a person of `region` types it, with blanks, brackets and hyphens.
    #[schemars(extend("format" = "phone"), example = &"+79000000001")]
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
    /// What this device was given when it signed in before: a known device has codes, guesses and limits of its own,
    /// which strangers cannot use up. One that is of no use here is as none.
    #[schemars(example = &"lkd.01a1fbdf.4f1d2a9c6b3e58d7a1c0e9.1795224352.Ab3dEf7h.c2VjcmV0")]
    device_token: Option<Hidden<String>>,
    /// A friend's invite code, which is activated along the way unless one was before.
    #[schemars(example = &"7Q2M4X")]
    invite_code: Option<String>,
    /// The name of the device, to be shown in the list of sessions.
    #[schemars(example = &"Alice's phone")]
    #[serde(default)]
    device: Hint<64>,
}

impl Endpoint for ExchangeCode {
    const ROUTE: Route = Route::post("/v1/auth/token");
    const PROBLEMS: &'static [Code] = &[
        Code::InvalidPhone,
        Code::InvalidCode,
        Code::TooManyGuesses,
        Code::TooManyRequests,
        Code::AccountBanned,
        Code::PhoneReserved,
        // A test number whose account has a role.
        Code::Forbidden,
    ];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Idempotent<Entered>;
    type Output = Json<SignedIn>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<SignedIn>, Problem> {
        let Deps { guesses, signing_in, users, world, .. } = needs;
        let (Idempotent { body: entered, key }, context) = (request.body, request.context);
        let phone = needs.numbers.read(&entered.phone, entered.region.0)?;
        if needs.requires_challenge && entered.challenge_id.is_none() {
            return Err(invalid_code());
        }
        let request = key.map(|key| signing_in.remember("token", &key));
        let challenge_id = entered.challenge_id.as_ref().map(|id| id.0.as_str());
        let device = guesses.device(entered.device_token.as_ref(), &phone);

        // What is read beside a guess may fail only once the guess is told.
        let guess =
            Guessed { phone: &phone, purpose: &Purpose::SignIn, challenge_id, device: device.as_ref() };
        let (attempt, known, invite) = join!(
            guesses.enter(guess, request.as_ref(), &context, &[]),
            users.holder(&phone),
            signing_in.along(entered.invite_code),
        );
        let counted = match attempt? {
            Attempt::Guess(counted) => counted,
            Attempt::Repeated(began) => {
                return signing_in.answer_again(began, &context).await?.map(Json).ok_or_else(invalid_code);
            }
        };
        let proof = guesses.compare(counted, &entered.code.0)?;

        let signed_in = async {
            let device = (device, entered.device.0);
            let evidence = CodeEntered { proof: &proof, guesses, users, world };
            let arrival = Arrival { known: evidence.known(known?)?, device, invite: invite?, request };
            signing_in.sign_in(&evidence, arrival, &context).await
        };
        match signed_in.await {
            Ok(signed_in) => Ok(Json(signed_in)),
            Err(problem) => Err(guesses.undone(&proof, problem).await),
        }
    }
}

/// The code proves whoever has the phone, or moves to it, and makes an account where nobody
/// does.
struct CodeEntered<'a> {
    proof: &'a Proof,
    guesses: &'a Guesses,
    users: &'a Users,
    world: &'a World,
}

impl CodeEntered<'_> {
    /// Whom it proves, by who has the phone.
    ///
    /// # Errors
    /// `phone_reserved` where it is reserved for somebody who does not move to it yet.
    fn known(&self, holder: Holder) -> Result<Known, Problem> {
        match holder {
            Holder::Nobody => Ok(Known::Nobody),
            Holder::Owner(id) => Ok(Known::Named(id)),
            Holder::Reserved(of) if self.world.now() < of.ready_at => {
                Err(Problem::phone_reserved(of.ready_at))
            }
            Holder::Reserved(of) => Ok(Known::Named(of.user_id)),
        }
    }
}

impl Evidence for CodeEntered<'_> {
    async fn whose(&self) -> Result<Known, Problem> {
        self.known(self.users.holder(&self.proof.phone).await?)
    }

    /// One that moved to another phone meanwhile is not whom the code proved, nor one that does
    /// not move to this one any more.
    fn proves(&self, user: &User, now: Timestamp) -> bool {
        let phone = &self.proof.phone;
        user.phone == *phone
            || user.recovery.as_ref().is_some_and(|recovery| recovery.is_completed_by(phone, now))
    }

    fn phone(&self) -> Option<&Phone> {
        Some(&self.proof.phone)
    }

    fn spend(&self) -> Vec<Write> {
        vec![self.guesses.spend(self.proof)]
    }

    fn is_spent(&self) -> Problem {
        invalid_code()
    }

    fn not_spent(&self, refused: &RefusedPart) -> Problem {
        self.guesses.not_spent(refused)
    }

    async fn spent(&self) {
        self.guesses.count_entered(self.proof).await;
    }
}

fn invalid_code() -> Problem {
    Problem::invalid_code(Some(0))
}
