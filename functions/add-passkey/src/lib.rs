//! Adding a passkey: what a device needs to make one, and what it made.
//!
//! Tests: local/tests/it/passkeys.rs, webauthn.rs.

mod add;
mod options;

latchkey::function!(options::AddPasskeyOptions, add::AddPasskey);
