//! Invite codes: six characters that survive being read out and typed in.

use std::fmt;

use rand::{CryptoRng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::typed::plain;

/// Crockford's base 32: no I, L, O, U, so that nothing looks like another
/// (<https://www.crockford.com/base32.html>).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many characters a code has: 32⁶ is about 10⁹ codes.
const LENGTH: usize = 6;

/// How many bytes of what was typed are looked at: more is no code, and no link to one.
const LONGEST: usize = 2_048;

/// A code that one user owns and others may enter once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("pattern" = "^[0-9A-HJKMNP-TV-Z]{6}$"), example = &"K5J3RW")]
pub struct InviteCode(String);

impl InviteCode {
    /// Draws one of the 32⁶, all alike likely.
    pub fn draw(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self((0..LENGTH).map(|_| char::from(ALPHABET[rng.random_range(0..32)])).collect())
    }

    /// Reads a code as people enter and paste it: by itself or as a whole share link, in
    /// any case, I and L for 1, O for 0, whatever marks stand around and between its
    /// characters. `None` if it cannot be one.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > LONGEST {
            return None;
        }
        let typed = plain(typed);
        let typed = match typed.rsplit_once("/i/") {
            Some((_, code)) => code.split(['/', '?', '#']).next(),
            None => typed.split(['/', '?']).next(),
        };
        let typed = typed.unwrap_or_default();
        let code = typed
            .chars()
            .filter(|c| c.is_alphanumeric())
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
