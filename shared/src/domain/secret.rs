//! Secrets of several entries: the first is used, all are accepted, so that
//! one can be rotated while both are out.

use std::fmt;

use crate::base::world::Timestamp;

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

    /// With the time at which this version of it was made.
    #[must_use]
    pub fn made_at(self, version_at: Option<Timestamp>) -> Self {
        Self { version_at, ..self }
    }
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
