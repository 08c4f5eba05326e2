//! Counters of a clock's hour or day: items of the codes table that are counted
//! up to a limit and never past it.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;

use super::{StoreError, WRITTEN_BY, Written, conditional_update, number, text};
use crate::config;
use crate::domain::limits::{Limit, LimitOf, Window};
use crate::setup::Setup;
use crate::world::{Timestamp, World};

/// All counters.
pub struct Counters {
    client: Client,
    table: String,
    world: Arc<World>,
}

/// One that was counted, to be given back if it comes to nothing.
#[derive(Debug)]
pub struct Taken(Option<String>);

impl Counters {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self {
            client: setup.dynamodb(),
            table: setup.vars.text(config::CODES_TABLE).to_owned(),
            world: Arc::clone(&setup.world),
        }
    }

    /// Counts one more of `what` (`kind#whose`), unless the limit is reached in
    /// this hour or day of the clock (UTC). A lost answer may count twice, never
    /// too few.
    pub async fn take(
        &self,
        what: &str,
        window: Window,
        of: LimitOf,
    ) -> Result<Result<Taken, Limit>, StoreError> {
        if !window.is_on() {
            return Ok(Ok(Taken(None)));
        }
        let now = self.world.now();
        let start = now.seconds().div_euclid(window.seconds) * window.seconds;
        let until = Timestamp::from_millis((start + window.seconds) * 1_000);
        let key = format!("{what}#{start}");
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&key))
            .condition_expression(format!(
                "attribute_not_exists(n) OR (n < :most AND {WRITTEN_BY} <> :invocation)"
            ))
            .update_expression(format!(
                "SET n = if_not_exists(n, :zero) + :one, {WRITTEN_BY} = :invocation, #ttl = :ttl"
            ))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":most", number(window.most))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":ttl", number(until.seconds()));
        Ok(match conditional_update(update, &self.world.new_id()).await? {
            Written::Done(_) => Ok(Taken(Some(key))),
            Written::Refused(_) => Err(Limit { of, until }),
        })
    }

    /// Gives one back that came to nothing.
    ///
    /// # Errors
    /// If the table does not answer; it then stays counted.
    pub async fn give_back(&self, taken: &Taken) -> Result<(), StoreError> {
        let Taken(Some(key)) = taken else { return Ok(()) };
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(key))
            .condition_expression(format!("n > :zero AND {WRITTEN_BY} <> :invocation"))
            .update_expression(format!("SET n = n - :one, {WRITTEN_BY} = :invocation"))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1));
        conditional_update(update, &self.world.new_id()).await?;
        Ok(())
    }
}
