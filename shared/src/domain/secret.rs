//! Secrets of several entries: the first is used, all are accepted, so that
//! one can be rotated while both are out.

use std::fmt;

use crate::base::world::Timestamp;

/// How short an entry may be, in bytes: 128 bits where each byte is random.
pub const SHORTEST: usize = 16;

/// Why a text is no secret. It shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// There is nothing in it.
    #[error("holds no entry")]
    Empty,
    /// An entry can be guessed.
    #[error("must have entries of at least {SHORTEST} characters: number {nth} is shorter")]
    Short {
        /// Which, from 1 on.
        nth: usize,
    },
}

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
    /// Reads entries separated by commas or white space; one that is there twice
    /// counts once.
    ///
    /// # Errors
    /// If there are none, or one is short enough to be guessed.
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        let mut entries = Vec::<String>::new();
        let split = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        for (index, entry) in split.enumerate() {
            if entry.len() < SHORTEST {
                return Err(BadSecret::Short { nth: index + 1 });
            }
            if !entries.iter().any(|known| known == entry) {
                entries.push(entry.to_owned());
            }
        }
        if entries.is_empty() { Err(BadSecret::Empty) } else { Ok(Self { entries, version_at: None }) }
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
        let [new, old] = ["new-0123456789abcdef", "old-0123456789abcdef"];
        let secret = Secret::parse(&format!(" {new}, {old}\n{new} ")).unwrap();
        assert_eq!(secret.entries().collect::<Vec<_>>(), [new, old], "each once, in their order");
        assert_eq!(format!("{secret:?}"), "Secret(2 entries)");
    }

    #[test]
    fn what_can_be_guessed_is_no_secret() {
        assert_eq!(Secret::parse(" ,\n").unwrap_err(), BadSecret::Empty);
        assert_eq!(Secret::parse("x").unwrap_err(), BadSecret::Short { nth: 1 });
        let second = Secret::parse("0123456789abcdef,0123456789abcde").unwrap_err();
        assert_eq!(second.to_string(), "must have entries of at least 16 characters: number 2 is shorter");
    }
}
