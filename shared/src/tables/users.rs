//! Users, and whose each phone is.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::base::config;
use crate::base::world::{Month, Timestamp};
use crate::cloud::error::StoreError;
use crate::cloud::items::{Item, number, read, string, write};
use crate::cloud::setup::Setup;
use crate::cloud::table::Table;
use crate::cloud::transaction::{Committed, Recording, RefusedPart, Tables, Transaction};
use crate::cloud::writes::{Write, Written};
use crate::domain::avatar::AvatarId;
use crate::domain::device::{DeviceId, Devices};
use crate::domain::invite::Entry;
use crate::domain::invite_code::InviteCode;
use crate::domain::passkey_list::{PasskeyId, PasskeyList};
use crate::domain::phone::Phone;
use crate::domain::phone_front::Country;
use crate::domain::position::Position;
use crate::domain::recovery::Recovery;
use crate::domain::user::{Change, Role, Status, User, UserId};
use crate::tables::keys;
use crate::tables::rolls::{BANNED, SHARDS, month_key};

/// What the keys begin with of what remembers which numbers made an admin.
pub(super) const MADE_ADMIN: &str = "admin#";

/// All users.
pub struct Users(Table);

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

/// Who has a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// A user, whose phone it is.
    Owner(UserId),
    /// It is reserved for a user who moves to it.
    Reserved(Reservation),
}

/// For whom a phone is reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The user.
    pub user_id: UserId,
    /// From when on a sign-in with it completes the move.
    pub ready_at: Timestamp,
}

/// What is stored of a phone: whose it is, or for whom it is reserved.
#[derive(Deserialize)]
struct PhoneItem {
    owner_id: Option<UserId>,
    reserved_for: Option<UserId>,
    ready_at: Option<Timestamp>,
}

impl Users {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(Table::new(setup, config::USERS_TABLE))
    }

    /// A user, read consistently.
    pub async fn get(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.0.get(&keys::user(id)).await
    }

    /// Whose phone this is, read consistently.
    pub async fn with_phone(&self, phone: &Phone) -> Result<Option<UserId>, StoreError> {
        Ok(match self.holder(phone).await? {
            Holder::Owner(id) => Some(id),
            Holder::Reserved(_) | Holder::Nobody => None,
        })
    }

    /// Who has this phone, or is to have it, read consistently.
    pub async fn holder(&self, phone: &Phone) -> Result<Holder, StoreError> {
        let item: Option<PhoneItem> = self.0.get(&phone_key(phone)).await?;
        Ok(match item {
            Some(PhoneItem { owner_id: Some(id), .. }) => Holder::Owner(id),
            Some(PhoneItem { reserved_for: Some(user_id), ready_at, .. }) => {
                Holder::Reserved(Reservation { user_id, ready_at: ready_at.unwrap_or_default() })
            }
            _ => Holder::Nobody,
        })
    }

    /// Changes a user; the user as it is then, or `None` if it is gone or not as `seen` any
    /// more in what goes with the change: its role and its phone, its status, its avatar.
    /// What is on record, or takes an avatar away, is a transaction, which takes one read more.
    pub async fn change(
        &self,
        tables: &Tables,
        seen: &User,
        change: &UserChange,
        recordings: Vec<Recording>,
    ) -> Result<Option<User>, StoreError> {
        let id = &seen.id;
        let mut update = changed(self.0.update(keys::user(id)).if_present("pk"), change);
        if change.role.is_some() {
            update = update.if_equal("phone", string(seen.phone.as_str()));
            update = update.if_equal("role", string(seen.role.as_str()));
        }
        if change.status.is_some() {
            update = update.if_equal("status", string(seen.status.as_str()));
        }
        if change.removes_avatar.is_none() && recordings.is_empty() {
            return match self.0.send(update).await? {
                Written::Done(item) => read(item).map(Some),
                Written::Refused(_) => Ok(None),
            };
        }
        let mut changing = Transaction::new(self.0.world.new_id()).recording((), recordings);
        if let Some(avatar) = &change.removes_avatar {
            update = update.if_equal("avatar_id", string(avatar.as_str())).remove("avatar_id");
            changing = changing.with((), self.0.delete(keys::avatar(avatar)));
        }
        match changing.with((), update).commit(tables, &self.0.world).await? {
            Committed::Done => match self.get(id).await.map_err(StoreError::once_written)? {
                // Deleted since: that it was not done would be wrong.
                None => Err(StoreError::OutcomeUnknown("the user is gone by now".into())),
                there => Ok(there),
            },
            Committed::Refused(_) => Ok(None),
        }
    }

    /// A user on first sight, and that the phone is the user's; refused if
    /// another has it.
    pub fn insert(&self, user: &User) -> [Write; 2] {
        let mut item = write(user);
        let shard = self.0.world.rng().random_range(0..SHARDS);
        item.insert("created_in".to_owned(), string(month_key(Month::of(user.created_at), shard)));
        item.insert("country".to_owned(), country(&user.phone));
        let position = Position::new(user.created_at, &user.id);
        item.insert("created_at_key".to_owned(), string(position.as_str()));
        if user.role != Role::User {
            item.insert("staff_role".to_owned(), string(user.role.as_str()));
        }
        if user.status == Status::Banned {
            item.insert("banned".to_owned(), string(BANNED));
        }
        [self.0.put_if_absent(keys::user(&user.id), item), self.claim_phone(&user.phone, &user.id)]
    }

    /// Puts somebody into the index `numbers` whom it does not have. Whoever has another phone by
    /// now, or is gone, needs it no more.
    pub async fn number(&self, id: &UserId, phone: &Phone) -> Result<(), StoreError> {
        let update = self.0.update(keys::user(id)).if_equal("phone", string(phone.as_str()));
        self.0.send(update.if_absent("country").assign("country", country(phone))).await?;
        Ok(())
    }

    /// That `owner` owns the phone; refused if another does.
    pub fn claim_phone(&self, phone: &Phone, owner: &UserId) -> Write {
        let owner = Item::from([("owner_id".to_owned(), string(&owner.0))]);
        self.0.put_if_absent(phone_key(phone), owner)
    }

    /// That a number of which nothing but this hash is known made an admin.
    pub fn made_admin_by_hash(&self, hash: &str) -> Write {
        self.0.update(format!("{MADE_ADMIN}{hash}")).assign("made", AttributeValue::Bool(true))
    }

    /// The hash by which [`Users::made_admin`] remembers a number.
    pub fn admin_hash(phone: &Phone) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(phone.as_str()))
    }

    /// Whether a number of `ADMIN_PHONES` made an admin.
    pub async fn has_made_admin(&self, phone: &Phone) -> Result<bool, StoreError> {
        Ok(self.0.get::<serde::de::IgnoredAny>(&admin_key(phone)).await?.is_some())
    }

    /// That the phone is reserved for a user who moves to it; refused if somebody has it, or
    /// it is reserved.
    pub fn reserve(&self, recovery: &Recovery, of: &UserId) -> Write {
        let reserved = Item::from([
            ("reserved_for".to_owned(), string(&of.0)),
            ("ready_at".to_owned(), number(recovery.ready_at.millis())),
        ]);
        self.0.put_if_absent(phone_key(&recovery.phone), reserved)
    }

    /// That the phone is reserved no more; refused if it is not, for this user.
    pub fn release(&self, recovery: &Recovery, of: &UserId) -> Write {
        self.0.delete(phone_key(&recovery.phone)).if_equal("reserved_for", string(&of.0))
    }

    /// That `seen` moves to another phone from a time on, or not any more; refused if the user
    /// is on another phone, has another role, or another move was begun since it was read.
    pub fn keep_recovery(&self, seen: &User, recovery: Option<&Recovery>) -> Write {
        let update = self.0.update(keys::user(&seen.id)).if_equal("phone", string(seen.phone.as_str()));
        let update = update.if_equal("role", string(seen.role.as_str()));
        let update = update.if_still("recovery", stored(seen.recovery.as_ref()));
        match stored(recovery) {
            Some(recovery) => update.assign("recovery", recovery),
            None => update.remove("#recovery"),
        }
    }

    /// That `seen` signs in with the phone that was reserved for it, and is `user` from then on,
    /// on this device, and enters a code along the way; its old phone is free. Refused if `seen`
    /// changed since it was read.
    pub fn recover(&self, seen: &User, user: &User, device: &DeviceId, entry: Option<&Entry>) -> [Write; 3] {
        let moved = self
            .on_another(seen, &user.phone, device)
            .if_equal("role", string(seen.role.as_str()))
            .assign("epoch", number(user.epoch));
        let moved = match entry {
            Some(entry) => entered(moved, &entry.code, &entry.referrer),
            None => moved,
        };
        [moved, self.take_reserved(&user.phone, &user.id), self.0.delete(phone_key(&seen.phone))]
    }

    /// That the phone that was reserved for a user is the user's.
    fn take_reserved(&self, phone: &Phone, owner: &UserId) -> Write {
        self.0
            .update(phone_key(phone))
            .if_equal("reserved_for", string(&owner.0))
            .assign("owner_id", string(&owner.0))
            .remove("#reserved_for")
            .remove("ready_at")
    }

    /// That `seen` owns a phone that it moves to by itself, which ends what was begun by
    /// others; refused if somebody else has it, or it is reserved for somebody else.
    pub fn claim_moving(&self, seen: &User, phone: &Phone) -> Vec<Write> {
        match &seen.recovery {
            None => vec![self.claim_phone(phone, &seen.id)],
            Some(recovery) if recovery.phone == *phone => vec![self.take_reserved(phone, &seen.id)],
            Some(recovery) => {
                vec![self.claim_phone(phone, &seen.id), self.release(recovery, &seen.id)]
            }
        }
    }

    /// That a number of `ADMIN_PHONES` made an admin; where it `does` so now, refused
    /// if it did before.
    pub fn made_admin(&self, phone: &Phone, does: bool) -> Write {
        let made = self.0.update(admin_key(phone)).assign("made", AttributeValue::Bool(true));
        if does { made.if_absent("pk") } else { made }
    }

    /// That `seen` signs in from a device, which is listed from then on, and enters
    /// a code along the way; refused if `seen` changed since it was read.
    pub fn sign_in(&self, seen: &User, device: &DeviceId, entry: Option<&Entry>) -> Write {
        if entry.is_none() && seen.devices.is_newest(device) {
            // Nothing would change but when that was.
            let check = self.0.check(keys::user(&seen.id));
            return as_seen(check, seen).if_equal("devices", listed(&seen.devices));
        }
        let devices = seen.devices.with(device, self.0.world.now());
        let update = listing(as_seen(self.0.update(keys::user(&seen.id)), seen), seen, &devices);
        // Accounts that were made before numbers were listed by country.
        let update = update.assign("country", country(&seen.phone));
        match entry {
            Some(entry) => entered(update, &entry.code, &entry.referrer),
            None => update,
        }
    }

    /// That of the devices of `seen` one alone is known, if it was; refused if
    /// others were listed since it was read.
    pub fn keep_device(&self, seen: &User, device: Option<&DeviceId>) -> Write {
        let update = self.0.update(keys::user(&seen.id)).if_equal("epoch", number(seen.epoch));
        listing(update, seen, &seen.devices.only(device))
    }

    /// That `seen`, who may still sign in, has these passkeys; refused if it changed since
    /// it was read.
    pub fn keep_passkeys(&self, seen: &User, passkeys: &PasskeyList) -> Write {
        let update = self.0.update(keys::user(&seen.id)).if_equal("epoch", number(seen.epoch));
        let update = update.if_equal("phone", string(seen.phone.as_str()));
        with_passkeys(update, seen, passkeys)
    }

    /// That a device of `seen` is not known any more, and neither are these passkeys;
    /// refused if what is listed changed since it was read.
    pub fn distrust(&self, seen: &User, device: Option<&DeviceId>, passkeys: &[PasskeyId]) -> Write {
        let update = listing(self.0.update(keys::user(&seen.id)), seen, &seen.devices.without(device));
        with_passkeys(update, seen, &seen.passkeys.without(passkeys))
    }

    /// That a device is not known any more, as part of a transaction; refused if it
    /// was not.
    pub fn unlist(&self, id: &UserId, device: &DeviceId) -> Write {
        self.0
            .update(keys::user(id))
            .only_if("attribute_exists(devices.#device)")
            .naming("device", device.as_str())
            .remove("devices.#device")
    }

    /// Ends all sessions of an epoch by raising it, and no device is known any more;
    /// refused if it moved on already.
    pub fn end_epoch(&self, id: &UserId, epoch: u32) -> Write {
        self.0.update(keys::user(id)).if_equal("epoch", number(epoch)).add("epoch", 1).remove("devices")
    }

    /// That `seen` entered `code` of `referrer`; refused if `seen` entered one
    /// already or changed otherwise ([`activated_code`] tells).
    pub fn activate(&self, seen: &User, code: &InviteCode, referrer: &UserId) -> Write {
        entered(as_seen(self.0.update(keys::user(&seen.id)), seen), code, referrer)
    }

    /// Takes `seen` and its phone away; the first is refused if the user changed
    /// since it was read in what else goes with it.
    pub fn delete(&self, seen: &User) -> Vec<Write> {
        let mut user = self
            .0
            .delete(keys::user(&seen.id))
            .if_equal("phone", string(seen.phone.as_str()))
            .if_equal("invite_code", string(seen.invite_code.as_str()))
            .if_still("referrer_id", seen.referrer_id.as_ref().map(|id| string(&id.0)))
            .if_still("avatar_id", seen.avatar_id.as_ref().map(|id| string(id.as_str())))
            .if_still("passkeys", listed_passkeys(&seen.passkeys))
            .if_still("recovery", stored(seen.recovery.as_ref()));
        // Spread once is spread for ever.
        if seen.referral_shards == 1 {
            user = user.if_equal("referral_shards", number(1));
        }
        let reserved = seen.recovery.as_ref().map(|recovery| self.release(recovery, &seen.id));
        [user, self.0.delete(phone_key(&seen.phone))].into_iter().chain(reserved).collect()
    }

    /// Moves `seen` to another phone, and frees the old one; refused if the user
    /// changed since it was read, in its role, too, where that `counts`. The new one
    /// must be claimed beside it ([`Users::claim_moving`]). Of the devices this one is
    /// known from then on.
    pub fn move_phone(&self, seen: &User, phone: &Phone, device: &DeviceId, counts: bool) -> [Write; 2] {
        let moved = self.on_another(seen, phone, device);
        let moved = if counts { moved.if_equal("role", string(seen.role.as_str())) } else { moved };
        [moved, self.0.delete(phone_key(&seen.phone))]
    }

    /// That `seen` is on another phone, known by this device alone, and moves to none any more;
    /// refused if it changed since it was read.
    fn on_another(&self, seen: &User, phone: &Phone, device: &DeviceId) -> Write {
        let devices = Devices::default().with(device, self.0.world.now());
        as_seen(self.0.update(keys::user(&seen.id)), seen)
            .if_still("recovery", stored(seen.recovery.as_ref()))
            .remove("#recovery")
            .assign("phone", string(phone.as_str()))
            .assign("country", country(phone))
            .assign("devices", listed(&devices))
    }
}

/// With `code` of `referrer` entered, if none was.
fn entered(write: Write, code: &InviteCode, referrer: &UserId) -> Write {
    write
        .if_absent("activated_invite_code")
        .assign("activated_invite_code", string(code.as_str()))
        .assign("referrer_id", string(&referrer.0))
        .telling()
}

/// With these devices listed, if those are still that were seen.
fn listing(write: Write, seen: &User, devices: &Devices) -> Write {
    let write = if seen.devices.is_empty() {
        // Whoever's last device was taken from the list has an empty one.
        write
            .named("devices")
            .only_if("attribute_not_exists(#devices) OR #devices = :no_devices")
            .value(":no_devices", listed(&seen.devices))
    } else {
        write.if_equal("devices", listed(&seen.devices))
    };
    if devices.is_empty() { write.remove("#devices") } else { write.assign("devices", listed(devices)) }
}

/// With these passkeys, if those are still there that were seen.
fn with_passkeys(write: Write, seen: &User, passkeys: &PasskeyList) -> Write {
    let write = write.if_still("passkeys", listed_passkeys(&seen.passkeys));
    match listed_passkeys(passkeys) {
        Some(passkeys) => write.assign("passkeys", passkeys),
        None => write.remove("#passkeys"),
    }
}

/// None where the item has no list.
fn listed_passkeys(passkeys: &PasskeyList) -> Option<AttributeValue> {
    (!passkeys.is_empty()).then(|| AttributeValue::M(write(passkeys)))
}

/// None where none was begun.
fn stored(recovery: Option<&Recovery>) -> Option<AttributeValue> {
    recovery.map(|recovery| AttributeValue::M(write(recovery)))
}

fn listed(devices: &Devices) -> AttributeValue {
    AttributeValue::M(write(devices))
}

/// That a user is active, and still has the phone and the epoch that were seen.
fn as_seen(write: Write, seen: &User) -> Write {
    write
        .if_equal("epoch", number(seen.epoch))
        .if_equal("phone", string(seen.phone.as_str()))
        .if_equal("status", string(Status::Active.as_str()))
}

fn changed(mut update: Write, change: &UserChange) -> Write {
    for (name, change) in
        [("email", &change.email), ("city", &change.city), ("telegram_id", &change.telegram_id)]
    {
        update = match change {
            Change::Keep => update,
            Change::Clear => update.remove(name),
            Change::Set(value) => update.assign(name, string(value)),
        };
    }
    if let Some(role) = change.role {
        update = update.assign("role", string(role.as_str()));
        update = match role {
            Role::User => update.remove("staff_role"),
            Role::Moderator | Role::Admin => update.assign("staff_role", string(role.as_str())),
        };
    }
    match change.status {
        None => update,
        Some(status @ Status::Active) => update.assign("status", string(status.as_str())).remove("banned"),
        Some(status @ Status::Banned) => update
            .assign("status", string(status.as_str()))
            .assign("banned", string(BANNED))
            .add("epoch", 1)
            .remove("devices"),
    }
}

/// The code that a refused [`Users::activate`] found activated.
pub fn activated_code(refused: &RefusedPart) -> Option<InviteCode> {
    let AttributeValue::S(code) = refused.0.get("activated_invite_code")? else { return None };
    InviteCode::parse(code)
}

/// Not the number itself: the item outlives whoever had it.
fn admin_key(phone: &Phone) -> String {
    format!("{MADE_ADMIN}{}", Users::admin_hash(phone))
}

/// The partition of the index `numbers` that a number is in.
fn country(phone: &Phone) -> AttributeValue {
    string(Country::of(phone).as_str())
}

fn phone_key(phone: &Phone) -> String {
    format!("phone#{}", phone.as_str())
}
