//! Guesses at codes: counted for their phone and their address at once, compared
//! only if nothing stands in the way.

use std::sync::Arc;

use tokio::join;

use crate::domain::code::Purpose;
use crate::domain::limits::{CrowdLimits, LimitOf, Window};
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::http::idempotency::RequestKey;
use crate::http::problem::{Code, Problem};
use crate::http::request::Context;
use crate::lambda::StartError;
use crate::setup::Setup;
use crate::tables::StoreError;
use crate::tables::codes::{Codes, Count, Counted};
use crate::tables::counters::Counters;
use crate::tables::requests::{Began, Claim, Remembered, Requests};
use crate::world::World;

/// What counts guesses.
pub struct Guesses {
    codes: Arc<Codes>,
    counters: Counters,
    requests: Requests,
    pepper: Pepper,
    per_address: Window,
    world: Arc<World>,
}

/// What a request comes to before its guess is compared.
#[derive(Debug)]
pub enum Entry {
    /// A guess, to be compared.
    Guess(Counted),
    /// The same request was answered before.
    Repeated(Began),
}

impl Guesses {
    /// Those at the codes of the deployment.
    ///
    /// # Errors
    /// If a parameter is bad.
    pub fn new(setup: &Setup, codes: Arc<Codes>, pepper: Pepper) -> Result<Self, StartError> {
        Ok(Self {
            requests: Requests::new(setup, pepper.clone(), codes.limits().ttl),
            codes,
            counters: Counters::new(setup),
            pepper,
            per_address: CrowdLimits::read(&setup.vars)?.guesses_per_address,
            world: Arc::clone(&setup.world),
        })
    }

    /// How a request that exchanges a code is remembered.
    pub fn remember(&self, request: &RequestKey) -> Remembered {
        self.requests.of("token", request)
    }

    /// The requests that are remembered.
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Counts a guess. Where something stands in the way it is taken back, and
    /// never compared.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn enter(
        &self,
        phone: &Phone,
        purpose: &Purpose,
        challenge_id: Option<&str>,
        key: Option<&Remembered>,
        context: &Context,
    ) -> Result<Entry, Problem> {
        let address = format!("guesses#{}", self.pepper.first().key("address", &context.counted_ip()));
        let (counted, claim, of_address) = join!(
            self.codes.count_guess(phone, purpose, challenge_id),
            self.requests.claim(key),
            self.counters.take(&address, self.per_address, LimitOf::Address),
        );
        let allowed = match (claim, of_address) {
            (Ok(Claim::Mismatch), _) => Err(Code::IdempotencyMismatch.into()),
            (Ok(Claim::Same(Some(began))), _) => Ok(Some(began)),
            (Ok(Claim::Same(None)), Ok(Ok(_))) => Ok(None),
            (_, Ok(Err(limit))) => Err(Problem::limited(limit, self.world.now())),
            (Err(error), _) | (_, Err(error)) => Err(error.into()),
        };
        match (allowed, counted?) {
            (Ok(None), Count::Counted(counted)) => Ok(Entry::Guess(counted)),
            (Ok(None), Count::NoCode) => Err(Problem::invalid_code(Some(0))),
            (Ok(None), Count::Limited(limit)) => Err(Problem::limited(limit, self.world.now())),
            (stopped, counted) => {
                if let Count::Counted(counted) = counted {
                    self.take_back(&counted).await?;
                }
                stopped?.map(Entry::Repeated).ok_or_else(|| Code::Unavailable.into())
            }
        }
    }

    /// Takes a guess back that is not compared after all.
    ///
    /// # Errors
    /// If the table does not answer; the guess then stays counted.
    pub async fn take_back(&self, counted: &Counted) -> Result<(), StoreError> {
        self.codes.uncount(counted).await
    }
}
