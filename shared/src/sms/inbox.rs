//! The inbox: texts that are not sent but kept for the developer of an app, as
//! items of the codes table.

use std::ops::RangeInclusive;
use std::time::Duration;

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use futures_util::future::BoxFuture;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::base::config::{self, BadParameter, Parameter, Vars};
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{read, string, write};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::domain::code::OneTimeCode;
use crate::domain::fate::Why;
use crate::domain::limits::DAY;
use crate::domain::phone::Phone;
use crate::sms::carrier::{Carrier, Kind, Text};
use crate::sms::refusal::NotSent;
use crate::tables;

/// What the keys of its items begin with.
pub const KEY_PREFIX: &str = "inbox#";

/// How many items one request takes away at most (DynamoDB, `TransactWriteItems`): together, as
/// the engine of a laptop puts each change on its disk by itself.
const AT_ONCE: usize = 100;

/// A text in the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `inbox#` and an identifier that sorts by time.
    pub pk: String,
    /// To whom.
    pub to: Phone,
    /// What it says.
    pub body: String,
    /// What it is for.
    #[serde(default)]
    pub kind: Kind,
    /// When.
    pub sent_at: Timestamp,
    ttl: i64,
}

impl Message {
    /// The code that it brings, which stands first in every language.
    pub fn code(&self) -> Option<OneTimeCode> {
        let digits = self.body.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        (self.kind == Kind::Code && !digits.is_empty()).then(|| OneTimeCode::typed(digits))
    }

    /// Whether its day is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ttl <= now.seconds()
    }
}

/// The inbox.
pub struct Inbox {
    table: Table,
    delay: RangeInclusive<u64>,
}

impl Inbox {
    /// The parameters that [`Inbox::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[tables::CODES, &[config::SMS_DELAY_MS]];

    /// That of the deployment.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        Ok(Self { table: Table::new(setup, config::CODES_TABLE), delay: delay(&setup.vars)? })
    }

    /// Keeps a text for a day, after the time that a carrier would take.
    async fn keep(&self, text: &Text) -> Result<(), NotSent> {
        let delay = self.table.world.rng().random_range(self.delay.clone());
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        let now = self.table.world.now();
        let message = Message {
            pk: format!("{KEY_PREFIX}{}", self.table.world.new_id()),
            to: text.to.clone(),
            body: text.body.clone(),
            kind: text.kind,
            sent_at: now,
            ttl: now.plus_seconds(DAY).seconds(),
        };
        match self.table.put(self.table.client.put_item().set_item(Some(write(&message)))).await {
            Err(error @ StoreError::Unavailable(_)) => Err(NotSent::new(Why::Refused, error)),
            Ok(_) | Err(StoreError::OutcomeUnknown(_)) => Ok(()),
        }
    }

    /// All that it holds, oldest first. A scan: the inbox is for a laptop.
    pub async fn list(&self) -> Result<Vec<Message>, StoreError> {
        let mut pages = self
            .table
            .client
            .scan()
            .table_name(&self.table.name)
            .filter_expression("begins_with(pk, :prefix)")
            .expression_attribute_values(":prefix", string(KEY_PREFIX))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut messages = Vec::new();
        while let Some(item) = pages.next().await {
            messages.push(read::<Message>(item.map_err(StoreError::of_read)?)?);
        }
        messages.sort_by(|one, other| one.pk.cmp(&other.pk));
        Ok(messages)
    }

    /// Those of some keys, where they are.
    pub async fn get(&self, keys: Vec<String>) -> Result<Vec<Message>, StoreError> {
        self.table.get_all(keys).await?.into_iter().map(read).collect()
    }

    /// Takes those of some keys away.
    pub async fn remove(&self, keys: Vec<String>) -> Result<(), StoreError> {
        for keys in keys.chunks(AT_ONCE) {
            let removals = keys.iter().map(|key| self.removal(key)).collect();
            let request = self.table.client.transact_write_items().set_transact_items(Some(removals));
            request.send().await.map_err(StoreError::of_read)?;
        }
        Ok(())
    }

    fn removal(&self, key: &str) -> TransactWriteItem {
        let delete = Delete::builder().table_name(&self.table.name).key("pk", string(key));
        TransactWriteItem::builder().delete(delete.build().expect("table and key are given")).build()
    }
}

impl Carrier for Inbox {
    fn send<'a>(&'a self, text: &'a Text) -> BoxFuture<'a, Result<(), NotSent>> {
        Box::pin(self.keep(text))
    }
}

fn delay(vars: &Vars) -> Result<RangeInclusive<u64>, BadParameter> {
    let text = vars.text(config::SMS_DELAY_MS);
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let millis = |text: &str| text.trim().parse().ok().filter(|millis| *millis <= 60_000);
    match (millis(least), millis(most)) {
        (Some(least), Some(most)) if least <= most => Ok(least..=most),
        _ => Err(BadParameter {
            name: config::SMS_DELAY_MS.name,
            problem: format!("must be milliseconds up to 60000, such as 300 or 1000-2000, not {text:?}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_a_number_or_a_range() {
        let of = |text: &str| delay(&Vars::from_iter([("SMS_DELAY_MS", text)]));
        assert_eq!(of(""), Ok(0..=0));
        assert_eq!(of("300"), Ok(300..=300));
        assert_eq!(of("1000-2000"), Ok(1000..=2000));
        for bad in ["2000-1000", "-", "1s", "1-2-3", "60001"] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }
}
