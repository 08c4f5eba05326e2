//! `GET /health`: that the API is up.

use latchkey::http::answer::Json;
use latchkey::http::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::request::Nothing;
use serde::Serialize;

/// That the API is up.
pub(crate) struct Health;

/// `{"status": "ok"}`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    status: &'static str,
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
        Ok(Json(Report { status: "ok" }))
    }
}
