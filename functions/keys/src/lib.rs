//! What another backend needs to check our access tokens: the public keys and
//! where they are. We are no `OpenID` provider; of its discovery this is the
//! part that such checks read.

mod discovery;
mod jwks;

use latchkey::http::endpoint::OfEndpoint;
use latchkey::http::function::Function;

/// The function.
pub fn function<T: OfEndpoint>() -> Function<T> {
    Function::new(env!("CARGO_PKG_NAME")).endpoint::<jwks::Jwks>().endpoint::<discovery::Discovery>()
}
