//! The gate: who calls, and whether they may.

use std::sync::Arc;

use http::header::AUTHORIZATION;

use crate::base::afterwards::Afterwards;
use crate::base::config::Parameter;
use crate::base::error::{Chain, StartError};
use crate::base::world::{Timestamp, World};
use crate::cloud::setup::Setup;
use crate::domain::bearer::Bearer;
use crate::domain::session::{RECENT, RECENT_FOR_STAFF, Session};
use crate::domain::user::{Role, Status, User, UserId};
use crate::http::context::Context;
use crate::http::problem::{Code, Problem};
use crate::tables;
use crate::tables::sessions::Sessions;
use crate::tables::users::Users;
use crate::tokens::claims::Names;
use crate::tokens::verifier::{TokenError, Verifier};

/// What lets callers in.
pub struct Gate {
    verifier: Verifier,
    users: Users,
    sessions: Arc<Sessions>,
    afterwards: Arc<Afterwards>,
    world: Arc<World>,
}

/// Who was let in, by which session, and whom it is about.
#[derive(Debug)]
pub struct Admitted {
    /// The caller.
    pub me: User,
    /// The caller's session.
    pub session: Session,
    /// Whom it is about; of oneself the caller once more.
    pub user: User,
}

impl Gate {
    /// The parameters that [`Gate::build`] reads.
    pub const PARAMETERS: &[&[&Parameter]] = &[&Names::PARAMETERS, tables::USERS, tables::SESSIONS];

    /// Reads the keyset, which also opens the connection that every request
    /// needs.
    pub async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self {
            verifier: Verifier::build(setup).await?,
            users: Users::new(setup),
            sessions: Arc::new(Sessions::new(setup)),
            afterwards: Arc::clone(&setup.afterwards),
            world: Arc::clone(&setup.world),
        })
    }

    /// Who a request says to be, without a look at any table.
    ///
    /// # Errors
    /// `missing_token` or `invalid_token`.
    pub async fn bearer(&self, context: &Context) -> Result<Bearer, Problem> {
        let header = context.header(AUTHORIZATION.as_str()).ok_or(Code::MissingToken)?;
        let token = header
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| {
                Problem::from(Code::InvalidToken).detail("Send it as Authorization: Bearer <token>.")
            })?;
        match self.verifier.verify(token, &context.public_url).await {
            Ok(bearer) => Ok(bearer),
            Err(TokenError::Invalid(_)) => Err(Code::InvalidToken.into()),
            Err(TokenError::Store(error)) => Err(error.into()),
        }
    }

    /// Lets the bearer act on `target`, or not: reads user and session,
    /// consistently, in one wave. Meant to be joined with an endpoint's own
    /// first reads, so that it costs no wave of its own; what those found may
    /// be used only once this has said yes.
    ///
    /// # Errors
    /// `session_ended`, `account_banned`, or `forbidden` where the target is
    /// another and the caller's role is not of `staff`; `invalid_token` where
    /// its key was withdrawn.
    pub async fn admit(&self, bearer: &Bearer, target: &UserId, staff: &[Role]) -> Result<User, Problem> {
        Ok(self.recognize_for(bearer, target, staff).await?.0)
    }

    /// Lets the bearer act on `target`, as [`Gate::admit`] does, and reads the
    /// target in the same wave.
    ///
    /// # Errors
    /// Those of [`Gate::admit`], and `user_not_found`.
    pub async fn admit_to(
        &self,
        bearer: &Bearer,
        target: &UserId,
        staff: &[Role],
    ) -> Result<Admitted, Problem> {
        let is_self = *target == bearer.user_id;
        let (caller, other) = tokio::join!(self.recognize_for(bearer, target, staff), async {
            if is_self { Ok(None) } else { self.users.get(target).await }
        });
        let (me, session) = caller?;
        let user = if is_self { me.clone() } else { other?.ok_or(Code::UserNotFound)? };
        Ok(Admitted { me, session, user })
    }

    /// That a session may do to its own account what outlives it: that it began a moment
    /// ago, so that a stolen one cannot, and not on a device too new to an account with
    /// passkeys.
    ///
    /// # Errors
    /// `recent_sign_in_required`.
    pub fn require_own_recent(&self, me: &User, session: &Session) -> Result<(), Problem> {
        self.require_within(session, RECENT)?;
        let now = self.world.now();
        match session.held_until(me).filter(|until| now < *until) {
            Some(until) => Err(Problem::held(until, now)),
            None => Ok(()),
        }
    }

    /// That whoever was let in may do what outlives the session, which a stolen one must
    /// not: to the own account as [`Gate::require_own_recent`] says, to others as staff who
    /// signed in a while ago at most.
    ///
    /// # Errors
    /// `recent_sign_in_required`.
    pub fn require_recent(&self, Admitted { me, session, user }: &Admitted) -> Result<(), Problem> {
        if me.id == user.id {
            return self.require_own_recent(me, session);
        }
        self.require_within(session, RECENT_FOR_STAFF)
    }

    fn require_within(&self, session: &Session, seconds: i64) -> Result<(), Problem> {
        if session.began_within(seconds, self.world.now()) {
            return Ok(());
        }
        let detail = format!("Sign in anew: this needs a sign-in of the last {} minutes.", seconds / 60);
        Err(Problem::from(Code::RecentSignInRequired).detail(detail))
    }

    /// Lets the bearer do what only `staff` may, as [`Gate::admit`] does.
    ///
    /// # Errors
    /// Those of [`Gate::admit`].
    pub async fn admit_staff(&self, bearer: &Bearer, staff: &[Role]) -> Result<User, Problem> {
        Ok(self.recognize_staff(bearer, staff).await?.0)
    }

    /// Lets the bearer do what only `staff` may who signed in a while ago at most, since it
    /// outlives the session, which a stolen one must not.
    ///
    /// # Errors
    /// Those of [`Gate::admit`], and `recent_sign_in_required`.
    pub async fn admit_recent_staff(&self, bearer: &Bearer, staff: &[Role]) -> Result<User, Problem> {
        let (me, session) = self.recognize_staff(bearer, staff).await?;
        self.require_within(&session, RECENT_FOR_STAFF)?;
        Ok(me)
    }

    async fn recognize_staff(&self, bearer: &Bearer, staff: &[Role]) -> Result<(User, Session), Problem> {
        let (me, session) = self.recognize(bearer).await?;
        if staff.contains(&me.role) { Ok((me, session)) } else { Err(forbidden(staff)) }
    }

    /// Lets the bearer act on their own account, as [`Gate::admit`] does; with the
    /// session that says so.
    ///
    /// # Errors
    /// Those of [`Gate::admit`], but `forbidden`.
    pub async fn recognize(&self, bearer: &Bearer) -> Result<(User, Session), Problem> {
        let (me, session, is_trusted) = tokio::try_join!(
            self.users.get(&bearer.user_id),
            self.sessions.get(&bearer.user_id, &bearer.session_id),
            async {
                match &bearer.kid {
                    Some(kid) => self.verifier.still_trusts(kid).await,
                    None => Ok(true),
                }
            },
        )?;
        if !is_trusted {
            return Err(Code::InvalidToken.into());
        }
        let me = me.ok_or(Code::SessionEnded)?;
        if me.status == Status::Banned {
            return Err(Code::AccountBanned.into());
        }
        let now = self.world.now();
        let session = session.filter(|session| session.is_on(me.epoch, now)).ok_or(Code::SessionEnded)?;
        self.note_use(bearer, &session, now).await;
        Ok((me, session))
    }

    /// Who the bearer is and by which session, where they may act on `target`.
    async fn recognize_for(
        &self,
        bearer: &Bearer,
        target: &UserId,
        staff: &[Role],
    ) -> Result<(User, Session), Problem> {
        let (me, session) = self.recognize(bearer).await?;
        if *target != me.id && !staff.contains(&me.role) {
            return Err(forbidden(staff));
        }
        Ok((me, session))
    }

    /// Notes, after the answer, that the tokens of a refresh have come to whoever asked
    /// for them: from then on those that they replaced are good for a moment alone. Of a
    /// sign-in's own tokens nothing was replaced.
    async fn note_use(&self, bearer: &Bearer, session: &Session, now: Timestamp) {
        let is_present = bearer.generation == Some(session.generation);
        if !is_present || session.generation == 0 || session.used_at.is_some() {
            return;
        }
        let (sessions, session) = (Arc::clone(&self.sessions), session.clone());
        let note = async move {
            if let Err(error) = sessions.use_generation(&session, now).await {
                tracing::info!(cause = %Chain(&error), "the first use of a session's tokens was not noted");
            }
        };
        self.afterwards.run(note).await;
    }
}

/// 403, with whom it is for.
fn forbidden(staff: &[Role]) -> Problem {
    let problem = Problem::from(Code::Forbidden);
    match staff {
        [] => problem.detail("This is for the user alone."),
        [Role::Admin] => problem.detail("Of others, this is for admins."),
        _ => problem.detail("Of others, this is for moderators and admins."),
    }
}
