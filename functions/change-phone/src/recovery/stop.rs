//! `DELETE /v1/users/{user_id}/recovery`: stops the move of an account to a new number.
//!
//! Tests: local/tests/it/recovery.rs.

use std::sync::Arc;

use latchkey::access::gate::{Admitted, Gate};
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::audit::{Act, Actor, Deed, of_phone};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::pepper::Pepper;
use latchkey::domain::user::Role;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use latchkey::tables;
use latchkey::tables::audit::Audit;
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use tokio::try_join;

/// Stops the move of an account to a new number.
///
/// By an admin, in a session that began with a sign-in of the last two hours; or by the account itself, from a device
/// that was listed, or with a passkey that was added, before the move was begun and three days ago or more. It is in the
/// audit trail.
#[derive(JsonSchema)]
pub(crate) struct StopRecovery;

/// How often it is drawn up anew when the user changed meanwhile.
const TRIES: u32 = 8;

/// A gate, users and the audit trail.
pub(crate) struct Deps {
    gate: Gate,
    users: Users,
    audit: Audit,
    tables: Tables,
    pepper: Pepper,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        [Gate::PARAMETERS, &[&secrets::PEPPER, tables::AUDIT]].concat().concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let (gate, pepper) = try_join!(Gate::build(setup), secrets::pepper(setup))?;
        Ok(Self {
            gate,
            users: Users::new(setup),
            audit: Audit::new(setup)?,
            tables: Tables::new(setup),
            pepper,
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

impl Endpoint for StopRecovery {
    const ROUTE: Route = Route::delete("/v1/users/{user_id}/recovery");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound, Code::NotFound, Code::RecentSignInRequired];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = NoContent;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<NoContent, Problem> {
        let Deps { gate, users, audit, tables, pepper, world } = needs;
        let id = request.path.target(&request.caller);
        let admitted = gate.admit_to(&request.caller, &id, Self::STAFF).await?;
        if admitted.me.id != id {
            gate.require_recent(&admitted)?;
        }
        let Admitted { me, session, mut user } = admitted;
        let by = Actor::user(&me, request.context.coarse_ip());
        for _ in 0..TRIES {
            let recovery = user.recovery.clone().ok_or(Code::NotFound)?;
            if me.id == id && !session.may_stop(&recovery, &user, world.now()) {
                let detail = "This takes a device or a passkey that the account has known for three days.";
                return Err(Problem::from(Code::Forbidden).detail(detail));
            }
            let deed = Deed::new(Act::StoppedRecovery, &id).from(of_phone(&recovery.phone, pepper));
            let stopped = Transaction::new(world.new_id())
                .with((), users.keep_recovery(&user, None))
                .with((), users.release(&recovery, &id))
                .recording((), [audit.entry(&by, deed)])
                .commit(tables, world)
                .await?;
            if let Committed::Done = stopped {
                return Ok(NoContent);
            }
            // Completed, stopped or begun anew meanwhile.
            user = users.get(&id).await?.ok_or(Code::UserNotFound)?;
        }
        Err(Code::Unavailable.into())
    }
}
