//! The public halves of the signing keys: one item of the users table.

use aws_sdk_dynamodb::Client;
use serde::{Deserialize, Serialize};

use super::{StoreError, get, write};
use crate::config;
use crate::setup::Setup;
use crate::tokens::PublicKey;

const KEY: &str = "keyset";

#[derive(Serialize, Deserialize)]
struct KeysetItem {
    pk: String,
    keys: Vec<PublicKey>,
}

/// The keyset.
pub struct Keyset {
    client: Client,
    table: String,
}

impl Keyset {
    /// That of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self { client: setup.dynamodb(), table: setup.vars.text(config::USERS_TABLE).to_owned() }
    }

    /// The keys; none before the first issuing function has started.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn read(&self) -> Result<Vec<PublicKey>, StoreError> {
        let item: Option<KeysetItem> = get(&self.client, &self.table, [("pk", KEY)]).await?;
        Ok(item.map(|item| item.keys).unwrap_or_default())
    }

    /// Makes these the keys, where they are not.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn publish(&self, keys: &[PublicKey]) -> Result<(), StoreError> {
        if self.read().await? == keys {
            return Ok(());
        }
        let item = KeysetItem { pk: KEY.to_owned(), keys: keys.to_vec() };
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(write(&item)))
            .send()
            .await
            .map_err(StoreError::of_write)?;
        Ok(())
    }
}
