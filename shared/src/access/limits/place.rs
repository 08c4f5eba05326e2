use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::cloud::error::StoreError;
use crate::domain::credit::Means;
use crate::domain::phone::Phone;
use crate::tables::guard::{Guard, Stand, Taken};

/// One text of each place of a number; or, by a proof, one of its block's second
/// stock.
pub struct PlaceAllowance<'a> {
    guard: &'a Guard,
    phone: Option<&'a Phone>,
    means: Means,
    taken: OnceLock<Taken>,
}

impl<'a> PlaceAllowance<'a> {
    /// Of `phone`; of none, where nothing is texted that the guard watches.
    pub const fn new(guard: &'a Guard, phone: Option<&'a Phone>, means: Means) -> Self {
        Self { guard, phone, means, taken: OnceLock::new() }
    }
}

impl Limit for PlaceAllowance<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            let Some(phone) = self.phone else { return Verdict::Granted };
            let (stand, taken) = self.guard.take(phone, self.means).await;
            let _ = self.taken.set(taken);
            match stand {
                Ok(Stand::Open) => Verdict::Granted,
                Ok(Stand::ProofRequired) => Verdict::StepUp,
                Ok(Stand::Paused(limit)) => Verdict::Met(limit),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }

    /// Closes the block as well, where it was found spent.
    fn give_back(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            match self.taken.get() {
                Some(taken) => self.guard.give_back(taken).await,
                None => Ok(()),
            }
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn refused_lately(&self) -> bool {
        self.phone.is_some_and(|phone| self.guard.refused_lately(phone, self.means))
    }
}
