//! Writes to one item, by themselves or as part of a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use crate::base::world::World;
use crate::cloud::attempts::{Attempts, InDoubt};
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, number, string};

/// The attribute in which each write leaves the identifier of its invocation.
pub(crate) const WRITTEN_BY: &str = "written_by";

/// A write to one item, on conditions that must all hold.
#[derive(Clone, Debug)]
pub struct Write {
    table: String,
    kind: Kind,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
    tells: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Put(Item),
    Update { key: Item, set: Vec<String>, add: Vec<String>, remove: Vec<String> },
    Delete(Item),
    Check(Item),
}

/// How a write by itself ended.
#[derive(Debug)]
pub(crate) enum Written {
    /// Done; the item as it is now.
    Done(Item),
    /// Refused; the item as it is, empty if there is none.
    Refused(Item),
}

impl Write {
    fn new(table: &str, kind: Kind) -> Self {
        Self {
            table: table.to_owned(),
            kind,
            conditions: Vec::new(),
            names: HashMap::new(),
            values: HashMap::new(),
            tells: false,
        }
    }

    /// Stores a whole item.
    pub(crate) fn put(table: &str, item: Item) -> Self {
        Self::new(table, Kind::Put(item))
    }

    /// Changes attributes of an item, which it makes where there is none.
    pub(crate) fn update(table: &str, key: Item) -> Self {
        Self::new(table, Kind::Update { key, set: Vec::new(), add: Vec::new(), remove: Vec::new() })
    }

    /// Takes an item away.
    pub(crate) fn delete(table: &str, key: Item) -> Self {
        Self::new(table, Kind::Delete(key))
    }

    /// Changes nothing: the conditions alone, in a transaction.
    pub(crate) fn check(table: &str, key: Item) -> Self {
        Self::new(table, Kind::Check(key))
    }

    /// On this condition, too; its `:values` are given by [`Write::value`].
    #[must_use]
    pub(crate) fn only_if(mut self, condition: impl Into<String>) -> Self {
        self.conditions.push(format!("({})", condition.into()));
        self
    }

    /// If an attribute is what it was seen to be.
    #[must_use]
    pub(crate) fn if_equal(self, name: &'static str, seen: AttributeValue) -> Self {
        self.named(name).only_if(format!("#{name} = :seen_{name}")).value(format!(":seen_{name}"), seen)
    }

    /// If an attribute is what it was seen to be: absent, where nothing was.
    #[must_use]
    pub(crate) fn if_still(self, name: &'static str, seen: Option<AttributeValue>) -> Self {
        match seen {
            Some(seen) => self.if_equal(name, seen),
            None => self.if_absent(name),
        }
    }

    /// If an attribute, or with its partition key an item, is not there.
    #[must_use]
    pub(crate) fn if_absent(self, name: &'static str) -> Self {
        self.named(name).only_if(format!("attribute_not_exists(#{name})"))
    }

    /// If an attribute, or with its partition key an item, is there.
    #[must_use]
    pub(crate) fn if_present(self, name: &'static str) -> Self {
        self.named(name).only_if(format!("attribute_exists(#{name})"))
    }

    /// Sets an attribute of an update to a value.
    #[must_use]
    pub(crate) fn assign(self, name: &'static str, value: AttributeValue) -> Self {
        self.named(name).set(format!("#{name} = :new_{name}")).value(format!(":new_{name}"), value)
    }

    /// Sets attributes of an update: `a = :a, b = b + :one`.
    #[must_use]
    pub(crate) fn set(mut self, actions: impl Into<String>) -> Self {
        if let Kind::Update { set, .. } = &mut self.kind {
            set.push(actions.into());
        }
        self
    }

    /// Adds to a number of an update, which counts from 0 where there is none.
    #[must_use]
    pub(crate) fn add(self, name: &str, change: i64) -> Self {
        let mut write = self.named(name).value(format!(":add_{name}"), number(change));
        if let Kind::Update { add, .. } = &mut write.kind {
            add.push(format!("#{name} :add_{name}"));
        }
        write
    }

    /// Adds a text to a set of an update, which begins where there is none.
    #[must_use]
    pub(crate) fn add_text(self, name: &str, text: String) -> Self {
        let mut write = self.named(name).value(format!(":add_{name}"), AttributeValue::Ss(vec![text]));
        if let Kind::Update { add, .. } = &mut write.kind {
            add.push(format!("#{name} :add_{name}"));
        }
        write
    }

    /// Removes an attribute in an update.
    #[must_use]
    pub(crate) fn remove(mut self, name: impl Into<String>) -> Self {
        if let Kind::Update { remove, .. } = &mut self.kind {
            remove.push(name.into());
        }
        self
    }

    /// With a value that a condition or an action names.
    #[must_use]
    pub(crate) fn value(mut self, name: impl Into<String>, value: AttributeValue) -> Self {
        self.values.insert(name.into(), value);
        self
    }

    /// With `#name` for an attribute whose name DynamoDB reserves.
    #[must_use]
    pub(crate) fn named(self, name: &str) -> Self {
        self.naming(name, name)
    }

    /// With `#name` for a part of a path that is not known beforehand.
    #[must_use]
    pub(crate) fn naming(mut self, name: &str, part: &str) -> Self {
        self.names.insert(format!("#{name}"), part.to_owned());
        self
    }

    /// Where a condition of it in a transaction does not hold, the item is told
    /// as it is.
    #[must_use]
    pub(crate) const fn telling(mut self) -> Self {
        self.tells = true;
        self
    }

    /// Sends an update by itself, in the name of an invocation of its own, which
    /// it leaves in the item. If an attempt took effect and its answer was lost,
    /// the next is refused and finds its own identifier: that is success. If it
    /// finds another's, somebody wrote after it or it never arrived.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] wherever an attempt may have taken effect.
    pub(crate) async fn send(
        self,
        client: &Client,
        world: &World,
        in_doubt: InDoubt,
    ) -> Result<Written, StoreError> {
        let invocation = world.new_id();
        let own = format!("attribute_not_exists({WRITTEN_BY}) OR {WRITTEN_BY} <> :invocation");
        let update = self
            .only_if(own)
            .set(format!("{WRITTEN_BY} = :invocation"))
            .value(":invocation", string(&invocation));
        let sent = update
            .by_itself(client)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);

        let mut attempts = Attempts::new(world, in_doubt);
        loop {
            let error = match sent.clone().customize().config_override(Attempts::once()).send().await {
                Ok(output) => return Ok(Written::Done(output.attributes.unwrap_or_default())),
                Err(error) => error,
            };
            let Some(UpdateItemError::ConditionalCheckFailedException(refusal)) = error.as_service_error()
            else {
                attempts.after(error).await?;
                continue;
            };
            let item = refusal.item.clone().unwrap_or_default();
            if item.get(WRITTEN_BY).is_some_and(|by| by.as_s().is_ok_and(|by| *by == invocation)) {
                return Ok(Written::Done(item));
            }
            attempts.refused()?;
            return Ok(Written::Refused(item));
        }
    }

    /// Sends an update by itself, once. It leaves no mark, asks for no attribute back, and
    /// that it is refused is as good as done.
    pub(crate) async fn send_quietly(self, client: &Client) -> Result<(), StoreError> {
        let sent = self.by_itself(client).customize().config_override(Attempts::once()).send().await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(StoreError::OutcomeUnknown(Box::new(error))),
        }
    }

    /// The update as a request of its own.
    fn by_itself(self, client: &Client) -> UpdateItemFluentBuilder {
        let (condition, expression) = (self.condition(), self.expression());
        let Self { table, kind: Kind::Update { key, .. }, names, values, .. } = self else {
            unreachable!("only updates are sent by themselves");
        };
        client
            .update_item()
            .table_name(table)
            .set_key(Some(key))
            .set_condition_expression(condition)
            .update_expression(expression)
            .set_expression_attribute_names((!names.is_empty()).then_some(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
    }

    /// The write as part of a transaction.
    pub(crate) fn as_part(&self) -> TransactWriteItem {
        let (condition, expression) = (self.condition(), self.expression());
        let names = (!self.names.is_empty()).then(|| self.names.clone());
        let values = (!self.values.is_empty()).then(|| self.values.clone());
        let tells = self.tells.then_some(ReturnValuesOnConditionCheckFailure::AllOld);
        let part = TransactWriteItem::builder();
        // Each kind's builder has the same setters and shares no trait.
        macro_rules! built {
            ($builder:expr) => {
                $builder
                    .table_name(&self.table)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .set_return_values_on_condition_check_failure(tells)
                    .build()
                    .expect("a write has a table, a key and what it does")
            };
        }
        match &self.kind {
            Kind::Put(item) => part.put(built!(Put::builder().set_item(Some(item.clone())))),
            Kind::Update { key, .. } => part
                .update(built!(Update::builder().set_key(Some(key.clone())).update_expression(expression))),
            Kind::Delete(key) => part.delete(built!(Delete::builder().set_key(Some(key.clone())))),
            Kind::Check(key) => {
                part.condition_check(built!(ConditionCheck::builder().set_key(Some(key.clone()))))
            }
        }
        .build()
    }

    fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    /// `SET … ADD … REMOVE …`; empty for what is no update.
    fn expression(&self) -> String {
        let Kind::Update { set, add, remove, .. } = &self.kind else { return String::new() };
        let clauses = [("SET", set), ("ADD", add), ("REMOVE", remove)];
        let clauses = clauses.iter().filter(|(_, actions)| !actions.is_empty());
        clauses.map(|(verb, actions)| format!("{verb} {}", actions.join(", "))).collect::<Vec<_>>().join(" ")
    }
}
