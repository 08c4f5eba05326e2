//! A passkey as we keep it.

use serde::{Deserialize, Serialize};

use crate::base::world::Timestamp;
use crate::domain::passkey::{Base64Url, Known, NewCredential};
use crate::domain::passkey_list::PasskeyId;
use crate::domain::user::UserId;

/// A passkey, as stored: the names of the fields are those of the attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// Which.
    pub id: PasskeyId,
    /// Whose.
    pub user_id: UserId,
    /// What its authenticator calls it.
    pub credential_id: Base64Url,
    /// Its public key, a point of P-256 in SEC 1's uncompressed form.
    pub public_key: Base64Url,
    /// The authenticator's count of signatures at its last use.
    pub counter: u32,
    /// Whether it may ever be on several devices (BE).
    pub may_sync: bool,
    /// Whether it was at its last use (BS).
    pub synced: bool,
    /// Its name, as its owner gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last began a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// How many sessions it began.
    pub uses: u32,
    /// The challenge that it was added with, by which a repeated request is known.
    pub challenge_id: String,
}

impl Passkey {
    /// One that is added now.
    pub fn new(
        user_id: UserId,
        credential: NewCredential,
        name: Option<String>,
        challenge_id: String,
        now: Timestamp,
    ) -> Self {
        let NewCredential { id, public_key, counter, may_sync, synced } = credential;
        Self {
            id: PasskeyId::of(&id),
            user_id,
            credential_id: Base64Url(id),
            public_key: Base64Url(public_key),
            counter,
            may_sync,
            synced,
            name,
            created_at: now,
            last_used_at: None,
            uses: 0,
            challenge_id,
        }
    }

    /// What its next use is held against.
    pub fn known(&self) -> Known<'_> {
        Known {
            user_handle: self.user_id.0.as_bytes(),
            public_key: &self.public_key.0,
            counter: self.counter,
            may_sync: self.may_sync,
            synced: self.synced,
        }
    }
}
