//! Ending a session for somebody else's sake: then its device is not known any more
//! either.

use std::sync::Arc;

use crate::base::config::Parameter;
use crate::base::world::World;
use crate::cloud::error::StoreError;
use crate::cloud::setup::Setup;
use crate::cloud::transaction::{Committed, Tables, Transaction};
use crate::domain::session::Session;
use crate::tables;
use crate::tables::sessions::Sessions;
use crate::tables::users::Users;

/// What ends sessions together with their devices.
pub struct Ending {
    sessions: Sessions,
    users: Users,
    tables: Tables,
    world: Arc<World>,
}

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Session,
    Device,
}

impl Ending {
    /// The parameters that [`Ending::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[tables::SESSIONS, tables::USERS];

    /// That of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self {
            sessions: Sessions::new(setup),
            users: Users::new(setup),
            tables: Tables::new(setup),
            world: Arc::clone(&setup.world),
        }
    }

    /// Ends a session, and its device is not known any more; `false` if it was over.
    pub async fn end(&self, session: &Session) -> Result<bool, StoreError> {
        let (user, id) = (&session.user_id, &session.id);
        let Some(device) = &session.device_id else { return self.sessions.end(user, id).await };
        let ended = Transaction::new(self.world.new_id())
            .with(Part::Session, self.sessions.ended(user, id))
            .with(Part::Device, self.users.unlist(user, device))
            .commit(&self.tables, &self.world)
            .await?;
        match ended {
            Committed::Done => Ok(true),
            Committed::Refused(refused) if refused.iter().any(|(part, _)| *part == Part::Session) => {
                Ok(false)
            }
            // The user lists it no more.
            Committed::Refused(_) => self.sessions.end(user, id).await,
        }
    }
}
