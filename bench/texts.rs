//! How many texts a person needs in a year: `cargo bench --bench texts`.
//!
//! A model of ten thousand people who use an app, each for up to three years, of which
//! the last one is counted. What becomes of their sessions is not modelled: it is judged
//! by the domain's own [`Session`], under the deployment's own defaults, so that the
//! figures move when the rules do. Chance comes from a seed. `docs/deploy.md` has the
//! tables.
//!
//! What is assumed is in [`HABITS`] and [`ASSUMED`], each with its source. *Ours* is
//! what we think likely and have no source for. Not modelled, besides:
//!
//! - Thieves, bans, deleted accounts, and people who are signed out by staff.
//! - More than twenty devices. Everybody has one phone, some a browser beside it.
//! - Widgets that refresh while the app is not opened, which keeps sessions on.
//! - Texts that are asked for and entered by nobody, such as those of attacks:
//!   `docs/pumping.md`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::struct_excessive_bools,
    reason = "a few thousand days; a person has many sides"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{Add, Range};

use latchkey::base::config::{self, Vars};
use latchkey::base::world::Timestamp;
use latchkey::domain::session::{RECENT, Repeating, Replaced, Session, SessionId, Standing};
use latchkey::domain::user::UserId;
use latchkey::tokens::issuer::lifetime;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

const PEOPLE: u32 = 10_000;
/// People sign up during the first year; the last one is counted.
const YEARS: i64 = 3;
const COUNTED: Range<i64> = (YEARS - 1) * YEAR..YEARS * YEAR;

/// How often somebody opens the app.
struct Habit {
    name: &'static str,
    /// Of a hundred people.
    share: u32,
    /// The chance that the app is opened on a day.
    chance: f64,
    /// How often, on such a day.
    openings: u32,
    /// Days of use on end, on average, after which comes a pause; `None`: none comes.
    lapses_after: Option<f64>,
}

/// Ours, all of them: apps differ more than any mean of them says. So the figures are
/// shown for each habit, too.
const HABITS: [Habit; 4] = [
    Habit { name: "daily", share: 40, chance: 0.9, openings: 4, lapses_after: None },
    Habit { name: "weekly", share: 30, chance: 1.0 / 7.0, openings: 2, lapses_after: None },
    Habit { name: "monthly", share: 20, chance: 1.0 / 30.0, openings: 1, lapses_after: None },
    Habit { name: "with long pauses", share: 10, chance: 0.3, openings: 2, lapses_after: Some(60.0) },
];

/// Days that somebody with long pauses stays away. Ours.
const PAUSE: Range<i64> = 30..540;

/// A browser is opened so often.
const IN_A_BROWSER: &Habit = &HABITS[1];

/// Openings are spread over the waking day. Ours.
const WAKING: Range<i64> = 7 * HOUR..23 * HOUR;

/// What is assumed of people, phones and networks. Chances are of 1.
#[derive(Clone, Copy)]
pub(crate) struct Assumptions {
    /// People who add a passkey when they are offered one, after a sign-in by a text.
    adoption: f64,
    /// Years between two phones of a person. US surveys say 2.4 to 4, and carriers "way
    /// over 36 months" (secondarymarket.news, "Americans are keeping their smartphones
    /// longer than ever before", 2025). Each takes the session away, as what devices
    /// carry over is not relied on.
    phone_years: f64,
    /// New phones of the other platform, where the old one's passkeys are not at hand.
    /// 94 % of owners of an iPhone and 91 % of those of an Android stay (CIRP, June
    /// 2023, in 9to5mac.com).
    switches: f64,
    /// People whose passkeys get to their next phone of the same platform. Ours: both
    /// platforms sync by default, for who is signed in there.
    syncs: f64,
    /// Sign-ins that succeed where a passkey is at hand on the phone; the others take a
    /// text. 95 to 99 % on known devices (corbado.com, Passkey Benchmark 2026).
    passkey_works: f64,
    /// The same in a browser, with a passkey that synced or with the phone beside it. 55
    /// to 95 % on unknown devices (the same).
    passkey_works_in_a_browser: f64,
    /// People with an iPhone. Ours; it decides about reinstallations alone.
    iphones: f64,
    /// Reinstallations a year of a phone's app, while the person goes on using it. Ours:
    /// of all installations 42 % are of who had the app before (Tune, 2018, in
    /// mediapost.com), most of them after a pause. Only Android forgets the session: what
    /// is in an iPhone's Keychain stays, though Apple does not promise it.
    reinstalls: f64,
    /// How often a year somebody signs out by hand, to come back later. Ours.
    signs_out: f64,
    /// How often a year somebody gets another number and still has the old one at hand.
    /// Ours, this and the next; in the US over 35 million numbers a year are given up
    /// (natlawreview.com on the FCC's order of December 2018), but nobody says how many
    /// were a person's only one.
    changes_number: f64,
    /// How often a year somebody's number is lost.
    loses_number: f64,
    /// People who use the app in a browser as well. Ours.
    in_a_browser: f64,
    /// How often a year a browser forgets its session. Ours: people clear their data, and
    /// Safari does it by itself after seven days of use without a visit (webkit.org,
    /// "Full Third-Party Cookie Blocking and More", 2020).
    browser_forgets: f64,
    /// Days of use on which the answer to the first refresh is lost, after it was done.
    /// Ours; we think it high, as most requests that fail on mobile networks do so before
    /// they arrive.
    loses_answer: f64,
    /// Of these, those on which the app is gone before it asks again. Ours. The others
    /// ask again at once, which no rule minds.
    is_gone: f64,
    /// After how many seconds it is opened again and asks with the same token; each
    /// order of magnitude is as likely. Ours.
    again_after: (f64, f64),
    /// People with a widget. Ours.
    widgets: f64,
    /// Days of use on which a widget read its token just before the app's first refresh,
    /// and uses it after. Ours: 40 to 70 reloads a day (Apple, WWDC 2021, session 10048)
    /// of two seconds each, and four refreshes of the app.
    widget_is_late: f64,
    /// By how many seconds; each order of magnitude is as likely. Ours.
    late_by: (f64, f64),
    /// Codes that are not entered but asked for again: each is a text more. Ours, for
    /// people who sign in again; among all codes 28 % are not entered
    /// (`docs/pumping.md`).
    asks_again: f64,
}

pub(crate) const ASSUMED: Assumptions = Assumptions {
    adoption: 0.0,
    phone_years: 3.0,
    switches: 0.08,
    syncs: 0.9,
    passkey_works: 0.95,
    passkey_works_in_a_browser: 0.75,
    iphones: 0.3,
    reinstalls: 0.2,
    signs_out: 0.05,
    changes_number: 0.02,
    loses_number: 0.01,
    in_a_browser: 0.05,
    browser_forgets: 2.0,
    loses_answer: 0.05,
    is_gone: 0.1,
    again_after: (60.0, 43_200.0),
    widgets: 0.25,
    widget_is_late: 0.01,
    late_by: (0.1, 60.0),
    asks_again: 0.1,
};

impl Assumptions {
    pub(crate) const fn with_passkeys(self, adoption: f64) -> Self {
        Self { adoption, ..self }
    }
}

/// What sessions live by; times in seconds.
pub(crate) struct Rules {
    access_ttl: i64,
    refresh_ttl: i64,
    session_ttl: i64,
    /// `None`: as it was before.
    repeating: Option<Repeating>,
}

impl Rules {
    /// Those of a deployment that sets these variables.
    pub(crate) fn of(vars: &Vars) -> Self {
        let seconds = |parameter| vars.number(parameter, 0..=86_400).unwrap();
        Self {
            access_ttl: seconds(config::ACCESS_TTL).into(),
            refresh_ttl: lifetime(vars, config::REFRESH_TTL).unwrap(),
            session_ttl: lifetime(vars, config::SESSION_TTL).unwrap(),
            repeating: Some(Repeating {
                grace: seconds(config::REFRESH_GRACE),
                retry: seconds(config::REFRESH_RETRY),
            }),
        }
    }

    /// Those before refresh tokens ended by use.
    pub(crate) const fn before() -> Self {
        Self { access_ttl: 900, refresh_ttl: 30 * DAY, session_ttl: 180 * DAY, repeating: None }
    }

    fn judge(&self, session: &Session, generation: u32, now: Timestamp) -> Standing {
        match self.repeating {
            Some(repeating) => session.judge(generation, now, repeating),
            None => judge_as_before(session, generation, now),
        }
    }
}

/// A token was good until 30 s after its successor was made, used or not, and a theft
/// then.
fn judge_as_before(session: &Session, generation: u32, now: Timestamp) -> Standing {
    const GRACE: i64 = 30;
    if !session.is_on(EPOCH, now) {
        return Standing::Ended;
    }
    match session.generation - generation {
        0 => Standing::Current,
        1 if now < session.last_seen_at.plus_seconds(GRACE) => Standing::Repeated,
        _ => Standing::Stolen,
    }
}

/// Nobody signs out everywhere here.
const EPOCH: u32 = 0;

/// Why a text was needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    NewPhone,
    Reinstalled,
    LostAnswer,
    Widget,
    Number,
    Browser,
    SignedOut,
    Disuse,
    Age,
}

impl Cause {
    pub(crate) const ALL: [Self; 9] = [
        Self::NewPhone,
        Self::Reinstalled,
        Self::LostAnswer,
        Self::Widget,
        Self::Number,
        Self::Browser,
        Self::SignedOut,
        Self::Disuse,
        Self::Age,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::NewPhone => "a new phone",
            Self::Reinstalled => "the app was installed anew",
            Self::LostAnswer => "the answer to a refresh was lost, and the app was gone",
            Self::Widget => "a widget came with an older token",
            Self::Number => "another number",
            Self::Browser => "a browser beside the phone",
            Self::SignedOut => "signed out by hand",
            Self::Disuse => "not used for `REFRESH_TTL`",
            Self::Age => "the session was `SESSION_TTL` old",
        }
    }
}

/// Texts of the year that is counted, by habit and cause, and those of all sign-ups.
#[derive(Clone, Copy, Default)]
pub(crate) struct Texts {
    by_cause: [[u32; Cause::ALL.len()]; HABITS.len()],
    of_sign_ups: u32,
}

impl Texts {
    fn of_habit(&self, habit: usize) -> u32 {
        self.by_cause[habit].iter().sum()
    }

    pub(crate) fn of_cause(&self, cause: Cause) -> u32 {
        self.by_cause.iter().map(|of_habit| of_habit[cause as usize]).sum()
    }

    pub(crate) fn all(&self) -> u32 {
        (0..HABITS.len()).map(|habit| self.of_habit(habit)).sum()
    }
}

impl Add for Texts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        for (all, more) in self.by_cause.as_flattened_mut().iter_mut().zip(other.by_cause.as_flattened()) {
            *all += more;
        }
        self.of_sign_ups += other.of_sign_ups;
        self
    }
}

/// A phone or a browser: the session, and what of it is in store there.
struct Device {
    session: Session,
    /// The generation of the refresh token in store.
    stored: u32,
    /// When the access token in store ends.
    access_until: Timestamp,
    /// Why it has to sign in, if that is known.
    over: Option<Cause>,
}

impl Device {
    fn signed_in(rules: &Rules, now: Timestamp, rng: &mut StdRng) -> Self {
        let session = Session {
            user_id: UserId(String::new()),
            id: SessionId::draw(0, EPOCH, rng),
            device: None,
            ip: String::new(),
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus_seconds(rules.session_ttl),
            generation: 0,
            pepper_entry: String::new(),
            refresh_until: now.plus_seconds(rules.refresh_ttl),
            device_id: None,
            passkey_id: None,
            used_at: None,
            replaced: Replaced::default(),
        };
        Self { session, stored: 0, access_until: now.plus_seconds(rules.access_ttl), over: None }
    }

    /// Whether an opening asks for new tokens.
    fn must_refresh(&self, now: Timestamp) -> bool {
        now >= self.access_until || !self.session.is_on(EPOCH, now)
    }

    /// The app is opened, refreshes if it has to, and uses what it has; or the cause why
    /// it has to sign in.
    fn open(&mut self, rules: &Rules, now: Timestamp) -> Result<(), Cause> {
        if let Some(cause) = self.over {
            return Err(cause);
        }
        if self.must_refresh(now) {
            self.ask(rules, self.stored, now)?;
            self.stored = self.session.generation;
            self.access_until = now.plus_seconds(rules.access_ttl);
            // Of generation 0 it is not noted.
            if self.session.generation > 0 {
                self.session.used_at.get_or_insert(now);
            }
        }
        Ok(())
    }

    /// What the service does about a refresh token, whether or not its answer arrives.
    fn ask(&mut self, rules: &Rules, generation: u32, now: Timestamp) -> Result<(), Cause> {
        match rules.judge(&self.session, generation, now) {
            Standing::Current => {
                self.session.rotate(now, now.plus_seconds(rules.refresh_ttl));
                Ok(())
            }
            Standing::Repeated => Ok(()),
            Standing::Lapsed | Standing::Stolen => Err(Cause::LostAnswer),
            Standing::Ended if now >= self.session.expires_at => Err(Cause::Age),
            Standing::Ended => Err(Cause::Disuse),
        }
    }
}

/// When an app is opened.
struct Openings {
    habit: &'static Habit,
    day: i64,
    /// Which of the day's is next.
    nth: u32,
    /// The day on which a pause begins.
    lapses_on: i64,
}

impl Openings {
    fn from(habit: &'static Habit, start: Timestamp, rng: &mut StdRng) -> Self {
        let mut openings = Self { habit, day: start.day(), nth: 0, lapses_on: i64::MAX };
        openings.day += openings.days_to_next(rng);
        openings.lapses_on = openings.next_lapse(rng);
        openings
    }

    fn next(&mut self, rng: &mut StdRng) -> (Timestamp, Event) {
        let part = (WAKING.end - WAKING.start) / i64::from(self.habit.openings);
        let second = WAKING.start + part * i64::from(self.nth) + rng.random_range(0..part);
        let at = Timestamp::of_day(self.day).plus_seconds(second);
        let event = Event::Opens { is_first: self.nth == 0 };
        self.nth += 1;
        if self.nth == self.habit.openings {
            self.nth = 0;
            self.day += self.days_to_next(rng);
            if self.day >= self.lapses_on {
                self.day += rng.random_range(PAUSE);
                self.lapses_on = self.next_lapse(rng);
            }
        }
        (at, event)
    }

    /// Days until a day on which it is opened, if each is with the same chance.
    fn days_to_next(&self, rng: &mut StdRng) -> i64 {
        1 + (unit(rng).ln() / (1.0 - self.habit.chance).ln()) as i64
    }

    fn next_lapse(&self, rng: &mut StdRng) -> i64 {
        self.habit.lapses_after.map_or(i64::MAX, |days| self.day + (-days * unit(rng).ln()) as i64)
    }
}

/// More than 0, at most 1.
fn unit(rng: &mut StdRng) -> f64 {
    1.0 - rng.random_range(0.0..1.0_f64)
}

/// A number between two, of which each order of magnitude is as likely.
fn magnitude((from, to): (f64, f64), rng: &mut StdRng) -> f64 {
    from * (to / from).powf(unit(rng))
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Opens { is_first: bool },
    OpensBrowser,
    Meets(Chance),
}

/// What comes by chance, so many times a year.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Chance {
    NewPhone,
    Reinstallation,
    SigningOut,
    OtherNumber,
    LostNumber,
    BrowserForgets,
}

impl Chance {
    const OF_EVERYBODY: [Self; 5] =
        [Self::NewPhone, Self::Reinstallation, Self::SigningOut, Self::OtherNumber, Self::LostNumber];

    const fn a_year(self, assumed: &Assumptions) -> f64 {
        match self {
            Self::NewPhone => 1.0 / assumed.phone_years,
            Self::Reinstallation => assumed.reinstalls,
            Self::SigningOut => assumed.signs_out,
            Self::OtherNumber => assumed.changes_number,
            Self::LostNumber => assumed.loses_number,
            Self::BrowserForgets => assumed.browser_forgets,
        }
    }

    /// When it comes next.
    fn after(self, now: Timestamp, assumed: &Assumptions, rng: &mut StdRng) -> Timestamp {
        let years = -unit(rng).ln() / self.a_year(assumed);
        now.plus_seconds((years.min(1e3) * YEAR as f64) as i64)
    }
}

/// Somebody's number is another, which the app is not told yet.
#[derive(Clone, Copy)]
enum Moving {
    OldAtHand,
    OldLost,
}

struct Person<'a> {
    rules: &'a Rules,
    assumed: &'a Assumptions,
    rng: StdRng,
    habit: usize,
    adopts: bool,
    has_widget: bool,
    has_iphone: bool,
    syncs: bool,
    /// Whether there is one that the present phone can use.
    has_passkey: bool,
    phone: Device,
    browser: Option<Device>,
    /// When the app is opened once more, as an answer was lost and it was gone.
    again: Option<Timestamp>,
    moving: Option<Moving>,
    texts: Texts,
}

/// The texts of somebody who signs up in the first year.
fn texts_of(number: u32, rules: &Rules, assumed: &Assumptions) -> Texts {
    let rng = &mut StdRng::seed_from_u64(number.into());
    let signed_up = Timestamp::from_millis(rng.random_range(0..YEAR * 1_000));
    let mut shares = 0;
    let habit = HABITS.iter().position(|habit| {
        shares += habit.share;
        number % 100 < shares
    });
    let mut person = Person {
        rules,
        assumed,
        habit: habit.unwrap(),
        adopts: rng.random_bool(assumed.adoption),
        has_widget: rng.random_bool(assumed.widgets),
        has_iphone: rng.random_bool(assumed.iphones),
        syncs: rng.random_bool(assumed.syncs),
        has_passkey: false,
        phone: Device::signed_in(rules, signed_up, rng),
        browser: None,
        again: None,
        moving: None,
        texts: Texts::default(),
        rng: StdRng::from_rng(rng),
    };
    person.texts.of_sign_ups = person.codes();
    person.may_add_passkey(signed_up);
    person.live(signed_up);
    person.texts
}

impl Person<'_> {
    fn live(&mut self, signed_up: Timestamp) {
        let mut events = BinaryHeap::new();
        let mut openings = Openings::from(&HABITS[self.habit], signed_up, &mut self.rng);
        let mut in_browser = Openings::from(IN_A_BROWSER, signed_up, &mut self.rng);
        events.push(Reverse(openings.next(&mut self.rng)));
        let mut chances = Chance::OF_EVERYBODY.to_vec();
        if self.rng.random_bool(self.assumed.in_a_browser) {
            chances.push(Chance::BrowserForgets);
            events.push(Reverse((in_browser.next(&mut self.rng).0, Event::OpensBrowser)));
        }
        for chance in chances {
            let at = chance.after(signed_up, self.assumed, &mut self.rng);
            events.push(Reverse((at, Event::Meets(chance))));
        }
        while let Some(Reverse((now, event))) = events.pop().filter(|next| next.0.0.seconds() < COUNTED.end) {
            if let Some(at) = self.again.take_if(|at| *at < now) {
                self.open(at, false);
            }
            events.push(Reverse(match event {
                Event::Opens { is_first } => {
                    self.open(now, is_first);
                    openings.next(&mut self.rng)
                }
                Event::OpensBrowser => {
                    self.open_browser(now);
                    (in_browser.next(&mut self.rng).0, event)
                }
                Event::Meets(chance) => {
                    self.meet(chance);
                    (chance.after(now, self.assumed, &mut self.rng), event)
                }
            }));
        }
    }

    fn meet(&mut self, chance: Chance) {
        match chance {
            Chance::NewPhone => {
                let switches = self.rng.random_bool(self.assumed.switches);
                self.has_iphone ^= switches;
                self.has_passkey &= self.syncs && !switches;
                self.phone.over.get_or_insert(Cause::NewPhone);
            }
            Chance::Reinstallation if self.has_iphone => {}
            Chance::Reinstallation => _ = self.phone.over.get_or_insert(Cause::Reinstalled),
            Chance::SigningOut => _ = self.phone.over.get_or_insert(Cause::SignedOut),
            Chance::OtherNumber => self.moving = Some(Moving::OldAtHand),
            Chance::LostNumber => self.moving = Some(Moving::OldLost),
            Chance::BrowserForgets => self.browser = None,
        }
    }

    fn open(&mut self, now: Timestamp, is_first: bool) {
        let Assumptions { loses_answer, is_gone, widget_is_late, .. } = *self.assumed;
        let read = self.phone.stored;
        let refreshes = is_first && self.phone.over.is_none() && self.phone.must_refresh(now);
        let is_lost = refreshes && self.rng.random_bool(loses_answer) && self.rng.random_bool(is_gone);
        if is_lost && self.phone.ask(self.rules, read, now).is_ok() {
            let after = magnitude(self.assumed.again_after, &mut self.rng);
            self.again = Some(now.plus_seconds(after as i64));
            return;
        }
        if let Err(cause) = self.phone.open(self.rules, now) {
            self.sign_in(cause, now);
        } else if refreshes && self.has_widget && self.rng.random_bool(widget_is_late) {
            let late = magnitude(self.assumed.late_by, &mut self.rng);
            let then = Timestamp::from_millis(now.millis() + (late * 1e3) as i64);
            self.phone.over = self.phone.ask(self.rules, read, then).err().map(|_| Cause::Widget);
        }
        if let Some(moving) = self.moving.take() {
            self.moves(moving, now);
        }
    }

    fn open_browser(&mut self, now: Timestamp) {
        if self.browser.as_mut().is_none_or(|browser| browser.open(self.rules, now).is_err()) {
            if !(self.has_passkey && self.rng.random_bool(self.assumed.passkey_works_in_a_browser)) {
                self.text(Cause::Browser, now);
            }
            self.browser = Some(Device::signed_in(self.rules, now, &mut self.rng));
        }
    }

    /// Signs in on the phone: by a passkey if there is one and it works, else by a text.
    fn sign_in(&mut self, cause: Cause, now: Timestamp) {
        let by_passkey = self.has_passkey && self.rng.random_bool(self.assumed.passkey_works);
        self.phone = Device::signed_in(self.rules, now, &mut self.rng);
        if !by_passkey {
            self.text(cause, now);
            self.may_add_passkey(now);
        }
    }

    /// A passkey is offered a minute after a sign-in by a text.
    fn may_add_passkey(&mut self, now: Timestamp) {
        let is_recent = self.phone.session.began_within(RECENT, now.plus_seconds(MINUTE));
        self.has_passkey |= self.adopts && is_recent;
    }

    /// Moves the account to another number, which takes a recent sign-in. Who has neither
    /// the old number nor a passkey cannot have one, and signs up with the new number.
    fn moves(&mut self, moving: Moving, now: Timestamp) {
        if matches!(moving, Moving::OldLost) && !self.has_passkey {
            self.sign_in(Cause::Number, now);
            return;
        }
        if !self.phone.session.began_within(RECENT, now) {
            self.sign_in(Cause::Number, now);
        }
        self.text(Cause::Number, now);
        // The old number is told.
        self.count(Cause::Number, 1, now);
    }

    fn text(&mut self, cause: Cause, now: Timestamp) {
        let codes = self.codes();
        self.count(cause, codes, now);
    }

    /// How many codes it takes until one is entered.
    fn codes(&mut self) -> u32 {
        let mut codes = 1;
        while self.rng.random_bool(self.assumed.asks_again) {
            codes += 1;
        }
        codes
    }

    fn count(&mut self, cause: Cause, texts: u32, now: Timestamp) {
        if COUNTED.contains(&now.seconds()) {
            self.texts.by_cause[self.habit][cause as usize] += texts;
        }
    }
}

fn texts(people: u32, rules: &Rules, assumed: &Assumptions) -> Texts {
    (0..people).map(|number| texts_of(number, rules, assumed)).fold(Texts::default(), Add::add)
}

/// The texts of so many people together, for each of the runs, which are all done at once.
pub(crate) fn texts_of_each<'a>(
    people: u32,
    runs: impl IntoIterator<Item = (&'a Rules, Assumptions)>,
) -> Vec<Texts> {
    std::thread::scope(|scope| {
        let start = |(rules, assumed)| scope.spawn(move || texts(people, rules, &assumed));
        let running: Vec<_> = runs.into_iter().map(start).collect();
        running.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

fn a_person(texts: u32, people: u32) -> String {
    format!("{:.2}", f64::from(texts) / f64::from(people))
}

fn head<T: AsRef<str>>(title: &str, columns: impl IntoIterator<Item = T>) {
    let columns: Vec<_> = columns.into_iter().collect();
    println!("{title}:\n");
    row("", &columns);
    println!("|{}", "---|".repeat(1 + columns.len()));
}

fn row<T: AsRef<str>>(name: &str, cells: impl IntoIterator<Item = T>) {
    let cells = cells.into_iter().fold(String::new(), |row, cell| row + " " + cell.as_ref() + " |");
    println!("| {name} |{cells}");
}

fn main() {
    let (now, before) = (Rules::of(&Vars::default()), Rules::before());
    let adoptions = [0.0, 0.2, 0.4, 0.7, 0.9];
    let runs = adoptions.map(|adoption| (&now, ASSUMED.with_passkeys(adoption)));
    let all = texts_of_each(PEOPLE, [(&before, ASSUMED)].into_iter().chain(runs));
    let names = adoptions.map(|adoption| format!("{:.0} %", adoption * 100.0));
    let names: Vec<_> = [String::from("before")].into_iter().chain(names).collect();
    print_by_habit(&names, &all);
    print_by_cause(&names, &all);
    print_otherwise(&now);
}

fn print_by_habit(names: &[String], all: &[Texts]) {
    let habits = HABITS.map(|habit| format!("{} ({} %)", habit.name, habit.share));
    let columns = [String::from("all")].into_iter().chain(habits);
    head("Texts a person and year, by how many have a passkey and how often they open the app", columns);
    for (name, texts) in names.iter().zip(all) {
        let of_habits = HABITS
            .iter()
            .enumerate()
            .map(|(habit, Habit { share, .. })| a_person(texts.of_habit(habit), PEOPLE / 100 * share));
        row(name, [a_person(texts.all(), PEOPLE)].into_iter().chain(of_habits));
    }
    println!("\nA sign-up takes {} texts, once.\n", a_person(all[0].of_sign_ups, PEOPLE));
}

fn print_by_cause(names: &[String], all: &[Texts]) {
    head("Why they were needed: texts a person and year · their share in %", names);
    for cause in Cause::ALL {
        let cells = all.iter().map(|texts| {
            let of_cause = texts.of_cause(cause);
            let share = f64::from(of_cause) / f64::from(texts.all()) * 100.0;
            format!("{} · {share:.0}", a_person(of_cause, PEOPLE))
        });
        row(cause.name(), cells);
    }
    println!();
}

/// What it would be if something else held, where 70 % have a passkey.
fn print_otherwise(now: &Rules) {
    type Change = fn(&mut Assumptions);
    let retried = &Rules::of(&Vars::default().with(config::REFRESH_RETRY.name, "86400"));
    let others: [(&str, &Rules, Change); 14] = [
        ("as assumed", now, |_| {}),
        ("the app is always gone when an answer is lost", now, |assumed| assumed.is_gone = 1.0),
        ("the app is never gone when an answer is lost", now, |assumed| assumed.is_gone = 0.0),
        ("`REFRESH_RETRY` is a day", retried, |_| {}),
        ("the same, and the app is always gone", retried, |assumed| assumed.is_gone = 1.0),
        ("a phone lasts 2 years", now, |assumed| assumed.phone_years = 2.0),
        ("a phone lasts 4 years", now, |assumed| assumed.phone_years = 4.0),
        ("passkeys of 75 % of people sync", now, |assumed| assumed.syncs = 0.75),
        ("15 % of new phones are of the other platform", now, |assumed| assumed.switches = 0.15),
        ("half the reinstallations", now, |assumed| assumed.reinstalls /= 2.0),
        ("nobody uses a browser", now, |assumed| assumed.in_a_browser = 0.0),
        ("no number changes", now, |assumed| (assumed.changes_number, assumed.loses_number) = (0.0, 0.0)),
        ("each first code is entered", now, |assumed| assumed.asks_again = 0.0),
        ("28 % of codes are not entered", now, |assumed| assumed.asks_again = 0.28),
    ];
    let runs = others.map(|(_, rules, change)| {
        let mut assumed = ASSUMED.with_passkeys(0.7);
        change(&mut assumed);
        (rules, assumed)
    });
    head("Where 70 % have a passkey and something else holds", ["texts a person and year"]);
    for ((name, ..), texts) in others.iter().zip(texts_of_each(PEOPLE, runs)) {
        row(name, [a_person(texts.all(), PEOPLE)]);
    }
}
