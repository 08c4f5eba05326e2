//! Signing in with a passkey: what a device needs for it, and what it answers.
//!
//! Tests: local/tests/it/passkeys.rs, webauthn.rs.

mod options;
mod sign_in;

latchkey::function!(options::PasskeySignInOptions, sign_in::PasskeySignIn);
