//! `GET /v1/guard`: where texts are short or paused, and why.
//!
//! Tests: local/tests/it/guard.rs.

use latchkey::access::gate::Gate;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::{PageQuery, cursor, read_cursor};
use latchkey::http::places::{DayOfTexts, ShortPlace};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::tables::day_texts::DayTexts;
use latchkey::tables::guard::Guard;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::try_join;

/// The name of the list, which its cursors hold.
const LIST: &str = "guard";

/// Tells where texts are short or paused, and why.
///
/// A place is a block of numbers (all but the last four digits), a range (all but the last six) or a country. Each has
/// a stock of texts for the day (UTC), which texts use up and codes that are entered fill again. Where it is used up, a
/// proof of work is asked for; where the block has nothing for those either, it is paused. The list holds at most
/// 1,000 places a day.
#[derive(JsonSchema)]
pub(crate) struct GetGuard;

/// How the guard stands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GuardState")]
pub(crate) struct GuardState {
    /// Whether it is on.
    #[schemars(example = true)]
    is_on: bool,
    /// The texts of the day so far.
    texts: DayOfTexts,
    /// The places of this page that are short or paused. A page may be short, or even empty, without being the last.
    items: Vec<ShortPlace>,
    /// What to send as `?cursor=` to get the next page; null on the last page.
    cursor: Option<String>,
}

impl Endpoint for GetGuard {
    const ROUTE: Route = Route::get("/v1/guard");
    const STAFF: &'static [Role] = &[Role::Moderator, Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::InvalidRequest, Code::InvalidCursor];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = PageQuery;
    type Body = Nothing;
    type Output = Json<GuardState>;
    type Needs = (Gate, Guard, DayTexts);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<Json<GuardState>, Problem> {
        let (gate, guard, texts) = needs;
        let PageQuery { limit, cursor: after } = request.query;
        let after = after.as_deref().map(|after| read_cursor(LIST, after)).transpose()?;
        // Up to a thousand items: nobody has them read before being admitted.
        gate.admit_staff(&request.caller, Self::STAFF).await?;
        let ((places, next), taken) =
            try_join!(guard.short(limit.0 as usize, after.as_deref()), texts.read())?;
        let items =
            places.into_iter().map(|(place, account)| ShortPlace::new(guard, &place, &account)).collect();
        Ok(Json(GuardState {
            is_on: guard.is_on(),
            texts: DayOfTexts::new(texts, taken),
            items,
            cursor: next.map(|next| cursor(LIST, &next)),
        }))
    }
}
