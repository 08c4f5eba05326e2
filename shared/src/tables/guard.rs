//! What the guard against pumping counts: an item of the codes table for each
//! place, in which `domain/credit.rs` is one condition and one update each; and an
//! item a day that lists the places that ran short on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::{join_all, try_join_all};

use crate::base::afterwards::Afterwards;
use crate::base::config::{self, BadParameter, Parameter};
use crate::base::error::Chain;
use crate::base::lately::Lately;
use crate::base::metrics;
use crate::base::metrics::Metric;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, TTL, number, read_number, string};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::{Write, Written};
use crate::domain::credit::{Account, Answer, Credit, Means, Place, REMEMBERED_DAYS, Width};
use crate::domain::limits::{DAY, LimitMet, LimitOf};
use crate::domain::phone::Phone;
use crate::settings;
use crate::tables;

/// How often a place is asked anew whose item changed meanwhile.
const TRIES: u32 = 8;

/// How many places a day lists at most.
const LISTED: u32 = 1_000;

/// The guard.
pub struct Guard {
    table: Arc<Table>,
    /// `None` where it is off.
    credit: Option<Credit>,
    /// What had no text a moment ago.
    short: Lately<(Place, Means), Account>,
    afterwards: Arc<Afterwards>,
}

/// What the guard says of a number.
#[derive(Debug)]
pub enum Stand {
    /// It may be texted.
    Open,
    /// A proof would open it.
    ProofRequired,
    /// Its block is paused.
    Paused(LimitMet),
}

/// What was taken of the places of a number, to be given back.
#[derive(Debug)]
pub struct Taken {
    means: Means,
    /// From which places, on which day of theirs.
    from: Vec<(Place, i64)>,
    /// The block, if it was found spent.
    spent: Option<(Place, Account)>,
}

/// How one place was asked.
enum Asked {
    /// A text was taken; it has this now.
    Taken(Account),
    /// It has none.
    Short(Account),
}

impl Guard {
    /// The parameters that [`Guard::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[tables::CODES, settings::CREDIT];

    /// That of the deployment.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        Ok(Self {
            table: Arc::new(Table::new(setup, config::CODES_TABLE)),
            credit: settings::credit(&setup.vars)?,
            short: Lately::default(),
            afterwards: Arc::clone(&setup.afterwards),
        })
    }

    /// Whether it is on.
    pub const fn is_on(&self) -> bool {
        self.credit.is_some()
    }

    /// Takes a text from each place of a number, or by a proof one from its block,
    /// in one wave. What was taken is to be given back where it says no. A lost
    /// answer may take twice, never too few.
    pub async fn take(&self, phone: &Phone, means: Means) -> (Result<Stand, StoreError>, Taken) {
        let mut taken = Taken { means, from: Vec::new(), spent: None };
        let Some(credit) = &self.credit else { return (Ok(Stand::Open), taken) };
        let places = credit.places(phone);
        // Where one is known to be short, its block alone says what is answered.
        let is_short = self.refused_lately(phone, means);
        let is_asked = |place: &&Place| match place.width {
            Width::Block => true,
            width => !is_short && means.widths().contains(&width),
        };
        let places = places.iter().filter(is_asked);
        let asked = join_all(places.clone().map(|place| self.take_from(credit, place, means))).await;

        let (mut error, mut is_short, mut block) = (None, is_short, None);
        for (place, asked) in places.zip(asked) {
            let account = match asked {
                Ok(Asked::Taken(account)) => {
                    taken.from.push((place.clone(), account.day));
                    account
                }
                Ok(Asked::Short(account)) => {
                    is_short = true;
                    account
                }
                Err(failed) => {
                    error = error.or(Some(failed));
                    continue;
                }
            };
            if place.width == Width::Block {
                block = Some((place.clone(), account));
            }
        }
        let stand = match (error, block) {
            (Some(error), _) => Err(error),
            (None, Some((block, account))) if is_short => match credit.refusal(&account, means) {
                Answer::Paused { is_spent: false } => {
                    let until = Timestamp::of_day(credit.opens_on(&account));
                    Ok(Stand::Paused(LimitMet { of: LimitOf::Place, until }))
                }
                Answer::Paused { is_spent: true } => {
                    let closed = credit.closed(&block, account);
                    let until = Timestamp::of_day(credit.opens_on(&closed));
                    // Whoever comes in the next second need not close it again.
                    self.short.see((block.clone(), means), closed, self.table.world.now());
                    taken.spent = Some((block, account));
                    Ok(Stand::Paused(LimitMet { of: LimitOf::Place, until }))
                }
                Answer::ProofRequired | Answer::Open => Ok(Stand::ProofRequired),
            },
            _ => Ok(Stand::Open),
        };
        (stand, taken)
    }

    /// Whether this instance saw a place of a number short in the last second.
    pub fn refused_lately(&self, phone: &Phone, means: Means) -> bool {
        let now = self.table.world.now();
        let is_short = |place| self.short.get(&(place, means), now).is_some();
        self.credit.as_ref().is_some_and(|credit| credit.places(phone).into_iter().any(is_short))
    }

    async fn take_from(&self, credit: &Credit, place: &Place, means: Means) -> Result<Asked, StoreError> {
        let (now, width) = (self.table.world.now(), place.width);
        let key_of_short = (place.clone(), means);
        if let Some(account) = self.short.get(&key_of_short, now) {
            return Ok(Asked::Short(account));
        }
        for _ in 0..TRIES {
            let update = taking(credit, place, means, self.table.update(key(place)), now.day());
            let stored = match self.table.send(update).await? {
                Written::Done(item) => {
                    let account = read(&item).unwrap_or_default();
                    if means == Means::Proof && !credit.has(width, &account, Means::Request) {
                        self.short.see((place.clone(), Means::Request), account, now);
                    }
                    self.list_short(credit, place, &account).await;
                    return Ok(Asked::Taken(account));
                }
                Written::Refused(item) => read(&item),
            };
            let account = credit.on(place, stored, now.day());
            if !credit.has(width, &account, means) {
                self.short.see(key_of_short, account, now);
                return Ok(Asked::Short(account));
            }
            if stored != Some(account) {
                let begun = credit.taken(width, account, means);
                if begin(&self.table, place, stored, begun).await? {
                    self.list_short(credit, place, &begun).await;
                    return Ok(Asked::Taken(begun));
                }
            }
        }
        Err(StoreError::Unavailable("the place changes all the time".into()))
    }

    /// Gives back what was taken, if it is still that day; and closes the block
    /// where it was found spent.
    pub async fn give_back(&self, taken: &Taken) -> Result<(), StoreError> {
        let Some(credit) = &self.credit else { return Ok(()) };
        let back =
            join_all(taken.from.iter().map(|(place, day)| self.give_one_back(place, *day, taken.means)));
        let close = async {
            match &taken.spent {
                Some((block, account)) => self.close(credit, block, *account).await,
                None => Ok(()),
            }
        };
        let (back, closed) = tokio::join!(back, close);
        back.into_iter().chain([closed]).collect()
    }

    async fn give_one_back(&self, place: &Place, day: i64, means: Means) -> Result<(), StoreError> {
        let update = self
            .table
            .update(key(place))
            .only_if("on_day = :day")
            .value(":day", number(day))
            .value(":one", number(1));
        let update = match (place.width, means) {
            (Width::Block, Means::Proof) => update.set("proofs_left = proofs_left + :one"),
            _ => update.set("texts_left = texts_left + :one"),
        };
        let update = match place.width {
            Width::Block => update.only_if("texts_sent >= :one").set("texts_sent = texts_sent - :one"),
            Width::Range | Width::Country => update,
        };
        self.table.send_once(update).await?;
        Ok(())
    }

    async fn close(&self, credit: &Credit, block: &Place, spent: Account) -> Result<(), StoreError> {
        let closed = credit.closed(block, spent);
        let update = self
            .table
            .update(key(block))
            .only_if("on_day = :seen AND is_closed = :false AND proofs_left < :one")
            .value(":seen", number(spent.day))
            .value(":false", AttributeValue::Bool(false))
            .value(":one", number(1))
            .assign("is_closed", AttributeValue::Bool(true))
            .assign("times_spent", number(closed.times))
            .assign("spent_on", number(closed.spent_on))
            .assign("next_texts", number(closed.next.0))
            .assign("next_proofs", number(closed.next.1))
            .assign(TTL, number(needed_until(closed.day)));
        if let Written::Done(_) = self.table.send(update).await? {
            tracing::warn!(place = %block, times = closed.times, "spent: no texts there today");
            metrics::count(Metric::PlacesClosed);
            self.list(block.clone()).await;
        }
        Ok(())
    }

    /// Counts that the code of a text was entered, once a phone and day: in Lambda
    /// after the answer. It fails nothing: what could not be counted is logged, and
    /// the place is the poorer.
    pub async fn entered(&self, phone: &Phone, means: Means) {
        let Some(credit) = &self.credit else { return };
        let (table, credit, phone) = (Arc::clone(&self.table), credit.clone(), phone.clone());
        let count = async move {
            let places = credit.places(&phone);
            let counted =
                join_all(places.iter().map(|place| give_credit(&table, &credit, place, means))).await;
            for error in counted.into_iter().filter_map(Result::err) {
                tracing::warn!(cause = %Chain(&error), "a code that was entered gave its place nothing");
            }
        };
        self.afterwards.run(count).await;
    }

    /// Lists a place that has no text left for requests.
    async fn list_short(&self, credit: &Credit, place: &Place, account: &Account) {
        if !credit.has(place.width, account, Means::Request) {
            metrics::count(Metric::PlacesShort);
            self.list(place.clone()).await;
        }
    }

    async fn list(&self, place: Place) {
        let (table, now) = (Arc::clone(&self.table), self.table.world.now());
        let list = async move {
            let update = table
                .update(list_key(now.day()))
                .only_if("attribute_not_exists(places) OR size(places) < :most")
                .value(":most", number(LISTED))
                .add_text("places", place.id())
                .assign(TTL, number(needed_until(now.day())));
            if let Err(error) = table.send(update).await {
                tracing::warn!(%place, cause = %Chain(&error), "a place that is short was not listed");
            }
        };
        self.afterwards.run(list).await;
    }

    /// The places that are short or closed, by identifier, a page at a time: what
    /// each has, and the last identifier where there may be more.
    pub async fn short(
        &self,
        most: usize,
        after: Option<&str>,
    ) -> Result<(Vec<(Place, Account)>, Option<String>), StoreError> {
        let Some(credit) = &self.credit else { return Ok((Vec::new(), None)) };
        let today = self.table.world.now().day();
        let days = today - REMEMBERED_DAYS..=today;
        let lists = self.table.get_all(days.map(list_key).collect()).await?;
        let ids: BTreeSet<&String> =
            lists.iter().filter_map(|list| list.get("places")?.as_ss().ok()).flatten().collect();
        let ids = ids.into_iter().filter(|id| after.is_none_or(|after| id.as_str() > after));
        let mut page: Vec<_> = ids.take(most + 1).cloned().collect();
        let more = page.len() > most;
        page.truncate(most);
        let next = page.last().filter(|_| more).cloned();
        let places = page.iter().filter_map(|id| Place::parse(id));
        let mut places = try_join_all(places.map(async |place| {
            let account = self.account(credit, &place).await?;
            Ok::<_, StoreError>((place, account))
        }))
        .await?;
        places.retain(|(place, account)| !credit.has(place.width, account, Means::Request));
        Ok((places, next))
    }

    /// The places of a number that are short or closed: what each has, of its country
    /// the part that the number is of.
    pub async fn short_of(&self, phone: &Phone) -> Result<Vec<(Place, Account)>, StoreError> {
        let Some(credit) = &self.credit else { return Ok(Vec::new()) };
        let today = self.table.world.now().day();
        let places = credit.places(phone);
        let items = self.table.get_all(places.iter().map(key).collect()).await?;
        let account = |place: Place| {
            let item = items.iter().find(|item| item.get("pk") == Some(&string(key(&place))));
            let account = credit.on(&place, item.and_then(read), today);
            (place, account)
        };
        let is_short =
            |(place, account): &(Place, Account)| !credit.has(place.width, account, Means::Request);
        Ok(places.into_iter().map(account).filter(is_short).collect())
    }

    /// What a place has today; of a country all shards together.
    async fn account(&self, credit: &Credit, place: &Place) -> Result<Account, StoreError> {
        let today = self.table.world.now().day();
        let shards: Vec<_> = credit.shards(place).collect();
        let items = self.table.get_all(shards.iter().map(key).collect()).await?;
        let of = |shard: &Place| {
            let item = items.iter().find(|item| item.get("pk") == Some(&string(key(shard))));
            credit.on(shard, item.and_then(read), today)
        };
        let sum = |sum: Account, account: Account| Account { left: sum.left + account.left, ..sum };
        Ok(shards.iter().map(of).reduce(sum).unwrap_or_default())
    }

    /// When a place that has nothing left has something again.
    pub fn opens_at(&self, account: &Account) -> Timestamp {
        let day = self.credit.as_ref().map_or(account.day, |credit| credit.opens_on(account));
        Timestamp::of_day(day)
    }

    /// Whether a block has had as many texts as it gets in a day.
    pub fn is_full(&self, account: &Account) -> bool {
        self.credit.as_ref().is_some_and(|credit| account.sent >= credit.texts_per_block)
    }

    /// Opens a place: it has all that it can have today, and what was remembered of
    /// it is forgotten. None where the guard is off.
    pub fn open(&self, place: &Place) -> Vec<Write> {
        let Some(credit) = &self.credit else { return Vec::new() };
        let today = self.table.world.now().day();
        let open = |shard| whole(self.table.update(key(&shard)), &credit.opened(&shard, today));
        credit.shards(place).map(open).collect()
    }
}

/// Takes a text from a place, where it has one; a place that nothing is stored of
/// begins its day.
fn taking(credit: &Credit, place: &Place, means: Means, update: Write, day: i64) -> Write {
    let (from, has) = match (place.width, means) {
        (Width::Block, Means::Proof) => ("proofs_left", "texts_sent < :most AND proofs_left >= :one"),
        (Width::Block, Means::Request) => {
            ("texts_left", "texts_sent < :most AND texts_left >= :one AND is_closed = :false")
        }
        (Width::Range | Width::Country, _) => ("texts_left", "texts_left >= :one"),
    };
    let mut update = update
        .only_if(format!("attribute_not_exists(on_day) OR (on_day >= :day AND {has})"))
        .value(":day", number(day))
        .value(":one", number(1));
    if place.width == Width::Block {
        update = update.value(":most", number(credit.texts_per_block));
    }
    if has.contains(":false") {
        update = update.value(":false", AttributeValue::Bool(false));
    }
    for (name, begins) in attributes(&credit.on(place, None, day)) {
        let change = match name {
            _ if name == from => " - :one",
            "texts_sent" if place.width == Width::Block => " + :one",
            _ => "",
        };
        let value = format!(":begin_{name}");
        update = update
            .named(name)
            .set(format!("#{name} = if_not_exists(#{name}, {value}){change}"))
            .value(value, begins);
    }
    update
}

/// Gives a place what an entered code gives, as far as there is room.
async fn give_credit(table: &Table, credit: &Credit, place: &Place, means: Means) -> Result<(), StoreError> {
    let (now, width) = (table.world.now(), place.width);
    let gives = credit.gives(width, means);
    let (mut today, mut next_day) = (gives != (0, 0), true);
    for _ in 0..TRIES {
        if !today && !next_day {
            break;
        }
        let mut update = table.update(key(place)).only_if("on_day >= :day").value(":day", number(now.day()));
        if today {
            let (name, most, gives) = match gives {
                (0, of_proofs) => ("proofs_left", credit.proved.most, of_proofs),
                (of_requests, _) => ("texts_left", credit.stock(width).most, of_requests),
            };
            update = update.only_if(format!("{name} < :most")).value(":most", number(most));
            update = update.set(format!("{name} = {name} + :gives")).value(":gives", number(gives));
        }
        if next_day {
            let (texts, proofs) = Credit::gives_next_day(width);
            update = update
                .only_if("next_texts < :next_most")
                .value(":next_most", number(credit.stock(width).most))
                .set("next_texts = next_texts + :texts, next_proofs = next_proofs + :proofs")
                .value(":texts", number(texts))
                .value(":proofs", number(proofs));
        }
        let stored = match table.send(update).await? {
            Written::Done(_) => break,
            Written::Refused(item) => read(&item),
        };
        let account = credit.on(place, stored, now.day());
        if stored == Some(account) {
            let takes = credit.takes(width, &account, means);
            (today, next_day) = (today && takes.0, next_day && takes.1);
        } else if begin(table, place, stored, credit.entered(width, account, means)).await? {
            break;
        }
    }
    Ok(())
}

/// Begins a day of a place, unless somebody did.
async fn begin(
    table: &Table,
    place: &Place,
    stored: Option<Account>,
    account: Account,
) -> Result<bool, StoreError> {
    let update = whole(table.update(key(place)), &account);
    let update = update.if_still("on_day", stored.map(|stored| number(stored.day)));
    Ok(matches!(table.send(update).await?, Written::Done(_)))
}

fn key(place: &Place) -> String {
    format!("credit#{place}")
}

fn list_key(day: i64) -> String {
    format!("short#{day}")
}

/// Until when what is known of a day of a place is needed.
const fn needed_until(day: i64) -> i64 {
    (day + REMEMBERED_DAYS + 2) * DAY
}

fn read(item: &Item) -> Option<Account> {
    let number = |name| read_number(item, name);
    let count = |name| number(name).and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
    Some(Account {
        day: number("on_day")?,
        left: count("texts_left"),
        proved: count("proofs_left"),
        sent: count("texts_sent"),
        next: (count("next_texts"), count("next_proofs")),
        times: count("times_spent"),
        spent_on: number("spent_on").unwrap_or_default(),
        is_closed: item.get("is_closed").is_some_and(|closed| closed.as_bool().is_ok_and(|closed| *closed)),
    })
}

fn whole(update: Write, account: &Account) -> Write {
    attributes(account).into_iter().fold(update, |update, (name, value)| update.assign(name, value))
}

/// What is stored of a day of a place.
fn attributes(account: &Account) -> [(&'static str, AttributeValue); 10] {
    let Account { day, left, proved, sent, next, times, spent_on, is_closed } = *account;
    [
        ("on_day", number(day)),
        ("texts_left", number(left)),
        ("proofs_left", number(proved)),
        ("texts_sent", number(sent)),
        ("next_texts", number(next.0)),
        ("next_proofs", number(next.1)),
        ("times_spent", number(times)),
        ("spent_on", number(spent_on)),
        ("is_closed", AttributeValue::Bool(is_closed)),
        (TTL, number(needed_until(day))),
    ]
}
