//! `GET /v1/users/{user_id}/sessions`: the devices that a user is signed in on.
//!
//! Tests: local/tests/it/sessions.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::world::{Rfc3339, World};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::session::{Session, SessionId};
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::Page;
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::tables::sessions::Sessions;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::join;

latchkey::function!(ListSessions);

/// Lists the devices that a user is signed in on.
///
/// Newest first, 20 at most, on one page.
#[derive(JsonSchema)]
pub struct ListSessions;

/// A session: a device that a user is signed in on.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub struct Item {
    /// The session's identifier; `DELETE /v1/users/{user_id}/sessions/{session_id}` ends the session.
    id: SessionId,
    /// The name that the device gave at the sign-in; null if it gave none.
    #[schemars(example = &"Alice's phone")]
    device: Option<String>,
    /// When the user signed in on the device.
    created_at: Rfc3339,
    /// When the session's tokens were last refreshed.
    #[schemars(example = &"2026-11-21T09:12:40Z")]
    last_seen_at: Rfc3339,
    /// The network that the device was last seen in: the /24 of an IPv4 address, the /48 of an IPv6 one.
    #[schemars(example = &"203.0.113.0/24")]
    ip: String,
    /// Whether this is the session of the caller's access token.
    #[schemars(example = true)]
    current: bool,
}

impl Item {
    fn new(session: Session, current: &SessionId) -> Self {
        Self {
            current: session.id == *current,
            id: session.id,
            device: session.device,
            created_at: Rfc3339(session.created_at),
            last_seen_at: Rfc3339(session.last_seen_at),
            ip: session.ip,
        }
    }
}

impl Endpoint for ListSessions {
    const ROUTE: Route = Route::get("/v1/users/{user_id}/sessions");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Json<Page<Item>>;
    type Needs = (Gate, Sessions, Arc<World>);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<Json<Page<Item>>, Problem> {
        let (gate, sessions, world) = needs;
        let id = request.path.target(&request.caller);
        let (admitted, all) = join!(gate.admit_to(&request.caller, &id, Self::STAFF), sessions.of_user(&id));
        let user = admitted?.user;

        let mut on: Vec<_> =
            all?.into_iter().filter(|session| session.is_on(user.epoch, world.now())).collect();
        on.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        let items = on.into_iter().map(|session| Item::new(session, &request.caller.session_id));
        // Twenty at most: always one page.
        Ok(Json(Page { items: items.collect(), cursor: None }))
    }
}
