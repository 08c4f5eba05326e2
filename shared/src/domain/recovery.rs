//! Recovery: an account whose number is lost moves to a new one. An admin begins it; whoever
//! signs in with the new number after a time completes it; until then those who have known the
//! account's devices and passkeys for long can stop it.

use serde::{Deserialize, Serialize};

use crate::base::world::Timestamp;
use crate::domain::phone::Phone;

/// A move that was begun, as stored with the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The new number, which is reserved for the user.
    pub phone: Phone,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// From when on a sign-in with the new number completes it.
    pub ready_at: Timestamp,
}

impl Recovery {
    /// Whether a sign-in with `phone` completes it now.
    pub fn is_completed_by(&self, phone: &Phone, now: Timestamp) -> bool {
        self.phone == *phone && now >= self.ready_at
    }
}
