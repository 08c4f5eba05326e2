use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::domain::phone::Phone;
use crate::domain::pumping::Place;
use crate::tables::guard::{Guard, PlaceState};

/// That the places of a number do not look pumped. It takes nothing; on the way
/// back it pauses the place that does.
pub struct OpenPlace<'a> {
    guard: &'a Guard,
    phone: Option<&'a Phone>,
    pumped: OnceLock<(Place, Timestamp)>,
}

impl<'a> OpenPlace<'a> {
    /// Of `phone`; of none, where nothing is texted.
    pub const fn new(guard: &'a Guard, phone: Option<&'a Phone>) -> Self {
        Self { guard, phone, pumped: OnceLock::new() }
    }
}

impl Limit for OpenPlace<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            let Some(phone) = self.phone else { return Verdict::Granted };
            match self.guard.judge(phone).await {
                Ok(PlaceState::Open) => Verdict::Granted,
                Ok(PlaceState::Paused(limit)) => Verdict::Met(limit),
                Ok(PlaceState::Pumped(place, limit)) => {
                    let _ = self.pumped.set((place, limit.until));
                    Verdict::Met(limit)
                }
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.pumped.get() {
                Some((place, until)) => self.guard.pause(place, *until).await,
                None => Ok(()),
            }
        })
    }
}
