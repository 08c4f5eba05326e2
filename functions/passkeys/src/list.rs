//! `GET /v1/users/{user_id}/passkeys`: the passkeys of a user.
//!
//! Tests: local/tests/it/passkeys.rs.

use latchkey::access::gate::Gate;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::Page;
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::PasskeyView;
use latchkey::tables::passkeys::Passkeys;
use schemars::JsonSchema;

/// Lists the passkeys of a user.
///
/// Newest first, ten at most, on one page.
#[derive(JsonSchema)]
pub(crate) struct ListPasskeys;

impl Endpoint for ListPasskeys {
    const ROUTE: Route = Route::get("/v1/users/{user_id}/passkeys");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Json<Page<PasskeyView>>;
    type Needs = (Gate, Passkeys);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<Json<Page<PasskeyView>>, Problem> {
        let (gate, passkeys) = needs;
        let id = request.path.target(&request.caller);
        let user = gate.admit_to(&request.caller, &id, Self::STAFF).await?.user;
        let mut all = passkeys.all(user.passkeys.ids()).await?;
        all.sort_by_key(|passkey| std::cmp::Reverse(passkey.created_at));
        // Ten at most: always one page.
        Ok(Json(Page { items: all.into_iter().map(PasskeyView::from).collect(), cursor: None }))
    }
}
