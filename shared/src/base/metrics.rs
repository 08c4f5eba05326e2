//! What is counted for graphs and alarms.

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
}

/// Counts one.
pub fn count(metric: Metric) {
    let limit = if let Metric::Limited(limit) = metric { Some(limit) } else { None };
    tracing::info!(target: TARGET, metric = metric.name(), limit, "counted");
}
