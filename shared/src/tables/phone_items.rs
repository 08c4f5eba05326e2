//! Where the item of a phone's codes is: under the entry of the pepper secret that
//! is in use.
//!
//! While the secret has several entries, an item that was made under another is
//! moved before it is looked at. So a rotation neither leaves two live codes nor
//! begins to count anew.

use std::cmp::Reverse;

use aws_sdk_dynamodb::types::AttributeValue;
use tokio::try_join;

use crate::base::config;
use crate::base::world::Timestamp;
use crate::cloud::attempts::InDoubt;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, TTL, number, read_number, string};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::transaction::{Committed, RefusedPart, Tables, Transaction};
use crate::cloud::writes::{WRITTEN_BY, Write, Written};
use crate::domain::device::Asker;
use crate::domain::pepper::{Pepper, PepperEntry};
use crate::domain::phone::Phone;

/// How often it is moved anew when somebody wrote to it meanwhile.
const TRIES: u32 = 8;

/// The attribute in which a transaction leaves its identifier.
const CHANGED_BY: &str = "changed_by";

const CHANGES: &str = "the phone's item changes all the time";

/// The attribute of a code that names the entry of the pepper secret under which it
/// is hashed.
pub(super) const PEPPER_ENTRY: &str = "pepper_entry";

/// The attributes that hold codes.
pub(super) const CODES: [&str; 2] = ["live_code", "last_code"];

/// When a code of the register was entered last: an attribute of that of known
/// devices.
pub(super) const ENTERED_AT: &str = "entered_at";

/// On which day, since 1970, a code gave its places credit last: an attribute of the
/// register of strangers.
pub(super) const CREDITED_ON: &str = "credited_on";

/// The items of all phones, two each: one a register.
pub(super) struct PhoneItems {
    pub(super) table: Table,
    tables: Tables,
    pepper: Pepper,
}

/// The parts of a transaction that begins an item.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// The item where this instance looks for it.
    Home,
    /// Where others may look for it.
    Other,
}

impl PhoneItems {
    pub(super) fn new(setup: &Setup, pepper: Pepper) -> Self {
        Self { table: Table::new(setup, config::CODES_TABLE), tables: Tables::new(setup), pepper }
    }

    /// Changes the item of a phone.
    pub(super) fn update(&self, asker: Asker, phone: &Phone) -> Write {
        self.table.update(key(self.pepper.first(), asker, phone))
    }

    /// Changes the item of a phone in a transaction with others.
    pub(super) fn part(&self, asker: Asker, phone: &Phone) -> Write {
        self.signed(self.update(asker, phone))
    }

    /// The items of a phone, under whichever entry, with the register that each is.
    pub(super) async fn all(&self, phone: &Phone) -> Result<Vec<(Asker, Item)>, StoreError> {
        let of = async |asker| {
            let keys = self.pepper.entries().iter().map(|entry| key(entry, asker, phone));
            let items = self.table.get_all(keys.collect()).await?;
            Ok::<_, StoreError>(items.into_iter().map(move |item| (asker, item)))
        };
        let (strangers, known) = try_join!(of(Asker::Stranger), of(Asker::Known))?;
        Ok(strangers.chain(known).collect())
    }

    /// Changes each of the items that a phone may have, in a transaction.
    pub(super) fn all_parts(&self, phone: &Phone) -> impl Iterator<Item = Write> {
        self.keys(phone).map(|key| self.signed(self.table.update(key)))
    }

    /// The keys of all items that a phone may have.
    pub(super) fn keys(&self, phone: &Phone) -> impl Iterator<Item = String> {
        let entries = self.pepper.entries().iter();
        entries.flat_map(move |entry| [Asker::Stranger, Asker::Known].map(|asker| key(entry, asker, phone)))
    }

    /// Says that the item was written to: whoever moves it meanwhile moves what it is by
    /// then. A write by itself says so, too; it must still find that when it is tried again.
    fn signed(&self, update: Write) -> Write {
        update.assign(CHANGED_BY, string(self.table.world.new_id()))
    }

    /// Changes the item of a phone, or begins it; refused with the item as it is.
    ///
    /// While the secret has several entries, instances may hold different ones to be the
    /// first: so that no two items are begun, those of the others must be absent.
    pub(super) async fn begin(
        &self,
        asker: Asker,
        phone: &Phone,
        update: Write,
    ) -> Result<Written, StoreError> {
        let others = &self.pepper.entries()[1..];
        if others.is_empty() {
            return self.table.send(update).await;
        }
        for _ in 0..TRIES {
            self.settle(asker, phone).await?;
            let absent =
                others.iter().map(|entry| self.table.check(key(entry, asker, phone)).if_absent("pk"));
            let beginning = Transaction::new(self.table.world.new_id())
                .with(Part::Home, self.signed(update.clone()).telling())
                .with_all(Part::Other, absent);
            match beginning.commit(&self.tables, &self.table.world).await? {
                Committed::Done => return Ok(Written::Done(Item::new())),
                Committed::Refused(parts) if parts.iter().all(|(part, _)| *part == Part::Home) => {
                    let item = parts.into_iter().next().map(|(_, RefusedPart(item))| item);
                    return Ok(Written::Refused(item.unwrap_or_default()));
                }
                Committed::Refused(_) => {}
            }
        }
        Err(StoreError::Unavailable(CHANGES.into()))
    }

    /// Changes what was put into the item of a phone, wherever it was moved since; refused with
    /// the item as it is, or with nothing where there is none.
    pub(super) async fn change(
        &self,
        asker: Asker,
        phone: &Phone,
        update: Write,
        in_doubt: InDoubt,
    ) -> Result<Written, StoreError> {
        for _ in 0..TRIES {
            match update.clone().send(&self.table.client, &self.table.world, in_doubt).await? {
                Written::Refused(item) if self.may_be_elsewhere(&item) => {
                    if !self.bring_home(asker, phone).await? {
                        return Ok(Written::Refused(item));
                    }
                }
                written => return Ok(written),
            }
        }
        Err(StoreError::Unavailable(CHANGES.into()))
    }

    /// Whether a write may have been refused because the item was moved, by what it found.
    pub(super) fn may_be_elsewhere(&self, found: &Item) -> bool {
        found.is_empty() && self.pepper.entries().len() > 1
    }

    /// Changes an item of [`PhoneItems::all`] in a transaction with others; refused if
    /// anybody wrote to it since.
    pub(super) fn part_of(&self, seen: &Item) -> Write {
        let pk = seen.get("pk").and_then(|pk| pk.as_s().ok()).cloned().unwrap_or_default();
        self.signed(as_seen(self.table.update(pk), seen))
    }

    /// Moves the item of a phone to where it is looked for. Costs nothing while the
    /// secret has one entry.
    pub(super) async fn settle(&self, asker: Asker, phone: &Phone) -> Result<(), StoreError> {
        if self.pepper.entries().len() > 1 {
            self.bring_home(asker, phone).await?;
        }
        Ok(())
    }

    /// Moves the item of a phone from wherever it is; `false` if there is none.
    async fn bring_home(&self, asker: Asker, phone: &Phone) -> Result<bool, StoreError> {
        let entries = self.pepper.entries();
        let home = key(self.pepper.first(), asker, phone);
        for _ in 0..TRIES {
            let items =
                self.table.get_all(entries.iter().map(|entry| key(entry, asker, phone)).collect()).await?;
            let (here, strays): (Vec<_>, Vec<_>) =
                items.into_iter().partition(|item| item.get("pk") == Some(&string(&home)));
            if strays.is_empty() {
                return Ok(!here.is_empty());
            }
            let mut item =
                merged(here.iter().chain(&strays).map(|item| self.with_entries(asker, phone, item)));
            item.insert("pk".to_owned(), string(&home));
            item.insert(WRITTEN_BY.to_owned(), string(self.table.world.new_id()));
            let put = Write::put(&self.table.name, item);
            let put = match here.first() {
                Some(seen) => as_seen(put, seen),
                None => put.if_absent("pk"),
            };
            let mut moving = Transaction::new(self.table.world.new_id()).with((), put);
            for stray in strays {
                let pk = stray.get("pk").and_then(|pk| pk.as_s().ok()).cloned().unwrap_or_default();
                moving = moving.with((), as_seen(self.table.delete(pk), &stray));
            }
            if let Committed::Done = moving.commit(&self.tables, &self.table.world).await? {
                return Ok(true);
            }
        }
        Err(StoreError::Unavailable(CHANGES.into()))
    }

    /// An item whose codes say under which entry they are hashed: that of its key,
    /// where none is named.
    fn with_entries(&self, asker: Asker, phone: &Phone, item: &Item) -> Item {
        let mut item = item.clone();
        let of_key = |entry: &&PepperEntry| item.get("pk") == Some(&string(key(entry, asker, phone)));
        let entry = self.pepper.entries().iter().find(of_key).unwrap_or_else(|| self.pepper.first()).id();
        for name in CODES {
            if let Some(AttributeValue::M(code)) = item.get_mut(name)
                && !code.is_empty()
            {
                code.entry(PEPPER_ENTRY.to_owned()).or_insert_with(|| string(entry));
            }
        }
        item
    }
}

/// On condition that nobody wrote to the item since it was read.
fn as_seen(write: Write, seen: &Item) -> Write {
    [WRITTEN_BY, CHANGED_BY].into_iter().fold(write, |write, by| write.if_still(by, seen.get(by).cloned()))
}

/// One item of several of a phone: all times, newest first, and the codes of the one
/// that was asked for last.
pub(super) fn merged(items: impl Iterator<Item = Item>) -> Item {
    let mut merged = Item::new();
    let (mut ttl, mut asked_at) = (0, i64::MIN);
    let mut latest = [(ENTERED_AT, None), (CREDITED_ON, None)];
    let mut times = [("t", Vec::new()), ("g", Vec::new()), ("h", Vec::new())];
    for item in items {
        ttl = ttl.max(read_number(&item, TTL).unwrap_or_default());
        for (name, at) in &mut latest {
            *at = (*at).max(read_number(&item, name));
        }
        for (prefix, times) in &mut times {
            times.extend(
                item.keys().filter(|name| is_time(name, prefix)).filter_map(|name| read_number(&item, name)),
            );
        }
        let live = item.get("live_code").and_then(|code| code.as_m().ok());
        let sent_at = live.and_then(|code| read_number(code, "sent_at")).unwrap_or(i64::MIN);
        if sent_at > asked_at {
            asked_at = sent_at;
            for name in CODES {
                match item.get(name) {
                    Some(code) => merged.insert(name.to_owned(), code.clone()),
                    None => merged.remove(name),
                };
            }
        }
    }
    for (prefix, mut times) in times {
        times.sort_unstable_by_key(|time| Reverse(*time));
        merged.extend((1..).zip(times).map(|(n, time)| (format!("{prefix}{n}"), number(time))));
    }
    merged.insert(TTL.to_owned(), number(ttl));
    let latest = latest.into_iter().filter_map(|(name, at)| Some((name.to_owned(), number(at?))));
    merged.extend(latest);
    merged
}

/// The times of a register of an item, newest first, however long it is.
pub(super) fn times(item: &Item, prefix: &str) -> Vec<Timestamp> {
    let names = item.keys().filter(|name| is_time(name, prefix));
    let mut times: Vec<_> = names.filter_map(|name| read_number(item, name)).filter(|at| *at > 0).collect();
    times.sort_unstable_by_key(|at| Reverse(*at));
    times.into_iter().map(Timestamp::from_millis).collect()
}

/// Whether an attribute is a place of a register: `t1`, `t2`, …
fn is_time(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|nth| nth.parse::<u32>().is_ok())
}

fn key(entry: &PepperEntry, asker: Asker, phone: &Phone) -> String {
    let register = match asker {
        Asker::Stranger => "phone",
        Asker::Known => "known",
    };
    format!("{register}#{}", entry.key(register, phone.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(times: &[(&str, i64)], sent_at: i64) -> Item {
        let mut item: Item = times.iter().map(|(name, at)| ((*name).to_owned(), number(*at))).collect();
        let code = Item::from([("sent_at".to_owned(), number(sent_at))]);
        item.insert("live_code".to_owned(), AttributeValue::M(code));
        item
    }

    #[test]
    fn of_several_items_all_times_are_kept_and_the_last_code() {
        let old = item(&[("t1", 50), ("t2", 10), ("g1", 45), ("ttl", 7)], 50);
        let new = item(&[("t1", 60), ("t2", 40), ("g1", 0), ("ttl", 9)], 60);
        for items in [[old.clone(), new.clone()], [new, old]] {
            let merged = merged(items.into_iter());
            for (name, expected) in
                [("t1", 60), ("t2", 50), ("t3", 40), ("t4", 10), ("g1", 45), ("g2", 0), ("ttl", 9)]
            {
                assert_eq!(read_number(&merged, name), Some(expected), "{name}");
            }
            let code = merged["live_code"].as_m().unwrap();
            assert_eq!(read_number(code, "sent_at"), Some(60));
        }
    }
}
