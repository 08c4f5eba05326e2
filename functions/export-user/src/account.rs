//! The part of an export that is bounded: twenty sessions and devices, ten passkeys, one of
//! all else.

use latchkey::base::world::{Date, Rfc3339, Timestamp};
use latchkey::cloud::error::StoreError;
use latchkey::domain::device::Asker;
use latchkey::domain::invite::Invite;
use latchkey::domain::passkey::{Base64Url, Passkey};
use latchkey::domain::passkey_list::PasskeyId;
use latchkey::domain::session::{Session, SessionId};
use latchkey::domain::user::User;
use latchkey::http::context::Context;
use latchkey::http::texts::Text;
use latchkey::http::views::{Newcomer, PasskeyView};
use latchkey::tables::codes::{Pending, Record};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::try_join;

use crate::Deps;

/// An account, with all that is stored beside it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportedAccount")]
pub(crate) struct Account {
    #[serde(flatten)]
    user: Newcomer,
    /// When the user entered a friend's code; null until one is, and once that friend's account is deleted.
    activated_at: Option<Rfc3339>,
    /// How often all of the user's sessions were ended at once.
    #[schemars(example = 0)]
    epoch: u32,
    /// How many users entered the invite code in all.
    #[schemars(example = 2)]
    referrals_count: u64,
    /// On what terms the invite code may be entered.
    invite: Terms,
    /// How many invite codes the user entered today (UTC), right and wrong.
    #[schemars(example = 1)]
    invite_codes_entered_today: i64,
    /// Where the user is signed in, and was until lately.
    sessions: Vec<SessionRecord>,
    /// The devices that are known to be the user's, the one last used first.
    devices: Vec<DeviceRecord>,
    /// The user's passkeys, newest first.
    passkeys: Vec<PasskeyRecord>,
    /// The codes to the user's number of the last day, of devices that are known and of all others.
    codes: Vec<CodesRecord>,
}

/// On what terms an invite code may be entered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportedInvite")]
struct Terms {
    /// How often the code may be entered in all; null for no limit.
    #[schemars(example = 100)]
    max_uses: Option<u32>,
    /// How often it was, where that is counted apart from the referrals; else null.
    #[schemars(example = 2)]
    uses: Option<u32>,
    /// When the code expires; null for never.
    #[schemars(example = &"2026-12-31T23:59:59Z")]
    expires_at: Option<Rfc3339>,
    /// Whether the code is revoked, so that nobody can enter it.
    #[schemars(example = false)]
    revoked: bool,
    /// Codes of an earlier service that count as it.
    #[schemars(example = ["abc1234"])]
    aliases: Vec<String>,
}

/// A session, as it is stored.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportedSession")]
struct SessionRecord {
    /// The session's identifier.
    id: SessionId,
    /// The name that the device gave at the sign-in; null if it gave none.
    #[schemars(example = &"Alice's phone")]
    device: Option<String>,
    /// The network that the device was last seen in: the /24 of an IPv4 address, the /48 of an IPv6 one.
    #[schemars(example = &"203.0.113.0/24")]
    ip: String,
    /// The passkey that began it; null where a text did.
    passkey_id: Option<PasskeyId>,
    /// When it began.
    created_at: Rfc3339,
    /// When its tokens were last refreshed.
    #[schemars(example = &"2026-11-21T09:12:40Z")]
    last_seen_at: Rfc3339,
    /// When its tokens were refreshed, as far as that is kept: the last eight times, newest first.
    #[schemars(example = ["2026-11-21T09:12:40Z"])]
    refreshed_at: Vec<Rfc3339>,
    /// How often its tokens were refreshed.
    #[schemars(example = 1)]
    refreshes: u32,
    /// When the present tokens were first used; null if they were not, and of a sign-in's own.
    used_at: Option<Rfc3339>,
    /// When it ends unless its tokens are refreshed.
    #[schemars(example = &"2027-11-21T09:12:40Z")]
    refresh_until: Rfc3339,
    /// When it ends, however often they are.
    #[schemars(example = &"2027-11-21T09:12:40Z")]
    expires_at: Rfc3339,
}

/// A device that is known to be the user's.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportedDevice")]
struct DeviceRecord {
    /// When it first signed in.
    known_since: Rfc3339,
    /// When it last signed in.
    #[schemars(example = &"2026-11-21T09:12:40Z")]
    signed_in_at: Rfc3339,
}

/// A passkey, as it is stored.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportedPasskey")]
struct PasskeyRecord {
    #[serde(flatten)]
    passkey: PasskeyView,
    /// What its authenticator calls it, in base64url.
    #[schemars(example = &"qVQ3vKZ1m0m4g5nM6e7yPq2bT9c")]
    credential_id: Base64Url,
    /// Its public key, a point of P-256 in SEC 1's uncompressed form, in base64url.
    #[schemars(example = &"BGR0_HCg")]
    public_key: Base64Url,
    /// The authenticator's count of signatures at its last use.
    #[schemars(example = 3)]
    counter: u32,
    /// Whether it may ever be on several devices.
    #[schemars(example = true)]
    may_sync: bool,
    /// How many sessions it began.
    #[schemars(example = 3)]
    uses: u32,
    /// The session that it was added in.
    added_in_session: Option<SessionId>,
    /// The passkey that began that session; null where a text did.
    added_by_passkey: Option<PasskeyId>,
}

/// The codes to the user's number, and the guesses at them.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportedCodes")]
struct CodesRecord {
    /// Whether devices asked that are known to be the user's; else all others.
    #[schemars(example = true)]
    known_devices: bool,
    /// The texts that are remembered, newest first.
    texts: Vec<Text>,
    /// When a wrong code was entered, newest first.
    #[schemars(example = ["2026-11-21T09:12:45Z"])]
    wrong_at: Vec<Rfc3339>,
    /// When a code was last entered; null where that is not kept.
    entered_at: Option<Rfc3339>,
    /// The last day on which a code that was entered spoke for its network and country; null where none did.
    #[schemars(example = &"2026-11-21")]
    vouched_on: Option<Date>,
    /// The code that can be entered, without the code itself; null where there is none.
    live: Option<LiveRecord>,
}

/// A code that can be entered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportedCode")]
struct LiveRecord {
    /// Whether it signs in; else it proves the number for somebody who moves to it.
    #[schemars(example = true)]
    signs_in: bool,
    /// When it was made.
    sent_at: Rfc3339,
    /// When it ends.
    #[schemars(example = &"2026-11-21T09:17:40Z")]
    expires_at: Rfc3339,
    /// How many guesses were compared with it.
    #[schemars(example = 0)]
    attempts: i64,
    /// Whether its text was handed to a carrier.
    #[schemars(example = true)]
    handed_over: bool,
}

impl Deps {
    /// The account of `me`, whose slots hold `sessions`.
    pub(crate) async fn account(
        &self,
        me: &User,
        mut sessions: Vec<Session>,
        context: &Context,
    ) -> Result<Account, StoreError> {
        let (referrer, activated_at, count, invite, entered_today, mut passkeys, codes) = try_join!(
            self.profiles.person(me.referrer_id.as_ref(), me),
            async {
                match &me.referrer_id {
                    Some(referrer) => self.referrals.entered_at(&me.id, referrer).await,
                    None => Ok(None),
                }
            },
            async { Ok(self.referrals.shards(&me.id).await?.sum()) },
            self.invites.get(&me.invite_code),
            self.invitations.entered_today(&me.phone),
            self.passkeys.all(me.passkeys.ids()),
            self.codes.records(&me.phone),
        )?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        passkeys.sort_by_key(|passkey| std::cmp::Reverse(passkey.created_at));
        let Invite { max_uses, uses, expires_at, revoked, aliases, .. } = invite.unwrap_or_default();
        Ok(Account {
            activated_at: activated_at.map(Rfc3339),
            epoch: me.epoch,
            referrals_count: count,
            invite: Terms { max_uses, uses, expires_at: expires_at.map(Rfc3339), revoked, aliases },
            invite_codes_entered_today: entered_today,
            sessions: sessions.into_iter().map(SessionRecord::from).collect(),
            devices: me.devices.times().into_iter().map(DeviceRecord::from).collect(),
            passkeys: passkeys.into_iter().map(|passkey| PasskeyRecord::new(passkey, me)).collect(),
            codes: codes.into_iter().map(|record| CodesRecord::new(record, self.world.now())).collect(),
            user: Newcomer::new(me.clone(), referrer, context),
        })
    }
}

impl From<Session> for SessionRecord {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            device: session.device,
            ip: session.ip,
            passkey_id: session.passkey_id,
            created_at: Rfc3339(session.created_at),
            last_seen_at: Rfc3339(session.last_seen_at),
            refreshed_at: times(session.replaced.all()),
            refreshes: session.generation,
            used_at: session.used_at.map(Rfc3339),
            refresh_until: Rfc3339(session.refresh_until),
            expires_at: Rfc3339(session.expires_at),
        }
    }
}

impl From<(Timestamp, Timestamp)> for DeviceRecord {
    fn from((since, last): (Timestamp, Timestamp)) -> Self {
        Self { known_since: Rfc3339(since), signed_in_at: Rfc3339(last) }
    }
}

impl PasskeyRecord {
    fn new(passkey: Passkey, owner: &User) -> Self {
        let added = owner.passkeys.added(&passkey.id);
        Self {
            credential_id: passkey.credential_id.clone(),
            public_key: passkey.public_key.clone(),
            counter: passkey.counter,
            may_sync: passkey.may_sync,
            uses: passkey.uses,
            added_in_session: added.map(|added| added.session_id.clone()),
            added_by_passkey: added.and_then(|added| added.passkey_id.clone()),
            passkey: PasskeyView::from(passkey),
        }
    }
}

impl CodesRecord {
    /// A code past its time is none, though its item is still there.
    fn new(record: Record, now: Timestamp) -> Self {
        Self {
            known_devices: record.asker == Asker::Known,
            texts: record.texts.into_iter().map(Text::from).collect(),
            wrong_at: times(record.wrong_at),
            entered_at: record.entered_at.map(Rfc3339),
            vouched_on: record.credited_on.map(Date::of),
            live: record.live.filter(|live| now < live.expires_at).map(LiveRecord::from),
        }
    }
}

impl From<Pending> for LiveRecord {
    fn from(live: Pending) -> Self {
        Self {
            signs_in: live.signs_in,
            sent_at: Rfc3339(live.sent_at),
            expires_at: Rfc3339(live.expires_at),
            attempts: live.attempts,
            handed_over: live.handed_over,
        }
    }
}

fn times(all: Vec<Timestamp>) -> Vec<Rfc3339> {
    all.into_iter().map(Rfc3339).collect()
}
