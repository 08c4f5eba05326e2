//! The codes table: what is known of a phone's codes, and when they were sent
//! and guessed.
//!
//! One item a phone, keyed by an HMAC. It holds the one live code *and* the
//! times of the last texts (`t1` the newest) and wrong guesses (`g1`), so that
//! cooldown, caps and the code itself are one condition of one write. Beside
//! `live_code` stands `last_code`, the one that it took the place of: a text
//! that did not leave is taken back as if it had never been asked for.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use super::transaction::Write;
use super::{Item, StoreError, WRITTEN_BY, Written, conditional_update, number, text};
use crate::config;
use crate::domain::code::{OneTimeCode, Purpose};
use crate::domain::limits::{CodeLimits, DAY, Limit, LimitOf, Window};
use crate::domain::numbers::TestPhone;
use crate::domain::pepper::{Entry, Pepper};
use crate::domain::phone::Phone;
use crate::lambda::StartError;
use crate::setup::Setup;
use crate::world::{Timestamp, World};

/// The codes of all phones.
pub struct Codes {
    client: Client,
    table: String,
    pepper: Pepper,
    limits: CodeLimits,
    world: Arc<World>,
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
#[derive(Debug)]
pub struct Issued {
    /// What whoever asked is told.
    pub live: Live,
    /// What is texted.
    pub code: OneTimeCode,
    /// When it was issued.
    pub sent_at: Timestamp,
    phone: Phone,
    counts: bool,
}

/// A code that was asked for.
#[derive(Debug)]
pub enum Issue {
    /// A new one is live; the one before it is void.
    Issued(Issued),
    /// The same request was answered before, and its code is still live.
    Repeated(Live),
}

/// A guess that was counted and may be compared.
#[derive(Debug)]
pub struct Counted {
    phone: Phone,
    purpose: Purpose,
    pepper_entry: String,
    hash: Vec<u8>,
    attempts: i64,
    guesses: usize,
    sent_at: Timestamp,
}

/// How counting a guess ended.
#[derive(Debug)]
pub enum Count {
    /// It may be compared.
    Counted(Counted),
    /// There is nothing to compare it with.
    NoCode,
    /// Too many were wrong.
    Limited(Limit),
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
    /// The proved phone.
    pub phone: Phone,
    /// When the code was sent.
    pub sent_at: Timestamp,
    pepper_entry: String,
    hash: Vec<u8>,
    guesses: usize,
}

impl Codes {
    /// Those of the deployment.
    pub fn new(setup: &Setup, pepper: Pepper) -> Result<Self, StartError> {
        Ok(Self {
            client: setup.dynamodb(),
            table: setup.vars.text(config::CODES_TABLE).to_owned(),
            pepper,
            limits: CodeLimits::read(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    /// What bounds them.
    pub const fn limits(&self) -> &CodeLimits {
        &self.limits
    }

    /// Makes a new code live for a phone, if its limits allow one more text.
    /// Where `request` names the request, and it was the last one answered, its
    /// code is kept.
    pub async fn issue(
        &self,
        phone: Phone,
        purpose: &Purpose,
        request: Option<&str>,
    ) -> Result<Result<Issue, Limit>, StoreError> {
        let now = self.world.now();
        let live = Live {
            challenge_id: self.world.new_id(),
            expires_at: now.plus_seconds(self.limits.ttl.into()),
            resend_at: now.plus_seconds(self.limits.cooldown.seconds),
        };
        let code = OneTimeCode::draw(&mut *self.world.chance(), self.limits.length);
        let issued = Issued { live, code, sent_at: now, phone, counts: true };
        self.make_live(issued, purpose, request, &self.limits.sends()).await
    }

    /// Makes the code of a test number live: no text, so no limits of texts.
    pub async fn issue_test(
        &self,
        tester: &TestPhone,
        purpose: &Purpose,
        request: Option<&str>,
    ) -> Result<Result<Issue, Limit>, StoreError> {
        let now = self.world.now();
        let live = Live {
            challenge_id: self.world.new_id(),
            expires_at: now.plus_seconds(self.limits.ttl.into()).min(tester.ends_at),
            resend_at: now,
        };
        let (phone, code) = (tester.phone.clone(), tester.code.clone());
        let issued = Issued { live, code, sent_at: now, phone, counts: false };
        self.make_live(issued, purpose, request, &[]).await
    }

    async fn make_live(
        &self,
        issued: Issued,
        purpose: &Purpose,
        request: Option<&str>,
        windows: &[Window],
    ) -> Result<Result<Issue, Limit>, StoreError> {
        let now = issued.sent_at;
        let invocation = self.world.new_id();
        let entry = self.pepper.first();
        let register = Register::new("t", &self.limits.sends());

        let mut condition = format!("(attribute_not_exists({WRITTEN_BY}) OR {WRITTEN_BY} <> :invocation)");
        let mut live = HashMap::from([
            ("code_hash".to_owned(), blob(entry.hash_code(&issued.phone, purpose, &issued.code).to_vec())),
            ("purpose".to_owned(), text(purpose.to_string())),
            ("challenge_id".to_owned(), text(&issued.live.challenge_id)),
            ("sent_at".to_owned(), number(now.millis())),
            ("expires_at".to_owned(), number(issued.live.expires_at.millis())),
            ("attempts".to_owned(), number(0)),
        ]);
        let mut update = self
            .update(entry, &issued.phone)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(self.ttl(now)))
            .expression_attribute_values(":none", AttributeValue::M(HashMap::new()));
        if let Some(request) = request {
            live.insert("request_key".to_owned(), text(request));
            condition.push_str(
                " AND (attribute_not_exists(live_code.request_key) OR live_code.request_key <> :request \
                 OR live_code.expires_at <= :now)",
            );
            update = update
                .expression_attribute_values(":request", text(request))
                .expression_attribute_values(":now", number(now.millis()));
        }
        for (name, value) in register.require_room(windows, now, &mut condition) {
            update = update.expression_attribute_values(name, value);
        }
        let mut set = format!(
            "SET last_code = if_not_exists(live_code, :none), live_code = :live, \
             {WRITTEN_BY} = :invocation, #ttl = :ttl"
        );
        if issued.counts {
            let _ = write!(set, ", {}", register.shift_in());
            update = update
                .expression_attribute_values(":now", number(now.millis()))
                .expression_attribute_values(":zero", number(0));
        }
        let update = update
            .expression_attribute_values(":live", AttributeValue::M(live))
            .condition_expression(condition)
            .update_expression(set);
        let item = match conditional_update(update, &invocation).await? {
            Written::Done(_) => return Ok(Ok(Issue::Issued(issued))),
            Written::Refused(item) => item,
        };

        let times = register.read(&item);
        let live = LiveCode(&item);
        if request.is_some() && live.text("request_key") == request && live.expires_at() > now {
            let cooldown = self.limits.cooldown.full_until(&times, now).filter(|_| issued.counts);
            return Ok(Ok(Issue::Repeated(Live {
                challenge_id: live.text("challenge_id").unwrap_or_default().to_owned(),
                expires_at: live.expires_at(),
                resend_at: cooldown.unwrap_or(now),
            })));
        }
        let full = |window: &Window| window.full_until(&times, now);
        let is_capped = full(&self.limits.per_hour).or(full(&self.limits.per_day)).is_some();
        Ok(Err(Limit {
            of: if is_capped { LimitOf::Codes } else { LimitOf::Cooldown },
            // True to the second only if nothing else holds it up then.
            until: windows.iter().filter_map(full).max().unwrap_or(now),
        }))
    }

    /// Gives back the code and the allowance of a text that is known not to
    /// have left, unless another code was issued meanwhile: what was live
    /// before is live again.
    ///
    /// # Errors
    /// If the table does not answer; the allowance is then used up.
    pub async fn take_back(&self, issued: &Issued) -> Result<(), StoreError> {
        let register = Register::new("t", &self.limits.sends());
        let mut set = format!("SET live_code = last_code, {WRITTEN_BY} = :invocation");
        let mut update = self
            .update(self.pepper.first(), &issued.phone)
            .condition_expression("live_code.challenge_id = :challenge")
            .expression_attribute_values(":challenge", text(&issued.live.challenge_id));
        if issued.counts {
            let _ = write!(set, ", {} REMOVE {}", register.shift_out(), register.last());
            update = update.expression_attribute_values(":zero", number(0));
        }
        conditional_update(update.update_expression(set), &self.world.new_id()).await?;
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
        phone: &Phone,
        purpose: &Purpose,
        challenge_id: Option<&str>,
    ) -> Result<Count, StoreError> {
        for entry in self.pepper.entries() {
            match self.count_under(entry, phone, purpose, challenge_id).await? {
                Count::NoCode => {}
                count => return Ok(count),
            }
        }
        Ok(Count::NoCode)
    }

    async fn count_under(
        &self,
        entry: &Entry,
        phone: &Phone,
        purpose: &Purpose,
        challenge_id: Option<&str>,
    ) -> Result<Count, StoreError> {
        let now = self.world.now();
        let invocation = self.world.new_id();
        let windows = [self.limits.guesses_per_day];
        let register = Register::new("g", &windows);

        let mut condition = format!(
            "{WRITTEN_BY} <> :invocation AND attribute_exists(live_code.code_hash) \
             AND live_code.expires_at > :now AND live_code.purpose = :purpose"
        );
        let mut update = self
            .update(entry, phone)
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":purpose", text(purpose.to_string()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(self.ttl(now)));
        if self.limits.max_attempts > 0 {
            condition.push_str(" AND live_code.attempts < :max");
            update = update.expression_attribute_values(":max", number(self.limits.max_attempts));
        }
        if let Some(challenge_id) = challenge_id {
            condition.push_str(" AND live_code.challenge_id = :challenge");
            update = update.expression_attribute_values(":challenge", text(challenge_id));
        }
        for (name, value) in register.require_room(&windows, now, &mut condition) {
            update = update.expression_attribute_values(name, value);
        }
        let update = update.condition_expression(condition).update_expression(format!(
            "SET live_code.attempts = live_code.attempts + :one, {WRITTEN_BY} = :invocation, #ttl = :ttl, {}",
            register.shift_in()
        ));
        Ok(match conditional_update(update, &invocation).await? {
            Written::Done(item) => {
                let live = LiveCode(&item);
                Count::Counted(Counted {
                    phone: phone.clone(),
                    purpose: purpose.clone(),
                    pepper_entry: entry.id().to_owned(),
                    hash: live.hash(),
                    attempts: live.number("attempts"),
                    guesses: register.length,
                    sent_at: Timestamp::from_millis(live.number("sent_at")),
                })
            }
            Written::Refused(item) => {
                match self.limits.guesses_per_day.full_until(&register.read(&item), now) {
                    Some(until) => Count::Limited(Limit { of: LimitOf::Guesses, until }),
                    None => Count::NoCode,
                }
            }
        })
    }

    /// Takes a guess back that was counted and is not compared.
    ///
    /// # Errors
    /// If the table does not answer; the guess then stays counted.
    pub async fn uncount(&self, counted: &Counted) -> Result<(), StoreError> {
        let register = Register { prefix: "g", length: counted.guesses };
        let Some(entry) = self.pepper.entry(&counted.pepper_entry) else { return Ok(()) };
        let update = self
            .update(entry, &counted.phone)
            .condition_expression("live_code.code_hash = :hash AND live_code.attempts > :zero")
            .expression_attribute_values(":hash", blob(counted.hash.clone()))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .update_expression(format!(
                "SET live_code.attempts = live_code.attempts - :one, {WRITTEN_BY} = :invocation, {} REMOVE {}",
                register.shift_out(),
                register.last()
            ));
        conditional_update(update, &self.world.new_id()).await?;
        Ok(())
    }

    /// Compares a counted guess.
    pub fn compare(&self, counted: Counted, guess: &OneTimeCode) -> Guess {
        let Counted { phone, purpose, pepper_entry, hash, attempts, guesses, sent_at } = counted;
        let entry = self.pepper.entry(&pepper_entry);
        if entry.is_some_and(|entry| entry.is_code(&hash, &phone, &purpose, guess)) {
            return Guess::Right(Proof { phone, sent_at, pepper_entry, hash, guesses });
        }
        let max = self.limits.max_attempts;
        Guess::Wrong((max > 0).then(|| u32::try_from(i64::from(max) - attempts).unwrap_or(0)))
    }

    /// Spends a code that was entered, in one transaction with what it is
    /// spent for; refused if it was spent, replaced or has expired meanwhile.
    /// The right guess no longer counts as a wrong one.
    pub fn spend(&self, proof: &Proof) -> Write {
        let register = Register { prefix: "g", length: proof.guesses };
        let entry = self.pepper.entry(&proof.pepper_entry).unwrap_or_else(|| self.pepper.first());
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(key(entry, &proof.phone)))
            .condition_expression("live_code.code_hash = :hash AND live_code.expires_at > :now")
            .update_expression(format!(
                "SET {} REMOVE live_code, last_code, {}",
                register.shift_out(),
                register.last()
            ))
            .expression_attribute_values(":hash", blob(proof.hash.clone()))
            .expression_attribute_values(":now", number(self.world.now().millis()))
            .expression_attribute_values(":zero", number(0))
            .build()
            .expect("an update has a table, a key and an expression");
        Write(TransactWriteItem::builder().update(update).build())
    }

    /// Forgets the codes of a phone, as part of a transaction. When it was
    /// texted and guessed at stays, so that deleting an account is no way
    /// around limits.
    pub fn forget(&self, phone: &Phone) -> impl Iterator<Item = Write> {
        self.pepper.entries().iter().map(|entry| {
            let update = Update::builder()
                .table_name(&self.table)
                .key("pk", text(key(entry, phone)))
                .update_expression("REMOVE live_code, last_code SET #ttl = :ttl")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":ttl", number(self.ttl(self.world.now())))
                .build()
                .expect("an update has a table, a key and an expression");
            Write(TransactWriteItem::builder().update(update).build())
        })
    }

    fn update(&self, entry: &Entry, phone: &Phone) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("pk", text(key(entry, phone)))
    }

    /// The item is needed as long as its times are: a day.
    fn ttl(&self, now: Timestamp) -> i64 {
        now.plus_seconds(DAY + i64::from(self.limits.ttl)).seconds()
    }
}

fn key(entry: &Entry, phone: &Phone) -> String {
    format!("phone#{}", entry.key("phone", phone.as_str()))
}

fn blob(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// The live code of an item.
struct LiveCode<'a>(&'a Item);

impl<'a> LiveCode<'a> {
    fn get(&self, name: &str) -> Option<&'a AttributeValue> {
        self.0.get("live_code")?.as_m().ok()?.get(name)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
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

    fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.number("expires_at"))
    }
}

/// The last few times of something, newest first, as attributes `t1`, `t2`, …
/// of one item: a shift register. `length` of them are enough to judge the
/// widest window; two are kept in any case, so that there is always something
/// to shift.
struct Register {
    prefix: &'static str,
    length: usize,
}

impl Register {
    fn new(prefix: &'static str, windows: &[Window]) -> Self {
        let most = windows.iter().filter(|window| window.is_on()).map(|window| window.most).max();
        Self { prefix, length: most.map_or(2, |most| most.max(2) as usize) }
    }

    /// Adds to a condition that each window has room for one more; gives the
    /// values that it names.
    fn require_room(
        &self,
        windows: &[Window],
        now: Timestamp,
        condition: &mut String,
    ) -> Vec<(String, AttributeValue)> {
        let on = windows.iter().filter(|window| window.is_on());
        on.enumerate()
            .map(|(index, window)| {
                let nth = format!("{}{}", self.prefix, window.most);
                let value = format!(":{}_before_{index}", self.prefix);
                let _ = write!(condition, " AND (attribute_not_exists({nth}) OR {nth} <= {value})");
                (value, number(now.plus_seconds(-window.seconds).millis()))
            })
            .collect()
    }

    /// `t1 = :now, t2 = t1, …`: every right side is read before any is written.
    fn shift_in(&self) -> String {
        let p = self.prefix;
        (1..self.length).fold(format!("{p}1 = :now"), |mut all, n| {
            let _ = write!(all, ", {p}{} = if_not_exists({p}{n}, :zero)", n + 1);
            all
        })
    }

    /// Takes back the newest: `t1 = t2, …`; the last must be removed.
    fn shift_out(&self) -> String {
        let p = self.prefix;
        let all: Vec<_> =
            (1..self.length).map(|n| format!("{p}{n} = if_not_exists({p}{}, :zero)", n + 1)).collect();
        all.join(", ")
    }

    /// The attribute that has nothing to take over after a shift out.
    fn last(&self) -> String {
        format!("{}{}", self.prefix, self.length)
    }

    fn read(&self, item: &Item) -> Vec<Timestamp> {
        (1..=self.length)
            .map_while(|n| read_number(item, &format!("{}{n}", self.prefix)))
            .map(Timestamp::from_millis)
            .collect()
    }
}

fn read_number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
