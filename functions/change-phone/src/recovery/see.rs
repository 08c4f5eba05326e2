//! `GET /v1/users/{user_id}/recovery`: the move of an account to a new number.
//!
//! Tests: local/tests/it/recovery.rs.

use latchkey::access::gate::Gate;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use schemars::JsonSchema;

use crate::recovery::View;

/// Tells of the move of an account to a new number.
///
/// 404 `not_found` where none was begun, or it was completed or stopped.
#[derive(JsonSchema)]
pub(crate) struct GetRecovery;

impl Endpoint for GetRecovery {
    const ROUTE: Route = Route::get("/v1/users/{user_id}/recovery");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound, Code::NotFound];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Json<View>;
    type Needs = Gate;

    async fn call(gate: &Gate, request: Request<Self>) -> Result<Json<View>, Problem> {
        let id = request.path.target(&request.caller);
        let user = gate.admit_to(&request.caller, &id, Self::STAFF).await?.user;
        Ok(Json(user.recovery.ok_or(Code::NotFound)?.into()))
    }
}
