//! Numbers per day: items of the codes table, eight for each day and kind, since
//! an item takes 1,000 writes a second.
//!
//! What is *made* (sign-ups, referrals) is counted in the transaction that makes
//! it, exactly. Codes that are entered are counted apart, and fail nothing else; texts
//! are those of [`day_texts`]. They are items of their own, so that the one never meets
//! the other's transactions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::afterwards::Afterwards;
use crate::base::config;
use crate::base::error::Chain;
use crate::base::world::{Date, Timestamp};
use crate::cloud::error::StoreError;
use crate::cloud::items::{TTL, number, read, read_number, string};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::Write;
use crate::tables::day_texts;

/// How many items a day's numbers of one kind are spread over.
const SHARDS: u32 = 8;

/// How many days are kept.
pub const KEPT: u16 = day_texts::TOLD;

/// The numbers of all days.
pub struct Stats {
    table: Arc<Table>,
    afterwards: Arc<Afterwards>,
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

impl Stats {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        let table = Arc::new(Table::new(setup, config::CODES_TABLE));
        Self { table, afterwards: Arc::clone(&setup.afterwards) }
    }

    /// Counts what a transaction makes, as part of it.
    pub fn made(&self, made: Made) -> Write {
        today(&self.table, "made").add("sign_ups", made.sign_up.into()).add("referrals", made.referral.into())
    }

    /// Counts that the code of a text was entered: in Lambda after the answer. What
    /// could not be counted is logged.
    pub async fn entered(&self) {
        let (table, update) = (Arc::clone(&self.table), today(&self.table, "sent").add("codes_entered", 1));
        let count = async move {
            if let Err(error) = table.send(update).await {
                tracing::warn!(cause = %Chain(&error), "a code that was entered was not counted");
            }
        };
        self.afterwards.run(count).await;
    }

    /// The last `days` days, today first; a day without any numbers is all
    /// zeros. Read at once, whatever the number of days.
    pub async fn last(&self, days: u16) -> Result<Vec<(Date, Numbers)>, StoreError> {
        let now = self.table.world.now();
        let today = Date::of(now);
        let dates: Vec<_> = (0..days).map(|back| today.before(back)).collect();
        let of_day = |back: u16| day_texts::key_of_day(Timestamp::of_day(now.day() - i64::from(back)));
        let texts: HashMap<_, _> = (0..days).map(of_day).zip(&dates).collect();
        let keys = dates
            .iter()
            .flat_map(|date| ["made", "sent"].map(|kind| (kind, *date)))
            .flat_map(|(kind, date)| (0..SHARDS).map(move |shard| key(kind, date, shard)));
        let items = self.table.get_all(keys.chain(texts.keys().cloned()).collect()).await?;

        let mut sums = BTreeMap::<String, Numbers>::new();
        for item in items {
            let date = item.get("pk").and_then(|key| texts.get(key.as_s().ok()?));
            if let Some(date) = date {
                let codes = read_number(&item, day_texts::CODES).unwrap_or_default();
                sums.entry(date.to_string()).or_default().codes_texted += codes;
                continue;
            }
            let shard: Shard = read(item)?;
            let sum = sums.entry(shard.date).or_default();
            sum.sign_ups += shard.numbers.sign_ups;
            sum.codes_entered += shard.numbers.codes_entered;
            sum.referrals += shard.numbers.referrals;
        }
        let of = |date: Date| (date, sums.get(&date.to_string()).copied().unwrap_or_default());
        Ok(dates.into_iter().map(of).collect())
    }
}

/// Numbers of one kind, of today.
fn today(table: &Table, kind: &str) -> Write {
    let now = table.world.now();
    let (today, shard) = (Date::of(now), table.world.rng().random_range(0..SHARDS));
    table
        .update(key(kind, today, shard))
        .assign("date", string(today.to_string()))
        .assign(TTL, number(now.plus_seconds(day_texts::KEPT).seconds()))
}

fn key(kind: &str, date: Date, shard: u32) -> String {
    format!("{kind}#{date}#{shard}")
}
