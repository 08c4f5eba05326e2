//! How users are shown: the shapes that several endpoints answer with.

use serde::Serialize;

use crate::domain::invite::InviteCode;
use crate::domain::phone::Phone;
use crate::domain::user::{Role, Status, User, UserId};
use crate::http::page::cursor;
use crate::tables::StoreError;
use crate::tables::users::{Position, Users};
use crate::world::Rfc3339;

/// Somebody else in a profile.
#[derive(Debug, Serialize)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// That person's number.
    pub phone: Phone,
}

impl Person {
    /// Whoever `id` is; `None` where it is nobody or the account is gone.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn find(users: &Users, id: Option<&UserId>) -> Result<Option<Self>, StoreError> {
        let Some(id) = id else { return Ok(None) };
        Ok(users.get(id).await?.map(|user| Self { id: user.id, phone: user.phone }))
    }
}

/// A user as the API shows one.
#[derive(Debug, Serialize)]
pub struct Profile {
    id: UserId,
    phone: Phone,
    invite_code: InviteCode,
    activated_invite_code: Option<InviteCode>,
    referrer: Option<Person>,
    #[serde(flatten)]
    referrals: Option<Referrals>,
    email: Option<String>,
    city: Option<String>,
    telegram_id: Option<String>,
    avatar_url: Option<String>,
    role: Role,
    status: Status,
    created_at: Rfc3339,
}

/// Whom a user invited, as a profile shows it.
#[derive(Debug, Serialize)]
pub struct Referrals {
    /// The phones of the first page, newest first.
    #[serde(rename = "referrals")]
    pub phones: Vec<Phone>,
    /// How to ask for the next page.
    #[serde(rename = "referrals_cursor")]
    pub cursor: Option<String>,
    /// How many there are.
    #[serde(rename = "referrals_count")]
    pub count: u64,
}

impl Profile {
    /// That of `user`; without `referrals` the three fields are left out.
    pub fn new(user: User, referrer: Option<Person>, referrals: Option<Referrals>) -> Self {
        Self {
            id: user.id,
            phone: user.phone,
            invite_code: user.invite_code,
            activated_invite_code: user.activated_invite_code,
            referrer,
            referrals,
            email: user.email,
            city: user.city,
            telegram_id: user.telegram_id,
            avatar_url: None,
            role: user.role,
            status: user.status,
            created_at: Rfc3339(user.created_at),
        }
    }
}

/// The name of the list of a user's referrals, which its cursors hold.
pub fn referrals_list(of: &UserId) -> String {
    format!("referrals/{of}")
}

/// The cursor of a user's referrals that stands behind `position`.
pub fn referrals_cursor(of: &UserId, position: Option<&Position>) -> Option<String> {
    position.map(|position| cursor(&referrals_list(of), position.as_str()))
}
