//! A table, as what is stored in it sees it.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use serde::de::DeserializeOwned;

use crate::base::config::Parameter;
use crate::base::world::World;
use crate::cloud::attempts::{Attempts, InDoubt};
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, string};
use crate::cloud::reader::Reader;
use crate::cloud::setup::Setup;
use crate::cloud::writes::{Write, Written};

/// One table of the deployment. What it is asked by `pk` is for tables with
/// that key.
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) world: Arc<World>,
    pub(crate) name: String,
    pub(crate) reader: Arc<Reader>,
}

impl Table {
    /// The one that a parameter names.
    pub(crate) fn new(setup: &Setup, name: &Parameter) -> Self {
        Self {
            client: setup.dynamodb(),
            world: Arc::clone(&setup.world),
            name: setup.vars.text(name).to_owned(),
            reader: setup.reader(),
        }
    }

    /// The item of a key, read consistently.
    pub(crate) async fn get<T: DeserializeOwned>(&self, pk: &str) -> Result<Option<T>, StoreError> {
        self.reader.get(&self.name, [("pk", pk)]).await
    }

    /// The items of many keys, where they are, in their order; read
    /// consistently.
    pub(crate) async fn get_all(&self, keys: Vec<String>) -> Result<Vec<Item>, StoreError> {
        self.reader.get_all(&self.name, keys).await
    }

    /// A query of one of its indexes or of the table itself.
    pub(crate) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name)
    }

    /// Changes attributes of the item of a key.
    pub(crate) fn update(&self, pk: impl Into<String>) -> Write {
        Write::update(&self.name, key(pk))
    }

    /// Changes nothing: conditions on the item of a key, in a transaction.
    pub(crate) fn check(&self, pk: impl Into<String>) -> Write {
        Write::check(&self.name, key(pk))
    }

    /// Takes the item of a key away.
    pub(crate) fn delete(&self, pk: impl Into<String>) -> Write {
        Write::delete(&self.name, key(pk))
    }

    /// Stores an item, unless there is one with its key.
    pub(crate) fn put_if_absent(&self, pk: impl Into<String>, mut item: Item) -> Write {
        item.extend(key(pk));
        Write::put(&self.name, item).if_absent("pk")
    }

    /// Sends an update by itself.
    pub(crate) async fn send(&self, update: Write) -> Result<Written, StoreError> {
        update.send(&self.client, &self.world, InDoubt::Again).await
    }

    /// Stores a whole item by itself; `false` if the condition of `put` does not
    /// hold. Two times are as one.
    pub(crate) async fn put(&self, put: PutItemFluentBuilder) -> Result<bool, StoreError> {
        let put = put.table_name(&self.name);
        let mut attempts = Attempts::new(&self.world, InDoubt::Again);
        loop {
            let sent = put.clone().customize().config_override(Attempts::once()).send().await;
            let Err(error) = sent else { return Ok(true) };
            if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) {
                attempts.refused()?;
                return Ok(false);
            }
            attempts.after(error).await?;
        }
    }

    /// Sends an update by itself, and not again where its answer is lost: what is
    /// given back twice would be taken from somebody else.
    pub(crate) async fn send_once(&self, update: Write) -> Result<Written, StoreError> {
        update.send(&self.client, &self.world, InDoubt::Stop).await
    }

    /// Sends an update by itself, once, touching no attribute but those that it names:
    /// for what may be refused or lost without anybody's asking.
    pub(crate) async fn send_quietly(&self, update: Write) -> Result<(), StoreError> {
        update.send_quietly(&self.client).await
    }
}

fn key(pk: impl Into<String>) -> Item {
    Item::from([("pk".to_owned(), string(pk))])
}
