//! `DELETE /v1/guard/{place}`: opens a place that is short or paused.
//!
//! Tests: local/tests/it/guard.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::world::World;
use latchkey::cloud::transaction::{Tables, Transaction};
use latchkey::domain::audit::{Act, Actor, Deed};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::credit::Place;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use latchkey::tables::audit::Audit;
use latchkey::tables::guard::Guard;
use schemars::JsonSchema;
use serde::Deserialize;

/// Opens a place that is short or paused.
///
/// It has all the texts that it can have today, and what was remembered of its days before is forgotten. It can be
/// done again and again, and is in the audit trail each time.
#[derive(JsonSchema)]
pub(crate) struct OpenPlace;

/// Which place.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PlacePath {
    /// The place, as the list of short places calls it.
    #[schemars(example = &"block-7900123")]
    place: String,
}

impl Endpoint for OpenPlace {
    const ROUTE: Route = Route::delete("/v1/guard/{place}");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::NotFound];

    type Caller = Bearer;
    type Path = PlacePath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = NoContent;
    type Needs = (Gate, Guard, Audit, Tables, Arc<World>);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<NoContent, Problem> {
        let (gate, guard, audit, tables, world) = needs;
        let me = gate.admit_staff(&request.caller, Self::STAFF).await?;
        let place = Place::parse(&request.path.place).ok_or(Code::NotFound)?;
        let opens = guard.open(&place);
        if opens.is_empty() {
            return Ok(NoContent);
        }
        let by = Actor::user(&me, request.context.coarse_ip());
        // Nothing in it is on a condition.
        Transaction::new(world.new_id())
            .with_all((), opens)
            .recording((), [audit.entry(&by, Deed::new(Act::OpenedPlace, place.id()))])
            .commit(tables, world)
            .await?;
        Ok(NoContent)
    }
}
