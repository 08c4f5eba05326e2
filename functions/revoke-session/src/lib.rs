//! `DELETE /v1/users/{user_id}/sessions/{session_id}`: signs a device out.
//!
//! Tests: local/tests/it/sessions.rs.

use std::sync::Arc;

use latchkey::access::ending::Ending;
use latchkey::access::gate::Gate;
use latchkey::base::world::World;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::session::SessionId;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::path::UserRef;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use latchkey::tables::sessions::Sessions;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::join;

latchkey::function!(RevokeSession);

/// Signs a device out.
///
/// The session ends, and its access tokens stop working at once; the device is not known any more.
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
    type Needs = (Gate, Sessions, Ending, Arc<World>);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<NoContent, Problem> {
        let (gate, sessions, ending, world) = needs;
        let SessionPath { user_id, session_id } = request.path;
        let id = user_id.target(&request.caller);
        let session_id = SessionId::parse(&session_id);
        let (admitted, session) = join!(gate.admit_to(&request.caller, &id, Self::STAFF), async {
            match &session_id {
                Some(session_id) => sessions.get(&id, session_id).await,
                None => Ok(None),
            }
        });
        let user = admitted?.user;
        let session = session?.filter(|session| session.is_on(user.epoch, world.now()));
        let session = session.ok_or(Code::SessionNotFound)?;

        if ending.end(&session).await? { Ok(NoContent) } else { Err(Code::SessionNotFound.into()) }
    }
}
