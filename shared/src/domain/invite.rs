//! Invite codes: six characters that survive being read out and typed in.

use std::fmt;

use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};

use super::user::{User, UserId};

/// Crockford's base 32: no I, L, O, U, so that nothing looks like another
/// (<https://www.crockford.com/base32.html>).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many characters a code has: 32⁶ is about 10⁹ codes.
const LENGTH: usize = 6;

/// A code that one user owns and others may enter once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InviteCode(String);

impl InviteCode {
    /// Draws one of the 32⁶, all alike likely.
    pub fn draw(chance: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self((0..LENGTH).map(|_| char::from(ALPHABET[chance.random_range(0..32)])).collect())
    }

    /// Reads a code as people enter it: in any case, I and L for 1, O for 0,
    /// blanks around it ignored. `None` if it cannot be one.
    pub fn parse(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        let code = typed
            .chars()
            .take(LENGTH + 1)
            .map(|c| match c.to_ascii_uppercase() {
                'I' | 'L' => Some('1'),
                'O' => Some('0'),
                c => u8::try_from(c).ok().filter(|byte| ALPHABET.contains(byte)).map(char::from),
            })
            .collect::<Option<String>>()?;
        (code.len() == LENGTH).then_some(Self(code))
    }

    /// The six characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an invite code cannot be activated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another was, before.
    AlreadyActivated(InviteCode),
    /// It is one's own.
    Own,
    /// Nobody owns it, or it cannot be a code at all.
    Unknown,
}

/// What entering an invite code comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The same code was activated before: nothing is left to do.
    Repeated(InviteCode),
    /// This one is to be activated.
    Activate(InviteCode, UserId),
}

/// Judges the code that `me` enters and that `owner` owns, in the order that
/// the API promises. Whether the two invited each other is for the transaction
/// to find.
///
/// # Errors
/// Why it cannot be activated.
pub fn judge(me: &User, code: Option<InviteCode>, owner: Option<UserId>) -> Result<Entry, Refusal> {
    match (&me.activated_invite_code, code) {
        (Some(before), Some(code)) if *before == code => Ok(Entry::Repeated(code)),
        (Some(before), _) => Err(Refusal::AlreadyActivated(before.clone())),
        (None, Some(code)) if code == me.invite_code => Err(Refusal::Own),
        (None, Some(code)) => match owner {
            Some(owner) if owner == me.id => Err(Refusal::Own),
            Some(owner) => Ok(Entry::Activate(code, owner)),
            None => Err(Refusal::Unknown),
        },
        (None, None) => Err(Refusal::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::phone::Phone;
    use crate::world::Timestamp;

    #[test]
    fn entry_forgives_case_and_look_alikes() {
        for typed in ["K1J0RW", "k1j0rw", "KIJORW", "klJoRw", " k1J0rw\n"] {
            assert_eq!(InviteCode::parse(typed).unwrap().as_str(), "K1J0RW", "{typed:?}");
        }
        for typed in ["", "K1J0R", "K1J0RWX", "K1J0RU", "K1J-RW", "К1J0RW", "K1 0RW", "K1J0R\u{0}"] {
            assert_eq!(InviteCode::parse(typed), None, "{typed:?}");
        }
        assert_eq!(InviteCode::parse(&"K".repeat(1_000_000)), None);
    }

    #[test]
    fn what_is_drawn_can_be_entered() {
        let mut chance = StdRng::seed_from_u64(1);
        for _ in 0..1_000 {
            let code = InviteCode::draw(&mut chance);
            assert_eq!(InviteCode::parse(code.as_str()), Some(code));
        }
    }

    #[test]
    fn a_code_is_judged_in_the_promised_order() {
        let code = |text| InviteCode::parse(text).unwrap();
        let phone = Phone::parse("+79000000001", "RU".parse().unwrap()).unwrap();
        let mut me = User::new(UserId("me".into()), phone, code("AAAAAA"), Timestamp::default());
        let friend = || Some(UserId("friend".into()));
        assert_eq!(
            judge(&me, Some(code("BBBBBB")), friend()),
            Ok(Entry::Activate(code("BBBBBB"), friend().unwrap()))
        );
        assert_eq!(judge(&me, Some(code("BBBBBB")), None), Err(Refusal::Unknown));
        assert_eq!(judge(&me, None, None), Err(Refusal::Unknown));
        assert_eq!(judge(&me, Some(code("AAAAAA")), Some(me.id.clone())), Err(Refusal::Own));
        assert_eq!(judge(&me, Some(code("CCCCCC")), Some(me.id.clone())), Err(Refusal::Own));

        me.activated_invite_code = Some(code("BBBBBB"));
        assert_eq!(judge(&me, Some(code("BBBBBB")), None), Ok(Entry::Repeated(code("BBBBBB"))));
        for other in [Some(code("AAAAAA")), Some(code("CCCCCC")), None] {
            assert_eq!(judge(&me, other, friend()), Err(Refusal::AlreadyActivated(code("BBBBBB"))));
        }
    }
}
