//! Challenges: nothing is stored for one. What a device is to sign follows from the
//! challenge's identifier and from what it is for, under the pepper secret.

use rand::{CryptoRng, RngExt};

use crate::base::world::Timestamp;
use crate::domain::pepper::Pepper;
use crate::domain::session::SessionId;
use crate::domain::user::UserId;

/// For how many seconds a challenge may be answered.
pub const CHALLENGE_TTL: i64 = 300;

/// What every challenge's identifier begins with.
const PREFIX: &str = "lkc";

/// What a challenge is for: an answer to one kind never serves the other, nor another
/// session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengePurpose<'a> {
    /// Adding a passkey, by this session of this user.
    Add(&'a UserId, &'a SessionId),
    /// Signing in: nobody is named.
    SignIn,
}

/// A challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What it is called: `lkc.<milliseconds since 1970>.<random>.<entry of the pepper>`.
    pub id: String,
    /// What is signed.
    pub bytes: [u8; 32],
    /// From when on it is good no more.
    pub expires_at: Timestamp,
}

impl Challenge {
    /// A new one.
    pub fn draw(
        purpose: ChallengePurpose<'_>,
        now: Timestamp,
        pepper: &Pepper,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        let entry = pepper.first();
        let id = format!("{PREFIX}.{}.{:032x}.{}", now.millis(), rng.random::<u128>(), entry.id());
        let bytes = entry.challenge(&id, &purpose.parts());
        Self { id, bytes, expires_at: now.plus_seconds(CHALLENGE_TTL) }
    }

    /// The one of an identifier that was given out for `purpose`; `None` where there can
    /// be none, or it is not good any more. Whoever makes identifiers up gets bytes that
    /// nobody was ever given.
    pub fn of_id(id: &str, purpose: ChallengePurpose<'_>, now: Timestamp, pepper: &Pepper) -> Option<Self> {
        let mut parts = id.split('.');
        let [prefix, at, random, entry] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let is_whole = prefix == PREFIX && random.len() == 32 && parts.next().is_none();
        let at = Timestamp::from_millis(at.parse().ok().filter(|_| is_whole)?);
        let expires_at = at.plus_seconds(CHALLENGE_TTL);
        let bytes = pepper.entry(entry)?.challenge(id, &purpose.parts());
        (at <= now && now < expires_at).then(|| Self { id: id.to_owned(), bytes, expires_at })
    }
}

impl ChallengePurpose<'_> {
    fn parts(&self) -> [&str; 3] {
        match self {
            Self::Add(user, session) => ["add", &user.0, session.as_str()],
            Self::SignIn => ["sign-in", "", ""],
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::secret::Secret;

    fn pepper(words: &str) -> Pepper {
        let entries: Vec<_> = words.split(',').map(|word| format!("{word}-0123456789abcdef")).collect();
        Pepper::new(&Secret::parse(&entries.join(",")).unwrap())
    }

    #[test]
    fn a_challenge_is_bound_to_what_it_is_for_and_to_its_time() {
        let (alice, bob) = (UserId("alice".to_owned()), UserId("bob".to_owned()));
        let [one, two] = ["07-0-ab", "07-0-ac"].map(|id| SessionId::parse(id).unwrap());
        let (old, now) = (pepper("old"), Timestamp::from_millis(1_000_000));
        let add = ChallengePurpose::Add(&alice, &one);
        let rng = &mut StdRng::seed_from_u64(1);
        let challenge = Challenge::draw(add, now, &old, rng);
        assert_ne!(challenge.bytes, Challenge::draw(add, now, &old, rng).bytes);
        let found = |purpose, pepper: &Pepper, millis| {
            Challenge::of_id(&challenge.id, purpose, Timestamp::from_millis(millis), pepper)
        };
        for (at, words) in [(1_000_000, "old"), (1_299_999, "old"), (1_000_000, "new,old")] {
            assert_eq!(found(add, &pepper(words), at), Some(challenge.clone()), "{at} {words}");
        }
        for (at, words) in [(999_999, "old"), (1_300_000, "old"), (1_000_000, "new")] {
            assert_eq!(found(add, &pepper(words), at), None, "{at} {words}");
        }
        let others = [
            ChallengePurpose::SignIn,
            ChallengePurpose::Add(&bob, &one),
            ChallengePurpose::Add(&alice, &two),
        ];
        for other in others {
            let bytes = found(other, &old, 1_000_000).unwrap().bytes;
            assert_ne!(bytes, challenge.bytes, "{other:?}");
        }
    }

    #[test]
    fn what_is_no_identifier_finds_nothing() {
        let (pepper, now) = (pepper("one"), Timestamp::from_millis(1_000_000));
        let rng = &mut StdRng::seed_from_u64(1);
        let challenge = Challenge::draw(ChallengePurpose::SignIn, now, &pepper, rng);
        let of = |id: &str| Challenge::of_id(id, ChallengePurpose::SignIn, now, &pepper);
        assert!(of(&challenge.id).is_some());
        for (from, to) in [("lkc", "lkx"), ("1000000", "10000000"), ("1000000", "a")] {
            assert_eq!(of(&challenge.id.replacen(from, to, 1)), None, "{to}");
        }
        for bad in ["", "lkc", "lkc...", &format!("{}.", challenge.id), &challenge.id[..40]] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
        let another = Challenge::draw(ChallengePurpose::SignIn, now, &pepper, rng);
        assert_ne!(of(&another.id).unwrap().bytes, challenge.bytes);
    }
}
