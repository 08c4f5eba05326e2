//! The public halves of the signing keys: one item of the users table.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::base::config;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{number, write};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::domain::public_key::PublicKey;

const KEY: &str = "keyset";

/// The keys, and of which version of the secret they are.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct KeysetItem {
    pk: String,
    keys: Vec<PublicKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_at: Option<Timestamp>,
    /// When the first keys were published: no user is older.
    since: Timestamp,
}

/// What was published when it was read.
#[derive(Debug)]
pub struct Published(Option<KeysetItem>);

impl Published {
    /// The keys.
    pub fn keys(&self) -> &[PublicKey] {
        self.0.as_ref().map_or(&[], |item| &item.keys)
    }
}

/// The keyset.
pub struct Keyset(Table);

impl Keyset {
    /// That of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::USERS_TABLE))
    }

    /// The keys, read consistently; none before the first issuing function has
    /// started.
    pub async fn read(&self) -> Result<Vec<PublicKey>, StoreError> {
        Ok(self.item().await?.map(|item| item.keys).unwrap_or_default())
    }

    /// When the deployment began: no user is older.
    pub async fn since(&self) -> Result<Timestamp, StoreError> {
        Ok(self.item().await?.map_or_else(|| self.0.world.now(), |item| item.since))
    }

    /// That there are users who are older than the deployment.
    pub async fn reaches_back(&self, to: Timestamp) -> Result<(), StoreError> {
        let update = self
            .0
            .update(KEY)
            .only_if("attribute_not_exists(since) OR since > :to")
            .set("since = :to, #keys = if_not_exists(#keys, :none)")
            .named("keys")
            .value(":to", number(to.millis()))
            .value(":none", AttributeValue::L(Vec::new()));
        self.0.send(update).await?;
        Ok(())
    }

    /// What [`Keyset::publish`] goes by.
    pub async fn published(&self) -> Result<Published, StoreError> {
        self.item().await.map(Published)
    }

    async fn item(&self) -> Result<Option<KeysetItem>, StoreError> {
        self.0.get(KEY).await
    }

    /// Makes these the keys, where `published` are others. Those of a version of the
    /// secret never take the place of a later one's: an instance that was slow
    /// to start undoes no rotation.
    pub async fn publish(
        &self,
        Published(present): &Published,
        keys: &[PublicKey],
        version_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let since = present.as_ref().map_or_else(|| self.0.world.now(), |item| item.since);
        let item = KeysetItem { pk: KEY.to_owned(), keys: keys.to_vec(), version_at, since };
        if present.as_ref() == Some(&item) {
            return Ok(());
        }
        let put = self.0.client.put_item().set_item(Some(write(&item)));
        let put = match version_at {
            None => put,
            Some(at) => put
                .condition_expression("attribute_not_exists(version_at) OR version_at <= :version")
                .expression_attribute_values(":version", number(at.millis())),
        };
        self.0.put(put).await?;
        Ok(())
    }
}
