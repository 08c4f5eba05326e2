//! Guesses at codes: counted for their phone and their address at once, compared
//! only if nothing stands in the way.

use std::sync::Arc;

use crate::access::limits;
use crate::access::limits::{AddressAllowance, GuessAllowance, KeyClaim, Limit, ListedDevice, Passed};
use crate::base::config::Parameter;
use crate::base::error::StartError;
use crate::base::hidden::Hidden;
use crate::base::metrics::{self, Metric};
use crate::base::world::World;
use crate::cloud::setup::Setup;
use crate::cloud::transaction::RefusedPart;
use crate::cloud::writes::Write;
use crate::domain::code::{OneTimeCode, Purpose};
use crate::domain::device::Asker;
use crate::domain::device_token::DeviceToken;
use crate::domain::limits::Window;
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::domain::phone_lists::TestPhones;
use crate::http::context::Context;
use crate::http::problem::{Code, Problem};
use crate::http::proxy::Proxy;
use crate::settings;
use crate::tables;
use crate::tables::codes::{Codes, CountedGuess, Guess, Proof};
use crate::tables::counters::Counters;
use crate::tables::guard::Guard;
use crate::tables::idempotency::{Began, Idempotency, Remembered};
use crate::tables::stats::Stats;
use crate::tables::users::Users;

/// What counts guesses.
pub struct Guesses {
    codes: Codes,
    counters: Counters,
    idempotency: Idempotency,
    guard: Guard,
    stats: Stats,
    users: Users,
    pepper: Pepper,
    per_address: Window,
    testers: TestPhones,
    world: Arc<World>,
}

/// A guess, before it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Guessed<'a> {
    /// At whose code.
    pub phone: &'a Phone,
    /// At a code for what.
    pub purpose: &'a Purpose,
    /// The challenge that came with it.
    pub challenge_id: Option<&'a str>,
    /// The device that it comes from, as far as its token says.
    pub device: Option<&'a DeviceToken>,
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
        let rules = [settings::CROWD_LIMITS, settings::TEST_PHONES, &Proxy::PARAMETERS];
        [Codes::PARAMETERS, Guard::PARAMETERS, &rules, &[tables::USERS]].concat().concat()
    }

    /// Those at the codes of the deployment.
    pub fn new(setup: &Setup, pepper: Pepper) -> Result<Self, StartError> {
        let codes = Codes::new(setup, pepper.clone())?;
        Ok(Self {
            idempotency: Idempotency::new(setup, pepper.clone(), codes.limits().ttl),
            codes,
            counters: Counters::new(setup),
            guard: Guard::new(setup)?,
            stats: Stats::new(setup),
            users: Users::new(setup),
            pepper,
            per_address: settings::crowd_limits(&setup.vars)?.guesses_per_address,
            testers: settings::test_phones(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    /// Counts a guess, in one wave with `also`. Where something stands in the
    /// way it is taken back, and never compared. One from a device that only says to
    /// be known is counted anew, as a stranger's.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn enter(
        &self,
        guess: Guessed<'_>,
        key: Option<&Remembered>,
        context: &Context,
        also: &[&dyn Limit],
    ) -> Result<Attempt, Problem> {
        let Guessed { phone, purpose, challenge_id, mut device } = guess;
        loop {
            let asker = match (challenge_id, device) {
                (Some(challenge_id), _) => Asker::of_challenge(challenge_id),
                (None, Some(_)) => Asker::Known,
                (None, None) => Asker::Stranger,
            };
            let per_address = self.per_address.only_if(device.is_none());
            let key = KeyClaim::new(&self.idempotency, key);
            let listed = ListedDevice::new(&self.users, device, phone);
            let guess = GuessAllowance::new(&self.codes, asker, phone, purpose, challenge_id);
            // Guesses at phones without a code count, too.
            let address = AddressAllowance::of_guess(&self.counters, per_address, &self.pepper, context);
            let limits = [also, &[&key, &listed, &guess, &address]].concat();
            let attempt = match limits::take(&limits, self.world.now()).await? {
                Passed::Granted => guess.into_counted().map(Attempt::Guess),
                Passed::Repeated => key.into_began().map(Attempt::Repeated),
                Passed::Less(_) => {
                    device = None;
                    continue;
                }
                // No guess asks for a proof.
                Passed::StepUp => None,
            };
            return attempt.ok_or_else(|| Code::Unavailable.into());
        }
    }

    /// The device token that came with a phone, if it is one of ours and of that
    /// phone: whatever else is a stranger's.
    pub fn device(&self, token: Option<&Hidden<String>>, phone: &Phone) -> Option<DeviceToken> {
        DeviceToken::parse(&token?.0, phone, self.world.now(), &self.pepper)
    }

    /// Compares a counted guess.
    ///
    /// # Errors
    /// `invalid_code` if it is wrong.
    pub fn compare(&self, counted: CountedGuess, typed: &OneTimeCode) -> Result<Proof, Problem> {
        match self.codes.compare(counted, typed) {
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

    /// What is told where a code could not be spent. Where its item was moved meanwhile, an
    /// attempt that is still under way may find it when it is moved back.
    pub fn not_spent(&self, refused: &RefusedPart) -> Problem {
        if self.codes.may_be_live(refused) {
            Code::OutcomeUnknown.into()
        } else {
            Problem::invalid_code(Some(0))
        }
    }

    /// Counts that a text's code was entered, once the transaction that spends it
    /// took effect. A test number has no text.
    pub async fn count_entered(&self, proof: &Proof) {
        if self.testers.find(&proof.phone, self.world.now()).is_some() {
            return;
        }
        metrics::count_text(Metric::CodesEntered, proof.phone.country(), None);
        let credit = async {
            if let Some(means) = proof.means {
                self.guard.entered(&proof.phone, means).await;
            }
        };
        tokio::join!(self.stats.entered(), credit);
    }
}
