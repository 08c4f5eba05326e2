//! `GET /v1/audit`: who did what to whom, newest first, a page at a time.
//!
//! Tests: local/tests/it/audit.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::world::{Date, Month, Rfc3339, World};
use latchkey::domain::audit::{Act, Entry};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::position::Position;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{Line, Nothing};
use latchkey::http::page::{Page, PageSize, cursor, in_month, read_in_month, read_position};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::tables::audit::{Audit, Wanted};
use latchkey::tables::keyset::Keyset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::try_join;

latchkey::function!(ListAudit);

/// Lists the audit trail: who did what to whom.
///
/// Newest first, in pages; all that is kept, or what fits `target`, `actor` and `day` together. An entry is written in
/// the transaction of what it tells of, and may take a second to appear. It is kept for as many days as the deployment
/// says, and holds identifiers alone: the deletion of an account leaves it alone.
#[derive(JsonSchema)]
pub struct ListAudit;

/// Which entries, and which page.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AuditQuery")]
pub struct Query {
    /// To whom it was done: a user's identifier, or another `target` of an entry.
    target: Option<Line<128>>,
    /// Who did it: a user's identifier, or `cli`.
    actor: Option<Line<128>>,
    /// On which day (UTC).
    day: Option<Date>,
    /// The most items that a page may have.
    #[serde(default)]
    limit: PageSize,
    /// The `cursor` of the previous page; without it, the first page is given.
    cursor: Option<String>,
}

impl Query {
    /// The name of the list, which its cursors hold.
    fn list(&self) -> String {
        let text = |line: &Option<Line<128>>| line.as_ref().map(|line| line.0.clone()).unwrap_or_default();
        let day = self.day.map(|day| day.to_string()).unwrap_or_default();
        format!("audit/{day}/{}/{}", text(&self.target), text(&self.actor))
    }

    /// Whether it goes month by month, since no index and no day has what is wanted.
    const fn is_of_all(&self) -> bool {
        self.target.is_none() && self.actor.is_none() && self.day.is_none()
    }
}

/// One entry of the audit trail.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub struct Item {
    /// The entry's identifier.
    #[schemars(example = &"01a1fc07-1c2d-7e3f-8a4b-5c6d7e8f9a0b")]
    id: String,
    /// When it was done.
    at: Rfc3339,
    /// Who did it: a user's identifier, or `cli` for the command line.
    #[schemars(example = &"01a1fbdf-98a0-7c0b-bce7-48148979ccac")]
    actor: String,
    /// What was done.
    #[schemars(example = &"banned")]
    action: Act,
    /// To whom: a user's identifier, `phone-` and the HMAC of a number, or a place as `/v1/guard` calls it; null where
    /// it is of the whole deployment.
    #[schemars(example = &"01a1fbc2-5d0e-7f8a-9b1c-2d3e4f5a6b7c")]
    target: Option<String>,
    /// What was there before; null if nothing was.
    #[schemars(example = &"active")]
    from: Option<String>,
    /// What is there since; null if nothing is.
    #[schemars(example = &"banned")]
    to: Option<String>,
    /// Why, in the actor's words; null if none was given.
    #[schemars(example = &"Sold invite codes")]
    reason: Option<String>,
    /// Where the actor was: an IPv4 /24 or an IPv6 /48; null for the command line.
    #[schemars(example = &"203.0.113.0/24")]
    address: Option<String>,
}

impl From<Entry> for Item {
    fn from(entry: Entry) -> Self {
        let Entry { id, at, actor, address, action, target, from, to, reason, .. } = entry;
        Self { id, at: Rfc3339(at), actor, action, target, from, to, reason, address }
    }
}

impl Endpoint for ListAudit {
    const ROUTE: Route = Route::get("/v1/audit");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::InvalidRequest, Code::InvalidCursor];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Query;
    type Body = Nothing;
    type Output = Json<Page<Item>>;
    type Needs = (Gate, Audit, Keyset, Arc<World>);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<Json<Page<Item>>, Problem> {
        let (gate, audit, keyset, world) = needs;
        let query = request.query;
        let (month, after) = place(&query, Month::of(world.now()))?;
        // Several queries: nobody has them asked before being admitted.
        gate.admit_staff(&request.caller, Self::STAFF).await?;
        let wanted = Wanted {
            target: query.target.as_ref().map(|target| target.0.clone()),
            actor: query.actor.as_ref().map(|actor| actor.0.clone()),
            day: query.day,
        };
        let (since, (entries, next)) =
            try_join!(keyset.since(), audit.page(&wanted, month, query.limit.0, after.as_ref()))?;

        let before = month.before().before();
        let next = match next {
            Some(position) if query.is_of_all() => Some(in_month(month, Some(&position))),
            Some(position) => Some(position.as_str().to_owned()),
            None if query.is_of_all() && before >= Month::of(since.max(audit.since())) => {
                Some(in_month(before, None))
            }
            None => None,
        };
        let next = next.map(|next| cursor(&query.list(), &next));
        Ok(Json(Page { items: entries.into_iter().map(Item::from).collect(), cursor: next }))
    }
}

/// From which month on, and behind which position.
fn place(query: &Query, now: Month) -> Result<(Month, Option<Position>), Problem> {
    let (list, cursor) = (query.list(), query.cursor.as_deref());
    if query.is_of_all() {
        return Ok(read_in_month(&list, cursor)?.unwrap_or((now, None)));
    }
    Ok((now, read_position(&list, cursor)?))
}
