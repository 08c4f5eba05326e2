use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::cloud::error::StoreError;
use crate::domain::limits::{LimitMet, LimitOf, Window};
use crate::domain::pepper::Pepper;
use crate::http::context::Context;
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

    /// One of the guesses of whoever a request comes from, counted whatever comes of it.
    pub fn of_guess(counters: &'a Counters, window: Window, pepper: &Pepper, context: &Context) -> Self {
        let address = pepper.first().key("address", &context.counted_ip());
        Self { is_kept: true, ..Self::new(counters, format!("guesses#{address}"), window) }
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
