use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::cloud::error::StoreError;
use crate::domain::limits::{Ceiling, LimitMet, LimitOf, Window};
use crate::tables::counters::{Counters, Taken};

/// One of so many in an hour or a day of the clock.
pub struct Allowance<'a> {
    counters: &'a Counters,
    what: String,
    window: Window,
    strangers: Option<u32>,
    of: LimitOf,
    is_kept: bool,
    key: OnceLock<String>,
}

impl<'a> Allowance<'a> {
    /// A request of an address; `what` names both.
    pub const fn of_address(counters: &'a Counters, what: String, window: Window) -> Self {
        Self {
            counters,
            what,
            window,
            strangers: None,
            of: LimitOf::Address,
            is_kept: false,
            key: OnceLock::new(),
        }
    }

    /// A text of the deployment's day: for strangers one of their part of it.
    pub fn text_today(counters: &'a Counters, texts: Ceiling, is_strangers: bool) -> Self {
        let strangers = is_strangers.then_some(texts.strangers);
        let text = Self::of_address(counters, "texts".to_owned(), texts.all);
        Self { strangers, of: LimitOf::Day, ..text }
    }

    /// Counted whatever comes of it: it is not given back.
    #[must_use]
    pub const fn kept(mut self) -> Self {
        self.is_kept = true;
        self
    }
}

impl Limit for Allowance<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            match self.counters.take(&self.what, self.window, self.strangers).await {
                Ok(Taken::Counted(key)) => {
                    if let Some(key) = key {
                        let _ = self.key.set(key);
                    }
                    Verdict::Granted
                }
                Ok(Taken::Full(until)) => Verdict::Met(LimitMet { of: self.of, until }),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.key.get().filter(|_| !self.is_kept) {
                Some(key) => self.counters.give_back(key, self.strangers.is_some()).await,
                None => Ok(()),
            }
        })
    }
}
