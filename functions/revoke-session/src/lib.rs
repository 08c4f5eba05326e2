//! `DELETE /v1/users/{user_id}/sessions/{session_id}`: signs a device out.
//!
//! Tests: local/tests/it/sessions.rs.

use std::sync::Arc;

use latchkey::access::ending::Ending;
use latchkey::access::gate::{Admitted, Gate};
use latchkey::base::world::World;
use latchkey::domain::audit::{Act, Actor, Deed};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::session::SessionId;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::path::UserRef;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use latchkey::tables::audit::Audit;
use latchkey::tables::sessions::Sessions;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::join;

latchkey::function!(RevokeSession);

/// Signs a device out.
///
/// The session ends, and its access tokens stop working at once; the device is not known any more. Where an admin does
/// so to another, it is in the audit trail.
#[derive(JsonSchema)]
pub struct RevokeSession;

/// Whose session, and which.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct SessionPath {
    /// The user whose session it is: `me` for the caller, or an identifier.
    user_id: UserRef,
    /// The session's identifier, as the list of sessions gives it.
    #[schemars(example = &"07-0-4f1d2a9c6b3e58d7a1c0e9f2b4d68357")]
    session_id: String,
}

impl Endpoint for RevokeSession {
    const ROUTE: Route = Route::delete("/v1/users/{user_id}/sessions/{session_id}");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound, Code::SessionNotFound];

    type Caller = Bearer;
    type Path = SessionPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = NoContent;
    type Needs = (Gate, Sessions, Ending, Audit, Arc<World>);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<NoContent, Problem> {
        let (gate, sessions, ending, audit, world) = needs;
        let SessionPath { user_id, session_id } = request.path;
        let id = user_id.target(&request.caller);
        let session_id = SessionId::parse(&session_id);
        let (admitted, session) = join!(gate.admit_to(&request.caller, &id, Self::STAFF), async {
            match &session_id {
                Some(session_id) => sessions.get(&id, session_id).await,
                None => Ok(None),
            }
        });
        let Admitted { me, user, .. } = admitted?;
        let session = session?.filter(|session| session.is_on(user.epoch, world.now()));
        let session = session.ok_or(Code::SessionNotFound)?;

        let record = (me.id != user.id).then(|| {
            let deed = Deed::new(Act::EndedSession, &user.id).from(session.id.as_str().to_owned());
            audit.entry(&Actor::user(&me, request.context.coarse_ip()), deed)
        });
        if ending.end(&session, record).await? { Ok(NoContent) } else { Err(Code::SessionNotFound.into()) }
    }
}
