//! Keys of the users table that more than one room writes to.

use crate::domain::avatar::AvatarId;
use crate::domain::invite_code::{Alias, InviteCode};
use crate::domain::user::UserId;

pub(super) fn user(id: &UserId) -> String {
    format!("user#{id}")
}

pub(super) fn invite(code: &InviteCode) -> String {
    format!("invite#{code}")
}

pub(super) fn alias(alias: &Alias) -> String {
    format!("alias#{}", alias.as_str())
}

pub(super) fn avatar(id: &AvatarId) -> String {
    format!("avatar#{}", id.as_str())
}

/// The same whoever of the two enters the other's code, which makes loops
/// impossible: an edge is written only if absent.
pub(super) fn edge(one: &UserId, other: &UserId) -> String {
    format!("edge#{}#{}", one.min(other), one.max(other))
}
