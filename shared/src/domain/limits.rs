//! Limits over time. Those of a phone are kept as registers of the last few
//! times at which something was done: `t1` the newest, `t2` the one before, and
//! so on. Those of an address, a day and a user are counted by the clock.
//!
//! "At most n in any window" holds exactly if, before each new time is shifted
//! in, the n-th newest is older than the window. No counter that starts anew
//! at the full hour, so no double allowance around it.

use crate::base::world::Timestamp;

/// The seconds of an hour.
pub const HOUR: i64 = 3_600;
/// The seconds of a day.
pub const DAY: i64 = 86_400;

/// A limit that is met: which, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitMet {
    /// Which.
    pub of: LimitOf,
    /// When it is over.
    pub until: Timestamp,
}

/// What holds a phone up in one of its registers, each with when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The time between two texts.
    Cooldown(Timestamp),
    /// Texts in an hour.
    Hour(Timestamp),
    /// Texts in a day.
    Day(Timestamp),
    /// Wrong guesses in a day.
    Guesses(Timestamp),
    /// Codes that known devices asked for and did not enter: they are strangers until
    /// one is entered.
    Unentered(Timestamp),
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitOf {
    /// The time between two texts to a phone.
    Cooldown,
    /// Texts to a phone in an hour or a day.
    Codes,
    /// Wrong guesses for a phone.
    Guesses,
    /// Requests of an address.
    Address,
    /// Texts of the deployment.
    Day,
    /// Texts to a block that was spent.
    Place,
    /// Wrong invite codes of a user.
    InviteGuesses,
}

impl LimitOf {
    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cooldown => "cooldown",
            Self::Codes => "codes",
            Self::Guesses => "guesses",
            Self::Address => "address",
            Self::Day => "day",
            Self::Place => "place",
            Self::InviteGuesses => "invite_guesses",
        }
    }
}

/// At most `most` times in any `seconds`; no limit if `most` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How often.
    pub most: u32,
    /// In how long.
    pub seconds: i64,
}

impl Window {
    /// Whether it limits anything.
    pub const fn is_on(self) -> bool {
        self.most > 0 && self.seconds > 0
    }

    /// This window where `on`, else one that limits nothing.
    #[must_use]
    pub const fn only_if(self, on: bool) -> Self {
        if on { self } else { Self { most: 0, ..self } }
    }

    /// The hour or day of the clock (UTC) that `now` is in: its beginning and its end.
    pub const fn of_clock(self, now: Timestamp) -> (Timestamp, Timestamp) {
        let start = now.seconds().div_euclid(self.seconds) * self.seconds;
        let start = Timestamp::from_millis(start * 1_000);
        (start, start.plus_seconds(self.seconds))
    }

    /// When the next time is allowed again, given the register (`times[0]` the
    /// newest); `None` if it is allowed now.
    pub fn full_until(self, times: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
        let nth = times.get(usize::try_from(self.most).ok()?.checked_sub(1)?)?;
        let free = nth.plus_seconds(self.seconds);
        (self.is_on() && free > now).then_some(free)
    }
}

/// What bounds the deployment, and each address that asks it.
#[derive(Clone, Debug)]
pub struct CrowdLimits {
    /// Codes asked for by one address.
    pub codes_per_address: Window,
    /// Guesses from one address.
    pub guesses_per_address: Window,
    /// Texts of the whole deployment.
    pub texts: Ceiling,
}

/// How many texts a day the whole deployment sends: never more, and no kill
/// switch. Strangers may take a part of them, the rest is for known devices; and
/// proofs a part of the strangers', the rest is for places that are not short. So a
/// flood, which soon proves for every text, locks nobody else out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// All of them; where they are not limited, nor are the parts.
    pub all: Window,
    /// The most that strangers take.
    pub strangers: u32,
    /// The most that proofs take.
    pub proved: u32,
}

/// Which part of a ceiling a text is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// A known device's.
    Known,
    /// A stranger's.
    Stranger,
    /// A stranger's with a proof.
    Proof,
}

/// What a day took of its ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Texts in all.
    pub all: u32,
    /// Texts of strangers.
    pub strangers: u32,
    /// Texts of strangers that took a proof.
    pub proved: u32,
}

impl Ceiling {
    /// With a share of it, in percent, kept for known devices. Of the rest half is
    /// for places that are short.
    pub fn reserving(all: Window, percent: u32) -> Self {
        let kept = u64::from(all.most) * u64::from(percent.min(100)) / 100;
        let strangers = all.most - u32::try_from(kept).unwrap_or(all.most);
        Self { all, strangers, proved: strangers / 2 }
    }

    /// As it is where `on`, else none.
    #[must_use]
    pub const fn only_if(self, on: bool) -> Self {
        Self { all: self.all.only_if(on), ..self }
    }

    /// What is taken after one more text; `None` where there is none left.
    #[must_use]
    pub const fn take(&self, taken: Texts, share: Share) -> Option<Texts> {
        let Texts { mut all, mut strangers, mut proved } = taken;
        all += 1;
        let is_within = match share {
            Share::Known => true,
            Share::Stranger => {
                strangers += 1;
                strangers <= self.strangers
            }
            Share::Proof => {
                (strangers, proved) = (strangers + 1, proved + 1);
                strangers <= self.strangers && proved <= self.proved
            }
        };
        let is_open = !self.all.is_on() || (is_within && all <= self.all.most);
        if is_open { Some(Texts { all, strangers, proved }) } else { None }
    }

    /// How many times harder a proof is than the first of the day: twice as hard
    /// after each quarter of what proofs may take, up to 16 times.
    pub const fn hardness(&self, taken: Texts) -> u32 {
        match (4 * taken.proved as u64).checked_div(self.proved as u64) {
            Some(quarters) if self.all.is_on() => 1 << (if quarters < 4 { quarters } else { 4 }),
            _ => 1,
        }
    }
}

/// What bounds codes and guesses per phone.
#[derive(Clone, Debug)]
pub struct CodeLimits {
    /// Digits in a code.
    pub length: u32,
    /// Seconds a code lives.
    pub ttl: u32,
    /// Guesses compared against one code; 0: no limit.
    pub max_attempts: u32,
    /// Seconds between two texts, as a window of one.
    pub cooldown: Window,
    /// Texts in an hour.
    pub per_hour: Window,
    /// Texts in a day.
    pub per_day: Window,
    /// Wrong guesses in a day.
    pub guesses_per_day: Window,
}

impl CodeLimits {
    /// The windows that bound texts, in the order in which they are named.
    pub const fn sends(&self) -> [Window; 3] {
        [self.cooldown, self.per_hour, self.per_day]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_exact_to_the_millisecond() {
        let window = Window { most: 2, seconds: 60 };
        let at = Timestamp::from_millis;
        let times = [at(50_000), at(10_000), at(5_000)];
        assert_eq!(window.full_until(&times, at(69_999)), Some(at(70_000)));
        assert_eq!(window.full_until(&times, at(70_000)), None);
        assert_eq!(window.full_until(&times[..1], at(50_001)), None);
        assert_eq!(Window { most: 0, seconds: 60 }.full_until(&times, at(50_001)), None);
        assert_eq!(Window { most: 1, seconds: 0 }.full_until(&times, at(50_000)), None);
    }

    #[test]
    fn a_part_of_a_ceiling_is_kept() {
        let strangers = |most, percent| Ceiling::reserving(Window { most, seconds: DAY }, percent).strangers;
        assert_eq!((strangers(10_000, 30), strangers(10, 30), strangers(2, 30)), (7_000, 7, 2));
        assert_eq!((strangers(10, 0), strangers(10, 100), strangers(u32::MAX, 100)), (10, 0, 0));
    }

    fn ceiling(texts: u32) -> Ceiling {
        Ceiling::reserving(Window { most: texts, seconds: DAY }, 20)
    }

    #[test]
    fn the_ceiling_keeps_a_part_for_known_devices_and_one_for_places_that_are_not_short() {
        let ceiling = ceiling(10_000);
        assert_eq!((ceiling.strangers, ceiling.proved), (8_000, 4_000));
        let take =
            |all, strangers, proved, share| ceiling.take(Texts { all, strangers, proved }, share).is_some();
        assert!(take(9_999, 0, 0, Share::Known) && !take(10_000, 0, 0, Share::Known));
        assert!(take(9_999, 7_999, 0, Share::Stranger) && !take(10_000, 7_999, 0, Share::Stranger));
        assert!(!take(8_000, 8_000, 0, Share::Stranger) && take(8_000, 8_000, 0, Share::Known));
        assert!(take(3_999, 3_999, 3_999, Share::Proof) && !take(4_000, 4_000, 4_000, Share::Proof));
        assert!(take(4_000, 4_000, 4_000, Share::Stranger));
    }

    #[test]
    fn what_is_taken_is_counted_where_it_belongs() {
        let ceiling = ceiling(10);
        let shares = [Share::Known, Share::Stranger, Share::Proof];
        let taken = shares.iter().try_fold(Texts::default(), |taken, share| ceiling.take(taken, *share));
        assert_eq!(taken, Some(Texts { all: 3, strangers: 2, proved: 1 }));
    }

    #[test]
    fn no_ceiling_refuses_nothing() {
        let full = Texts { all: u32::MAX - 1, strangers: 9, proved: 9 };
        assert!(ceiling(0).take(full, Share::Proof).is_some());
        assert_eq!(ceiling(0).hardness(full), 1);
    }

    #[test]
    fn proofs_grow_harder_with_what_they_took() {
        let hardness = |proved| ceiling(10_000).hardness(Texts { all: 0, strangers: 0, proved });
        assert_eq!([0, 999, 1_000, 2_000, 3_000, 4_000, 9_000].map(hardness), [1, 1, 2, 4, 8, 16, 16]);
    }
}
