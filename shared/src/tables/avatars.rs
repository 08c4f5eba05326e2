//! Avatars: files under identifiers that nobody can guess.

use serde::Deserialize;

use crate::base::config;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, blob, string};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::Write;
use crate::domain::avatar::{Avatar, AvatarId, Format};
use crate::domain::user::{User, UserId};
use crate::tables::keys;

/// The avatars of all users.
pub struct Avatars(Table);

/// What an `avatar#` item holds.
#[derive(Deserialize)]
struct AvatarItem {
    media_type: String,
    file: serde_bytes::ByteBuf,
}

impl Avatars {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::USERS_TABLE))
    }

    /// An avatar, read consistently.
    pub async fn get(&self, id: &AvatarId) -> Result<Option<Avatar>, StoreError> {
        let item: Option<AvatarItem> = self.0.get(&keys::avatar(id)).await?;
        Ok(item.and_then(|item| {
            Some(Avatar { format: Format::of(&item.media_type)?, bytes: item.file.into_vec() })
        }))
    }

    /// Gives `seen` another avatar, and takes the present one away; refused if
    /// the user changed since it was read.
    pub fn give(&self, seen: &User, id: &AvatarId, avatar: &Avatar) -> Vec<Write> {
        let present = seen.avatar_id.as_ref();
        let user = self
            .0
            .update(keys::user(&seen.id))
            .if_present("pk")
            .if_still("avatar_id", present.map(|id| string(id.as_str())))
            .assign("avatar_id", string(id.as_str()));
        let mut writes = vec![user, self.put(&seen.id, id, avatar)];
        writes.extend(present.map(|present| self.forget(present)));
        writes
    }

    /// Stores an avatar's file, which is its owner's.
    pub fn put(&self, owner: &UserId, id: &AvatarId, avatar: &Avatar) -> Write {
        let item = Item::from([
            ("owner_id".to_owned(), string(&owner.0)),
            ("media_type".to_owned(), string(avatar.format.media_type())),
            ("file".to_owned(), blob(avatar.bytes.clone())),
        ]);
        self.0.put_if_absent(keys::avatar(id), item)
    }

    /// Takes an avatar's file away.
    pub fn forget(&self, id: &AvatarId) -> Write {
        self.0.delete(keys::avatar(id))
    }
}
