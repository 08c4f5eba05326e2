//! Guesses at codes: counted for their phone and their address at once, compared
//! only if nothing stands in the way.

use std::sync::Arc;

use tokio::join;

use crate::config;
use crate::domain::code::{OneTimeCode, Purpose};
use crate::domain::limits::{CrowdLimits, LimitOf, Window};
use crate::domain::numbers::TestPhones;
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::http::idempotency::RequestKey;
use crate::http::problem::{Code, Problem};
use crate::http::request::Context;
use crate::lambda::StartError;
use crate::metrics::{self, Metric};
use crate::setup::Setup;
use crate::tables::StoreError;
use crate::tables::codes::{Codes, Count, Counted, Guess, Proof};
use crate::tables::counters::Counters;
use crate::tables::guard::{self, Guard};
use crate::tables::requests::{Began, Claim, Remembered, Requests};
use crate::tables::transaction::Write;
use crate::tally::Tally;
use crate::world::World;

/// What counts guesses.
pub struct Guesses {
    codes: Codes,
    counters: Counters,
    requests: Requests,
    tally: Tally,
    pepper: Pepper,
    per_address: Window,
    testers: TestPhones,
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
    pub fn new(setup: &Setup, pepper: Pepper) -> Result<Self, StartError> {
        let codes = Codes::new(setup, pepper.clone())?;
        Ok(Self {
            requests: Requests::new(setup, pepper.clone(), codes.limits().ttl),
            codes,
            counters: Counters::new(setup),
            tally: Tally::new(setup, Arc::new(Guard::new(setup)?)),
            pepper,
            per_address: CrowdLimits::read(&setup.vars)?.guesses_per_address,
            testers: TestPhones::read(&setup.vars, setup.vars.parsed(config::DEFAULT_REGION)?)?,
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

    /// Compares a counted guess.
    ///
    /// # Errors
    /// `invalid_code` if it is wrong.
    pub fn compare(&self, counted: Counted, typed: &str) -> Result<Proof, Problem> {
        match self.codes.compare(counted, &OneTimeCode::typed(typed)) {
            Guess::Right(proof) => Ok(proof),
            Guess::Wrong(left) => {
                metrics::count(Metric::CodesWrong);
                Err(Problem::invalid_code(left))
            }
        }
    }

    /// Spends a code that was entered, in one transaction with what it is spent
    /// for.
    pub fn spend(&self, proof: &Proof) -> Write {
        self.codes.spend(proof)
    }

    /// Counts that a text's code was entered, beside the transaction that spends
    /// it or after the answer. A test number has no text.
    pub async fn count_entered(&self, proof: &Proof) {
        if self.testers.find(&proof.phone, self.world.now()).is_none() {
            metrics::count(Metric::CodesEntered);
            self.tally.count(guard::Counted::Entered, &proof.phone, proof.sent_at).await;
        }
    }
}
