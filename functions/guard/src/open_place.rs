//! `DELETE /v1/guard/{place}`: opens a place that is short or paused.
//!
//! Tests: local/tests/it/guard.rs.

use latchkey::access::gate::Gate;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::credit::Place;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use latchkey::tables::guard::Guard;
use schemars::JsonSchema;
use serde::Deserialize;

/// Opens a place that is short or paused.
///
/// It has all the texts that it can have today, and what was remembered of its days before is forgotten. It can be
/// done again and again.
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
    type Needs = (Gate, Guard);

    async fn call((gate, guard): &Self::Needs, request: Request<Self>) -> Result<NoContent, Problem> {
        gate.admit_staff(&request.caller, Self::STAFF).await?;
        let place = Place::parse(&request.path.place).ok_or(Code::NotFound)?;
        guard.open(&place).await?;
        Ok(NoContent)
    }
}
