//! Invite codes: six characters that survive being read out and typed in.

use std::fmt;
use std::ops::RangeInclusive;

use percent_encoding::percent_decode_str;
use rand::{CryptoRng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::typed::plain;

/// Crockford's base 32: no I, L, O, U, so that nothing looks like another
/// (<https://www.crockford.com/base32.html>).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many characters a code has: 32⁶ is about 10⁹ codes.
const LENGTH: usize = 6;

/// How many characters an alias has.
const ALIAS: RangeInclusive<usize> = 4..=32;

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
        let code = characters(typed)?
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

/// A code of another service that counts as one of ours, as it is compared: in capitals,
/// without the marks around and between its characters. It never reads as one of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Alias(String);

impl Alias {
    /// The characters that are compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What somebody entered as an invite code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// One of ours.
    Code(InviteCode),
    /// What may be an alias of one.
    Alias(Alias),
}

impl Typed {
    /// Reads it as [`InviteCode::parse`] does; what cannot be one of ours may be an alias of 4
    /// to 32 letters and digits of any script. `None` if it can be neither.
    pub fn parse(typed: &str) -> Option<Self> {
        if let Some(code) = InviteCode::parse(typed) {
            return Some(Self::Code(code));
        }
        let alias: String = characters(typed)?.chars().flat_map(char::to_uppercase).collect();
        ALIAS.contains(&alias.chars().count()).then_some(Self::Alias(Alias(alias)))
    }
}

/// The letters and digits of what was typed; of a whole share link, whatever is written around
/// it, those of its code. `None` where it is too long to be looked at, or another link.
fn characters(typed: &str) -> Option<String> {
    if typed.len() > LONGEST {
        return None;
    }
    let typed = plain(typed);
    let code = match typed.rsplit_once("/i/") {
        Some((_, link)) => {
            let ends = |c: char| "/?#".contains(c) || c.is_whitespace();
            // Browsers copy addresses encoded.
            let code = percent_decode_str(link.split(ends).next()?).decode_utf8().ok()?;
            plain(&code)
        }
        None if typed.contains("://") => return None,
        None => typed.split(['/', '?']).next()?.to_owned(),
    };
    Some(code.chars().filter(|c| c.is_alphanumeric()).collect())
}

impl fmt::Display for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(typed: &str) -> Option<String> {
        match Typed::parse(typed)? {
            Typed::Alias(alias) => Some(alias.0),
            Typed::Code(_) => None,
        }
    }

    #[test]
    fn what_is_no_code_of_ours_may_be_an_alias_of_one() {
        for (typed, expected) in [
            ("aB3xYz9", "AB3XYZ9"),
            ("ABCU12", "ABCU12"),
            ("код-12", "КОД12"),
            (" https://e.com/i/aB3xYz9?utm=1", "AB3XYZ9"),
            ("Join me: https://e.com/i/aB3xYz9 (it is good)", "AB3XYZ9"),
            ("https://e.com/i/%D0%BA%D0%BE%D0%B4-12#top", "КОД12"),
            ("straße", "STRASSE"),
        ] {
            assert_eq!(alias(typed).as_deref(), Some(expected), "{typed}");
        }
        let links = ["https://e.com/join?code=aB3xYz9", "https://e.com/i/", "https://e.com/i/%D0code"];
        for typed in ["", "abc", "K5J3RW", "klJoRw", &"A".repeat(33), &"A".repeat(3_000)].iter().chain(&links)
        {
            assert_eq!(alias(typed), None, "{typed}");
        }
    }

    /// Whatever reads as one of ours never reads as an alias, in whichever case and marks: so no
    /// alias can take the place of a code.
    #[test]
    fn no_alias_reads_as_a_code() {
        for typed in ["aB3xYz9", "ABCU12", "код-12", "O0O0U0", "1234567"] {
            let alias = alias(typed).unwrap();
            assert_eq!(InviteCode::parse(&alias), None);
            assert_eq!(Typed::parse(&alias), Typed::parse(&alias.to_lowercase()));
        }
    }
}
