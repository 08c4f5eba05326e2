//! A lost number: an admin begins to move the account to a new one, and it is moved at the first
//! sign-in with that after a time (`exchange-code`).
//!
//! Tests: local/tests/it/recovery.rs.

pub(crate) mod begin;
pub(crate) mod see;
pub(crate) mod stop;

use latchkey::base::world::Rfc3339;
use latchkey::domain::phone::Phone;
use latchkey::domain::recovery::Recovery;
use schemars::JsonSchema;
use serde::Serialize;

/// A move of an account to a new number, begun and not completed yet.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Recovery")]
pub(crate) struct View {
    /// The new number, in E.164: reserved for the account.
    phone: Phone,
    /// When it was begun.
    begun_at: Rfc3339,
    /// From when on a sign-in with the new number completes it.
    ready_at: Rfc3339,
}

impl From<Recovery> for View {
    fn from(Recovery { phone, begun_at, ready_at }: Recovery) -> Self {
        Self { phone, begun_at: Rfc3339(begun_at), ready_at: Rfc3339(ready_at) }
    }
}
