//! `GET /health`: that the API is up.
//!
//! Tests: local/tests/it/edge.rs.

use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use schemars::JsonSchema;
use serde::Serialize;

/// Says that the API is up.
#[derive(JsonSchema)]
#[schemars(rename = "GetHealth")]
pub(crate) struct Health;

/// Says that the API is up.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Health")]
pub(crate) struct Report {
    /// Always `ok`.
    #[schemars(extend("const" = "ok"))]
    status: &'static str,
    /// The version that answers, as CHANGELOG.md counts them (semver.org).
    #[schemars(example = &"0.2.0")]
    version: &'static str,
}

impl Endpoint for Health {
    const ROUTE: Route = Route::get("/health");
    const PROBLEMS: &'static [Code] = &[];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Json<Report>;
    type Needs = ();

    async fn call((): &(), _: Request<Self>) -> Result<Json<Report>, Problem> {
        Ok(Json(Report { status: "ok", version: env!("CARGO_PKG_VERSION") }))
    }
}
