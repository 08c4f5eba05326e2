//! What is counted for graphs and alarms.

use std::fmt;

/// The target under which counts are logged; telemetry writes them as
/// metrics.
pub(crate) const TARGET: &str = "latchkey::base::metrics";

/// Something that happened once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A code was asked for.
    CodesAsked,
    /// A text with a code left.
    CodesTexted,
    /// A carrier refused a text; why.
    TextsRefused(&'static str),
    /// An answer said that no text could be sent: carriers refused it, or the day or a place
    /// has none left.
    TextsUnsent,
    /// How many texts the deployment's day counts so far.
    TextsOfDay(u32),
    /// A code that was texted was entered.
    CodesEntered,
    /// A code was wrong.
    CodesWrong,
    /// A limit was met; which.
    Limited(&'static str),
    /// An account was made.
    SignUps,
    /// A session was refreshed.
    Refreshes,
    /// A refresh token was used by somebody who should not have it.
    RefreshThefts,
    /// A passkey was added.
    PasskeysAdded,
    /// A passkey began a session.
    PasskeySignIns,
    /// A passkey's count of signatures went back: there may be a copy of it.
    PasskeyCloned,
    /// A place has no text left for whoever asks.
    PlacesShort,
    /// A block was spent and is closed.
    PlacesClosed,
    /// A proof was asked for.
    ProofsAsked,
    /// A text left by a proof.
    ProofsTaken,
}

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::CodesAsked => "CodesAsked",
            Self::CodesTexted => "CodesTexted",
            Self::TextsRefused(_) => "TextsRefused",
            Self::TextsUnsent => "TextsUnsent",
            Self::TextsOfDay(_) => "TextsOfDay",
            Self::CodesEntered => "CodesEntered",
            Self::CodesWrong => "CodesWrong",
            Self::Limited(_) => "Limited",
            Self::SignUps => "SignUps",
            Self::Refreshes => "Refreshes",
            Self::RefreshThefts => "RefreshThefts",
            Self::PasskeysAdded => "PasskeysAdded",
            Self::PasskeySignIns => "PasskeySignIns",
            Self::PasskeyCloned => "PasskeyCloned",
            Self::PlacesShort => "PlacesShort",
            Self::PlacesClosed => "PlacesClosed",
            Self::ProofsAsked => "ProofsAsked",
            Self::ProofsTaken => "ProofsTaken",
        }
    }

    /// By what it is told apart, beside the function.
    const fn dimension(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Limited(limit) => Some(("Limit", limit)),
            Self::TextsRefused(reason) => Some(("Reason", reason)),
            _ => None,
        }
    }

    const fn value(self) -> u32 {
        if let Self::TextsOfDay(texts) = self { texts } else { 1 }
    }
}

/// Counts one.
pub fn count(metric: Metric) {
    count_text(metric, None::<&str>, None);
}

/// Counts one, and says in the log alone for which country the text was, by two letters of ISO
/// 3166, and which carrier was asked: as dimensions they would be a metric for each country, each
/// at its price.
pub fn count_text(metric: Metric, country: Option<impl fmt::Display>, carrier: Option<&str>) {
    let (dimension, of) = metric.dimension().unzip();
    let country = country.map(|country| country.to_string());
    let (metric, value) = (metric.name(), metric.value());
    tracing::info!(target: TARGET, metric, value, dimension, of, country, carrier, "counted");
}
