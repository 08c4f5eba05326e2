//! Invite codes: six characters that survive being read out and typed in.

use std::fmt;

use rand::{CryptoRng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::user::{User, UserId};
use crate::world::Timestamp;

/// Crockford's base 32: no I, L, O, U, so that nothing looks like another
/// (<https://www.crockford.com/base32.html>).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many characters a code has: 32⁶ is about 10⁹ codes.
const LENGTH: usize = 6;

/// A code that one user owns and others may enter once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("pattern" = "^[0-9A-HJKMNP-TV-Z]{6}$"), example = &"K5J3RW")]
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

/// Whose a code is, and on what terms it may be entered; as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Whose; nobody's once its owner is gone or has drawn another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// How often it may be entered in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
    /// How often it was, where that is counted: with a limit, or drawn anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether it was taken out of use.
    #[serde(default)]
    pub revoked: bool,
}

impl Invite {
    /// Whether it may be entered now.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let is_used_up = self.max_uses.is_some_and(|max| self.uses.unwrap_or(0) >= max);
        let is_over = self.expires_at.is_some_and(|end| end <= now);
        !self.revoked && !is_used_up && !is_over
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
    /// This one can be activated.
    Activate {
        /// Which.
        code: InviteCode,
        /// Whose it is.
        referrer: UserId,
        /// Whether its uses are counted.
        is_counted: bool,
    },
}

/// Judges the code that `me` enters, in the order that the API promises. Whether
/// the two invited each other is for the transaction to find.
pub fn judge(
    me: &User,
    code: Option<InviteCode>,
    invite: Option<&Invite>,
    now: Timestamp,
) -> Result<Entry, Refusal> {
    let owner = invite.and_then(|invite| invite.owner_id.as_ref());
    match (&me.activated_invite_code, code, invite) {
        (Some(before), Some(code), _) if *before == code => Ok(Entry::Repeated(code)),
        (Some(before), ..) => Err(Refusal::AlreadyActivated(before.clone())),
        (None, Some(code), _) if code == me.invite_code || owner == Some(&me.id) => Err(Refusal::Own),
        (None, Some(code), Some(invite)) if invite.is_open(now) => match owner {
            Some(owner) => {
                Ok(Entry::Activate { code, referrer: owner.clone(), is_counted: invite.uses.is_some() })
            }
            None => Err(Refusal::Unknown),
        },
        _ => Err(Refusal::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::phone::Phone;

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
        let now = Timestamp::from_millis(1_000);
        let of = |id: &str| Invite { owner_id: Some(UserId(id.into())), ..Invite::default() };
        let judge = |me: &User, code: Option<InviteCode>, invite: Option<Invite>| {
            judge(me, code, invite.as_ref(), now)
        };
        let activate = |is_counted| {
            Ok(Entry::Activate { code: code("BBBBBB"), referrer: UserId("friend".into()), is_counted })
        };
        let b = || Some(code("BBBBBB"));
        assert_eq!(judge(&me, b(), Some(of("friend"))), activate(false));
        assert_eq!(judge(&me, b(), None), Err(Refusal::Unknown));
        assert_eq!(judge(&me, b(), Some(Invite::default())), Err(Refusal::Unknown), "nobody's any more");
        assert_eq!(judge(&me, None, None), Err(Refusal::Unknown));
        assert_eq!(judge(&me, Some(code("AAAAAA")), Some(of("me"))), Err(Refusal::Own));
        assert_eq!(judge(&me, b(), Some(of("me"))), Err(Refusal::Own));

        let at = |millis| Some(Timestamp::from_millis(millis));
        let limited = |uses| Invite { max_uses: Some(2), uses: Some(uses), ..of("friend") };
        assert_eq!(judge(&me, b(), Some(limited(1))), activate(true));
        assert_eq!(judge(&me, b(), Some(limited(2))), Err(Refusal::Unknown));
        assert_eq!(judge(&me, b(), Some(Invite { expires_at: at(1_001), ..of("friend") })), activate(false));
        assert_eq!(
            judge(&me, b(), Some(Invite { expires_at: at(1_000), ..of("friend") })),
            Err(Refusal::Unknown)
        );
        assert_eq!(judge(&me, b(), Some(Invite { revoked: true, ..of("friend") })), Err(Refusal::Unknown));

        me.activated_invite_code = b();
        assert_eq!(judge(&me, b(), None), Ok(Entry::Repeated(code("BBBBBB"))));
        for other in [Some(code("AAAAAA")), Some(code("CCCCCC")), None] {
            assert_eq!(judge(&me, other, Some(of("friend"))), Err(Refusal::AlreadyActivated(code("BBBBBB"))));
        }
    }
}
