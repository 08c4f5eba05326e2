//! Secrets of several entries: the first is used, all are accepted, so that
//! one can be rotated while both are out.

use std::fmt;

use crate::config::{self, BadParameter, Parameter};
use crate::domain::pepper::Pepper;
use crate::lambda::StartError;
use crate::setup::Setup;
use crate::world::Timestamp;

/// A secret of one or more entries. `Debug` never shows them.
#[derive(Clone)]
pub struct Secret {
    entries: Vec<String>,
    version_at: Option<Timestamp>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} entries)", self.entries.len())
    }
}

impl Secret {
    /// Reads entries separated by commas or white space; `None` if there are
    /// none.
    pub fn parse(text: &str) -> Option<Self> {
        let entries: Vec<_> = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .map(str::to_owned)
            .collect();
        (!entries.is_empty()).then_some(Self { entries, version_at: None })
    }

    /// All entries, the one in use first.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(String::as_str)
    }

    /// When this version of it was made; `None` where a variable gave it.
    pub const fn version_at(&self) -> Option<Timestamp> {
        self.version_at
    }

    /// The secret that `value` holds, else the one that `arn` names in Secrets
    /// Manager.
    ///
    /// # Errors
    /// If neither is set, or the secret cannot be fetched.
    pub async fn load(setup: &Setup, value: &Parameter, arn: &Parameter) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let (text, version_at) = match (vars.optional(value), vars.optional(arn)) {
            (Some(text), _) => (text.to_owned(), None),
            (None, Some(id)) => fetch(setup, id).await?,
            (None, None) => {
                return Err(BadParameter { name: arn.name, problem: "must be set".to_owned() }.into());
            }
        };
        let empty = || BadParameter { name: value.name, problem: "holds no entry".to_owned() };
        Ok(Self { version_at, ..Self::parse(&text).ok_or_else(empty)? })
    }
}

/// The pepper of the deployment.
///
/// # Errors
/// If it is not set or cannot be fetched.
pub async fn pepper(setup: &Setup) -> Result<Pepper, StartError> {
    Ok(Pepper::new(&Secret::load(setup, config::PEPPER_SECRET, config::PEPPER_SECRET_ARN).await?))
}

async fn fetch(setup: &Setup, id: &str) -> Result<(String, Option<Timestamp>), StartError> {
    let secret = setup
        .secrets_manager()
        .get_secret_value()
        .secret_id(id)
        .send()
        .await
        .map_err(|error| StartError::new("the secret cannot be fetched", error))?;
    let version_at = secret.created_date().and_then(|at| at.to_millis().ok()).map(Timestamp::from_millis);
    Ok((secret.secret_string().unwrap_or_default().to_owned(), version_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_split_and_hidden() {
        let secret = Secret::parse(" new, old\nolder ").unwrap();
        assert_eq!(secret.entries().next(), Some("new"));
        assert_eq!(secret.entries().collect::<Vec<_>>(), ["new", "old", "older"]);
        assert_eq!(format!("{secret:?}"), "Secret(3 entries)");
        assert!(Secret::parse(" ,\n").is_none());
    }
}
