//! Passkeys: what an authenticator answers, checked step by step as "Web Authentication
//! Level 3" has it for whoever registers (section 7.1) and for whoever signs in (7.2).
//!
//! Of all that it allows we ask for the narrowest: ES256 alone, no attestation, the user
//! verified, credentials that are found without naming anybody.

mod authenticator_data;
mod challenge;
mod client_data;
mod stored;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::domain::user::UserId;

use self::authenticator_data::{AttestationObject, AuthenticatorData};
pub use self::challenge::{CHALLENGE_TTL, Challenge, ChallengePurpose};
use self::client_data::{Ceremony, ClientData};
pub use self::stored::Passkey;

/// The one kind of key that is taken, by its number in COSE: ECDSA on P-256 with SHA-256.
pub const ES256: i32 = -7;

/// How long a credential's identifier may be, in bytes (7.1, step 26).
const LONGEST_ID: usize = 1_023;

/// How long a user handle may be, in bytes (5.4.3).
const LONGEST_HANDLE: usize = 64;

/// Who asks for passkeys: WebAuthn's relying party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The domain that passkeys are bound to, such as `example.com`.
    pub id: String,
    /// Where they may be used: `https://example.com`, or an Android app's
    /// `android:apk-key-hash:…`.
    pub origins: Vec<String>,
}

/// Bytes in base64url without padding, as all of WebAuthn's JSON has them.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(inline, with = "String")]
pub struct Base64Url(pub Vec<u8>);

impl<'de> Deserialize<'de> for Base64Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text).map(Self).map_err(|_| serde::de::Error::custom("must be base64url"))
    }
}

impl Serialize for Base64Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

/// What a client hands in as an authenticator's answer: an object, which may be anything but
/// that. It is not accepted then, and whoever sent it is told no more.
#[derive(Debug)]
pub struct Presented<T>(
    /// None where it is no such answer.
    pub Option<T>,
);

impl<T: JsonSchema> JsonSchema for Presented<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Presented<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::deserialize(deserializer)?;
        Ok(Self(T::deserialize(Value::Object(object)).ok()))
    }
}

/// WebAuthn's `RegistrationResponseJSON`; what it has beyond this is passed over.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationResponse {
    /// The credential's identifier.
    #[schemars(example = &"qVQ3vKZ1m0m4g5nM6e7yPq2bT9c")]
    id: Base64Url,
    /// The same.
    #[schemars(example = &"qVQ3vKZ1m0m4g5nM6e7yPq2bT9c")]
    raw_id: Base64Url,
    /// `public-key`.
    #[schemars(example = &"public-key")]
    r#type: String,
    /// What the authenticator answers.
    response: AttestationResponse,
}

/// WebAuthn's `AuthenticatorAttestationResponseJSON`.
#[derive(Debug, Deserialize, JsonSchema)]
struct AttestationResponse {
    /// What the client saw.
    #[serde(rename = "clientDataJSON")]
    #[schemars(example = &"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwi4oCm")]
    client_data: Base64Url,
    /// The new credential, in CBOR.
    #[serde(rename = "attestationObject")]
    #[schemars(example = &"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViU")]
    attestation_object: Base64Url,
}

/// WebAuthn's `AuthenticationResponseJSON`; what it has beyond this is passed over.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationResponse {
    /// The credential's identifier.
    #[schemars(example = &"qVQ3vKZ1m0m4g5nM6e7yPq2bT9c")]
    id: Base64Url,
    /// The same.
    #[schemars(example = &"qVQ3vKZ1m0m4g5nM6e7yPq2bT9c")]
    raw_id: Base64Url,
    /// `public-key`.
    #[schemars(example = &"public-key")]
    r#type: String,
    /// What the authenticator answers.
    response: AssertionResponse,
}

/// WebAuthn's `AuthenticatorAssertionResponseJSON`.
#[derive(Debug, Deserialize, JsonSchema)]
struct AssertionResponse {
    /// What the client saw.
    #[serde(rename = "clientDataJSON")]
    #[schemars(example = &"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwi4oCm")]
    client_data: Base64Url,
    /// What the authenticator says of itself.
    #[serde(rename = "authenticatorData")]
    #[schemars(example = &"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MdAAAAAA")]
    authenticator_data: Base64Url,
    /// Its signature over both.
    #[schemars(example = &"MEUCIQDbB0_XvBsfY7QyYF4w1k9zv2xJm0vXQw8xqg")]
    signature: Base64Url,
    /// Whom the credential was made for.
    #[serde(rename = "userHandle")]
    #[schemars(example = &"MDFhMWZiZGYtOThhMC03YzBiLWJjZTctNDgxNDg5NzljY2Fj")]
    user_handle: Option<Base64Url>,
}

/// A credential that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// What the authenticator calls it: 1 to 1,023 bytes.
    pub id: Vec<u8>,
    /// Its public key, a point of P-256 in SEC 1's uncompressed form.
    pub public_key: Vec<u8>,
    /// The authenticator's count of signatures; 0 where it keeps none.
    pub counter: u32,
    /// Whether it may ever be on several devices (BE).
    pub may_sync: bool,
    /// Whether it is now (BS).
    pub synced: bool,
}

/// What is known of a credential, by its registration and its last use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    /// Whose it is, as its user handle has it.
    pub user_handle: &'a [u8],
    /// Its public key, a point of P-256 in SEC 1's uncompressed form.
    pub public_key: &'a [u8],
    /// The count at its last use.
    pub counter: u32,
    /// Whether it may ever be on several devices (BE).
    pub may_sync: bool,
    /// Whether it was at its last use (BS).
    pub synced: bool,
}

/// What a use of a credential says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The count now.
    pub counter: u32,
    /// Whether it is on several devices now (BS).
    pub synced: bool,
}

/// Why an answer is not accepted. For logs and tests: whoever sent it learns that it was
/// not, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// `type`, or the two identifiers differ, or the identifier's length.
    #[error("it is no credential of a kind that we asked for")]
    Credential,
    /// The client's part is no JSON of its kind.
    #[error("the client data cannot be read")]
    ClientData,
    /// It was made for the other of the two ceremonies.
    #[error("it is of another ceremony")]
    Ceremony,
    /// It answers another challenge.
    #[error("it answers another challenge")]
    Challenge,
    /// It was made for another origin, or inside of another page.
    #[error("it is of another origin")]
    Origin,
    /// The authenticator's part cannot be read to its end.
    #[error("the authenticator data cannot be read")]
    AuthenticatorData,
    /// It was made for another relying party.
    #[error("it is of another relying party")]
    RelyingParty,
    /// Nobody touched the authenticator.
    #[error("nobody was present")]
    NotPresent,
    /// It did not ask who is there.
    #[error("the user was not verified")]
    NotVerified,
    /// It is on several devices and may not be, or may be and might not before.
    #[error("its backup flags contradict each other or those of before")]
    BackupFlags,
    /// Its key is not one of ES256.
    #[error("its key is none of ES256")]
    Key,
    /// It attests something, which was not asked for.
    #[error("it comes with an attestation")]
    Attestation,
    /// It does not say whose it is, or somebody else's.
    #[error("it is of another user")]
    User,
    /// The signature is not that of the credential's key.
    #[error("the signature is wrong")]
    Signature,
    /// The authenticator signed as often before, or oftener: there may be two of it.
    #[error("its count went back")]
    Cloned,
}

impl RelyingParty {
    /// The credential that an authenticator made for `challenge` (7.1).
    ///
    /// Whether somebody has it already is for whoever stores it (step 27).
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn register(
        &self,
        answer: &RegistrationResponse,
        challenge: &[u8],
    ) -> Result<NewCredential, NotAccepted> {
        is_public_key(&answer.id, &answer.raw_id, &answer.r#type)?;
        let response = &answer.response;
        ClientData::read(&response.client_data.0)?.check(Ceremony::Create, challenge, self)?;
        let data = AttestationObject::read(&response.attestation_object.0)?.unattested()?;
        self.check(&data)?;
        let credential = data.credential.as_ref().ok_or(NotAccepted::AuthenticatorData)?;
        if credential.id != answer.raw_id.0 {
            return Err(NotAccepted::Credential);
        }
        Ok(NewCredential {
            id: credential.id.clone(),
            public_key: credential.public_key.clone(),
            counter: data.counter,
            may_sync: data.may_sync(),
            synced: data.synced(),
        })
    }

    /// A use of a credential to sign in with `challenge` (7.2).
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn sign_in(
        &self,
        answer: &AuthenticationResponse,
        challenge: &[u8],
        known: &Known<'_>,
    ) -> Result<Use, NotAccepted> {
        is_public_key(&answer.id, &answer.raw_id, &answer.r#type)?;
        let response = &answer.response;
        // Nobody was named, so the credential has to say whose it is (step 6).
        let is_theirs = response.user_handle.as_ref().is_some_and(|handle| handle.0 == known.user_handle);
        if !is_theirs {
            return Err(NotAccepted::User);
        }
        ClientData::read(&response.client_data.0)?.check(Ceremony::Get, challenge, self)?;
        let data = AuthenticatorData::read(&response.authenticator_data.0)?;
        self.check(&data)?;
        if data.may_sync() != known.may_sync {
            return Err(NotAccepted::BackupFlags);
        }
        let mut signed = response.authenticator_data.0.clone();
        signed.extend(Sha256::digest(&response.client_data.0));
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, known.public_key)
            .verify(&signed, &response.signature.0)
            .map_err(|_| NotAccepted::Signature)?;
        let counts = data.counter != 0 || known.counter != 0;
        if counts && !known.synced && !data.synced() && data.counter <= known.counter {
            return Err(NotAccepted::Cloned);
        }
        Ok(Use { counter: data.counter, synced: data.synced() })
    }

    /// What is asked of an authenticator in both ceremonies.
    fn check(&self, data: &AuthenticatorData) -> Result<(), NotAccepted> {
        if data.rp_id_hash != Sha256::digest(self.id.as_bytes())[..] {
            return Err(NotAccepted::RelyingParty);
        }
        if !data.is_user_present() {
            return Err(NotAccepted::NotPresent);
        }
        if !data.is_user_verified() {
            return Err(NotAccepted::NotVerified);
        }
        if data.synced() && !data.may_sync() {
            return Err(NotAccepted::BackupFlags);
        }
        Ok(())
    }
}

impl RegistrationResponse {
    /// Which credential was made, as it says.
    pub fn credential_id(&self) -> &[u8] {
        &self.raw_id.0
    }
}

impl AuthenticationResponse {
    /// Which credential it is a use of.
    pub fn credential_id(&self) -> &[u8] {
        &self.raw_id.0
    }

    /// Whose it says to be.
    pub fn owner(&self) -> Option<UserId> {
        let handle = self.response.user_handle.as_ref().filter(|handle| handle.0.len() <= LONGEST_HANDLE)?;
        String::from_utf8(handle.0.clone()).ok().map(UserId)
    }
}

fn is_public_key(id: &Base64Url, raw_id: &Base64Url, kind: &str) -> Result<(), NotAccepted> {
    let is_ours = kind == "public-key" && id == raw_id && (1..=LONGEST_ID).contains(&id.0.len());
    if is_ours { Ok(()) } else { Err(NotAccepted::Credential) }
}
