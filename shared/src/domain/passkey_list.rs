//! Which passkeys a user has: the list on the user's item. What each of them is stands in
//! an item of its own ([`crate::domain::passkey::Passkey`]).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::world::Timestamp;
use crate::domain::device::DeviceId;
use crate::domain::session_id::SessionId;

/// How many passkeys a user can have.
pub const MOST: usize = 10;

/// A passkey's identifier: 128 bits of the SHA-256 of what its authenticator calls it, which
/// may be a thousand bytes long. So that whoever has the one finds the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, example = &"mV0Jx3YkQ2e1yq0TgH5b7A")]
pub struct PasskeyId(String);

impl PasskeyId {
    /// That of the credential that an authenticator calls so.
    pub fn of(credential_id: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&Sha256::digest(credential_id)[..16]))
    }

    /// One from a path. `None` if it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let is_ours = URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 16);
        is_ours.then(|| Self(text.to_owned()))
    }

    /// The 22 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a passkey came to its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// When.
    pub at: Timestamp,
    /// By which session: where that is stolen, the passkey goes.
    pub session_id: SessionId,
    /// The passkey that began that session, if one did: where that goes for a theft, so
    /// does this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey_id: Option<PasskeyId>,
    /// On which device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
}

/// The passkeys of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasskeyList(BTreeMap<PasskeyId, Added>);

impl PasskeyList {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is room for no more.
    pub fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Whether this is one of them.
    pub fn contains(&self, id: &PasskeyId) -> bool {
        self.0.contains_key(id)
    }

    /// How one came to be in it.
    pub fn added(&self, id: &PasskeyId) -> Option<&Added> {
        self.0.get(id)
    }

    /// All of them.
    pub fn ids(&self) -> impl Iterator<Item = &PasskeyId> {
        self.0.keys()
    }

    /// Those that a session added, and those that sessions added which these began, and so
    /// on; whether or not those sessions are still on.
    pub fn added_through(&self, session: &SessionId) -> Vec<PasskeyId> {
        let mut found = Vec::new();
        loop {
            let next = self.0.iter().find(|(id, added)| {
                let by_one_of_them = added.passkey_id.as_ref().is_some_and(|by| found.contains(by));
                !found.contains(id) && (added.session_id == *session || by_one_of_them)
            });
            match next {
                Some((id, _)) => found.push(id.clone()),
                None => return found,
            }
        }
    }

    /// Whether there is one that was not added on this device.
    pub fn any_not_added_on(&self, device: Option<&DeviceId>) -> bool {
        self.0.values().any(|added| device.is_none() || added.device_id.as_ref() != device)
    }

    /// With one more.
    #[must_use]
    pub fn with(&self, id: PasskeyId, added: Added) -> Self {
        let mut passkeys = self.0.clone();
        passkeys.insert(id, added);
        Self(passkeys)
    }

    /// Without these.
    #[must_use]
    pub fn without(&self, gone: &[PasskeyId]) -> Self {
        let kept = self.0.iter().filter(|(id, _)| !gone.contains(id));
        Self(kept.map(|(id, added)| (id.clone(), added.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn what_came_through_a_session_is_found() {
        let session = |seed| SessionId::draw(0, 0, &mut StdRng::seed_from_u64(seed));
        let id = |name: &str| PasskeyId::of(name.as_bytes());
        let added = |by, passkey_id| Added {
            at: Timestamp::default(),
            session_id: session(by),
            passkey_id,
            device_id: None,
        };
        let list = PasskeyList::default()
            .with(id("own"), added(1, None))
            .with(id("its own"), added(2, None))
            .with(id("through that"), added(3, Some(id("its own"))))
            .with(id("through this"), added(4, Some(id("through that"))))
            .with(id("another"), added(5, Some(id("own"))));
        let mut found = list.added_through(&session(2));
        let mut expected = vec![id("its own"), id("through that"), id("through this")];
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(list.added_through(&session(9)), []);
        assert_eq!(list.without(&found).ids().count(), 2);
    }

    #[test]
    fn an_identifier_is_found_by_what_the_authenticator_says() {
        let id = PasskeyId::of(&[7; 20]);
        assert_eq!(PasskeyId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(id, PasskeyId::of(&[7; 21]));
        for bad in ["", "me", &id.as_str()[1..], &format!("{}A", id.as_str()), "mV0Jx3YkQ2e1yq0TgH5b7*"] {
            assert_eq!(PasskeyId::parse(bad), None, "{bad}");
        }
    }
}
