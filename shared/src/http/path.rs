//! Parameters of paths that several endpoints have.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::domain::bearer::Bearer;
use crate::domain::user::UserId;

/// `{user_id}` in a path: `me`, or anybody's.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(inline, with = "String", example = &"me")]
pub enum UserRef {
    /// The caller.
    Me,
    /// By identifier.
    Id(UserId),
}

impl<'de> Deserialize<'de> for UserRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(if text == "me" { Self::Me } else { Self::Id(UserId(text)) })
    }
}

impl UserRef {
    /// Whom it means when `bearer` calls.
    pub fn target(self, bearer: &Bearer) -> UserId {
        match self {
            Self::Me => bearer.user_id.clone(),
            Self::Id(id) => id,
        }
    }
}

/// The path of all that belongs to a user.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct UserPath {
    /// The user: `me` for the caller, or an identifier.
    pub user_id: UserRef,
}

impl UserPath {
    /// Whom it means when `bearer` calls.
    pub fn target(self, bearer: &Bearer) -> UserId {
        self.user_id.target(bearer)
    }
}
