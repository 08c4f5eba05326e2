//! Refresh tokens: secrets that are derived, so that nothing which could be
//! played back is stored.

use std::fmt;

use crate::domain::pepper::Pepper;
use crate::domain::session::{Session, SessionId};
use crate::domain::user::UserId;

/// What every refresh token begins with, so that scanners of logs and
/// repositories can tell one.
const PREFIX: &str = "lkr";

/// A refresh token that was checked to be one of ours: whose it is, of which
/// session, and how often that session had been refreshed when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// Whose.
    pub user_id: UserId,
    /// Of which session.
    pub session_id: SessionId,
    /// Of which generation.
    pub generation: u32,
}

/// A refresh token as it leaves: `lkr.<user>.<session>.<generation>.<entry of
/// the pepper secret>.<secret>`. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Minted(String);

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minted(•)")
    }
}

impl Minted {
    /// The token.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// The refresh token that `session` takes next. `None` if its entry of the
/// pepper secret is not known here any more.
pub fn mint(session: &Session, pepper: &Pepper) -> Option<Minted> {
    let Session { user_id, id, generation, pepper_entry, .. } = session;
    let secret = pepper.entry(pepper_entry)?.refresh_secret(user_id, id, *generation);
    Some(Minted(format!("{PREFIX}.{user_id}.{id}.{generation}.{pepper_entry}.{secret}")))
}

impl RefreshToken {
    /// Reads a token and checks its secret, in constant time. `None` if it is
    /// not one of ours.
    pub fn parse(text: &str, pepper: &Pepper) -> Option<Self> {
        let mut parts = text.split('.');
        let [prefix, user_id, session_id, generation, entry, secret] =
            std::array::from_fn(|_| parts.next().unwrap_or_default());
        if prefix != PREFIX || parts.next().is_some() {
            return None;
        }
        let token = Self {
            user_id: UserId(user_id.to_owned()),
            session_id: SessionId::parse(session_id)?,
            generation: generation.parse().ok()?,
        };
        pepper
            .entry(entry)?
            .is_refresh_secret(secret, &token.user_id, &token.session_id, token.generation)
            .then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::world::Timestamp;
    use crate::domain::secret::Secret;
    use crate::domain::session::Replaced;

    fn session(generation: u32, pepper: &Pepper) -> Session {
        Session {
            user_id: UserId("01a1fbdf-98a0-7c0b-bce7-48148979ccac".to_owned()),
            id: SessionId::parse("07-0-ab").unwrap(),
            device: None,
            ip: String::new(),
            created_at: Timestamp::default(),
            last_seen_at: Timestamp::default(),
            expires_at: Timestamp::default(),
            generation,
            pepper_entry: pepper.first().id().to_owned(),
            refresh_until: Timestamp::default(),
            device_id: None,
            passkey_id: None,
            used_at: None,
            replaced: Replaced::default(),
        }
    }

    /// Of entries that begin with these words.
    fn pepper(words: &str) -> Pepper {
        let entries: Vec<_> = words.split(',').map(|word| format!("{word}-0123456789abcdef")).collect();
        Pepper::new(&Secret::parse(&entries.join(",")).unwrap())
    }

    #[test]
    fn a_token_is_read_back_by_whoever_knows_its_entry() {
        let old = pepper("old");
        let token = mint(&session(3, &old), &old).unwrap().into_string();
        let read = RefreshToken::parse(&token, &old).unwrap();
        assert_eq!((read.session_id.as_str(), read.generation), ("07-0-ab", 3));
        assert_eq!(RefreshToken::parse(&token, &pepper("new,old")), Some(read));
        assert_eq!(RefreshToken::parse(&token, &pepper("new")), None);
        assert!(mint(&session(3, &old), &pepper("new")).is_none());
    }

    #[test]
    fn nothing_in_a_token_can_be_changed() {
        let pepper = pepper("one");
        let token = mint(&session(3, &pepper), &pepper).unwrap().into_string();
        assert!(RefreshToken::parse(&token, &pepper).is_some());
        for (from, to) in
            [("lkr", "lkx"), ("01a1", "01a2"), ("07-0", "08-0"), ("07-0", "07-1"), (".3.", ".4.")]
        {
            let changed = token.replacen(from, to, 1);
            assert_ne!(changed, token);
            assert_eq!(RefreshToken::parse(&changed, &pepper), None, "{from}");
        }
        for bad in [
            "",
            ".",
            "lkr",
            ".....",
            "lkr.....",
            &token[..token.len() - 1],
            &format!("{token}."),
            &format!("{token}x"),
        ] {
            assert_eq!(RefreshToken::parse(bad, &pepper), None, "{bad:?}");
        }
    }
}
