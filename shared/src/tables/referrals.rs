//! Referrals: who entered whose code, and how many did.
//!
//! How many did is counted by one item, and once they are many by several. The user
//! says how many items there are to add up; the invite code says over how many to
//! spread what is added. The user says so first, and neither ever takes it back: so
//! nothing is added where nobody looks, and nothing is moved.

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
use crate::cloud::transaction::RefusedPart;
use crate::cloud::writes::{Write, Written};
use crate::domain::invite::Entry;
use crate::domain::phone::Phone;
use crate::domain::position::Position;
use crate::domain::user::{REFERRAL_SHARDS, Referral, User, UserId};
use crate::tables::keys;

/// How many are counted by one item: whoever invites more may be somebody whom
/// thousands follow.
pub const MANY: u32 = 100;

/// The index that lists edges by referrer.
const INDEX: &str = "referrals";

/// The referrals of all users.
pub struct Referrals(Table);

/// What an `edge#` item holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Edge {
    pub(super) referrer_id: UserId,
    /// A [`Position`], the sort key of the index.
    position: String,
    #[serde(flatten)]
    pub(super) referral: Referral,
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

    /// When `user` entered the code of `referrer`; `None` where either is gone, or never did.
    pub async fn entered_at(
        &self,
        user: &UserId,
        referrer: &UserId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let edge: Option<Edge> = self.0.get(&keys::edge(referrer, user)).await?;
        Ok(edge.map(|edge| edge.referral.activated_at))
    }

    /// How many entered a user's code, by the first of the items that count them:
    /// where it is the only one, [`Referrals::count`] has nothing more to read.
    pub async fn first_count(&self, of: &UserId) -> Result<u64, StoreError> {
        let first: Option<CountItem> = self.0.get(&shard_key(of, 0)).await?;
        Ok(first.map_or(0, |item| u64::try_from(item.n).unwrap_or(0)))
    }

    /// How many entered a user's code, exactly, as of when the user was read or later;
    /// `first` was counted no earlier.
    pub async fn count(&self, of: &User, first: u64) -> Result<u64, StoreError> {
        if Self::has_one_shard(of) { Ok(first) } else { Ok(self.shards(&of.id).await?.sum()) }
    }

    /// The first page of a user's referrals; where `first`, counted as for
    /// [`Referrals::count`], says that there are none, nothing is read.
    pub async fn first_page(
        &self,
        of: &User,
        first: u64,
        limit: u32,
    ) -> Result<(Vec<Referral>, Option<Position>), StoreError> {
        if Self::has_one_shard(of) && first == 0 {
            return Ok((Vec::new(), None));
        }
        self.page(&of.id, limit, None).await
    }

    /// Whether the first of the items that count a user's referrals is the only one.
    const fn has_one_shard(of: &User) -> bool {
        of.referral_shards == 1
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
    /// codes are counted by now, and that of this one is not, or where they are too
    /// many for one item ([`Referrals::are_many`]).
    pub fn count_one(&self, entry: &Entry) -> Write {
        let shard = self.0.world.rng().random_range(0..entry.shards);
        let mut add = self.add(&entry.referrer, shard, 1).telling();
        if entry.shards == 1 {
            add = add.only_if("attribute_not_exists(n) OR n < :many").value(":many", number(MANY));
        }
        if entry.is_counted { add } else { add.if_absent("counts_uses") }
    }

    /// Whether a refused [`Referrals::count_one`] found too many for one item, and
    /// nothing else.
    pub fn are_many(entry: &Entry, refused: &RefusedPart) -> bool {
        entry.shards == 1 && (entry.is_counted || !refused.0.contains_key("counts_uses"))
    }

    /// From now on the count of who owns a code is spread: whoever adds it up is told
    /// first, then whoever enters the code. Once is as good as twice.
    pub async fn spread(&self, Entry { code, referrer, .. }: &Entry) -> Result<(), StoreError> {
        let user = self.0.update(keys::user(referrer)).if_present("pk");
        let user = user.assign("referral_shards", number(REFERRAL_SHARDS));
        let invite = self.0.update(keys::invite(code)).if_equal("owner_id", string(&referrer.0));
        let invite = invite.assign("shards", number(REFERRAL_SHARDS));
        // Whoever is gone is not made anew.
        if let Written::Done(_) = self.0.send(user).await? {
            self.0.send(invite).await?;
        }
        Ok(())
    }

    /// How many entered a user's code, as all the shards have it that there may be.
    pub async fn shards(&self, of: &UserId) -> Result<Shards, StoreError> {
        let read = try_join_all(shards(of).map(async |shard| self.0.get::<CountItem>(&shard).await)).await?;
        Ok(Shards(read.into_iter().map(|item| item.map(|item| item.n)).collect()))
    }

    /// From now on the uses of a user's codes are counted: nobody enters one
    /// without. Refused if anybody entered one since the shards were `seen`; what
    /// else is counted from them belongs into the same transaction.
    pub fn count_uses(&self, of: &UserId, seen: Option<&Shards>) -> Vec<Write> {
        let mark = |(index, shard): (usize, String)| {
            let update =
                self.counting_uses(shard).set("n = if_not_exists(n, :zero)").value(":zero", number(0));
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

    /// Takes a user out of the referrals of `referrer`, and out of their count: of the
    /// shard that is always added up.
    pub fn unlink(&self, user: &UserId, referrer: &UserId) -> [Write; 2] {
        [self.0.delete(keys::edge(referrer, user)), self.add(referrer, 0, -1)]
    }

    /// Takes the counts of whom a user invited away, and lets nobody add to them who read
    /// the invite code before. Where that may be from then on is marked for ever, as the
    /// code is nobody's for ever; in the same transaction the user must be as seen.
    pub fn close_counts(&self, of: &User) -> Vec<Write> {
        let close = |(index, shard)| {
            let is_added_to = index < of.referral_shards;
            if is_added_to { self.counting_uses(shard).remove("n") } else { self.0.delete(shard) }
        };
        (0..).zip(shards(&of.id)).map(close).collect()
    }

    /// Refuses whoever enters a code of the shard's user and is not counted as one of its
    /// uses.
    fn counting_uses(&self, shard: String) -> Write {
        self.0.update(shard).assign("counts_uses", AttributeValue::Bool(true))
    }

    /// A shard may count less than nothing: only the sum means something.
    fn add(&self, referrer: &UserId, shard: u32, change: i64) -> Write {
        self.0.update(shard_key(referrer, shard)).add("n", change)
    }
}

fn shards(of: &UserId) -> impl Iterator<Item = String> {
    (0..REFERRAL_SHARDS).map(|shard| shard_key(of, shard))
}

fn shard_key(id: &UserId, shard: u32) -> String {
    format!("refs#{id}#{shard}")
}
