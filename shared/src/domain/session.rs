//! Sessions: at most 20 a user, by construction.

use std::fmt;

use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};

use super::user::UserId;
use crate::world::Timestamp;

/// How many devices a user can be signed in on; one more ends the oldest.
pub const SLOTS: u8 = 20;

/// A session's identifier, the `sid` of its tokens: the slot it is stored in
/// and a random part, such as `07-4f1d…`. The slot lets one read find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// A new one in `slot`.
    pub fn draw(slot: u8, chance: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(format!("{slot:02}-{:032x}", chance.random::<u128>()))
    }

    /// The sort key of its item: `00` to `19`. `None` if this was never one of
    /// ours.
    pub fn slot(&self) -> Option<&str> {
        let (slot, _) = self.0.split_once('-')?;
        (0..SLOTS).any(|ours| format!("{ours:02}") == slot).then_some(slot)
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
    /// The user's epoch when it began; it is over when the user's moves on.
    pub epoch: u32,
    /// The device's name, as the app gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Where it began: an address cut to its /24 or /48.
    pub ip: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was refreshed last.
    pub last_seen_at: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
}

/// The slot for a new session among a user's present ones: a free one, else
/// that of an ended one, else the one least lately seen, with what is in it.
pub fn slot_for_new(sessions: &[Session], now: Timestamp) -> (u8, Option<SessionId>) {
    let held = |slot: u8| {
        sessions
            .iter()
            .find(|session| session.id.slot().and_then(|text| text.parse::<u8>().ok()) == Some(slot))
    };
    (0..SLOTS)
        .map(|slot| (slot, held(slot)))
        .min_by_key(|(_, session)| match session {
            None => (0, Timestamp::default()),
            Some(session) if session.expires_at <= now => (1, session.last_seen_at),
            Some(session) => (2, session.last_seen_at),
        })
        .map_or((0, None), |(slot, session)| (slot, session.map(|session| session.id.clone())))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn session(slot: u8, seen: i64, expires: i64) -> Session {
        Session {
            user_id: UserId("u".to_owned()),
            id: SessionId::draw(slot, &mut StdRng::seed_from_u64(u64::from(slot))),
            epoch: 0,
            device: None,
            ip: String::new(),
            created_at: Timestamp::from_millis(0),
            last_seen_at: Timestamp::from_millis(seen),
            expires_at: Timestamp::from_millis(expires),
        }
    }

    #[test]
    fn a_new_session_takes_a_free_slot_then_an_ended_one_then_the_oldest() {
        let now = Timestamp::from_millis(1_000);
        assert_eq!(slot_for_new(&[], now), (0, None));
        let mut all: Vec<_> = (0..SLOTS).map(|slot| session(slot, 100 - i64::from(slot), 2_000)).collect();
        assert_eq!(slot_for_new(&all[..3], now), (3, None));
        assert_eq!(slot_for_new(&all, now), (19, Some(all[19].id.clone())));
        all[5].expires_at = Timestamp::from_millis(999);
        assert_eq!(slot_for_new(&all, now), (5, Some(all[5].id.clone())));
    }

    #[test]
    fn only_our_own_identifiers_have_a_slot() {
        assert_eq!(SessionId("07-ab".to_owned()).slot(), Some("07"));
        for foreign in ["", "07", "20-ab", "7-ab", "+7-ab", "aa-ab", "007-ab", "-"] {
            assert_eq!(SessionId(foreign.to_owned()).slot(), None, "{foreign:?}");
        }
    }
}
