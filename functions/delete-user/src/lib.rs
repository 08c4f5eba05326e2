//! `DELETE /v1/users/{user_id}`: removes an account and everything personal.

use std::sync::Arc;

use latchkey::domain::user::Role;
use latchkey::gate::{Bearer, Gate, UserPath};
use latchkey::http::answer::NoContent;
use latchkey::http::endpoint::{Endpoint, Needs, OfEndpoint, Request, Route};
use latchkey::http::function::Function;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::request::Nothing;
use latchkey::lambda::StartError;
use latchkey::secrets;
use latchkey::setup::Setup;
use latchkey::tables::codes::Codes;
use latchkey::tables::sessions::Sessions;
use latchkey::tables::transaction::{Committed, Tables, Transaction};
use latchkey::tables::users::Users;
use latchkey::world::World;
use schemars::JsonSchema;
use tokio::try_join;

/// The function.
pub fn function<T: OfEndpoint>() -> Function<T> {
    Function::new(env!("CARGO_PKG_NAME")).endpoint::<DeleteUser>()
}

/// Removes an account and everything personal.
///
/// All at once, and for good. The number can sign in anew, as a different user; the invite code is never given to
/// anybody else.
#[derive(JsonSchema)]
pub struct DeleteUser;

/// How often it is drawn up anew when the user changed meanwhile.
const TRIES: u32 = 8;

/// All three tables.
pub struct Needed {
    gate: Gate,
    users: Users,
    sessions: Sessions,
    codes: Codes,
    tables: Tables,
    world: Arc<World>,
}

impl Needs for Needed {
    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let (gate, pepper) = try_join!(Gate::build(setup), secrets::pepper(setup))?;
        Ok(Self {
            gate,
            users: Users::new(setup),
            sessions: Sessions::new(setup),
            codes: Codes::new(setup, pepper)?,
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
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = NoContent;
    type Needs = Needed;

    /// One transaction, so there is no state between "there" and "gone" that a
    /// crash could leave behind.
    async fn call(needs: &Needed, request: Request<Self>) -> Result<NoContent, Problem> {
        let Needed { gate, users, sessions, codes, tables, world } = needs;
        let id = request.path.target(&request.caller);
        let (_, mut user) = gate.admit_to(&request.caller, &id, Self::STAFF).await?;
        for _ in 0..TRIES {
            let deletion = Transaction::new(world.new_id())
                .with_all((), users.delete(&user))
                .with_all((), sessions.forget(&id))
                .with_all((), codes.forget(&user.phone));
            match deletion.commit(tables, world).await? {
                Committed::Done => return Ok(NoContent),
                Committed::Refused(_) => user = users.get(&id).await?.ok_or(Code::UserNotFound)?,
            }
        }
        Err(Code::Unavailable.into())
    }
}
