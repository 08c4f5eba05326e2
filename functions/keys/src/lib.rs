//! What another backend needs to check our access tokens: the public keys and
//! where they are. We are no `OpenID` provider; of its discovery this is the
//! part that such checks read.
//!
//! Tests: local/tests/it/rotation.rs, tokens.rs.

mod discovery;
mod jwks;

latchkey::function!(jwks::Jwks, discovery::Discovery);
