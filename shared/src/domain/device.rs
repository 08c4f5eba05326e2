//! Known devices: a device that has signed in is known by a token that only it
//! has, so that strangers who know a phone cannot keep its owner out (OWASP, "Slow
//! Down Online Guessing Attacks with Device Cookies").
//!
//! A phone has two registers of codes, guesses and limits: that of strangers, and
//! that of its known devices. Neither touches the other.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};

use crate::base::world::Timestamp;

/// How many devices of a user are known.
pub const LISTED: usize = 20;

/// Whose register of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Anybody's who knows the number.
    Stranger,
    /// That of the devices that have signed in with it.
    Known,
}

/// What the challenges of known devices begin with.
const KNOWN: &str = "k-";

impl Asker {
    /// A challenge of this register with an identifier.
    pub fn challenge(self, id: &str) -> String {
        match self {
            Self::Stranger => id.to_owned(),
            Self::Known => format!("{KNOWN}{id}"),
        }
    }

    /// Whose register a challenge is of.
    pub fn of_challenge(challenge_id: &str) -> Self {
        if challenge_id.starts_with(KNOWN) { Self::Known } else { Self::Stranger }
    }
}

/// A device's identifier: when it was first listed, in milliseconds, and 128 random bits,
/// in base64url. Whoever is listed anew is drawn anew. Those that were drawn before that was
/// kept have the random bits alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(String);

impl DeviceId {
    /// One of a token that was checked.
    pub(super) fn of_token(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// A new one, of a device that is listed now.
    pub fn draw(now: Timestamp, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let at = now.millis().to_be_bytes();
        Self(URL_SAFE_NO_PAD.encode([&at[2..], &rng.random::<[u8; 16]>()].concat()))
    }

    /// When it was first listed, where it says so.
    fn listed_at(&self) -> Option<Timestamp> {
        let bytes: [u8; 22] = URL_SAFE_NO_PAD.decode(&self.0).ok()?.try_into().ok()?;
        let at = bytes[..6].iter().fold(0, |at, byte| at << 8 | i64::from(*byte));
        Some(Timestamp::from_millis(at))
    }

    /// The characters, 30 or 22.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The devices of a user, and when each signed in last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Devices(BTreeMap<DeviceId, Timestamp>);

impl Devices {
    /// Whether none is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is listed.
    pub fn contains(&self, device: &DeviceId) -> bool {
        self.0.contains_key(device)
    }

    /// Since when this one is listed; of those that do not say, when it last signed in.
    pub fn since(&self, device: &DeviceId) -> Option<Timestamp> {
        let last = self.0.get(device)?;
        Some(device.listed_at().unwrap_or(*last))
    }

    /// Of each, since when it is listed and when it last signed in; the newest first.
    pub fn times(&self) -> Vec<(Timestamp, Timestamp)> {
        let since = |(device, last): (&DeviceId, &Timestamp)| (device.listed_at().unwrap_or(*last), *last);
        let mut times: Vec<_> = self.0.iter().map(since).collect();
        times.sort_unstable_by_key(|(_, last)| Reverse(*last));
        times
    }

    /// Without a device.
    #[must_use]
    pub fn without(&self, device: Option<&DeviceId>) -> Self {
        let mut devices = self.0.clone();
        if let Some(device) = device {
            devices.remove(device);
        }
        Self(devices)
    }

    /// Whether this one signed in last of all.
    pub fn is_newest(&self, device: &DeviceId) -> bool {
        self.0.iter().max_by_key(|(_, at)| **at).is_some_and(|(newest, _)| newest == device)
    }

    /// With a device that signs in now. The one least lately used makes room.
    #[must_use]
    pub fn with(&self, device: &DeviceId, now: Timestamp) -> Self {
        let mut devices = self.0.clone();
        devices.insert(device.clone(), now);
        while devices.len() > LISTED {
            let oldest = devices.iter().filter(|(other, _)| *other != device).min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(oldest, _)| oldest.clone()) else { break };
            devices.remove(&oldest);
        }
        Self(devices)
    }

    /// With one of them alone, if it is listed.
    #[must_use]
    pub fn only(&self, device: Option<&DeviceId>) -> Self {
        let kept = device.and_then(|device| self.0.get_key_value(device));
        Self(kept.map(|(device, at)| (device.clone(), *at)).into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn device(seed: u64) -> DeviceId {
        DeviceId::draw(Timestamp::from_millis(500), &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn a_device_says_since_when_it_is_listed() {
        let (now, later) =
            (Timestamp::from_millis(1_795_224_352_017), Timestamp::from_millis(1_795_324_352_000));
        let drawn = DeviceId::draw(now, &mut StdRng::seed_from_u64(1));
        let old = DeviceId::of_token("AAECAwQFBgcICQoLDA0ODw");
        let devices = Devices::default().with(&drawn, now).with(&drawn, later).with(&old, later);
        assert_eq!((devices.since(&drawn), devices.since(&old)), (Some(now), Some(later)));
        assert_eq!(devices.without(Some(&drawn)).since(&drawn), None);
        assert_eq!(drawn.as_str().len(), 30);
    }

    #[test]
    fn twenty_devices_are_listed_and_the_least_lately_used_leaves() {
        let at = Timestamp::from_millis;
        let mut devices = Devices::default();
        for n in 0..20 {
            devices = devices.with(&device(n), at(1_000 + i64::try_from(n).unwrap()));
        }
        // The first is used again, so the second is the oldest.
        devices = devices.with(&device(0), at(2_000));
        assert!(devices.is_newest(&device(0)) && !devices.is_newest(&device(19)));
        devices = devices.with(&device(99), at(500));
        assert_eq!(devices.0.len(), LISTED);
        assert!(
            devices.contains(&device(0)) && devices.contains(&device(99)) && !devices.contains(&device(1))
        );
        assert_eq!(devices.only(Some(&device(0))).0.len(), 1);
        assert!(devices.only(Some(&device(1))).is_empty() && devices.only(None).is_empty());
    }

    #[test]
    fn a_challenge_says_whose_it_is() {
        for asker in [Asker::Stranger, Asker::Known] {
            assert_eq!(Asker::of_challenge(&asker.challenge("5f3e")), asker);
        }
    }
}
