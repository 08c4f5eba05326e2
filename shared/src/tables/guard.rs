//! What the guard against pumping counts: items of the codes table, one for
//! each place and hour (a country's in eight shards, for an item takes 1,000
//! writes a second), and one for each place that is paused.

use rand::RngExt;

use crate::base::config::{self, BadParameter, Parameter};
use crate::base::error::Chain;
use crate::base::metrics;
use crate::base::metrics::Metric;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, TTL, number, read_number, string};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::Written;
use crate::domain::limits::{LimitMet, LimitOf};
use crate::domain::phone::Phone;
use crate::domain::pumping::{Bucket, Place, Pumping};
use crate::settings;
use crate::tables;

/// How many items a country's hour is spread over.
const SHARDS: u32 = 8;

/// What tells the item of a pause from those that count.
const PAUSE: &str = "pause ";

/// The guard.
pub struct Guard {
    table: Table,
    pumping: Pumping,
}

/// What the guard says of a number.
#[derive(Debug)]
pub enum PlaceState {
    /// It may be texted.
    Open,
    /// Its place is paused.
    Paused(LimitMet),
    /// Its place looks pumped and must be paused, as long as the limit says.
    Pumped(Place, LimitMet),
}

/// What becomes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFate {
    /// It is sent.
    Sent,
    /// It did not leave after all.
    NotSent,
    /// Its code was entered.
    Entered,
}

impl Guard {
    /// The parameters that [`Guard::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[tables::CODES, settings::PUMPING];

    /// That of the deployment.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        Ok(Self { table: Table::new(setup, config::CODES_TABLE), pumping: settings::pumping(&setup.vars)? })
    }

    /// Judges the places of a number, in one read.
    pub async fn judge(&self, phone: &Phone) -> Result<PlaceState, StoreError> {
        let now = self.table.world.now();
        let places = self.pumping.places(phone);
        if places.is_empty() {
            return Ok(PlaceState::Open);
        }
        let hours = self.pumping.hours(now);
        let keys = places.iter().flat_map(|place| {
            let of_hour = move |hour| (0..shards(place)).map(move |shard| counter_key(place, hour, shard));
            hours.clone().flat_map(of_hour).chain([pause_key(place)])
        });
        let items = self.table.get_all(keys.collect()).await?;

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
                return Ok(PlaceState::Pumped(place, LimitMet { of: LimitOf::Pumping, until }));
            }
        }
        Ok(match paused_until {
            None => PlaceState::Open,
            Some(until) => PlaceState::Paused(LimitMet { of: LimitOf::Pumping, until }),
        })
    }

    /// Pauses a place that looks pumped, unless another just did.
    pub async fn pause(&self, place: &Place, until: Timestamp) -> Result<(), StoreError> {
        let update = self
            .table
            .update(pause_key(place))
            .only_if("attribute_not_exists(pk) OR paused_until <= :now")
            .value(":now", number(self.table.world.now().millis()))
            .assign("paused_until", number(until.millis()))
            .assign("place", string(format!("{PAUSE}{}", place.name)))
            .assign(TTL, number(until.plus_seconds(self.pumping.needed_for()).seconds()));
        if let Written::Done(_) = self.table.send(update).await? {
            tracing::warn!(place = place.name, seconds = self.pumping.pause, "looks pumped: no texts there");
            metrics::count(Metric::PumpingPauses);
        }
        Ok(())
    }

    /// Counts what became of a text that was sent at `sent_at`. Counting fails
    /// nothing else: what could not be counted is logged.
    pub async fn count(&self, phone: &Phone, sent_at: Timestamp, fate: TextFate) {
        let places = self.pumping.places(phone);
        let add = async |place: Option<&Place>| {
            let Some(place) = place else { return };
            if let Err(error) = self.add(place, sent_at, fate).await {
                tracing::warn!(cause = %Chain(&error), "a text was not counted by the guard");
            }
        };
        tokio::join!(add(places.first()), add(places.get(1)));
    }

    async fn add(&self, place: &Place, sent_at: Timestamp, fate: TextFate) -> Result<(), StoreError> {
        let bucket = self.pumping.bucket(sent_at);
        let shard = self.table.world.rng().random_range(0..shards(place));
        let (prefix, change) = match fate {
            TextFate::Sent => ('s', 1),
            TextFate::NotSent => ('s', -1),
            TextFate::Entered => ('e', 1),
        };
        let update = self
            .table
            .update(counter_key(place, self.pumping.hour_of(bucket), shard))
            .assign("place", string(&place.name))
            .assign(TTL, number(sent_at.plus_seconds(self.pumping.needed_for()).seconds()))
            .add(&format!("{prefix}{bucket}"), change);
        self.table.send(update).await?;
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
    read_number(item, name).unwrap_or_default()
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
