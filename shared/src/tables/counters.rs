//! Counters of a clock's hour or day: items of the codes table that are counted
//! up to a limit and never past it.

use crate::base::config;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{TTL, number};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::{Write, Written};
use crate::domain::limits::Window;

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
    /// this hour or day of the clock (UTC); for strangers, where they have a part of
    /// it, also unless that is used up. A lost answer may count twice, never too few.
    pub async fn take(
        &self,
        what: &str,
        window: Window,
        strangers: Option<u32>,
    ) -> Result<Taken, StoreError> {
        let Some((key, update, until)) = self.update(what, window) else { return Ok(Taken::Counted(None)) };
        let update = match strangers {
            None => update,
            Some(0) => return Ok(Taken::Full(until)),
            Some(most) => update
                .only_if("attribute_not_exists(strangers) OR strangers < :strangers")
                .value(":strangers", number(most))
                .set("strangers = if_not_exists(strangers, :zero) + :one"),
        };
        Ok(match self.0.send(update).await? {
            Written::Done(_) => Taken::Counted(Some(key)),
            Written::Refused(_) => Taken::Full(until),
        })
    }

    /// One more of `what` as part of a transaction, refused if the limit is
    /// reached; `None` where nothing is limited.
    pub fn one_more(&self, what: &str, window: Window) -> Option<Write> {
        self.update(what, window).map(|(_, update, _)| update)
    }

    fn update(&self, what: &str, window: Window) -> Option<(String, Write, Timestamp)> {
        let (start, until) = window.is_on().then(|| window.of_clock(self.0.world.now()))?;
        let key = format!("{what}#{}", start.seconds());
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

    /// Gives one back that came to nothing, also to the strangers' part where it was
    /// of that. If the table does not answer, it stays counted.
    pub async fn give_back(&self, key: &str, is_strangers: bool) -> Result<(), StoreError> {
        let update = self
            .0
            .update(key)
            .only_if("n > :zero")
            .set("n = n - :one")
            .value(":zero", number(0))
            .value(":one", number(1));
        let update = if is_strangers {
            update.only_if("strangers > :zero").set("strangers = strangers - :one")
        } else {
            update
        };
        self.0.send_once(update).await?;
        Ok(())
    }
}
