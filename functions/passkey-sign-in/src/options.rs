//! `POST /v1/auth/passkey/options`: what a device needs to sign in with a passkey.
//!
//! Tests: local/tests/it/passkeys.rs.

use std::sync::Arc;

use latchkey::access::limits::{self, AddressAllowance};
use latchkey::access::relying_party::RelyingParties;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::domain::limits::Window;
use latchkey::domain::passkey::{Base64Url, CHALLENGE_TTL, Challenge, ChallengePurpose};
use latchkey::domain::pepper::Pepper;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::proxy::Proxy;
use latchkey::http::response::Json;
use latchkey::settings;
use latchkey::tables;
use latchkey::tables::counters::Counters;
use schemars::JsonSchema;
use serde::Serialize;

/// Gives a device what it needs to sign in with a passkey.
///
/// `public_key` goes to the platform as it is: to `navigator.credentials.get`, by way of
/// `PublicKeyCredential.parseRequestOptionsFromJSON`, or to what an app has for it. It names nobody: the device offers
/// the passkeys that it has. What it answers goes to `/v1/auth/passkey` within five minutes.
///
/// Limits, unless the deployment sets others: 60 an hour from one IPv4 address or IPv6 /64, guesses included.
#[derive(JsonSchema)]
pub(crate) struct PasskeySignInOptions;

/// What counts, and what challenges are made of.
pub(crate) struct Deps {
    counters: Counters,
    per_address: Window,
    parties: RelyingParties,
    pepper: Pepper,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let of_address = [settings::CROWD_LIMITS, &Proxy::PARAMETERS].concat();
        [RelyingParties::PARAMETERS, &of_address, tables::CODES, &secrets::PEPPER].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self {
            counters: Counters::new(setup),
            per_address: settings::crowd_limits(&setup.vars)?.guesses_per_address,
            parties: RelyingParties::new(setup)?,
            pepper: secrets::pepper(setup).await?,
            world: Arc::clone(&setup.world),
        })
    }
}

/// What a device needs to sign in with a passkey.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PasskeySignInOptions")]
pub(crate) struct Options {
    /// To be sent back with what the device answers.
    #[schemars(example = &"lkc.1795224352000.4f1d2a9c6b3e58d7a1c0e9f2b4d68357.Ab3dEf7h")]
    challenge_id: String,
    /// WebAuthn's `PublicKeyCredentialRequestOptionsJSON`.
    public_key: RequestOptions,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PublicKeyCredentialRequestOptions")]
struct RequestOptions {
    /// What the device signs.
    #[schemars(example = &"r3bDvKZ1m0m4g5nM6e7yPq2bT9cxqVQ3J0d1e2f3a4b")]
    challenge: Base64Url,
    /// How many milliseconds there are for it.
    #[schemars(example = 300_000)]
    timeout: i64,
    /// The domain that the passkey is bound to.
    #[schemars(example = &"example.com")]
    rp_id: String,
    /// The device asks who is there: `required`.
    #[schemars(extend("const" = "required"))]
    user_verification: &'static str,
}

impl Endpoint for PasskeySignInOptions {
    const ROUTE: Route = Route::post("/v1/auth/passkey/options");
    const PROBLEMS: &'static [Code] = &[Code::TooManyRequests, Code::PasskeysNotConfigured];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Json<Options>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Options>, Problem> {
        let Deps { counters, per_address, parties, pepper, world } = needs;
        let party = parties.of(&request.context)?;
        let address = AddressAllowance::of_guess(counters, *per_address, pepper, &request.context);
        limits::take(&[&address], world.now()).await?;
        let challenge = Challenge::draw(ChallengePurpose::SignIn, world.now(), pepper, &mut *world.rng());
        Ok(Json(Options {
            challenge_id: challenge.id,
            public_key: RequestOptions {
                challenge: Base64Url(challenge.bytes.to_vec()),
                timeout: CHALLENGE_TTL * 1_000,
                rp_id: party.id,
                user_verification: "required",
            },
        }))
    }
}
