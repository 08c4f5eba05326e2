//! Access tokens: JWTs by RFC 9068, signed with ES256.
//!
//! Private keys are derived from the entries of the signing secret, so that
//! deploying takes no key ceremony; only issuing functions can read it. The
//! public halves are one item in the users table (the *keyset*), which every
//! other function reads at its start.
//!
//! `jsonwebtoken` writes, reads and validates; the cryptography below it is
//! chosen here: p256 derives the keys, ring, which TLS brings anyway, signs
//! and verifies. Its ready-made backends carry RSA and seven
//! other algorithms that we never accept.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{self, BadParameter, Parameter, Vars};
use crate::domain::pepper::Pepper;
use crate::domain::refresh::mint;
use crate::domain::session::{Session, SessionId};
use crate::domain::user::{Role, User, UserId};
use crate::gate::Bearer;
use crate::http::endpoint::Needs;
use crate::http::problem::Code;
use crate::http::request::Context;
use crate::lambda::StartError;
use crate::secrets::{self, Secret};
use crate::setup::Setup;
use crate::tables::StoreError;
use crate::tables::keyset::Keyset;
use crate::tables::sessions::Next;
use crate::world::{Timestamp, World};

/// How far the clocks of those who check may be off, in seconds.
const LEEWAY: i64 = 60;

/// An instance reads the keyset again for an unknown key at most this often,
/// in seconds, so that made-up keys cost nothing.
const REREAD_AFTER: i64 = 5;

/// And beside its other reads this often, in seconds, so that a key which was
/// taken out of the secret is soon refused everywhere.
const STALE_AFTER: i64 = 300;

/// `typ` of an access token (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";

/// The public half of a signing key, as JWKS shows it (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublicKey {
    /// The key's identifier: its thumbprint (RFC 7638).
    #[schemars(example = &"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    pub kid: String,
    /// The first coordinate of the key's point, in base64url.
    #[schemars(example = &"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")]
    pub x: String,
    /// The second coordinate of the key's point, in base64url.
    #[schemars(example = &"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")]
    pub y: String,
}

impl PublicKey {
    fn point(&self) -> Option<[u8; POINT]> {
        DecodingKey::from_ec_components(&self.x, &self.y).ok()?.try_get_as_bytes().ok()?.try_into().ok()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    client_id: String,
    sub: UserId,
    sid: SessionId,
    role: Role,
    jti: String,
    iat: i64,
    exp: i64,
}

/// Who issues tokens, and for whom.
#[derive(Clone, Debug)]
pub struct Names {
    issuer: Option<String>,
    audience: String,
}

impl Needs for Names {
    const PROBLEMS: &'static [Code] = &[];

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::read(&setup.vars))
    }
}

impl Names {
    fn read(vars: &Vars) -> Self {
        Self {
            issuer: vars.optional(config::ISSUER).map(str::to_owned),
            audience: vars.text(config::AUDIENCE).to_owned(),
        }
    }

    /// The `iss` of tokens that are issued in answer to a request.
    pub fn issuer<'a>(&'a self, context: &'a Context) -> &'a str {
        self.issuer.as_deref().unwrap_or(&context.public_url)
    }
}

/// What a sign-in and a refresh answer with: a pair of tokens.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tokens {
    /// The access token, to be sent as `Authorization: Bearer …`: a JWT (RFC 9068), which other backends can check
    /// with the keys at `/.well-known/jwks.json`.
    #[schemars(example = &"eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6Im5Ca2sifQ.eyJzdWIiOiIwMWExIn0.c2lnbmF0dXJl")]
    access_token: String,
    /// The scheme in which the access token is sent.
    #[schemars(extend("const" = "Bearer"))]
    token_type: &'static str,
    /// In how many seconds the access token expires.
    #[schemars(example = 900)]
    expires_in: u32,
    /// The refresh token, which `/v1/auth/refresh` trades for the next pair. Keep it secret, and store the new one
    /// each time.
    #[schemars(example = &"lkr.AZn72pigfAu850gUiXnMrA.Bw.AQ.c2VjcmV0")]
    refresh_token: String,
    /// In how many seconds the session ends unless it is refreshed.
    #[schemars(example = 2_592_000)]
    refresh_expires_in: u64,
}

/// What begins sessions and issues their tokens.
pub struct Issuer {
    names: Names,
    access_ttl: u32,
    refresh_ttl: i64,
    session_ttl: i64,
    kid: String,
    key: EncodingKey,
    pepper: Pepper,
    world: Arc<World>,
}

impl Issuer {
    /// Derives the keys of the signing secret and publishes their public
    /// halves.
    pub async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let access_ttl = vars.number(config::ACCESS_TTL, 60..=86_400)?;
        let refresh_ttl = lifetime(vars, config::REFRESH_TTL)?;
        let session_ttl = lifetime(vars, config::SESSION_TTL)?;
        if refresh_ttl < i64::from(access_ttl) {
            let problem = format!("must be at least {} ({access_ttl})", config::ACCESS_TTL.name);
            return Err(BadParameter { name: config::REFRESH_TTL.name, problem }.into());
        }
        let keyset = Keyset::new(setup);
        let unpublished = |error| StartError::new("the keyset cannot be published", error);
        let (secret, pepper, published) = tokio::try_join!(
            Secret::load(setup, config::SIGNING_SECRET, config::SIGNING_SECRET_ARN),
            secrets::pepper(setup),
            async { keyset.published().await.map_err(unpublished) },
        )?;
        let keys: Vec<_> = secret.entries().map(|entry| derive(entry, published.keys())).collect();
        let public: Vec<_> = keys.iter().map(KeyPair::public_half).collect();
        keyset.publish(&published, &public, secret.version_at()).await.map_err(unpublished)?;
        install_cryptography();
        Ok(Self {
            names: Names::read(vars),
            access_ttl,
            refresh_ttl,
            session_ttl,
            kid: public[0].kid.clone(),
            key: EncodingKey::from_ec_der(&keys[0].encode()),
            pepper,
            world: Arc::clone(&setup.world),
        })
    }

    /// The pepper under which refresh tokens are made.
    pub const fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// A new session of `user` in `slot`.
    pub fn begin(&self, user: &User, slot: u8, device: Option<String>, ip: String) -> Session {
        let now = self.world.now();
        Session {
            user_id: user.id.clone(),
            id: SessionId::draw(slot, user.epoch, &mut *self.world.chance()),
            device,
            ip,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus_seconds(self.session_ttl),
            generation: 0,
            pepper_entry: self.pepper.first().id().to_owned(),
            refresh_until: now.plus_seconds(self.refresh_ttl),
        }
    }

    /// What a refresh now, from `ip`, moves a session on to.
    pub fn next(&self, ip: String) -> Next {
        let now = self.world.now();
        Next {
            now,
            refresh_until: now.plus_seconds(self.refresh_ttl),
            pepper_entry: self.pepper.first().id().to_owned(),
            ip,
        }
    }

    /// The tokens of a session of `user`: always the same refresh token for
    /// one generation, a new access token each time. `None` if this instance
    /// started before the entry was added under which the refresh token is
    /// made.
    pub fn tokens(&self, user: &User, session: &Session, context: &Context) -> Option<Tokens> {
        Some(Tokens {
            access_token: self.access_token(user, &session.id, context),
            token_type: "Bearer",
            expires_in: self.access_ttl,
            refresh_token: mint(session, &self.pepper)?.into_string(),
            refresh_expires_in: self.world.now().seconds_until(session.ends_at()),
        })
    }

    fn access_token(&self, user: &User, session: &SessionId, context: &Context) -> String {
        let now = self.world.now().seconds();
        let claims = Claims {
            iss: self.names.issuer(context).to_owned(),
            aud: self.names.audience.clone(),
            client_id: self.names.audience.clone(),
            sub: user.id.clone(),
            sid: session.clone(),
            role: user.role,
            jti: self.world.new_id(),
            iat: now,
            exp: now + i64::from(self.access_ttl),
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, &claims, &self.key).expect("a derived key signs any claims")
    }
}

/// How long something lasts, in seconds; 0 stands for ever, which is a hundred
/// years here.
fn lifetime(vars: &Vars, parameter: &'static Parameter) -> Result<i64, BadParameter> {
    const CENTURY: u32 = 3_155_760_000;
    match vars.number(parameter, 0..=CENTURY)? {
        0 => Ok(CENTURY.into()),
        seconds => Ok(seconds.into()),
    }
}

/// What checks access tokens.
pub struct Verifier {
    names: Names,
    keyset: Keyset,
    world: Arc<World>,
    known: RwLock<Known>,
}

type Keys = HashMap<String, DecodingKey>;

struct Known {
    keys: Arc<Keys>,
    read_at: Timestamp,
}

/// Why a token is refused; the caller learns no more than that it is.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is none of ours, or it has expired.
    #[error("not an access token of this deployment")]
    Invalid(#[source] Option<jsonwebtoken::errors::Error>),
    /// The keyset cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<jsonwebtoken::errors::Error> for TokenError {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        Self::Invalid(Some(error))
    }
}

impl Verifier {
    /// Reads the keyset, which also opens the connection that every request
    /// needs.
    pub async fn build(setup: &Setup) -> Result<Self, StartError> {
        install_cryptography();
        let keyset = Keyset::new(setup);
        let keys =
            keyset.read().await.map_err(|error| StartError::new("the keyset cannot be read", error))?;
        let known = Known { keys: Arc::new(decoding_keys(&keys)), read_at: setup.world.now() };
        Ok(Self {
            names: Names::read(&setup.vars),
            keyset,
            world: Arc::clone(&setup.world),
            known: RwLock::new(known),
        })
    }

    /// Who a token names, once its signature, algorithm, type, issuer, audience
    /// and time are checked.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] if any of them is wrong.
    pub async fn verify(&self, token: &str, context: &Context) -> Result<Bearer, TokenError> {
        let header = jsonwebtoken::decode_header(token)?;
        if !is_access_token(&header) {
            return Err(TokenError::Invalid(None));
        }
        let kid = header.kid.unwrap_or_default();
        let key = self.key(&kid).await?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[self.names.issuer(context)]);
        validation.set_audience(&[&self.names.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library reads the machine's clock; ours is handed in.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)?.claims;
        let now = self.world.now().seconds();
        if claims.exp + LEEWAY <= now || claims.iat - LEEWAY > now {
            return Err(TokenError::Invalid(None));
        }
        Ok(Bearer { user_id: claims.sub, session_id: claims.sid, kid: Some(kid) })
    }

    /// Whether a key is still one of the keyset's. Reads it again where that
    /// was long ago: meant to be joined with other reads.
    pub async fn still_trusts(&self, kid: &str) -> Result<bool, StoreError> {
        let read_at = self.known.read().unwrap_or_else(PoisonError::into_inner).read_at;
        let is_fresh = self.world.now() < read_at.plus_seconds(STALE_AFTER);
        Ok(is_fresh || self.reread().await?.contains_key(kid))
    }

    async fn reread(&self) -> Result<Arc<Keys>, StoreError> {
        let now = self.world.now();
        let keys = Arc::new(decoding_keys(&self.keyset.read().await?));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = Known { keys: Arc::clone(&keys), read_at: now };
        Ok(keys)
    }

    async fn key(&self, kid: &str) -> Result<DecodingKey, TokenError> {
        let (key, read_at) = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            (known.keys.get(kid).cloned(), known.read_at)
        };
        if let Some(key) = key {
            return Ok(key);
        }
        let now = self.world.now();
        if now < read_at.plus_seconds(REREAD_AFTER) && read_at <= now {
            return Err(TokenError::Invalid(None));
        }
        self.reread().await?.get(kid).cloned().ok_or(TokenError::Invalid(None))
    }
}

/// RFC 9068, section 4: what else this key signs must not pass for one.
fn is_access_token(header: &Header) -> bool {
    header.alg == Algorithm::ES256 && header.typ.as_deref() == Some(TYPE)
}

fn decoding_keys(keys: &[PublicKey]) -> Keys {
    keys.iter()
        .filter_map(|key| Some((key.kid.clone(), DecodingKey::from_ec_components(&key.x, &key.y).ok()?)))
        .collect()
}

/// A key that signs, as ring takes it.
struct KeyPair {
    private: [u8; PRIVATE],
    public: [u8; POINT],
}

/// Bytes of a private key.
const PRIVATE: usize = 32;

/// Bytes of a public key: a point, uncompressed (SEC 1, section 2.3.3).
const POINT: usize = 65;

/// The key of an entry: HKDF-SHA256 (RFC 5869). A result that is no scalar of
/// the curve, once in 2³² entries, is drawn again. The public half is one of
/// those `published`, which ring checks sooner than p256 computes it.
fn derive(entry: &str, published: &[PublicKey]) -> KeyPair {
    let hkdf = Hkdf::<Sha256>::new(None, entry.as_bytes());
    (0u8..=255)
        .find_map(|round| {
            let mut private = [0; PRIVATE];
            hkdf.expand(&[b"latchkey access token ES256 ", &[round][..]].concat(), &mut private).ok()?;
            let scalar = SecretKey::from_slice(&private).ok()?;
            let mut known =
                published.iter().filter_map(PublicKey::point).map(|public| KeyPair { private, public });
            let compute = || {
                let point = scalar.public_key().to_sec1_point(false);
                KeyPair { private, public: point.as_bytes().try_into().expect("a point without its bytes") }
            };
            Some(known.find(KeyPair::is_pair).unwrap_or_else(compute))
        })
        .expect("256 draws without a scalar: once in 2^8192")
}

impl KeyPair {
    fn public_half(&self) -> PublicKey {
        let (x, y) = self.public[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638, section 3: the required members, in this order, without blanks.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        PublicKey { kid: URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)), x, y }
    }

    fn is_pair(&self) -> bool {
        Self::to_ring(&self.encode()).is_some()
    }

    fn encode(&self) -> Vec<u8> {
        [&self.private[..], &self.public].concat()
    }

    fn to_ring(encoded: &[u8]) -> Option<EcdsaKeyPair> {
        let (private, public) = encoded.split_at_checked(PRIVATE)?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, public, &SystemRandom::new()).ok()
    }
}

fn install_cryptography() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| match algorithm {
            Algorithm::ES256 => {
                let key = KeyPair::to_ring(key.as_bytes()).ok_or(ErrorKind::InvalidEcdsaKey)?;
                Ok(Box::new(Es256Signer(key)))
            }
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        },
        verifier_factory: |algorithm, key| match algorithm {
            Algorithm::ES256 => Ok(Box::new(Es256Verifier(key.try_get_as_bytes()?.to_vec()))),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        },
        key_utils: KeyUtils::new_unimplemented(),
    };
    // A second function of the same process finds it installed.
    let _ = PROVIDER.install_default();
}

struct Es256Signer(EcdsaKeyPair);

impl jsonwebtoken::signature::Signer<Vec<u8>> for Es256Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, jsonwebtoken::signature::Error> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| jsonwebtoken::signature::Error::new())?.as_ref().to_vec())
    }
}

impl JwtSigner for Es256Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

struct Es256Verifier(Vec<u8>);

impl jsonwebtoken::signature::Verifier<Vec<u8>> for Es256Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), jsonwebtoken::signature::Error> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0)
            .verify(message, signature)
            .map_err(|_| jsonwebtoken::signature::Error::new())
    }
}

impl JwtVerifier for Es256Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_to_be_an_access_token_is_one() {
        let header =
            |algorithm, kind: Option<&str>| Header { typ: kind.map(str::to_owned), ..Header::new(algorithm) };
        assert!(is_access_token(&header(Algorithm::ES256, Some("at+jwt"))));
        assert!(!is_access_token(&header(Algorithm::ES256, Some("JWT"))));
        assert!(!is_access_token(&header(Algorithm::ES256, None)));
        assert!(!is_access_token(&header(Algorithm::HS256, Some("at+jwt"))));
    }

    #[test]
    fn an_entry_always_gives_the_same_key() {
        let [one, again, other] = ["entry", "entry", "entry2"].map(|entry| derive(entry, &[]).public_half());
        assert_eq!(one, again);
        assert_ne!(one.kid, other.kid);
        // Whatever is published, and by whomever.
        let upside_down = PublicKey { x: one.y.clone(), y: one.x.clone(), ..one.clone() };
        let cut = PublicKey { x: String::new(), ..one.clone() };
        assert_eq!(derive("entry", &[upside_down, cut, other, one.clone()]).public_half(), one);
        // By another implementation: after an update tokens that are out stay good.
        assert_eq!(one.kid, "51lC2UxswLDOUSFDnQMOq4twUTefaTDuviK0bwxLZm4");
    }
}
