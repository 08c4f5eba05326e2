//! The texts of the deployment's day: one item of the codes table, with a count of
//! all, of each part of the ceiling, and of those with codes, which statistics read.

use std::sync::{Mutex, PoisonError};

use crate::base::config::{BadParameter, Parameter};
use crate::base::lately::Lately;
use crate::base::metrics::{self, Metric};
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, read_number};
use crate::cloud::setup::Setup;
use crate::domain::limits::{Ceiling, DAY, Share, Texts, Window};
use crate::settings;
use crate::tables;
use crate::tables::counters::{self, Counters, Counting, Part};

/// What is counted.
const TEXTS: &str = "texts";

/// For how many days their numbers are told, today among them.
pub const TOLD: u16 = 90;

/// For how many seconds a day's numbers are kept.
pub(super) const KEPT: i64 = (TOLD as i64 + 1) * DAY;

/// What the item counts, apart from all.
const STRANGERS: &str = "strangers";
const PROVED: &str = "proved";
pub(super) const CODES: &str = "codes";

/// The texts of the day.
pub struct DayTexts {
    counters: Counters,
    ceiling: Ceiling,
    /// Until when which part was seen full.
    full: Lately<Share, Timestamp>,
    /// What was seen last.
    seen: Mutex<Texts>,
}

/// What is texted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A code.
    Code,
    /// That something happened.
    Notice,
}

/// A text that was counted.
#[derive(Debug)]
pub struct DayText {
    key: String,
    parts: Vec<&'static str>,
}

/// How counting a text ended.
#[derive(Debug)]
pub enum Counted {
    /// It is counted.
    Text(DayText),
    /// The day has none left of this part, until then.
    Full(Timestamp),
}

impl DayTexts {
    /// The parameters that [`DayTexts::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[tables::CODES, settings::CROWD_LIMITS];

    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        Ok(Self {
            counters: Counters::new(setup),
            ceiling: settings::crowd_limits(&setup.vars)?.texts,
            full: Lately::default(),
            seen: Mutex::default(),
        })
    }

    /// What bounds them.
    pub const fn ceiling(&self) -> &Ceiling {
        &self.ceiling
    }

    /// Until when a part is full, if this instance saw so in the last second: a flood
    /// is not to write to one item for each of its requests.
    pub fn full_lately(&self, share: Share, now: Timestamp) -> Option<Timestamp> {
        self.full.get(&share, now).filter(|until| *until > now)
    }

    /// Counts one more, unless there is none left. A lost answer may count twice,
    /// never too few.
    pub async fn take(&self, share: Share, kind: Kind, now: Timestamp) -> Result<Counted, StoreError> {
        if let Some(until) = self.full_lately(share, now) {
            return Ok(Counted::Full(until));
        }
        let parts = self.parts(share, kind);
        Ok(match self.counters.take_of(TEXTS, self.window(), &parts, KEPT).await? {
            Counting::Counted(counted) => {
                let (key, item) = counted.unwrap_or_default();
                self.saw(&item);
                Counted::Text(DayText { key, parts: parts.iter().map(|part| part.name).collect() })
            }
            Counting::Full(until, item) => {
                self.saw(&item);
                self.full.see(share, until, now);
                Counted::Full(until)
            }
        })
    }

    /// Gives a text back that did not leave. If the table does not answer, it stays
    /// counted.
    pub async fn give_back(&self, text: &DayText) -> Result<(), StoreError> {
        self.counters.give_back(&text.key, &text.parts).await
    }

    /// What this instance saw of the day last.
    pub fn seen(&self) -> Texts {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the day took so far.
    pub async fn read(&self) -> Result<Texts, StoreError> {
        let item = self.counters.read(TEXTS, self.window()).await?;
        Ok(item.as_ref().map_or_else(Texts::default, texts))
    }

    /// They are counted, whether or not they are limited.
    const fn window(&self) -> Window {
        let all = self.ceiling.all;
        if all.is_on() { all } else { Window { most: u32::MAX, ..all } }
    }

    fn saw(&self, item: &Item) {
        let seen = texts(item);
        metrics::count(Metric::TextsOfDay(seen.all));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    fn parts(&self, share: Share, kind: Kind) -> Vec<Part> {
        let bounded = |name, most| Part { name, most: self.ceiling.all.is_on().then_some(most) };
        let strangers = (share != Share::Known).then(|| bounded(STRANGERS, self.ceiling.strangers));
        let proved = (share == Share::Proof).then(|| bounded(PROVED, self.ceiling.proved));
        let codes = (kind == Kind::Code).then_some(Part { name: CODES, most: None });
        [strangers, proved, codes].into_iter().flatten().collect()
    }
}

/// The key of the item that counts the texts of the day that begins then.
pub(super) fn key_of_day(start: Timestamp) -> String {
    counters::key(TEXTS, start)
}

fn texts(item: &Item) -> Texts {
    let count =
        |name| read_number(item, name).and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
    Texts { all: count("n"), strangers: count(STRANGERS), proved: count(PROVED) }
}
