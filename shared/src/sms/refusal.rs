//! Texts that did not leave.

use std::error::Error;
use std::io;

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

impl Why {
    /// Its name in metrics.
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

/// Whether a request never reached whom it was for: no connection was made, so
/// that nothing can have been sent.
pub fn is_unreached(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let refused = error.downcast_ref::<io::Error>();
        let unconnected = error.downcast_ref::<hyper_util::client::legacy::Error>();
        if refused.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
            || unconnected.is_some_and(hyper_util::client::legacy::Error::is_connect)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

impl NotSent {
    /// Why, with the provider's own words for the log.
    pub fn new(why: Why, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { why, cause: cause.into() }
    }
}
