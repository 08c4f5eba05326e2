//! The users table: users, and all that is unique.
//!
//! | key | what |
//! |---|---|
//! | `user#<id>` | a user |
//! | `phone#<e164>` | whose phone that is |
//! | `invite#<code>` | whose invite code that is; without an owner for ever once drawn anew |
//! | `edge#<smaller id>#<larger id>` | that one of the two entered the other's code |
//! | `refs#<id>#<0..7>` | how many entered a user's code: eight shards |
//! | `avatar#<id>` | an avatar: the file and its type |
//! | `keyset` | the public keys, see [`super::keyset`] |
//!
//! An edge is written only if absent, under the same key whoever of the two
//! enters the code: that makes loops impossible.
//!
//! | index | keys | what |
//! |---|---|---|
//! | `referrals` | `referrer_id`, `position` | edges by referrer and time |
//! | `created` | `created_in`, `created_at_key` | users by month and shard (`2026-11#0` to `#7`), by time |
//! | `roles` | `staff_role`, `created_at_key` | those who may more than users |
//! | `banned` | `banned`, `created_at_key` | those who are banned |
//!
//! `staff_role` and `banned` are there only where they say something, so the
//! last two indexes are as small as what they list.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use futures_util::future::try_join_all;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::reader::Reader;
use super::transaction::{Committed, Refusal, Tables, Transaction, Write};
use super::{Item, StoreError, WRITTEN_BY, Written, conditional_update, number, read, text, write};
use crate::config;
use crate::domain::avatar::{Avatar, AvatarId, Format};
use crate::domain::invite::{Invite, InviteCode};
use crate::domain::phone::Phone;
use crate::domain::user::{Change, Referral, Role, Status, User, UserId};
use crate::http::endpoint::Needs;
use crate::lambda::StartError;
use crate::setup::Setup;
use crate::world::{Month, Timestamp, World};

/// How many counters a user's referrals are spread over: an item takes 1,000
/// writes a second.
const SHARDS: u32 = 8;

/// The index that lists edges by referrer.
const REFERRALS: &str = "referrals";

/// What `banned` says where it says something.
const BANNED: &str = "banned";

/// A list of users that an index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roll {
    /// All of them, a month at a time.
    Created(Month),
    /// Those of a role above user.
    Role(Role),
    /// Those who are banned.
    Banned,
}

/// What a change of a user sets; what is `Keep` stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// An e-mail address.
    pub email: Change<String>,
    /// A city.
    pub city: Change<String>,
    /// A Telegram account.
    pub telegram_id: Change<String>,
    /// What the user may do.
    pub role: Option<Role>,
    /// Whether the user may sign in. A ban ends all sessions.
    pub status: Option<Status>,
    /// The avatar that goes: the present one.
    pub removes_avatar: Option<AvatarId>,
}

/// All users.
pub struct Users {
    client: Client,
    reader: Arc<Reader>,
    table: String,
    world: Arc<World>,
}

/// What an `edge#` item holds.
#[derive(Serialize, Deserialize)]
struct Edge {
    pk: String,
    referrer_id: UserId,
    /// [`position`], the sort key of the index.
    position: String,
    #[serde(flatten)]
    referral: Referral,
}

#[derive(Deserialize)]
struct OwnedItem {
    owner_id: UserId,
}

#[derive(Deserialize)]
struct CountItem {
    n: i64,
}

/// What a change of an invite code's terms sets.
#[derive(Clone, Debug, Default)]
pub struct InviteChange {
    /// How often it may be entered in all.
    pub max_uses: Change<u32>,
    /// Until when.
    pub expires_at: Change<Timestamp>,
    /// Whether it is out of use.
    pub revoked: Option<bool>,
}

impl Needs for Users {
    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::new(setup))
    }
}

impl Users {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self {
            client: setup.dynamodb(),
            reader: setup.reader(),
            table: setup.vars.text(config::USERS_TABLE).to_owned(),
            world: Arc::clone(&setup.world),
        }
    }

    /// A user, read consistently.
    pub async fn get(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.reader.get(&self.table, [("pk", &user_key(id))]).await
    }

    /// Whose phone this is, read consistently.
    pub async fn with_phone(&self, phone: &Phone) -> Result<Option<UserId>, StoreError> {
        let item: Option<OwnedItem> = self.reader.get(&self.table, [("pk", &phone_key(phone))]).await?;
        Ok(item.map(|item| item.owner_id))
    }

    /// An invite code, read consistently; one without an owner is nobody's any
    /// more.
    pub async fn invite(&self, code: &InviteCode) -> Result<Option<Invite>, StoreError> {
        self.reader.get(&self.table, [("pk", &invite_key(code))]).await
    }

    /// A page of a user's referrals, newest first, behind the position
    /// `after`; with it the position to go on from, `None` at the end. Lags up
    /// to a second behind writes.
    pub async fn referrals(
        &self,
        of: &UserId,
        limit: u32,
        after: Option<&Position>,
    ) -> Result<(Vec<Referral>, Option<Position>), StoreError> {
        // One more than asked, so that the last page knows that it is.
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(REFERRALS)
            .key_condition_expression("referrer_id = :referrer")
            .expression_attribute_values(":referrer", text(&of.0))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1));
        if let Some(after) = after {
            query = query
                .exclusive_start_key("pk", text(edge_key(of, &after.referral())))
                .exclusive_start_key("referrer_id", text(&of.0))
                .exclusive_start_key("position", text(&after.0));
        }
        let output = query.send().await.map_err(StoreError::of_read)?;
        let mut edges =
            output.items.unwrap_or_default().into_iter().map(read::<Edge>).collect::<Result<Vec<_>, _>>()?;
        let has_more = edges.len() > limit as usize;
        edges.truncate(limit as usize);
        let next = edges.last().filter(|_| has_more).map(|edge| Position(edge.position.clone()));
        Ok((edges.into_iter().map(|edge| edge.referral).collect(), next))
    }

    /// How many entered a user's code, exactly.
    pub async fn referrals_count(&self, of: &UserId) -> Result<u64, StoreError> {
        let keys = (0..SHARDS).map(|shard| shard_key(of, shard));
        let items = self.reader.get_all(&self.table, keys.collect()).await?;
        let sum: i64 =
            items.into_iter().map(|item| read::<CountItem>(item).map(|item| item.n)).sum::<Result<_, _>>()?;
        Ok(u64::try_from(sum).unwrap_or(0))
    }

    /// A page of a roll, newest first, behind the position `after`. Lags up to
    /// a second behind writes. A month is eight queries, asked at once.
    pub async fn roll(
        &self,
        roll: Roll,
        limit: u32,
        after: Option<&Position>,
    ) -> Result<(Vec<User>, Option<Position>), StoreError> {
        let keys: Vec<_> = match roll {
            Roll::Created(month) => {
                (0..SHARDS).map(|shard| ("created", "created_in", format!("{month}#{shard}"))).collect()
            }
            Roll::Role(of) => vec![("roles", "staff_role", of.as_str().to_owned())],
            Roll::Banned => vec![("banned", "banned", BANNED.to_owned())],
        };
        let queries = keys.into_iter().map(async |(index, name, value)| {
            let mut query = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(index)
                .expression_attribute_values(":value", text(value))
                .scan_index_forward(false)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1));
            query = match after {
                None => query.key_condition_expression(format!("{name} = :value")),
                Some(after) => query
                    .key_condition_expression(format!("{name} = :value AND created_at_key < :after"))
                    .expression_attribute_values(":after", text(&after.0)),
            };
            let output = query.send().await.map_err(StoreError::of_read)?;
            output.items.unwrap_or_default().into_iter().map(read::<User>).collect::<Result<Vec<_>, _>>()
        });
        let mut users: Vec<_> = try_join_all(queries)
            .await?
            .into_iter()
            .flatten()
            .map(|user| (created_position(&user), user))
            .collect();
        users.sort_by(|(one, _), (other, _)| other.0.cmp(&one.0));
        let has_more = users.len() > limit as usize;
        users.truncate(limit as usize);
        let next = users.last().filter(|_| has_more).map(|(position, _)| position.clone());
        Ok((users.into_iter().map(|(_, user)| user).collect(), next))
    }

    /// Changes a user; the user as it is then, or `None` if it is gone. An avatar
    /// goes in one transaction with all else, which takes one read more.
    ///
    /// # Errors
    /// If the table does not answer, or the avatar is another by now.
    pub async fn change(
        &self,
        tables: &Tables,
        id: &UserId,
        change: &UserChange,
    ) -> Result<Option<User>, StoreError> {
        let Expression { set, remove, condition, names, values } = expression(change);
        let names = (!names.is_empty()).then_some(names);
        let Some(avatar) = &change.removes_avatar else {
            let own = format!("(attribute_not_exists({WRITTEN_BY}) OR {WRITTEN_BY} <> :invocation)");
            let update = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("pk", text(user_key(id)))
                .condition_expression(format!("{condition} AND {own}"))
                .update_expression(format!("SET {WRITTEN_BY} = :invocation{set}{remove}"))
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(Some(values));
            return match conditional_update(update, &self.world.new_id()).await? {
                Written::Done(item) => read(item).map(Some),
                Written::Refused(_) => Ok(None),
            };
        };
        let invocation = self.world.new_id();
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(user_key(id)))
            .condition_expression(condition)
            .update_expression(format!("SET {WRITTEN_BY} = :invocation{set}{remove}"))
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":invocation", text(&invocation))
            .build()
            .expect("an update has a table, a key and an expression");
        let changing = Transaction::new(invocation)
            .with((), Write(TransactWriteItem::builder().update(update).build()))
            .with((), self.remove(avatar_key(avatar)));
        match changing.commit(tables, &self.world).await? {
            Committed::Done => self.get(id).await,
            Committed::Refused(_) => Err(StoreError::Unavailable("the avatar is another by now".into())),
        }
    }

    /// An avatar, read consistently.
    pub async fn avatar(&self, id: &AvatarId) -> Result<Option<Avatar>, StoreError> {
        let item: Option<AvatarItem> = self.reader.get(&self.table, [("pk", &avatar_key(id))]).await?;
        Ok(item.and_then(|item| {
            Some(Avatar { format: Format::of(&item.media_type)?, bytes: item.file.into_vec() })
        }))
    }

    /// Gives `seen` another avatar, and takes the present one away; refused if
    /// the user changed since it was read.
    pub fn set_avatar(&self, seen: &User, id: &AvatarId, avatar: &Avatar) -> Vec<Write> {
        let (condition, old) = match &seen.avatar_id {
            Some(old) => ("attribute_exists(pk) AND avatar_id = :old", Some(old)),
            None => ("attribute_exists(pk) AND attribute_not_exists(avatar_id)", None),
        };
        let mut user = Update::builder()
            .table_name(&self.table)
            .key("pk", text(user_key(&seen.id)))
            .condition_expression(condition)
            .update_expression("SET avatar_id = :new")
            .expression_attribute_values(":new", text(id.as_str()));
        if let Some(old) = old {
            user = user.expression_attribute_values(":old", text(old.as_str()));
        }
        let user = user.build().expect("an update has a table, a key and an expression");
        let item = Item::from([
            ("pk".to_owned(), text(avatar_key(id))),
            ("owner_id".to_owned(), text(&seen.id.0)),
            ("media_type".to_owned(), text(avatar.format.media_type())),
            ("file".to_owned(), AttributeValue::B(Blob::new(avatar.bytes.clone()))),
        ]);
        let mut writes =
            vec![Write(TransactWriteItem::builder().update(user).build()), self.put_if_absent(item)];
        writes.extend(old.map(|old| self.remove(avatar_key(old))));
        writes
    }

    /// A user on first sight.
    pub fn insert(&self, user: &User) -> Write {
        let mut item = write(user);
        let shard = self.world.chance().random_range(0..SHARDS);
        item.insert("pk".to_owned(), text(user_key(&user.id)));
        item.insert("created_in".to_owned(), text(format!("{}#{shard}", Month::of(user.created_at))));
        item.insert("created_at_key".to_owned(), text(created_position(user).0));
        if user.role != Role::User {
            item.insert("staff_role".to_owned(), text(user.role.as_str()));
        }
        self.put_if_absent(item)
    }

    /// That `owner` owns the phone; refused if another does.
    pub fn claim_phone(&self, phone: &Phone, owner: &UserId) -> Write {
        self.claim(phone_key(phone), owner)
    }

    /// That `user` owns the invite code; refused if another does or did.
    pub fn claim_invite(&self, user: &User) -> Write {
        self.claim(invite_key(&user.invite_code), &user.id)
    }

    /// One more use of a code whose uses are counted; refused if it is used up,
    /// over, revoked or nobody's by now.
    pub fn use_invite(&self, code: &InviteCode, owner: &UserId) -> Write {
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(invite_key(code)))
            .condition_expression(
                "owner_id = :owner AND (attribute_not_exists(max_uses) OR uses < max_uses) \
                 AND (attribute_not_exists(revoked) OR revoked = :false) \
                 AND (attribute_not_exists(expires_at) OR expires_at > :now)",
            )
            .update_expression("SET uses = uses + :one")
            .expression_attribute_values(":owner", text(&owner.0))
            .expression_attribute_values(":false", AttributeValue::Bool(false))
            .expression_attribute_values(":now", number(self.world.now().millis()))
            .expression_attribute_values(":one", number(1))
            .build()
            .expect("an update has a table, a key and an expression");
        Write(TransactWriteItem::builder().update(update).build())
    }

    /// Changes the terms of a user's present code; the code as it is then, or
    /// `None` if it is not the user's. With a limit its uses are counted, from
    /// `uses_so_far` on.
    pub async fn change_invite(
        &self,
        code: &InviteCode,
        owner: &UserId,
        change: &InviteChange,
        uses_so_far: u64,
    ) -> Result<Option<Invite>, StoreError> {
        let (mut set, mut remove) = (format!("{WRITTEN_BY} = :invocation"), Vec::new());
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(invite_key(code)))
            .expression_attribute_values(":owner", text(&owner.0));
        match change.max_uses {
            Change::Keep => {}
            Change::Clear => remove.push("max_uses"),
            Change::Set(max) => {
                set.push_str(", max_uses = :max, uses = if_not_exists(uses, :uses)");
                update = update
                    .expression_attribute_values(":max", number(max))
                    .expression_attribute_values(":uses", AttributeValue::N(uses_so_far.to_string()));
            }
        }
        match change.expires_at {
            Change::Keep => {}
            Change::Clear => remove.push("expires_at"),
            Change::Set(end) => {
                set.push_str(", expires_at = :end");
                update = update.expression_attribute_values(":end", number(end.millis()));
            }
        }
        if let Some(revoked) = change.revoked {
            set.push_str(", revoked = :revoked");
            update = update.expression_attribute_values(":revoked", AttributeValue::Bool(revoked));
        }
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        let update =
            update.condition_expression("owner_id = :owner").update_expression(format!("SET {set}{remove}"));
        match conditional_update(update, &self.world.new_id()).await? {
            Written::Done(item) => read(item).map(Some),
            Written::Refused(_) => Ok(None),
        }
    }

    /// Draws another code for `seen`: the old one is nobody's for ever. Refused
    /// if `seen` has drawn another meanwhile, or the new one is taken.
    pub fn redraw_invite(&self, seen: &User, code: &InviteCode, terms: &Invite) -> [Write; 3] {
        let user = Update::builder()
            .table_name(&self.table)
            .key("pk", text(user_key(&seen.id)))
            .condition_expression("invite_code = :old")
            .update_expression("SET invite_code = :new")
            .expression_attribute_values(":old", text(seen.invite_code.as_str()))
            .expression_attribute_values(":new", text(code.as_str()))
            .build()
            .expect("an update has a table, a key and an expression");
        let mut item = write(terms);
        item.insert("pk".to_owned(), text(invite_key(code)));
        [
            Write(TransactWriteItem::builder().update(user).build()),
            self.put_if_absent(item),
            self.disown(&seen.invite_code),
        ]
    }

    fn disown(&self, code: &InviteCode) -> Write {
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(invite_key(code)))
            .update_expression("REMOVE owner_id")
            .build()
            .expect("an update has a table, a key and an expression");
        Write(TransactWriteItem::builder().update(update).build())
    }

    fn claim(&self, key: String, owner: &UserId) -> Write {
        self.put_if_absent(Item::from([
            ("pk".to_owned(), text(key)),
            ("owner_id".to_owned(), text(&owner.0)),
        ]))
    }

    /// That `seen` may still sign in as it was read: same phone, active, no
    /// sign-out of all sessions meanwhile.
    pub fn unchanged(&self, seen: &User) -> Write {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .key("pk", text(user_key(&seen.id)))
            .condition_expression("epoch = :epoch AND phone = :phone AND #status = :status")
            .set_expression_attribute_names(Some(status_name()))
            .set_expression_attribute_values(Some(as_seen(seen)))
            .build()
            .expect("a check has a table, a key and a condition");
        Write(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Ends all sessions of an epoch by raising it; refused if it moved on
    /// already.
    pub fn end_epoch(&self, id: &UserId, epoch: u32) -> Write {
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(user_key(id)))
            .condition_expression("epoch = :epoch")
            .update_expression("SET epoch = epoch + :one")
            .expression_attribute_values(":epoch", number(epoch))
            .expression_attribute_values(":one", number(1))
            .build()
            .expect("an update has a table, a key and an expression");
        Write(TransactWriteItem::builder().update(update).build())
    }

    /// That `seen` entered `code` of `referrer`; refused if `seen` entered one
    /// already or changed otherwise ([`activated_code`] tells).
    pub fn activate(&self, seen: &User, code: &InviteCode, referrer: &UserId) -> Write {
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(user_key(&seen.id)))
            .condition_expression(
                "attribute_not_exists(activated_invite_code) \
                 AND epoch = :epoch AND phone = :phone AND #status = :status",
            )
            .update_expression("SET activated_invite_code = :code, referrer_id = :referrer")
            .set_expression_attribute_names(Some(status_name()))
            .set_expression_attribute_values(Some(as_seen(seen)))
            .expression_attribute_values(":code", text(code.as_str()))
            .expression_attribute_values(":referrer", text(&referrer.0))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("an update has a table, a key and an expression");
        Write(TransactWriteItem::builder().update(update).build())
    }

    /// That `referrer` invited `user`; refused if either invited the other
    /// already.
    pub fn link(&self, user: &User, referrer: &UserId, now: Timestamp) -> Write {
        let edge = Edge {
            pk: edge_key(referrer, &user.id),
            referrer_id: referrer.clone(),
            position: position(now, &user.id),
            referral: Referral { id: user.id.clone(), phone: user.phone.clone(), activated_at: now },
        };
        self.put_if_absent(write(&edge))
    }

    /// Takes `seen` away: the item, the phone, the avatar, the counts of whom it invited,
    /// and its place among the referrals of whoever invited it. The invite code
    /// stays, ownerless for ever. The first write is refused if the user changed
    /// since it was read.
    pub fn delete(&self, seen: &User) -> Vec<Write> {
        let referrer = match &seen.referrer_id {
            Some(_) => "referrer_id = :referrer",
            None => "attribute_not_exists(referrer_id)",
        };
        let avatar = match &seen.avatar_id {
            Some(_) => "avatar_id = :avatar",
            None => "attribute_not_exists(avatar_id)",
        };
        let mut user = Delete::builder()
            .table_name(&self.table)
            .key("pk", text(user_key(&seen.id)))
            .condition_expression(format!(
                "phone = :phone AND invite_code = :invite_code AND {referrer} AND {avatar}"
            ))
            .expression_attribute_values(":phone", text(seen.phone.as_str()))
            .expression_attribute_values(":invite_code", text(seen.invite_code.as_str()));
        if let Some(referrer) = &seen.referrer_id {
            user = user.expression_attribute_values(":referrer", text(&referrer.0));
        }
        if let Some(avatar) = &seen.avatar_id {
            user = user.expression_attribute_values(":avatar", text(avatar.as_str()));
        }
        let user = user.build().expect("a delete has a table and a key");
        let mut writes = vec![
            Write(TransactWriteItem::builder().delete(user).build()),
            self.remove(phone_key(&seen.phone)),
            self.disown(&seen.invite_code),
        ];
        writes.extend((0..SHARDS).map(|shard| self.remove(shard_key(&seen.id, shard))));
        writes.extend(seen.avatar_id.as_ref().map(|avatar| self.remove(avatar_key(avatar))));
        if let Some(referrer) = &seen.referrer_id {
            writes.push(self.remove(edge_key(referrer, &seen.id)));
            writes.push(self.add_referrals(referrer, -1));
        }
        writes
    }

    fn remove(&self, key: String) -> Write {
        let delete = Delete::builder().table_name(&self.table).key("pk", text(key));
        let delete = delete.build().expect("a delete has a table and a key");
        Write(TransactWriteItem::builder().delete(delete).build())
    }

    /// Moves `seen` to another phone, and frees the old one; refused if the user
    /// changed since it was read. The new one must be claimed in the same transaction
    /// ([`Users::claim_phone`]).
    pub fn move_phone(&self, seen: &User, phone: &Phone) -> Vec<Write> {
        let user = Update::builder()
            .table_name(&self.table)
            .key("pk", text(user_key(&seen.id)))
            .condition_expression("epoch = :epoch AND phone = :phone AND #status = :status")
            .update_expression("SET phone = :new")
            .set_expression_attribute_names(Some(status_name()))
            .set_expression_attribute_values(Some(as_seen(seen)))
            .expression_attribute_values(":new", text(phone.as_str()))
            .build()
            .expect("an update has a table, a key and an expression");
        let mut writes = vec![
            Write(TransactWriteItem::builder().update(user).build()),
            self.remove(phone_key(&seen.phone)),
        ];
        if let Some(referrer) = &seen.referrer_id {
            let edge = Update::builder()
                .table_name(&self.table)
                .key("pk", text(edge_key(referrer, &seen.id)))
                .condition_expression("attribute_exists(pk)")
                .update_expression("SET phone = :new")
                .expression_attribute_values(":new", text(phone.as_str()))
                .build()
                .expect("an update has a table, a key and an expression");
            writes.push(Write(TransactWriteItem::builder().update(edge).build()));
        }
        writes
    }

    /// One more in the referrer's count.
    pub fn count_referral(&self, referrer: &UserId) -> Write {
        self.add_referrals(referrer, 1)
    }

    /// A shard may count less than nothing: only the sum means something.
    fn add_referrals(&self, referrer: &UserId, change: i64) -> Write {
        let shard = self.world.chance().random_range(0..SHARDS);
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(shard_key(referrer, shard)))
            .update_expression("ADD n :change")
            .expression_attribute_values(":change", number(change))
            .build()
            .expect("an update has a table, a key and an expression");
        Write(TransactWriteItem::builder().update(update).build())
    }

    fn put_if_absent(&self, item: Item) -> Write {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .expect("a put has a table and an item");
        Write(TransactWriteItem::builder().put(put).build())
    }
}

/// What a change comes to in DynamoDB's words; `set` begins with a comma.
struct Expression {
    set: String,
    remove: String,
    condition: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

fn expression(change: &UserChange) -> Expression {
    let (mut set, mut remove) = (String::new(), Vec::new());
    let mut condition = "attribute_exists(pk)".to_owned();
    let (mut names, mut values) = (HashMap::new(), HashMap::new());
    for (name, change) in
        [("email", &change.email), ("city", &change.city), ("telegram_id", &change.telegram_id)]
    {
        match change {
            Change::Keep => {}
            Change::Clear => remove.push(name),
            Change::Set(value) => {
                let _ = write!(set, ", {name} = :{name}");
                values.insert(format!(":{name}"), text(value));
            }
        }
    }
    if let Some(role) = change.role {
        set.push_str(", #role = :role");
        names.insert("#role".to_owned(), "role".to_owned());
        values.insert(":role".to_owned(), text(role.as_str()));
        match role {
            Role::User => remove.push("staff_role"),
            Role::Moderator | Role::Admin => set.push_str(", staff_role = :role"),
        }
    }
    if let Some(status) = change.status {
        set.push_str(", #status = :status");
        names.insert("#status".to_owned(), "status".to_owned());
        values.insert(":status".to_owned(), text(status.as_str()));
        match status {
            Status::Active => remove.push("banned"),
            Status::Banned => {
                set.push_str(", banned = :banned, epoch = epoch + :one");
                values.insert(":banned".to_owned(), text(BANNED));
                values.insert(":one".to_owned(), number(1));
            }
        }
    }
    if let Some(avatar) = &change.removes_avatar {
        condition.push_str(" AND avatar_id = :avatar");
        remove.push("avatar_id");
        values.insert(":avatar".to_owned(), text(avatar.as_str()));
    }
    let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
    Expression { set, remove, condition, names, values }
}

/// What an `avatar#` item holds.
#[derive(Deserialize)]
struct AvatarItem {
    media_type: String,
    file: serde_bytes::ByteBuf,
}

/// Where something stands in a list, an edge in its referrer's or a user among
/// all: `<13 digits of ms>#<id>`, so that they sort by time and no two are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(String);

impl Position {
    /// Reads one back. `None` if it was never one of ours.
    pub fn parse(text: String) -> Option<Self> {
        let (millis, id) = text.split_once('#')?;
        let is_ours =
            millis.len() == 13 && millis.bytes().all(|byte| byte.is_ascii_digit()) && !id.is_empty();
        is_ours.then_some(Self(text))
    }

    /// As it goes into a cursor.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn referral(&self) -> UserId {
        UserId(self.0.split_once('#').map(|(_, id)| id.to_owned()).unwrap_or_default())
    }
}

/// The code that a refused [`Users::activate`] found activated.
pub fn activated_code(refusal: &Refusal) -> Option<InviteCode> {
    InviteCode::parse(refusal.0.get("activated_invite_code")?.as_s().ok()?)
}

fn created_position(user: &User) -> Position {
    Position(position(user.created_at, &user.id))
}

fn position(at: Timestamp, id: &UserId) -> String {
    format!("{:013}#{id}", at.millis())
}

fn user_key(id: &UserId) -> String {
    format!("user#{id}")
}

fn phone_key(phone: &Phone) -> String {
    format!("phone#{}", phone.as_str())
}

fn invite_key(code: &InviteCode) -> String {
    format!("invite#{code}")
}

fn avatar_key(id: &AvatarId) -> String {
    format!("avatar#{}", id.as_str())
}

fn edge_key(one: &UserId, other: &UserId) -> String {
    format!("edge#{}#{}", one.min(other), one.max(other))
}

fn shard_key(id: &UserId, shard: u32) -> String {
    format!("refs#{id}#{shard}")
}

/// `status` is a reserved word of DynamoDB's expressions.
fn status_name() -> HashMap<String, String> {
    [("#status".to_owned(), "status".to_owned())].into()
}

fn as_seen(user: &User) -> HashMap<String, AttributeValue> {
    [
        (":epoch".to_owned(), number(user.epoch)),
        (":phone".to_owned(), text(user.phone.as_str())),
        (":status".to_owned(), text("active")),
    ]
    .into()
}
