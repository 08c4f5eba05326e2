//! Codes: what is known of a phone's, and when they were sent and guessed.
//!
//! One item a phone and register, keyed by an HMAC. It holds the one live code *and* the
//! times of the last texts (`t1` the newest) and wrong guesses (`g1`), so that
//! cooldown, caps and the code itself are one condition of one write. Beside
//! `live_code` stands `last_code`, the one that it took the place of: a text
//! that did not leave is taken back as if it had never been asked for.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::base::config::Parameter;
use crate::base::error::StartError;
use crate::base::world::Timestamp;
use crate::cloud::attempts::InDoubt;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, TTL, blob, number, read_number, string};
use crate::cloud::setup::Setup;
use crate::cloud::transaction::RefusedPart;
use crate::cloud::writes::{Write, Written};
use crate::domain::code::{OneTimeCode, Purpose};
use crate::domain::credit::{KNOWN_UNENTERED, Means};
use crate::domain::device::Asker;
use crate::domain::fate::{Fate, TextFate, Why};
use crate::domain::limits::{CodeLimits, DAY, Hold, LimitMet, LimitOf, Window};
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::domain::phone_lists::TestPhone;
use crate::settings;
use crate::tables;
use crate::tables::phone_items::{CODES, CREDITED_ON, ENTERED_AT, PEPPER_ENTRY, PhoneItems, merged, times};
use crate::tables::register::Register;

/// The attribute of a live code whose text was handed to a carrier, or that has
/// none.
const HANDED_OVER: &str = "handed_over";

/// Of how many texts of a register their fate is kept.
pub const REMEMBERED: usize = 10;

/// The codes of all phones.
pub struct Codes {
    items: PhoneItems,
    pepper: Pepper,
    limits: CodeLimits,
}

/// A live code, as far as whoever asked for it is told.
#[derive(Clone, Debug)]
pub struct Live {
    /// What tells this code from the one before it.
    pub challenge_id: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When another may be asked for.
    pub resend_at: Timestamp,
}

/// A code that is live now, and has still to be sent.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What whoever asked is told.
    pub live: Live,
    /// What is texted.
    pub code: OneTimeCode,
    /// When it was issued.
    pub sent_at: Timestamp,
    asker: Asker,
    phone: Phone,
    counts: bool,
    means: Option<Means>,
}

/// What a code is asked for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// What it proves the phone for.
    pub purpose: Purpose,
    /// Names the request, where it may be repeated: by the first of these, and it is the same
    /// as one that was named by any of them.
    pub request: &'a [String],
    /// By what its text was taken from its places; `None` where none was.
    pub means: Option<Means>,
}

/// How asking for a code ended.
#[derive(Debug)]
pub enum Issue {
    /// A new one is live; the one before it is void.
    Issued(Issued),
    /// The same request was answered before, and its code is still live.
    Repeated(Live),
    /// The same request made a code live before, and it is not known whether its
    /// text left. From then on it is texted anew.
    Begun(Timestamp),
    /// The phone had too many, or one just now.
    Limited(LimitMet),
    /// Known devices let two texts of this day be: they are strangers to what all
    /// texts are bounded by, until one is entered.
    Idle,
}

/// What is kept of a phone in one register, without what would tell a code.
#[derive(Debug)]
pub struct Record {
    /// Of which.
    pub asker: Asker,
    /// The texts that are remembered, newest first, with what became of each.
    pub texts: Vec<TextFate>,
    /// When a wrong code was entered, newest first.
    pub wrong_at: Vec<Timestamp>,
    /// When a code was entered last, where that is kept.
    pub entered_at: Option<Timestamp>,
    /// On which day a code that was entered counted for its places, as that day's start.
    pub credited_on: Option<Timestamp>,
    /// The code that can be entered.
    pub live: Option<Pending>,
}

/// A code that can be entered, without anything by which it could be.
#[derive(Debug)]
pub struct Pending {
    /// Whether it signs in; else it proves the phone for somebody who moves to it.
    pub signs_in: bool,
    /// When it was made.
    pub sent_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How many guesses were compared with it.
    pub attempts: i64,
    /// Whether its text was handed to a carrier.
    pub handed_over: bool,
}

/// How counting a text without a code ended.
#[derive(Debug)]
pub enum Note {
    /// It is counted, as of then.
    Noted(Timestamp),
    /// The phone had too many, or one just now.
    Limited(LimitMet),
}

/// A guess that was counted and may be compared.
#[derive(Debug)]
pub struct CountedGuess {
    asker: Asker,
    phone: Phone,
    purpose: Purpose,
    pepper_entry: String,
    hash: Vec<u8>,
    attempts: i64,
    sent_at: Timestamp,
    means: Option<Means>,
}

/// How counting a guess ended.
#[derive(Debug)]
pub enum Count {
    /// It may be compared.
    Counted(CountedGuess),
    /// There is nothing to compare it with.
    NoCode,
    /// Too many were wrong.
    Limited(LimitMet),
}

/// How a guess ended.
#[derive(Debug)]
pub enum Guess {
    /// Right.
    Right(Proof),
    /// Wrong; as many more are compared (`None`: without limit).
    Wrong(Option<u32>),
}

/// A phone that was proved: its code was entered. The code is spent by
/// [`Codes::spend`].
#[derive(Debug)]
pub struct Proof {
    asker: Asker,
    /// The proved phone.
    pub phone: Phone,
    /// By what its text was taken from its places, if that is to be given back: it
    /// is once a phone and day.
    pub means: Option<Means>,
    hash: Vec<u8>,
    sent_at: Timestamp,
}

/// What is known of a register of a phone.
#[derive(Debug)]
pub struct Standing {
    /// Whose register.
    pub asker: Asker,
    /// The last texts, newest first, at most [`REMEMBERED`].
    pub texts: Vec<TextFate>,
    /// When its live code ends; `None` where there is none.
    pub code_until: Option<Timestamp>,
    /// How many wrong guesses of the last day count, those that are being compared
    /// among them.
    pub wrong_guesses: usize,
    /// What holds its phone up, and until when.
    pub holds: Vec<Hold>,
    items: Vec<Item>,
}

impl Codes {
    /// The parameters that [`Codes::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[tables::CODES, settings::CODE_LIMITS];

    /// Those of the deployment.
    pub fn new(setup: &Setup, pepper: Pepper) -> Result<Self, StartError> {
        let limits = settings::code_limits(&setup.vars)?;
        Ok(Self { items: PhoneItems::new(setup, pepper.clone()), pepper, limits })
    }

    /// What bounds them.
    pub const fn limits(&self) -> &CodeLimits {
        &self.limits
    }

    /// All that is kept of a phone, register by register.
    pub async fn records(&self, phone: &Phone) -> Result<Vec<Record>, StoreError> {
        let items = self.items.all(phone).await?;
        Ok(items.iter().map(|(asker, item)| Record::of(*asker, item)).collect())
    }

    /// Makes a new code live for a phone, if its limits allow one more text.
    /// Where the request is named, and the text of the last one was handed over, its
    /// code is kept. With `is_trusted` known devices are refused that let
    /// texts be.
    pub async fn issue(
        &self,
        (asker, is_trusted): (Asker, bool),
        phone: Phone,
        wanted: &Wanted<'_>,
    ) -> Result<Issue, StoreError> {
        let now = self.items.table.world.now();
        let live = Live {
            challenge_id: asker.challenge(&self.items.table.world.new_id()),
            expires_at: now.plus_seconds(self.limits.ttl.into()),
            resend_at: now.plus_seconds(self.limits.cooldown.seconds),
        };
        let code = OneTimeCode::draw(&mut *self.items.table.world.rng(), self.limits.length);
        let issued = Issued { live, code, sent_at: now, asker, phone, counts: true, means: wanted.means };
        self.make_live(issued, wanted, &self.limits.sends(), is_trusted).await
    }

    /// Makes the code of a test number live: no text, so no limits of texts.
    pub async fn issue_test(&self, tester: &TestPhone, wanted: &Wanted<'_>) -> Result<Issue, StoreError> {
        let now = self.items.table.world.now();
        let live = Live {
            challenge_id: self.items.table.world.new_id(),
            expires_at: now.plus_seconds(self.limits.ttl.into()).min(tester.ends_at),
            resend_at: now,
        };
        let (phone, code) = (tester.phone.clone(), tester.code.clone());
        let asker = Asker::Stranger;
        let issued = Issued { live, code, sent_at: now, asker, phone, counts: false, means: None };
        self.make_live(issued, wanted, &[], false).await
    }

    async fn make_live(
        &self,
        issued: Issued,
        Wanted { purpose, request, .. }: &Wanted<'_>,
        windows: &[Window],
        is_trusted: bool,
    ) -> Result<Issue, StoreError> {
        let now = issued.sent_at;
        let entry = self.pepper.first();
        let register = self.texts();

        let mut live = Item::from([
            ("code_hash".to_owned(), blob(entry.hash_code(&issued.phone, purpose, &issued.code).to_vec())),
            ("purpose".to_owned(), string(purpose.to_string())),
            ("challenge_id".to_owned(), string(&issued.live.challenge_id)),
            ("sent_at".to_owned(), number(now.millis())),
            ("expires_at".to_owned(), number(issued.live.expires_at.millis())),
            ("attempts".to_owned(), number(0)),
            (PEPPER_ENTRY.to_owned(), string(entry.id())),
        ]);
        let mut update = self
            .items
            .update(issued.asker, &issued.phone)
            .set("last_code = if_not_exists(live_code, :none)")
            .value(":none", AttributeValue::M(Item::new()))
            .assign(TTL, number(self.ttl(now)));
        if !issued.counts {
            live.insert(HANDED_OVER.to_owned(), AttributeValue::Bool(true));
        }
        if let Some(means) = issued.means {
            live.insert("means".to_owned(), string(means.name()));
        }
        if let Some(first) = request.first() {
            live.insert("request_key".to_owned(), string(first));
            let values: Vec<_> = (1..=request.len()).map(|nth| format!(":request{nth}")).collect();
            update = update
                .only_if(format!(
                    "attribute_not_exists(live_code.request_key) OR NOT live_code.request_key IN ({}) \
                     OR live_code.expires_at <= :now OR attribute_not_exists(live_code.{HANDED_OVER})",
                    values.join(", "),
                ))
                .value(":now", number(now.millis()));
            for (value, name) in values.into_iter().zip(*request) {
                update = update.value(value, string(name));
            }
        }
        update = register.require_room(update.assign("live_code", AttributeValue::M(live)), windows, now);
        if issued.counts {
            update = register.shift_in(update, now);
        }
        let day_ago = now.plus_seconds(-DAY);
        if is_trusted {
            let last = format!("t{KNOWN_UNENTERED}");
            update = update
                .only_if(format!(
                    "attribute_not_exists({last}) OR {last} <= :day_ago OR {last} <= {ENTERED_AT}"
                ))
                .value(":day_ago", number(day_ago.millis()));
        }
        let item = match self.items.begin(issued.asker, &issued.phone, update).await? {
            Written::Done(_) => return Ok(Issue::Issued(issued)),
            Written::Refused(item) => item,
        };

        let times = register.read(&item);
        let live = LiveCode(&item);
        let is_same = live.string("request_key").is_some_and(|name| request.iter().any(|same| same == name));
        if is_same && live.expires_at() > now {
            let cooldown = self.limits.cooldown.full_until(&times, now).filter(|_| issued.counts);
            match (live.get(HANDED_OVER), cooldown) {
                (Some(_), _) => {
                    return Ok(Issue::Repeated(Live {
                        challenge_id: live.string("challenge_id").unwrap_or_default().to_owned(),
                        expires_at: live.expires_at(),
                        resend_at: cooldown.unwrap_or(now),
                    }));
                }
                (None, Some(until)) => return Ok(Issue::Begun(until)),
                (None, None) => {}
            }
        }
        let entered_at = read_number(&item, ENTERED_AT).map_or(day_ago, Timestamp::from_millis);
        let last = times.get(KNOWN_UNENTERED as usize - 1);
        if is_trusted && last.is_some_and(|last| *last > day_ago.max(entered_at)) {
            return Ok(Issue::Idle);
        }
        Ok(Issue::Limited(self.limit_met(&times, now)))
    }

    /// Counts a text without a code among those to a phone, as of now.
    pub async fn note_text(&self, phone: &Phone) -> Result<Note, StoreError> {
        let asker = Asker::Stranger;
        let (now, register) = (self.items.table.world.now(), self.texts());
        let update = self.items.update(asker, phone).assign(TTL, number(self.ttl(now)));
        let update = register.require_room(update, &self.limits.sends(), now);
        Ok(match self.items.begin(asker, phone, register.shift_in(update, now)).await? {
            Written::Done(_) => Note::Noted(now),
            Written::Refused(item) => Note::Limited(self.limit_met(&register.read(&item), now)),
        })
    }

    /// Gives back a text that was counted `at` and did not leave, unless another
    /// was counted since.
    pub async fn unnote_text(&self, phone: &Phone, at: Timestamp) -> Result<(), StoreError> {
        let asker = Asker::Stranger;
        let update = self.items.update(asker, phone).if_equal("t1", number(at.millis()));
        self.items.change(asker, phone, self.texts().shift_out(update), InDoubt::Stop).await?;
        Ok(())
    }

    /// Which limit on texts to a phone is met, by when it was texted.
    fn limit_met(&self, times: &[Timestamp], now: Timestamp) -> LimitMet {
        let full = |window: &Window| window.full_until(times, now);
        let is_capped = full(&self.limits.per_hour).or(full(&self.limits.per_day)).is_some();
        LimitMet {
            of: if is_capped { LimitOf::Codes } else { LimitOf::Cooldown },
            // True to the second only if nothing else holds it up then.
            until: self.limits.sends().iter().filter_map(full).max().unwrap_or(now),
        }
    }

    /// Remembers that the text of a code was handed over, as long as the code is
    /// the live one: only then is the same request told so again. If the table
    /// does not answer, that request is not told.
    pub async fn handed_over(&self, issued: &Issued) -> Result<(), StoreError> {
        let update = self
            .items
            .update(issued.asker, &issued.phone)
            .only_if("live_code.challenge_id = :challenge")
            .value(":challenge", string(&issued.live.challenge_id))
            .set(format!("live_code.{HANDED_OVER} = :true"))
            .value(":true", AttributeValue::Bool(true));
        self.items.change(issued.asker, &issued.phone, update, InDoubt::Again).await?;
        Ok(())
    }

    /// Gives back the code and the allowance of a text that is known not to
    /// have left: what was live before is live again. Where another code was issued
    /// meanwhile, or the table does not answer, the allowance is used up. That a carrier
    /// `refused` it is remembered.
    pub async fn take_back(&self, issued: &Issued, refused: Option<Why>) -> Result<(), StoreError> {
        let challenge = string(&issued.live.challenge_id);
        let where_it_is = |name: &str| {
            self.items
                .update(issued.asker, &issued.phone)
                .only_if(format!("{name}.challenge_id = :challenge"))
                .value(":challenge", challenge.clone())
                .value(":none", AttributeValue::M(Item::new()))
        };
        let told = |update| match refused {
            Some(why) => {
                let text = TextFate { at: issued.sent_at, fate: Fate::Refused(why) };
                fates().shift_in_number(update, text.number())
            }
            None => update,
        };
        let mut live = told(where_it_is("live_code").set("live_code = last_code, last_code = :none"));
        if issued.counts {
            live = self.texts().shift_out(live);
        }
        let last = told(where_it_is("last_code").set("last_code = :none"));
        // It may become the last one, and the live one again, while it is taken back.
        for update in [&live, &last, &live] {
            match self.items.change(issued.asker, &issued.phone, update.clone(), InDoubt::Again).await? {
                Written::Refused(item)
                    if codes_of(&item).any(|code| code.get("challenge_id") == Some(&challenge)) => {}
                Written::Done(_) | Written::Refused(_) => break,
            }
        }
        Ok(())
    }

    /// Counts a guess at a phone's code, before it is compared, so that however
    /// many guesses arrive at once, no more than `MAX_ATTEMPTS` are compared.
    /// Where a challenge is given, it must be that of the live code; another is
    /// refused without counting.
    ///
    /// A code of an earlier entry of the pepper secret is found too, so that
    /// rotating it takes no code from anybody.
    pub async fn count_guess(
        &self,
        asker: Asker,
        phone: &Phone,
        purpose: &Purpose,
        challenge_id: Option<&str>,
    ) -> Result<Count, StoreError> {
        self.items.settle(asker, phone).await?;
        let now = self.items.table.world.now();
        let register = self.guesses();

        let mut update = self
            .items
            .update(asker, phone)
            .only_if("attribute_exists(live_code.code_hash)")
            .only_if("live_code.expires_at > :now AND live_code.purpose = :purpose")
            .value(":now", number(now.millis()))
            .value(":purpose", string(purpose.to_string()))
            .set("live_code.attempts = live_code.attempts + :one")
            .value(":one", number(1))
            .assign(TTL, number(self.ttl(now)));
        if self.limits.max_attempts > 0 {
            update =
                update.only_if("live_code.attempts < :max").value(":max", number(self.limits.max_attempts));
        }
        if let Some(challenge_id) = challenge_id {
            update = update
                .only_if("live_code.challenge_id = :challenge")
                .value(":challenge", string(challenge_id));
        }
        update = register.require_room(update, &[self.limits.guesses_per_day], now);
        let update = register.shift_in(update, now);
        Ok(match self.items.change(asker, phone, update, InDoubt::Again).await? {
            Written::Done(item) => {
                let live = LiveCode(&item);
                Count::Counted(CountedGuess {
                    asker,
                    phone: phone.clone(),
                    purpose: purpose.clone(),
                    pepper_entry: live.pepper_entry(&self.pepper),
                    hash: live.hash(),
                    attempts: live.number("attempts"),
                    sent_at: live.sent_at(),
                    means: live
                        .string("means")
                        .and_then(Means::of)
                        .filter(|_| read_number(&item, CREDITED_ON) != Some(now.day())),
                })
            }
            Written::Refused(item) => {
                match self.limits.guesses_per_day.full_until(&register.read(&item), now) {
                    Some(until) => Count::Limited(LimitMet { of: LimitOf::Guesses, until }),
                    None => Count::NoCode,
                }
            }
        })
    }

    /// Takes a guess back that was counted and is not compared. If the table
    /// does not answer, it stays counted.
    pub async fn uncount(&self, counted: &CountedGuess) -> Result<(), StoreError> {
        self.uncount_one(counted.asker, &counted.phone, &counted.hash).await
    }

    /// Takes a right guess back whose code was not spent after all.
    pub async fn unprove(&self, proof: &Proof) -> Result<(), StoreError> {
        self.uncount_one(proof.asker, &proof.phone, &proof.hash).await
    }

    async fn uncount_one(&self, asker: Asker, phone: &Phone, hash: &[u8]) -> Result<(), StoreError> {
        let update = self
            .items
            .update(asker, phone)
            .only_if("live_code.code_hash = :hash AND live_code.attempts > :zero")
            .value(":hash", blob(hash.to_vec()))
            .set("live_code.attempts = live_code.attempts - :one")
            .value(":one", number(1));
        self.items.change(asker, phone, self.guesses().shift_out(update), InDoubt::Stop).await?;
        Ok(())
    }

    /// Compares a counted guess.
    pub fn compare(&self, counted: CountedGuess, guess: &OneTimeCode) -> Guess {
        let CountedGuess { asker, phone, purpose, pepper_entry, hash, attempts, sent_at, means } = counted;
        tracing::debug!("a guess is compared");
        let entry = self.pepper.entry(&pepper_entry);
        if entry.is_some_and(|entry| entry.is_code(&hash, &phone, &purpose, guess)) {
            return Guess::Right(Proof { asker, phone, means, hash, sent_at });
        }
        let max = self.limits.max_attempts;
        Guess::Wrong((max > 0).then(|| u32::try_from(i64::from(max) - attempts).unwrap_or(0)))
    }

    /// Spends a code that was entered, in one transaction with what it is
    /// spent for; refused if it was spent, replaced or has expired meanwhile.
    /// The right guess no longer counts as a wrong one.
    pub fn spend(&self, proof: &Proof) -> Write {
        let now = self.items.table.world.now();
        let update = self
            .items
            .part(proof.asker, &proof.phone)
            .telling()
            .only_if("live_code.code_hash = :hash AND live_code.expires_at > :now")
            .value(":hash", blob(proof.hash.clone()))
            .value(":now", number(now.millis()));
        let update = match proof.asker {
            Asker::Stranger => update,
            Asker::Known => update.assign(ENTERED_AT, number(now.millis())),
        };
        let update = match proof.means {
            Some(_) => update.assign(CREDITED_ON, number(now.day())),
            None => update,
        };
        let text = TextFate { at: proof.sent_at, fate: Fate::Entered };
        let update = fates().shift_in_number(update, text.number());
        self.guesses().shift_out(update).remove("live_code").remove("last_code")
    }

    /// Whether a code that could not be spent may be live nevertheless: its item was moved
    /// between guess and transaction.
    pub fn may_be_live(&self, refused: &RefusedPart) -> bool {
        self.items.may_be_elsewhere(&refused.0)
    }

    /// What is known of a phone, by register: strangers' and known devices'.
    pub async fn look_up(&self, phone: &Phone) -> Result<[Standing; 2], StoreError> {
        let all = self.items.all(phone).await?;
        let of = |asker| all.iter().filter(move |(of, _)| *of == asker).map(|(_, item)| item.clone());
        Ok([Asker::Stranger, Asker::Known].map(|asker| self.standing(asker, of(asker).collect())))
    }

    fn standing(&self, asker: Asker, items: Vec<Item>) -> Standing {
        let now = self.items.table.world.now();
        let item = merged(items.iter().cloned());
        let (sent, guesses) = (self.texts().read(&item), self.guesses().read(&item));
        let day_ago = now.plus_seconds(-DAY);
        let live = LiveCode(&item);
        let code_until =
            Some(live.expires_at()).filter(|until| *until > now && live.get("code_hash").is_some());
        let held =
            |hold: fn(Timestamp) -> Hold, window: Window, times| window.full_until(times, now).map(hold);
        let entered_at = read_number(&item, ENTERED_AT).map_or(day_ago, Timestamp::from_millis);
        let unentered = sent.get(KNOWN_UNENTERED as usize - 1).filter(|_| asker == Asker::Known);
        let unentered = unentered.filter(|at| **at > day_ago.max(entered_at));
        let holds = [
            held(Hold::Cooldown, self.limits.cooldown, &sent),
            held(Hold::Hour, self.limits.per_hour, &sent),
            held(Hold::Day, self.limits.per_day, &sent),
            held(Hold::Guesses, self.limits.guesses_per_day, &guesses),
            unentered.map(|at| Hold::Unentered(at.plus_seconds(DAY))),
        ];
        let mut texts = texts_of(&item, &sent);
        texts.truncate(REMEMBERED);
        Standing {
            asker,
            texts,
            code_until,
            wrong_guesses: guesses.iter().filter(|at| **at > day_ago).count(),
            holds: holds.into_iter().flatten().collect(),
            items,
        }
    }

    /// Lifts what holds a phone up in a register, as part of a transaction; refused if anybody
    /// wrote to the register since it was read. What became of its texts stays
    /// known, and so does how often its live code was guessed at.
    pub fn lift(&self, standing: &Standing) -> impl Iterator<Item = Write> {
        standing.items.iter().filter(|_| !standing.holds.is_empty()).map(|item| {
            let sent = self.texts().read(item);
            let fates_now: Vec<_> = texts_of(item, &sent).into_iter().map(TextFate::number).collect();
            let update = fates().replace(self.items.part_of(item), item, &fates_now);
            let update = Register::of_length("t", 0).replace(update, item, &[]);
            Register::of_length("g", 0).replace(update, item, &[])
        })
    }

    /// Forgets the codes of a phone, as part of a transaction. When it was
    /// texted and guessed at stays, so that deleting an account is no way
    /// around limits.
    pub fn forget(&self, phone: &Phone) -> impl Iterator<Item = Write> {
        let ttl = self.ttl(self.items.table.world.now());
        let forget = move |item: Write| item.remove("live_code").remove("last_code").assign(TTL, number(ttl));
        self.items.all_parts(phone).map(forget)
    }

    /// Of codes that were texted, whether each can still be entered: it was not yet, none took
    /// its place, its time is not over, and a guess more is compared. All are read together.
    pub async fn are_live(&self, texted: &[(&Phone, OneTimeCode)]) -> Result<Vec<bool>, StoreError> {
        let keys: BTreeSet<_> = texted.iter().flat_map(|(phone, _)| self.items.keys(phone)).collect();
        let items = self.items.table.get_all(keys.into_iter().collect()).await?;
        let keyed = |item: Item| Some((item.get("pk")?.as_s().ok()?.clone(), item));
        let items: HashMap<_, _> = items.into_iter().filter_map(keyed).collect();
        let is_live = |(phone, code): &(&Phone, OneTimeCode)| {
            let of_phone = self.items.keys(phone).filter_map(|key| items.get(&key));
            of_phone.into_iter().any(|item| self.is_live(item, phone, code))
        };
        Ok(texted.iter().map(is_live).collect())
    }

    fn is_live(&self, item: &Item, phone: &Phone, code: &OneTimeCode) -> bool {
        let (live, now) = (LiveCode(item), self.items.table.world.now());
        let (ends_at, max) = (live.expires_at(), i64::from(self.limits.max_attempts));
        let wrong = self.guesses().read(item);
        let is_shut =
            self.limits.guesses_per_day.full_until(&wrong, now).is_some_and(|until| until >= ends_at);
        if ends_at <= now || is_shut || (max > 0 && live.number("attempts") >= max) {
            return false;
        }
        let purpose = live.string("purpose").and_then(Purpose::named);
        let entry = self.pepper.entry(&live.pepper_entry(&self.pepper));
        entry.zip(purpose).is_some_and(|(entry, purpose)| entry.is_code(&live.hash(), phone, &purpose, code))
    }

    /// When texts were sent.
    fn texts(&self) -> Register {
        Register::new("t", &self.limits.sends())
    }

    /// When guesses were wrong.
    fn guesses(&self) -> Register {
        Register::new("g", &[self.limits.guesses_per_day])
    }

    /// The item is needed as long as its times are: a day.
    fn ttl(&self, now: Timestamp) -> i64 {
        now.plus_seconds(DAY + i64::from(self.limits.ttl)).seconds()
    }
}

impl Record {
    fn of(asker: Asker, item: &Item) -> Self {
        let live = LiveCode(item);
        let time = |name| read_number(item, name).map(Timestamp::from_millis);
        Self {
            asker,
            texts: texts_of(item, &times(item, "t")),
            wrong_at: times(item, "g"),
            entered_at: time(ENTERED_AT),
            credited_on: read_number(item, CREDITED_ON).map(Timestamp::of_day),
            live: live.get("code_hash").map(|_| Pending {
                signs_in: live.string("purpose") == Some(Purpose::SignIn.to_string().as_str()),
                sent_at: Timestamp::from_millis(live.number("sent_at")),
                expires_at: live.expires_at(),
                attempts: live.number("attempts"),
                handed_over: live.get(HANDED_OVER).is_some(),
            }),
        }
    }
}

/// The live code of an item.
struct LiveCode<'a>(&'a Item);

impl<'a> LiveCode<'a> {
    fn get(&self, name: &str) -> Option<&'a AttributeValue> {
        self.0.get("live_code")?.as_m().ok()?.get(name)
    }

    fn string(&self, name: &str) -> Option<&'a str> {
        Some(self.get(name)?.as_s().ok()?.as_str())
    }

    fn number(&self, name: &str) -> i64 {
        self.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
    }

    fn hash(&self) -> Vec<u8> {
        self.get("code_hash")
            .and_then(|hash| hash.as_b().ok())
            .map_or_else(Vec::new, |hash| hash.as_ref().to_vec())
    }

    /// The entry of the pepper secret under which it is hashed.
    fn pepper_entry(&self, pepper: &Pepper) -> String {
        self.string(PEPPER_ENTRY).unwrap_or_else(|| pepper.first().id()).to_owned()
    }

    fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.number("expires_at"))
    }

    fn sent_at(&self) -> Timestamp {
        Timestamp::from_millis(self.number("sent_at"))
    }
}

/// The codes that an item holds: the live one and the last.
fn codes_of(item: &Item) -> impl Iterator<Item = &Item> {
    CODES.into_iter().filter_map(|name| item.get(name)?.as_m().ok())
}

/// What became of texts, where it is known.
const fn fates() -> Register {
    Register::of_length("h", REMEMBERED)
}

/// The last texts of an item, newest first: those that were `sent`, and those whose fate is
/// known besides.
fn texts_of(item: &Item, sent: &[Timestamp]) -> Vec<TextFate> {
    let is_handed_over = |at: Timestamp| {
        codes_of(item)
            .any(|code| code.contains_key(HANDED_OVER) && read_number(code, "sent_at") == Some(at.millis()))
    };
    let mut numbers: Vec<_> = fates().numbers(item).filter(|number| *number > 0).collect();
    numbers.sort_unstable_by_key(|number| Reverse(*number));
    let mut texts: Vec<_> = numbers.into_iter().map(TextFate::of).collect();
    // Of two fates of a text the surer one comes first.
    texts.dedup_by_key(|text| text.at);
    for at in sent.iter().copied().filter(|at| at.millis() > 0) {
        if texts.iter().all(|text| text.at != at) {
            let fate = if is_handed_over(at) { Fate::Accepted } else { Fate::Sent };
            texts.push(TextFate { at, fate });
        }
    }
    texts.sort_by_key(|text| Reverse(text.at));
    texts
}
