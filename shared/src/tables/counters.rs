//! Counters of a clock's hour or day: items of the codes table that are counted
//! up to a limit and never past it.

use crate::base::config;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{TTL, number};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::{Write, Written};
use crate::domain::limits::{Ceiling, Window};

/// All counters.
pub struct Counters(Table);

/// How counting ended.
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
    /// this hour or day of the clock (UTC). A lost answer may count twice, never
    /// too few.
    pub async fn take(&self, what: &str, window: Window) -> Result<Taken, StoreError> {
        let Some((key, update, until)) = self.update(what, window) else { return Ok(Taken::Counted(None)) };
        Ok(match self.0.send(update).await? {
            Written::Done(_) => Taken::Counted(Some(key)),
            Written::Refused(_) => Taken::Full(until),
        })
    }

    /// One more of `what` as part of a transaction, refused if the limit is
    /// reached, and until when it holds then; `None` where nothing is limited.
    pub fn one_more(&self, what: &str, window: Window) -> Option<(Write, Timestamp)> {
        self.update(what, window).map(|(_, update, until)| (update, until))
    }

    fn update(&self, what: &str, window: Window) -> Option<(String, Write, Timestamp)> {
        let seconds = window.is_on().then_some(window.seconds)?;
        let start = self.0.world.now().seconds().div_euclid(seconds) * seconds;
        let until = Timestamp::from_millis((start + seconds) * 1_000);
        let key = format!("{what}#{start}");
        let update = self
            .0
            .update(&key)
            .only_if("attribute_not_exists(n) OR n < :most")
            .value(":most", number(window.most))
            .set("n = if_not_exists(n, :zero) + :one")
            .value(":zero", number(0))
            .value(":one", number(1))
            .assign(TTL, number(until.seconds()));
        Some((key, update, until))
    }

    /// Counts one more text of this day (UTC), unless all of them were sent, or, for
    /// strangers, all of theirs. A lost answer may count twice, never too few.
    pub async fn take_text(&self, ceiling: Ceiling, is_strangers: bool) -> Result<Taken, StoreError> {
        let Some((key, update, until)) = self.update("texts", ceiling.all) else {
            return Ok(Taken::Counted(None));
        };
        if is_strangers && ceiling.strangers == 0 {
            return Ok(Taken::Full(until));
        }
        let update = if is_strangers {
            update
                .only_if("attribute_not_exists(strangers) OR strangers < :strangers")
                .value(":strangers", number(ceiling.strangers))
                .set("strangers = if_not_exists(strangers, :zero) + :one")
        } else {
            update
        };
        Ok(match self.0.send(update).await? {
            Written::Done(_) => Taken::Counted(Some(key)),
            Written::Refused(_) => Taken::Full(until),
        })
    }

    /// Gives a text back that did not leave. If the table does not answer, it stays
    /// counted.
    pub async fn give_back_text(&self, key: &str, is_strangers: bool) -> Result<(), StoreError> {
        let update = self.given_back(key);
        let update = if is_strangers {
            update.only_if("strangers > :zero").set("strangers = strangers - :one")
        } else {
            update
        };
        self.0.send_once(update).await?;
        Ok(())
    }

    /// Gives one back that came to nothing. If the table does not answer, it
    /// stays counted.
    pub async fn give_back(&self, key: &str) -> Result<(), StoreError> {
        self.0.send_once(self.given_back(key)).await?;
        Ok(())
    }

    fn given_back(&self, key: &str) -> Write {
        self.0
            .update(key)
            .only_if("n > :zero")
            .set("n = n - :one")
            .value(":zero", number(0))
            .value(":one", number(1))
    }
}
