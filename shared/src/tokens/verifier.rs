//! What checks access tokens.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};

use crate::base::error::StartError;
use crate::base::world::{Timestamp, World};
use crate::cloud::error::StoreError;
use crate::cloud::setup::Setup;
use crate::domain::bearer::Bearer;
use crate::domain::public_key::PublicKey;
use crate::tables::keyset::Keyset;
use crate::tokens::claims::{Claims, Names, TYPE};
use crate::tokens::keys::install_cryptography;

/// How far the clocks of those who check may be off, in seconds.
const LEEWAY: i64 = 60;

/// An instance reads the keyset again beside its other reads this often, in
/// seconds, so that a key which was taken out of the secret is soon refused
/// everywhere.
const STALE_AFTER: i64 = 300;

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
    ///
    /// # Errors
    /// If it cannot be read.
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

    /// Who a token names that came to `public_url`, once its signature, algorithm, type, issuer, audience
    /// and time are checked.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] if any of them is wrong.
    pub async fn verify(&self, token: &str, public_url: &str) -> Result<Bearer, TokenError> {
        let header = jsonwebtoken::decode_header(token)?;
        if !is_access_token(&header) {
            return Err(TokenError::Invalid(None));
        }
        let kid = header.kid.unwrap_or_default();
        let key = self.key(&kid).await?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[self.names.issuer(public_url)]);
        validation.set_audience(&[self.names.audience()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library reads the machine's clock; ours is handed in.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)?.claims;
        let now = self.world.now().seconds();
        if claims.exp + LEEWAY <= now || claims.iat - LEEWAY > now {
            return Err(TokenError::Invalid(None));
        }
        let Claims { sub: user_id, sid: session_id, generation, .. } = claims;
        Ok(Bearer { user_id, session_id, kid: Some(kid), generation })
    }

    /// Whether a key is still one of the keyset's. Reads it again where that
    /// was long ago: meant to be joined with other reads.
    ///
    /// # Errors
    /// If it cannot be read.
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

    /// Looks an unknown key up at once. Whoever makes keys up costs one read a
    /// request, as anybody does; were it done more seldom, they would keep keys that
    /// are new from being found.
    async fn key(&self, kid: &str) -> Result<DecodingKey, TokenError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).keys.get(kid).cloned();
        if let Some(key) = known {
            return Ok(key);
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
}
