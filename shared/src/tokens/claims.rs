//! What an access token says, and in whose name.

use serde::{Deserialize, Serialize};

use crate::base::config::{self, Parameter, Vars};
use crate::domain::session::SessionId;
use crate::domain::user::{Role, UserId};

/// `typ` of an access token (RFC 9068, section 2.1).
pub(super) const TYPE: &str = "at+jwt";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) client_id: String,
    pub(super) sub: UserId,
    pub(super) sid: SessionId,
    /// The generation of the session's refresh token that came with it.
    #[serde(rename = "gen", default, skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<u32>,
    /// When the session began with a sign-in (OpenID Connect Core, section 2): never
    /// renewed by refreshing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) auth_time: Option<i64>,
    pub(super) role: Role,
    pub(super) jti: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
}

/// Who issues tokens, and for whom.
#[derive(Clone, Debug)]
pub struct Names {
    issuer: Option<String>,
    audience: String,
}

impl Names {
    /// The parameters that [`Names::read`] reads.
    pub const PARAMETERS: [&Parameter; 2] = [config::ISSUER, config::AUDIENCE];

    /// Those of the parameters.
    pub fn read(vars: &Vars) -> Self {
        Self {
            issuer: vars.optional(config::ISSUER).map(str::to_owned),
            audience: vars.text(config::AUDIENCE).to_owned(),
        }
    }

    /// The `iss` of tokens that are issued in answer to a request
    /// at `public_url`.
    pub fn issuer<'a>(&'a self, public_url: &'a str) -> &'a str {
        self.issuer.as_deref().unwrap_or(public_url)
    }

    /// The `aud` of tokens.
    pub(super) fn audience(&self) -> &str {
        &self.audience
    }
}
