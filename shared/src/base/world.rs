//! Time and chance, handed in, so that a test can freeze the one and seed the
//! other.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::CryptoRng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339 as Rfc3339Format;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
///
/// Stored as that number; leaves the API as [`Rfc3339`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// When a day of UTC begins, counted from the Unix epoch.
    pub const fn of_day(day: i64) -> Self {
        Self(day * 86_400_000)
    }

    /// Whole days of UTC since the Unix epoch, rounded down.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(86_400_000)
    }

    /// `seconds` later (earlier when negative).
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + seconds * 1000)
    }

    /// How many whole seconds it takes from `self` until `later` is reached,
    /// rounded up; 0 if it is reached already.
    pub fn seconds_until(self, later: Self) -> u64 {
        u64::try_from(later.0 - self.0).map_or(0, |ms| ms.div_ceil(1000))
    }
}

/// A day of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(inline, extend("format" = "date"), example = &"2026-11-21")]
pub struct Date(#[schemars(with = "String")] time::Date);

impl Date {
    /// The one that `at` is in.
    pub fn of(at: Timestamp) -> Self {
        Self(OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH).date())
    }

    /// When it begins.
    pub fn begins(self) -> Timestamp {
        Timestamp::default().plus_seconds(self.0.midnight().assume_utc().unix_timestamp())
    }

    /// The one `days` before.
    #[must_use]
    pub fn before(self, days: u16) -> Self {
        Self(self.0.saturating_sub(time::Duration::days(days.into())))
    }
}

/// `2026-11-21`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

/// Reads `2026-11-21`.
impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339Format)
            .map(|begins| Self(begins.date()))
            .map_err(|_| serde::de::Error::custom("must be a day such as 2026-11-21"))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A month of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i32,
    month: u8,
}

impl Month {
    /// The one that `at` is in.
    pub fn of(at: Timestamp) -> Self {
        let date = OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self { year: date.year(), month: date.month().into() }
    }

    /// The one before.
    #[must_use]
    pub const fn before(self) -> Self {
        match self.month {
            1 => Self { year: self.year - 1, month: 12 },
            month => Self { month: month - 1, ..self },
        }
    }

    /// Reads `2026-11`. `None` if it is no month.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits =
            text.len() == 7 && year.len() == 4 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let month = Self { year: year.parse().ok()?, month: month.parse().ok()? };
        (digits && (1..=12).contains(&month.month)).then_some(month)
    }
}

/// `2026-11`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// A [`Timestamp`] as the API shows it: RFC 3339, UTC, whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(inline, extend("format" = "date-time"), example = &"2026-11-21T01:25:52Z")]
pub struct Rfc3339(#[schemars(with = "String")] pub Timestamp);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp(self.0.seconds()).map_err(|_| fmt::Error)?;
        f.write_str(&time.format(&Rfc3339Format).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The years 0000 to 9999 of UTC, in seconds since 1970 (RFC 3339, section 5.6).
const YEARS: RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// With any offset; whole milliseconds.
impl<'de> Deserialize<'de> for Rfc3339 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // An offset can move a time out of the years that RFC 3339 can write.
        let time = OffsetDateTime::parse(&text, &Rfc3339Format)
            .ok()
            .filter(|time| YEARS.contains(&time.unix_timestamp()))
            .ok_or_else(|| serde::de::Error::custom("must be a time such as 2026-12-31T23:59:59Z"))?;
        Ok(Self(Timestamp(time.unix_timestamp() * 1_000 + i64::from(time.millisecond()))))
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the real clock is read")]
    fn now(&self) -> Timestamp {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// What an endpoint may not know by itself: the time, and what chance gives.
pub struct World {
    clock: Box<dyn Clock>,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
}

impl World {
    /// The machine's clock and the operating system's generator.
    pub fn real() -> Arc<Self> {
        Self::new(SystemClock, UnwrapErr(SysRng))
    }

    /// A world with a clock and a generator of one's own.
    pub fn new(clock: impl Clock + 'static, rng: impl CryptoRng + Send + 'static) -> Arc<Self> {
        Arc::new(Self { clock: Box::new(clock), rng: Mutex::new(Box::new(rng)) })
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The generator, for as long as the guard lives: draw and let go.
    pub fn rng(&self) -> MutexGuard<'_, Box<dyn CryptoRng + Send>> {
        self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A new identifier: a UUID of version 7 (RFC 9562), so that identifiers
    /// sort by the time they were made.
    pub fn new_id(&self) -> String {
        let mut random = [0; 10];
        self.rng().fill_bytes(&mut random);
        let millis = u64::try_from(self.now().millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_until_rounds_up_so_that_waiting_them_is_enough() {
        let now = Timestamp::from_millis(10_900);
        assert_eq!(now.seconds_until(Timestamp::from_millis(70_900)), 60);
        assert_eq!(now.seconds_until(Timestamp::from_millis(70_901)), 61);
        assert_eq!(now.seconds_until(Timestamp::from_millis(10_900)), 0);
        assert_eq!(now.seconds_until(Timestamp::from_millis(0)), 0);
    }

    #[test]
    fn days_go_back_over_months() {
        let day = Date::of(Timestamp::from_millis(1_795_224_352_999));
        assert_eq!(day.to_string(), "2026-11-21");
        assert_eq!(day.before(21).to_string(), "2026-10-31");
        assert_eq!(day.before(325).to_string(), "2025-12-31");
    }

    #[test]
    fn months_go_back_over_the_year() {
        let month = Month::of(Timestamp::from_millis(1_795_224_352_999));
        assert_eq!(month.to_string(), "2026-11");
        assert_eq!(Month::parse("2026-11"), Some(month));
        assert_eq!(Month::parse("2026-01").unwrap().before().to_string(), "2025-12");
        assert_eq!(month.before().to_string(), "2026-10");
        for bad in ["", "2026-1", "2026-13", "2026-00", "26-11", "2026-1x", "+026-11", "2026--1"] {
            assert_eq!(Month::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_read_can_be_written() {
        let read = |text: &str| serde_json::from_value::<Rfc3339>(text.into());
        for good in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59+23:59"] {
            serde_json::to_string(&read(good).unwrap()).unwrap();
        }
        for bad in ["9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+01:00", "2026-02-30T00:00:00Z", "soon"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_leave_as_rfc_3339() {
        let at = Rfc3339(Timestamp::from_millis(1_795_224_352_999));
        assert_eq!(serde_json::to_string(&at).unwrap(), "\"2026-11-21T01:25:52Z\"");
    }
}
