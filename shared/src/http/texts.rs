//! How texts are shown, and what became of each.

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::world::Rfc3339;
use crate::domain::fate::{Fate, TextFate};

/// A text that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PhoneText")]
pub struct Text {
    /// When.
    asked_at: Rfc3339,
    /// What became of it.
    #[schemars(example = &"entered")]
    outcome: Outcome,
    /// Why carriers refused it: `bad_number`, `opted_out` (its owner asked for no more texts), `throttled`,
    /// `over_budget` or `refused`; null if none did.
    reason: Option<&'static str>,
}

/// What became of a text, as far as it is known.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TextOutcome")]
enum Outcome {
    /// A carrier was asked to send it, and is not known to have refused.
    Sent,
    /// A carrier took it. This is noted where the request for the code had an `Idempotency-Key` or a proof, and was
    /// one of the last two.
    Accepted,
    /// No carrier took it: it counts for no limit.
    Refused,
    /// Its code was entered.
    Entered,
}

impl From<TextFate> for Text {
    fn from(text: TextFate) -> Self {
        let (outcome, reason) = match text.fate {
            Fate::Sent => (Outcome::Sent, None),
            Fate::Accepted => (Outcome::Accepted, None),
            Fate::Refused(why) => (Outcome::Refused, Some(why.name())),
            Fate::Entered => (Outcome::Entered, None),
        };
        Self { asked_at: Rfc3339(text.at), outcome, reason }
    }
}
