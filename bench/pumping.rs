//! What attacks on the texts get, and what they cost people: `bench/pumping`.
//!
//! A model of an app's honest traffic and of attacks on it, judged by the
//! domain's own guards and limits: nothing here decides whether a text leaves.
//! Time runs in whole milliseconds, chance comes from a seed.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::struct_excessive_bools,
    reason = "counts of a few million at most"
)]

mod pumping_before;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Mutex;

use latchkey::base::world::Timestamp;
use latchkey::domain::credit::{Account, Answer, Credit, KNOWN_UNENTERED, Means, Place, Width};
use latchkey::domain::limits::{Ceiling, Share, Texts, Window};
use latchkey::domain::phone::{Phone, Region};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::pumping_before::{Bucket, Place as OldPlace, Pumping};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const SEEDS: u64 = 10;

// The deployment: its defaults.
const TEXTS_PER_DAY: u32 = 10_000;
/// Percent of them that are kept for known devices.
const RESERVED: u32 = 20;
const CODES_PER_ADDRESS: Window = Window { most: 60, seconds: 3_600 };
const PER_PHONE: [Window; 3] = [
    Window { most: 1, seconds: 60 },
    Window { most: 5, seconds: 3_600 },
    Window { most: 10, seconds: 86_400 },
];
const PUMPING: Pumping =
    Pumping { min_prefix: 30, min_country: 1_000, min_ratio: 0.1, pause: 3_600, code_ttl: 300 };

// The people.
/// Of 1,000 texts, how many codes are entered.
const ENTERED: u32 = 720;
/// Texts of a day, retries among them.
const HONEST_TEXTS: u32 = 2_500;
/// Of 1,000 people, how many ask from a device that signed in before.
const KNOWN: u32 = 400;
/// Of 1,000 people, how many have an app that solves no proof.
const WITHOUT_PROOFS: u32 = 50;
/// How many texts one asks for before giving up; more than five an hour, a phone gets none.
const TRIES: u8 = 5;
/// How long one tries to get a first text.
const PATIENCE: i64 = 10 * MINUTE;
/// When one tries again who was refused, after asking first.
const AGAIN: [i64; 5] = [20 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 9 * MINUTE];
/// The share of a day's people in each hour of UTC, in thousandths.
const CURVE: [u32; 24] =
    [8, 6, 5, 7, 14, 26, 38, 46, 50, 52, 54, 56, 58, 60, 64, 70, 76, 80, 78, 66, 42, 24, 13, 7];

// Money, in millionths of a dollar.
const PRICE_HERE: u64 = 40_000;
const PRICE_THERE: u64 = 134_000;
/// One request through a rented address.
const PRICE_OF_A_REQUEST: u64 = 100;
/// The easiest proof, a second of a phone and a quarter of one of a rented core.
const PRICE_OF_A_PROOF: u64 = 3;

/// A country: where its numbers are found, its share of the people in
/// thousandths, how many ranges it has, and blocks in each.
struct Plan {
    region: &'static str,
    lead: &'static str,
    digits: usize,
    share: u32,
    ranges: u32,
    blocks: u32,
}

const fn plan(
    region: &'static str,
    lead: &'static str,
    digits: usize,
    share: u32,
    ranges: u32,
    blocks: u32,
) -> Plan {
    Plan { region, lead, digits, share, ranges, blocks }
}

/// The home country, three neighbours, eight others, and sixteen where texts are dear.
const PLANS: [Plan; 28] = [
    plan("RU", "+79", 12, 600, 500, 40),
    plan("KZ", "+77", 12, 120, 20, 60),
    plan("UZ", "+9989", 13, 80, 20, 60),
    plan("BY", "+3752", 13, 50, 10, 60),
    plan("GE", "+9955", 13, 15, 10, 40),
    plan("AM", "+374", 12, 15, 10, 40),
    plan("KG", "+9967", 13, 15, 10, 40),
    plan("TJ", "+9929", 13, 15, 10, 40),
    plan("AZ", "+9945", 13, 15, 10, 40),
    plan("TR", "+905", 13, 15, 10, 40),
    plan("PL", "+485", 12, 15, 10, 40),
    plan("ES", "+346", 12, 15, 10, 40),
    plan("PK", "+923", 13, 2, 25, 30),
    plan("LK", "+947", 12, 2, 25, 30),
    plan("NG", "+2348", 14, 2, 25, 30),
    plan("TN", "+216", 12, 2, 25, 30),
    plan("DZ", "+213", 13, 2, 25, 30),
    plan("UA", "+380", 13, 2, 25, 30),
    plan("AF", "+937", 12, 2, 25, 30),
    plan("IQ", "+9647", 14, 2, 25, 30),
    plan("MA", "+2126", 13, 2, 25, 30),
    plan("MG", "+2613", 13, 2, 25, 30),
    plan("ML", "+223", 12, 2, 25, 30),
    plan("SN", "+2217", 13, 2, 25, 30),
    plan("PH", "+639", 13, 2, 25, 30),
    plan("EG", "+201", 13, 2, 25, 30),
    plan("KE", "+2547", 13, 1, 25, 30),
    plan("JO", "+9627", 13, 1, 25, 30),
];
const HOME: usize = 0;
const NEIGHBOUR: usize = 1;
const DEAR: usize = 12;
/// GE: 400 blocks in 10 ranges.
const SMALL_HOME: usize = 4;

/// A block of numbers, and what the guards call its places.
struct Block {
    country: usize,
    range: u32,
    /// Where its accounts are: of the block, the range, and the first shard of the country.
    ids: [usize; 3],
    /// The old guard's.
    old_ids: [usize; 2],
}

struct World {
    blocks: Vec<Block>,
    /// Those of a country, in order.
    of_country: Vec<Vec<usize>>,
    /// Among those, up to where the weights of the blocks add up.
    weights: Vec<Vec<u64>>,
    places: Vec<Place>,
    old_places: Vec<OldPlace>,
    credit: Credit,
}

impl World {
    fn new(home: usize) -> Self {
        let home: Region = PLANS[home].region.parse().unwrap();
        let credit = Credit::of(TEXTS_PER_DAY, PER_PHONE[1].most, Some(home));
        let mut world = Self {
            blocks: Vec::new(),
            of_country: Vec::new(),
            weights: Vec::new(),
            places: Vec::new(),
            old_places: Vec::new(),
            credit,
        };
        let rng = &mut StdRng::seed_from_u64(16);
        let (mut ids, mut old_ids) = (HashMap::new(), HashMap::new());
        for (country, plan) in PLANS.iter().enumerate() {
            let (mut of_country, mut weights, mut sum) = (Vec::new(), Vec::new(), 0);
            let mut seen = HashSet::new();
            let mut ranges = 0;
            let mut tries = 0;
            while ranges < plan.ranges {
                tries += 1;
                assert!(tries < 100_000, "{}: {ranges} ranges", plan.region);
                let mut stem = plan.lead.to_owned();
                while stem.len() < plan.digits - 6 {
                    write!(stem, "{}", rng.random_range(0..10)).unwrap();
                }
                if !seen.insert(stem.clone()) {
                    continue;
                }
                let numbers = |middle: u32, last: u32| {
                    Phone::parse(&format!("{stem}{middle:02}{last:04}"), home)
                        .ok()
                        .filter(|phone| phone.country().is_some_and(|of| of.to_string() == plan.region))
                };
                if numbers(0, 0).is_none() || numbers(plan.blocks - 1, 0).is_none() {
                    continue;
                }
                for middle in 0..plan.blocks {
                    let Some(phone) = numbers(middle, 0) else { continue };
                    // The shards of a country follow from the last digits, and stand side by side.
                    let lasts = if of_country.is_empty() { 0..world.credit.shards } else { 0..1 };
                    let mut of_block = [0; 3];
                    for last in lasts {
                        let places = world.credit.places(&numbers(middle, last).unwrap());
                        for (at, place) in places.into_iter().enumerate() {
                            let next = world.places.len();
                            let id = *ids.entry(place.to_string()).or_insert(next);
                            if id == next {
                                world.places.push(place);
                            }
                            if last == 0 {
                                of_block[at] = id;
                            }
                            assert!(at < 2 || id == of_block[2] + last as usize, "shards stand side by side");
                        }
                    }
                    let mut of_old = [0; 2];
                    for (at, place) in PUMPING.places(&phone).into_iter().enumerate() {
                        let next = world.old_places.len();
                        of_old[at] = *old_ids.entry(place.name.clone()).or_insert(next);
                        if of_old[at] == next {
                            world.old_places.push(place);
                        }
                    }
                    // Some blocks are fuller than others: at most 2.2 times the mean.
                    let low = rng.random_range(1..=10_u64);
                    sum += low.max(rng.random_range(1..=10));
                    weights.push(sum);
                    of_country.push(world.blocks.len());
                    world.blocks.push(Block { country, range: ranges, ids: of_block, old_ids: of_old });
                }
                ranges += 1;
            }
            world.of_country.push(of_country);
            world.weights.push(weights);
        }
        world
    }

    /// A block of a country, the fuller the likelier.
    fn random_block(&self, country: usize, rng: &mut StdRng) -> usize {
        let weights = &self.weights[country];
        let at = rng.random_range(0..*weights.last().unwrap());
        self.of_country[country][weights.partition_point(|sum| *sum <= at)]
    }
}

/// The guards that are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// The limits of a phone alone.
    None,
    /// Those, of an address and of a day.
    Fixed,
    /// Those and pauses by the share entered.
    Today,
    /// Those, earned credit and a ceiling in parts.
    Credit,
}

const KINDS: [Kind; 4] = [Kind::None, Kind::Fixed, Kind::Today, Kind::Credit];

/// A request for a text, as a guard sees it.
#[derive(Clone, Copy)]
struct Wanted {
    block: usize,
    shard: usize,
    /// Rented ones have numbers; a person's own is used by nobody else.
    address: Option<u32>,
    is_known: bool,
    with_proof: bool,
}

enum Said {
    Sent,
    /// So many times the easiest.
    ProofRequired(u32),
    Refused,
}

/// What was written and read for the guard and the limits of a crowd.
#[derive(Clone, Copy, Default)]
struct Units {
    requests: u64,
    written: u64,
    read: u64,
}

/// What the tables hold.
struct Guard<'a> {
    world: &'a World,
    kind: Kind,
    ceiling: Ceiling,
    day: i64,
    sent_today: u32,
    taken: Texts,
    hour: i64,
    addresses: HashMap<u32, u32>,
    accounts: Vec<Option<Account>>,
    old: Vec<OldState>,
    units: Units,
}

#[derive(Clone, Default)]
struct OldState {
    buckets: VecDeque<Bucket>,
    resumed_at: Timestamp,
}

impl<'a> Guard<'a> {
    fn new(world: &'a World, kind: Kind) -> Self {
        Self {
            world,
            kind,
            ceiling: Ceiling::reserving(Window { most: TEXTS_PER_DAY, seconds: 86_400 }, RESERVED),
            day: 0,
            sent_today: 0,
            taken: Texts::default(),
            hour: 0,
            addresses: HashMap::new(),
            accounts: vec![None; world.places.len()],
            old: vec![OldState::default(); world.old_places.len()],
            units: Units::default(),
        }
    }

    fn turn(&mut self, now: i64) {
        if now / DAY != self.day {
            self.day = now / DAY;
            self.sent_today = 0;
            self.taken = Texts::default();
        }
        if now / HOUR != self.hour {
            self.hour = now / HOUR;
            self.addresses.clear();
        }
    }

    fn ids(&self, block: usize, shard: usize) -> [usize; 3] {
        let [block, range, country] = self.world.blocks[block].ids;
        [block, range, country + shard]
    }

    /// Where the accounts are that a text is taken from.
    fn widths(means: Means) -> usize {
        means.widths().len()
    }

    fn accounts(&self, ids: [usize; 3]) -> [Account; 3] {
        ids.map(|id| self.world.credit.on(&self.world.places[id], self.accounts[id], self.day))
    }

    fn has(&self, accounts: &[Account; 3], means: Means) -> [bool; 3] {
        let of = |width: Width| self.world.credit.has(width, &accounts[width as usize], means);
        [Width::Block, Width::Range, Width::Country].map(of)
    }

    fn judge(&self, accounts: &[Account; 3], means: Means) -> Answer {
        if self.has(accounts, means)[..Self::widths(means)].iter().all(|has| *has) {
            Answer::Open
        } else {
            self.world.credit.refusal(&accounts[0], means)
        }
    }

    fn ask(&mut self, wanted: Wanted, now: i64) -> Said {
        self.turn(now);
        self.units.requests += 1;
        if self.kind == Kind::None {
            return Said::Sent;
        }
        let is_bounded = self.kind != Kind::Credit || !wanted.is_known;
        self.units.written += u64::from(is_bounded);
        if let (true, Some(address)) = (is_bounded, wanted.address) {
            let asked = self.addresses.entry(address).or_default();
            if *asked >= CODES_PER_ADDRESS.most {
                return Said::Refused;
            }
            *asked += 1;
        }
        if self.kind == Kind::Credit { self.ask_credit(wanted) } else { self.ask_today(wanted, now) }
    }

    /// The day's ceiling as it is, one pool; and the guard of today.
    fn ask_today(&mut self, wanted: Wanted, now: i64) -> Said {
        self.units.written += 1;
        if self.kind == Kind::Today {
            self.units.read += 20;
        }
        if self.sent_today >= TEXTS_PER_DAY {
            return Said::Refused;
        }
        if self.kind == Kind::Today {
            let at = Timestamp::from_millis(now);
            let ids = self.world.blocks[wanted.block].old_ids;
            if ids.iter().any(|id| self.old[*id].resumed_at > at) {
                self.units.written += 2;
                return Said::Refused;
            }
            for id in ids {
                let OldState { buckets, resumed_at } = &self.old[id];
                let place = &self.world.old_places[id];
                if PUMPING.is_pumped(place, buckets.iter().copied(), *resumed_at, at) {
                    self.old[id].resumed_at = at.plus_seconds(PUMPING.pause);
                    self.units.written += 3;
                    return Said::Refused;
                }
            }
            self.count_old(ids, PUMPING.bucket(at), true);
        }
        self.sent_today += 1;
        Said::Sent
    }

    fn count_old(&mut self, ids: [usize; 2], number: i64, is_sent: bool) {
        self.units.written += 2;
        for id in ids {
            let buckets = &mut self.old[id].buckets;
            while buckets.front().is_some_and(|first| first.number < number - 140) {
                buckets.pop_front();
            }
            if let Some(bucket) = buckets.iter_mut().rev().find(|bucket| bucket.number == number) {
                bucket.sent += i64::from(is_sent);
                bucket.entered += i64::from(!is_sent);
            } else if is_sent {
                buckets.push_back(Bucket { number, sent: 1, entered: 0 });
            }
        }
    }

    fn ask_credit(&mut self, wanted: Wanted) -> Said {
        let means = if wanted.with_proof { Means::Proof } else { Means::Request };
        let share = match means {
            _ if wanted.is_known => Share::Known,
            Means::Request => Share::Stranger,
            Means::Proof => Share::Proof,
        };
        let taken = self.ceiling.take(self.taken, share);
        self.units.written += 1;
        if wanted.is_known {
            let Some(taken) = taken else { return Said::Refused };
            self.taken = taken;
            return Said::Sent;
        }
        let ids = self.ids(wanted.block, wanted.shard);
        let accounts = self.accounts(ids);
        let answer = self.judge(&accounts, means);
        let places = Self::widths(means);
        // A day that begins is written by a second request.
        let begun = ids[..places].iter().filter(|id| self.accounts[**id].is_some_and(|of| of.day < self.day));
        self.units.written += (places + begun.count()) as u64;
        match (answer, taken) {
            (Answer::Open, Some(taken)) => {
                self.taken = taken;
                for (width, id) in
                    [Width::Block, Width::Range, Width::Country].into_iter().zip(ids).take(places)
                {
                    self.accounts[id] = Some(self.world.credit.taken(width, accounts[width as usize], means));
                }
                Said::Sent
            }
            (Answer::Open, None) => {
                self.units.written += places as u64 + 1;
                Said::Refused
            }
            (Answer::ProofRequired, _) => {
                // What was granted is given back: places, address, and the day's.
                self.units.written += self.has(&accounts, means).into_iter().map(u64::from).sum::<u64>() + 2;
                // Nobody is asked for a proof that the day has no text for.
                match self.ceiling.take(self.taken, Share::Proof) {
                    Some(_) => Said::ProofRequired(self.ceiling.hardness(self.taken)),
                    None => Said::Refused,
                }
            }
            (Answer::Paused { is_spent }, _) => {
                self.units.written += 2;
                if is_spent {
                    self.units.written += 1;
                    let closed = self.world.credit.closed(&self.world.places[ids[0]], accounts[0]);
                    self.accounts[ids[0]] = Some(closed);
                }
                Said::Refused
            }
        }
    }

    fn entered(&mut self, block: usize, shard: usize, sent_at: i64, by: Option<Means>, now: i64) {
        self.turn(now);
        match (self.kind, by) {
            (Kind::Today, _) => {
                let bucket = PUMPING.bucket(Timestamp::from_millis(sent_at));
                self.count_old(self.world.blocks[block].old_ids, bucket, false);
            }
            (Kind::Credit, Some(means)) => {
                let ids = self.ids(block, shard);
                for (width, id) in [Width::Block, Width::Range, Width::Country].into_iter().zip(ids) {
                    let account = self.accounts(ids)[width as usize];
                    // Where there is no more room for one of the two, it takes another write.
                    let is_first = self.world.credit.takes(width, &account, means) == (true, true);
                    self.units.written += if is_first { 1 } else { 2 };
                    self.accounts[id] = Some(self.world.credit.entered(width, account, means));
                }
            }
            _ => {}
        }
    }

    /// Whether a stranger's request would be texted without more ado.
    fn is_open(&mut self, block: usize, now: i64) -> bool {
        let units = self.units;
        self.turn(now);
        let is_open = match self.kind {
            Kind::None => true,
            Kind::Fixed => self.sent_today < TEXTS_PER_DAY,
            Kind::Today => {
                let at = Timestamp::from_millis(now);
                self.sent_today < TEXTS_PER_DAY
                    && self.world.blocks[block].old_ids.iter().all(|id| {
                        let OldState { buckets, resumed_at } = &self.old[*id];
                        let place = &self.world.old_places[*id];
                        *resumed_at <= at
                            && !PUMPING.is_pumped(place, buckets.iter().copied(), *resumed_at, at)
                    })
            }
            Kind::Credit => {
                let accounts = self.accounts(self.ids(block, 0));
                self.judge(&accounts, Means::Request) == Answer::Open
                    && self.ceiling.take(self.taken, Share::Stranger).is_some()
            }
        };
        self.units = units;
        is_open
    }
}

/// Whose numbers an attack asks for.
#[derive(Clone)]
enum Targets {
    /// These blocks in turn.
    Blocks(Vec<usize>),
    /// Any of a country.
    Country(usize),
    /// Of three texts, two to any block of a country and one to these in turn.
    Both(usize, Vec<usize>),
}

#[derive(Clone)]
struct Attack {
    from: i64,
    to: i64,
    per_hour: i64,
    targets: Targets,
    /// Of 1,000 codes, how many are entered.
    entered: u32,
    addresses: u32,
}

/// Something that happens to codes that people of a country ask for.
#[derive(Clone, Copy)]
struct Trouble {
    country: usize,
    from: i64,
    to: i64,
    entered: u32,
}

/// More people than usual.
#[derive(Clone, Copy)]
struct Launch {
    from: i64,
    to: i64,
    texts: u32,
    entered: u32,
}

#[derive(Clone)]
struct Scenario {
    texts: u32,
    /// People are counted from here,
    from: i64,
    /// to here.
    until: i64,
    attack: Option<Attack>,
    trouble: Option<Trouble>,
    launch: Option<Launch>,
    affected: Vec<usize>,
    /// All people are of this one.
    only: Option<usize>,
}

/// One who wants to sign in.
struct Person {
    asked_at: i64,
    block: usize,
    shard: usize,
    is_known: bool,
    proves: bool,
    /// How long the easiest proof takes, in milliseconds.
    slowness: i64,
    entered: u32,
    /// When texted, the newest first.
    times: Vec<Timestamp>,
    texted_at: Option<i64>,
    unentered: u32,
    refusals: u32,
    stepped_up: bool,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Event {
    Ask { person: usize, with_proof: bool },
    Enter { block: usize, shard: usize, sent_at: i64, by: u8 },
    Attack,
    Probe,
}

const fn code_of(by: Option<Means>) -> u8 {
    match by {
        None => 0,
        Some(Means::Request) => 1,
        Some(Means::Proof) => 2,
    }
}

const fn means_of(code: u8) -> Option<Means> {
    match code {
        1 => Some(Means::Request),
        2 => Some(Means::Proof),
        _ => None,
    }
}

/// What came of a run.
#[derive(Default, Clone)]
struct Outcome {
    asked: u64,
    left: u64,
    /// In millionths of a dollar.
    price: u64,
    spent: u64,
    first_action: Option<i64>,
    open_again: i64,
    people: [[Group; 2]; 2],
    of_people: Units,
    of_attack: Units,
    most_texts: u32,
    most_of_strangers: u32,
}

/// People, and how many of them met what.
#[derive(Default, Clone, Copy)]
struct Group {
    all: u64,
    refused: u64,
    stepped_up: u64,
    delayed: u64,
}

impl Group {
    fn and(self, other: Self) -> Self {
        Self {
            all: self.all + other.all,
            refused: self.refused + other.refused,
            stepped_up: self.stepped_up + other.stepped_up,
            delayed: self.delayed + other.delayed,
        }
    }
}

struct Run<'a> {
    world: &'a World,
    scenario: &'a Scenario,
    guard: Guard<'a>,
    rng: StdRng,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    number: u64,
    people: Vec<Person>,
    outcome: Outcome,
    attacked: u64,
    closed: Vec<usize>,
}

fn run(world: &World, scenario: &Scenario, kind: Kind, seed: u64, without_proofs: u32) -> Outcome {
    let mut run = Run {
        world,
        scenario,
        guard: Guard::new(world, kind),
        rng: StdRng::seed_from_u64(seed),
        events: BinaryHeap::new(),
        number: 0,
        people: Vec::new(),
        outcome: Outcome::default(),
        attacked: 0,
        closed: Vec::new(),
    };
    run.people_come(without_proofs);
    if let Some(attack) = &scenario.attack {
        run.at(attack.from, Event::Attack);
        run.at(attack.to, Event::Probe);
    }
    while let Some(Reverse((now, _, event))) = run.events.pop() {
        match event {
            Event::Ask { person, with_proof } => run.person_asks(person, with_proof, now),
            Event::Enter { block, shard, sent_at, by } => {
                run.guard.entered(block, shard, sent_at, means_of(by), now);
            }
            Event::Attack => run.attack(now),
            Event::Probe => run.probe(now),
        }
    }
    run.count();
    run.outcome
}

impl Run<'_> {
    fn at(&mut self, at: i64, event: Event) {
        self.number += 1;
        self.events.push(Reverse((at, self.number, event)));
    }

    /// Whether, of 1,000 times, this is one of `of`.
    fn chance(&mut self, of: u32) -> bool {
        self.rng.random_range(0..1_000) < of
    }

    fn people_come(&mut self, without_proofs: u32) {
        let scenario = self.scenario;
        let whole: u32 = CURVE.iter().sum();
        for hour in 0..scenario.until / HOUR {
            let of_hour = u64::from(CURVE[(hour % 24) as usize]);
            // Of a text that is not entered comes another, up to the last try.
            let people = u64::from(scenario.texts) * u64::from(ENTERED) * of_hour * 1_000 / u64::from(whole);
            self.come(hour * HOUR, HOUR, people, None, without_proofs);
        }
        if let Some(launch) = scenario.launch {
            let mut texts_each = 0.0;
            let share = 1.0 - f64::from(launch.entered) / 1e3;
            for text in 0..TRIES {
                texts_each += share.powi(text.into());
            }
            let people = f64::from(launch.texts) / texts_each * 1e6;
            self.come(
                launch.from,
                launch.to - launch.from,
                people as u64,
                Some(launch.entered),
                without_proofs,
            );
        }
    }

    /// People (in millionths) who come over some time, each by chance.
    fn come(&mut self, from: i64, over: i64, millionths: u64, launch: Option<u32>, without_proofs: u32) {
        if millionths == 0 {
            return;
        }
        let mean = over as f64 * 1e6 / millionths as f64;
        let mut at = from as f64;
        loop {
            at -= mean * (1.0 - self.rng.random_range(0.0..1.0_f64)).ln();
            if at >= (from + over) as f64 {
                return;
            }
            let usual = if launch.is_some() { Some(HOME) } else { None };
            let country = self.scenario.only.or(usual).unwrap_or_else(|| self.country());
            let block = self.world.random_block(country, &mut self.rng);
            let asked_at = at as i64;
            let person = Person {
                asked_at,
                block,
                shard: self.rng.random_range(0..self.world.credit.shards as usize),
                is_known: launch.is_none() && self.chance(KNOWN),
                proves: !self.chance(without_proofs),
                slowness: self.rng.random_range(500..4_000),
                entered: launch.unwrap_or(ENTERED),
                times: Vec::new(),
                texted_at: None,
                unentered: 0,
                refusals: 0,
                stepped_up: false,
            };
            self.people.push(person);
            self.at(asked_at, Event::Ask { person: self.people.len() - 1, with_proof: false });
        }
    }

    fn country(&mut self) -> usize {
        let whole: u32 = PLANS.iter().map(|plan| plan.share).sum();
        let mut at = self.rng.random_range(0..whole);
        PLANS
            .iter()
            .position(|plan| {
                let is_here = at < plan.share;
                at = at.saturating_sub(plan.share);
                is_here
            })
            .unwrap()
    }

    fn person_asks(&mut self, at: usize, with_proof: bool, now: i64) {
        let person = &self.people[at];
        let is_known = person.is_known && person.unentered < KNOWN_UNENTERED;
        let wanted = Wanted { block: person.block, shard: person.shard, address: None, is_known, with_proof };
        let stamp = Timestamp::from_millis(now);
        let is_limited = PER_PHONE.iter().any(|window| window.full_until(&person.times, stamp).is_some());
        let before = self.guard.units;
        let said = if is_limited { Said::Refused } else { self.guard.ask(wanted, now) };
        if !is_known {
            add(&mut self.outcome.of_people, before, self.guard.units);
        }
        match said {
            Said::Sent => {
                self.person_is_texted(at, now);
                let person = &self.people[at];
                let (block, shard, of, tries) =
                    (person.block, person.shard, person.entered, person.times.len());
                let of = match self.scenario.trouble {
                    Some(trouble)
                        if trouble.country == self.world.blocks[block].country
                            && (trouble.from..trouble.to).contains(&now) =>
                    {
                        trouble.entered
                    }
                    _ => of,
                };
                let is_there = !is_known || self.guard.kind != Kind::Credit;
                let by = if with_proof { Means::Proof } else { Means::Request };
                if self.chance(of) {
                    let at = now + self.rng.random_range(8 * SECOND..45 * SECOND);
                    self.at(
                        at,
                        Event::Enter { block, shard, sent_at: now, by: code_of(is_there.then_some(by)) },
                    );
                } else {
                    self.people[at].unentered += 1;
                    if tries < TRIES.into() {
                        let next = now + self.rng.random_range(70 * SECOND..180 * SECOND);
                        self.at(next, Event::Ask { person: at, with_proof: false });
                    }
                }
            }
            Said::ProofRequired(hardness) => {
                let person = &mut self.people[at];
                person.stepped_up = true;
                if person.proves {
                    let solved_at = now + i64::from(hardness) * person.slowness;
                    self.at(solved_at, Event::Ask { person: at, with_proof: true });
                } else {
                    self.try_again(at, now);
                }
            }
            Said::Refused => self.try_again(at, now),
        }
    }

    fn person_is_texted(&mut self, at: usize, now: i64) {
        let person = &mut self.people[at];
        person.times.insert(0, Timestamp::from_millis(now));
        person.texted_at.get_or_insert(now);
        let day = self.guard.taken;
        let outcome = &mut self.outcome;
        outcome.most_texts = outcome.most_texts.max(self.guard.sent_today).max(day.all);
        outcome.most_of_strangers = outcome.most_of_strangers.max(day.strangers);
    }

    fn try_again(&mut self, at: usize, now: i64) {
        let person = &mut self.people[at];
        person.refusals += 1;
        let next = match person.texted_at {
            None => AGAIN.iter().map(|after| person.asked_at + after).find(|next| *next > now),
            Some(_) => (person.refusals < 4).then_some(now + 2 * MINUTE),
        };
        if let Some(next) = next {
            self.at(next, Event::Ask { person: at, with_proof: false });
        }
    }

    fn attack(&mut self, now: i64) {
        let Some(attack) = &self.scenario.attack else { return };
        self.attacked += 1;
        let number = self.attacked;
        let nth = |blocks: &[usize], number: u64| blocks[(number % blocks.len() as u64) as usize];
        let block = match &attack.targets {
            Targets::Blocks(blocks) => nth(blocks, number),
            Targets::Both(_, blocks) if number.is_multiple_of(3) => nth(blocks, number / 3),
            Targets::Country(country) | Targets::Both(country, _) => {
                self.world.random_block(*country, &mut self.rng)
            }
        };
        if self.closed.len() < 300 && !self.closed.contains(&block) {
            self.closed.push(block);
        }
        let shard = self.rng.random_range(0..self.world.credit.shards as usize);
        let address = Some((number % u64::from(attack.addresses)) as u32);
        let mut wanted = Wanted { block, shard, address, is_known: false, with_proof: false };
        let before = self.guard.units;
        let mut said = self.guard.ask(wanted, now);
        self.outcome.spent += PRICE_OF_A_REQUEST;
        if !matches!(said, Said::Sent) {
            self.outcome.first_action.get_or_insert(now - attack.from);
        }
        if let Said::ProofRequired(hardness) = said {
            self.outcome.spent += PRICE_OF_A_REQUEST + PRICE_OF_A_PROOF * u64::from(hardness);
            wanted.with_proof = true;
            said = self.guard.ask(wanted, now);
        }
        add(&mut self.outcome.of_attack, before, self.guard.units);
        self.outcome.asked += 1;
        if matches!(said, Said::Sent) {
            self.outcome.left += 1;
            let is_dear = self.world.blocks[block].country >= DEAR;
            self.outcome.price += if is_dear { PRICE_THERE } else { PRICE_HERE };
            let day = self.guard.taken;
            self.outcome.most_texts = self.outcome.most_texts.max(self.guard.sent_today).max(day.all);
            self.outcome.most_of_strangers = self.outcome.most_of_strangers.max(day.strangers);
            if self.chance(attack.entered) {
                let by = code_of(Some(if wanted.with_proof { Means::Proof } else { Means::Request }));
                self.at(now + 15 * SECOND, Event::Enter { block, shard, sent_at: now, by });
            }
        }
        let next = attack.from + number as i64 * HOUR / attack.per_hour;
        if next < attack.to {
            self.at(next, Event::Attack);
        }
    }

    /// Which of the attacked blocks are open again.
    fn probe(&mut self, now: i64) {
        let Some(attack) = &self.scenario.attack else { return };
        let mut closed = std::mem::take(&mut self.closed);
        closed.retain(|block| !self.guard.is_open(*block, now));
        self.closed = closed;
        self.outcome.open_again = now - attack.to;
        if !self.closed.is_empty() && now < attack.to + 12 * DAY {
            self.at(now + HOUR / 2, Event::Probe);
        }
    }

    fn count(&mut self) {
        for person in &self.people {
            if !(self.scenario.from..self.scenario.until).contains(&person.asked_at) {
                continue;
            }
            let is_affected = self.scenario.affected.contains(&self.world.blocks[person.block].country);
            let group = &mut self.outcome.people[usize::from(person.is_known)][usize::from(is_affected)];
            let waited = person.texted_at.map(|at| at - person.asked_at);
            group.all += 1;
            group.refused += u64::from(waited.is_none_or(|waited| waited > PATIENCE));
            group.stepped_up += u64::from(person.stepped_up);
            group.delayed += u64::from(waited.is_some_and(|waited| waited > 10 * SECOND));
        }
    }
}

fn add(to: &mut Units, before: Units, after: Units) {
    to.requests += 1;
    to.written += after.written - before.written;
    to.read += after.read - before.read;
}

/// A scenario's name, and how it is made with a seed.
type Named = (&'static str, fn(&World, &mut StdRng) -> Scenario);

const SCENARIOS: [Named; 14] = [
    ("0 nobody attacks", |_, _| quiet(1)),
    ("1 burst: 1,000 a minute for 4 h, 24 adjacent blocks", |world, rng| {
        on_adjacent(world, rng, 24, 4, 60_000, 0, 50_000)
    }),
    ("2 spray: 1,000,000 in 5 days, 390 networks × 3 blocks, 16 countries", |world, _| {
        let mut blocks = Vec::new();
        for (country, plan) in PLANS.iter().enumerate().skip(DEAR) {
            let networks = if country < DEAR + 6 { 25 } else { 24 };
            let per_range = plan.blocks as usize;
            let of = world.of_country[country].chunks(per_range).take(networks);
            blocks.extend(of.flat_map(|range| &range[..3]));
        }
        assert_eq!(blocks.len(), 390 * 3);
        attacked(
            (DEAR..PLANS.len()).collect(),
            Targets::Blocks(blocks),
            DAY + 8 * HOUR,
            120,
            8_333,
            0,
            50_000,
        )
    }),
    ("3 low and slow: 390 an hour, 14 adjacent blocks, 7 days", |world, rng| {
        on_adjacent(world, rng, 14, 168, 390, 0, 5_000)
    }),
    ("4 12 % entered: 60 a minute for 12 h, 24 adjacent blocks", |world, rng| {
        on_adjacent(world, rng, 24, 12, 3_600, 120, 5_000)
    }),
    ("5 the same, 40 % entered", |world, rng| on_adjacent(world, rng, 24, 12, 3_600, 400, 5_000)),
    ("5b the same, 60 % entered", |world, rng| on_adjacent(world, rng, 24, 12, 3_600, 600, 5_000)),
    ("5c the same, 40 % entered, 7 days", |world, rng| on_adjacent(world, rng, 24, 168, 3_600, 400, 5_000)),
    ("6 diluted: 300 an hour at home, 200 blocks, 7 days", |world, rng| {
        let blocks =
            (0..200).map(|_| world.of_country[HOME][rng.random_range(0..world.of_country[HOME].len())]);
        attacked(vec![HOME], Targets::Blocks(blocks.collect()), DAY + 8 * HOUR, 168, 300, 0, 5_000)
    }),
    ("7 small app (50 a day): 6,500 tries in 3 h, 24 adjacent blocks", |world, rng| {
        let (country, blocks) = adjacent(world, 24, rng);
        let attack = attacked(vec![country], Targets::Blocks(blocks), DAY + 8 * HOUR, 3, 6_500 / 3, 0, 5_000);
        Scenario { texts: 50, ..attack }
    }),
    ("8 no attack: carrier outage at home, 2 h, 5 % entered", |_, _| Scenario {
        trouble: Some(Trouble { country: HOME, from: DAY + 15 * HOUR, to: DAY + 17 * HOUR, entered: 50 }),
        from: DAY + 15 * HOUR,
        affected: vec![HOME],
        ..quiet(1)
    }),
    ("9 no attack: launch, +6,000 texts in an hour, 45 % entered", |_, _| Scenario {
        launch: Some(Launch { from: DAY + 12 * HOUR, to: DAY + 13 * HOUR, texts: 6_000, entered: 450 }),
        from: DAY + 12 * HOUR,
        affected: vec![HOME],
        ..quiet(1)
    }),
    ("10 griefing: 150 an hour at home, any number and the 100 busiest blocks, 3 days", |world, _| {
        griefing(world, 150, 100)
    }),
    ("10b the same, 600 an hour", |world, _| griefing(world, 600, 1_000)),
];

/// With all people in a country of 4 million numbers.
const SMALL: [Named; 3] = [
    ("0s nobody attacks", |_, _| Scenario { only: Some(SMALL_HOME), ..quiet(1) }),
    ("8s carrier outage, 2 h, 5 % entered", |_, _| Scenario {
        trouble: Some(Trouble {
            country: SMALL_HOME,
            from: DAY + 15 * HOUR,
            to: DAY + 17 * HOUR,
            entered: 50,
        }),
        from: DAY + 15 * HOUR,
        only: Some(SMALL_HOME),
        ..quiet(1)
    }),
    ("9s launch, +6,000 texts in an hour, 45 % entered", |_, _| Scenario {
        launch: Some(Launch { from: DAY + 12 * HOUR, to: DAY + 13 * HOUR, texts: 6_000, entered: 450 }),
        from: DAY + 12 * HOUR,
        only: Some(SMALL_HOME),
        ..quiet(1)
    }),
];

const FLOODS: [Named; 3] = [
    ("a neighbour, any number", |_, _| {
        attacked(vec![NEIGHBOUR], Targets::Country(NEIGHBOUR), DAY, 24, 60_000, 0, 50_000)
    }),
    ("16 countries, any number", |world, _| {
        let blocks = (DEAR..PLANS.len()).flat_map(|country| world.of_country[country].clone());
        attacked((DEAR..PLANS.len()).collect(), Targets::Blocks(blocks.collect()), DAY, 24, 60_000, 0, 50_000)
    }),
    ("the home country, any number", |_, _| {
        attacked(vec![HOME], Targets::Country(HOME), DAY, 24, 60_000, 0, 50_000)
    }),
];

fn quiet(days: i64) -> Scenario {
    Scenario {
        texts: HONEST_TEXTS,
        from: DAY,
        until: DAY + days * DAY,
        attack: None,
        trouble: None,
        launch: None,
        affected: Vec::new(),
        only: None,
    }
}

fn attacked(
    affected: Vec<usize>,
    targets: Targets,
    from: i64,
    hours: i64,
    per_hour: i64,
    entered: u32,
    addresses: u32,
) -> Scenario {
    let to = from + hours * HOUR;
    let attack = Attack { from, to, per_hour, targets, entered, addresses };
    let until = (to + DAY - 1) / DAY * DAY;
    Scenario { from, until, attack: Some(attack), affected, ..quiet(1) }
}

/// Any number of the home country, and those of its fullest blocks.
fn griefing(world: &World, per_hour: i64, addresses: u32) -> Scenario {
    let weights = &world.weights[HOME];
    let mut by_weight: Vec<_> = (0..weights.len())
        .map(|at| (weights[at] - at.checked_sub(1).map_or(0, |at| weights[at]), world.of_country[HOME][at]))
        .collect();
    by_weight.sort_unstable_by_key(|(weight, block)| (Reverse(*weight), *block));
    let busiest = by_weight[..100].iter().map(|(_, block)| *block).collect();
    attacked(vec![HOME], Targets::Both(HOME, busiest), DAY + 8 * HOUR, 72, per_hour, 0, addresses)
}

/// An attack on blocks side by side, from 8:00 UTC of the second day on.
fn on_adjacent(
    world: &World,
    rng: &mut StdRng,
    blocks: usize,
    hours: i64,
    per_hour: i64,
    entered: u32,
    addresses: u32,
) -> Scenario {
    let (country, blocks) = adjacent(world, blocks, rng);
    attacked(vec![country], Targets::Blocks(blocks), DAY + 8 * HOUR, hours, per_hour, entered, addresses)
}

/// Blocks side by side, in a country where texts are dear.
fn adjacent(world: &World, blocks: usize, rng: &mut StdRng) -> (usize, Vec<usize>) {
    let country = rng.random_range(DEAR..PLANS.len());
    let ranges: Vec<_> =
        world.of_country[country].chunk_by(|a, b| world.blocks[*a].range == world.blocks[*b].range).collect();
    let range = ranges[rng.random_range(0..ranges.len())];
    (country, range[..blocks].to_vec())
}

/// The worst of all seeds, each figure by itself; shares in hundredths of a percent.
#[derive(Default, Clone)]
struct Worst {
    left: f64,
    price: f64,
    first_action: i64,
    is_acted: bool,
    open_again: i64,
    /// All; known; new; of the affected countries.
    refused: [f64; 4],
    stepped_up: [f64; 4],
    delayed: [f64; 4],
    per_dollar: f64,
    refused_per_dollar: f64,
    of_people: Units,
    of_attack: Units,
    most_texts: u32,
    most_of_strangers: u32,
    new_elsewhere: f64,
}

impl Worst {
    fn take(&mut self, outcome: &Outcome) {
        let [[new_elsewhere, new], [known_elsewhere, known]] = outcome.people;
        let (all_new, all_known) = (new_elsewhere.and(new), known_elsewhere.and(known));
        let groups = [all_new.and(all_known), all_known, all_new, new.and(known)];
        let worse = |old: &mut f64, of: u64, all: u64| {
            *old = old.max(of as f64 / all.max(1) as f64);
        };
        for (at, group) in groups.iter().enumerate() {
            worse(&mut self.refused[at], group.refused, group.all);
            worse(&mut self.stepped_up[at], group.stepped_up, group.all);
            worse(&mut self.delayed[at], group.delayed, group.all);
        }
        worse(&mut self.new_elsewhere, new_elsewhere.refused, new_elsewhere.all);
        worse(&mut self.left, outcome.left, outcome.asked);
        let dollars = outcome.spent as f64 / 1e6;
        if dollars > 0.0 {
            self.per_dollar = self.per_dollar.max(groups[0].stepped_up as f64 / dollars);
            self.refused_per_dollar = self.refused_per_dollar.max(groups[0].refused as f64 / dollars);
        }
        self.price = self.price.max(outcome.price as f64 / 1e6);
        self.is_acted |= outcome.first_action.is_some();
        self.first_action = self.first_action.max(outcome.first_action.unwrap_or(0));
        self.open_again = self.open_again.max(outcome.open_again);
        for (to, of) in [(&mut self.of_people, outcome.of_people), (&mut self.of_attack, outcome.of_attack)] {
            to.requests += of.requests;
            to.written += of.written;
            to.read += of.read;
        }
        self.most_texts = self.most_texts.max(outcome.most_texts);
        self.most_of_strangers = self.most_of_strangers.max(outcome.most_of_strangers);
    }
}

/// Runs all of them, on all processors.
fn worst_of(world: &World, scenarios: &[Named], kinds: &[Kind], without_proofs: u32) -> Vec<Vec<Worst>> {
    let mut jobs = Vec::new();
    for (at, (_, make)) in scenarios.iter().enumerate() {
        for seed in 0..SEEDS {
            let scenario = make(world, &mut StdRng::seed_from_u64(seed));
            jobs.extend((0..kinds.len()).map(|kind| (at, kind, seed, scenario.clone())));
        }
    }
    let jobs = Mutex::new(jobs);
    let worst = Mutex::new(vec![vec![Worst::default(); kinds.len()]; scenarios.len()]);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some((at, kind, seed, scenario)) = jobs.lock().unwrap().pop() else { return };
                    let outcome = run(world, &scenario, kinds[kind], seed, without_proofs);
                    worst.lock().unwrap()[at][kind].take(&outcome);
                }
            });
        }
    });
    worst.into_inner().unwrap()
}

fn share(of: f64) -> String {
    let percent = of * 100.0;
    if percent == 0.0 {
        "0".to_owned()
    } else if percent < 0.995 {
        format!("{percent:.2}")
    } else {
        format!("{percent:.1}")
    }
}

fn per_request(units: Units) -> String {
    let each = |of: u64| of as f64 / units.requests.max(1) as f64;
    format!("{:.1} / {:.1}", each(units.written), each(units.read))
}

/// What a scenario is called after the first table.
fn short(name: &str) -> &str {
    name.split_once(' ').map_or(name, |(number, _)| number)
}

fn head(title: &str, columns: &[&str]) {
    println!("{title}:\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

fn row(name: &str, cells: impl IntoIterator<Item = String>) {
    println!("| {name} | {} |", cells.into_iter().collect::<Vec<_>>().join(" | "));
}

fn main() {
    let world = World::new(HOME);
    let all = worst_of(&world, &SCENARIOS, &KINDS, WITHOUT_PROOFS);
    let half = worst_of(&world, &SCENARIOS, &[Kind::Credit], 500);
    let floods = worst_of(&world, &FLOODS, &[Kind::Fixed, Kind::Today, Kind::Credit], WITHOUT_PROOFS);
    let small = worst_of(&World::new(SMALL_HOME), &SMALL, &[Kind::Credit], WITHOUT_PROOFS);
    let named = || SCENARIOS.iter().map(|(name, _)| *name).zip(&all);

    let guards = ["scenario", "no guard", "fixed limits", "the guard before", "earned credit"];
    head("Share of an attack's texts that leave · share of people refused, in %", &guards);
    for (name, worst) in named() {
        row(name, worst.iter().map(|worst| format!("{} · {}", share(worst.left), share(worst.refused[0]))));
    }

    println!();
    let columns =
        ["scenario", "refused", "where every second app solves no proof", "stepped up", "delayed over 10 s"];
    head(
        "Earned credit, people in %: all / known / new / of the countries concerned, known and new",
        &columns,
    );
    let four = |of: [f64; 4]| of.map(share).join(" / ");
    for ((name, worst), half) in named().zip(&half) {
        let (worst, half) = (&worst[3], &half[0]);
        row(short(name), [worst.refused, half.refused, worst.stepped_up, worst.delayed].map(four));
    }
    for ((name, _), worst) in SMALL.iter().zip(&small) {
        let (worst, none) = (&worst[0], "–".to_owned());
        row(name, [four(worst.refused), none, four(worst.stepped_up), four(worst.delayed)]);
    }

    println!();
    let mut columns = guards.to_vec();
    columns.push("people stepped up, refused per USD of the attacker's");
    head(
        "Price of the attack's texts in USD; seconds to the first action; hours until all is open again",
        &columns,
    );
    for (name, worst) in named().filter(|(_, worst)| worst[0].price > 0.0) {
        let cells = worst.iter().map(|worst| {
            let acted =
                if worst.is_acted { (worst.first_action / SECOND).to_string() } else { "–".to_owned() };
            format!("{:.0}; {acted}; {:.1}", worst.price, worst.open_again as f64 / HOUR as f64)
        });
        let of_credit = &worst[3];
        let per_dollar = format!("{:.0}, {:.0}", of_credit.per_dollar, of_credit.refused_per_dollar);
        row(short(name), cells.chain([per_dollar]));
    }

    println!();
    let columns = ["scenario", "the guard before: people", "attack", "earned credit: people", "attack"];
    head("Units written / read a stranger's request, for the guard, the address and the day", &columns);
    for (name, worst) in named() {
        let units = worst[2..].iter().flat_map(|worst| [worst.of_people, worst.of_attack]);
        row(short(name), units.map(per_request));
    }

    println!();
    let columns = [
        "flooded",
        "fixed limits",
        "the guard before",
        "earned credit",
        "texts of a day, strangers' among them",
    ];
    let title = "1,000 a minute for 24 h to any numbers; people refused, in %: \
                 known / new elsewhere / all in the countries flooded · share that leaves";
    head(title, &columns);
    for ((name, _), worst) in FLOODS.iter().zip(&floods) {
        let cells = worst.iter().map(|worst| {
            let parts = [worst.refused[1], worst.new_elsewhere, worst.refused[3]];
            format!("{} · {}", parts.map(share).join(" / "), share(worst.left))
        });
        let most = format!("{}, {}", worst[2].most_texts, worst[2].most_of_strangers);
        row(name, cells.chain([most]));
    }
}
