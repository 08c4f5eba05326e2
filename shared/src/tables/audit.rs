//! The audit table: key (`month`, `position`), and two indexes, `targets` (`target`,
//! `position`) and `actors` (`actor`, `position`). A position is a time and an entry's
//! identifier. Entries are written in the transaction of what they tell of, and end by the
//! table's TTL.

use futures_util::future::try_join_all;

use crate::base::config::{self, BadParameter};
use crate::base::world::{Date, Month, Timestamp};
use crate::cloud::error::StoreError;
use crate::cloud::items::{TTL, number, read, string, write};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::transaction::Recording;
use crate::cloud::writes::Write;
use crate::domain::audit::{Actor, Deed, Entry};
use crate::domain::limits::DAY;
use crate::domain::position::Position;
use crate::domain::user::UserId;
use crate::settings;

/// The audit trail.
pub struct Audit {
    table: Table,
    days: Option<u32>,
}

/// Which entries to list; those alone that all of it fits.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// To whom it was done.
    pub target: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// When.
    pub day: Option<Date>,
}

impl Audit {
    /// That of the deployment.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        let days = settings::audit_days(&setup.vars)?;
        Ok(Self { table: Table::new(setup, config::AUDIT_TABLE), days })
    }

    /// That `by` does `deed` now, for the transaction that does it
    /// ([`Transaction::recording`](crate::cloud::transaction::Transaction::recording)), whose
    /// token makes one entry of all its attempts.
    pub fn entry(&self, by: &Actor, deed: Deed) -> Recording {
        let world = &self.table.world;
        let entry = Entry::new(world.new_id(), world.now(), by, deed);
        let mut item = write(&entry);
        item.insert("month".to_owned(), string(Month::of(entry.at).to_string()));
        item.insert("position".to_owned(), string(place(&entry).as_str()));
        if let Some(days) = self.days {
            let end = entry.at.plus_seconds(i64::from(days) * DAY);
            item.insert(TTL.to_owned(), number(end.seconds()));
        }
        Recording { entry, write: Write::put(&self.table.name, item).if_absent("month") }
    }

    /// A page of the entries that fit, newest first, behind the position `after`; with it the
    /// position to go on from, `None` at the end. Where neither target, actor nor day is
    /// wanted, those of `month` and of the one before. Lags up to a second behind writes.
    pub async fn page(
        &self,
        wanted: &Wanted,
        month: Month,
        limit: u32,
        after: Option<&Position>,
    ) -> Result<(Vec<Entry>, Option<Position>), StoreError> {
        let month_of = |day: Date| Month::of(day.begins());
        let partitions = match wanted {
            Wanted { target: Some(target), .. } => vec![(Some("targets"), "target", target.clone())],
            Wanted { actor: Some(actor), .. } => vec![(Some("actors"), "actor", actor.clone())],
            Wanted { day: Some(day), .. } => vec![(None, "month", month_of(*day).to_string())],
            _ => vec![(None, "month", month.to_string()), (None, "month", month.before().to_string())],
        };
        let (since, until) = self.span(wanted.day);
        let until = after.map_or(until, |after| after.as_str().to_owned());
        // Of before what is kept; DynamoDB refuses a range that ends before it begins.
        if until < since {
            return Ok((Vec::new(), None));
        }
        let queries = partitions.into_iter().map(async |(index, name, value)| {
            let output = self
                .table
                .query()
                .set_index_name(index.map(str::to_owned))
                .key_condition_expression("#partition = :partition AND #position BETWEEN :since AND :until")
                .expression_attribute_names("#partition", name)
                .expression_attribute_names("#position", "position")
                .expression_attribute_values(":partition", string(value))
                .expression_attribute_values(":since", string(&since))
                .expression_attribute_values(":until", string(&until))
                .scan_index_forward(false)
                // One to tell whether there are more, and one that `after` stands at.
                .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(2))
                .send()
                .await
                .map_err(StoreError::of_read)?;
            output.items.unwrap_or_default().into_iter().map(read::<Entry>).collect::<Result<Vec<_>, _>>()
        });
        let mut entries: Vec<_> = try_join_all(queries)
            .await?
            .into_iter()
            .flatten()
            .map(|entry| (place(&entry), entry))
            .filter(|(position, _)| after.is_none_or(|after| position < after))
            .collect();
        entries.sort_by(|(one, _), (other, _)| other.cmp(one));
        let has_more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next = entries.last().filter(|_| has_more).map(|(position, _)| position.clone());
        let fits = |entry: &Entry| wanted.actor.as_ref().is_none_or(|actor| entry.actor == *actor);
        Ok((entries.into_iter().map(|(_, entry)| entry).filter(fits).collect(), next))
    }

    /// The first moment of which entries are kept.
    pub fn since(&self) -> Timestamp {
        let now = self.table.world.now();
        self.days.map_or(Timestamp::default(), |days| now.plus_seconds(-i64::from(days) * DAY))
    }

    /// The positions between which entries of a day are, or all that are kept: what the TTL
    /// has not come to yet is over.
    fn span(&self, day: Option<Date>) -> (String, String) {
        let at = |time: Timestamp| format!("{:013}", time.millis().max(0));
        let since = self.since();
        match day.map(Date::begins) {
            Some(begins) => (at(begins.max(since)), at(begins.plus_seconds(DAY))),
            None => (at(since), "~".to_owned()),
        }
    }
}

fn place(entry: &Entry) -> Position {
    Position::new(entry.at, &UserId(entry.id.clone()))
}
