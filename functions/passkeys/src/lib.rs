//! The passkeys of a user: listed, named, removed.
//!
//! Tests: local/tests/it/passkeys.rs.

mod list;
mod remove;
mod rename;

use latchkey::http::path::UserRef;
use schemars::JsonSchema;
use serde::Deserialize;

latchkey::function!(list::ListPasskeys, rename::RenamePasskey, remove::RemovePasskey);

/// Whose passkey, and which.
#[derive(Debug, Deserialize, JsonSchema)]
struct PasskeyPath {
    /// The user whose passkey it is: `me` for the caller, or an identifier.
    user_id: UserRef,
    /// The passkey's identifier, as the list of passkeys gives it.
    #[schemars(example = &"mV0Jx3YkQ2e1yq0TgH5b7A")]
    passkey_id: String,
}
