//! Earned credit: the guard against SMS pumping, somebody who earns from texts
//! to numbers of their own. docs/decisions/credit.md says why it is so.
//!
//! A *place* is a width and what numbers share there: a *block* (the number
//! less its last four digits), a *range* (less six) and a *country*. Each day
//! of UTC a place has a stock of texts that were not entered yet. A text takes
//! one from each of its places, an entered code gives more than one back, so
//! that people, who enter most codes, never see the end of it, and whoever
//! enters few soon does.
//!
//! Where a place is short, a request is *stepped up*: a proof opens a second,
//! smaller stock of its block. Where that is spent too, the block is closed
//! until the day ends; wider places never refuse. A block that was spent begins
//! the days after it with less, and is closed for some of them if it was spent
//! again.
//!
//! Every rule here is one condition and one update of one item, without
//! arithmetic in the condition: `left >= 1` and `left - 1`; `left < most` and
//! `left + earns`. So a stock can end up to `earns - 1` above `most`, and codes
//! that are being typed count as not entered.

use std::fmt;

use crate::domain::phone::{Phone, Region};
use crate::domain::phone_front::{Country, NO_COUNTRY};

/// Into how many items a country's day is cut at most.
const MOST_SHARDS: u32 = 8;

/// How many texts a day a country's item can count: one takes 1,000 writes a
/// second, a text may need three, and days have peaks.
const TEXTS_PER_SHARD: u32 = 1_000_000;

/// For how many days a spent block is remembered.
pub const REMEMBERED_DAYS: i64 = 7;

/// For how many days a block is closed that was spent for the first, second,
/// third time and more.
const CLOSED_DAYS: [i64; 4] = [0, 1, 3, 6];

/// How many texts of a known device may stay without their code being entered,
/// in a day. After them it is a stranger until one is entered.
pub const KNOWN_UNENTERED: u32 = 2;

/// How many texts a phone has in an hour where none is set, and a deployment in
/// a day: by them stocks are measured.
const UNLIMITED: (u32, u32) = (5, 10_000);

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
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// How wide it is.
    pub width: Width,
    /// What its numbers begin with, `+7900123`; of a country its name, `RU` or
    /// `none`.
    pub of: String,
    /// Which part of a country's stock; 0 of anything else.
    pub shard: u32,
}

/// What a place has left of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Which day, in days since 1970.
    pub day: i64,
    /// Texts for whoever asks.
    pub left: u32,
    /// Texts for those who prove; only blocks have any.
    pub proved: u32,
    /// Texts that were sent, counted for blocks only.
    pub sent: u32,
    /// What the next day begins with, of both.
    pub next: (u32, u32),
    /// How often the block was spent lately,
    pub times: u32,
    /// and on which day last.
    pub spent_on: i64,
    /// Whether it is closed until the day ends.
    pub is_closed: bool,
}

/// By what a text was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Means {
    /// By nothing but the request.
    Request,
    /// By a proof of work with it.
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
        /// Whether the second stock was used up just now, and the block is to be
        /// [closed](Credit::closed).
        is_spent: bool,
    },
}

impl Means {
    /// Its name where it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Proof => "proof",
        }
    }

    /// The one of a name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Request, Self::Proof].into_iter().find(|means| means.name() == name)
    }

    /// How wide the places are that it takes a text from.
    pub const fn widths(self) -> &'static [Width] {
        match self {
            Self::Request => &[Width::Block, Width::Range, Width::Country],
            Self::Proof => &[Width::Block],
        }
    }
}

impl Width {
    /// Its name in keys and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Range => "range",
            Self::Country => "country",
        }
    }
}

/// Its name in keys and logs: `block#+7900123`, `range#+79001`, `country#RU#3`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, of, shard } = self;
        match width {
            Width::Block | Width::Range => write!(f, "{}#{of}", width.name()),
            Width::Country => write!(f, "{}#{of}#{shard}", width.name()),
        }
    }
}

impl Place {
    /// What it is called in the API, all shards of a country together:
    /// `block-7900123`, `range-79001`, `country-RU`.
    pub fn id(&self) -> String {
        format!("{}-{}", self.width.name(), self.of.trim_start_matches('+'))
    }

    /// The place of an identifier.
    pub fn parse(id: &str) -> Option<Self> {
        let (width, of) = id.split_once('-')?;
        let is_number = (1..=15).contains(&of.len()) && of.bytes().all(|byte| byte.is_ascii_digit());
        let is_country =
            of == NO_COUNTRY || of.parse::<Region>().is_ok_and(|region| region.to_string() == of);
        let width = [Width::Block, Width::Range, Width::Country].into_iter().find(|of| of.name() == width)?;
        let of = match width {
            Width::Block | Width::Range => format!("+{of}", of = Some(of).filter(|_| is_number)?),
            Width::Country => Some(of).filter(|_| is_country)?.to_owned(),
        };
        Some(Self { width, of, shard: 0 })
    }
}

impl Credit {
    /// The numbers that go with a ceiling of texts a day. `person` is how many
    /// texts a phone may get in an hour: one person alone, however unlucky, is
    /// never stepped up. With neither, those of the defaults.
    pub fn of(texts_per_day: u32, person: u32, home: Option<Region>) -> Self {
        let or = |number: u32, otherwise| if number == 0 { otherwise } else { number };
        let (person, texts_per_day) = (or(person, UNLIMITED.0), or(texts_per_day, UNLIMITED.1));
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

    /// With so many percent of all stocks; what an entered code gives stays.
    #[must_use]
    pub fn scaled(self, percent: u32) -> Self {
        let scale = |number: u32| {
            let scaled = (u64::from(number) * u64::from(percent)).div_ceil(100).max(1);
            u32::try_from(scaled).unwrap_or(u32::MAX)
        };
        let stock = |of: Stock| Stock { start: scale(of.start), most: scale(of.most), ..of };
        Self {
            block: stock(self.block),
            proved: stock(self.proved),
            range: stock(self.range),
            country: stock(self.country),
            texts_per_block: scale(self.texts_per_block),
            ..self
        }
    }

    /// The places of a number: its block, its range and its country's shard.
    pub fn places(&self, phone: &Phone) -> [Place; 3] {
        let number = phone.as_str();
        // Neighbours are in different ones, so that a block fills none alone.
        let last = number.get(number.len().saturating_sub(3)..).and_then(|digits| digits.parse::<u32>().ok());
        let shard = last.unwrap_or_default() % self.shards;
        [
            Place { width: Width::Block, of: phone.less(4).to_owned(), shard: 0 },
            Place { width: Width::Range, of: phone.less(6).to_owned(), shard: 0 },
            Place { width: Width::Country, of: Country::of(phone).as_str().to_owned(), shard },
        ]
    }

    /// All shards of a country; any other place alone.
    pub fn shards(&self, place: &Place) -> impl Iterator<Item = Place> {
        let shards = if place.width == Width::Country { self.shards } else { 1 };
        let place = place.clone();
        (0..shards).map(move |shard| Place { shard, ..place.clone() })
    }

    /// The stock of a place, which of a country is one shard's.
    pub const fn stock(&self, width: Width) -> Stock {
        let Stock { start, most, earns } = self.country;
        match width {
            Width::Block => self.block,
            Width::Range => self.range,
            Width::Country => {
                Stock { start: start.div_ceil(self.shards), most: most.div_ceil(self.shards), earns }
            }
        }
    }

    /// What a place has on a day, after what is stored of it.
    pub fn on(&self, place: &Place, stored: Option<Account>, day: i64) -> Account {
        match stored {
            // Clocks differ: whoever is early has begun the day for all.
            Some(stored) if stored.day >= day => stored,
            Some(stored) => {
                let fresh = self.begun(place, stored.times, stored.spent_on, day);
                let is_next = stored.day + 1 == day;
                let (left, proved) = if is_next { stored.next } else { (fresh.left, fresh.proved) };
                Account { left, proved, ..fresh }
            }
            None => self.begun(place, 0, 0, day),
        }
    }

    /// A day of a place, and what the one after it begins with.
    fn begun(&self, place: &Place, times: u32, spent_on: i64, day: i64) -> Account {
        let closed = closed_days(times);
        let is_remembered = |day: i64| times > 0 && day - spent_on <= REMEMBERED_DAYS.max(closed + 1);
        let is_closed = |day: i64| times > 0 && day - spent_on <= closed;
        let stocks = |day: i64| {
            let Stock { start, most, .. } = self.stock(place.width);
            let is_home =
                place.width == Width::Country && self.home.is_some_and(|home| home.to_string() == place.of);
            let less = |start: u32| (start >> times.min(31)).max(1);
            match place.width {
                _ if is_closed(day) => (0, 0),
                Width::Block if is_remembered(day) => (less(start), less(self.proved.start)),
                Width::Block => (start, self.proved.start),
                Width::Range | Width::Country => (if is_home { most } else { start }, 0),
            }
        };
        let (left, proved) = stocks(day);
        let times = if is_remembered(day) { times } else { 0 };
        Account {
            day,
            left,
            proved,
            sent: 0,
            next: stocks(day + 1),
            times,
            spent_on,
            is_closed: is_closed(day),
        }
    }

    /// Whether a place has a text.
    pub const fn has(&self, width: Width, account: &Account, means: Means) -> bool {
        match (width, means) {
            (Width::Block, Means::Request) => {
                !account.is_closed && account.sent < self.texts_per_block && account.left > 0
            }
            (Width::Block, Means::Proof) => account.sent < self.texts_per_block && account.proved > 0,
            (Width::Range | Width::Country, _) => account.left > 0,
        }
    }

    /// What to say where a place of it has no text, by what its block has.
    pub const fn refusal(&self, block: &Account, means: Means) -> Answer {
        let is_full = block.sent >= self.texts_per_block;
        match means {
            Means::Request if !is_full && block.proved > 0 => Answer::ProofRequired,
            Means::Request | Means::Proof => Answer::Paused { is_spent: !block.is_closed && !is_full },
        }
    }

    /// What is left of a place after a text.
    #[must_use]
    pub const fn taken(&self, width: Width, account: Account, means: Means) -> Account {
        let Account { left, proved, sent, .. } = account;
        match (width, means) {
            (Width::Block, Means::Request) => {
                Account { left: left.saturating_sub(1), sent: sent + 1, ..account }
            }
            (Width::Block, Means::Proof) => {
                Account { proved: proved.saturating_sub(1), sent: sent + 1, ..account }
            }
            (Width::Range | Width::Country, _) => Account { left: left.saturating_sub(1), ..account },
        }
    }

    /// What an entered code gives a place of today's texts for requests, and of
    /// those for proofs: counted once a phone and day. That of a proof's text gives
    /// the range nothing, so that who enters some codes earns no way around proofs,
    /// and the country one less than it would, since it took nothing there.
    pub const fn gives(&self, width: Width, means: Means) -> (u32, u32) {
        let earns = self.stock(width).earns;
        match (width, means) {
            (_, Means::Request) => (earns, 0),
            (Width::Block, Means::Proof) => (0, self.proved.earns),
            (Width::Range, Means::Proof) => (0, 0),
            (Width::Country, Means::Proof) => (earns - 1, 0),
        }
    }

    /// Whether a place takes what an entered code gives it: of today, and of the
    /// next day, so that places with many people begin no day as if nobody knew
    /// them.
    pub const fn takes(&self, width: Width, account: &Account, means: Means) -> (bool, bool) {
        let most = self.stock(width).most;
        let (of_requests, of_proofs) = self.gives(width, means);
        let today =
            of_requests > 0 && account.left < most || of_proofs > 0 && account.proved < self.proved.most;
        (today, account.next.0 < most)
    }

    /// What a place has after a code was entered.
    #[must_use]
    pub const fn entered(&self, width: Width, mut account: Account, means: Means) -> Account {
        let (today, next_day) = self.takes(width, &account, means);
        let (of_requests, of_proofs) = self.gives(width, means);
        if today {
            account.left += of_requests;
            account.proved += of_proofs;
        }
        if next_day {
            let (of_requests, of_proofs) = Self::gives_next_day(width);
            account.next = (account.next.0 + of_requests, account.next.1 + of_proofs);
        }
        account
    }

    /// What an entered code gives the next day of a place.
    pub const fn gives_next_day(width: Width) -> (u32, u32) {
        (1, matches!(width, Width::Block) as u32)
    }

    /// What is left of a block that was spent: what is entered later opens it to
    /// proofs alone, and the days after begin with less.
    #[must_use]
    pub fn closed(&self, block: &Place, spent: Account) -> Account {
        let next = self.begun(block, spent.times + 1, spent.day, spent.day).next;
        Account { is_closed: true, times: spent.times + 1, spent_on: spent.day, next, ..spent }
    }

    /// What a place has that was opened by hand: all that it can have.
    pub fn opened(&self, place: &Place, day: i64) -> Account {
        let fresh = self.begun(place, 0, 0, day);
        let proved = if place.width == Width::Block { self.proved.most } else { 0 };
        Account { left: self.stock(place.width).most, proved, ..fresh }
    }

    /// On which day a place that has nothing left has something again.
    pub const fn opens_on(&self, account: &Account) -> i64 {
        let closed_until = account.spent_on + closed_days(account.times);
        let until = if account.is_closed && closed_until > account.day { closed_until } else { account.day };
        until + 1
    }
}

/// For how many days a block is closed that was spent so often.
const fn closed_days(times: u32) -> i64 {
    match times {
        0 | 1 => CLOSED_DAYS[0],
        2 => CLOSED_DAYS[1],
        3 => CLOSED_DAYS[2],
        _ => CLOSED_DAYS[3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day long after nothing.
    const DAY: i64 = 20_000;

    const WIDTHS: [Width; 3] = [Width::Block, Width::Range, Width::Country];

    fn credit() -> Credit {
        Credit::of(10_000, 5, Some("RU".parse().unwrap()))
    }

    fn phone(typed: &str) -> Phone {
        Phone::parse(typed, "RU".parse().unwrap()).unwrap()
    }

    fn places(typed: &str) -> [Place; 3] {
        credit().places(&phone(typed))
    }

    fn block() -> Place {
        let [block, ..] = places("+79001234567");
        block
    }

    /// Accounts of a block, a range and a country.
    type Accounts = [Account; 3];

    fn accounts(block: u32, range: u32, country: u32) -> Accounts {
        let of = |left, proved| Account { day: DAY, left, proved, ..Account::default() };
        [of(block, 2), of(range, 0), of(country, 0)]
    }

    fn left(accounts: Accounts) -> [u32; 3] {
        accounts.map(|account| account.left)
    }

    fn judge(credit: &Credit, accounts: &Accounts, means: Means) -> Answer {
        let has = |width: &&Width| !credit.has(**width, &accounts[**width as usize], means);
        if means.widths().iter().any(|width| has(&width)) {
            credit.refusal(&accounts[0], means)
        } else {
            Answer::Open
        }
    }

    fn sent(credit: &Credit, mut accounts: Accounts, means: Means) -> Accounts {
        for width in means.widths() {
            accounts[*width as usize] = credit.taken(*width, accounts[*width as usize], means);
        }
        accounts
    }

    fn entered(credit: &Credit, accounts: Accounts, means: Means) -> Accounts {
        WIDTHS.map(|width| credit.entered(width, accounts[width as usize], means))
    }

    /// What a place of nothing but requests whose codes nobody enters gets.
    fn texts_until_paused(credit: &Credit, mut accounts: Accounts) -> (u32, Accounts) {
        for texts in 0.. {
            let means = match judge(credit, &accounts, Means::Request) {
                Answer::Open => Means::Request,
                Answer::ProofRequired => Means::Proof,
                Answer::Paused { .. } => return (texts, accounts),
            };
            assert_eq!(judge(credit, &accounts, means), Answer::Open);
            accounts = sent(credit, accounts, means);
        }
        unreachable!()
    }

    #[test]
    fn a_number_has_a_block_a_range_and_a_shard_of_its_country() {
        let sharded = Credit { shards: 8, ..credit() };
        let names = |typed| sharded.places(&phone(typed)).map(|place| place.to_string());
        assert_eq!(names("+79001234567"), ["block#+7900123", "range#+79001", "country#RU#7"]);
        assert_eq!(names("+79001234568")[2], "country#RU#0", "neighbours are apart");
        assert_eq!(names("+77011234567")[2], "country#KZ#7", "who shares +7");
        assert_eq!(names("+800 1234 5678")[2], "country#none#6");
        let [block, _, country] = sharded.places(&phone("+79001234567"));
        assert_eq!((sharded.shards(&block).count(), sharded.shards(&country).count()), (1, 8));
    }

    #[test]
    fn a_place_is_found_by_its_identifier() {
        let sharded = Credit { shards: 8, ..credit() };
        for (typed, ids) in [
            ("+79001234567", ["block-7900123", "range-79001", "country-RU"]),
            ("+800 1234 5678", ["block-8001234", "range-80012", "country-none"]),
        ] {
            let places = sharded.places(&phone(typed));
            assert_eq!(places.each_ref().map(Place::id), ids);
            let whole = places.map(|place| Place { shard: 0, ..place });
            assert_eq!(ids.map(|id| Place::parse(id).unwrap()), whole);
        }
        for id in [
            "",
            "block",
            "block-",
            "block-+7900",
            "block-79a",
            "range-1234567890123456",
            "country-",
            "country-ru",
            "country-XX",
            "town-RU",
            "country-RU#1",
        ] {
            assert_eq!(Place::parse(id), None, "{id}");
        }
    }

    #[test]
    fn the_home_country_begins_with_a_full_stock_and_others_with_a_little() {
        let credit = credit();
        let begins = |place: &Place| {
            let account = credit.on(place, None, DAY);
            assert_eq!(account.next, (account.left, account.proved), "the next day, too");
            (account.left, account.proved)
        };
        assert_eq!(places("+79001234567").map(|place| begins(&place)), [(6, 2), (15, 0), (2_000, 0)]);
        assert_eq!(begins(&places("+77011234567")[2]), (25, 0));
    }

    #[test]
    fn a_request_is_open_where_every_width_has_one_left() {
        let judge =
            |block, range, country| judge(&credit(), &accounts(block, range, country), Means::Request);
        assert_eq!(judge(1, 1, 1), Answer::Open);
        for (block, range, country) in [(0, 9, 9), (9, 0, 9), (9, 9, 0)] {
            assert_eq!(judge(block, range, country), Answer::ProofRequired);
        }
    }

    #[test]
    fn wide_places_never_refuse_while_the_block_has_something() {
        let (texts, _) = texts_until_paused(&credit(), accounts(5, 0, 0));
        assert_eq!(texts, 2);
        assert_eq!(judge(&credit(), &accounts(0, 0, 0), Means::Proof), Answer::Open);
    }

    #[test]
    fn a_block_nobody_enters_codes_of_gets_both_stocks_and_is_spent() {
        let (texts, mut left) = texts_until_paused(&credit(), accounts(5, 10, 125));
        assert_eq!((texts, left[0].left, left[0].proved, left[0].sent), (7, 0, 0, 7));
        assert_eq!((left[1].left, left[2].left), (5, 120), "proofs take of the block alone");
        for means in [Means::Request, Means::Proof] {
            assert_eq!(judge(&credit(), &left, means), Answer::Paused { is_spent: true });
        }
        left[0] = credit().closed(&block(), left[0]);
        assert_eq!(judge(&credit(), &left, Means::Request), Answer::Paused { is_spent: false }, "told once");
    }

    #[test]
    fn a_person_as_unlucky_as_a_phone_may_be_in_an_hour_and_another_are_not_stepped_up() {
        let credit = credit();
        let mut accounts = places("+79001234567").map(|place| credit.on(&place, None, DAY));
        for _ in 0..6 {
            assert_eq!(judge(&credit, &accounts, Means::Request), Answer::Open);
            accounts = sent(&credit, accounts, Means::Request);
        }
        assert_eq!(judge(&credit, &accounts, Means::Request), Answer::ProofRequired);
    }

    #[test]
    fn an_entered_code_gives_more_than_its_text_took_up_to_the_most() {
        let credit = credit();
        let after = |of| left(entered(&credit, sent(&credit, of, Means::Request), Means::Request));
        assert_eq!(after(accounts(5, 10, 100)), [6, 11, 102]);
        assert_eq!(after(accounts(21, 201, 2_002)), [20, 200, 2_001], "nothing above");
        assert_eq!(after(accounts(20, 200, 2_000)), [21, 201, 2_002], "the error");
    }

    #[test]
    fn a_proofs_code_gives_back_what_it_took_the_range_nothing_and_the_country_one_less() {
        let credit = credit();
        let after = entered(&credit, sent(&credit, accounts(0, 0, 0), Means::Proof), Means::Proof);
        assert_eq!((after[0].proved, left(after)), (2, [0, 0, 2]));
    }

    #[test]
    fn a_block_gets_only_so_many_whatever_is_entered() {
        let credit = credit();
        let mut left = accounts(5, 10, 125);
        for _ in 0..credit.texts_per_block {
            left = entered(&credit, sent(&credit, left, Means::Request), Means::Request);
        }
        for means in [Means::Request, Means::Proof] {
            assert_eq!(judge(&credit, &left, means), Answer::Paused { is_spent: false });
        }
    }

    #[test]
    fn who_enters_half_of_the_codes_lives_on_what_was_left() {
        let credit = credit();
        let mut of = accounts(5, 10, 125);
        for text in 0..40 {
            assert_eq!(judge(&credit, &of, Means::Request), Answer::Open, "{text}");
            of = sent(&credit, of, Means::Request);
            if text % 2 == 0 {
                of = entered(&credit, of, Means::Request);
            }
        }
        assert_eq!((of[0].left, of[1].left), (5, 10));
    }

    #[test]
    fn days_after_begin_with_less_and_are_closed_the_longer_the_oftener() {
        let (credit, block) = (credit(), block());
        for (times, closed, left, proved) in
            [(0, 0, 3, 1), (1, 1, 1, 1), (2, 3, 1, 1), (3, 6, 1, 1), (40, 6, 1, 1)]
        {
            let spent = Account { day: DAY, times, ..Account::default() };
            let spent = credit.closed(&block, spent);
            assert!(spent.is_closed);
            assert_eq!(credit.opens_on(&spent), DAY + closed + 1);
            for after in 1..=7 {
                let is_closed = after <= closed;
                let texts = if is_closed { (0, 0) } else { (left, proved) };
                // Whether or not anybody asked in between.
                let day = credit.on(&block, Some(spent), DAY + after);
                assert_eq!((day.left, day.proved), texts, "{after} after {times}");
                assert_eq!((day.times, day.is_closed, day.sent), (times + 1, is_closed, 0));
                let before = credit.on(&block, Some(spent), DAY + after - 1);
                assert_eq!(credit.on(&block, Some(before), DAY + after), day);
            }
            let forgotten = credit.on(&block, Some(spent), DAY + 8);
            assert_eq!((forgotten.left, forgotten.proved, forgotten.times), (6, 2, 0));
        }
    }

    #[test]
    fn a_closed_day_refuses_and_spends_nothing_more() {
        let closed = Account { times: 2, is_closed: true, ..Account::default() };
        let left = [closed, accounts(0, 10, 125)[1], accounts(0, 10, 125)[2]];
        for means in [Means::Request, Means::Proof] {
            assert_eq!(judge(&credit(), &left, means), Answer::Paused { is_spent: false });
        }
    }

    #[test]
    fn an_entered_code_gives_one_to_the_next_day_too_up_to_the_most() {
        let credit = credit();
        let next = |width, next: (u32, u32)| {
            let account = Account { day: DAY, next, ..Account::default() };
            let account = credit.entered(width, account, Means::Request);
            let [block, range, country] = places("+77011234567");
            let place = [block, range, country].into_iter().find(|place| place.width == width).unwrap();
            let on = |day| credit.on(&place, Some(account), day);
            let fresh = credit.on(&place, None, DAY + 2);
            assert_eq!(on(DAY + 2).left, fresh.left, "after a day without anybody");
            (on(DAY + 1).left, on(DAY + 1).proved)
        };
        assert_eq!([6, 19, 20].map(|left| next(Width::Block, (left, 2))), [(7, 3), (20, 3), (20, 2)]);
        assert_eq!([15, 199, 200].map(|left| next(Width::Range, (left, 0))), [(16, 0), (200, 0), (200, 0)]);
        assert_eq!(
            [25, 1_999, 2_000].map(|left| next(Width::Country, (left, 0))),
            [(26, 0), (2_000, 0), (2_000, 0)]
        );
    }

    #[test]
    fn what_is_early_has_begun_the_day_for_all() {
        let early = Account { day: DAY + 1, left: 3, ..Account::default() };
        assert_eq!(credit().on(&block(), Some(early), DAY), early);
    }

    #[test]
    fn a_place_that_is_opened_has_all_that_it_can_have() {
        let credit = credit();
        let [block, range, _] = places("+79001234567");
        let texts = |place| (credit.opened(place, DAY).left, credit.opened(place, DAY).proved);
        assert_eq!((texts(&block), texts(&range)), ((20, 10), (200, 0)));
        assert!(!credit.opened(&block, DAY).is_closed);
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
        assert_eq!(Credit::of(0, 0, None), of(10_000), "without limits those of the defaults");
    }

    #[test]
    fn stocks_grow_and_shrink_together() {
        let of = |percent| credit().scaled(percent);
        assert_eq!(of(100), credit());
        assert_eq!(of(200).block, Stock { start: 12, most: 40, earns: 2 });
        assert_eq!(of(1).block, Stock { start: 1, most: 1, earns: 2 }, "never nothing");
        assert_eq!((of(50).range.most, of(50).texts_per_block), (100, 25));
    }
}
