//! Counters of a clock's hour or day: items of the codes table that are counted
//! up to a limit and never past it.

use crate::base::config;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, TTL, number, read_number};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::{Write, Written};
use crate::domain::limits::Window;

/// All counters.
pub struct Counters(Table);

/// A count of its own in a counter's item, of a part of what is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Its attribute.
    pub(super) name: &'static str,
    /// Up to what it counts, if it is bounded.
    pub(super) most: Option<u32>,
}

/// How counting ended.
#[derive(Debug)]
pub(super) enum Counting {
    /// It is counted, under this key, and the item is so; under none, where nothing is
    /// limited.
    Counted(Option<(String, Item)>),
    /// The limit is reached, until then, and the item is so.
    Full(Timestamp, Item),
}

/// How counting one ended.
#[derive(Debug)]
pub enum Taken {
    /// It is counted, under this key; under none, where nothing is limited.
    Counted(Option<String>),
    /// The limit is reached, until then.
    Full(Timestamp),
}

impl Counters {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::CODES_TABLE))
    }

    /// Counts one more of `what` (`kind#whose`), unless the limit is reached in
    /// this hour or day of the clock (UTC). A lost answer may count twice, never too
    /// few.
    pub async fn take(&self, what: &str, window: Window) -> Result<Taken, StoreError> {
        Ok(match self.take_of(what, window, &[], 0).await? {
            Counting::Counted(counted) => Taken::Counted(counted.map(|(key, _)| key)),
            Counting::Full(until, _) => Taken::Full(until),
        })
    }

    /// Counts one more of `what`, and of each of these parts, unless one of them is
    /// full. The item is kept so many seconds longer than it counts.
    pub(super) async fn take_of(
        &self,
        what: &str,
        window: Window,
        parts: &[Part],
        kept: i64,
    ) -> Result<Counting, StoreError> {
        let Some((key, update, until)) = self.update(what, window) else {
            return Ok(Counting::Counted(None));
        };
        if parts.iter().any(|part| part.most == Some(0)) {
            return Ok(Counting::Full(until, Item::new()));
        }
        let update = parts.iter().fold(update, |update, Part { name, most }| {
            let update = match most {
                Some(most) => update
                    .only_if(format!("attribute_not_exists({name}) OR {name} < :most_{name}"))
                    .value(format!(":most_{name}"), number(*most)),
                None => update,
            };
            update.set(format!("{name} = if_not_exists({name}, :zero) + :one"))
        });
        let update = update.assign(TTL, number(until.plus_seconds(kept).seconds()));
        Ok(match self.0.send(update).await? {
            Written::Done(item) => Counting::Counted(Some((key, item))),
            Written::Refused(item) => Counting::Full(until, item),
        })
    }

    /// The item of `what` that counts in this hour or day, if there is one.
    pub(super) async fn read(&self, what: &str, window: Window) -> Result<Option<Item>, StoreError> {
        let (start, _) = window.of_clock(self.0.world.now());
        Ok(self.0.get_all(vec![key(what, start)]).await?.pop())
    }

    /// How many of `what` are counted in this hour or day.
    pub async fn so_far(&self, what: &str, window: Window) -> Result<i64, StoreError> {
        Ok(self.read(what, window).await?.and_then(|item| read_number(&item, "n")).unwrap_or_default())
    }

    /// One more of `what` as part of a transaction, refused if the limit is
    /// reached; `None` where nothing is limited.
    pub fn one_more(&self, what: &str, window: Window) -> Option<Write> {
        self.update(what, window).map(|(_, update, until)| update.assign(TTL, number(until.seconds())))
    }

    fn update(&self, what: &str, window: Window) -> Option<(String, Write, Timestamp)> {
        let (start, until) = window.is_on().then(|| window.of_clock(self.0.world.now()))?;
        let key = key(what, start);
        let update = self
            .0
            .update(&key)
            .only_if("attribute_not_exists(n) OR n < :most")
            .value(":most", number(window.most))
            .set("n = if_not_exists(n, :zero) + :one")
            .value(":zero", number(0))
            .value(":one", number(1));
        Some((key, update, until))
    }

    /// Gives one back that came to nothing, also to the parts that it was of. If the
    /// table does not answer, it stays counted.
    pub async fn give_back(&self, key: &str, parts: &[&'static str]) -> Result<(), StoreError> {
        let update = self.0.update(key).value(":zero", number(0)).value(":one", number(1));
        let update = ["n"].iter().chain(parts).fold(update, |update, name| {
            update.only_if(format!("{name} > :zero")).set(format!("{name} = {name} - :one"))
        });
        self.0.send_once(update).await?;
        Ok(())
    }
}

/// The key of what counts from `start` on.
pub(super) fn key(what: &str, start: Timestamp) -> String {
    format!("{what}#{}", start.seconds())
}
