//! What became of a text.

use crate::base::world::Timestamp;

/// Why a text did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The provider does not take the number.
    BadNumber,
    /// Its owner asked for no more texts.
    OptedOut,
    /// Too many at once.
    Throttled,
    /// The money that may be spent on texts is spent.
    OverBudget,
    /// Anything else: a bad key, a sandbox, a sender that is not agreed.
    Refused,
}

impl Why {
    /// Its name in metrics and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadNumber => "bad_number",
            Self::OptedOut => "opted_out",
            Self::Throttled => "throttled",
            Self::OverBudget => "over_budget",
            Self::Refused => "refused",
        }
    }
}

/// What became of a text, as far as it is known, the surest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A carrier was asked to send it, and is not known to have refused.
    Sent,
    /// A carrier took it.
    Accepted,
    /// No carrier took it.
    Refused(Why),
    /// Its code was entered.
    Entered,
}

/// A text and its fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextFate {
    /// When the text was asked for.
    pub at: Timestamp,
    /// What became of it.
    pub fate: Fate,
}

/// Each with the digit that it is stored by.
const DIGITS: [(Fate, i64); 8] = [
    (Fate::Sent, 0),
    (Fate::Accepted, 1),
    (Fate::Refused(Why::BadNumber), 2),
    (Fate::Refused(Why::OptedOut), 3),
    (Fate::Refused(Why::Throttled), 4),
    (Fate::Refused(Why::OverBudget), 5),
    (Fate::Refused(Why::Refused), 6),
    (Fate::Entered, 7),
];

impl TextFate {
    /// As one number, by which texts are in the order of time: milliseconds since 1970
    /// and a digit.
    pub fn number(self) -> i64 {
        let digit = DIGITS.iter().find(|(fate, _)| *fate == self.fate).map_or(0, |(_, digit)| *digit);
        self.at.millis() * 10 + digit
    }

    /// The one of a number; of a digit that nobody writes, sent.
    pub fn of(number: i64) -> Self {
        let fate = DIGITS.iter().find(|(_, digit)| *digit == number.rem_euclid(10));
        let fate = fate.map_or(Fate::Sent, |(fate, _)| *fate);
        Self { at: Timestamp::from_millis(number.div_euclid(10)), fate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_and_its_fate_are_one_number_in_the_order_of_time() {
        let mut before = i64::MIN;
        for (millis, (fate, _)) in (1_795_224_352_000..).zip(DIGITS) {
            let text = TextFate { at: Timestamp::from_millis(millis), fate };
            assert_eq!(TextFate::of(text.number()), text);
            assert!(text.number() > before);
            before = text.number();
        }
    }
}
