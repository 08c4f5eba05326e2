//! `DELETE /v1/users/{user_id}`: removes an account and everything personal.
//!
//! Tests: local/tests/it/deletion.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::error::StoreError;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::audit::{Act, Actor, Deed};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::user::{Role, User};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use latchkey::tables;
use latchkey::tables::audit::Audit;
use latchkey::tables::avatars::Avatars;
use latchkey::tables::codes::Codes;
use latchkey::tables::invites::Invites;
use latchkey::tables::passkeys::Passkeys;
use latchkey::tables::referrals::Referrals;
use latchkey::tables::sessions::Sessions;
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use tokio::try_join;

latchkey::function!(DeleteUser);

/// Removes an account and everything personal.
///
/// All at once, and for good, in a session that began with a sign-in of the last ten minutes; of the last two hours
/// where an admin removes another's, which is in the audit trail. The number can sign in anew, as a different user; the
/// invite code is never given to anybody else.
#[derive(JsonSchema)]
pub struct DeleteUser;

/// How often it is drawn up anew when the user changed meanwhile.
const TRIES: u32 = 8;

/// All tables.
pub struct Deps {
    gate: Gate,
    users: Users,
    invites: Invites,
    referrals: Referrals,
    avatars: Avatars,
    sessions: Sessions,
    passkeys: Passkeys,
    codes: Codes,
    audit: Audit,
    tables: Tables,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        [Gate::PARAMETERS, Codes::PARAMETERS, &[&secrets::PEPPER, tables::AUDIT]].concat().concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let (gate, pepper) = try_join!(Gate::build(setup), secrets::pepper(setup))?;
        Ok(Self {
            gate,
            users: Users::new(setup),
            invites: Invites::new(setup),
            referrals: Referrals::new(setup),
            avatars: Avatars::new(setup),
            sessions: Sessions::new(setup),
            passkeys: Passkeys::new(setup),
            codes: Codes::new(setup, pepper)?,
            audit: Audit::new(setup)?,
            tables: Tables::new(setup),
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

impl Endpoint for DeleteUser {
    const ROUTE: Route = Route::delete("/v1/users/{user_id}");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound, Code::RecentSignInRequired];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = NoContent;
    type Needs = Deps;

    /// One transaction, so there is no state between "there" and "gone" that a
    /// crash could leave behind. Where that cannot be had, the invite code is closed
    /// first; whoever repeats finishes.
    async fn call(needs: &Deps, request: Request<Self>) -> Result<NoContent, Problem> {
        let id = request.path.target(&request.caller);
        let admitted = needs.gate.admit_to(&request.caller, &id, Self::STAFF).await?;
        needs.gate.require_recent(&admitted)?;
        let by = Actor::user(&admitted.me, request.context.coarse_ip());
        let is_of_another = admitted.me.id != id;
        let record = is_of_another.then(|| needs.audit.entry(&by, Deed::new(Act::DeletedUser, &id)));
        let mut user = admitted.user;
        let mut is_closed = false;
        let told = |error: StoreError, is_closed| if is_closed { error.once_written() } else { error };
        for _ in 0..TRIES {
            match needs
                .deletion(&user)
                .recording((), record.clone())
                .commit(&needs.tables, &needs.world)
                .await
            {
                Ok(Committed::Done) => return Ok(NoContent),
                Ok(Committed::Refused(_)) => {
                    let read = needs.users.get(&id).await.map_err(|error| told(error, is_closed));
                    user = read?.ok_or(Code::UserNotFound)?;
                }
                // Many enter the invite code at this moment, perhaps, and are at its counts.
                Err(StoreError::Unavailable(_)) if !is_closed => {
                    needs.invites.close(&user.invite_code).await?;
                    is_closed = true;
                }
                Err(error) => return Err(told(error, is_closed).into()),
            }
        }
        Err(if is_closed { Code::OutcomeUnknown } else { Code::Unavailable }.into())
    }
}

impl Deps {
    /// Takes away all that is stored of `seen`: the user, the phone, the avatar,
    /// the sessions, the passkeys and the codes, the counts of whom it invited, and its place
    /// among the referrals of whoever invited it. The invite code stays,
    /// nobody's for ever. Refused if the user changed since it was read.
    fn deletion(&self, seen: &User) -> Transaction<()> {
        let mut deletion = Transaction::new(self.world.new_id())
            .with_all((), self.users.delete(seen))
            .with((), self.invites.disown(&seen.invite_code))
            .with_all((), self.referrals.close_counts(seen))
            .with_all((), self.sessions.forget(&seen.id))
            .with_all((), seen.passkeys.ids().map(|id| self.passkeys.forget(id)))
            .with_all((), self.codes.forget(&seen.phone));
        if let Some(avatar) = &seen.avatar_id {
            deletion = deletion.with((), self.avatars.forget(avatar));
        }
        if let Some(referrer) = &seen.referrer_id {
            deletion = deletion.with_all((), self.referrals.unlink(&seen.id, referrer));
        }
        deletion
    }
}
