//! One-time codes.

use std::fmt;

use rand::{CryptoRng, RngExt};

use crate::domain::typed::plain;
use crate::domain::user::UserId;

/// What a code proves a phone for. A code for one purpose is worth nothing for
/// another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing in, and registering on first sight.
    SignIn,
    /// Moving this user's account to the phone.
    ChangePhone(UserId),
}

/// The name in storage and under the hash.
impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn => f.write_str("sign_in"),
            Self::ChangePhone(user) => write!(f, "change_phone {user}"),
        }
    }
}

impl Purpose {
    /// The purpose of such a name.
    pub fn named(name: &str) -> Option<Self> {
        match name.split_once(' ') {
            None => (name == "sign_in").then_some(Self::SignIn),
            Some((kind, user)) => {
                (kind == "change_phone").then(|| Self::ChangePhone(UserId(user.to_owned())))
            }
        }
    }
}

/// A code as it is texted and typed. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// Draws one of the 10^`length` codes, all alike likely.
    pub fn draw(rng: &mut (impl CryptoRng + ?Sized), length: u32) -> Self {
        Self((0..length).map(|_| char::from(b'0' + rng.random_range(0..10u8))).collect())
    }

    /// A guess: the digits of what a person typed, whatever stands around and between
    /// them.
    pub fn typed(guess: &str) -> Self {
        Self(plain(guess).chars().filter(char::is_ascii_digit).collect())
    }

    /// Whether it has no digit, and so is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(•)")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn every_digit_is_drawn_about_as_often_as_the_others() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            for digit in OneTimeCode::draw(&mut rng, 4).as_str().bytes() {
                seen[usize::from(digit - b'0')] += 1;
            }
        }
        // 4,000 expected of each; five standard deviations are 300.
        assert!(seen.iter().all(|count| (3_700..4_300).contains(count)), "{seen:?}");
    }

    #[test]
    fn codes_may_start_with_zero_and_keep_their_length() {
        let mut rng = StdRng::seed_from_u64(7);
        let codes: Vec<_> = (0..100).map(|_| OneTimeCode::draw(&mut rng, 8)).collect();
        assert!(codes.iter().all(|code| code.as_str().len() == 8));
        assert!(codes.iter().any(|code| code.as_str().starts_with('0')));
    }

    #[test]
    fn a_guess_is_its_digits() {
        for typed in [
            "1234",
            " 1234\n",
            "12 34",
            "12-34",
            "1234.",
            "#1234",
            "12\u{200b}34",
            "\u{202d}1234\u{202c}",
            "１２３４",
            "١٢٣٤",
            "१२३४",
            "«1234»",
            "1\t2\t3\t4",
            "code: 1234",
        ] {
            assert_eq!(OneTimeCode::typed(typed).as_str(), "1234", "{typed:?}");
        }
        for typed in ["", " ", "abcd", "–", "\u{200b}"] {
            assert!(OneTimeCode::typed(typed).is_empty(), "{typed:?}");
        }
    }

    #[test]
    fn a_purpose_is_found_by_its_name() {
        for purpose in [Purpose::SignIn, Purpose::ChangePhone(UserId("alice".to_owned()))] {
            assert_eq!(Purpose::named(&purpose.to_string()), Some(purpose));
        }
        for name in ["", "sign_out", "sign_in alice", "change_phone", "recovery alice"] {
            assert_eq!(Purpose::named(name), None, "{name:?}");
        }
    }

    #[test]
    fn debug_shows_no_code() {
        assert_eq!(format!("{:?}", OneTimeCode::typed("1234")), "OneTimeCode(•)");
    }
}
