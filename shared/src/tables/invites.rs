//! Invite codes: whose each is, and on what terms it may be entered.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::base::config;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, number, string, write};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::Write;
use crate::domain::invite::Invite;
use crate::domain::invite_code::{Alias, InviteCode, Typed};
use crate::domain::user::{Change, User, UserId};
use crate::tables::keys;

/// The invite codes of all users.
pub struct Invites(Table);

/// What was found of a code that somebody typed.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Which it is; `None` where it can be none, and where it is no alias of any.
    pub code: Option<InviteCode>,
    /// Whose, and on what terms.
    pub invite: Option<Invite>,
}

/// What an `alias#` item holds.
#[derive(Serialize, Deserialize)]
struct AliasItem {
    invite_code: InviteCode,
}

/// What a change of an invite code's terms sets.
#[derive(Clone, Debug, Default)]
pub struct InviteChange {
    /// How often it may be entered in all.
    pub max_uses: Change<u32>,
    /// Until when.
    pub expires_at: Change<Timestamp>,
    /// Whether it is out of use.
    pub revoked: Option<bool>,
}

impl InviteChange {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.max_uses == Change::Keep && self.expires_at == Change::Keep && self.revoked.is_none()
    }

    /// The terms of `invite` after it.
    pub fn applied_to(&self, invite: &Invite) -> Invite {
        fn after<T: Copy>(change: &Change<T>, before: Option<T>) -> Option<T> {
            match change {
                Change::Keep => before,
                Change::Clear => None,
                Change::Set(value) => Some(*value),
            }
        }
        Invite {
            max_uses: after(&self.max_uses, invite.max_uses),
            expires_at: after(&self.expires_at, invite.expires_at),
            revoked: self.revoked.unwrap_or(invite.revoked),
            ..invite.clone()
        }
    }

    /// Whether it can keep somebody from entering the code.
    pub const fn limits(&self) -> bool {
        matches!(self.max_uses, Change::Set(_))
            || matches!(self.expires_at, Change::Set(_))
            || matches!(self.revoked, Some(true))
    }
}

impl Invites {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::USERS_TABLE))
    }

    /// An invite code, read consistently; one without an owner is nobody's any
    /// more.
    pub async fn get(&self, code: &InviteCode) -> Result<Option<Invite>, StoreError> {
        self.0.get(&keys::invite(code)).await
    }

    /// The code that somebody typed, an alias as the one that it stands for, which takes one
    /// read more; with what is stored of it.
    pub async fn find(&self, typed: &str) -> Result<Found, StoreError> {
        let code = match Typed::parse(typed) {
            Some(Typed::Code(code)) => Some(code),
            Some(Typed::Alias(alias)) => self.of_alias(&alias).await?,
            None => None,
        };
        let invite = match &code {
            Some(code) => self.get(code).await?,
            None => None,
        };
        Ok(Found { code, invite })
    }

    /// The code that an alias stands for, read consistently.
    pub async fn of_alias(&self, alias: &Alias) -> Result<Option<InviteCode>, StoreError> {
        let item: Option<AliasItem> = self.0.get(&keys::alias(alias)).await?;
        Ok(item.map(|item| item.invite_code))
    }

    /// That a code has these terms, aliases among them, and this owner, if any; refused if it is
    /// or was anybody's.
    pub fn issue(&self, code: &InviteCode, terms: &Invite) -> Write {
        self.0.put_if_absent(keys::invite(code), write(terms))
    }

    /// That an alias stands for a code, for ever; refused if it does for another.
    pub fn alias(&self, alias: &Alias, code: &InviteCode) -> Write {
        self.0.put_if_absent(keys::alias(alias), write(&AliasItem { invite_code: code.clone() }))
    }

    /// That `user` owns the invite code; refused if another does or did.
    pub fn claim(&self, user: &User) -> Write {
        let owner = Item::from([("owner_id".to_owned(), string(&user.id.0))]);
        self.0.put_if_absent(keys::invite(&user.invite_code), owner)
    }

    /// One more use of a code whose uses are counted; refused if it is used up,
    /// over, revoked or nobody's by now.
    pub fn enter(&self, code: &InviteCode, owner: &UserId) -> Write {
        self.0
            .update(keys::invite(code))
            .if_equal("owner_id", string(&owner.0))
            .only_if("attribute_not_exists(max_uses) OR uses < max_uses")
            .only_if("attribute_not_exists(revoked) OR revoked = :false")
            .only_if("attribute_not_exists(expires_at) OR expires_at > :now")
            .set("uses = uses + :one")
            .value(":false", AttributeValue::Bool(false))
            .value(":now", number(self.0.world.now().millis()))
            .value(":one", number(1))
    }

    /// Changes the terms of a user's present code; refused if it is not the
    /// user's, or has other terms than `seen`. Where its uses are counted from then on, it is
    /// from `uses_so_far` on.
    pub fn change(
        &self,
        code: &InviteCode,
        owner: &UserId,
        seen: &Invite,
        change: &InviteChange,
        uses_so_far: Option<u64>,
    ) -> Write {
        let mut update = self
            .0
            .update(keys::invite(code))
            .if_equal("owner_id", string(&owner.0))
            .if_still("max_uses", seen.max_uses.map(number))
            .if_still("expires_at", seen.expires_at.map(|end| number(end.millis())));
        update = if seen.revoked {
            update.if_equal("revoked", AttributeValue::Bool(true))
        } else {
            let not_revoked = "attribute_not_exists(revoked) OR revoked = :not_revoked";
            update.only_if(not_revoked).value(":not_revoked", AttributeValue::Bool(false))
        };
        if let Some(uses) = uses_so_far {
            update = update
                .set("uses = if_not_exists(uses, :uses)")
                .value(":uses", AttributeValue::N(uses.to_string()));
        }
        update = match change.max_uses {
            Change::Keep => update,
            Change::Clear => update.remove("max_uses"),
            Change::Set(most) => update.assign("max_uses", number(most)),
        };
        update = match change.expires_at {
            Change::Keep => update,
            Change::Clear => update.remove("expires_at"),
            Change::Set(end) => update.assign("expires_at", number(end.millis())),
        };
        match change.revoked {
            Some(revoked) => update.assign("revoked", AttributeValue::Bool(revoked)),
            None => update,
        }
    }

    /// Draws another code for `seen`: the old one is nobody's for ever. Refused
    /// if `seen` has drawn another meanwhile, or the new one is taken.
    pub fn redraw(&self, seen: &User, code: &InviteCode, terms: &Invite) -> [Write; 3] {
        [
            self.0
                .update(keys::user(&seen.id))
                .if_equal("invite_code", string(seen.invite_code.as_str()))
                .assign("invite_code", string(code.as_str())),
            self.issue(code, terms),
            self.disown(&seen.invite_code),
        ]
    }

    /// Makes a code nobody's, for ever, by itself: nobody else begins to enter it.
    pub async fn close(&self, code: &InviteCode) -> Result<(), StoreError> {
        self.0.send(self.disown(code)).await?;
        Ok(())
    }

    /// Makes a code nobody's, for ever.
    pub fn disown(&self, code: &InviteCode) -> Write {
        self.0.update(keys::invite(code)).remove("owner_id")
    }
}
