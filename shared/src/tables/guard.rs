//! What the guard against pumping counts: items of the codes table, one for
//! each place and hour (a country's in eight shards, for an item takes 1,000
//! writes a second), and one for each place that is paused.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use rand::RngExt;

use super::reader::Reader;
use super::{Item, StoreError, WRITTEN_BY, Written, conditional_update, number, text};
use crate::config::{self, BadParameter};
use crate::domain::limits::{Limit, LimitOf};
use crate::domain::phone::Phone;
use crate::domain::pumping::{Bucket, Place, Pumping};
use crate::http::problem::Chain;
use crate::metrics::{self, Metric};
use crate::setup::Setup;
use crate::world::{Timestamp, World};

/// How many items a country's hour is spread over.
const SHARDS: u32 = 8;

/// What tells the item of a pause from those that count.
const PAUSE: &str = "pause ";

/// The guard.
pub struct Guard {
    client: Client,
    reader: Arc<Reader>,
    table: String,
    pumping: Pumping,
    world: Arc<World>,
}

/// What the guard says of a number.
#[derive(Debug)]
pub enum Verdict {
    /// It may be texted.
    Open,
    /// Its place is paused.
    Paused(Limit),
    /// Its place looks pumped and must be paused, as long as the limit says.
    Pumped(Place, Limit),
}

impl Verdict {
    /// What stands in the way of a text.
    pub const fn limit(&self) -> Option<Limit> {
        match self {
            Self::Open => None,
            Self::Paused(limit) | Self::Pumped(_, limit) => Some(*limit),
        }
    }
}

/// What is counted of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It is sent.
    Sent,
    /// It did not leave after all.
    NotSent,
    /// Its code was entered.
    Entered,
}

impl Guard {
    /// That of the deployment.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        Ok(Self {
            client: setup.dynamodb(),
            reader: setup.reader(),
            table: setup.vars.text(config::CODES_TABLE).to_owned(),
            pumping: Pumping::read(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    /// Judges the places of a number, in one read.
    pub async fn judge(&self, phone: &Phone) -> Result<Verdict, StoreError> {
        let now = self.world.now();
        let places = self.pumping.places(phone);
        if places.is_empty() {
            return Ok(Verdict::Open);
        }
        let hours = self.pumping.hours(now);
        let keys = places.iter().flat_map(|place| {
            let of_hour = move |hour| (0..shards(place)).map(move |shard| counter_key(place, hour, shard));
            hours.clone().flat_map(of_hour).chain([pause_key(place)])
        });
        let items = self.reader.get_all(&self.table, keys.collect()).await?;

        let mut paused_until = None;
        for place in places {
            let of_place = |item: &&Item, prefix: &str| {
                item.get("place").and_then(|name| name.as_s().ok())
                    == Some(&format!("{prefix}{}", place.name))
            };
            let pause = items.iter().find(|item| of_place(item, PAUSE));
            let until =
                pause.map_or(Timestamp::default(), |item| Timestamp::from_millis(read(item, "paused_until")));
            if until > now {
                paused_until = paused_until.max(Some(until));
                continue;
            }
            let buckets = items.iter().filter(|item| of_place(item, "")).flat_map(buckets);
            if self.pumping.is_pumped(&place, buckets, until, now) {
                let until = now.plus_seconds(self.pumping.pause);
                return Ok(Verdict::Pumped(place, Limit { of: LimitOf::Pumping, until }));
            }
        }
        Ok(match paused_until {
            None => Verdict::Open,
            Some(until) => Verdict::Paused(Limit { of: LimitOf::Pumping, until }),
        })
    }

    /// Pauses a place that looks pumped, unless another just did.
    pub async fn pause(&self, place: &Place, until: Timestamp) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(pause_key(place)))
            .condition_expression("attribute_not_exists(pk) OR paused_until <= :now")
            .update_expression(format!(
                "SET paused_until = :until, place = :place, #ttl = :ttl, {WRITTEN_BY} = :invocation"
            ))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(self.world.now().millis()))
            .expression_attribute_values(":until", number(until.millis()))
            .expression_attribute_values(":place", text(format!("{PAUSE}{}", place.name)))
            .expression_attribute_values(
                ":ttl",
                number(until.plus_seconds(self.pumping.needed_for()).seconds()),
            );
        if let Written::Done(_) = conditional_update(update, &self.world.new_id()).await? {
            tracing::warn!(place = place.name, seconds = self.pumping.pause, "looks pumped: no texts there");
            metrics::count(Metric::PumpingPauses);
        }
        Ok(())
    }

    /// Counts what became of a text that was sent at `sent_at`. Counting fails
    /// nothing else: what could not be counted is logged.
    pub async fn count(&self, phone: &Phone, sent_at: Timestamp, counted: Counted) {
        let places = self.pumping.places(phone);
        let add = async |place: Option<&Place>| {
            let Some(place) = place else { return };
            if let Err(error) = self.add(place, sent_at, counted).await {
                tracing::warn!(cause = %Chain(&error), "a text was not counted by the guard");
            }
        };
        tokio::join!(add(places.first()), add(places.get(1)));
    }

    async fn add(&self, place: &Place, sent_at: Timestamp, counted: Counted) -> Result<(), StoreError> {
        let bucket = self.pumping.bucket(sent_at);
        let shard = self.world.chance().random_range(0..shards(place));
        let (prefix, change) = match counted {
            Counted::Sent => ('s', 1),
            Counted::NotSent => ('s', -1),
            Counted::Entered => ('e', 1),
        };
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(counter_key(place, self.pumping.hour_of(bucket), shard)))
            .update_expression("SET #ttl = :ttl, place = :place ADD #bucket :change")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#bucket", format!("{prefix}{bucket}"))
            .expression_attribute_values(":change", number(change))
            .expression_attribute_values(":place", text(&place.name))
            .expression_attribute_values(
                ":ttl",
                number(sent_at.plus_seconds(self.pumping.needed_for()).seconds()),
            )
            .send()
            .await
            .map_err(StoreError::of_write)?;
        Ok(())
    }
}

fn shards(place: &Place) -> u32 {
    if place.name.starts_with("country#") { SHARDS } else { 1 }
}

fn counter_key(place: &Place, hour: i64, shard: u32) -> String {
    format!("guard#{}#{hour}#{shard}", place.name)
}

fn pause_key(place: &Place) -> String {
    format!("pause#{}", place.name)
}

fn read(item: &Item, name: &str) -> i64 {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}

/// The buckets of an item: attributes `s<bucket>` and `e<bucket>`.
fn buckets(item: &Item) -> impl Iterator<Item = Bucket> {
    item.iter().filter_map(|(name, value)| {
        let number = name.get(1..)?.parse().ok()?;
        let count = value.as_n().ok()?.parse().ok()?;
        match name.as_bytes().first()? {
            b's' => Some(Bucket { number, sent: count, entered: 0 }),
            b'e' => Some(Bucket { number, sent: 0, entered: count }),
            _ => None,
        }
    })
}
