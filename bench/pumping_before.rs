//! The guard against SMS pumping that stood before earned credit, to be compared with
//! it: somebody who earns from texts to numbers of
//! their own asks for many codes and enters none.
//!
//! Texts and entered codes are counted in buckets of time, per *place*: a
//! prefix (the number less its last four digits) and a country. An entered code
//! counts in the bucket of its text, so that the share is that of the same
//! texts; and only texts that are older than a code lives are judged, so that a
//! busy minute is no attack.

use std::ops::Range;

use latchkey::base::world::Timestamp;
use latchkey::domain::limits::HOUR;
use latchkey::domain::phone::Phone;

/// Into how many buckets the life of a code is cut: a text is judged at most a
/// tenth of it late.
const BUCKETS_PER_LIFE: i64 = 10;

/// When a place is paused.
#[derive(Clone, Debug)]
pub(crate) struct Pumping {
    /// How many texts to a prefix are judged at least; 0: none is judged.
    pub(crate) min_prefix: i64,
    /// How many texts to a country are judged at least; 0: none is judged.
    pub(crate) min_country: i64,
    /// The least share of codes entered, 0 to 1.
    pub(crate) min_ratio: f64,
    /// How long a place is paused, in seconds.
    pub(crate) pause: i64,
    /// How long a code lives, in seconds.
    pub(crate) code_ttl: i64,
}

/// What texts and entered codes are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// Its name in keys and logs: `prefix#+7900000` or `country#RU`.
    pub(crate) name: String,
    /// How many judged texts it takes before it is judged.
    pub(crate) min_sends: i64,
}

/// What was counted of one bucket in one place; a shard may count less than
/// nothing, where a text was counted in one and taken back in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Which: its start in buckets since 1970.
    pub(crate) number: i64,
    /// Texts sent.
    pub(crate) sent: i64,
    /// Codes of these texts that were entered.
    pub(crate) entered: i64,
}

impl Pumping {
    /// The places of a number that are watched.
    pub(crate) fn places(&self, phone: &Phone) -> Vec<Place> {
        let mut places = Vec::new();
        if self.min_prefix > 0 {
            places.push(Place { name: format!("prefix#{}", phone.less(4)), min_sends: self.min_prefix });
        }
        if self.min_country > 0 {
            let country = phone.country().map_or_else(|| "none".to_owned(), |country| country.to_string());
            places.push(Place { name: format!("country#{country}"), min_sends: self.min_country });
        }
        places
    }

    /// How wide a bucket is, in seconds.
    const fn width(&self) -> i64 {
        self.code_ttl / BUCKETS_PER_LIFE
    }

    /// The bucket that a text of this moment is counted in.
    pub(crate) const fn bucket(&self, at: Timestamp) -> i64 {
        at.seconds().div_euclid(self.width())
    }

    /// The buckets that are judged: those of the hour that ended when a code
    /// sent at its end would run out now.
    const fn judged(&self, now: Timestamp) -> Range<i64> {
        let end = (now.seconds() - self.code_ttl).div_euclid(self.width());
        end - HOUR / self.width()..end
    }

    /// Whether a place looks pumped. What was sent before its last pause ended
    /// (`resumed_at`) was judged then.
    pub(crate) fn is_pumped(
        &self,
        place: &Place,
        buckets: impl IntoIterator<Item = Bucket>,
        resumed_at: Timestamp,
        now: Timestamp,
    ) -> bool {
        let judged = self.judged(now);
        let (sent, entered) = buckets
            .into_iter()
            .filter(|bucket| judged.contains(&bucket.number) && bucket.number >= self.bucket(resumed_at))
            .fold((0, 0), |(sent, entered), bucket| (sent + bucket.sent, entered + bucket.entered));
        #[expect(clippy::cast_precision_loss, reason = "counts of an hour are far below 2^52")]
        let too_few = (entered as f64) < self.min_ratio * sent as f64;
        sent >= place.min_sends && too_few
    }
}
