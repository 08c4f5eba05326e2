//! Sessions: at most 20 a user, by construction.

use std::fmt;

use rand::{CryptoRng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::world::Timestamp;
use crate::domain::device::DeviceId;
use crate::domain::user::UserId;

/// How many devices a user can be signed in on; one more ends the oldest.
pub const SLOTS: u8 = 20;

/// A session's identifier, the `sid` of its tokens: the slot it is stored in,
/// the user's epoch when it began, and a random part, such as `07-0-4f1d…`. The
/// slot lets one read find it; the epoch lets one write end all of its epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, example = &"07-0-4f1d2a9c6b3e58d7a1c0e9f2b4d68357")]
pub struct SessionId(String);

impl SessionId {
    /// A new one in `slot`, in the user's present epoch.
    pub fn draw(slot: u8, epoch: u32, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(format!("{slot:02}-{epoch}-{:032x}", rng.random::<u128>()))
    }

    /// Reads one back. `None` if it was never one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(text.to_owned());
        (id.slot().is_some() && id.epoch().is_some()).then_some(id)
    }

    /// The sort key of its item: `00` to `19`. `None` if this was never one of
    /// ours.
    pub fn slot(&self) -> Option<&str> {
        let (slot, _) = self.0.split_once('-')?;
        (0..SLOTS).any(|ours| format!("{ours:02}") == slot).then_some(slot)
    }

    /// The user's epoch when it began: a session of another is over.
    pub fn epoch(&self) -> Option<u32> {
        self.0.split('-').nth(1)?.parse().ok()
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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

    /// How a refresh token of `generation` stands to it: the one rule for all that
    /// take such a token.
    pub fn judge(&self, generation: u32, now: Timestamp, grace_seconds: i64) -> Standing {
        let is_just_replaced = generation.checked_add(1) == Some(self.generation)
            && now < self.last_seen_at.plus_seconds(grace_seconds);
        if now >= self.ends_at() || generation > self.generation {
            Standing::Ended
        } else if generation == self.generation {
            Standing::Current
        } else if is_just_replaced {
            Standing::Repeated
        } else {
            Standing::Stolen
        }
    }
}

/// How a refresh token stands to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the one in use.
    Current,
    /// It was replaced a moment ago: the answer was lost, or two asked at once.
    Repeated,
    /// It was replaced long ago: somebody else has it too.
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
    fn a_session_of_another_epoch_is_over() {
        let session = session(0, 0, 2_000);
        assert!(session.is_on(0, at(1_999)));
        assert!(!session.is_on(0, at(2_000)));
        assert!(!session.is_on(1, at(1_000)));
    }

    #[test]
    fn a_replaced_token_is_a_repetition_for_a_moment_and_a_theft_after() {
        let session = Session { generation: 5, ..session(0, 10_000, 1_000_000) };
        let judge = |generation, millis| session.judge(generation, at(millis), 30);
        assert_eq!(judge(5, 999_999), Standing::Current);
        assert_eq!(judge(4, 10_000), Standing::Repeated);
        assert_eq!(judge(4, 39_999), Standing::Repeated);
        assert_eq!(judge(4, 40_000), Standing::Stolen);
        assert_eq!(judge(3, 10_000), Standing::Stolen);
        assert_eq!(judge(0, 10_000), Standing::Stolen);
        assert_eq!(judge(4, 1_000_000), Standing::Ended);
        assert_eq!(judge(5, 1_000_000), Standing::Ended);
        for unknown in [6, u32::MAX] {
            assert_eq!(judge(unknown, 10_000), Standing::Ended);
        }
        assert_eq!(session.judge(4, at(10_000), 0), Standing::Stolen, "no grace");
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
