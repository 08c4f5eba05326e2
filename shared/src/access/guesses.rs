//! Guesses at codes: counted for their phone and their address at once, compared
//! only if nothing stands in the way.

use std::sync::Arc;

use crate::access::limits;
use crate::access::limits::{Allowance, GuessAllowance, KeyClaim, Limit, Passed};
use crate::base::config::Parameter;
use crate::base::error::StartError;
use crate::base::metrics;
use crate::base::metrics::Metric;
use crate::base::world::World;
use crate::cloud::setup::Setup;
use crate::cloud::writes::Write;
use crate::domain::code::{OneTimeCode, Purpose};
use crate::domain::limits::Window;
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::domain::phone_lists::TestPhones;
use crate::http::context::Context;
use crate::http::problem::{Code, Problem};
use crate::settings;
use crate::tables::codes::{Codes, CountedGuess, Guess, Proof};
use crate::tables::counters::Counters;
use crate::tables::guard::{Guard, TextFate};
use crate::tables::idempotency::{Began, Idempotency, IdempotencyKey, Remembered};
use crate::tables::tally::Tally;

/// What counts guesses.
pub struct Guesses {
    codes: Codes,
    counters: Counters,
    idempotency: Idempotency,
    tally: Tally,
    pepper: Pepper,
    per_address: Window,
    testers: TestPhones,
    world: Arc<World>,
}

/// What a request comes to before its guess is compared.
#[derive(Debug)]
pub enum Attempt {
    /// A guess, to be compared.
    Guess(CountedGuess),
    /// The same request was answered before.
    Repeated(Began),
}

impl Guesses {
    /// The parameters that [`Guesses::new`] reads.
    pub fn parameters() -> Vec<&'static Parameter> {
        let rules = [settings::CROWD_LIMITS, settings::TEST_PHONES];
        [Codes::PARAMETERS, Guard::PARAMETERS, &rules].concat().concat()
    }

    /// Those at the codes of the deployment.
    pub fn new(setup: &Setup, pepper: Pepper) -> Result<Self, StartError> {
        let codes = Codes::new(setup, pepper.clone())?;
        Ok(Self {
            idempotency: Idempotency::new(setup, pepper.clone(), codes.limits().ttl),
            codes,
            counters: Counters::new(setup),
            tally: Tally::new(setup, Arc::new(Guard::new(setup)?)),
            pepper,
            per_address: settings::crowd_limits(&setup.vars)?.guesses_per_address,
            testers: settings::test_phones(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    /// How a request that exchanges a code is remembered.
    pub fn remember(&self, key: &IdempotencyKey) -> Remembered {
        self.idempotency.of("token", None, key)
    }

    /// The requests that are remembered.
    pub const fn idempotency(&self) -> &Idempotency {
        &self.idempotency
    }

    /// Counts a guess, in one wave with `also`. Where something stands in the
    /// way it is taken back, and never compared.
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
        also: &[&dyn Limit],
    ) -> Result<Attempt, Problem> {
        let address = format!("guesses#{}", self.pepper.first().key("address", &context.counted_ip()));
        let key = KeyClaim::new(&self.idempotency, key);
        let guess = GuessAllowance::new(&self.codes, phone, purpose, challenge_id);
        // Guesses at phones without a code count, too.
        let address = Allowance::of_address(&self.counters, address, self.per_address).kept();
        let limits = [also, &[&key, &guess, &address]].concat();
        let attempt = match limits::take(&limits, self.world.now()).await? {
            Passed::Granted => guess.into_counted().map(Attempt::Guess),
            Passed::Repeated => key.into_began().map(Attempt::Repeated),
        };
        attempt.ok_or_else(|| Code::Unavailable.into())
    }

    /// Compares a counted guess.
    ///
    /// # Errors
    /// `invalid_code` if it is wrong.
    pub fn compare(&self, counted: CountedGuess, typed: &str) -> Result<Proof, Problem> {
        match self.codes.compare(counted, &OneTimeCode::typed(typed)) {
            Guess::Right(proof) => Ok(proof),
            Guess::Wrong(left) => {
                metrics::count(Metric::CodesWrong);
                Err(Problem::invalid_code(left))
            }
        }
    }

    /// What is told where a right guess came to nothing: unless its code may be
    /// spent, it is taken back.
    pub async fn undone(&self, proof: &Proof, problem: Problem) -> Problem {
        if matches!(problem.code(), Code::OutcomeUnknown | Code::InvalidCode) {
            return problem;
        }
        match self.codes.unprove(proof).await {
            Err(error) if problem.code() == Code::Unavailable => error.once_written().into(),
            _ => problem,
        }
    }

    /// Spends a code that was entered, in one transaction with what it is spent
    /// for.
    pub fn spend(&self, proof: &Proof) -> Write {
        self.codes.spend(proof)
    }

    /// Counts that a text's code was entered, once the transaction that spends it
    /// took effect. A test number has no text.
    pub async fn count_entered(&self, proof: &Proof) {
        if self.testers.find(&proof.phone, self.world.now()).is_none() {
            metrics::count(Metric::CodesEntered);
            self.tally.count(TextFate::Entered, &proof.phone, proof.sent_at).await;
        }
    }
}
