use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::cloud::error::StoreError;
use crate::domain::limits::{Ceiling, LimitMet, LimitOf};
use crate::tables::counters::{Counters, Taken};

/// One of the deployment's texts of a day: for strangers one of their part of them.
pub struct TextOfDay<'a> {
    counters: &'a Counters,
    ceiling: Ceiling,
    is_strangers: bool,
    key: OnceLock<String>,
}

impl<'a> TextOfDay<'a> {
    /// For a stranger, or from what is kept for known devices.
    pub const fn new(counters: &'a Counters, ceiling: Ceiling, is_strangers: bool) -> Self {
        Self { counters, ceiling, is_strangers, key: OnceLock::new() }
    }
}

impl Limit for TextOfDay<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            match self.counters.take_text(self.ceiling, self.is_strangers).await {
                Ok(Taken::Counted(key)) => {
                    if let Some(key) = key {
                        let _ = self.key.set(key);
                    }
                    Verdict::Granted
                }
                Ok(Taken::Full(until)) => Verdict::Met(LimitMet { of: LimitOf::Day, until }),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.key.get() {
                Some(key) => self.counters.give_back_text(key, self.is_strangers).await,
                None => Ok(()),
            }
        })
    }
}
