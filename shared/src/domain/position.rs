//! Where something stands in a list that is ordered by time.

use crate::base::world::Timestamp;
use crate::domain::user::UserId;

/// A place in a list: `<13 digits of ms>#<id>`, so that places sort by time and
/// no two are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(String);

impl Position {
    /// That of a user at a time.
    pub fn new(at: Timestamp, id: &UserId) -> Self {
        Self(format!("{:013}#{id}", at.millis()))
    }

    /// Reads one back. `None` if it was never one of ours: a key may have 1,024
    /// bytes (DynamoDB's quotas), and our identifiers have 36.
    pub fn parse(text: String) -> Option<Self> {
        let (millis, id) = text.split_once('#')?;
        let is_ours = millis.len() == 13
            && millis.bytes().all(|byte| byte.is_ascii_digit())
            && (1..=64).contains(&id.len());
        is_ours.then_some(Self(text))
    }

    /// As it goes into a cursor and into a sort key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose place it is.
    pub fn user_id(&self) -> UserId {
        UserId(self.0.split_once('#').map(|(_, id)| id.to_owned()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_one_of_ours_is_read_back() {
        let position = Position::new(Timestamp::from_millis(1_795_224_352_000), &UserId("a".to_owned()));
        assert_eq!(Position::parse(position.as_str().to_owned()), Some(position));
        let long = format!("1795224352000#{}", "a".repeat(65));
        for other in ["", "#", "1795224352000#", "179522435200#a", "179522435200x#a", &long] {
            assert_eq!(Position::parse(other.to_owned()), None, "{other}");
        }
    }
}
