//! A request, and all that came of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Applied, Change, Place};
use crate::call::{Answer, Call};
use crate::weather::Trouble;

/// Whether a write adds to what is counted, or takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    Take,
    GiveBack,
}

/// A request, and all that came of it.
pub(crate) struct Ledger {
    pub(crate) id: u64,
    pub(crate) call: Call,
    pub(crate) begun: i64,
    pub(crate) begun_seq: u64,
    pub(crate) applied: Vec<Applied>,
    /// Where an attempt to write met trouble: it may have taken effect or not, late
    /// or twice.
    pub(crate) troubled: BTreeSet<(Place, Direction)>,
    /// How often it met each kind of trouble with a table.
    pub(crate) met: BTreeMap<Trouble, u32>,
    /// Texts that it had a carrier take, or may have had.
    pub(crate) handed: u32,
    /// A carrier said no to it.
    pub(crate) refused_by_carrier: bool,
    pub(crate) answer: Option<Answer>,
}

impl Ledger {
    /// All that it changed, in order.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.applied.iter().flat_map(|applied| &applied.changes)
    }

    pub(crate) fn is_troubled(&self, place: &Place) -> bool {
        [Direction::Take, Direction::GiveBack].iter().any(|of| self.is_troubled_in(place, *of))
    }

    pub(crate) fn is_troubled_in(&self, place: &Place, direction: Direction) -> bool {
        self.troubled.contains(&(place.clone(), direction))
    }

    pub(crate) fn committed(&self) -> bool {
        self.applied.iter().any(Applied::is_deed)
    }
}
