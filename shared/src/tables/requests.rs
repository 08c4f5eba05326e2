//! Requests that carry an `Idempotency-Key`: items of the codes table that
//! remember with which body a key came, and what came of it.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::{Deserialize, Serialize};

use super::transaction::{Refusal, Write as TransactionWrite};
use super::{Item, StoreError, WRITTEN_BY, Written, conditional_update, number, text, write};
use crate::config;
use crate::domain::pepper::Pepper;
use crate::domain::session::SessionId;
use crate::domain::user::UserId;
use crate::http::idempotency::RequestKey;
use crate::setup::Setup;
use crate::world::{Timestamp, World};

/// All remembered requests.
pub struct Requests {
    client: Client,
    table: String,
    pepper: Pepper,
    /// How long they are remembered, in seconds.
    life: i64,
    world: Arc<World>,
}

/// One remembered request: hashes, so that neither its key nor its body is
/// stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    key: String,
    body: String,
}

impl Remembered {
    /// What stands for this key with this body.
    pub fn as_str(&self) -> &str {
        &self.body
    }
}

/// A session that such a request began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub session_id: SessionId,
    /// Whether the account was new.
    pub is_new: bool,
    /// Why its invite code was not activated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite_error: Option<String>,
    ends_at: Timestamp,
}

/// What is known of a request.
#[derive(Debug)]
pub enum Claim {
    /// It is new, or the same as before; with what came of it, if anything.
    Same(Option<Began>),
    /// Its key came with another body.
    Mismatch,
}

impl Requests {
    /// Those of the deployment, remembered for `life` seconds.
    pub fn new(setup: &Setup, pepper: Pepper, life: u32) -> Self {
        Self {
            client: setup.dynamodb(),
            table: setup.vars.text(config::CODES_TABLE).to_owned(),
            pepper,
            life: life.into(),
            world: Arc::clone(&setup.world),
        }
    }

    /// How `request` to `endpoint` is remembered.
    pub fn of(&self, endpoint: &str, request: &RequestKey) -> Remembered {
        let entry = self.pepper.first();
        let name = format!("{endpoint}\n{}", request.key);
        Remembered {
            key: format!("request#{}", entry.key("request", &name)),
            body: entry.key("request body", &format!("{name}\n{}", request.body)),
        }
    }

    /// Remembers a request, unless its key came with another body before.
    pub async fn claim(&self, request: Option<&Remembered>) -> Result<Claim, StoreError> {
        let Some(request) = request else { return Ok(Claim::Same(None)) };
        let now = self.world.now();
        let until = now.plus_seconds(self.life);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&request.key))
            .condition_expression("attribute_not_exists(pk) OR request_body = :body OR expires_at <= :now")
            .update_expression(format!(
                "SET request_body = :body, expires_at = :until, #ttl = :ttl, {WRITTEN_BY} = :invocation"
            ))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":body", text(&request.body))
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":until", number(until.millis()))
            .expression_attribute_values(":ttl", number(until.seconds()));
        Ok(match conditional_update(update, &self.world.new_id()).await? {
            Written::Done(item) => Claim::Same(began(&item, now)),
            Written::Refused(_) => Claim::Mismatch,
        })
    }

    /// Remembers which session a request began, in one transaction with it;
    /// refused if it began one already ([`Requests::began`] tells which).
    pub fn conclude(
        &self,
        request: &Remembered,
        (user_id, session_id): (&UserId, &SessionId),
        is_new: bool,
        invite_error: Option<&str>,
    ) -> TransactionWrite {
        let now = self.world.now();
        let began = Began {
            user_id: user_id.clone(),
            session_id: session_id.clone(),
            is_new,
            invite_error: invite_error.map(str::to_owned),
            ends_at: now.plus_seconds(self.life),
        };
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(&request.key))
            .condition_expression(
                "request_body = :body AND (attribute_not_exists(began) OR began.ends_at <= :now)",
            )
            .update_expression("SET began = :began")
            .expression_attribute_values(":body", text(&request.body))
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":began", AttributeValue::M(write(&began)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("an update has a table, a key and an expression");
        TransactionWrite(TransactWriteItem::builder().update(update).build())
    }

    /// The session that a refused [`Requests::conclude`] found begun.
    pub fn began(&self, refusal: &Refusal) -> Option<Began> {
        began(&refusal.0, self.world.now())
    }
}

fn began(item: &Item, now: Timestamp) -> Option<Began> {
    let began = item.get("began")?.as_m().ok()?.clone();
    serde_dynamo::from_item(began).ok().filter(|began: &Began| began.ends_at > now)
}
