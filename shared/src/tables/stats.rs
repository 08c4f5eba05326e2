//! Numbers per day: items of the codes table, eight for each day and kind, since
//! an item takes 1,000 writes a second.
//!
//! What is *made* (sign-ups, referrals) is counted in the transaction that makes
//! it, exactly. What is *sent* (texts, codes entered) is counted apart, and
//! fails nothing else. They are items of their own, so that the one never meets
//! the other's transactions.

use std::collections::BTreeMap;

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::config;
use crate::base::error::Chain;
use crate::base::world::Date;
use crate::cloud::error::StoreError;
use crate::cloud::items::{TTL, number, read, string};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::Write;
use crate::domain::limits::DAY;
use crate::tables::guard::TextFate;

/// How many items a day's numbers of one kind are spread over.
const SHARDS: u32 = 8;

/// How many days are kept.
pub const KEPT: u16 = 90;

/// The numbers of all days.
pub struct Stats(Table);

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
        Self(Table::new(setup, config::CODES_TABLE))
    }

    /// Counts what a transaction makes, as part of it.
    pub fn made(&self, made: Made) -> Write {
        self.today("made").add("sign_ups", made.sign_up.into()).add("referrals", made.referral.into())
    }

    /// Counts what became of a text. What could not be counted is logged.
    pub async fn count(&self, fate: TextFate) {
        let (name, change) = match fate {
            TextFate::Sent => ("codes_texted", 1),
            TextFate::NotSent => ("codes_texted", -1),
            TextFate::Entered => ("codes_entered", 1),
        };
        if let Err(error) = self.0.send(self.today("sent").add(name, change)).await {
            tracing::warn!(cause = %Chain(&error), "{name} was not counted");
        }
    }

    /// Numbers of one kind, of today.
    fn today(&self, kind: &str) -> Write {
        let now = self.0.world.now();
        let (today, shard) = (Date::of(now), self.0.world.rng().random_range(0..SHARDS));
        self.0
            .update(key(kind, today, shard))
            .assign("date", string(today.to_string()))
            .assign(TTL, number(now.plus_seconds((i64::from(KEPT) + 1) * DAY).seconds()))
    }

    /// The last `days` days, today first; a day without any numbers is all
    /// zeros. Read at once, whatever the number of days.
    pub async fn last(&self, days: u16) -> Result<Vec<(Date, Numbers)>, StoreError> {
        let today = Date::of(self.0.world.now());
        let dates: Vec<_> = (0..days).map(|back| today.before(back)).collect();
        let keys = dates
            .iter()
            .flat_map(|date| ["made", "sent"].map(|kind| (kind, *date)))
            .flat_map(|(kind, date)| (0..SHARDS).map(move |shard| key(kind, date, shard)));
        let items = self.0.get_all(keys.collect()).await?;

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
}

fn key(kind: &str, date: Date, shard: u32) -> String {
    format!("{kind}#{date}#{shard}")
}
