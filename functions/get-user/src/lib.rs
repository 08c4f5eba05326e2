//! `GET /v1/users/{user_id}`: the profile.
//!
//! Tests: local/tests/it/story.rs, profiles.rs, tokens.rs.

use latchkey::access::gate::{Admitted, Gate};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{Profile, Profiles};
use schemars::JsonSchema;
use tokio::join;

latchkey::function!(GetUser);

/// Gets a profile, with the first page of referrals.
#[derive(JsonSchema)]
pub struct GetUser;

impl Endpoint for GetUser {
    const ROUTE: Route = Route::get("/v1/users/{user_id}");
    const STAFF: &'static [Role] = &[Role::Moderator, Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Json<Profile>;
    type Needs = (Gate, Profiles);

    async fn call((gate, profiles): &Self::Needs, request: Request<Self>) -> Result<Json<Profile>, Problem> {
        let id = request.path.target(&request.caller);
        let (admitted, count) =
            join!(gate.admit_to(&request.caller, &id, Self::STAFF), profiles.first_count(&id));
        let Admitted { me, user, .. } = admitted?;
        let related = profiles.related(&user, count?, &me).await?;
        Ok(Json(profiles.profile(user, related, &me, &request.context)))
    }
}
