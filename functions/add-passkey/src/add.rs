//! `POST /v1/users/me/passkeys`: adds a passkey.
//!
//! Tests: local/tests/it/passkeys.rs, webauthn.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::access::relying_party::RelyingParties;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::metrics::{Metric, count};
use latchkey::base::world::World;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::passkey::{Challenge, ChallengePurpose, Passkey, Presented, RegistrationResponse};
use latchkey::domain::passkey_list::{Added, MOST, PasskeyId};
use latchkey::domain::pepper::Pepper;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Line, Nothing};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Created;
use latchkey::http::views::PasskeyView;
use latchkey::tables;
use latchkey::tables::passkey_challenges::PasskeyChallenges;
use latchkey::tables::passkeys::Passkeys;
use latchkey::tables::sessions::Sessions;
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{join, try_join};

/// Adds a passkey, which signs its owner in from then on.
///
/// `credential` is what the device answered to the options, as it is: WebAuthn's `RegistrationResponseJSON`. Whatever
/// is wrong with it, the answer is `passkey_not_accepted`; ask for options anew. The same request may be repeated. At
/// most ten passkeys an account.
#[derive(JsonSchema)]
pub(crate) struct AddPasskey;

/// How often it is drawn up anew when the user changed meanwhile: of as many at once as a
/// user can have, each has its turn.
const TRIES: usize = MOST + 2;

/// A gate, users, sessions, codes, and what challenges are made of.
pub(crate) struct Deps {
    gate: Gate,
    users: Users,
    sessions: Sessions,
    passkeys: Passkeys,
    challenges: PasskeyChallenges,
    parties: RelyingParties,
    tables: Tables,
    pepper: Pepper,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        [Gate::PARAMETERS, &[RelyingParties::PARAMETERS, tables::CODES, &secrets::PEPPER]].concat().concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let (gate, pepper) = try_join!(Gate::build(setup), secrets::pepper(setup))?;
        Ok(Self {
            gate,
            users: Users::new(setup),
            sessions: Sessions::new(setup),
            passkeys: Passkeys::new(setup),
            challenges: PasskeyChallenges::new(setup),
            parties: RelyingParties::new(setup)?,
            tables: Tables::new(setup),
            pepper,
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

/// What a device answered, and what to call the passkey.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AddPasskeyRequest")]
pub(crate) struct Sent {
    /// The `challenge_id` that came with the options.
    #[schemars(example = &"lkc.1795224352000.4f1d2a9c6b3e58d7a1c0e9f2b4d68357.Ab3dEf7h")]
    challenge_id: Line<200>,
    /// What the device answered: WebAuthn's `RegistrationResponseJSON`.
    credential: Presented<RegistrationResponse>,
    /// The passkey's name, to be shown in the list.
    #[schemars(example = &"iPhone")]
    name: Option<Line<64>>,
}

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Me,
    Session,
    Challenge,
    Passkey,
}

impl Endpoint for AddPasskey {
    const ROUTE: Route = Route::post("/v1/users/me/passkeys");
    const PROBLEMS: &'static [Code] = &[
        Code::RecentSignInRequired,
        Code::TooManyPasskeys,
        Code::PasskeysNotConfigured,
        Code::PasskeyNotAccepted,
    ];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Sent>;
    type Output = Created<PasskeyView>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Created<PasskeyView>, Problem> {
        let Deps { gate, passkeys, parties, pepper, world, .. } = needs;
        let (Sent { challenge_id, credential, name }, bearer) = (request.body.0, request.caller);
        let (challenge_id, answer, name) = (challenge_id.0, credential.0, name.map(|name| name.0));
        let id = answer.as_ref().map(|answer| PasskeyId::of(answer.credential_id()));
        for _ in 0..TRIES {
            let (admitted, there) = join!(gate.recognize(&bearer), passkeys.find(id.as_ref()));
            let ((me, session), there) = (admitted?, there?);
            let is_mine = |there: &Passkey| there.user_id == me.id && there.challenge_id == challenge_id;
            if let Some(added) = there.as_ref().filter(|there| is_mine(there)) {
                // The same request did it before.
                return Ok(Created(added.clone().into()));
            }
            gate.require_own_recent(&me, &session)?;
            let party = parties.of(&request.context)?;
            let purpose = ChallengePurpose::Add(&me.id, &session.id);
            let challenge = Challenge::of_id(&challenge_id, purpose, world.now(), pepper);
            let (Some(challenge), Some(answer), None) = (challenge, &answer, there) else {
                return Err(Code::PasskeyNotAccepted.into());
            };
            let credential = party.register(answer, &challenge.bytes)?;
            if me.passkeys.is_full() {
                return Err(Code::TooManyPasskeys.into());
            }
            let now = world.now();
            let passkey = Passkey::new(me.id.clone(), credential, name.clone(), challenge.id.clone(), now);
            let added = Added {
                at: now,
                session_id: session.id.clone(),
                passkey_id: session.passkey_id,
                device_id: session.device_id,
            };
            let all = me.passkeys.with(passkey.id.clone(), added);
            let adding = Transaction::new(world.new_id())
                .with(Part::Me, needs.users.keep_passkeys(&me, &all))
                .with(Part::Session, needs.sessions.still_on(&me.id, &session.id))
                .with(Part::Challenge, needs.challenges.spend(&challenge))
                .with(Part::Passkey, passkeys.put(&passkey));
            match adding.commit(&needs.tables, world).await? {
                Committed::Done => {
                    count(Metric::PasskeysAdded);
                    return Ok(Created(passkey.into()));
                }
                Committed::Refused(refused) => {
                    let of = |part| refused.iter().any(|(refused, _)| *refused == part);
                    if of(Part::Challenge) && !of(Part::Passkey) {
                        // Another passkey was added with it.
                        return Err(Code::PasskeyNotAccepted.into());
                    }
                }
            }
        }
        Err(Code::Unavailable.into())
    }
}
