//! Users.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

use crate::base::world::Timestamp;
use crate::domain::avatar::AvatarId;
use crate::domain::device::Devices;
use crate::domain::invite_code::InviteCode;
use crate::domain::passkey_list::PasskeyList;
use crate::domain::phone::Phone;
use crate::domain::recovery::Recovery;

/// Over how many items the count of a user's referrals is spread once they are
/// many: an item takes 1,000 writes a second.
pub const REFERRAL_SHARDS: u32 = 8;

/// A user's identifier. Any string may be asked for; ours are UUIDs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, example = &"01a1fbdf-98a0-7c0b-bce7-48148979ccac")]
pub struct UserId(pub String);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a user may do to others. The item in the table decides, never a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "What a user may do to others.")]
pub enum Role {
    /// Nothing.
    #[default]
    User,
    /// Read their data.
    Moderator,
    /// Read and change their data.
    Admin,
}

impl Role {
    /// The name in the API and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
        }
    }
}

/// Whether a user may sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Yes.
    #[default]
    Active,
    /// No, and all sessions of the user have ended.
    Banned,
}

impl Status {
    /// The name in the API and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Banned => "banned",
        }
    }
}

/// A change of something that may be absent, as JSON Merge Patch has it
/// (RFC 7396): a field that is not there keeps it, null clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It goes.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Change<T> {
    /// The change of something that is read from `T`.
    pub fn map<U>(self, into: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(into(value)),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Change<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        <Option<T>>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <Option<T>>::json_schema(generator)
    }
}

/// A field that is there; one that is not is `Keep` by `#[serde(default)]`.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

/// A user, as stored: the names of the fields are those of the attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The proved number.
    pub phone: Phone,
    /// The code that friends enter.
    pub invite_code: InviteCode,
    /// The friend's code that this user entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activated_invite_code: Option<InviteCode>,
    /// The owner of that code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer_id: Option<UserId>,
    /// An e-mail address, as the user gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A city, as the user gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// A Telegram account, as the user gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telegram_id: Option<String>,
    /// The user's avatar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_id: Option<AvatarId>,
    /// What the user may do.
    pub role: Role,
    /// Whether the user may sign in.
    pub status: Status,
    /// Raised to end all sessions at once: a session of another epoch is over.
    pub epoch: u32,
    /// When the phone was proved first.
    pub created_at: Timestamp,
    /// The devices that are known to be the user's.
    #[serde(default, skip_serializing_if = "Devices::is_empty")]
    pub devices: Devices,
    /// The passkeys that the user signs in with.
    #[serde(default, skip_serializing_if = "PasskeyList::is_empty")]
    pub passkeys: PasskeyList,
    /// The move to a new number that was begun, where the present one is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// Over how many items the count of the user's referrals is spread: one, until
    /// they are many. Users who were made before this was kept have all.
    #[serde(default = "all_shards")]
    pub referral_shards: u32,
}

const fn all_shards() -> u32 {
    REFERRAL_SHARDS
}

impl User {
    /// The user once it moved to `phone`: its sessions are over, and none of its devices is
    /// known any more.
    #[must_use]
    pub fn recovered(&self, phone: &Phone) -> Self {
        Self {
            phone: phone.clone(),
            epoch: self.epoch + 1,
            devices: Devices::default(),
            recovery: None,
            ..self.clone()
        }
    }

    /// A user on first sight.
    pub fn new(id: UserId, phone: Phone, invite_code: InviteCode, now: Timestamp) -> Self {
        Self {
            id,
            phone,
            invite_code,
            activated_invite_code: None,
            referrer_id: None,
            email: None,
            city: None,
            telegram_id: None,
            avatar_id: None,
            role: Role::User,
            status: Status::Active,
            epoch: 0,
            created_at: now,
            devices: Devices::default(),
            passkeys: PasskeyList::default(),
            recovery: None,
            referral_shards: 1,
        }
    }
}

/// One user whom another's invite code brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referral {
    /// Who entered the code.
    pub id: UserId,
    /// That user's number.
    pub phone: Phone,
    /// When.
    pub activated_at: Timestamp,
}
