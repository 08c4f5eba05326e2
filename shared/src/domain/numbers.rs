//! Numbers that are named in the parameters. Test numbers, for those who review
//! an app in a store: a fixed code until a day, never a text, never a role. And
//! those of the first admins.

use std::fmt;

use time::format_description::well_known::Iso8601;
use time::{Date, Time};

use super::code::OneTimeCode;
use super::phone::{Phone, Region};
use crate::config::{self, BadParameter, Vars};
use crate::world::Timestamp;

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
    /// Those of `TEST_PHONES`: `+12015550123=1234@2026-12-31`, separated by
    /// commas, each good until the end of its day in UTC.
    ///
    /// # Errors
    /// If one is malformed or named twice.
    pub fn read(vars: &Vars, region: Region) -> Result<Self, BadParameter> {
        let mut all = Vec::<TestPhone>::new();
        for text in vars.text(config::TEST_PHONES).split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let bad = |problem: &str| BadParameter {
                name: config::TEST_PHONES.name,
                problem: format!("must be a list such as +12015550123=1234@2026-12-31: {problem}"),
            };
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
}

/// Numbers whose accounts are admins' from the moment they are made.
#[derive(Clone, Debug, Default)]
pub struct AdminPhones(Vec<Phone>);

impl AdminPhones {
    /// Those of `ADMIN_PHONES`, separated by commas.
    ///
    /// # Errors
    /// If one is no number, or a test number: whoever knows a test number's
    /// code must never be an admin.
    pub fn read(vars: &Vars, region: Region, testers: &TestPhones) -> Result<Self, BadParameter> {
        let bad = |problem| BadParameter { name: config::ADMIN_PHONES.name, problem };
        let listed = vars.text(config::ADMIN_PHONES).split(',').map(str::trim);
        let phones = listed.filter(|text| !text.is_empty()).map(|text| {
            let phone = Phone::parse(text, region).map_err(|error| bad(format!("{text:?}: {error}")))?;
            if testers.names(&phone) {
                return Err(bad(format!("{} names the same number", config::TEST_PHONES.name)));
            }
            Ok(phone)
        });
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

    fn read(text: &str) -> Result<TestPhones, BadParameter> {
        TestPhones::read(&Vars::from_iter([("TEST_PHONES", text)]), "RU".parse().unwrap())
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
        assert!(phones.names(&one));
        assert!(!format!("{phones:?}").contains("1234"));
    }

    #[test]
    fn an_admin_is_no_tester() {
        let region = "RU".parse().unwrap();
        let testers = read("+12015550123=1234@2026-12-31").unwrap();
        let admins =
            |text: &str| AdminPhones::read(&Vars::from_iter([("ADMIN_PHONES", text)]), region, &testers);
        let two = admins("+79000000001, 8 900 000 00 02").unwrap();
        assert!(two.contains(&Phone::parse("+79000000002", region).unwrap()));
        for bad in ["+12015550123", "+79000000001,abc"] {
            assert_eq!(admins(bad).unwrap_err().name, "ADMIN_PHONES", "{bad}");
        }
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
            assert!(read(bad).unwrap_err().to_string().starts_with("TEST_PHONES: "), "{bad}");
        }
    }
}
