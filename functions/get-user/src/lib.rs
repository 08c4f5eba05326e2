//! `GET /v1/users/{user_id}`: the profile.

use latchkey::domain::user::Role;
use latchkey::gate::{Bearer, Gate, UserPath};
use latchkey::http::answer::Json;
use latchkey::http::endpoint::{Endpoint, OfEndpoint, Request, Route};
use latchkey::http::function::Function;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::request::Nothing;
use latchkey::views::{Profile, Profiles};
use schemars::JsonSchema;
use tokio::join;

/// The function.
pub fn function<T: OfEndpoint>() -> Function<T> {
    Function::new(env!("CARGO_PKG_NAME")).endpoint::<GetUser>()
}

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
        let (admitted, referrals) =
            join!(gate.admit_to(&request.caller, &id, Self::STAFF), profiles.referrals(&id));
        let (me, user) = admitted?;
        let referrals = referrals?;

        let referrer = profiles.person(user.referrer_id.as_ref(), &me).await?;
        Ok(Json(profiles.profile(user, referrer, referrals, &me, &request.context)))
    }
}
