//! Ending sessions for somebody else's sake: then their devices are not known any more
//! either, and what a stolen one added goes with it.

use std::sync::Arc;

use tokio::try_join;

use crate::base::config::Parameter;
use crate::base::world::World;
use crate::cloud::error::StoreError;
use crate::cloud::setup::Setup;
use crate::cloud::transaction::{Committed, Recording, Tables, Transaction};
use crate::domain::passkey::Passkey;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::http::problem::{Code, Problem};
use crate::tables;
use crate::tables::passkeys::Passkeys;
use crate::tables::sessions::Sessions;
use crate::tables::users::Users;

/// How often a transaction is drawn up anew when what it rests on changed meanwhile.
const TRIES: u32 = 8;

/// What ends sessions together with what hangs on them.
pub struct Ending {
    sessions: Sessions,
    users: Users,
    passkeys: Passkeys,
    tables: Tables,
    world: Arc<World>,
}

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Session,
    User,
    Passkey,
    Record,
}

impl Ending {
    /// The parameters that [`Ending::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[tables::SESSIONS, tables::USERS];

    /// That of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self {
            sessions: Sessions::new(setup),
            users: Users::new(setup),
            passkeys: Passkeys::new(setup),
            tables: Tables::new(setup),
            world: Arc::clone(&setup.world),
        }
    }

    /// Ends a session, and its device is not known any more; `false` if it was over. Where
    /// staff ends another's, that goes on `record`.
    pub async fn end(&self, session: &Session, record: Option<Recording>) -> Result<bool, StoreError> {
        let (user, id) = (&session.user_id, &session.id);
        let ends = || {
            Transaction::new(self.world.new_id())
                .with(Part::Session, self.sessions.ended(user, id))
                .recording(Part::Record, record.clone())
        };
        if let Some(device) = &session.device_id {
            let ended = ends().with(Part::User, self.users.unlist(user, device));
            match ended.commit(&self.tables, &self.world).await? {
                Committed::Done => return Ok(true),
                Committed::Refused(refused) if refused.iter().any(|(part, _)| *part == Part::Session) => {
                    return Ok(false);
                }
                // The user lists it no more.
                Committed::Refused(_) => {}
            }
        }
        if record.is_none() {
            return self.sessions.end(user, id).await;
        }
        Ok(matches!(ends().commit(&self.tables, &self.world).await?, Committed::Done))
    }

    /// Ends a session that is in two hands. Its device is not known any more, and the
    /// passkeys that came through it go, with the sessions that those began.
    pub async fn end_stolen(&self, stolen: &Session) -> Result<(), StoreError> {
        let (id, device) = (&stolen.user_id, stolen.device_id.as_ref());
        for _ in 0..TRIES {
            let Some(user) = self.users.get(id).await? else { return Ok(()) };
            let added = user.passkeys.added_through(&stolen.id);
            // Passkeys before sessions: what one begins from here on, it is counted for.
            let gone = self.passkeys.all(&added).await?;
            let sessions = self.sessions.of_user(id).await?;
            let now = self.world.now();
            let on: Vec<_> = sessions.iter().filter(|session| session.is_on(user.epoch, now)).collect();
            if !on.iter().any(|session| session.id == stolen.id) {
                return Ok(());
            }
            let ends = on.iter().filter(|session| {
                session.id == stolen.id || session.passkey_id.as_ref().is_some_and(|by| added.contains(by))
            });
            let ended = Transaction::new(self.world.new_id())
                .with(Part::User, self.users.distrust(&user, device, &added))
                .with_all(Part::Passkey, gone.iter().map(|passkey| self.passkeys.remove(passkey)))
                .with_all(Part::Session, ends.map(|session| self.sessions.ended(id, &session.id)))
                .commit(&self.tables, &self.world)
                .await?;
            if let Committed::Done = ended {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("the user changed at each try".into()))
    }

    /// Takes a passkey of `user` away, as it was read, and ends the sessions that it began.
    /// Where staff does so to another, that goes on `record`.
    ///
    /// # Errors
    /// `passkey_not_found`; `user_not_found` where the user is gone meanwhile.
    pub async fn remove_passkey(
        &self,
        mut user: User,
        passkey: Option<Passkey>,
        record: Option<Recording>,
    ) -> Result<(), Problem> {
        let mut passkey = passkey.ok_or(Code::PasskeyNotFound)?;
        for _ in 0..TRIES {
            if passkey.user_id != user.id {
                return Err(Code::PasskeyNotFound.into());
            }
            // Once the passkey is read: what it begins from then on, it is counted for.
            let sessions = self.sessions.of_user(&user.id).await?;
            let now = self.world.now();
            let began = sessions.iter().filter(|session| {
                session.passkey_id.as_ref() == Some(&passkey.id) && session.is_on(user.epoch, now)
            });
            let kept = user.passkeys.without(std::slice::from_ref(&passkey.id));
            let removed = Transaction::new(self.world.new_id())
                .with(Part::User, self.users.keep_passkeys(&user, &kept))
                .with(Part::Passkey, self.passkeys.remove(&passkey))
                .with_all(Part::Session, began.map(|session| self.sessions.ended(&user.id, &session.id)))
                .recording(Part::Record, record.clone())
                .commit(&self.tables, &self.world)
                .await?;
            if let Committed::Done = removed {
                return Ok(());
            }
            let (there, found) = try_join!(self.users.get(&user.id), self.passkeys.get(&passkey.id))?;
            user = there.ok_or(Code::UserNotFound)?;
            passkey = found.ok_or(Code::PasskeyNotFound)?;
        }
        Err(Code::Unavailable.into())
    }
}
