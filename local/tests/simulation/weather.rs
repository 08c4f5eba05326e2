//! What can go wrong in a run, and how often. Every run has a weather of its own:
//! some kinds of trouble not at all, others often.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

/// What can go wrong with one request to a table, to a carrier or to the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// It never arrives.
    LostBefore,
    /// It takes effect, and the answer is lost.
    LostAfter,
    /// The table has had enough.
    Throttled,
    /// Another transaction is at the same item.
    Conflict,
    /// The same transaction is under way.
    InProgress,
    /// The table fails, and nothing happened.
    BrokenBefore,
    /// The table fails, and it took effect.
    BrokenAfter,
    /// A batch is answered in part.
    Partly,
    /// A read that need not be consistent is of a while ago.
    Stale,
    /// The carrier says no.
    CarrierRefuses,
    /// The carrier has the text and fails.
    CarrierBreaks,
    /// The carrier has the text and does not answer.
    CarrierSilent,
    /// The carrier is not reached.
    CarrierUnreached,
    /// The client never gets the answer.
    AnswerLost,
}

impl Trouble {
    pub(crate) const ALL: [Self; 14] = [
        Self::LostBefore,
        Self::LostAfter,
        Self::Throttled,
        Self::Conflict,
        Self::InProgress,
        Self::BrokenBefore,
        Self::BrokenAfter,
        Self::Partly,
        Self::Stale,
        Self::CarrierRefuses,
        Self::CarrierBreaks,
        Self::CarrierSilent,
        Self::CarrierUnreached,
        Self::AnswerLost,
    ];

    const OF_READS: [Self; 6] =
        [Self::LostBefore, Self::LostAfter, Self::Throttled, Self::BrokenBefore, Self::Partly, Self::Stale];

    const OF_WRITES: [Self; 6] = [
        Self::LostBefore,
        Self::LostAfter,
        Self::Throttled,
        Self::Conflict,
        Self::BrokenBefore,
        Self::BrokenAfter,
    ];

    const OF_CARRIERS: [Self; 4] =
        [Self::CarrierRefuses, Self::CarrierBreaks, Self::CarrierSilent, Self::CarrierUnreached];
}

/// How long a request to a table is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Latency {
    /// No time at all.
    None,
    /// Some milliseconds.
    Short,
    /// Up to two seconds, mostly far less: longer than an attempt may take.
    Long,
}

/// When TTL takes away what is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    Promptly,
    Late,
    Never,
}

/// The weather of a run.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    pub(crate) chances: BTreeMap<Trouble, f64>,
    pub(crate) latency: Latency,
    pub(crate) ttl: Ttl,
}

impl Weather {
    /// A calm day.
    pub(crate) const fn calm() -> Self {
        Self { chances: BTreeMap::new(), latency: Latency::None, ttl: Ttl::Never }
    }

    /// Any day.
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        let mut chances = BTreeMap::new();
        let is_rough = rng.random_bool(0.8);
        for trouble in Trouble::ALL {
            let often = [0.0, 0.0, 0.01, 0.04, 0.12][rng.random_range(0..5)];
            if is_rough && often > 0.0 {
                let often = if trouble >= Trouble::CarrierRefuses { often * 3.0 } else { often };
                chances.insert(trouble, often);
            }
        }
        Self {
            chances,
            latency: [Latency::None, Latency::Short, Latency::Short, Latency::Long][rng.random_range(0..4)],
            ttl: [Ttl::Promptly, Ttl::Late, Ttl::Never][rng.random_range(0..3)],
        }
    }

    /// The same without one kind of trouble.
    #[must_use]
    pub(crate) fn without(&self, trouble: Trouble) -> Self {
        let mut other = self.clone();
        other.chances.remove(&trouble);
        other
    }

    /// What a read meets.
    pub(crate) fn of_read(&self, rng: &mut StdRng) -> Option<Trouble> {
        self.one_of(&Trouble::OF_READS, rng)
    }

    /// What a write meets.
    pub(crate) fn of_write(&self, is_transaction: bool, rng: &mut StdRng) -> Option<Trouble> {
        if is_transaction && self.meets(Trouble::InProgress, rng) {
            return Some(Trouble::InProgress);
        }
        self.one_of(&Trouble::OF_WRITES, rng)
    }

    /// What a text meets.
    pub(crate) fn of_text(&self, rng: &mut StdRng) -> Option<Trouble> {
        self.one_of(&Trouble::OF_CARRIERS, rng)
    }

    /// Whether one kind of trouble is met.
    pub(crate) fn meets(&self, trouble: Trouble, rng: &mut StdRng) -> bool {
        // Drawn in any case, so that without one kind of trouble the others stay.
        rng.random::<f64>() < self.chances.get(&trouble).copied().unwrap_or(0.0)
    }

    fn one_of(&self, kinds: &[Trouble], rng: &mut StdRng) -> Option<Trouble> {
        let met: Vec<_> = kinds.iter().map(|kind| self.meets(*kind, rng)).collect();
        kinds.iter().zip(met).find(|(_, met)| *met).map(|(kind, _)| *kind)
    }

    /// How long a way to a table, or back, takes.
    pub(crate) fn way(&self, rng: &mut StdRng) -> Duration {
        let drawn = rng.random::<f64>();
        let most = match self.latency {
            Latency::None => return Duration::ZERO,
            Latency::Short => 20.0_f64,
            Latency::Long => 1_500.0_f64,
        };
        // Log-uniform: as many below a tenth as above it, and so on.
        Duration::from_secs_f64(most.powf(drawn) / 1_000.0)
    }
}
