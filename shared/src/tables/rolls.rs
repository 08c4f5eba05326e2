//! Rolls: lists of users that an index holds.

use futures_util::future::try_join_all;

use crate::base::config;
use crate::base::world::{Date, Month, Timestamp};
use crate::cloud::error::StoreError;
use crate::cloud::items::{read, string};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::domain::limits::DAY;
use crate::domain::phone_front::Country;
use crate::domain::position::Position;
use crate::domain::user::{Role, User};

/// How many partitions of the index a month of sign-ups is spread over.
pub(super) const SHARDS: u32 = 8;

/// What `banned` says where it says something.
pub(super) const BANNED: &str = "banned";

/// One list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roll {
    /// All users, a month at a time.
    Created(Month),
    /// Those of a role above user.
    Role(Role),
    /// Those who are banned.
    Banned,
}

/// All lists of users.
pub struct Rolls(Table);

impl Rolls {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::USERS_TABLE))
    }

    /// A page of a roll, newest first, behind the position `after`, of those who signed up on
    /// `day` where one is given; with it the position to go on from, `None` at the end.
    /// Lags up to a second behind writes. A month is eight queries, asked at once.
    pub async fn page(
        &self,
        roll: Roll,
        day: Option<Date>,
        limit: u32,
        after: Option<&Position>,
    ) -> Result<(Vec<User>, Option<Position>), StoreError> {
        let keys: Vec<_> = match roll {
            Roll::Created(month) => {
                (0..SHARDS).map(|shard| ("created", "created_in", month_key(month, shard))).collect()
            }
            Roll::Role(of) => vec![("roles", "staff_role", of.as_str().to_owned())],
            Roll::Banned => vec![("banned", "banned", BANNED.to_owned())],
        };
        let (since, until) = span(day);
        let until = after.map_or(until, |after| after.as_str().to_owned());
        let queries = keys.into_iter().map(async |(index, name, value)| {
            self.users(index, [name, "created_at_key"], value, [&since, &until], false, limit).await
        });
        let mut users: Vec<_> = try_join_all(queries)
            .await?
            .into_iter()
            .flatten()
            .map(|user| (Position::new(user.created_at, &user.id), user))
            .filter(|(position, _)| after.is_none_or(|after| position < after))
            .collect();
        users.sort_by(|(one, _), (other, _)| other.cmp(one));
        let has_more = users.len() > limit as usize;
        users.truncate(limit as usize);
        let next = users.last().filter(|_| has_more).map(|(position, _)| position.clone());
        Ok((users.into_iter().map(|(_, user)| user).collect(), next))
    }

    /// A page of the users of these countries whose numbers begin with `front`, by number,
    /// behind the number `after`; with it the number to go on from, `None` at the end. Lags
    /// up to a second behind writes. It is a query a country, asked at once.
    pub async fn by_number(
        &self,
        countries: &[Country],
        front: &str,
        limit: u32,
        after: Option<&str>,
    ) -> Result<(Vec<User>, Option<String>), StoreError> {
        let (since, until) = (after.unwrap_or(front).to_owned(), format!("{front}{BEHIND_DIGITS}"));
        let queries = countries.iter().map(async |country| {
            let of = country.as_str().to_owned();
            self.users("numbers", ["country", "phone"], of, [&since, &until], true, limit).await
        });
        let mut users: Vec<_> = try_join_all(queries).await?.into_iter().flatten().collect();
        users.retain(|user| after.is_none_or(|after| user.phone.as_str() > after));
        users.sort_by(|one, other| one.phone.as_str().cmp(other.phone.as_str()));
        let has_more = users.len() > limit as usize;
        users.truncate(limit as usize);
        let next = users.last().filter(|_| has_more).map(|user| user.phone.as_str().to_owned());
        Ok((users, next))
    }

    /// Users of one partition of an index, between two of its sort keys.
    async fn users(
        &self,
        index: &str,
        [partition, sort]: [&str; 2],
        value: String,
        [since, until]: [&str; 2],
        forward: bool,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        let output = self
            .0
            .query()
            .index_name(index)
            .key_condition_expression("#partition = :value AND #sort BETWEEN :since AND :until")
            .expression_attribute_names("#partition", partition)
            .expression_attribute_names("#sort", sort)
            .expression_attribute_values(":value", string(value))
            .expression_attribute_values(":since", string(since))
            .expression_attribute_values(":until", string(until))
            .scan_index_forward(forward)
            // One to tell whether there are more, and one that the page before ended with.
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(2))
            .send()
            .await
            .map_err(StoreError::of_read)?;
        output.items.unwrap_or_default().into_iter().map(read).collect()
    }
}

/// What no digit comes behind.
const BEHIND_DIGITS: char = ':';

/// The positions between which users of a day are, or all.
fn span(day: Option<Date>) -> (String, String) {
    let at = |time: Timestamp| format!("{:013}", time.millis().max(0));
    match day.map(Date::begins) {
        Some(begins) => (at(begins), at(begins.plus_seconds(DAY))),
        None => (at(Timestamp::default()), BEHIND_DIGITS.to_string()),
    }
}

/// The partition of the index `created` that a shard of a month is.
pub(super) fn month_key(month: Month, shard: u32) -> String {
    format!("{month}#{shard}")
}
