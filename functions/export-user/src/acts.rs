//! What the audit trail has of a person, as that person is given it: staff by their role, of
//! phones nothing.

use latchkey::base::world::Rfc3339;
use latchkey::domain::audit::{Act, COMMAND_LINE, Entry, is_of_phone};
use latchkey::domain::user::{Role, UserId};
use schemars::JsonSchema;
use serde::Serialize;

/// Something that was done to the account and is on record.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportedAct")]
pub(crate) struct Done {
    /// The record's identifier.
    #[schemars(example = &"01a1fc07-1c2d-7e3f-8a4b-5c6d7e8f9a0b")]
    id: String,
    /// When it was done.
    at: Rfc3339,
    /// What was done.
    #[schemars(example = &"changed_role")]
    action: Act,
    /// Who did it.
    #[schemars(example = &"admin")]
    by: By,
    /// What was there before; null if nothing was, and of phones.
    #[schemars(example = &"user")]
    from: Option<String>,
    /// What is there since; null if nothing is, and of phones.
    #[schemars(example = &"moderator")]
    to: Option<String>,
    /// Why, in the words of whoever did it; null if none were given.
    #[schemars(example = &"Answers for the city")]
    reason: Option<String>,
    /// Where the user did it from: an IPv4 /24 or an IPv6 /48; null where somebody else did it.
    address: Option<String>,
}

/// Who did it: the user, or what others were then.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ExportedActor")]
enum By {
    /// The user.
    Me,
    /// A moderator.
    Moderator,
    /// An admin.
    Admin,
    /// Whoever runs the deployment, from the command line.
    CommandLine,
    /// Somebody of staff, whose role was not put down.
    Staff,
}

impl Done {
    /// An entry about `me`.
    pub(crate) fn new(entry: Entry, me: &UserId) -> Self {
        let Entry { id, at, actor, role, address, action, from, to, reason, .. } = entry;
        let is_me = actor == me.0;
        let by = match role {
            _ if is_me => By::Me,
            _ if actor == COMMAND_LINE => By::CommandLine,
            Some(Role::Admin) => By::Admin,
            Some(Role::Moderator) => By::Moderator,
            Some(Role::User) | None => By::Staff,
        };
        let shown = |text: Option<String>| text.filter(|text| !is_of_phone(text));
        Self {
            id,
            at: Rfc3339(at),
            action,
            by,
            from: shown(from),
            to: shown(to),
            reason,
            address: address.filter(|_| is_me),
        }
    }
}
