//! `POST /v1/users/me/passkeys/options`: what a device needs to make a passkey.
//!
//! Tests: local/tests/it/passkeys.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::access::relying_party::RelyingParties;
use latchkey::base::config::{self, Parameter};
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::passkey::{Base64Url, CHALLENGE_TTL, Challenge, ChallengePurpose, ES256};
use latchkey::domain::pepper::Pepper;
use latchkey::domain::phone::Phone;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::tables::passkeys::Passkeys;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::try_join;

/// Gives a device what it needs to make a passkey.
///
/// `public_key` goes to the platform as it is: to `navigator.credentials.create`, by way of
/// `PublicKeyCredential.parseCreationOptionsFromJSON`, or to what an app has for it. What the device then answers goes
/// to `/v1/users/me/passkeys` within five minutes. The session must have begun with a sign-in of the last ten minutes;
/// on an account that has passkeys, a session that a text began also on a device that has been known for three days.
#[derive(JsonSchema)]
pub(crate) struct AddPasskeyOptions;

/// A gate, the passkeys that there are, and what challenges are made of.
pub(crate) struct Deps {
    gate: Gate,
    passkeys: Passkeys,
    parties: RelyingParties,
    app_name: String,
    pepper: Pepper,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own: &[&Parameter] = &[config::APP_NAME];
        [Gate::parameters(), [RelyingParties::PARAMETERS, &secrets::PEPPER, own].concat()].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let (gate, pepper) = try_join!(Gate::build(setup), secrets::pepper(setup))?;
        Ok(Self {
            gate,
            passkeys: Passkeys::new(setup),
            parties: RelyingParties::new(setup)?,
            app_name: setup.vars.text(config::APP_NAME).to_owned(),
            pepper,
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

/// What a device needs to make a passkey.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AddPasskeyOptions")]
pub(crate) struct Options {
    /// To be sent back with what the device answers.
    #[schemars(example = &"lkc.1795224352000.4f1d2a9c6b3e58d7a1c0e9f2b4d68357.Ab3dEf7h")]
    challenge_id: String,
    /// WebAuthn's `PublicKeyCredentialCreationOptionsJSON`.
    public_key: CreationOptions,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PublicKeyCredentialCreationOptions")]
struct CreationOptions {
    /// Who asks.
    rp: Party,
    /// Whom it is made for.
    user: Owner,
    /// What the device signs.
    #[schemars(example = &"r3bDvKZ1m0m4g5nM6e7yPq2bT9cxqVQ3J0d1e2f3a4b")]
    challenge: Base64Url,
    /// The kinds of keys that are taken: ES256.
    pub_key_cred_params: [Kind; 1],
    /// How many milliseconds there are for it.
    #[schemars(example = 300_000)]
    timeout: i64,
    /// The passkeys that there are, so that a device makes no second one.
    exclude_credentials: Vec<Descriptor>,
    /// What the passkey must be able to do.
    authenticator_selection: Selection,
    /// The device says nothing of its make: `none`.
    #[schemars(extend("const" = "none"))]
    attestation: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PublicKeyCredentialRpEntity")]
struct Party {
    /// The domain that the passkey is bound to.
    #[schemars(example = &"example.com")]
    id: String,
    /// The app's name.
    #[schemars(example = &"Latchkey")]
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PublicKeyCredentialUserEntity")]
struct Owner {
    /// The user's identifier, in base64url.
    #[schemars(example = &"MDFhMWZiZGYtOThhMC03YzBiLWJjZTctNDgxNDg5NzljY2Fj")]
    id: Base64Url,
    /// What tells accounts apart where the device lists passkeys: the phone number.
    #[schemars(example = &"+79000000001")]
    name: Phone,
    /// The same.
    #[schemars(example = &"+79000000001")]
    display_name: Phone,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PublicKeyCredentialParameters")]
struct Kind {
    /// Always `public-key`.
    #[schemars(extend("const" = "public-key"))]
    r#type: &'static str,
    /// ES256, by its number in COSE.
    #[schemars(example = -7)]
    alg: i32,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PublicKeyCredentialDescriptor")]
struct Descriptor {
    /// Always `public-key`.
    #[schemars(extend("const" = "public-key"))]
    r#type: &'static str,
    /// What its authenticator calls it, in base64url.
    #[schemars(example = &"qVQ3vKZ1m0m4g5nM6e7yPq2bT9c")]
    id: Base64Url,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuthenticatorSelectionCriteria")]
struct Selection {
    /// It is found without naming anybody: `required`.
    #[schemars(extend("const" = "required"))]
    resident_key: &'static str,
    /// The same, for clients of Level 1.
    #[schemars(extend("const" = true))]
    require_resident_key: bool,
    /// The device asks who is there: `required`.
    #[schemars(extend("const" = "required"))]
    user_verification: &'static str,
}

impl Endpoint for AddPasskeyOptions {
    const ROUTE: Route = Route::post("/v1/users/me/passkeys/options");
    const PROBLEMS: &'static [Code] =
        &[Code::RecentSignInRequired, Code::TooManyPasskeys, Code::PasskeysNotConfigured];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Json<Options>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Options>, Problem> {
        let Deps { gate, passkeys, parties, app_name, pepper, world } = needs;
        let (me, session) = gate.recognize(&request.caller).await?;
        gate.require_own_recent(&me, &session)?;
        let party = parties.of(&request.context)?;
        if me.passkeys.is_full() {
            return Err(Code::TooManyPasskeys.into());
        }
        let present = passkeys.all(me.passkeys.ids()).await?;
        let purpose = ChallengePurpose::Add(&me.id, &session.id);
        let challenge = Challenge::draw(purpose, world.now(), pepper, &mut *world.rng());
        let descriptor = |id| Descriptor { r#type: "public-key", id };
        Ok(Json(Options {
            challenge_id: challenge.id,
            public_key: CreationOptions {
                rp: Party { id: party.id, name: app_name.clone() },
                user: Owner {
                    id: Base64Url(me.id.0.into_bytes()),
                    name: me.phone.clone(),
                    display_name: me.phone,
                },
                challenge: Base64Url(challenge.bytes.to_vec()),
                pub_key_cred_params: [Kind { r#type: "public-key", alg: ES256 }],
                timeout: CHALLENGE_TTL * 1_000,
                exclude_credentials: present.into_iter().map(|one| descriptor(one.credential_id)).collect(),
                authenticator_selection: Selection {
                    resident_key: "required",
                    require_resident_key: true,
                    user_verification: "required",
                },
                attestation: "none",
            },
        }))
    }
}
