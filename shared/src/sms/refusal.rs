//! Texts that did not leave.

use std::error::Error;

/// A text that did not leave, as its provider says.
#[derive(Debug, thiserror::Error)]
#[error("the text was refused ({why:?})")]
pub struct NotSent {
    /// Why, as far as it makes a difference.
    pub why: Why,
    #[source]
    cause: Box<dyn Error + Send + Sync>,
}

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

impl NotSent {
    /// Why, with the provider's own words for the log.
    pub fn new(why: Why, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { why, cause: cause.into() }
    }
}
