//! Shift registers: the last few times of something, in attributes of one item.

use std::fmt::Write as _;

use crate::base::world::Timestamp;
use crate::cloud::items::{Item, number, read_number};
use crate::cloud::writes::Write;
use crate::domain::limits::Window;

/// The last few times of something, newest first, as attributes `t1`, `t2`, …
/// of one item. `length` of them are enough to judge the widest window; two are
/// kept in any case, so that there is always something to shift.
pub(super) struct Register {
    prefix: &'static str,
    length: usize,
}

impl Register {
    /// The one that is enough for these windows.
    pub(super) fn new(prefix: &'static str, windows: &[Window]) -> Self {
        let most = windows.iter().filter(|window| window.is_on()).map(|window| window.most).max();
        Self { prefix, length: most.map_or(2, |most| most.max(2) as usize) }
    }

    /// On condition that each window has room for one more.
    pub(super) fn require_room(&self, mut update: Write, windows: &[Window], now: Timestamp) -> Write {
        for (index, window) in windows.iter().filter(|window| window.is_on()).enumerate() {
            let nth = format!("{}{}", self.prefix, window.most);
            let before = format!(":{}_before_{index}", self.prefix);
            update = update
                .only_if(format!("attribute_not_exists({nth}) OR {nth} <= {before}"))
                .value(before, number(now.plus_seconds(-window.seconds).millis()));
        }
        update
    }

    /// `t1 = now, t2 = t1, …`: every right side is read before any is written.
    pub(super) fn shift_in(&self, update: Write, now: Timestamp) -> Write {
        let p = self.prefix;
        let actions = (1..self.length).fold(format!("{p}1 = :{p}_now"), |mut all, n| {
            let _ = write!(all, ", {p}{} = if_not_exists({p}{n}, :zero)", n + 1);
            all
        });
        update.set(actions).value(format!(":{p}_now"), number(now.millis())).value(":zero", number(0))
    }

    /// Takes back the newest: `t1 = t2, …`; the last has nothing to take over.
    pub(super) fn shift_out(&self, update: Write) -> Write {
        let p = self.prefix;
        let actions: Vec<_> =
            (1..self.length).map(|n| format!("{p}{n} = if_not_exists({p}{}, :zero)", n + 1)).collect();
        update.set(actions.join(", ")).remove(format!("{p}{}", self.length)).value(":zero", number(0))
    }

    /// The times of an item, newest first.
    pub(super) fn read(&self, item: &Item) -> Vec<Timestamp> {
        (1..=self.length)
            .map_while(|n| read_number(item, &format!("{}{n}", self.prefix)))
            .map(Timestamp::from_millis)
            .collect()
    }
}
