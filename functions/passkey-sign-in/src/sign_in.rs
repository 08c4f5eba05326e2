//! `POST /v1/auth/passkey`: trades what a device answered for tokens.
//!
//! Tests: local/tests/it/passkeys.rs, webauthn.rs.

use std::sync::Arc;

use latchkey::access::limits::{self, AddressAllowance, Limit, Passed};
use latchkey::access::relying_party::RelyingParties;
use latchkey::access::signing_in::{Arrival, Evidence, Known, SigningIn};
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::hidden::Hidden;
use latchkey::base::metrics::{Metric, count};
use latchkey::base::world::{Timestamp, World};
use latchkey::cloud::error::StoreError;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::writes::Write;
use latchkey::domain::device_token::DeviceToken;
use latchkey::domain::limits::Window;
use latchkey::domain::passkey::{
    AuthenticationResponse, Challenge, ChallengePurpose, NotAccepted, Passkey, Presented, Use,
};
use latchkey::domain::passkey_list::PasskeyId;
use latchkey::domain::phone::Phone;
use latchkey::domain::session::Session;
use latchkey::domain::user::User;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::{Hint, Line, Nothing};
use latchkey::http::idempotency::Idempotent;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::proxy::Proxy;
use latchkey::http::response::Json;
use latchkey::http::views::SignedIn;
use latchkey::settings;
use latchkey::tables::counters::Counters;
use latchkey::tables::passkey_challenges::PasskeyChallenges;
use latchkey::tables::passkeys::Passkeys;
use latchkey::tables::sessions::Sessions;
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{join, try_join};

/// Trades what a device answered for tokens, as `/v1/auth/token` does; it never makes an account.
///
/// `credential` is what the device answered to the options, as it is: WebAuthn's `AuthenticationResponseJSON`. Whatever
/// is wrong with it, and where the passkey is unknown or removed, the answer is `passkey_not_accepted`; ask for options
/// anew, or for a code.
///
/// Limits, unless the deployment sets others: 60 guesses an hour from one IPv4 address or IPv6 /64; 20 sessions a user,
/// of which the oldest gives way.
#[derive(JsonSchema)]
pub(crate) struct PasskeySignIn;

/// What signs in, what counts, and what passkeys are held against.
pub(crate) struct Deps {
    signing_in: SigningIn,
    users: Users,
    sessions: Sessions,
    passkeys: Passkeys,
    challenges: PasskeyChallenges,
    counters: Counters,
    per_address: Window,
    parties: RelyingParties,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own = [RelyingParties::PARAMETERS, settings::CROWD_LIMITS, &Proxy::PARAMETERS].concat();
        [SigningIn::parameters(), own].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self {
            signing_in: SigningIn::build(setup).await?,
            users: Users::new(setup),
            sessions: Sessions::new(setup),
            passkeys: Passkeys::new(setup),
            challenges: PasskeyChallenges::new(setup),
            counters: Counters::new(setup),
            per_address: settings::crowd_limits(&setup.vars)?.guesses_per_address,
            parties: RelyingParties::new(setup)?,
            world: Arc::clone(&setup.world),
        })
    }
}

/// What a device answered.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PasskeySignInRequest")]
pub(crate) struct Sent {
    /// The `challenge_id` that came with the options.
    #[schemars(example = &"lkc.1795224352000.4f1d2a9c6b3e58d7a1c0e9f2b4d68357.Ab3dEf7h")]
    challenge_id: Line<200>,
    /// What the device answered: WebAuthn's `AuthenticationResponseJSON`.
    credential: Presented<AuthenticationResponse>,
    /// What this device was given when it signed in before, so that it stays the same device. One that is of no use
    /// here is as none.
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

impl Endpoint for PasskeySignIn {
    const ROUTE: Route = Route::post("/v1/auth/passkey");
    const PROBLEMS: &'static [Code] = &[
        Code::PasskeysNotConfigured,
        Code::PasskeyNotAccepted,
        Code::TooManyRequests,
        Code::AccountBanned,
        // A test number whose account has a role.
        Code::Forbidden,
    ];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Idempotent<Sent>;
    type Output = Json<SignedIn>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<SignedIn>, Problem> {
        let Deps { signing_in, parties, world, .. } = needs;
        let (Idempotent { body: sent, key }, context) = (request.body, request.context);
        let party = parties.of(&context)?;
        let request = key.map(|key| signing_in.remember("passkey", &key));
        let pepper = signing_in.pepper();

        let key = signing_in.claim(request.as_ref());
        let address = AddressAllowance::of_guess(&needs.counters, needs.per_address, pepper, &context);
        let limits: [&dyn Limit; 2] = [&key, &address];
        // What is read beside a guess may fail only once the guess is told.
        let (passed, read, invite) = join!(
            limits::take(&limits, world.now()),
            needs.read(sent.credential.0),
            signing_in.along(sent.invite_code),
        );
        match passed? {
            Passed::Granted => {}
            Passed::Repeated => {
                let began = key.into_began().ok_or(Code::Unavailable)?;
                return signing_in.answer_again(began, &context).await?.map(Json).ok_or_else(not_accepted);
            }
            // Neither limit says so.
            Passed::StepUp | Passed::Less(_) => return Err(Code::Unavailable.into()),
        }
        let purpose = ChallengePurpose::SignIn;
        let challenge = Challenge::of_id(&sent.challenge_id.0, purpose, world.now(), pepper);
        let (Some(challenge), Some(claimed)) = (challenge, read?) else { return Err(not_accepted()) };
        let Claimed { answer, passkey, user, sessions } = claimed;
        let now = party.sign_in(&answer, &challenge.bytes, &passkey.known()).inspect_err(|why| {
            if *why == NotAccepted::Cloned {
                count(Metric::PasskeyCloned);
                let (user_id, passkey_id) = (&user.id, passkey.id.as_str());
                tracing::warn!(%user_id, passkey_id, "a passkey's count went back: there may be a copy of it");
            }
        })?;

        let token = sent.device_token.as_ref();
        let device = token.and_then(|token| DeviceToken::parse(&token.0, &user.phone, world.now(), pepper));
        let arrival = Arrival {
            known: Known::Read(Box::new(user), sessions),
            device: (device, sent.device.0),
            invite: invite?,
            request,
        };
        let evidence = PasskeyUsed { passkey, challenge, now, needs };
        signing_in.sign_in(&evidence, arrival, &context).await.map(Json)
    }
}

/// What a device answered, with whose passkey it says to be.
struct Claimed {
    answer: AuthenticationResponse,
    passkey: Passkey,
    user: User,
    sessions: Vec<Session>,
}

impl Deps {
    /// Reads whom an answer names; `None` where that is nobody who has such a passkey.
    async fn read(&self, answer: Option<AuthenticationResponse>) -> Result<Option<Claimed>, StoreError> {
        let Some(answer) = answer else { return Ok(None) };
        let Some(owner) = answer.owner() else { return Ok(None) };
        let id = PasskeyId::of(answer.credential_id());
        let (passkey, user, sessions) =
            try_join!(self.passkeys.get(&id), self.users.get(&owner), self.sessions.of_user(&owner))?;
        let (Some(passkey), Some(user)) = (passkey, user) else { return Ok(None) };
        let is_theirs = passkey.user_id == user.id && user.passkeys.contains(&id);
        Ok(is_theirs.then_some(Claimed { answer, passkey, user, sessions }))
    }
}

/// The passkey proves its owner, and makes no account.
struct PasskeyUsed<'a> {
    passkey: Passkey,
    challenge: Challenge,
    now: Use,
    needs: &'a Deps,
}

impl Evidence for PasskeyUsed<'_> {
    async fn whose(&self) -> Result<Known, Problem> {
        let passkey = self.needs.passkeys.get(&self.passkey.id).await?;
        Ok(passkey.map(|passkey| passkey.user_id).into())
    }

    fn proves(&self, user: &User, _: Timestamp) -> bool {
        user.id == self.passkey.user_id && user.passkeys.contains(&self.passkey.id)
    }

    fn phone(&self) -> Option<&Phone> {
        None
    }

    fn passkey(&self) -> Option<&PasskeyId> {
        Some(&self.passkey.id)
    }

    fn spend(&self) -> Vec<Write> {
        vec![self.needs.challenges.spend(&self.challenge), self.needs.passkeys.used(&self.passkey, self.now)]
    }

    fn is_spent(&self) -> Problem {
        not_accepted()
    }

    async fn spent(&self) {
        count(Metric::PasskeySignIns);
    }
}

fn not_accepted() -> Problem {
    Code::PasskeyNotAccepted.into()
}
