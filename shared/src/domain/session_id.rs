//! What sessions are called.

use std::fmt;

use rand::{CryptoRng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many devices a user can be signed in on; one more ends the oldest.
pub const SLOTS: u8 = 20;

/// A session's identifier, the `sid` of its tokens: the slot it is stored in,
/// the user's epoch when it began, and a random part, such as `07-0-4f1d…`. The
/// slot lets one read find it; the epoch lets one write end all of its epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, example = &"07-0-4f1d2a9c6b3e58d7a1c0e9f2b4d68357")]
pub struct SessionId(String);

impl SessionId {
    /// A new one in `slot`, in the user's present epoch.
    pub fn draw(slot: u8, epoch: u32, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(format!("{slot:02}-{epoch}-{:032x}", rng.random::<u128>()))
    }

    /// Reads one back. `None` if it was never one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(text.to_owned());
        (id.slot().is_some() && id.epoch().is_some()).then_some(id)
    }

    /// The sort key of its item: `00` to `19`. `None` if this was never one of
    /// ours.
    pub fn slot(&self) -> Option<&str> {
        let (slot, _) = self.0.split_once('-')?;
        (0..SLOTS).any(|ours| format!("{ours:02}") == slot).then_some(slot)
    }

    /// The user's epoch when it began: a session of another is over.
    pub fn epoch(&self) -> Option<u32> {
        self.0.split('-').nth(1)?.parse().ok()
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
