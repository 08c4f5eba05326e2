//! Rolls: lists of users that an index holds.

use futures_util::future::try_join_all;

use crate::base::config;
use crate::base::world::Month;
use crate::cloud::error::StoreError;
use crate::cloud::items::{read, string};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
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

    /// A page of a roll, newest first, behind the position `after`; with it the
    /// position to go on from, `None` at the end. Lags up to a second behind
    /// writes. A month is eight queries, asked at once.
    pub async fn page(
        &self,
        roll: Roll,
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
        let queries = keys.into_iter().map(async |(index, name, value)| {
            let mut query = self
                .0
                .query()
                .index_name(index)
                .expression_attribute_values(":value", string(value))
                .scan_index_forward(false)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1));
            query = match after {
                None => query.key_condition_expression(format!("{name} = :value")),
                Some(after) => query
                    .key_condition_expression(format!("{name} = :value AND created_at_key < :after"))
                    .expression_attribute_values(":after", string(after.as_str())),
            };
            let output = query.send().await.map_err(StoreError::of_read)?;
            output.items.unwrap_or_default().into_iter().map(read::<User>).collect::<Result<Vec<_>, _>>()
        });
        let mut users: Vec<_> = try_join_all(queries)
            .await?
            .into_iter()
            .flatten()
            .map(|user| (Position::new(user.created_at, &user.id), user))
            .collect();
        users.sort_by(|(one, _), (other, _)| other.cmp(one));
        let has_more = users.len() > limit as usize;
        users.truncate(limit as usize);
        let next = users.last().filter(|_| has_more).map(|(position, _)| position.clone());
        Ok((users.into_iter().map(|(_, user)| user).collect(), next))
    }
}

/// The partition of the index `created` that a shard of a month is.
pub(super) fn month_key(month: Month, shard: u32) -> String {
    format!("{month}#{shard}")
}
