//! The sessions table: key (`user_id`, `slot`), slots `00` to `19`.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::base::config;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, TTL, number, read, string, write};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::{Write, Written};
use crate::domain::refresh::RefreshToken;
use crate::domain::session::{Replaced, SLOTS, Session, SessionId};
use crate::domain::user::UserId;

/// The sessions of all users.
pub struct Sessions(Table);

impl Sessions {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::SESSIONS_TABLE))
    }

    /// One session, read consistently; `None` if its slot holds another.
    pub async fn get(&self, user: &UserId, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let Some(slot) = id.slot() else { return Ok(None) };
        let key = [("user_id", user.0.as_str()), ("slot", slot)];
        let session: Option<Session> = self.0.reader.get(&self.0.name, key).await?;
        Ok(session.filter(|session| session.id == *id))
    }

    /// All that a user's slots hold, ended ones included, read consistently.
    pub async fn of_user(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        let output = self
            .0
            .query()
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", string(&user.0))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::of_read)?;
        output.items.unwrap_or_default().into_iter().map(read).collect()
    }

    /// Stores a new session in its slot, as long as the slot holds what
    /// `replaces` says: that session, or none.
    pub fn put(&self, session: &Session, replaces: Option<&SessionId>) -> Write {
        let slot = session.id.slot().unwrap_or_default();
        let mut item = write(session);
        item.insert("slot".to_owned(), string(slot));
        item.insert(TTL.to_owned(), number(session.ends_at().seconds()));
        let put = Write::put(&self.0.name, item);
        match replaces {
            None => put.if_absent("user_id"),
            Some(id) => put
                .only_if("attribute_not_exists(user_id) OR id = :replaced")
                .value(":replaced", string(id.as_str())),
        }
    }

    /// Moves a session on to its next generation, if `token` is of the present
    /// one: one conditional write, so that of many at once one does it and all
    /// others find it done.
    pub async fn rotate(&self, token: &RefreshToken, next: &Next) -> Result<Rotation, StoreError> {
        let update = if_on(self.update(&token.user_id, &token.session_id), &token.session_id, next.now)
            .if_equal("generation", number(token.generation))
            .assign("generation", number(i64::from(token.generation) + 1))
            .assign("pepper_entry", string(&next.pepper_entry))
            .assign("refresh_until", number(next.refresh_until.millis()))
            .assign("last_seen_at", number(next.now.millis()))
            .assign(Replaced::place(token.generation), number(next.now.millis()))
            .remove("used_at")
            .assign("ip", string(&next.ip))
            .assign(TTL, number(next.refresh_until.seconds()));
        Ok(match self.0.send(update).await? {
            Written::Done(item) => Rotation::Rotated(read(item)?),
            Written::Refused(item) if item.is_empty() => Rotation::Refused(None),
            Written::Refused(item) => Rotation::Refused(
                Some(read(item)?).filter(|session: &Session| session.id == token.session_id),
            ),
        })
    }

    /// That an access token of a session's present generation was let in at `at`, unless
    /// one was before. Tried once, and nothing fails where it fails: the next that is let
    /// in tries again.
    pub async fn use_generation(&self, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        let update = self
            .update(&session.user_id, &session.id)
            .if_equal("id", string(session.id.as_str()))
            .if_equal("generation", number(session.generation))
            .if_absent("used_at")
            .assign("used_at", number(at.millis()));
        self.0.send_quietly(update).await
    }

    /// Ends a session; `false` if it was over. Ended rather than deleted, so
    /// that a lost answer can be told from a session that was not there.
    pub async fn end(&self, user: &UserId, id: &SessionId) -> Result<bool, StoreError> {
        let update = self.ended(user, id);
        Ok(matches!(self.0.send(update).await?, Written::Done(_)))
    }

    /// Ends a session as part of a transaction; refused if it is over. The
    /// table's TTL takes the rest of it away.
    pub fn ended(&self, user: &UserId, id: &SessionId) -> Write {
        let now = self.0.world.now();
        if_on(self.update(user, id), id, now)
            .set("expires_at = :now, refresh_until = :now")
            .assign(IS_OVER, AttributeValue::Bool(true))
            .assign(TTL, number(now.seconds()))
            .remove("device")
    }

    /// Takes away all that a user's slots hold, as part of a transaction.
    pub fn forget(&self, user: &UserId) -> impl Iterator<Item = Write> {
        (0..SLOTS).map(|slot| Write::delete(&self.0.name, key(user, &format!("{slot:02}"))))
    }

    /// That a session is on, as part of a transaction.
    pub fn still_on(&self, user: &UserId, id: &SessionId) -> Write {
        if_on(Write::check(&self.0.name, slot_of(user, id)), id, self.0.world.now())
    }

    fn update(&self, user: &UserId, id: &SessionId) -> Write {
        Write::update(&self.0.name, slot_of(user, id))
    }
}

/// What a rotation sets.
#[derive(Debug)]
pub struct Next {
    /// The present time.
    pub now: Timestamp,
    /// When the next refresh token ends unless it is used.
    pub refresh_until: Timestamp,
    /// The entry of the pepper secret that it is made under.
    pub pepper_entry: String,
    /// Where the device is seen: a coarse address.
    pub ip: String,
}

/// How a rotation ended.
#[derive(Debug)]
pub enum Rotation {
    /// Done; the session as it is now.
    Rotated(Session),
    /// The token is not of the present generation, or the session is over; the
    /// session as it is, where there still is one.
    Refused(Option<Session>),
}

/// The attribute of a session that was ended: a write that arrives late, or is sent again, asks
/// by a time at which it was still on.
const IS_OVER: &str = "is_over";

/// On condition that the slot holds the session and that it is on, but for the
/// epoch, which is the user's to say.
fn if_on(write: Write, id: &SessionId, now: Timestamp) -> Write {
    write
        .if_equal("id", string(id.as_str()))
        .if_absent(IS_OVER)
        .only_if("expires_at > :now AND refresh_until > :now")
        .value(":now", number(now.millis()))
}

/// The key of the slot that a session is in; an id of no slot finds nothing.
fn slot_of(user: &UserId, id: &SessionId) -> Item {
    key(user, id.slot().unwrap_or("-"))
}

fn key(user: &UserId, slot: &str) -> Item {
    [("user_id".to_owned(), string(&user.0)), ("slot".to_owned(), string(slot))].into()
}
