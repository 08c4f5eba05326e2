//! The front of a number, by which those are found that begin so.

use serde::{Deserialize, Deserializer};

use crate::domain::phone::{Phone, Region, belongs_in_a_phone};
use crate::domain::plans;
use crate::domain::typed::plain;

/// How numbers of no country are listed.
pub const NO_COUNTRY: &str = "none";

/// A country as numbers are listed by: two letters, or [`NO_COUNTRY`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country(String);

impl Country {
    /// That of a number.
    pub fn of(phone: &Phone) -> Self {
        Self(phone.country().map_or_else(|| NO_COUNTRY.to_owned(), |country| country.to_string()))
    }

    /// Its two letters, or `none`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.eq_ignore_ascii_case(NO_COUNTRY) {
            return Ok(Self(NO_COUNTRY.to_owned()));
        }
        let region = text
            .parse::<Region>()
            .map_err(|problem| serde::de::Error::custom(format!("{problem}, or none")))?;
        Ok(Self(region.to_string()))
    }
}

/// The front of a number in E.164: `+` and digits that begin with a country's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneFront(String);

impl PhoneFront {
    /// Reads one with `+` or `00`, of bare digits, or with the 0 or 8 that is dialled before
    /// numbers of `region`. `None` if it begins with no country's code.
    pub fn parse(typed: &str, region: Region) -> Option<Self> {
        let typed = plain(typed);
        let rest = typed.strip_prefix('+').unwrap_or(&typed);
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        if !rest.chars().all(|c| c != '+' && belongs_in_a_phone(c)) || !(1..=15).contains(&digits.len()) {
            return None;
        }
        let abroad = |digits: &str| plans::regions_of(digits).map(|_| Self(format!("+{digits}")));
        let is_whole = rest.len() < typed.len();
        let home = || {
            let national = digits.strip_prefix(['0', '8'])?;
            abroad(&format!("{}{national}", plans::calling_code(region.0)?))
        };
        match digits.strip_prefix("00").filter(|_| !is_whole) {
            Some(digits) => abroad(digits),
            None => abroad(&digits).or_else(|| home().filter(|_| !is_whole)),
        }
    }

    /// The front itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The countries whose numbers may begin so.
    pub fn countries(&self) -> Vec<Country> {
        let regions = plans::regions_of(&self.0).unwrap_or_default();
        let name = |region: &'static str| if region == "001" { NO_COUNTRY } else { region };
        regions.into_iter().map(|region| Country(name(region).to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_is_read_as_people_type_it() {
        for (typed, region, front, countries) in [
            ("+7 900", "DE", "+7900", Some(2)),
            ("7900", "RU", "+7900", Some(2)),
            ("8 (900) 1", "RU", "+79001", Some(2)),
            ("0151", "DE", "+49151", Some(1)),
            ("0044 7", "RU", "+447", Some(4)),
            ("+1", "RU", "+1", Some(25)),
            ("+881 6", "RU", "+8816", Some(1)),
            ("\u{ff0b}\u{ff17}", "RU", "+7", Some(2)),
        ] {
            let read = PhoneFront::parse(typed, region.parse().unwrap()).unwrap();
            assert_eq!((read.as_str(), Some(read.countries().len())), (front, countries), "{typed}");
        }
        for typed in ["", "+", "+0", "+4", "abc", "+7900+", "+999", "+7900123456789012"] {
            assert_eq!(PhoneFront::parse(typed, "RU".parse().unwrap()), None, "{typed}");
        }
    }

    /// A number is found by its front: its country is one of the front's.
    #[test]
    fn a_front_names_the_country_of_each_number() {
        for number in [
            "+79001234567",
            "+77011234567",
            "+12015550123",
            "+447911123456",
            "+881612345678",
            "+390612345678",
        ] {
            let phone = Phone::parse(number, "RU".parse().unwrap()).unwrap();
            let front = PhoneFront::parse(&number[..5], "RU".parse().unwrap()).unwrap();
            assert!(front.countries().contains(&Country::of(&phone)), "{number}");
        }
    }
}
