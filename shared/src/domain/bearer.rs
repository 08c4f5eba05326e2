//! Whoever holds a token.

use crate::domain::refresh::RefreshToken;
use crate::domain::session::SessionId;
use crate::domain::user::UserId;

/// Whoever holds a token of ours. Whether its session is still on is for the
/// gate to say.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The user that the token names.
    pub user_id: UserId,
    /// The session that the token names.
    pub session_id: SessionId,
    /// The key that signed it; none signs a refresh token.
    pub kid: Option<String>,
    /// The generation of the session that it was issued for; tokens of before have none.
    pub generation: Option<u32>,
}

impl From<RefreshToken> for Bearer {
    fn from(token: RefreshToken) -> Self {
        Self { user_id: token.user_id, session_id: token.session_id, kid: None, generation: None }
    }
}
