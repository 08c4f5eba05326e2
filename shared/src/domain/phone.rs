//! Phone numbers: E.164 out, as a person of a region types them in.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PhoneNumber, PhoneNumberFormat, PhoneNumberType, PhoneNumberUtil};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::base::list::listed;
use crate::domain::plans;
use crate::domain::typed::plain;

/// A region in whose way numbers are read: two letters of ISO 3166.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(inline, extend("pattern" = "^[A-Za-z]{2}$"), example = &"RU")]
pub struct Region(#[schemars(with = "String")] pub(super) rlibphonenumber::Region);

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_ascii_uppercase()
            .parse()
            .ok()
            .filter(|region| plans::has_region(*region))
            .map(Self)
            .ok_or_else(|| "must be a region of two letters that has phones, such as RU".to_owned())
    }
}

impl Region {
    /// Reads its numbering plan, so that its numbers need not wait for it.
    pub fn prepare(self) {
        plans::of_region(self.0);
    }
}

/// Its two letters.
impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The countries whose numbers are texted.
#[derive(Clone, Debug)]
pub struct Countries {
    listed: Vec<Region>,
    /// Whether numbers of no country are listed.
    nowhere: bool,
}

/// How numbers of no country are listed: satellite and international networks,
/// which have the code of the world (ISO 3166 knows none; UN M49 does).
const NOWHERE: &str = "001";

/// Reads `RU, KZ, 001`; an empty list stands for all countries.
impl FromStr for Countries {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut countries = Self { listed: Vec::new(), nowhere: false };
        for country in listed(text) {
            if country == NOWHERE {
                countries.nowhere = true;
            } else {
                countries.listed.push(country.parse().map_err(|problem| format!("{country:?} {problem}"))?);
            }
        }
        Ok(countries)
    }
}

impl Countries {
    /// Whether a number is of one of them. One of no country costs the most to text,
    /// and must be asked for.
    pub fn allow(&self, phone: &Phone) -> bool {
        match phone.country() {
            Some(country) => (self.listed.is_empty() && !self.nowhere) || self.listed.contains(&country),
            None => self.nowhere,
        }
    }
}

/// A number that can exist, in E.164: `+` and 7 to 15 digits (ITU-T E.164).
///
/// `Debug` shows it masked, so that none reaches a log whole.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("pattern" = r"^\+[0-9]{7,15}$"), example = &"+79000000001")]
pub struct Phone(String);

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// What a number is, by the numbering plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PhoneKind")]
pub enum Kind {
    /// A mobile phone.
    Mobile,
    /// A landline.
    Landline,
    /// Of a country whose numbers do not tell mobiles from landlines.
    MobileOrLandline,
    /// A line over the internet.
    Voip,
    /// One that costs nothing to call.
    TollFree,
    /// One that costs more to call.
    Premium,
    /// A pager, a voice mail box, a company's or a personal number.
    Other,
    /// Of no plan.
    Unknown,
}

/// Why a string is no phone number that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Not a number anybody can have.
    #[error("this is not a phone number that can exist; write it with + and the country's code")]
    NotANumber,
    /// A number with more behind it, which a text cannot dial.
    #[error("this number has an extension; leave it out")]
    Extension,
    /// A number that exists, but no text reaches it: this one.
    #[error("this number, read as {}, is not a mobile one: a text cannot reach it", .0.as_str())]
    NotMobile(Phone),
}

/// How many characters of what was typed are looked at.
const LONGEST: usize = 100;

impl Phone {
    /// Reads a number as a person types or pastes it, by the numbering plans alone: see
    /// [`Numbers::read`](crate::domain::numbers::Numbers::read).
    ///
    /// # Errors
    /// As there.
    pub fn parse(typed: &str, region: Region) -> Result<Self, PhoneError> {
        Self::read(typed, region, &|_| false)
    }

    /// The same, where a number that `is_known` is taken whatever the plans say of it.
    pub(super) fn read(
        typed: &str,
        region: Region,
        is_known: &dyn Fn(&Self) -> bool,
    ) -> Result<Self, PhoneError> {
        if typed.chars().count() > LONGEST {
            return Err(PhoneError::NotANumber);
        }
        let typed: String = plain(typed).chars().map(|c| if is_dash(c) { '-' } else { c }).collect();
        let typed = typed.trim_start_matches(is_around);
        let typed = typed.trim_end_matches(|c| is_around(c) || matches!(c, ',' | ';'));
        // A link that was copied (RFC 3966, RFC 5724).
        let is_link = |scheme: &str| ["tel:", "sms:"].iter().any(|of| scheme.eq_ignore_ascii_case(of));
        let typed = if typed.get(..4).is_some_and(is_link) { &typed[4..] } else { typed };
        if has_extension(typed) {
            return Err(PhoneError::Extension);
        }
        if typed.chars().count() > 40 || !typed.chars().all(belongs_in_a_phone) {
            return Err(PhoneError::NotANumber);
        }
        let is_reached = |phone: &Self| is_known(phone) || phone.reachable().is_ok();
        let local = Self::valid(typed, region, is_known);
        if let Some(local) = local.as_ref().filter(|local| is_reached(local)) {
            return Ok(local.clone());
        }
        let bare = typed.bytes().all(|byte| byte.is_ascii_digit());
        let abroad = bare.then(|| Self::valid(&format!("+{typed}"), region, is_known)).flatten();
        let abroad = abroad.filter(|abroad| local.is_none() || is_reached(abroad));
        abroad.or(local).ok_or(PhoneError::NotANumber)
    }

    /// The number that is written with `+` and has the shape of E.164, whether it can exist
    /// or not.
    pub(super) fn of_shape(typed: &str) -> Option<Self> {
        let typed = plain(typed);
        let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
        let is_whole =
            typed.starts_with('+') && typed[1..].chars().all(|c| c != '+' && belongs_in_a_phone(c));
        (is_whole && (7..=15).contains(&digits.len()) && !digits.starts_with('0'))
            .then(|| Self(format!("+{digits}")))
    }

    /// That a text can reach the number, so that no money is spent for nothing.
    ///
    /// # Errors
    /// [`PhoneError::NotMobile`].
    pub fn reachable(&self) -> Result<(), PhoneError> {
        match self.kind() {
            Kind::Mobile | Kind::MobileOrLandline => Ok(()),
            _ => Err(PhoneError::NotMobile(self.clone())),
        }
    }

    /// What the plans say that it is.
    pub fn kind(&self) -> Kind {
        match self.in_plan().map(|(plan, number)| plan.get_number_type(&number)) {
            Some(PhoneNumberType::Mobile) => Kind::Mobile,
            Some(PhoneNumberType::FixedLine) => Kind::Landline,
            Some(PhoneNumberType::FixedLineOrMobile) => Kind::MobileOrLandline,
            Some(PhoneNumberType::VoIP) => Kind::Voip,
            Some(PhoneNumberType::TollFree) => Kind::TollFree,
            Some(PhoneNumberType::PremiumRate | PhoneNumberType::SharedCost) => Kind::Premium,
            Some(PhoneNumberType::Unknown) | None => Kind::Unknown,
            Some(_) => Kind::Other,
        }
    }

    /// What the one plan that `typed` seems to be of makes of it, all of them
    /// would too; those that it makes nothing of, such as `810 44 …` dialled in
    /// Russia, are for all of them.
    fn valid(typed: &str, region: Region, is_known: &dyn Fn(&Self) -> bool) -> Option<Self> {
        let read = |plan: &PhoneNumberUtil| {
            let number = plan.parse(typed, Some(region.0)).ok()?;
            let e164 = plan.format(&number, PhoneNumberFormat::E164).into_owned();
            let is_valid = |phone: &Self| {
                is_known(phone)
                    || plan.parse(&phone.0, None).is_ok_and(|number| plan.is_valid_number(&number))
            };
            of_mobiles(&e164).map(Self).filter(is_valid).or_else(|| Some(Self(e164)).filter(is_valid))
        };
        let number = typed.trim_start_matches(|c: char| c != '+' && !c.is_ascii_digit());
        let plan = if number.starts_with('+') { plans::of_code(number) } else { plans::of_region(region.0) };
        let of_no_plan = || Self::of_shape(number).filter(is_known);
        plan.and_then(read).or_else(|| read(plans::all())).or_else(of_no_plan)
    }

    /// The plan that the number is of, and what it is there.
    fn in_plan(&self) -> Option<(&'static PhoneNumberUtil, PhoneNumber)> {
        let plan = plans::of_code(&self.0)?;
        Some((plan, plan.parse(&self.0, None).ok()?))
    }

    /// The number in E.164.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number less its last digits: what neighbours share.
    pub fn less(&self, digits: usize) -> &str {
        self.0.len().checked_sub(digits).and_then(|at| self.0.get(..at)).unwrap_or_default()
    }

    /// The country that the number belongs to; of one that no plan knows the main country of
    /// its calling code. `None` for numbers of no country, such as those of satellites.
    pub fn country(&self) -> Option<Region> {
        let plan = plans::of_code(&self.0)?;
        let number = plan.parse(&self.0, None).ok();
        let region = number.as_ref().and_then(|number| plan.get_region_for_number(number));
        let region = region.or_else(|| plans::main_region(&self.0))?;
        (region != rlibphonenumber::Region::World).then_some(Region(region))
    }

    /// The number with its middle hidden: `+7900•••4567`.
    pub fn masked(&self) -> String {
        let (start, end) = (self.0.get(..5), self.0.len().checked_sub(4).and_then(|at| self.0.get(at..)));
        match (start, end) {
            (Some(start), Some(end)) if self.0.len() > 9 => format!("{start}•••{end}"),
            _ => "•••".to_owned(),
        }
    }
}

/// The number that a mobile has where `e164` is how its landline neighbours, or the mobile
/// itself years ago, are written: Argentina puts a 9 behind its code for mobiles alone, and
/// Mexico had a 1 there until 2019.
fn of_mobiles(e164: &str) -> Option<String> {
    match (e164.strip_prefix("+54"), e164.strip_prefix("+521")) {
        (Some(rest), _) if !rest.starts_with('9') => Some(format!("+549{rest}")),
        (_, Some(rest)) if rest.len() == 10 => Some(format!("+52{rest}")),
        _ => None,
    }
}

/// ASCII digits and what people and phones put between them.
pub(super) const fn belongs_in_a_phone(c: char) -> bool {
    matches!(c, '0'..='9' | '+' | ' ' | '(' | ')' | '[' | ']' | '-' | '.' | '/')
}

/// Quotes and the like, in which lists, mails and chats put a number.
const fn is_around(c: char) -> bool {
    matches!(c, ' ' | '"' | '\'' | '`' | '<' | '>' | '«' | '»' | '‹' | '›' | '‘'..='‟')
}

/// Hyphens, dashes, the minus sign, the long mark of Japanese, which keyboards put for it,
/// and the tilde, at which one waits for the tone: `8~10 44 …`.
const fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '~' | '\u{2212}' | '\u{30fc}' | '\u{2053}' | '\u{223c}')
}

/// Whether digits follow that are dialled once somebody answers: `ext. 5`, `x5`, `#5`,
/// `доб. 5`, `;ext=5`, `,5`.
fn has_extension(typed: &str) -> bool {
    let before = typed.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = typed.len() - before.len();
    let words = before.trim_end_matches([' ', '.', ':', '=']).to_lowercase();
    let has_number = words.chars().filter(char::is_ascii_digit).count() >= 7;
    let marks = ["ext", "extn", "extension", "x", "#", "доб", "добавочный", "anexo", "int", ",", ";"];
    (1..=7).contains(&digits) && has_number && marks.iter().any(|mark| words.ends_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(typed: &str, region: &str) -> Option<String> {
        Phone::parse(typed, region.parse().unwrap()).ok().map(|phone| phone.as_str().to_owned())
    }

    #[test]
    fn numbers_are_read_as_people_of_a_region_type_them() {
        for (typed, region, e164) in [
            ("8 (900) 000-00-00", "RU", "+79000000000"),
            ("89000000000", "ru", "+79000000000"),
            ("9000000000", "RU", "+79000000000"),
            ("+7 8 900 000 00 00", "RU", "+79000000000"),
            ("+7 812 123-45-67", "RU", "+78121234567"),
            ("+7 (812) 123-45-67", "US", "+78121234567"),
            ("79000000000", "US", "+79000000000"),
            (" 79000000000", "US", "+79000000000"),
            ("+7\u{a0}900\u{a0}000\u{2011}00\u{2011}00", "US", "+79000000000"),
            ("(201) 555-0123", "US", "+12015550123"),
            ("07911 123456", "GB", "+447911123456"),
            ("+44 (0) 7911 123456", "GB", "+447911123456"),
            ("+39 347 123 4567", "RU", "+393471234567"),
            ("+225 01 23 45 67 89", "RU", "+2250123456789"),
            // Where it looks like a landline of the region, or like nothing there.
            ("4915123456789", "DE", "+4915123456789"),
            ("79000000000", "DE", "+79000000000"),
            ("79000000000", "AT", "+79000000000"),
            // What landlines and mobiles share.
            ("11 2345-6789", "AR", "+5491123456789"),
            ("+541123456789", "RU", "+5491123456789"),
            ("011 2345-6789", "AR", "+5491123456789"),
            ("011 15 2345-6789", "AR", "+5491123456789"),
            ("+54 9 11 2345-6789", "RU", "+5491123456789"),
            ("+52 1 55 1234 5678", "RU", "+525512345678"),
            ("55 1234 5678", "MX", "+525512345678"),
        ] {
            assert_eq!(parse(typed, region).as_deref(), Some(e164), "{typed} in {region}");
        }
    }

    #[test]
    fn what_is_copied_dictated_and_pasted_is_read() {
        for typed in [
            "\u{202d}+79000000000\u{202c}",
            "\u{2066}+7 900 000-00-00\u{2069}",
            "\u{200e}+79000000000\u{200f}",
            "\u{feff}+7900\u{200b}0000000",
            "+7900\u{ad}000\u{2060}0000",
            "\t+79000000000",
            "+79000000000\r\n",
            "+79000000000,",
            "+79000000000; ",
            "tel:+7-900-000-00-00",
            "TEL:89000000000",
            "sms:+79000000000",
            "<tel:+79000000000>",
            "\"+79000000000\",",
            "'8 900 000-00-00'",
            "“+7 900 000-00-00”",
            "«+7 900 000-00-00»;",
            "８９００ ０００ ００ ００",
            "＋７（９００）０００－００－００",
            "٨٩٠٠٠٠٠٠٠٠٠",
            "८९०००००००००",
            "+7\u{2212}900\u{2212}000\u{2212}00\u{2212}00",
            "8ー900ー000ー00ー00",
            "+7\u{3000}900\u{3000}0000000",
            "+7\u{a0}[900]\u{202f}000\u{2011}00\u{2013}00",
        ] {
            assert_eq!(parse(typed, "RU").as_deref(), Some("+79000000000"), "{typed:?}");
        }
    }

    #[test]
    fn an_extension_is_said_to_be_one() {
        for typed in [
            "+12015550123 ext 5",
            "+12015550123 ext. 5",
            "+12015550123x5",
            "+12015550123;ext=3",
            "+12015550123,5",
            "+12015550123 #5",
            "8 812 123-45-67 доб. 12",
            "+12015550123 extension 5",
            "+12015550123 X5",
        ] {
            assert_eq!(Phone::parse(typed, "RU".parse().unwrap()), Err(PhoneError::Extension), "{typed:?}");
        }
    }

    #[test]
    fn one_plan_reads_what_all_of_them_read() {
        use rand::rngs::StdRng;
        use rand::{RngExt, SeedableRng};
        use rlibphonenumber::PHONE_NUMBER_UTIL as ALL;

        let by_all = |typed: &str, region| {
            let number = ALL.parse(typed, Some(region)).ok()?;
            let e164 = ALL.format(&number, PhoneNumberFormat::E164).into_owned();
            let valid = |e164: String| {
                let number = ALL.parse(&e164, None).ok().filter(|number| ALL.is_valid_number(number))?;
                Some((e164, ALL.get_number_type(&number), ALL.get_region_for_number(&number)))
            };
            of_mobiles(&e164).and_then(valid).or_else(|| valid(e164))
        };
        let by_one = |typed: &str, region| {
            let phone = Phone::valid(typed, Region(region), &|_| false)?;
            let (plan, number) = phone.in_plan()?;
            Some((phone.0, plan.get_number_type(&number), plan.get_region_for_number(&number)))
        };
        let rng = &mut StdRng::seed_from_u64(1);
        let (mut valid, mut compared) = (0, 0);
        let mut regions: Vec<_> = ALL.get_supported_regions().collect();
        regions.sort_by_key(ToString::to_string);
        for &region in &regions {
            let elsewhere = regions[rng.random_range(0..regions.len())];
            for kind in [PhoneNumberType::Mobile, PhoneNumberType::FixedLine, PhoneNumberType::TollFree] {
                let Ok(number) = ALL.get_example_number_for_type_and_region(region, kind) else { continue };
                let mut typed = vec![
                    ALL.format(&number, PhoneNumberFormat::E164).into_owned(),
                    ALL.format(&number, PhoneNumberFormat::National).into_owned(),
                    format!("({})", ALL.format(&number, PhoneNumberFormat::International)),
                    ALL.format_out_of_country_calling_number(&number, elsewhere).into_owned(),
                ];
                let mut changed = typed[0].clone().into_bytes();
                let at = rng.random_range(1..changed.len());
                changed[at] = rng.random_range(b'0'..=b'9');
                let changed = String::from_utf8(changed).unwrap();
                let codeless = format!("+{}", number.national_number);
                typed.extend([changed[1..].to_owned(), changed, codeless]);
                for typed in typed {
                    for region in [region, elsewhere] {
                        let whole = by_all(&typed, region);
                        assert_eq!(by_one(&typed, region), whole, "{typed} in {region}");
                        compared += 1;
                        valid += u32::from(whole.is_some());
                    }
                }
            }
        }
        assert!(
            regions.len() > 240 && valid > compared / 2,
            "{valid} of {compared}, {} regions",
            regions.len()
        );
    }

    #[test]
    fn only_numbers_that_can_exist_are_taken() {
        for typed in [
            "",
            " ",
            "abc",
            "-1",
            "+",
            "0000000000",
            "+7900000000",
            "+790000000000",
            "1234",
            "+7900\u{0}0000000",
            "1-800-FLOWERS",
            "+7900\n0000000",
            "+7900\t0000000",
            "+7900½000000",
            "+7900000000⁰",
            "+790000000⓪0",
            "+79000000000;ext=3",
            "+12015550123 ext 5",
            "+99999999999",
        ] {
            assert_eq!(parse(typed, "RU"), None, "{typed:?}");
        }
        assert_eq!(parse(&"9".repeat(100_000), "RU"), None);
    }

    #[test]
    fn a_landline_is_a_number_but_no_text_reaches_it() {
        let reachable = |typed| Phone::parse(typed, "RU".parse().unwrap()).unwrap().reachable();
        for (landline, read) in [("8 812 123-45-67", "+78121234567"), ("+1 800 356 9377", "+18003569377")] {
            let problem = reachable(landline).unwrap_err().to_string();
            assert!(problem.contains(&format!("read as {read},")), "{problem}");
        }
        assert_eq!(reachable("+12015550123"), Ok(()));
        assert_eq!(reachable("89000000000"), Ok(()));
    }

    #[test]
    fn a_number_has_a_country_and_neighbours() {
        let phone = |typed| Phone::parse(typed, "RU".parse().unwrap()).unwrap();
        let country = |typed| phone(typed).country().map(|country| country.to_string());
        assert_eq!(country("+79000000000").as_deref(), Some("RU"));
        assert_eq!(country("+77011234567").as_deref(), Some("KZ"), "who shares +7");
        assert_eq!(country("+12015550123").as_deref(), Some("US"));
        assert_eq!(country("+800 1234 5678"), None);
        assert_eq!(phone("+79001234567").less(4), "+7900123");
    }

    #[test]
    fn debug_hides_the_middle() {
        let phone = Phone::parse("+79001234567", "RU".parse().unwrap()).unwrap();
        assert_eq!(format!("{phone:?}"), "+7900•••4567");
    }

    #[test]
    fn countries_can_be_narrowed() {
        let countries = |text: &str| text.parse::<Countries>();
        let phone = |typed| Phone::parse(typed, "RU".parse().unwrap()).unwrap();
        assert!(countries("").unwrap().allow(&phone("+12015550123")));
        // Of no country: an international and a satellite network.
        for nowhere in ["+800 1234 5678", "+882 16 5555 1234"] {
            assert!(!countries("").unwrap().allow(&phone(nowhere)), "{nowhere}");
            assert!(countries("RU, 001").unwrap().allow(&phone(nowhere)), "{nowhere}");
        }
        assert!(countries("RU,001").unwrap().allow(&phone("+79000000000")));
        assert!(!countries("001").unwrap().allow(&phone("+79000000000")));
        let two = countries("kz, RU").unwrap();
        assert!(two.allow(&phone("+79000000000")) && two.allow(&phone("+77011234567")));
        assert!(!two.allow(&phone("+12015550123")) && !two.allow(&phone("+800 1234 5678")));
        for bad in ["Russia", "RU;KZ", "ZZ", "7"] {
            assert!(countries(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_region_is_one_that_has_phones() {
        for region in ["", "R", "RUS", "ZZ", "001", "7", "ру"] {
            assert!(region.parse::<Region>().is_err(), "{region:?}");
        }
    }
}
