//! `GET /.well-known/openid-configuration`: who issues, and where the keys are.
//!
//! Tests: local/tests/it/rotation.rs.

use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Cached;
use latchkey::tokens::claims::Names;
use schemars::JsonSchema;
use serde::Serialize;

/// Tells who issues access tokens, and where the keys are.
///
/// The part of OpenID Connect Discovery that libraries need to check access tokens; this is no OpenID provider.
#[derive(JsonSchema)]
#[schemars(rename = "GetIssuer")]
pub(crate) struct Discovery;

/// Who issues access tokens, and where the keys are.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "IssuerConfiguration")]
pub(crate) struct Configuration {
    /// The issuer: the claim `iss` of access tokens.
    #[schemars(example = &"https://api.example.com")]
    issuer: String,
    /// The address of the public keys (`/.well-known/jwks.json`).
    #[schemars(example = &"https://api.example.com/.well-known/jwks.json")]
    jwks_uri: String,
}

impl Endpoint for Discovery {
    const ROUTE: Route = Route::get("/.well-known/openid-configuration");
    const PROBLEMS: &'static [Code] = &[];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Cached<Configuration>;
    type Needs = Names;

    async fn call(names: &Names, request: Request<Self>) -> Result<Cached<Configuration>, Problem> {
        Ok(Cached(Configuration {
            issuer: names.issuer(&request.context.public_url).to_owned(),
            jwks_uri: format!("{}/.well-known/jwks.json", request.context.public_url),
        }))
    }
}
