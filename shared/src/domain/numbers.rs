//! How a deployment reads phone numbers: in the way of its region, by the numbering plans,
//! its test numbers and the ranges that it lets in besides.

use crate::domain::phone::{Kind, Phone, PhoneError, Region};
use crate::domain::phone_front::PhoneFront;
use crate::domain::phone_lists::{NumberRanges, TestPhones};

/// What a number is read by.
#[derive(Clone, Debug)]
pub struct Numbers {
    region: Region,
    testers: TestPhones,
    ranges: NumberRanges,
}

impl Numbers {
    /// In the way of `region`; `testers` and numbers of `ranges` are taken whatever the
    /// plans say.
    pub const fn new(region: Region, testers: TestPhones, ranges: NumberRanges) -> Self {
        Self { region, testers, ranges }
    }

    /// Reads a number as a person types or pastes it, in the way of `hint` where it has no
    /// `+`, else of the deployment's region; bare digits are tried once more with a leading
    /// `+` where that way makes nothing of them that a text reaches. A number that landlines
    /// and mobiles share is the mobile one.
    ///
    /// # Errors
    /// [`PhoneError::NotANumber`] for all that is no valid number, and for any
    /// character that does not belong into one: letters, symbols, control characters;
    /// [`PhoneError::Extension`].
    pub fn read(&self, typed: &str, hint: Option<Region>) -> Result<Phone, PhoneError> {
        Phone::read(typed, hint.unwrap_or(self.region), &|phone| {
            self.testers.names(phone) || self.ranges.contains(phone)
        })
    }

    /// Reads the front of a number, in the way of the deployment's region; `None` if it begins
    /// with no country's code.
    pub fn read_front(&self, typed: &str) -> Option<PhoneFront> {
        PhoneFront::parse(typed, self.region)
    }

    /// That a text can reach the number, so that no money is spent for nothing.
    ///
    /// # Errors
    /// [`PhoneError::NotMobile`].
    pub fn reachable(&self, phone: &Phone) -> Result<(), PhoneError> {
        if self.ranges.contains(phone) { Ok(()) } else { phone.reachable() }
    }

    /// What a number is; one of a range that is let in is a mobile's.
    pub fn kind(&self, phone: &Phone) -> Kind {
        if self.ranges.contains(phone) { Kind::Mobile } else { phone.kind() }
    }

    /// The numbers with a fixed code.
    pub const fn testers(&self) -> &TestPhones {
        &self.testers
    }

    /// Reads the region's numbering plan, so that its numbers need not wait for it.
    pub fn prepare(&self) {
        self.region.prepare();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Numbers {
        let region = "RU".parse().unwrap();
        let testers =
            "+447700900123=1234@2026-12-31, +15555555555=1234@2026-12-31, +999123456=1234@2026-12-31";
        let testers = TestPhones::parse(testers, region).unwrap();
        // Nothing of +7 895, and a landline of Germany.
        Numbers::new(region, testers, NumberRanges::parse("+7895=11, +4930=11").unwrap())
    }

    #[test]
    fn a_test_number_is_read_however_it_is_typed() {
        let numbers = numbers();
        for (typed, hint, e164) in [
            ("+44 7700 900123", None, "+447700900123"),
            ("07700 900123", Some("GB"), "+447700900123"),
            ("00 44 7700 900123", Some("GB"), "+447700900123"),
            ("447700900123", None, "+447700900123"),
            ("(555) 555-5555", Some("US"), "+15555555555"),
            ("+1 555 555 5555", None, "+15555555555"),
            ("\u{202a}+１５５５５５５５５５５\u{202c}", None, "+15555555555"),
            ("+999 123 456", None, "+999123456"),
        ] {
            let read = numbers.read(typed, hint.map(|hint| hint.parse().unwrap()));
            assert_eq!(read.as_ref().map(Phone::as_str), Ok(e164), "{typed}");
        }
        for typed in ["+44 7700 900124", "+1 555 555 5556", "+999 123 457"] {
            assert_eq!(numbers.read(typed, None), Err(PhoneError::NotANumber), "{typed}");
        }
    }

    #[test]
    fn a_range_that_no_plan_knows_is_let_in() {
        let numbers = numbers();
        for typed in ["+7 895 000-00-01", "8 895 000-00-01", "78950000001"] {
            let phone = numbers.read(typed, None).unwrap();
            assert_eq!(phone.as_str(), "+78950000001", "{typed}");
            assert_eq!(numbers.reachable(&phone), Ok(()));
            assert_eq!(phone.country().unwrap().to_string(), "RU");
            assert_eq!((numbers.kind(&phone), phone.kind()), (Kind::Mobile, Kind::Unknown));
            assert!(Phone::parse(typed, numbers.region).is_err(), "{typed}: let in by the range alone");
        }
        let landline = numbers.read("+49 30 901820000", None).unwrap();
        assert!(numbers.reachable(&landline).is_err(), "one digit more than the range has");
        let landline = numbers.read("+49 30 90182000", None);
        assert!(numbers.reachable(&landline.unwrap()).is_err());
        assert_eq!(numbers.read("+7 895 000-00-0", None), Err(PhoneError::NotANumber));
    }
}
