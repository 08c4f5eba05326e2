//! `GET /v1/users/{user_id}/referrals`: who entered this user's invite code,
//! newest first, a page at a time.
//!
//! Tests: local/tests/it/story.rs, scale.rs.

use latchkey::access::gate::Gate;
use latchkey::base::world::Rfc3339;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::user::{Role, UserId};
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::{Page, PageQuery, read_position};
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{Profiles, referrals_cursor, referrals_list};
use latchkey::tables::referrals::Referrals;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::join;

latchkey::function!(ListReferrals);

/// Lists who entered a user's invite code.
///
/// Newest first, in pages. An entry may take a second to appear.
#[derive(JsonSchema)]
pub struct ListReferrals;

/// A user who entered the invite code.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Referral")]
pub struct Item {
    /// The identifier of that user.
    #[schemars(example = &"01a1fc07-1c2d-7e3f-8a4b-5c6d7e8f9a0b")]
    id: UserId,
    /// The phone number of that user, as the caller sees it: whole, or masked as in `+7900•••0002`.
    #[schemars(example = &"+79000000002")]
    phone: String,
    /// When the code was entered.
    activated_at: Rfc3339,
}

impl Endpoint for ListReferrals {
    const ROUTE: Route = Route::get("/v1/users/{user_id}/referrals");
    const STAFF: &'static [Role] = &[Role::Moderator, Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::InvalidRequest, Code::InvalidCursor, Code::UserNotFound];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = PageQuery;
    type Body = Nothing;
    type Output = Json<Page<Item>>;
    type Needs = (Gate, Referrals, Profiles);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<Json<Page<Item>>, Problem> {
        let (gate, referrals, profiles) = needs;
        let id = request.path.target(&request.caller);
        let after = read_position(&referrals_list(&id), request.query.cursor.as_deref())?;

        let (admitted, page) = join!(
            gate.admit_to(&request.caller, &id, Self::STAFF),
            referrals.page(&id, request.query.limit.0, after.as_ref()),
        );
        let me = admitted?.me;
        let (page, next) = page?;

        let items = page.into_iter().map(|referral| Item {
            phone: profiles.phone(&referral.phone, &me),
            id: referral.id,
            activated_at: Rfc3339(referral.activated_at),
        });
        Ok(Json(Page { items: items.collect(), cursor: referrals_cursor(&id, next.as_ref()) }))
    }
}
