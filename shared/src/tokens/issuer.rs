//! What begins sessions and issues their tokens.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::base::config::{self, BadParameter, Parameter, Vars};
use crate::base::error::StartError;
use crate::base::hidden::Hidden;
use crate::base::world::World;
use crate::cloud::secrets;
use crate::cloud::setup::Setup;
use crate::domain::device::DeviceId;
use crate::domain::device_token;
use crate::domain::passkey_list::PasskeyId;
use crate::domain::pepper::Pepper;
use crate::domain::refresh::mint;
use crate::domain::session::{Replaced, Session, SessionId};
use crate::domain::user::User;
use crate::tables;
use crate::tables::keyset::Keyset;
use crate::tables::sessions::Next;
use crate::tokens::claims::{Claims, Names, TYPE};
use crate::tokens::keys::{KeyPair, derive, install_cryptography};

/// What a sign-in and a refresh answer with: a pair of tokens.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tokens {
    /// The access token, to be sent as `Authorization: Bearer …`: a JWT (RFC 9068), which other backends can check
    /// with the keys at `/.well-known/jwks.json`.
    #[schemars(example = &"eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6Im5Ca2sifQ.eyJzdWIiOiIwMWExIn0.c2lnbmF0dXJl")]
    access_token: Hidden<String>,
    /// The scheme in which the access token is sent.
    #[schemars(extend("const" = "Bearer"))]
    token_type: &'static str,
    /// In how many seconds the access token expires.
    #[schemars(example = 900)]
    expires_in: u32,
    /// The refresh token, which `/v1/auth/refresh` trades for the next pair. Keep it secret, and store the new one
    /// each time.
    #[schemars(example = &"lkr.AZn72pigfAu850gUiXnMrA.Bw.AQ.c2VjcmV0")]
    refresh_token: Hidden<String>,
    /// In how many seconds the session ends unless it is refreshed.
    #[schemars(example = 2_592_000)]
    refresh_expires_in: u64,
    /// What this device is known by when a code is asked for and entered: it signs nobody in. Keep the newest,
    /// also when you sign out, and send it to `/v1/auth/code` and `/v1/auth/token`; it is good for 400 days.
    #[schemars(example = &"lkd.01a1fbdf.4f1d2a9c6b3e58d7a1c0e9.1795224352.Ab3dEf7h.c2VjcmV0")]
    device_token: Hidden<String>,
}

/// How a session begins.
#[derive(Debug)]
pub struct Beginning {
    /// The slot that it is stored in.
    pub slot: u8,
    /// The device that it is on.
    pub device_id: DeviceId,
    /// The device's name.
    pub device: Option<String>,
    /// The passkey that begins it, if one does.
    pub passkey_id: Option<PasskeyId>,
    /// Where the device is seen: a coarse address.
    pub ip: String,
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
    /// The parameters that [`Issuer::build`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[
        &Names::PARAMETERS,
        &[config::ACCESS_TTL, config::REFRESH_TTL, config::SESSION_TTL],
        tables::USERS,
        &secrets::SIGNING,
        &secrets::PEPPER,
    ];

    /// Derives the keys of the signing secret and publishes their public
    /// halves.
    ///
    /// # Errors
    /// If a secret or the table cannot be reached, or a parameter is bad.
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
        let (secret, pepper, published) =
            tokio::try_join!(secrets::signing(setup), secrets::pepper(setup), async {
                keyset.published().await.map_err(unpublished)
            },)?;
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

    /// A new session of `user`.
    pub fn begin(&self, user: &User, beginning: Beginning) -> Session {
        let Beginning { slot, device_id, device, passkey_id, ip } = beginning;
        let now = self.world.now();
        Session {
            user_id: user.id.clone(),
            id: SessionId::draw(slot, user.epoch, &mut *self.world.rng()),
            device,
            ip,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus_seconds(self.session_ttl),
            generation: 0,
            pepper_entry: self.pepper.first().id().to_owned(),
            refresh_until: now.plus_seconds(self.refresh_ttl),
            device_id: Some(device_id),
            passkey_id,
            used_at: None,
            replaced: Replaced::default(),
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
    pub fn tokens(&self, user: &User, session: &Session, public_url: &str) -> Option<Tokens> {
        Some(Tokens {
            access_token: Hidden(self.access_token(user, session, public_url)),
            token_type: "Bearer",
            expires_in: self.access_ttl,
            refresh_token: Hidden(mint(session, &self.pepper)?.into_string()),
            refresh_expires_in: self.world.now().seconds_until(session.ends_at()),
            device_token: Hidden(self.device_token(user, session)),
        })
    }

    /// The token by which a session's device is known. Of a session that began
    /// before devices were, it is one that no user lists.
    fn device_token(&self, user: &User, session: &Session) -> String {
        let listed = session.device_id.clone();
        let device = listed.unwrap_or_else(|| DeviceId::draw(self.world.now(), &mut *self.world.rng()));
        device_token::mint(&user.id, &device, &user.phone, self.world.now(), &self.pepper)
    }

    fn access_token(&self, user: &User, session: &Session, public_url: &str) -> String {
        let now = self.world.now().seconds();
        let claims = Claims {
            iss: self.names.issuer(public_url).to_owned(),
            aud: self.names.audience().to_owned(),
            client_id: self.names.audience().to_owned(),
            sub: user.id.clone(),
            sid: session.id.clone(),
            generation: Some(session.generation),
            auth_time: Some(session.created_at.seconds()),
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

/// How long a deployment lets something last, in seconds; 0 stands for ever, which is a
/// hundred years here.
pub fn lifetime(vars: &Vars, parameter: &'static Parameter) -> Result<i64, BadParameter> {
    const CENTURY: u32 = 3_155_760_000;
    match vars.number(parameter, 0..=CENTURY)? {
        0 => Ok(CENTURY.into()),
        seconds => Ok(seconds.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_goes_out_whole_and_prints_nothing() {
        let tokens = Tokens {
            access_token: Hidden("eyJhbGciOi".to_owned()),
            token_type: "Bearer",
            expires_in: 900,
            refresh_token: Hidden("lkr.secret".to_owned()),
            refresh_expires_in: 1,
            device_token: Hidden("lkd.secret".to_owned()),
        };
        let printed = format!("{tokens:?}");
        assert!(!["eyJ", "lkr", "lkd"].iter().any(|secret| printed.contains(secret)), "{printed}");
        let sent = serde_json::to_value(&tokens).unwrap();
        assert_eq!(
            (&sent["access_token"], &sent["refresh_token"]),
            (&"eyJhbGciOi".into(), &"lkr.secret".into())
        );
    }
}
