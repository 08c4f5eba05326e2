//! `GET /.well-known/jwks.json`: the public keys (RFC 7517).
//!
//! Tests: local/tests/it/rotation.rs.

use latchkey::domain::public_key::PublicKey;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Cached;
use latchkey::tables::keyset::Keyset;
use schemars::JsonSchema;
use serde::Serialize;

/// Gives the public keys with which other backends check access tokens (RFC 7517).
///
/// They may be cached for five minutes; fetch them again when a token names a `kid` that is not among them.
#[derive(JsonSchema)]
#[schemars(rename = "GetKeys")]
pub(crate) struct Jwks;

/// A set of public keys (JWK Set, RFC 7517).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeySet")]
pub(crate) struct Set {
    /// The keys that sign tokens now, or signed tokens that are still valid.
    keys: Vec<Key>,
}

/// A public key (RFC 7517).
#[derive(Debug, Serialize, JsonSchema)]
struct Key {
    /// The key type: elliptic curve.
    #[schemars(extend("const" = "EC"))]
    kty: &'static str,
    /// The elliptic curve.
    #[schemars(extend("const" = "P-256"))]
    crv: &'static str,
    /// The use of the key: signatures.
    #[serde(rename = "use")]
    #[schemars(extend("const" = "sig"))]
    usage: &'static str,
    /// The signature algorithm.
    #[schemars(extend("const" = "ES256"))]
    alg: &'static str,
    #[serde(flatten)]
    public: PublicKey,
}

impl Endpoint for Jwks {
    const ROUTE: Route = Route::get("/.well-known/jwks.json");
    const PROBLEMS: &'static [Code] = &[];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Cached<Set>;
    type Needs = Keyset;

    async fn call(keyset: &Keyset, _: Request<Self>) -> Result<Cached<Set>, Problem> {
        let keys = keyset.read().await?.into_iter();
        let keys = keys.map(|public| Key { kty: "EC", crv: "P-256", usage: "sig", alg: "ES256", public });
        Ok(Cached(Set { keys: keys.collect() }))
    }
}
