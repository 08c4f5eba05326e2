//! Refresh tokens that come: how each stands to its session, and what is done about
//! one that is in two hands.

use std::sync::Arc;

use crate::access::ending::Ending;
use crate::base::config::{self, BadParameter, Parameter};
use crate::base::metrics;
use crate::base::metrics::Metric;
use crate::base::world::World;
use crate::cloud::error::StoreError;
use crate::cloud::setup::Setup;
use crate::domain::refresh::RefreshToken;
use crate::domain::session::{Repeating, Session, Standing};
use crate::tables;
use crate::tables::sessions::Sessions;

/// What judges refresh tokens, for all that take one.
pub struct Refreshing {
    sessions: Sessions,
    ending: Ending,
    repeating: Repeating,
    world: Arc<World>,
}

impl Refreshing {
    /// The parameters that [`Refreshing::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] =
        &[tables::SESSIONS, tables::USERS, &[config::REFRESH_GRACE, config::REFRESH_RETRY]];

    /// That of the deployment.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        Ok(Self {
            sessions: Sessions::new(setup),
            ending: Ending::new(setup),
            repeating: Repeating {
                grace: setup.vars.number(config::REFRESH_GRACE, 0..=3_600)?,
                retry: setup.vars.number(config::REFRESH_RETRY, 0..=86_400)?,
            },
            world: Arc::clone(&setup.world),
        })
    }

    /// How a token stands to its session, which is read.
    pub async fn look_up(&self, token: &RefreshToken) -> Result<Standing, StoreError> {
        let session = self.sessions.get(&token.user_id, &token.session_id).await?;
        match session {
            Some(session) => self.judge(token, &session).await,
            None => Ok(Standing::Ended),
        }
    }

    /// How a token stands to its session, as it was read. One that is in two hands
    /// ends it, its device is not known any more, and what it added goes; one that lapsed
    /// ends it, and no more.
    pub async fn judge(&self, token: &RefreshToken, session: &Session) -> Result<Standing, StoreError> {
        let standing = session.judge(token.generation, self.world.now(), self.repeating);
        if standing == Standing::Stolen {
            tracing::warn!(
                user_id = %token.user_id,
                session_id = %token.session_id,
                "a replaced refresh token was used: the session is ended"
            );
            metrics::count(Metric::RefreshThefts);
            self.ending.end_stolen(session).await?;
        }
        if standing == Standing::Lapsed {
            self.sessions.end(&token.user_id, &token.session_id).await?;
        }
        Ok(standing)
    }
}
