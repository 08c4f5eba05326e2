//! Errors that any floor may raise or print.

use std::error::Error;
use std::fmt;

use crate::base::config::BadParameter;

/// Why a function cannot start: a bad parameter, or something that it needs and
/// cannot reach. In words for whoever started it.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StartError {
    what: String,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
    parameter: Option<&'static str>,
}

impl StartError {
    /// In words, with what caused it.
    pub fn new(what: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { what: what.into(), cause: Some(cause.into()), parameter: None }
    }

    /// In words alone.
    pub fn told(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None, parameter: None }
    }

    /// The parameter that is bad, where that is all.
    pub const fn parameter(&self) -> Option<&'static str> {
        self.parameter
    }
}

impl From<BadParameter> for StartError {
    fn from(error: BadParameter) -> Self {
        Self { what: error.to_string(), cause: None, parameter: Some(error.name) }
    }
}

/// An error with all that caused it, on one line.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
