//! Time and chance of a run: all of both follows from one seed.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use latchkey::base::world::{Clock, Timestamp};
use rand::rand_core::{TryCryptoRng, TryRng};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

/// When every run begins: 2026-11-21T01:25:52Z.
pub(crate) const START: i64 = 1_795_224_352_000;

/// The clock of a run. It moves by itself when everybody waits.
#[derive(Clone, Copy)]
pub(crate) struct VirtualClock(Instant);

impl VirtualClock {
    /// One that begins now.
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the run began.
    pub(crate) fn elapsed(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        START + i64::try_from(self.elapsed()).unwrap_or(i64::MAX)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis())
    }
}

/// One number out of several (the finaliser of splitmix64, over a running sum).
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |sum, part| {
        let mut z = (sum ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// One number out of a text (FNV-1a).
pub(crate) fn digest(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A generator of its own.
pub(crate) fn rng(parts: &[u64]) -> StdRng {
    StdRng::seed_from_u64(mix(parts))
}

tokio::task_local! {
    /// The request that is being answered.
    pub(crate) static REQUEST: Scope;
}

/// What a request carries with it, wherever it goes.
#[derive(Clone)]
pub(crate) struct Scope(Arc<Carried>);

struct Carried {
    id: u64,
    nonce: u64,
    asked: AtomicU64,
    chance: Mutex<StdRng>,
}

impl Scope {
    /// Of the request `id`, whose chance follows from `nonce`.
    pub(crate) fn new(id: u64, nonce: u64) -> Self {
        let chance = Mutex::new(rng(&[nonce, 1]));
        Self(Arc::new(Carried { id, nonce, asked: AtomicU64::new(0), chance }))
    }

    /// The present request's, if there is one.
    pub(crate) fn present() -> Option<Self> {
        REQUEST.try_with(Clone::clone).ok()
    }

    /// Which request it is.
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    /// What chance the next thing that it asks of a table or a carrier meets.
    pub(crate) fn next_chance(&self) -> StdRng {
        rng(&[self.0.nonce, 2, self.0.asked.fetch_add(1, Ordering::Relaxed)])
    }
}

/// The generator of an instance: what a request draws is drawn from the request's
/// own, so that it draws the same whatever others do.
pub(crate) struct ChanceOfRequests(StdRng);

impl ChanceOfRequests {
    /// One that draws from `starting` where nobody asks.
    pub(crate) const fn new(starting: StdRng) -> Self {
        Self(starting)
    }

    fn with<T>(&mut self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        match Scope::present() {
            Some(scope) => draw(&mut scope.0.chance.lock().unwrap()),
            None => draw(&mut self.0),
        }
    }
}

impl TryRng for ChanceOfRequests {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.with(Rng::next_u32))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.with(Rng::next_u64))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.with(|rng| rng.fill_bytes(bytes));
        Ok(())
    }
}

impl TryCryptoRng for ChanceOfRequests {}
