//! Texts that did not leave.

use std::error::Error;
use std::io;

use crate::domain::fate::Why;

/// A text that did not leave, as its provider says.
#[derive(Debug, thiserror::Error)]
#[error("the text was refused ({why:?})")]
pub struct NotSent {
    /// Why, as far as it makes a difference.
    pub why: Why,
    #[source]
    cause: Box<dyn Error + Send + Sync>,
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
