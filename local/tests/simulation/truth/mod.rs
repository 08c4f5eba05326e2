//! What is so: every item of the tables with all that it ever was, every request
//! with all that it wrote, every text. Kept beside the engine from what was
//! applied, so that the rules can be checked without asking anybody.

mod items;
mod ledger;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;

use latchkey::domain::pepper::Pepper;
use latchkey::domain::secret::Secret;
use serde_json::Value;

use self::items::REGISTERS;
pub(crate) use self::items::{
    Applied, Change, Item, Place, Table, Version, live_code, number, some_number, text,
};
pub(crate) use self::ledger::{Direction, Ledger};
use crate::call::Call;
use crate::weather::Trouble;
use crate::world;

/// A code that was made live.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) place: Place,
    pub(crate) request: Option<u64>,
    pub(crate) sent_at: i64,
    pub(crate) purpose: String,
    pub(crate) hash: String,
    /// To whom and what was texted, once a carrier had it.
    pub(crate) texted: Option<(String, String)>,
    pub(crate) is_spent: bool,
    pub(crate) compared: u32,
}

/// A session that was begun.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    pub(crate) request: u64,
    pub(crate) user: String,
}

/// A text that a carrier had.
#[derive(Clone, Debug)]
pub(crate) struct Handed {
    pub(crate) request: u64,
    pub(crate) phone: String,
    /// The challenge, where it held a code.
    pub(crate) challenge: Option<String>,
    /// As of when it was counted for its phone, in which of the two registers.
    pub(crate) counted_at: i64,
    pub(crate) is_known: bool,
}

/// Limits of a phone that were lifted, in one of its registers.
#[derive(Clone, Debug)]
pub(crate) struct Lift {
    pub(crate) phone: String,
    pub(crate) is_known: bool,
    pub(crate) at: i64,
}

/// What must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The rule, as one word.
    pub(crate) rule: &'static str,
    /// What was seen.
    pub(crate) seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.seen)
    }
}

/// The limits and lists that a run is under.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) cooldown: i64,
    pub(crate) per_phone_hour: usize,
    pub(crate) per_phone_day: usize,
    pub(crate) guesses_per_day: usize,
    pub(crate) max_attempts: u32,
    pub(crate) texts_per_day: usize,
    /// How many of them are not kept for known devices.
    pub(crate) texts_of_strangers: usize,
    pub(crate) codes_per_address: usize,
    pub(crate) guesses_per_address: usize,
    pub(crate) invite_guesses: usize,
    pub(crate) grace: i64,
    pub(crate) retry: i64,
    pub(crate) recovery_hold: i64,
    pub(crate) code_ttl: i64,
    pub(crate) requires_challenge: bool,
    pub(crate) testers: BTreeMap<String, String>,
    pub(crate) admins: BTreeSet<String>,
}

/// All that is so.
pub(crate) struct Truth {
    pub(crate) rules: Rules,
    pepper: Pepper,
    seq: u64,
    history: BTreeMap<Place, Vec<Version>>,
    pub(crate) ledgers: BTreeMap<u64, Ledger>,
    pub(crate) challenges: BTreeMap<String, Challenge>,
    pub(crate) sessions: BTreeMap<String, Begun>,
    pub(crate) handed: Vec<Handed>,
    pub(crate) lifts: Vec<Lift>,
    /// When each generation of a session was replaced, and by which token.
    pub(crate) replaced_at: BTreeMap<(String, u32), i64>,
    pub(crate) successors: BTreeMap<(String, u32), String>,
    pub(crate) owner_of_invite: BTreeMap<String, String>,
    /// Which users entered each invite code.
    pub(crate) activations: BTreeMap<String, u32>,
    pub(crate) sign_ups: i64,
    pub(crate) referrals: i64,
    pub(crate) admins_made: BTreeMap<String, u32>,
    /// When guesses at the codes of a phone were compared and wrong.
    pub(crate) wrong_guesses: BTreeMap<(String, bool), Vec<i64>>,
    /// How many wrong invite codes were answered, by phone and by where they are
    /// counted.
    pub(crate) wrong_invites: BTreeMap<(String, String), usize>,
    /// When reads met trouble, which several requests may share.
    pub(crate) troubled_reads: Vec<i64>,
    /// For each time that much was read, who can have asked for it and is not let in
    /// yet.
    pub(crate) much_read: Vec<BTreeSet<u64>>,
    pub(crate) found: Option<Violation>,
    pub(crate) except: Vec<String>,
    trace: u64,
    diary: Option<String>,
}

impl Truth {
    /// Before anything happened. `peppers`: every entry that any instance will
    /// know.
    pub(crate) fn new(rules: Rules, peppers: &str, keeps_diary: bool) -> Self {
        Self {
            rules,
            pepper: Pepper::new(&Secret::parse(peppers).expect("entries")),
            seq: 0,
            history: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            challenges: BTreeMap::new(),
            sessions: BTreeMap::new(),
            handed: Vec::new(),
            lifts: Vec::new(),
            replaced_at: BTreeMap::new(),
            successors: BTreeMap::new(),
            owner_of_invite: BTreeMap::new(),
            activations: BTreeMap::new(),
            sign_ups: 0,
            referrals: 0,
            admins_made: BTreeMap::new(),
            wrong_guesses: BTreeMap::new(),
            wrong_invites: BTreeMap::new(),
            troubled_reads: Vec::new(),
            much_read: Vec::new(),
            found: None,
            except: Vec::new(),
            trace: 0,
            diary: keeps_diary.then(String::new),
        }
    }

    /// Remembers that a rule was broken; the first is what counts.
    pub(crate) fn violated(&mut self, rule: &'static str, seen: impl Into<String>) {
        if self.found.is_none() && !self.except.iter().any(|of| of == rule) {
            let violation = Violation { rule, seen: seen.into() };
            self.note(violation.at_last(), || format!("    !! {violation}"));
            self.found = Some(violation);
        }
    }

    /// Writes a line into the trace, and into the diary where one is kept.
    pub(crate) fn note(&mut self, traced: u64, line: impl FnOnce() -> String) {
        self.trace = world::mix(&[self.trace, traced]);
        if let Some(diary) = &mut self.diary {
            let _ = writeln!(diary, "{}", line());
        }
    }

    /// What two runs of one seed have alike.
    pub(crate) const fn trace(&self) -> u64 {
        self.trace
    }

    /// What happened, in words.
    pub(crate) fn diary(&self) -> &str {
        self.diary.as_deref().unwrap_or_default()
    }

    /// How many writes were applied so far.
    pub(crate) const fn seq(&self) -> u64 {
        self.seq
    }

    /// A request arrives.
    pub(crate) fn begin(&mut self, id: u64, call: Call, at: i64) {
        self.note(world::digest(&call.path), || format!("    {id} > {call}"));
        let ledger = Ledger {
            id,
            call,
            begun: at,
            begun_seq: self.seq,
            applied: Vec::new(),
            troubled: BTreeSet::new(),
            met: BTreeMap::new(),
            handed: 0,
            refused_by_carrier: false,
            answer: None,
        };
        self.ledgers.insert(id, ledger);
    }

    /// A request to a table met trouble.
    pub(crate) fn met(&mut self, request: Option<u64>, is_write: bool, trouble: Trouble, at: i64) {
        if !is_write {
            self.troubled_reads.push(at);
        }
        if let Some(ledger) = request.and_then(|id| self.ledgers.get_mut(&id)) {
            *ledger.met.entry(trouble).or_default() += 1;
        }
    }

    /// A write to `places` of a request met trouble.
    pub(crate) fn trouble(&mut self, request: Option<u64>, places: &[Place], direction: Direction) {
        let Some(ledger) = request.and_then(|id| self.ledgers.get_mut(&id)) else { return };
        ledger.troubled.extend(places.iter().map(|place| (place.clone(), direction)));
    }

    /// The numbers of many days are read, for one of those who asked for them.
    pub(crate) fn reads_numbers(&mut self) {
        let asking = self.ledgers.values().filter(|ledger| ledger.answer.is_none());
        let asking = asking.filter(|ledger| ledger.call.route == "GET /v1/stats").map(|ledger| ledger.id);
        self.much_read.push(asking.collect());
    }

    /// Records what took effect: the places as they are now.
    pub(crate) fn record(
        &mut self,
        at: i64,
        request: Option<u64>,
        is_transaction: bool,
        now: Vec<(Place, Option<Item>)>,
    ) -> Applied {
        self.seq += 1;
        let changes: Vec<_> = now
            .into_iter()
            .map(|(place, after)| {
                let versions = self.history.entry(place.clone()).or_default();
                let before = versions.last().and_then(|version| version.item.clone());
                versions.push(Version { seq: self.seq, item: after.clone(), by: request });
                Change { place, before, after }
            })
            .collect();
        let applied = Applied { at, request, is_transaction, changes };
        if let Some(ledger) = request.and_then(|id| self.ledgers.get_mut(&id)) {
            ledger.applied.push(applied.clone());
        }
        applied
    }

    /// An item as it is.
    pub(crate) fn item(&self, place: &Place) -> Option<&Value> {
        self.history.get(place)?.last()?.item.as_deref()
    }

    /// An item as it was after the write `seq`.
    pub(crate) fn item_at(&self, place: &Place, seq: u64) -> Option<&Value> {
        let versions = self.history.get(place)?;
        let behind = versions.partition_point(|version| version.seq <= seq);
        versions.get(behind.checked_sub(1)?)?.item.as_deref()
    }

    /// All items of a table whose keys begin so.
    pub(crate) fn items<'a>(
        &'a self,
        table: Table,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a Place, &'a Value)> {
        self.history
            .range(Place::new(table, prefix)..)
            .take_while(move |(place, _)| place.table == table && place.key.starts_with(prefix))
            .filter_map(|(place, versions)| Some((place, versions.last()?.item.as_deref()?)))
    }

    /// Every item with where it is.
    pub(crate) fn everything(&self) -> impl Iterator<Item = (&Place, &Value)> {
        Table::ALL.into_iter().flat_map(|table| self.items(table, ""))
    }

    /// All that was written to a place after the write `seq`.
    pub(crate) fn since(&self, place: &Place, seq: u64) -> &[Version] {
        let Some(versions) = self.history.get(place) else { return &[] };
        &versions[versions.partition_point(|version| version.seq <= seq)..]
    }

    /// Whether somebody else wrote to a place since a request began.
    pub(crate) fn others_wrote(&self, ledger: &Ledger, place: &Place) -> bool {
        self.since(place, ledger.begun_seq).iter().any(|version| version.by != Some(ledger.id))
    }

    /// The moments since a request began at which one of these places changed,
    /// and the one at which it began, as numbers of writes.
    pub(crate) fn moments(&self, ledger: &Ledger, places: &[Place]) -> Vec<u64> {
        let changes = places.iter().flat_map(|place| self.since(place, ledger.begun_seq));
        let mut moments: Vec<_> =
            [ledger.begun_seq].into_iter().chain(changes.map(|version| version.seq)).collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// How many edges name a user as the referrer, after the write `seq`.
    pub(crate) fn edges_of(&self, user: &str, seq: u64) -> usize {
        let edges = self.history.range(Place::new(Table::Users, "edge#")..);
        edges
            .take_while(|(place, _)| place.key.starts_with("edge#"))
            .filter_map(|(place, _)| self.item_at(place, seq))
            .filter(|edge| text(edge, "referrer_id") == Some(user))
            .count()
    }

    /// What an item was at some time since a request began.
    pub(crate) fn versions<'a>(
        &'a self,
        ledger: &Ledger,
        place: &'a Place,
    ) -> impl Iterator<Item = Option<&'a Value>> {
        let first = self.item_at(place, ledger.begun_seq);
        [first]
            .into_iter()
            .chain(self.since(place, ledger.begun_seq).iter().map(|version| version.item.as_deref()))
    }

    /// Whether a session was on after the write `seq`, at the time `now`.
    pub(crate) fn is_on(&self, user: &str, session: &str, seq: u64, now: i64) -> bool {
        let Some(item) = self.item_at(&Place::user(user), seq) else { return false };
        let Some(slot) = self.item_at(&Place::session(user, session), seq) else { return false };
        let epoch = session.split('-').nth(1).and_then(|epoch| epoch.parse::<i64>().ok());
        text(item, "status") == Some("active")
            && epoch == Some(number(item, "epoch"))
            && text(slot, "id") == Some(session)
            && number(slot, "expires_at").min(number(slot, "refresh_until")) > now
    }

    /// The keys under which what belongs to a phone's codes is stored: for each entry of
    /// the pepper secret one for strangers and one for known devices.
    pub(crate) fn code_places(&self, phone: &str) -> Vec<Place> {
        let entries = self.pepper.entries().iter();
        let place = |kind: &str, key: String| Place::new(Table::Codes, format!("{kind}#{key}"));
        entries.flat_map(|entry| REGISTERS.map(|kind| place(kind, entry.key(kind, phone)))).collect()
    }

    pub(crate) const fn pepper(&self) -> &Pepper {
        &self.pepper
    }
}

impl Violation {
    fn at_last(&self) -> u64 {
        world::digest(self.rule)
    }
}
