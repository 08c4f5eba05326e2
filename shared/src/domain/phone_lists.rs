//! Numbers that are named in the parameters. Test numbers, for those who review
//! an app in a store: a fixed code until a day, never a text, never a role. And
//! those of the first admins.

use std::fmt;

use time::format_description::well_known::Iso8601;
use time::{Date, Time};

use crate::base::world::Timestamp;
use crate::domain::code::OneTimeCode;
use crate::domain::phone::{Phone, Region};

/// A number with a fixed code.
#[derive(Clone, PartialEq, Eq)]
pub struct TestPhone {
    /// The number.
    pub phone: Phone,
    /// Its code: 4 to 8 digits.
    pub code: OneTimeCode,
    /// From when on it is a number like all others.
    pub ends_at: Timestamp,
}

impl fmt::Debug for TestPhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestPhone({:?})", self.phone)
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct TestPhones(Vec<TestPhone>);

impl TestPhones {
    /// Reads `+12015550123=1234@2026-12-31`, separated by commas, each good until
    /// the end of its day in UTC.
    ///
    /// # Errors
    /// In words, if one is malformed or named twice.
    pub fn parse(text: &str, region: Region) -> Result<Self, String> {
        let mut all = Vec::<TestPhone>::new();
        for text in text.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let bad =
                |problem: &str| format!("must be a list such as +12015550123=1234@2026-12-31: {problem}");
            let tester = parse(text, region).map_err(bad)?;
            if all.iter().any(|other| other.phone == tester.phone) {
                return Err(bad("a number is named twice"));
            }
            all.push(tester);
        }
        Ok(Self(all))
    }

    /// The test number that `phone` is now.
    pub fn find(&self, phone: &Phone, now: Timestamp) -> Option<&TestPhone> {
        self.0.iter().find(|tester| tester.phone == *phone && now < tester.ends_at)
    }

    /// Whether a number is named at all, whatever the day.
    pub fn names(&self, phone: &Phone) -> bool {
        self.0.iter().any(|tester| tester.phone == *phone)
    }

    /// Whether an admin's number is named at all.
    pub fn names_any(&self, admins: &AdminPhones) -> bool {
        admins.0.iter().any(|phone| self.names(phone))
    }
}

/// Numbers whose accounts are admins' from the moment they are made.
#[derive(Clone, Debug, Default)]
pub struct AdminPhones(Vec<Phone>);

impl AdminPhones {
    /// Reads numbers separated by commas.
    ///
    /// # Errors
    /// In words, if one is no number.
    pub fn parse(text: &str, region: Region) -> Result<Self, String> {
        let listed = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        let phones =
            listed.map(|text| Phone::parse(text, region).map_err(|error| format!("{text:?}: {error}")));
        phones.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a number is one of them.
    pub fn contains(&self, phone: &Phone) -> bool {
        self.0.contains(phone)
    }
}

fn parse(text: &str, region: Region) -> Result<TestPhone, &'static str> {
    let (phone, rest) = text.split_once('=').ok_or("an = is missing")?;
    let (code, day) = rest.split_once('@').ok_or("an @ with its last day is missing")?;
    let phone = Phone::parse(phone, region).map_err(|_| "a number cannot exist")?;
    if !(4..=8).contains(&code.len()) || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a code is not of 4 to 8 digits");
    }
    let day = Date::parse(day, &Iso8601::DATE).map_err(|_| "a day is not of the form 2026-12-31")?;
    let end = day.next_day().ok_or("a day is too far")?.with_time(Time::MIDNIGHT).assume_utc();
    Ok(TestPhone {
        phone,
        code: OneTimeCode::typed(code),
        ends_at: Timestamp::from_millis(end.unix_timestamp() * 1_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TestPhones, String> {
        TestPhones::parse(text, "RU".parse().unwrap())
    }

    #[test]
    fn a_number_ends_with_its_day() {
        let phones = read("+12015550123=1234@2026-12-31, +79000000001=000000@2027-02-28").unwrap();
        let one = Phone::parse("+12015550123", "RU".parse().unwrap()).unwrap();
        // 2027-01-01T00:00:00Z.
        let end = 1_798_761_600_000;
        let found = phones.find(&one, Timestamp::from_millis(end - 1)).unwrap();
        assert_eq!(found.code.as_str(), "1234");
        assert!(phones.find(&one, Timestamp::from_millis(end)).is_none());
        assert!(phones.names_any(&AdminPhones(vec![one])));
        assert!(!format!("{phones:?}").contains("1234"));
    }

    #[test]
    fn what_is_malformed_is_named() {
        assert!(read("").unwrap().0.is_empty());
        for bad in [
            "+12015550123",
            "+12015550123=1234",
            "+12015550123=123@2026-12-31",
            "+12015550123=12a4@2026-12-31",
            "+12015550123=123456789@2026-12-31",
            "+1201555=1234@2026-12-31",
            "+12015550123=1234@2026-02-30",
            "+12015550123=1234@tomorrow",
            "+12015550123=1234@2026-12-31,+12015550123=4321@2026-12-31",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
