//! `POST /v1/auth/refresh`: rotates a session's tokens.
//!
//! Tests: local/tests/it/sessions.rs, rotation.rs.

use std::sync::Arc;

use latchkey::access::refreshing::Refreshing;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::hidden::Hidden;
use latchkey::base::metrics::{Metric, count};
use latchkey::base::world::World;
use latchkey::cloud::error::StoreError;
use latchkey::cloud::setup::Setup;
use latchkey::domain::refresh::RefreshToken;
use latchkey::domain::session::{Session, Standing};
use latchkey::domain::user::{Status, User};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Nothing};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::proxy::Proxy;
use latchkey::http::response::Json;
use latchkey::tables::sessions::{Rotation, Sessions};
use latchkey::tables::users::Users;
use latchkey::tokens::issuer::{Issuer, Tokens};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::join;

latchkey::function!(Refresh);

/// Trades a refresh token for the next pair of tokens.
///
/// Store the new refresh token, then use what came with it. If the answer was lost, ask again with the same one: for
/// an hour, unless the deployment sets another time, it gets the same new one, until the new ones are used. Once they
/// are, the old one ends the session, since somebody else may have it.
#[derive(JsonSchema)]
#[schemars(rename = "RefreshTokens")]
pub struct Refresh;

/// Users, sessions, and what issues tokens.
pub struct Deps {
    users: Users,
    sessions: Sessions,
    issuer: Issuer,
    refreshing: Refreshing,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        [Issuer::PARAMETERS, Refreshing::PARAMETERS, &[&Proxy::PARAMETERS]].concat().concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self {
            users: Users::new(setup),
            sessions: Sessions::new(setup),
            issuer: Issuer::build(setup).await?,
            refreshing: Refreshing::new(setup)?,
            world: Arc::clone(&setup.world),
        })
    }
}

/// The refresh token to trade.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "RefreshRequest")]
pub struct Sent {
    /// The refresh token of the last sign-in or refresh.
    #[schemars(example = &"lkr.AZn72pigfAu850gUiXnMrA.Bw.AQ.c2VjcmV0")]
    refresh_token: Hidden<String>,
}

impl Endpoint for Refresh {
    const ROUTE: Route = Route::post("/v1/auth/refresh");
    const PROBLEMS: &'static [Code] = &[Code::InvalidRefreshToken, Code::AccountBanned];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Sent>;
    type Output = Json<Tokens>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Tokens>, Problem> {
        let Deps { users, sessions, issuer, refreshing, world } = needs;
        let token = RefreshToken::parse(&request.body.0.refresh_token.0, issuer.pepper())
            .ok_or(Code::InvalidRefreshToken)?;
        let next = issuer.next(request.context.coarse_ip());

        let (user, rotation) = join!(users.get(&token.user_id), sessions.rotate(&token, &next));
        let session = match rotation? {
            Rotation::Rotated(session) => session,
            Rotation::Refused(None) => return Err(Code::InvalidRefreshToken.into()),
            Rotation::Refused(Some(session)) => match refreshing.judge(&token, &session).await? {
                Standing::Repeated => session,
                Standing::Current | Standing::Lapsed | Standing::Stolen | Standing::Ended => {
                    return Err(Code::InvalidRefreshToken.into());
                }
            },
        };
        let user = admit(user.map_err(StoreError::once_written)?, &session, world)?;
        count(Metric::Refreshes);
        Ok(Json(issuer.tokens(&user, &session, &request.context.public_url).ok_or(Code::OutcomeUnknown)?))
    }
}

/// Lets the session's user in, unless banned, gone, or signed out everywhere.
fn admit(user: Option<User>, session: &Session, world: &World) -> Result<User, Problem> {
    let user = user.ok_or(Code::InvalidRefreshToken)?;
    if user.status == Status::Banned {
        return Err(Code::AccountBanned.into());
    }
    if !session.is_on(user.epoch, world.now()) {
        return Err(Code::InvalidRefreshToken.into());
    }
    Ok(user)
}
