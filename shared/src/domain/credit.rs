//! Earned credit: the guard against SMS pumping, somebody who earns from texts
//! to numbers of their own.
//!
//! A *place* is a width and what numbers share there: a *block* (the number
//! less its last four digits), a *range* (less six) and a *country*. Each day
//! of UTC a place has a stock of texts that were not entered yet. A text takes
//! one from each of its places, an entered code gives more than one back, so
//! that people, who enter most codes, never see the end of it, and whoever
//! enters few soon does.
//!
//! Where a place is short, a request is *stepped up*: a proof (of work) opens a
//! second, smaller stock of its block. Where that is spent too, the block is
//! paused until the day ends; wider places never refuse. A block that was spent
//! begins the days after it with less, and is closed for some of them if it was
//! spent again.
//!
//! Every rule here is one condition and one update of one item, without
//! arithmetic in the condition: `left >= 1` and `left - 1`; `left < most` and
//! `left + earns`. So a stock can end up to `earns - 1` above `most`, and codes
//! that are being typed count as not entered.

use crate::domain::phone::{Phone, Region};

/// Into how many items a country's day is cut at most.
const MOST_SHARDS: u32 = 8;

/// How many texts a day a country's item can count: one takes 1,000 writes a
/// second, a text may need three, and days have peaks.
const TEXTS_PER_SHARD: u32 = 1_000_000;

/// For how many days a spent block is remembered.
pub const REMEMBERED_DAYS: u32 = 7;

/// For how many days a block is closed that was spent for the first, second,
/// third time and more.
const CLOSED_DAYS: [u32; 4] = [0, 1, 3, 6];

/// How many texts of a known device may stay without their code being entered,
/// in a day. After them it is a stranger until one is entered.
pub const KNOWN_UNENTERED: u32 = 2;

/// A stock of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// What a day begins with, unless something is known of it before.
    pub start: u32,
    /// From where on nothing is earned.
    pub most: u32,
    /// What an entered code gives back.
    pub earns: u32,
}

/// The guard's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Of a block.
    pub block: Stock,
    /// Of a block, for those who prove.
    pub proved: Stock,
    /// Of a range.
    pub range: Stock,
    /// Of a country, all shards together.
    pub country: Stock,
    /// The country that has its full stock from the first day on, so that a
    /// launch is no attack.
    pub home: Option<Region>,
    /// Into how many items a country's day is cut, each with its part of the
    /// stock. A phone is always in the same one.
    pub shards: u32,
    /// How many texts a block gets in a day, whatever is entered.
    pub texts_per_block: u32,
}

/// How wide a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Width {
    /// Numbers that differ in their last four digits.
    Block,
    /// Numbers that differ in their last six digits.
    Range,
    /// Numbers of a country, or of none.
    Country,
}

/// What numbers share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// How wide it is.
    pub width: Width,
    /// Its name in keys and logs: `block#+7900123`, `range#+79001`,
    /// `country#RU#3`, the last being the shard.
    pub name: String,
    /// Whether it is the home country.
    pub is_home: bool,
}

/// What a place has left of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Texts for whoever asks.
    pub left: u32,
    /// Texts for those who prove; only blocks have any.
    pub proved: u32,
    /// Texts that were sent, counted for blocks only.
    pub sent: u32,
    /// How often the block was spent in the days before.
    pub times: u32,
    /// Whether it is closed until the day ends.
    pub is_closed: bool,
}

/// What the places of a number have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// The block's.
    pub block: Account,
    /// The range's.
    pub range: Account,
    /// The country's, in the phone's shard.
    pub country: Account,
}

/// By what a text was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// By nothing but the request.
    Request,
    /// By a proof with it.
    Proof,
}

/// What the guard says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may be texted.
    Open,
    /// A proof would open it.
    ProofRequired,
    /// Its block is paused.
    Paused {
        /// Whether the second stock was used up, and the block is to be closed:
        /// [`Credit::closed`] today, [`Credit::days_after`] then.
        is_spent: bool,
    },
}

impl Stock {
    /// After a code was entered; `gives` is what it earns here.
    const fn earned(self, left: u32, gives: u32) -> u32 {
        if left < self.most { left + gives } else { left }
    }
}

impl Credit {
    /// The numbers that go with a ceiling of texts a day. `person` is how many
    /// texts a phone may get in an hour: one person alone, however unlucky, is
    /// never stepped up.
    pub fn of(texts_per_day: u32, person: u32, home: Option<Region>) -> Self {
        let most = (texts_per_day / 5).max(100);
        Self {
            block: Stock { start: person + 1, most: 4 * person, earns: 2 },
            proved: Stock { start: 2, most: 2 * person, earns: 1 },
            range: Stock { start: 3 * person, most: (texts_per_day / 50).max(4 * person), earns: 2 },
            country: Stock { start: (texts_per_day / 400).max(25), most, earns: 3 },
            home,
            shards: (texts_per_day / TEXTS_PER_SHARD).clamp(1, MOST_SHARDS),
            texts_per_block: (texts_per_day / 200).max(4 * person),
        }
    }

    /// The places of a number: its block, its range and its country's shard.
    pub fn places(&self, phone: &Phone) -> [Place; 3] {
        let number = phone.as_str();
        let less = |digits: usize| number.get(..number.len().saturating_sub(digits)).unwrap_or_default();
        let country = phone.country();
        let name = country.map_or_else(|| "none".to_owned(), |country| country.to_string());
        // Neighbours are in different ones, so that a block fills none alone.
        let last = number.get(number.len().saturating_sub(3)..).and_then(|digits| digits.parse::<u32>().ok());
        let shard = last.unwrap_or_default() % self.shards;
        let place = |width, name| Place { width, name, is_home: false };
        let is_home = country.is_some() && country == self.home;
        [
            place(Width::Block, format!("block#{}", less(4))),
            place(Width::Range, format!("range#{}", less(6))),
            Place { width: Width::Country, name: format!("country#{name}#{shard}"), is_home },
        ]
    }

    /// The stock of a place, which of a country is one shard's.
    pub const fn stock(&self, width: Width) -> Stock {
        let Stock { start, most, earns } = self.country;
        match width {
            Width::Block => self.block,
            Width::Range => self.range,
            Width::Country => Stock { start: start / self.shards, most: most / self.shards, earns },
        }
    }

    /// What a place has on a day of which nothing is stored.
    pub fn opening(&self, place: &Place) -> Account {
        let stock = self.stock(place.width);
        let left = if place.is_home { stock.most } else { stock.start };
        let proved = if place.width == Width::Block { self.proved.start } else { 0 };
        Account { left, proved, sent: 0, times: 0, is_closed: false }
    }

    /// Whether a number may be texted.
    pub const fn judge(&self, accounts: &Accounts, means: Means) -> Answer {
        let Accounts { block, range, country } = accounts;
        let is_full = block.sent >= self.texts_per_block;
        let is_short = block.left == 0 || range.left == 0 || country.left == 0;
        match means {
            Means::Request if !block.is_closed && !is_full && !is_short => Answer::Open,
            Means::Request if !is_full && block.proved > 0 => Answer::ProofRequired,
            Means::Proof if !is_full && block.proved > 0 => Answer::Open,
            _ => Answer::Paused { is_spent: !block.is_closed && !is_full },
        }
    }

    /// What is left after a text: a proof takes from the block's second stock
    /// alone. Only after [`Answer::Open`].
    #[must_use]
    pub const fn sent(&self, mut accounts: Accounts, means: Means) -> Accounts {
        let Accounts { block, range, country } = &mut accounts;
        block.sent += 1;
        match means {
            Means::Request => {
                block.left = block.left.saturating_sub(1);
                range.left = range.left.saturating_sub(1);
                country.left = country.left.saturating_sub(1);
            }
            Means::Proof => block.proved = block.proved.saturating_sub(1),
        }
        accounts
    }

    /// What is left after a text did not leave after all.
    #[must_use]
    pub const fn not_sent(&self, mut accounts: Accounts, means: Means) -> Accounts {
        let Accounts { block, range, country } = &mut accounts;
        block.sent = block.sent.saturating_sub(1);
        match means {
            Means::Request => {
                block.left += 1;
                range.left += 1;
                country.left += 1;
            }
            Means::Proof => block.proved += 1,
        }
        accounts
    }

    /// What is left after a text's code was entered, counted once a phone and
    /// day. That of a proof's text gives the range nothing, so that who enters
    /// some codes earns no way around proofs, and the country one less than it
    /// would, since it took nothing there.
    #[must_use]
    pub const fn entered(&self, mut accounts: Accounts, means: Means) -> Accounts {
        let Accounts { block, range, country } = &mut accounts;
        let of_country = self.stock(Width::Country);
        match means {
            Means::Request => {
                block.left = self.block.earned(block.left, self.block.earns);
                range.left = self.range.earned(range.left, self.range.earns);
                country.left = of_country.earned(country.left, of_country.earns);
            }
            Means::Proof => {
                block.proved = self.proved.earned(block.proved, self.proved.earns);
                country.left = of_country.earned(country.left, of_country.earns - 1);
            }
        }
        accounts
    }

    /// What the next day of a place has after a code was entered on this one,
    /// so that places with many people begin no day as if nobody knew them.
    #[must_use]
    pub const fn carried(&self, width: Width, mut next_day: Account) -> Account {
        if next_day.left < self.stock(width).most {
            next_day.left += 1;
            if matches!(width, Width::Block) {
                next_day.proved += 1;
            }
        }
        next_day
    }

    /// What is left of a block that was spent: what is entered later opens it
    /// to proofs alone.
    #[must_use]
    pub const fn closed(&self, spent: Account) -> Account {
        Account { is_closed: true, ..spent }
    }

    /// What the days after have of a block that was spent, the next day first.
    /// They are written unless they tell of as many times already.
    pub fn days_after(&self, spent: Account) -> impl Iterator<Item = Account> {
        let times = spent.times + 1;
        let closed = CLOSED_DAYS.iter().take(times as usize).next_back().copied().unwrap_or_default();
        let less = |start: u32| (start >> times.min(31)).max(1);
        let reduced = Account {
            left: less(self.block.start),
            proved: less(self.proved.start),
            sent: 0,
            times,
            is_closed: false,
        };
        (0..REMEMBERED_DAYS.max(closed + 1)).map(move |day| {
            if day < closed { Account { left: 0, proved: 0, is_closed: true, ..reduced } } else { reduced }
        })
    }
}

/// The ceiling of a day: never exceeded, and no kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Texts in all; 0: no limit, and none of the others.
    pub all: u32,
    /// Those of them that strangers may take; the rest is for known devices.
    pub strangers: u32,
    /// Those of the strangers' that proofs may take; the rest is for places
    /// that are not short.
    pub proved: u32,
}

/// What a day took of its ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Texts in all.
    pub all: u32,
    /// Texts of strangers.
    pub strangers: u32,
    /// Texts of strangers that took a proof.
    pub proved: u32,
}

/// Who asks for a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A device that signed in before.
    Known,
    /// Any other.
    Stranger(Means),
}

impl Ceiling {
    /// The parts of a ceiling: a fifth for known devices, and of the rest at
    /// most half for places that are short.
    pub const fn of(texts_per_day: u32) -> Self {
        let strangers = texts_per_day - texts_per_day / 5;
        Self { all: texts_per_day, strangers, proved: strangers / 2 }
    }

    /// What is taken after one more text; `None` where there is none left.
    #[must_use]
    pub const fn take(&self, taken: Taken, asker: Asker) -> Option<Taken> {
        let Taken { mut all, mut strangers, mut proved } = taken;
        all += 1;
        match asker {
            Asker::Known => {}
            Asker::Stranger(Means::Request) => strangers += 1,
            Asker::Stranger(Means::Proof) => {
                strangers += 1;
                proved += 1;
            }
        }
        let is_within = match asker {
            Asker::Known => all <= self.all,
            Asker::Stranger(Means::Request) => all <= self.all && strangers <= self.strangers,
            Asker::Stranger(Means::Proof) => {
                all <= self.all && strangers <= self.strangers && proved <= self.proved
            }
        };
        if self.all == 0 || is_within { Some(Taken { all, strangers, proved }) } else { None }
    }

    /// How many times harder a proof is than the first of the day: twice as
    /// hard after each quarter of what proofs may take.
    pub const fn hardness(&self, taken: Taken) -> u32 {
        match (4 * taken.proved).checked_div(self.proved) {
            Some(quarters) if quarters < 4 => 1 << quarters,
            Some(_) => 16,
            None => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Account = Account { left: 5, proved: 2, sent: 0, times: 0, is_closed: false };

    fn credit() -> Credit {
        Credit::of(10_000, 5, Some("RU".parse().unwrap()))
    }

    fn phone(typed: &str) -> Phone {
        Phone::parse(typed, "RU".parse().unwrap()).unwrap()
    }

    fn accounts(block: u32, range: u32, country: u32) -> Accounts {
        let wide = |left| Account { left, proved: 0, ..ACCOUNT };
        Accounts { block: Account { left: block, ..ACCOUNT }, range: wide(range), country: wide(country) }
    }

    /// What a place of nothing but requests whose codes nobody enters gets.
    fn texts_until_paused(credit: &Credit, mut accounts: Accounts) -> (u32, Accounts) {
        for texts in 0.. {
            let means = match credit.judge(&accounts, Means::Request) {
                Answer::Open => Means::Request,
                Answer::ProofRequired => Means::Proof,
                Answer::Paused { .. } => return (texts, accounts),
            };
            assert_eq!(credit.judge(&accounts, means), Answer::Open);
            accounts = credit.sent(accounts, means);
        }
        unreachable!()
    }

    #[test]
    fn a_number_has_a_block_a_range_and_a_shard_of_its_country() {
        let sharded = Credit { shards: 8, ..credit() };
        let names = |typed| sharded.places(&phone(typed)).map(|place| (place.name, place.is_home));
        let place = |name: &str, is_home| (name.to_owned(), is_home);
        assert_eq!(
            names("+79001234567"),
            [place("block#+7900123", false), place("range#+79001", false), place("country#RU#7", true)]
        );
        assert_eq!(names("+79001234568")[2], place("country#RU#0", true), "neighbours are apart");
        assert_eq!(names("+77011234567")[2], place("country#KZ#7", false), "who shares +7");
        assert_eq!(names("+800 1234 5678")[2], place("country#none#6", false));
    }

    #[test]
    fn the_home_country_begins_with_a_full_stock_and_others_with_a_little() {
        let credit = credit();
        let [block, range, home] = credit.places(&phone("+79001234567"));
        let [.., abroad] = credit.places(&phone("+77011234567"));
        let left = |place| credit.opening(place).left;
        assert_eq!([left(&block), left(&range), left(&home), left(&abroad)], [6, 15, 2_000, 25]);
        assert_eq!([&block, &range, &home].map(|place| credit.opening(place).proved), [2, 0, 0]);
    }

    #[test]
    fn a_request_is_open_where_every_width_has_one_left() {
        let judge = |block, range, country| credit().judge(&accounts(block, range, country), Means::Request);
        assert_eq!(judge(1, 1, 1), Answer::Open);
        for (block, range, country) in [(0, 9, 9), (9, 0, 9), (9, 9, 0)] {
            assert_eq!(judge(block, range, country), Answer::ProofRequired);
        }
    }

    #[test]
    fn wide_places_never_refuse_while_the_block_has_something() {
        let (texts, _) = texts_until_paused(&credit(), accounts(5, 0, 0));
        assert_eq!(texts, 2);
        assert_eq!(credit().judge(&accounts(0, 0, 0), Means::Proof), Answer::Open);
    }

    #[test]
    fn a_block_nobody_enters_codes_of_gets_both_stocks_and_is_spent() {
        let (texts, left) = texts_until_paused(&credit(), accounts(5, 10, 125));
        assert_eq!((texts, left.block.left, left.block.proved, left.block.sent), (7, 0, 0, 7));
        assert_eq!((left.range.left, left.country.left), (5, 120), "proofs take of the block alone");
        for means in [Means::Request, Means::Proof] {
            assert_eq!(credit().judge(&left, means), Answer::Paused { is_spent: true });
        }
        let closed = Accounts { block: credit().closed(left.block), ..left };
        assert_eq!(credit().judge(&closed, Means::Request), Answer::Paused { is_spent: false }, "told once");
    }

    #[test]
    fn a_person_as_unlucky_as_a_phone_may_be_in_an_hour_and_another_are_not_stepped_up() {
        let credit = credit();
        let [block, range, country] =
            credit.places(&phone("+79001234567")).map(|place| credit.opening(&place));
        let mut accounts = Accounts { block, range, country };
        for _ in 0..6 {
            assert_eq!(credit.judge(&accounts, Means::Request), Answer::Open);
            accounts = credit.sent(accounts, Means::Request);
        }
        assert_eq!(credit.judge(&accounts, Means::Request), Answer::ProofRequired);
    }

    #[test]
    fn an_entered_code_gives_more_than_its_text_took_up_to_the_most() {
        let credit = credit();
        let after = |left: Accounts| credit.entered(credit.sent(left, Means::Request), Means::Request);
        let left = after(accounts(5, 10, 100));
        assert_eq!((left.block.left, left.range.left, left.country.left), (6, 11, 102));
        let full = after(accounts(21, 201, 2_002));
        assert_eq!((full.block.left, full.range.left, full.country.left), (20, 200, 2_001), "nothing above");
        let nearly = after(accounts(20, 200, 2_000));
        assert_eq!(
            (nearly.block.left, nearly.range.left, nearly.country.left),
            (21, 201, 2_002),
            "the error"
        );
    }

    #[test]
    fn a_proofs_code_gives_back_what_it_took_the_range_nothing_and_the_country_one_less() {
        let credit = credit();
        let left = credit.entered(credit.sent(accounts(0, 0, 0), Means::Proof), Means::Proof);
        assert_eq!((left.block.left, left.block.proved), (0, 2));
        assert_eq!((left.range.left, left.country.left), (0, 2));
    }

    #[test]
    fn what_did_not_leave_is_given_back() {
        let credit = credit();
        for means in [Means::Request, Means::Proof] {
            let before = accounts(5, 10, 125);
            assert_eq!(credit.not_sent(credit.sent(before, means), means), before);
        }
    }

    #[test]
    fn a_block_gets_only_so_many_whatever_is_entered() {
        let credit = credit();
        let mut left = accounts(5, 10, 125);
        for _ in 0..credit.texts_per_block {
            left = credit.entered(credit.sent(left, Means::Request), Means::Request);
        }
        for means in [Means::Request, Means::Proof] {
            assert_eq!(credit.judge(&left, means), Answer::Paused { is_spent: false });
        }
    }

    #[test]
    fn who_enters_half_of_the_codes_lives_on_what_was_left() {
        let credit = credit();
        let mut left = accounts(5, 10, 125);
        for text in 0..40 {
            assert_eq!(credit.judge(&left, Means::Request), Answer::Open, "{text}");
            left = credit.sent(left, Means::Request);
            if text % 2 == 0 {
                left = credit.entered(left, Means::Request);
            }
        }
        assert_eq!((left.block.left, left.range.left), (5, 10));
    }

    #[test]
    fn days_after_begin_with_less_and_are_closed_the_longer_the_oftener() {
        let days = |times| {
            let spent = Account { left: 0, proved: 0, times, ..ACCOUNT };
            credit().days_after(spent).collect::<Vec<_>>()
        };
        for (times, closed, left, proved) in
            [(0, 0, 3, 1), (1, 1, 1, 1), (2, 3, 1, 1), (3, 6, 1, 1), (40, 6, 1, 1)]
        {
            let days = days(times);
            assert_eq!(days.len(), 7);
            for (after, day) in (0..).zip(days) {
                let is_closed = after < closed;
                let (left, proved) = if is_closed { (0, 0) } else { (left, proved) };
                assert_eq!(day, Account { left, proved, sent: 0, times: times + 1, is_closed });
            }
        }
    }

    #[test]
    fn a_closed_day_refuses_and_spends_nothing_more() {
        let closed = Account { left: 0, proved: 0, times: 2, is_closed: true, ..ACCOUNT };
        let left = Accounts { block: closed, ..accounts(0, 10, 125) };
        for means in [Means::Request, Means::Proof] {
            assert_eq!(credit().judge(&left, means), Answer::Paused { is_spent: false });
        }
    }

    #[test]
    fn an_entered_code_gives_one_to_the_next_day_too_up_to_the_most() {
        let credit = credit();
        let next = |width, left| {
            let day = credit.carried(width, Account { left, proved: 0, ..ACCOUNT });
            (day.left, day.proved)
        };
        assert_eq!([6, 19, 20].map(|left| next(Width::Block, left)), [(7, 1), (20, 1), (20, 0)]);
        assert_eq!([15, 199, 200].map(|left| next(Width::Range, left)), [(16, 0), (200, 0), (200, 0)]);
        assert_eq!(
            [25, 1_999, 2_000].map(|left| next(Width::Country, left)),
            [(26, 0), (2_000, 0), (2_000, 0)]
        );
    }

    #[test]
    fn numbers_go_with_the_ceiling() {
        let of = |texts| Credit::of(texts, 5, None);
        let country = |texts| (of(texts).shards, of(texts).stock(Width::Country));
        assert_eq!((of(100).texts_per_block, of(2_000_000).texts_per_block), (20, 10_000));
        assert_eq!((of(100).range.most, of(2_000_000).range.most), (20, 40_000));
        assert_eq!(country(100), (1, Stock { start: 25, most: 100, earns: 3 }));
        assert_eq!(country(2_000_000), (2, Stock { start: 2_500, most: 200_000, earns: 3 }));
        assert_eq!(country(u32::MAX).0, 8);
        assert_eq!(of(2_000_000).block, of(100).block);
    }

    #[test]
    fn the_ceiling_keeps_a_part_for_known_devices_and_one_for_places_that_are_not_short() {
        let ceiling = Ceiling::of(10_000);
        assert_eq!(ceiling, Ceiling { all: 10_000, strangers: 8_000, proved: 4_000 });
        let (request, proof) = (Asker::Stranger(Means::Request), Asker::Stranger(Means::Proof));
        let take =
            |all, strangers, proved, asker| ceiling.take(Taken { all, strangers, proved }, asker).is_some();
        assert!(take(9_999, 0, 0, Asker::Known) && !take(10_000, 0, 0, Asker::Known));
        assert!(take(9_999, 7_999, 0, request) && !take(10_000, 7_999, 0, request));
        assert!(!take(8_000, 8_000, 0, request) && take(8_000, 8_000, 0, Asker::Known));
        assert!(take(3_999, 3_999, 3_999, proof) && !take(4_000, 4_000, 4_000, proof));
        assert!(take(4_000, 4_000, 4_000, request));
    }

    #[test]
    fn what_is_taken_is_counted_where_it_belongs() {
        let ceiling = Ceiling::of(10);
        let askers = [Asker::Known, Asker::Stranger(Means::Request), Asker::Stranger(Means::Proof)];
        let taken = askers.iter().try_fold(Taken::default(), |taken, asker| ceiling.take(taken, *asker));
        assert_eq!(taken, Some(Taken { all: 3, strangers: 2, proved: 1 }));
    }

    #[test]
    fn no_ceiling_refuses_nothing() {
        let full = Taken { all: u32::MAX - 1, strangers: 9, proved: 9 };
        assert!(Ceiling::of(0).take(full, Asker::Stranger(Means::Proof)).is_some());
        assert_eq!(Ceiling::of(0).hardness(full), 1);
    }

    #[test]
    fn proofs_grow_harder_with_what_they_took() {
        let hardness = |proved| Ceiling::of(10_000).hardness(Taken { all: 0, strangers: 0, proved });
        assert_eq!([0, 999, 1_000, 2_000, 3_000, 4_000].map(hardness), [1, 1, 2, 4, 8, 16]);
    }
}
