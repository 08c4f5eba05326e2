//! `POST /v1/auth/logout`: ends this session, the others, or all.
//!
//! Tests: local/tests/it/sessions.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::access::refreshing::Refreshing;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::hidden::Hidden;
use latchkey::base::world::World;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::pepper::Pepper;
use latchkey::domain::refresh::RefreshToken;
use latchkey::domain::session::Standing;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::{JsonOrNothing, Nothing};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use latchkey::tables::sessions::Sessions;
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::join;

latchkey::function!(SignOut);

/// Ends this session, the user's other sessions, or all.
///
/// The session is that of the access token, or of the `refresh_token` in the body. Access tokens of an ended session
/// stop working at once. It may be repeated.
#[derive(JsonSchema)]
pub struct SignOut;

/// How often the others are looked up anew when one of them changed.
const TRIES: u32 = 8;

/// Users, sessions, and what tells whose a token is.
pub struct Deps {
    gate: Gate,
    users: Users,
    sessions: Sessions,
    refreshing: Refreshing,
    tables: Tables,
    pepper: Pepper,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        [Gate::PARAMETERS, Refreshing::PARAMETERS, &[&secrets::PEPPER]].concat().concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let (gate, pepper) = tokio::try_join!(Gate::build(setup), secrets::pepper(setup))?;
        Ok(Self {
            gate,
            users: Users::new(setup),
            sessions: Sessions::new(setup),
            refreshing: Refreshing::new(setup)?,
            tables: Tables::new(setup),
            pepper,
            world: Arc::clone(&setup.world),
        })
    }
}

/// Which sessions to end, and a refresh token where there is no access token.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SignOutRequest")]
pub struct Wanted {
    #[serde(default)]
    /// Which sessions to end.
    #[schemars(extend("default" = "local"))]
    scope: Scope,
    /// A refresh token of the session; needed if no access token is sent.
    refresh_token: Option<Hidden<String>>,
}

/// Which sessions to end.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Scope {
    /// This session.
    #[default]
    Local,
    /// All sessions of the user but this one.
    Others,
    /// All sessions of the user.
    Global,
}

/// The parts of a transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    This,
    Other,
    User,
}

impl Endpoint for SignOut {
    const ROUTE: Route = Route::post("/v1/auth/logout");
    const PROBLEMS: &'static [Code] = &[
        Code::MissingToken,
        Code::InvalidToken,
        Code::InvalidRefreshToken,
        Code::SessionEnded,
        Code::AccountBanned,
        Code::Forbidden,
    ];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonOrNothing<Wanted>;
    type Output = NoContent;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<NoContent, Problem> {
        let Wanted { scope, refresh_token } = request.body.0;
        let bearer = match refresh_token {
            Some(token) => needs.bearer(&token.0).await?,
            None => needs.gate.bearer(&request.context).await?,
        };
        match scope {
            // Whether it was on or over: it is over now.
            Scope::Local => _ = needs.sessions.end(&bearer.user_id, &bearer.session_id).await?,
            Scope::Others => needs.end_others(&bearer).await?,
            Scope::Global => needs.end_all(&bearer).await?,
        }
        Ok(NoContent)
    }
}

impl Deps {
    /// Whose a refresh token is, as long as refreshing would not take it for
    /// stolen. Whether its session is on, the scope asks.
    async fn bearer(&self, token: &str) -> Result<Bearer, Problem> {
        let token = RefreshToken::parse(token, &self.pepper).ok_or(Code::InvalidRefreshToken)?;
        match self.refreshing.look_up(&token).await? {
            Standing::Current | Standing::Repeated | Standing::Lapsed | Standing::Ended => Ok(token.into()),
            Standing::Stolen => Err(Code::InvalidRefreshToken.into()),
        }
    }

    /// Raises the epoch that the session is of, if that is still the user's
    /// and the session is on: one write, whatever the number of sessions.
    async fn end_all(&self, bearer: &Bearer) -> Result<(), Problem> {
        let Bearer { user_id, session_id, .. } = bearer;
        let epoch = session_id.epoch().ok_or(Code::SessionEnded)?;
        let ended = Transaction::new(self.world.new_id())
            .with(Part::This, self.sessions.still_on(user_id, session_id))
            .with(Part::User, self.users.end_epoch(user_id, epoch))
            .commit(&self.tables, &self.world)
            .await?;
        match ended {
            Committed::Done => Ok(()),
            // Signed out everywhere before, banned, or gone: all are over.
            Committed::Refused(refused) if refused.iter().any(|(part, _)| *part == Part::User) => Ok(()),
            Committed::Refused(_) => Err(Code::SessionEnded.into()),
        }
    }

    /// Ends each of the other sessions that are on, all of them or none; of the
    /// user's devices this one alone stays known.
    async fn end_others(&self, bearer: &Bearer) -> Result<(), Problem> {
        let Bearer { user_id, session_id, .. } = bearer;
        for _ in 0..TRIES {
            let (me, all) =
                join!(self.gate.admit(bearer, user_id, SignOut::STAFF), self.sessions.of_user(user_id));
            let (me, now) = (me?, self.world.now());
            let (this, others): (Vec<_>, Vec<_>) =
                all?.into_iter().partition(|session| session.id == *session_id);
            let device = this.first().and_then(|session| session.device_id.as_ref());
            let mut ends = Transaction::new(self.world.new_id())
                .with(Part::This, self.sessions.still_on(user_id, session_id))
                .with(Part::User, self.users.keep_device(&me, device));
            for other in others.iter().filter(|session| session.is_on(me.epoch, now)) {
                ends = ends.with(Part::Other, self.sessions.ended(user_id, &other.id));
            }
            if let Committed::Done = ends.commit(&self.tables, &self.world).await? {
                return Ok(());
            }
        }
        Err(Code::Unavailable.into())
    }
}
