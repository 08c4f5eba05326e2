//! The codes table: what is known of a phone's codes, and when they were sent
//! and guessed.
//!
//! One item a phone, keyed by an HMAC. It holds the one live code *and* the
//! times of the last texts (`t1` the newest) and wrong guesses (`g1`), so that
//! cooldown, caps and the code itself are one condition of one write.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use super::transaction::Write;
use super::{Item, StoreError, WRITTEN_BY, Written, conditional_update, number, text};
use crate::config;
use crate::domain::code::{OneTimeCode, Purpose};
use crate::domain::limits::{CodeLimits, DAY, Window};
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::lambda::StartError;
use crate::secrets::Secret;
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

/// A code that is live now, and has still to be sent.
#[derive(Debug)]
pub struct Issued {
    /// What is texted.
    pub code: OneTimeCode,
    /// What tells this code from the one before it.
    pub challenge_id: String,
    phone: Phone,
}

/// How asking for a code ended.
#[derive(Debug)]
pub enum Issue {
    /// A new code is live; the one before it is void.
    Issued(Issued),
    /// The cooldown is on, until then.
    TooSoon(Timestamp),
    /// The hour's or the day's texts are used up, until then.
    TooMany(Timestamp),
}

/// A phone that was proved: its code was entered. The code is spent by
/// [`Codes::spend`].
#[derive(Debug)]
pub struct Proof {
    /// The proved phone.
    pub phone: Phone,
    hash: Vec<u8>,
    guesses: usize,
}

/// How a guess ended.
#[derive(Debug)]
pub enum Guess {
    /// Right.
    Right(Proof),
    /// Wrong, or nothing there to be guessed; as many more are compared
    /// (`None`: without limit).
    Wrong(Option<u32>),
    /// Not compared: too many were wrong, until then.
    TooMany(Timestamp),
}

impl Codes {
    /// Those of the deployment.
    ///
    /// # Errors
    /// If the pepper cannot be reached or a parameter is bad.
    pub async fn build(setup: &Setup) -> Result<Self, StartError> {
        let secret = Secret::load(&setup.vars, config::PEPPER_SECRET, config::PEPPER_SECRET_ARN).await?;
        Ok(Self {
            client: setup.dynamodb(),
            table: setup.vars.text(config::CODES_TABLE).to_owned(),
            pepper: Pepper::new(&secret),
            limits: CodeLimits::read(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    /// What bounds them.
    pub const fn limits(&self) -> &CodeLimits {
        &self.limits
    }

    /// Makes a new code live for a phone, if its limits allow one more text.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn issue(&self, phone: Phone, purpose: Purpose) -> Result<Issue, StoreError> {
        let now = self.world.now();
        let code = OneTimeCode::draw(&mut *self.world.chance(), self.limits.length);
        let challenge_id = self.world.new_id();
        let invocation = self.world.new_id();
        let hash = self.pepper.hash_code(&phone, purpose, &code);
        let sends = self.limits.sends();
        let register = Register::new("t", &sends);

        let mut condition = format!("(attribute_not_exists({WRITTEN_BY}) OR {WRITTEN_BY} <> :invocation)");
        let mut update = self
            .update(&phone)
            .expression_attribute_values(":hash", AttributeValue::B(Blob::new(hash.0)))
            .expression_attribute_values(":purpose", text(purpose.as_str()))
            .expression_attribute_values(":challenge", text(&challenge_id))
            .expression_attribute_values(
                ":expires",
                number(now.plus_seconds(self.limits.ttl.into()).millis()),
            )
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(self.ttl(now)));
        for (name, value) in register.require_room(&sends, now, &mut condition) {
            update = update.expression_attribute_values(name, value);
        }
        let update = update.condition_expression(condition).update_expression(format!(
            "SET code_hash = :hash, purpose = :purpose, challenge_id = :challenge, expires_at = :expires, \
             attempts = :zero, {WRITTEN_BY} = :invocation, #ttl = :ttl, {}",
            register.shift_in()
        ));
        Ok(match conditional_update(update, &invocation).await? {
            Written::Done(_) => Issue::Issued(Issued { code, challenge_id, phone }),
            Written::Refused(item) => {
                let times = register.read(&item);
                let full = |window: &Window| window.full_until(&times, now);
                // True to the second only if nothing else holds it up then.
                let free = sends.iter().filter_map(full).max().unwrap_or(now);
                if full(&self.limits.per_hour).or(full(&self.limits.per_day)).is_some() {
                    Issue::TooMany(free)
                } else {
                    Issue::TooSoon(free)
                }
            }
        })
    }

    /// Gives back the code and the allowance of a text that is known not to
    /// have left, unless another code was issued meanwhile.
    ///
    /// # Errors
    /// If the table does not answer; the allowance is then used up.
    pub async fn take_back(&self, issued: &Issued) -> Result<(), StoreError> {
        let register = Register::new("t", &self.limits.sends());
        let update = self
            .update(&issued.phone)
            .condition_expression("challenge_id = :challenge")
            .expression_attribute_values(":challenge", text(&issued.challenge_id))
            .expression_attribute_values(":zero", number(0))
            .update_expression(format!(
                "SET {}, {WRITTEN_BY} = :invocation REMOVE code_hash, challenge_id, {}",
                register.shift_out(),
                register.last()
            ));
        conditional_update(update, &self.world.new_id()).await?;
        Ok(())
    }

    /// Guesses a phone's code: counts first, compares after, so that however
    /// many guesses arrive at once, no more than `MAX_ATTEMPTS` are compared.
    /// Where a challenge is given, it must be that of the live code; another is
    /// refused without counting.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn guess(
        &self,
        phone: Phone,
        purpose: Purpose,
        guess: &OneTimeCode,
        challenge_id: Option<&str>,
    ) -> Result<Guess, StoreError> {
        let now = self.world.now();
        let invocation = self.world.new_id();
        let windows = [self.limits.guesses_per_day];
        let register = Register::new("g", &windows);
        let max = self.limits.max_attempts;

        let mut condition = format!(
            "{WRITTEN_BY} <> :invocation AND attribute_exists(code_hash) AND expires_at > :now AND purpose = :purpose"
        );
        let mut update = self
            .update(&phone)
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":purpose", text(purpose.as_str()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(self.ttl(now)));
        if max > 0 {
            condition.push_str(" AND attempts < :max");
            update = update.expression_attribute_values(":max", number(max));
        }
        if let Some(challenge_id) = challenge_id {
            condition.push_str(" AND challenge_id = :challenge");
            update = update.expression_attribute_values(":challenge", text(challenge_id));
        }
        for (name, value) in register.require_room(&windows, now, &mut condition) {
            update = update.expression_attribute_values(name, value);
        }
        let update = update.condition_expression(condition).update_expression(format!(
            "SET attempts = attempts + :one, {WRITTEN_BY} = :invocation, #ttl = :ttl, {}",
            register.shift_in()
        ));
        Ok(match conditional_update(update, &invocation).await? {
            Written::Done(item) => {
                let hash = item.get("code_hash").and_then(|hash| hash.as_b().ok());
                let hash = hash.map(|hash| hash.as_ref().to_vec()).unwrap_or_default();
                if self.pepper.is_code(&hash, &phone, purpose, guess) {
                    Guess::Right(Proof { phone, hash, guesses: register.length })
                } else {
                    let attempts = read_number(&item, "attempts").unwrap_or_default();
                    let left = i64::from(max) - attempts;
                    Guess::Wrong((max > 0).then(|| u32::try_from(left).unwrap_or(0)))
                }
            }
            Written::Refused(item) => {
                match self.limits.guesses_per_day.full_until(&register.read(&item), now) {
                    Some(free) => Guess::TooMany(free),
                    None => Guess::Wrong(Some(0)),
                }
            }
        })
    }

    /// Spends a code that was entered, in one transaction with what it is
    /// spent for; refused if it was spent, replaced or has expired meanwhile.
    /// The right guess no longer counts as a wrong one.
    pub fn spend(&self, proof: &Proof) -> Write {
        let register = Register { prefix: "g", length: proof.guesses };
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(self.key(&proof.phone)))
            .condition_expression("code_hash = :hash AND expires_at > :now")
            .update_expression(format!(
                "SET {} REMOVE code_hash, challenge_id, {}",
                register.shift_out(),
                register.last()
            ))
            .expression_attribute_values(":hash", AttributeValue::B(Blob::new(proof.hash.clone())))
            .expression_attribute_values(":now", number(self.world.now().millis()))
            .expression_attribute_values(":zero", number(0))
            .build()
            .expect("an update has a table, a key and an expression");
        Write(TransactWriteItem::builder().update(update).build())
    }

    fn key(&self, phone: &Phone) -> String {
        format!("phone#{}", self.pepper.phone_key(phone))
    }

    fn update(
        &self,
        phone: &Phone,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("pk", text(self.key(phone)))
    }

    /// The item is needed as long as its times are: a day.
    fn ttl(&self, now: Timestamp) -> i64 {
        now.plus_seconds(DAY + i64::from(self.limits.ttl)).seconds()
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

    /// Takes back the newest: `t1 = t2, …`; the last is to be removed.
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
