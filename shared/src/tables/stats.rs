//! Numbers per day: items of the codes table, eight for each day and kind, since
//! an item takes 1,000 writes a second.
//!
//! What is *made* (sign-ups, referrals) is counted in the transaction that makes
//! it, exactly. What is *sent* (texts, codes entered) is counted apart, and
//! fails nothing else. They are items of their own, so that the one never meets
//! the other's transactions.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::guard::Counted;
use super::reader::Reader;
use super::transaction::Write;
use super::{StoreError, number, read, text};
use crate::config;
use crate::domain::limits::DAY;
use crate::http::endpoint::Needs;
use crate::http::problem::Chain;
use crate::lambda::StartError;
use crate::setup::Setup;
use crate::world::{Date, World};

/// How many items a day's numbers of one kind are spread over.
const SHARDS: u32 = 8;

/// How many days are kept.
pub const KEPT: u16 = 90;

/// The numbers of all days.
pub struct Stats {
    client: Client,
    reader: Arc<Reader>,
    table: String,
    world: Arc<World>,
}

/// What a transaction makes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// An account.
    pub sign_up: bool,
    /// A referral.
    pub referral: bool,
}

/// The numbers of one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Numbers {
    /// How many accounts were made.
    #[schemars(example = 12)]
    pub sign_ups: i64,
    /// How many texts with codes were sent.
    #[schemars(example = 31)]
    pub codes_texted: i64,
    /// How many codes were entered correctly.
    #[schemars(example = 29)]
    pub codes_entered: i64,
    /// How many invite codes were activated.
    #[schemars(example = 4)]
    pub referrals: i64,
}

#[derive(Deserialize)]
struct Shard {
    date: String,
    #[serde(flatten)]
    numbers: Numbers,
}

impl Needs for Stats {
    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::new(setup))
    }
}

impl Stats {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self {
            client: setup.dynamodb(),
            reader: setup.reader(),
            table: setup.vars.text(config::CODES_TABLE).to_owned(),
            world: Arc::clone(&setup.world),
        }
    }

    /// Counts what a transaction makes, as part of it.
    pub fn made(&self, made: Made) -> Write {
        let today = Date::of(self.world.now());
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(key("made", today, self.shard())))
            .update_expression("SET #date = :date, #ttl = :ttl ADD sign_ups :sign_ups, referrals :referrals")
            .expression_attribute_names("#date", "date")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":date", text(today.to_string()))
            .expression_attribute_values(":ttl", number(self.ttl()))
            .expression_attribute_values(":sign_ups", number(i64::from(made.sign_up)))
            .expression_attribute_values(":referrals", number(i64::from(made.referral)))
            .build()
            .expect("an update has a table, a key and an expression");
        Write(TransactWriteItem::builder().update(update).build())
    }

    /// Counts what became of a text. What could not be counted is logged.
    pub async fn count(&self, counted: Counted) {
        let (name, change) = match counted {
            Counted::Sent => ("codes_texted", 1),
            Counted::NotSent => ("codes_texted", -1),
            Counted::Entered => ("codes_entered", 1),
        };
        let today = Date::of(self.world.now());
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(key("sent", today, self.shard())))
            .update_expression("SET #date = :date, #ttl = :ttl ADD #name :change")
            .expression_attribute_names("#date", "date")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":date", text(today.to_string()))
            .expression_attribute_values(":ttl", number(self.ttl()))
            .expression_attribute_values(":change", number(change))
            .send()
            .await;
        if let Err(error) = updated {
            tracing::warn!(cause = %Chain(&error), "{name} was not counted");
        }
    }

    /// The last `days` days, today first; a day without any numbers is all
    /// zeros. Read at once, whatever the number of days.
    pub async fn last(&self, days: u16) -> Result<Vec<(Date, Numbers)>, StoreError> {
        let today = Date::of(self.world.now());
        let dates: Vec<_> = (0..days).map(|back| today.before(back)).collect();
        let keys = dates
            .iter()
            .flat_map(|date| ["made", "sent"].map(|kind| (kind, *date)))
            .flat_map(|(kind, date)| (0..SHARDS).map(move |shard| key(kind, date, shard)));
        let items = self.reader.get_all(&self.table, keys.collect()).await?;

        let mut sums = BTreeMap::<String, Numbers>::new();
        for item in items {
            let shard: Shard = read(item)?;
            let sum = sums.entry(shard.date).or_default();
            sum.sign_ups += shard.numbers.sign_ups;
            sum.codes_texted += shard.numbers.codes_texted;
            sum.codes_entered += shard.numbers.codes_entered;
            sum.referrals += shard.numbers.referrals;
        }
        let of = |date: Date| (date, sums.get(&date.to_string()).copied().unwrap_or_default());
        Ok(dates.into_iter().map(of).collect())
    }

    fn shard(&self) -> u32 {
        self.world.chance().random_range(0..SHARDS)
    }

    fn ttl(&self) -> i64 {
        self.world.now().plus_seconds((i64::from(KEPT) + 1) * DAY).seconds()
    }
}

fn key(kind: &str, date: Date, shard: u32) -> String {
    format!("{kind}#{date}#{shard}")
}
