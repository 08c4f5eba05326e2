//! Sessions: at most 20 a user, by construction.

use serde::{Deserialize, Serialize};

use crate::base::world::Timestamp;
use crate::domain::device::DeviceId;
use crate::domain::passkey_list::PasskeyId;
use crate::domain::recovery::Recovery;
pub use crate::domain::session_id::{SLOTS, SessionId};
use crate::domain::user::{User, UserId};

/// For how many seconds after its sign-in a session may do to its own account what
/// outlives it.
pub const RECENT: i64 = 600;

/// For how many seconds a session of staff may do so to the accounts of others.
pub const RECENT_FOR_STAFF: i64 = 7_200;

/// For how many seconds a device must have been listed before a session that a text began
/// on it may do so to an account that has passkeys of others.
pub const HOLD: i64 = 72 * 3_600;

/// A signed-in device, as stored: the names of the fields are those of the
/// attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub id: SessionId,
    /// The device's name, as the app gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Where it was seen last: an address cut to its /24 or /48.
    pub ip: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was refreshed last; at first, when it began.
    pub last_seen_at: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
    /// How often it was refreshed: the generation of its refresh token.
    pub generation: u32,
    /// The entry of the pepper secret that this generation's token is made
    /// under.
    pub pepper_entry: String,
    /// When its refresh token ends unless it is used.
    pub refresh_until: Timestamp,
    /// The device that it is on, by which that is known from then on. Sessions that
    /// began before devices were known have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// The passkey that began it; none where a text did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey_id: Option<PasskeyId>,
    /// When an access token of this generation was first let in, from the first refresh
    /// on: then whoever has the session has this generation's tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// When the generations before it were replaced.
    #[serde(flatten)]
    pub replaced: Replaced,
}

/// When the last eight generations of a session's tokens were replaced: each in the
/// place of its number modulo eight, so that a refresh writes its own without a read.
#[expect(clippy::struct_field_names, reason = "they are the attributes")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_0: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_1: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_2: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_3: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_4: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_5: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_6: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_7: Option<Timestamp>,
}

impl Replaced {
    const PLACES: [&str; 8] = [
        "replaced_0",
        "replaced_1",
        "replaced_2",
        "replaced_3",
        "replaced_4",
        "replaced_5",
        "replaced_6",
        "replaced_7",
    ];

    /// The attribute that says when `generation` was replaced.
    pub const fn place(generation: u32) -> &'static str {
        Self::PLACES[generation as usize % Self::PLACES.len()]
    }

    /// When `generation` was replaced, of a session whose present one is `of`; `None`
    /// where it is not known any more.
    fn at(&self, generation: u32, of: u32) -> Option<Timestamp> {
        let all = self.places();
        let is_kept = of.checked_sub(generation).is_some_and(|age| (1..=8).contains(&age));
        all[generation as usize % all.len()].filter(|_| is_kept)
    }

    /// When the last generations were replaced, as far as it is kept; newest first.
    pub fn all(&self) -> Vec<Timestamp> {
        let mut all: Vec<_> = self.places().into_iter().flatten().collect();
        all.sort_unstable_by(|one, other| other.cmp(one));
        all
    }

    const fn places(&self) -> [Option<Timestamp>; 8] {
        let Self {
            replaced_0,
            replaced_1,
            replaced_2,
            replaced_3,
            replaced_4,
            replaced_5,
            replaced_6,
            replaced_7,
        } = *self;
        [replaced_0, replaced_1, replaced_2, replaced_3, replaced_4, replaced_5, replaced_6, replaced_7]
    }

    /// Notes that `generation` was replaced at `at`.
    const fn note(&mut self, generation: u32, at: Timestamp) {
        let Self {
            replaced_0,
            replaced_1,
            replaced_2,
            replaced_3,
            replaced_4,
            replaced_5,
            replaced_6,
            replaced_7,
        } = self;
        let all =
            [replaced_0, replaced_1, replaced_2, replaced_3, replaced_4, replaced_5, replaced_6, replaced_7];
        *all[generation as usize % all.len()] = Some(at);
    }
}

/// For how long a replaced refresh token may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeating {
    /// After its successor was first used, and after it was itself replaced: requests
    /// that were under way at that moment. In seconds.
    pub grace: u32,
    /// After it was replaced, while nobody used its successor: the answer was lost. In
    /// seconds.
    pub retry: u32,
}

impl Session {
    /// When it ends if nothing more happens.
    pub fn ends_at(&self) -> Timestamp {
        self.expires_at.min(self.refresh_until)
    }

    /// Whether it is on, for a user whose epoch is `epoch`.
    pub fn is_on(&self, epoch: u32, now: Timestamp) -> bool {
        self.id.epoch() == Some(epoch) && now < self.ends_at()
    }

    /// Whether it began with a sign-in at most so many seconds ago, however often it was
    /// refreshed since.
    pub fn began_within(&self, seconds: i64, now: Timestamp) -> bool {
        now <= self.created_at.plus_seconds(seconds)
    }

    /// Until when it may not do to its own account, `user`, what outlives it; `None` where
    /// it may. A number can come to somebody else, whom a text then signs in: as long as
    /// the device is new, that proves less than the passkeys that others of the account's
    /// devices added.
    pub fn held_until(&self, user: &User) -> Option<Timestamp> {
        let device = self.device_id.as_ref();
        if self.passkey_id.is_some() || !user.passkeys.any_not_added_on(device) {
            return None;
        }
        let listed = device.and_then(|device| user.devices.since(device)).unwrap_or(self.created_at);
        Some(listed.plus_seconds(HOLD))
    }

    /// Whether it may stop a recovery of its user's account: its device was listed, or the passkey
    /// that began it added, before the recovery was begun, and [`HOLD`] ago or more. A text to the
    /// old number alone gives neither.
    pub fn may_stop(&self, recovery: &Recovery, user: &User, now: Timestamp) -> bool {
        let device = self.device_id.as_ref().and_then(|device| user.devices.since(device));
        let passkey = self.passkey_id.as_ref().and_then(|passkey| user.passkeys.added(passkey));
        let known = [device, passkey.map(|added| added.at)].into_iter().flatten();
        known.min().is_some_and(|since| since <= recovery.begun_at && since.plus_seconds(HOLD) <= now)
    }

    /// Moves it on to its next generation, which is good until `refresh_until`: what the
    /// table writes at a refresh, for whoever plays sessions without a table.
    pub const fn rotate(&mut self, now: Timestamp, refresh_until: Timestamp) {
        self.replaced.note(self.generation, now);
        self.generation += 1;
        self.refresh_until = refresh_until;
        self.last_seen_at = now;
        self.used_at = None;
    }

    /// How a refresh token of `generation` stands to it: the one rule for all that
    /// take such a token.
    pub fn judge(&self, generation: u32, now: Timestamp, repeating: Repeating) -> Standing {
        let within = |since: Timestamp, seconds: u32| now < since.plus_seconds(seconds.into());
        let Some(age) = self.generation.checked_sub(generation).filter(|_| now < self.ends_at()) else {
            return Standing::Ended;
        };
        let replaced_at = self.replaced.at(generation, self.generation);
        match (age, self.used_at) {
            (0, _) => Standing::Current,
            (1, Some(used_at)) if !within(used_at, repeating.grace) => Standing::Stolen,
            // Of what was replaced by a version before, it is known when it was last.
            (1, _) if within(replaced_at.unwrap_or(self.last_seen_at), repeating.retry) => Standing::Repeated,
            (1, _) => Standing::Lapsed,
            _ if replaced_at.is_some_and(|at| within(at, repeating.grace)) => Standing::Repeated,
            _ => Standing::Stolen,
        }
    }
}

/// How a refresh token stands to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the one in use.
    Current,
    /// It was replaced, and the answer was lost, or two asked at once.
    Repeated,
    /// It was replaced so long ago that it is good no more, and nobody used what
    /// replaced it: the session is over, and nobody is suspected.
    Lapsed,
    /// It was replaced, and what replaced it is in use: somebody else has it too.
    Stolen,
    /// The session is over, or never had such a token.
    Ended,
}

/// The slot for a new session among what the slots of a user of `epoch` hold:
/// a free one, else that of an ended session, else that of the one least lately
/// seen; with what is in it.
pub fn slot_for_new(sessions: &[Session], epoch: u32, now: Timestamp) -> (u8, Option<SessionId>) {
    let held = |slot: u8| {
        sessions
            .iter()
            .find(|session| session.id.slot().and_then(|text| text.parse::<u8>().ok()) == Some(slot))
    };
    (0..SLOTS)
        .map(|slot| (slot, held(slot)))
        .min_by_key(|(_, session)| match session {
            None => (0, Timestamp::default()),
            Some(session) if !session.is_on(epoch, now) => (1, session.last_seen_at),
            Some(session) => (2, session.last_seen_at),
        })
        .map_or((0, None), |(slot, session)| (slot, session.map(|session| session.id.clone())))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::invite_code::InviteCode;
    use crate::domain::passkey_list::Added;
    use crate::domain::phone::Phone;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn session(slot: u8, seen: i64, expires: i64) -> Session {
        Session {
            user_id: UserId("u".to_owned()),
            id: SessionId::draw(slot, 0, &mut StdRng::seed_from_u64(u64::from(slot))),
            device: None,
            ip: String::new(),
            created_at: at(0),
            last_seen_at: at(seen),
            expires_at: at(expires),
            generation: 0,
            pepper_entry: String::new(),
            refresh_until: at(expires + 1_000),
            device_id: None,
            passkey_id: None,
            used_at: None,
            replaced: Replaced::default(),
        }
    }

    #[test]
    fn a_new_session_takes_a_free_slot_then_an_ended_one_then_the_oldest() {
        let now = at(1_000);
        assert_eq!(slot_for_new(&[], 0, now), (0, None));
        let mut all: Vec<_> = (0..SLOTS).map(|slot| session(slot, 100 - i64::from(slot), 2_000)).collect();
        assert_eq!(slot_for_new(&all[..3], 0, now), (3, None));
        assert_eq!(slot_for_new(&all, 0, now), (19, Some(all[19].id.clone())));
        all[5].expires_at = at(999);
        assert_eq!(slot_for_new(&all, 0, now), (5, Some(all[5].id.clone())));
        all[5].expires_at = at(2_000);
        all[7].refresh_until = at(1_000);
        assert_eq!(slot_for_new(&all, 0, now), (7, Some(all[7].id.clone())));
    }

    #[test]
    fn a_text_on_a_new_device_proves_less_than_the_passkeys_of_others() {
        let device = |millis| DeviceId::draw(at(millis), &mut StdRng::seed_from_u64(1));
        let (old, new) = (device(0), device(1_000_000));
        let phone = Phone::parse("+79000000001", "RU".parse().unwrap()).unwrap();
        let code = InviteCode::draw(&mut StdRng::seed_from_u64(1));
        let mut user = User::new(UserId("u".to_owned()), phone, code, at(0));
        user.devices = user.devices.with(&old, at(2_000_000)).with(&new, at(2_000_000));
        let by_text = |device: &DeviceId| Session { device_id: Some(device.clone()), ..session(0, 0, 0) };
        assert_eq!(by_text(&new).held_until(&user), None, "there are no passkeys");
        let added = Added {
            at: at(0),
            session_id: session(0, 0, 0).id,
            passkey_id: None,
            device_id: Some(old.clone()),
        };
        user.passkeys = user.passkeys.with(PasskeyId::of(b"one"), added);
        assert_eq!(by_text(&new).held_until(&user), Some(at(1_000_000).plus_seconds(HOLD)));
        assert_eq!(by_text(&old).held_until(&user), None, "it added them all");
        let by_passkey = Session { passkey_id: Some(PasskeyId::of(b"one")), ..by_text(&new) };
        assert_eq!(by_passkey.held_until(&user), None);
        user.devices = user.devices.without(Some(&new));
        let began = Session { created_at: at(7), ..by_text(&new) };
        assert_eq!(
            began.held_until(&user),
            Some(at(7).plus_seconds(HOLD)),
            "its device is not known any more"
        );
    }

    #[test]
    fn a_sign_in_is_recent_up_to_the_second() {
        let session = Session { created_at: at(1_000), ..session(0, 0, 0) };
        assert!(session.began_within(RECENT, at(601_000)));
        assert!(!session.began_within(RECENT, at(601_001)));
    }

    #[test]
    fn a_session_of_another_epoch_is_over() {
        let session = session(0, 0, 2_000);
        assert!(session.is_on(0, at(1_999)));
        assert!(!session.is_on(0, at(2_000)));
        assert!(!session.is_on(1, at(1_000)));
    }

    const REPEATING: Repeating = Repeating { grace: 30, retry: 3_600 };

    /// Of generation 5, which replaced its predecessor at second 100, as that did at 90
    /// and the one before at 10.
    fn refreshed(used_at: Option<i64>) -> Session {
        let replaced = Replaced {
            replaced_4: Some(at(100_000)),
            replaced_3: Some(at(90_000)),
            replaced_2: Some(at(10_000)),
            ..Replaced::default()
        };
        let session = session(0, 100_000, 1_000_000_000);
        Session { generation: 5, used_at: used_at.map(at), replaced, ..session }
    }

    #[test]
    fn a_replaced_token_is_a_repetition_until_its_successor_is_used() {
        let judge = |used_at, millis| refreshed(used_at).judge(4, at(millis), REPEATING);
        for (used_at, millis, standing) in [
            (None, 100_000, Standing::Repeated),
            (None, 3_699_999, Standing::Repeated),
            (None, 3_700_000, Standing::Lapsed),
            (Some(200_000), 200_000, Standing::Repeated),
            (Some(200_000), 229_999, Standing::Repeated),
            (Some(200_000), 230_000, Standing::Stolen),
            (Some(200_000), 3_700_000, Standing::Stolen),
            // Used at the last moment: no longer than an answer may be lost.
            (Some(3_699_000), 3_699_999, Standing::Repeated),
            (Some(3_699_000), 3_700_000, Standing::Lapsed),
            (Some(3_699_000), 3_729_000, Standing::Stolen),
        ] {
            assert_eq!(judge(used_at, millis), standing, "{used_at:?} {millis}");
        }
    }

    #[test]
    fn an_older_token_is_a_repetition_for_a_moment_after_its_own_replacement() {
        for used_at in [None, Some(105_000)] {
            let judge = |generation, millis| refreshed(used_at).judge(generation, at(millis), REPEATING);
            assert_eq!(judge(3, 119_999), Standing::Repeated);
            assert_eq!(judge(3, 120_000), Standing::Stolen);
            assert_eq!(judge(2, 100_000), Standing::Stolen);
            assert_eq!(judge(1, 100_000), Standing::Stolen, "not known when");
            assert_eq!(judge(5, 999_999_999), Standing::Current);
            for ended in [4, 5] {
                assert_eq!(judge(ended, 1_000_000_000), Standing::Ended);
            }
            for unknown in [6, u32::MAX] {
                assert_eq!(judge(unknown, 100_000), Standing::Ended);
            }
        }
        let none = Repeating { grace: 0, retry: 0 };
        assert_eq!(refreshed(None).judge(4, at(100_000), none), Standing::Lapsed);
        assert_eq!(refreshed(Some(100_000)).judge(4, at(100_000), none), Standing::Stolen);
        assert_eq!(refreshed(None).judge(3, at(100_000), none), Standing::Stolen);
    }

    #[test]
    fn eight_generations_are_known_and_one_of_before_is_not_taken_for_another() {
        let Session { replaced, .. } = refreshed(None);
        assert_eq!(replaced.at(4, 12), Some(at(100_000)));
        assert_eq!(replaced.at(3, 12), None, "its place was another's since");
        assert_eq!(replaced.at(12, 12), None);
        assert_eq!(Replaced::place(4), Replaced::place(12));
    }

    /// A session that was refreshed before it was written down when.
    #[test]
    fn of_a_session_of_before_the_last_refresh_is_known() {
        let session = Session { replaced: Replaced::default(), ..refreshed(None) };
        assert_eq!(session.judge(4, at(3_699_999), REPEATING), Standing::Repeated);
        assert_eq!(session.judge(4, at(3_700_000), REPEATING), Standing::Lapsed);
        assert_eq!(session.judge(3, at(100_000), REPEATING), Standing::Stolen);
    }

    #[test]
    fn only_our_own_identifiers_are_read() {
        let ours = SessionId::parse("07-3-ab").unwrap();
        assert_eq!((ours.slot(), ours.epoch()), (Some("07"), Some(3)));
        for foreign in
            ["", "07", "20-0-ab", "7-0-ab", "+7-0-ab", "aa-0-ab", "007-0-ab", "-", "07-x-ab", "07-"]
        {
            assert_eq!(SessionId::parse(foreign), None, "{foreign:?}");
        }
    }
}
