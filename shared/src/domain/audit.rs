//! The audit trail: what staff did to whom, and what moved an account.
//!
//! An entry holds identifiers, never a phone: of a phone its HMAC. So the deletion of an
//! account leaves its entries alone.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::world::{Rfc3339, Timestamp};
use crate::domain::invite::Invite;
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::domain::user::{Role, User};

/// Defines the acts, each with the name that it has in storage, in the API and in the log.
macro_rules! acts {
    ($($act:ident $name:literal $about:literal;)+) => {
        /// What was done. The names are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[schemars(rename = "AuditAction")]
        pub enum Act {
            $(
                #[doc = $about]
                $act,
            )+
        }

        impl Act {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$act),+];

            /// The name in the API, in storage and in the log.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$act => $name,)+
                }
            }
        }
    };
}

acts! {
    ChangedRole "changed_role" "Gave a user another role; from which to which.";
    Banned "banned" "Banned a user, which ended all sessions.";
    Unbanned "unbanned" "Lifted a ban.";
    DeletedUser "deleted_user" "Removed another's account.";
    ChangedInvite "changed_invite" "Limited, ended, revoked or restored an invite code; from which terms to which.";
    RedrewInvite "redrew_invite" "Drew another invite code for a user; from which to which.";
    EndedSession "ended_session" "Signed a device of another out.";
    RemovedPasskey "removed_passkey" "Removed a passkey of another, with the sessions that it began.";
    MovedPhone "moved_phone" "Moved the account to a new number; from which to which, by their HMACs.";
    OpenedPlace "opened_place" "Opened a place whose texts were short or paused.";
    LookedUpPhone "looked_up_phone" "Looked up what is known of a number, by its HMAC.";
    LiftedLimits "lifted_limits" "Lifted the limits of a number.";
    Imported "imported" "Imported users; to how many.";
    BeganRecovery "began_recovery" "Began to move an account to a new number; to which, by its HMAC.";
    StoppedRecovery "stopped_recovery" "Stopped such a move.";
    Recovered "recovered" "Signed in with the new number of such a move, which moved the account.";
}

/// The command line's name as an actor. Users' identifiers are UUIDs.
pub const COMMAND_LINE: &str = "cli";

/// Who did it, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// A user's identifier, or [`COMMAND_LINE`].
    pub id: String,
    /// The user's role; none of the command line.
    pub role: Option<Role>,
    /// The coarse address: a /24 or /48; none of the command line.
    pub address: Option<String>,
}

impl Actor {
    /// A user, at a coarse address.
    pub fn user(user: &User, address: String) -> Self {
        Self { id: user.id.0.clone(), role: Some(user.role), address: Some(address) }
    }

    /// Whoever runs a command, with credentials of their own.
    pub fn command_line() -> Self {
        Self { id: COMMAND_LINE.to_owned(), role: None, address: None }
    }
}

/// What was done, to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What.
    pub act: Act,
    /// To whom: a user's identifier, the HMAC of a phone, or a place; none where it is of
    /// the whole deployment.
    pub target: Option<String>,
    /// What was there before.
    pub from: Option<String>,
    /// What is there since.
    pub to: Option<String>,
    /// Why, in the actor's words.
    pub reason: Option<String>,
}

impl Deed {
    /// Something done to a target.
    pub fn new(act: Act, target: impl fmt::Display) -> Self {
        Self { target: Some(target.to_string()), ..Self::of_all(act) }
    }

    /// Something done to no one target.
    pub const fn of_all(act: Act) -> Self {
        Self { act, target: None, from: None, to: None, reason: None }
    }

    /// From what.
    #[must_use]
    pub fn from(self, from: impl Into<Option<String>>) -> Self {
        Self { from: from.into(), ..self }
    }

    /// To what.
    #[must_use]
    pub fn to(self, to: impl Into<Option<String>>) -> Self {
        Self { to: to.into(), ..self }
    }

    /// Why.
    #[must_use]
    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }
}

/// One entry, as stored: the names of the fields are those of the attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its own identifier.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// A user's identifier, or [`COMMAND_LINE`].
    pub actor: String,
    /// The actor's role then; none of the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The coarse address that it was done from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What.
    pub action: Act,
    /// To whom: a user's identifier, the HMAC of a phone, or a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What is there since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why, in the actor's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Entry {
    /// That `by` did `deed`.
    pub fn new(id: String, at: Timestamp, by: &Actor, deed: Deed) -> Self {
        let Actor { id: actor, role, address } = by.clone();
        let Deed { act: action, target, from, to, reason } = deed;
        Self { id, at, actor, role, address, action, target, from, to, reason }
    }
}

/// What begins whatever stands for a phone.
const PHONE: &str = "phone-";

/// What stands for a phone in an entry: its HMAC under the first entry of the pepper.
pub fn of_phone(phone: &Phone, pepper: &Pepper) -> String {
    format!("{PHONE}{}", pepper.first().key("audit", phone.as_str()))
}

/// Whether something in an entry stands for a phone.
pub fn is_of_phone(text: &str) -> bool {
    text.starts_with(PHONE)
}

/// The terms of an invite code in words that stay: `max_uses=100, revoked`; none where
/// nothing limits it.
pub fn terms(invite: &Invite) -> Option<String> {
    let terms = [
        invite.max_uses.map(|most| format!("max_uses={most}")),
        invite.expires_at.map(|end| format!("expires_at={}", Rfc3339(end))),
        invite.revoked.then(|| "revoked".to_owned()),
    ];
    let terms: Vec<_> = terms.into_iter().flatten().collect();
    (!terms.is_empty()).then(|| terms.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_storage_are_those_in_the_log() {
        for act in Act::ALL {
            assert_eq!(serde_json::to_value(act).unwrap(), act.as_str());
        }
    }

    #[test]
    fn terms_say_what_limits_a_code() {
        let invite = Invite::default();
        assert_eq!(terms(&invite), None);
        let invite = Invite { max_uses: Some(3), revoked: true, ..invite };
        assert_eq!(terms(&invite).as_deref(), Some("max_uses=3, revoked"));
        let invite =
            Invite { expires_at: Some(Timestamp::from_millis(1_795_224_352_000)), ..Invite::default() };
        assert_eq!(terms(&invite).as_deref(), Some("expires_at=2026-11-21T01:25:52Z"));
    }
}
