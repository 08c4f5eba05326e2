//! The sessions table: key (`user_id`, `slot`), slots `00` to `19`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};

use super::transaction::Write;
use super::{StoreError, get, number, read, text, write};
use crate::config;
use crate::domain::session::{Session, SessionId};
use crate::domain::user::UserId;
use crate::setup::Setup;

/// The sessions of all users.
pub struct Sessions {
    client: Client,
    table: String,
}

impl Sessions {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self { client: setup.dynamodb(), table: setup.vars.text(config::SESSIONS_TABLE).to_owned() }
    }

    /// One session, read consistently; `None` if its slot holds another.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn get(&self, user: &UserId, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let Some(slot) = id.slot() else { return Ok(None) };
        let key = [("user_id", user.0.as_str()), ("slot", slot)];
        let session: Option<Session> = get(&self.client, &self.table, key).await?;
        Ok(session.filter(|session| session.id == *id))
    }

    /// All that a user's slots hold, ended ones included, read consistently.
    ///
    /// # Errors
    /// If the table does not answer.
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
        item.insert("ttl".to_owned(), number(session.expires_at.seconds()));
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
}
