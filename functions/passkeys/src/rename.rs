//! `PATCH /v1/users/{user_id}/passkeys/{passkey_id}`: gives a passkey another name.
//!
//! Tests: local/tests/it/passkeys.rs.

use latchkey::access::gate::Gate;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::passkey_list::PasskeyId;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Line, Nothing};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::PasskeyView;
use latchkey::tables::passkeys::Passkeys;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::PasskeyPath;

/// Gives a passkey another name.
///
/// One's own alone.
#[derive(JsonSchema)]
pub(crate) struct RenamePasskey;

/// What to call it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PasskeyUpdate")]
pub(crate) struct Wanted {
    /// The passkey's name.
    #[schemars(example = &"Work laptop")]
    name: Line<64>,
}

impl Endpoint for RenamePasskey {
    const ROUTE: Route = Route::patch("/v1/users/{user_id}/passkeys/{passkey_id}");
    const PROBLEMS: &'static [Code] = &[Code::Forbidden, Code::PasskeyNotFound];

    type Caller = Bearer;
    type Path = PasskeyPath;
    type Query = Nothing;
    type Body = JsonBody<Wanted>;
    type Output = Json<PasskeyView>;
    type Needs = (Gate, Passkeys);

    async fn call(
        (gate, passkeys): &Self::Needs,
        request: Request<Self>,
    ) -> Result<Json<PasskeyView>, Problem> {
        let PasskeyPath { user_id, passkey_id } = request.path;
        let me = gate.admit(&request.caller, &user_id.target(&request.caller), Self::STAFF).await?;
        let id = PasskeyId::parse(&passkey_id).ok_or(Code::PasskeyNotFound)?;
        let renamed = passkeys.rename(&id, &me.id, &request.body.0.name.0).await?;
        Ok(Json(renamed.ok_or(Code::PasskeyNotFound)?.into()))
    }
}
