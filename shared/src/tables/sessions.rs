//! The sessions table: key (`user_id`, `slot`), slots `00` to `19`.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem, Update};

use super::reader::Reader;
use super::transaction::Write;
use super::{Item, StoreError, WRITTEN_BY, Written, conditional_update, number, read, text, write};
use crate::config;
use crate::domain::refresh::RefreshToken;
use crate::domain::session::{SLOTS, Session, SessionId};
use crate::domain::user::UserId;
use crate::http::endpoint::Needs;
use crate::lambda::StartError;
use crate::setup::Setup;
use crate::world::{Timestamp, World};

/// The sessions of all users.
pub struct Sessions {
    client: Client,
    reader: Arc<Reader>,
    table: String,
    world: Arc<World>,
}

impl Needs for Sessions {
    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::new(setup))
    }
}

impl Sessions {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self {
            client: setup.dynamodb(),
            reader: setup.reader(),
            table: setup.vars.text(config::SESSIONS_TABLE).to_owned(),
            world: Arc::clone(&setup.world),
        }
    }

    /// One session, read consistently; `None` if its slot holds another.
    pub async fn get(&self, user: &UserId, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let Some(slot) = id.slot() else { return Ok(None) };
        let key = [("user_id", user.0.as_str()), ("slot", slot)];
        let session: Option<Session> = self.reader.get(&self.table, key).await?;
        Ok(session.filter(|session| session.id == *id))
    }

    /// All that a user's slots hold, ended ones included, read consistently.
    pub async fn of_user(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", text(&user.0))
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
        item.insert("slot".to_owned(), text(slot));
        item.insert(TTL.to_owned(), number(session.ends_at().seconds()));
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = match replaces {
            None => put.condition_expression("attribute_not_exists(user_id)"),
            Some(id) => put
                .condition_expression("attribute_not_exists(user_id) OR id = :replaced")
                .expression_attribute_values(":replaced", text(id.as_str())),
        };
        let put = put.build().expect("a put has a table and an item");
        Write(TransactWriteItem::builder().put(put).build())
    }

    /// Moves a session on to its next generation, if `token` is of the present
    /// one: one conditional write, so that of many at once one does it and all
    /// others find it done.
    pub async fn rotate(&self, token: &RefreshToken, next: &Next) -> Result<Rotation, StoreError> {
        let invocation = self.world.new_id();
        let update = self
            .update(&token.user_id, &token.session_id)
            .condition_expression(format!(
                "{IS_ON} AND generation = :generation \
                 AND (attribute_not_exists({WRITTEN_BY}) OR {WRITTEN_BY} <> :invocation)"
            ))
            .update_expression(format!(
                "SET generation = :next, pepper_entry = :entry, refresh_until = :until, last_seen_at = :now, \
                 ip = :ip, #ttl = :ttl, {WRITTEN_BY} = :invocation"
            ))
            .set_expression_attribute_values(Some(is_on(&token.session_id, next.now)))
            .expression_attribute_values(":generation", number(token.generation))
            .expression_attribute_values(":next", number(i64::from(token.generation) + 1))
            .expression_attribute_values(":entry", text(&next.pepper_entry))
            .expression_attribute_values(":until", number(next.refresh_until.millis()))
            .expression_attribute_values(":ip", text(&next.ip))
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":ttl", number(next.refresh_until.seconds()));
        Ok(match conditional_update(update, &invocation).await? {
            Written::Done(item) => Rotation::Rotated(read(item)?),
            Written::Refused(item) if item.is_empty() => Rotation::Refused(None),
            Written::Refused(item) => Rotation::Refused(
                Some(read(item)?).filter(|session: &Session| session.id == token.session_id),
            ),
        })
    }

    /// Ends a session; `false` if it was over. Ended rather than deleted, so
    /// that a lost answer can be told from a session that was not there.
    pub async fn end(&self, user: &UserId, id: &SessionId) -> Result<bool, StoreError> {
        let (now, invocation) = (self.world.now(), self.world.new_id());
        let update = self
            .update(user, id)
            .condition_expression(IS_ON)
            .update_expression(format!("{END}, {WRITTEN_BY} = :invocation"))
            .expression_attribute_names("#ttl", TTL)
            .set_expression_attribute_values(Some(is_on(id, now)))
            .expression_attribute_values(":ttl", number(now.seconds()));
        Ok(matches!(conditional_update(update, &invocation).await?, Written::Done(_)))
    }

    /// Ends a session as part of a transaction; refused if it is over.
    pub fn ended(&self, user: &UserId, id: &SessionId) -> Write {
        let now = self.world.now();
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(user, id)))
            .condition_expression(IS_ON)
            .update_expression(END)
            .expression_attribute_names("#ttl", TTL)
            .set_expression_attribute_values(Some(is_on(id, now)))
            .expression_attribute_values(":ttl", number(now.seconds()))
            .build()
            .expect("an update has a table, a key and an expression");
        Write(TransactWriteItem::builder().update(update).build())
    }

    /// Takes away all that a user's slots hold, as part of a transaction.
    pub fn forget(&self, user: &UserId) -> impl Iterator<Item = Write> {
        (0..SLOTS).map(|slot| {
            let delete = Delete::builder()
                .table_name(&self.table)
                .key("user_id", text(&user.0))
                .key("slot", text(format!("{slot:02}")))
                .build()
                .expect("a delete has a table and a key");
            Write(TransactWriteItem::builder().delete(delete).build())
        })
    }

    /// That a session is on, as part of a transaction.
    pub fn still_on(&self, user: &UserId, id: &SessionId) -> Write {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key(user, id)))
            .condition_expression(IS_ON)
            .set_expression_attribute_values(Some(is_on(id, self.world.now())))
            .build()
            .expect("a check has a table, a key and a condition");
        Write(TransactWriteItem::builder().condition_check(check).build())
    }

    fn update(&self, user: &UserId, id: &SessionId) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).set_key(Some(key(user, id)))
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

/// The attribute of the table's TTL; `ttl` is a reserved word.
const TTL: &str = "ttl";

/// The condition that the slot holds the session and that it is on, but for the
/// epoch, which is the user's to say.
const IS_ON: &str = "id = :id AND expires_at > :now AND refresh_until > :now";

/// How a session is ended; the table's TTL takes the rest of it away.
const END: &str = "REMOVE device SET expires_at = :now, refresh_until = :now, #ttl = :ttl";

fn is_on(id: &SessionId, now: Timestamp) -> Item {
    [(":id".to_owned(), text(id.as_str())), (":now".to_owned(), number(now.millis()))].into()
}

/// The key of the slot that a session is in; an id of no slot finds nothing.
fn key(user: &UserId, id: &SessionId) -> Item {
    let slot = id.slot().unwrap_or("-");
    [("user_id".to_owned(), text(&user.0)), ("slot".to_owned(), text(slot))].into()
}
