//! `GET /.well-known/jwks.json`: the public keys (RFC 7517).

use latchkey::http::answer::Cached;
use latchkey::http::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::request::Nothing;
use latchkey::tables::keyset::Keyset;
use latchkey::tokens::PublicKey;
use serde::Serialize;

/// The public keys.
pub(crate) struct Jwks;

/// A set of keys.
#[derive(Debug, Serialize)]
pub(crate) struct Set {
    keys: Vec<Key>,
}

/// One of them.
#[derive(Debug, Serialize)]
struct Key {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
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
