//! Passkeys: each in an item of its own, which is found by what its authenticator calls it.
//! Whose they are, the user's item lists, too: it says how many there are, and a deletion
//! finds them by it.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::base::config;
use crate::cloud::error::StoreError;
use crate::cloud::items::{number, read, string, write};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::{Write, Written};
use crate::domain::passkey::{Passkey, Use};
use crate::domain::passkey_list::PasskeyId;
use crate::domain::user::UserId;

/// The passkeys of all users.
pub struct Passkeys(Table);

impl Passkeys {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::USERS_TABLE))
    }

    /// A passkey, read consistently.
    pub async fn get(&self, id: &PasskeyId) -> Result<Option<Passkey>, StoreError> {
        self.0.get(&key(id)).await
    }

    /// A passkey, where one is named.
    pub async fn find(&self, id: Option<&PasskeyId>) -> Result<Option<Passkey>, StoreError> {
        let Some(id) = id else { return Ok(None) };
        self.get(id).await
    }

    /// Those that there are of several, read consistently.
    pub async fn all<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a PasskeyId>,
    ) -> Result<Vec<Passkey>, StoreError> {
        let items = self.0.get_all(ids.into_iter().map(key).collect()).await?;
        items.into_iter().map(read).collect()
    }

    /// Stores a new one; refused if there is one that its authenticator calls so.
    pub fn put(&self, passkey: &Passkey) -> Write {
        self.0.put_if_absent(key(&passkey.id), write(passkey))
    }

    /// Gives one of `owner` another name; the passkey as it is then, `None` if `owner` has
    /// no such one.
    pub async fn rename(
        &self,
        id: &PasskeyId,
        owner: &UserId,
        name: &str,
    ) -> Result<Option<Passkey>, StoreError> {
        let update =
            self.0.update(key(id)).if_equal("user_id", string(&owner.0)).assign("name", string(name));
        match self.0.send(update).await? {
            Written::Done(item) => read(item).map(Some),
            Written::Refused(_) => Ok(None),
        }
    }

    /// That `seen` begins a session; refused if it is gone, or was used meanwhile in what
    /// its next use is held against.
    pub fn used(&self, seen: &Passkey, now: Use) -> Write {
        self.0
            .update(key(&seen.id))
            .if_equal("user_id", string(&seen.user_id.0))
            .if_equal("counter", number(seen.counter))
            .assign("counter", number(now.counter))
            .assign("synced", AttributeValue::Bool(now.synced))
            .assign("last_used_at", number(self.0.world.now().millis()))
            .add("uses", 1)
    }

    /// Takes `seen` away; refused if it began a session since it was read.
    pub fn remove(&self, seen: &Passkey) -> Write {
        self.forget(&seen.id).if_equal("uses", number(seen.uses))
    }

    /// Takes one away.
    pub fn forget(&self, id: &PasskeyId) -> Write {
        self.0.delete(key(id))
    }
}

fn key(id: &PasskeyId) -> String {
    format!("passkey#{}", id.as_str())
}
