//! `DELETE /v1/users/{user_id}/passkeys/{passkey_id}`: removes a passkey.
//!
//! Tests: local/tests/it/passkeys.rs.

use latchkey::access::ending::Ending;
use latchkey::access::gate::Gate;
use latchkey::domain::audit::{Act, Actor, Deed};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::passkey_list::PasskeyId;
use latchkey::domain::user::Role;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use latchkey::tables::audit::Audit;
use latchkey::tables::passkeys::Passkeys;
use schemars::JsonSchema;
use tokio::join;

use crate::PasskeyPath;

/// Removes a passkey, and ends the sessions that it began.
///
/// In a session that began with a sign-in of the last ten minutes, and, where a text began it, on a device that has
/// been known for three days or added all of the account's passkeys; in one of the last two hours where an admin
/// removes another's, which is in the audit trail. The device keeps its part, which is of no use then.
#[derive(JsonSchema)]
pub(crate) struct RemovePasskey;

impl Endpoint for RemovePasskey {
    const ROUTE: Route = Route::delete("/v1/users/{user_id}/passkeys/{passkey_id}");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] =
        &[Code::UserNotFound, Code::PasskeyNotFound, Code::RecentSignInRequired];

    type Caller = Bearer;
    type Path = PasskeyPath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = NoContent;
    type Needs = (Gate, Passkeys, Ending, Audit);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<NoContent, Problem> {
        let (gate, passkeys, ending, audit) = needs;
        let PasskeyPath { user_id, passkey_id } = request.path;
        let id = user_id.target(&request.caller);
        let passkey_id = PasskeyId::parse(&passkey_id);
        let (admitted, passkey) =
            join!(gate.admit_to(&request.caller, &id, Self::STAFF), passkeys.find(passkey_id.as_ref()),);
        let admitted = admitted?;
        gate.require_recent(&admitted)?;
        let (passkey, me) = (passkey?, &admitted.me);
        let record = passkey.as_ref().filter(|_| me.id != id).map(|passkey| {
            let deed = Deed::new(Act::RemovedPasskey, &id).from(passkey.id.as_str().to_owned());
            audit.entry(&Actor::user(me, request.context.coarse_ip()), deed)
        });
        ending.remove_passkey(admitted.user, passkey, record).await?;
        Ok(NoContent)
    }
}
