//! Numbers that are named in the parameters. Test numbers, for those who review
//! an app in a store: a fixed code until a day, never a text, never a role. Those of
//! the first admins. And ranges that are in use before the numbering plans know them.

use std::fmt;

use time::format_description::well_known::Iso8601;
use time::{Date, Time};

use crate::base::list::listed;
use crate::base::world::Timestamp;
use crate::domain::code::OneTimeCode;
use crate::domain::phone::{Phone, Region};
use crate::domain::plans;

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
    /// the end of its day in UTC. Nothing is texted there, so that numbers which nobody
    /// can have will do: Ofcom's for films, or +1 555 555 5555.
    ///
    /// # Errors
    /// In words, if one is malformed or named twice.
    pub fn parse(text: &str, region: Region) -> Result<Self, String> {
        let mut all = Vec::<TestPhone>::new();
        for text in listed(text) {
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

impl FromIterator<Phone> for AdminPhones {
    fn from_iter<I: IntoIterator<Item = Phone>>(phones: I) -> Self {
        Self(phones.into_iter().collect())
    }
}

impl AdminPhones {
    /// Whether a number is one of them.
    pub fn contains(&self, phone: &Phone) -> bool {
        self.0.contains(phone)
    }
}

/// Ranges of mobile numbers that the numbering plans do not know yet: what each begins
/// with, and how many digits it has in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberRanges(Vec<(String, usize)>);

impl NumberRanges {
    /// Reads `+7995=11`, separated by commas: what the numbers begin with in E.164, and how
    /// many digits they have, those of the calling code among them.
    ///
    /// # Errors
    /// In words, if one is malformed, or of a calling code that nobody has.
    pub fn parse(text: &str) -> Result<Self, String> {
        let range = |text: &str| {
            let bad = |problem: &str| format!("must be a list such as +7995=11: {text:?} {problem}");
            let (prefix, length) = text.split_once('=').ok_or_else(|| bad("has no ="))?;
            let prefix: String = prefix.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
            let digits = prefix.strip_prefix('+').ok_or_else(|| bad("does not begin with +"))?;
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(bad("does not begin with + and digits"));
            }
            if plans::of_code(digits).is_none() {
                return Err(bad("begins with no country's code"));
            }
            let length = length.trim().parse().ok();
            let length = length.filter(|length| (7.max(digits.len())..=15).contains(length));
            Ok((prefix.clone(), length.ok_or_else(|| bad("has no length from 7 to 15 digits"))?))
        };
        listed(text).map(range).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a number is of one of them.
    pub fn contains(&self, phone: &Phone) -> bool {
        let number = phone.as_str();
        self.0.iter().any(|(prefix, digits)| number.starts_with(prefix) && number.len() == digits + 1)
    }
}

fn parse(text: &str, region: Region) -> Result<TestPhone, &'static str> {
    let (phone, rest) = text.split_once('=').ok_or("an = is missing")?;
    let (code, day) = rest.split_once('@').ok_or("an @ with its last day is missing")?;
    let phone = Phone::parse(phone, region).ok().or_else(|| Phone::of_shape(phone));
    let phone = phone.ok_or("a number is not + and 7 to 15 digits")?;
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
            "+12015=1234@2026-12-31",
            "12015=1234@2026-12-31",
            "+0201555012=1234@2026-12-31",
            "+1201555012345678=1234@2026-12-31",
            "+12015550123=1234@2026-02-30",
            "+12015550123=1234@tomorrow",
            "+12015550123=1234@2026-12-31,+12015550123=4321@2026-12-31",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_test_number_need_not_exist() {
        for number in
            ["+447700900123", "+15555555555", "+44 7700 900456", "+1 (555) 555-5555", "+999123456789"]
        {
            let read = read(&format!("{number}=1234@2026-12-31"));
            assert!(read.is_ok(), "{number}: {read:?}");
        }
    }

    #[test]
    fn a_range_is_what_it_begins_with_and_how_long_it_is() {
        let ranges = NumberRanges::parse("+7995=11, +49 (1512)=13").unwrap();
        for (number, is_in) in [
            ("+79950000000", true),
            ("+7995000000", false),
            ("+799500000000", false),
            ("+79940000000", false),
            ("+4915120000000", true),
        ] {
            assert_eq!(ranges.contains(&Phone::of_shape(number).unwrap()), is_in, "{number}");
        }
        assert_eq!(NumberRanges::parse(" , "), Ok(NumberRanges::default()));
        for bad in [
            "7995=11",
            "+7995",
            "+7995=",
            "+7995=16",
            "+7995=6",
            "+=11",
            "+79a5=11",
            "+9995=11",
            "+799500000000=11",
        ] {
            assert!(NumberRanges::parse(bad).is_err(), "{bad}");
        }
    }
}
