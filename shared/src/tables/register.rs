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

    /// One of so many, at least two.
    pub(super) const fn of_length(prefix: &'static str, length: usize) -> Self {
        Self { prefix, length }
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
        self.shift_in_number(update, now.millis())
    }

    /// The same of a number that begins with a time.
    pub(super) fn shift_in_number(&self, update: Write, newest: i64) -> Write {
        let p = self.prefix;
        let actions = (1..self.length).fold(format!("{p}1 = :{p}_now"), |mut all, n| {
            let _ = write!(all, ", {p}{} = if_not_exists({p}{n}, :zero)", n + 1);
            all
        });
        update.set(actions).value(format!(":{p}_now"), number(newest)).value(":zero", number(0))
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
        self.numbers(item).map(Timestamp::from_millis).collect()
    }

    /// The numbers of an item, newest first; 0 where there was nothing to shift.
    pub(super) fn numbers(&self, item: &Item) -> impl Iterator<Item = i64> {
        (1..=self.length).map_while(|n| read_number(item, &format!("{}{n}", self.prefix)))
    }

    /// Puts these numbers into the place of those of an item, newest first; none are
    /// left of more.
    pub(super) fn replace(&self, update: Write, item: &Item, numbers: &[i64]) -> Write {
        let p = self.prefix;
        let update = (1..).zip(numbers).take(self.length).fold(update, |update, (n, newest)| {
            update.set(format!("{p}{n} = :{p}_{n}")).value(format!(":{p}_{n}"), number(*newest))
        });
        let rest = item.keys().filter(|name| {
            let nth = name.strip_prefix(p).and_then(|nth| nth.parse::<usize>().ok());
            nth.is_some_and(|nth| nth > numbers.len())
        });
        rest.fold(update, Write::remove)
    }
}
