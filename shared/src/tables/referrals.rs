//! Referrals: who entered whose code, and how many did.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::base::config;
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::cloud::items::{number, read, string, write};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::writes::Write;
use crate::domain::phone::Phone;
use crate::domain::position::Position;
use crate::domain::user::{Referral, User, UserId};
use crate::tables::keys;

/// How many counters a user's referrals are spread over: an item takes 1,000
/// writes a second.
const SHARDS: u32 = 8;

/// The index that lists edges by referrer.
const INDEX: &str = "referrals";

/// The referrals of all users.
pub struct Referrals(Table);

/// What an `edge#` item holds.
#[derive(Serialize, Deserialize)]
struct Edge {
    referrer_id: UserId,
    /// A [`Position`], the sort key of the index.
    position: String,
    #[serde(flatten)]
    referral: Referral,
}

#[derive(Deserialize)]
struct CountItem {
    n: i64,
}

/// The counts of a user's referrals, shard by shard.
#[derive(Debug)]
pub struct Shards(Vec<Option<i64>>);

impl Shards {
    /// How many entered the user's code.
    pub fn sum(&self) -> u64 {
        u64::try_from(self.0.iter().flatten().sum::<i64>()).unwrap_or(0)
    }
}

impl Referrals {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::USERS_TABLE))
    }

    /// A page of a user's referrals, newest first, behind the position
    /// `after`; with it the position to go on from, `None` at the end. Lags up
    /// to a second behind writes.
    pub async fn page(
        &self,
        of: &UserId,
        limit: u32,
        after: Option<&Position>,
    ) -> Result<(Vec<Referral>, Option<Position>), StoreError> {
        // One more than asked, so that the last page knows that it is.
        let mut query = self
            .0
            .query()
            .index_name(INDEX)
            .key_condition_expression("referrer_id = :referrer")
            .expression_attribute_values(":referrer", string(&of.0))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1));
        if let Some(after) = after {
            query = query
                .exclusive_start_key("pk", string(keys::edge(of, &after.user_id())))
                .exclusive_start_key("referrer_id", string(&of.0))
                .exclusive_start_key("position", string(after.as_str()));
        }
        let output = query.send().await.map_err(StoreError::of_read)?;
        let mut edges =
            output.items.unwrap_or_default().into_iter().map(read::<Edge>).collect::<Result<Vec<_>, _>>()?;
        let has_more = edges.len() > limit as usize;
        edges.truncate(limit as usize);
        let next = edges.last().filter(|_| has_more);
        let next = next.and_then(|edge| Position::parse(edge.position.clone()));
        Ok((edges.into_iter().map(|edge| edge.referral).collect(), next))
    }

    /// How many entered a user's code, exactly.
    pub async fn count(&self, of: &UserId) -> Result<u64, StoreError> {
        Ok(self.shards(of).await?.sum())
    }

    /// That `referrer` invited `user`; refused if either invited the other
    /// already.
    pub fn link(&self, user: &User, referrer: &UserId, now: Timestamp) -> Write {
        let edge = Edge {
            referrer_id: referrer.clone(),
            position: Position::new(now, &user.id).as_str().to_owned(),
            referral: Referral { id: user.id.clone(), phone: user.phone.clone(), activated_at: now },
        };
        self.0.put_if_absent(keys::edge(referrer, &user.id), write(&edge))
    }

    /// One more in the referrer's count; refused where the uses of the referrer's
    /// codes are counted by now, and that of this one is not.
    pub fn count_one(&self, referrer: &UserId, is_counted: bool) -> Write {
        let add = self.add(referrer, 1);
        if is_counted { add } else { add.if_absent("counts_uses") }
    }

    /// How many entered a user's code, as the shards have it.
    pub async fn shards(&self, of: &UserId) -> Result<Shards, StoreError> {
        let read = try_join_all(shards(of).map(async |shard| self.0.get::<CountItem>(&shard).await)).await?;
        Ok(Shards(read.into_iter().map(|item| item.map(|item| item.n)).collect()))
    }

    /// From now on the uses of a user's codes are counted: nobody enters one
    /// without. Refused if anybody entered one since the shards were `seen`; what
    /// else is counted from them belongs into the same transaction.
    pub fn count_uses(&self, of: &UserId, seen: Option<&Shards>) -> Vec<Write> {
        let mark = |(index, shard): (usize, String)| {
            let update = self
                .0
                .update(shard)
                .set("n = if_not_exists(n, :zero)")
                .value(":zero", number(0))
                .assign("counts_uses", AttributeValue::Bool(true));
            match seen.and_then(|Shards(all)| all.get(index)) {
                Some(n) => update.if_still("n", n.map(number)),
                None => update,
            }
        };
        shards(of).enumerate().map(mark).collect()
    }

    /// That `user` is on another phone, for the list of who invited `user`.
    pub fn move_phone(&self, user: &UserId, referrer: &UserId, phone: &Phone) -> Write {
        self.0.update(keys::edge(referrer, user)).if_present("pk").assign("phone", string(phone.as_str()))
    }

    /// Takes a user out of the referrals of `referrer`, and out of their count.
    pub fn unlink(&self, user: &UserId, referrer: &UserId) -> [Write; 2] {
        [self.0.delete(keys::edge(referrer, user)), self.add(referrer, -1)]
    }

    /// Takes the counts of whom a user invited away.
    pub fn forget_counts(&self, of: &UserId) -> impl Iterator<Item = Write> {
        shards(of).map(|shard| self.0.delete(shard))
    }

    /// A shard may count less than nothing: only the sum means something.
    fn add(&self, referrer: &UserId, change: i64) -> Write {
        let shard = self.0.world.rng().random_range(0..SHARDS);
        self.0.update(shard_key(referrer, shard)).add("n", change)
    }
}

fn shards(of: &UserId) -> impl Iterator<Item = String> {
    (0..SHARDS).map(|shard| shard_key(of, shard))
}

fn shard_key(id: &UserId, shard: u32) -> String {
    format!("refs#{id}#{shard}")
}
