use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::cloud::error::StoreError;
use crate::domain::limits::{LimitMet, LimitOf, Window};
use crate::tables::counters::{Counters, Taken};

/// One of so many requests of an address in an hour of the clock.
pub struct AddressAllowance<'a> {
    counters: &'a Counters,
    what: String,
    window: Window,
    is_kept: bool,
    key: OnceLock<String>,
}

impl<'a> AddressAllowance<'a> {
    /// `what` names the address and what it asks for.
    pub const fn new(counters: &'a Counters, what: String, window: Window) -> Self {
        Self { counters, what, window, is_kept: false, key: OnceLock::new() }
    }

    /// Counted whatever comes of it: it is not given back.
    #[must_use]
    pub const fn kept(mut self) -> Self {
        self.is_kept = true;
        self
    }
}

impl Limit for AddressAllowance<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            match self.counters.take(&self.what, self.window).await {
                Ok(Taken::Counted(key)) => {
                    if let Some(key) = key {
                        let _ = self.key.set(key);
                    }
                    Verdict::Granted
                }
                Ok(Taken::Full(until)) => Verdict::Met(LimitMet { of: LimitOf::Address, until }),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.key.get().filter(|_| !self.is_kept) {
                Some(key) => self.counters.give_back(key, &[]).await,
                None => Ok(()),
            }
        })
    }
}
