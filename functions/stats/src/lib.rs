//! `GET /v1/stats`: numbers per day.
//!
//! Tests: local/tests/it/stats.rs.

use latchkey::access::gate::Gate;
use latchkey::base::world::Date;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::Page;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::tables::stats::{KEPT, Numbers, Stats};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

latchkey::function!(GetStats);

/// Counts sign-ups, codes and referrals per day.
///
/// One item for each of the last days, today included, newest first. Days are those of UTC.
#[derive(JsonSchema)]
pub struct GetStats;

/// For how many days, today among them.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Query {
    #[serde(default)]
    /// How many days to give, today included.
    days: Days,
}

/// 1 to 90, 30 unless asked.
#[derive(Debug, JsonSchema)]
#[schemars(inline, extend("minimum" = 1, "maximum" = KEPT, "default" = 30))]
struct Days(u16);

impl Default for Days {
    fn default() -> Self {
        Self(30)
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let days = u16::deserialize(deserializer).ok().filter(|days| (1..=KEPT).contains(days));
        days.map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("must be a whole number from 1 to {KEPT}")))
    }
}

/// What happened on one day of UTC.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DayOfNumbers")]
pub struct Item {
    /// The day, of UTC.
    date: Date,
    #[serde(flatten)]
    numbers: Numbers,
}

impl Endpoint for GetStats {
    const ROUTE: Route = Route::get("/v1/stats");
    const STAFF: &'static [Role] = &[Role::Moderator, Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::InvalidRequest];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Query;
    type Body = Nothing;
    type Output = Json<Page<Item>>;
    type Needs = (Gate, Stats);

    async fn call((gate, stats): &Self::Needs, request: Request<Self>) -> Result<Json<Page<Item>>, Problem> {
        // Up to 1,440 items: nobody has them read before being admitted.
        gate.admit_staff(&request.caller, Self::STAFF).await?;
        let days = stats.last(request.query.days.0).await?;
        let items = days.into_iter().map(|(date, numbers)| Item { date, numbers });
        Ok(Json(Page { items: items.collect(), cursor: None }))
    }
}
