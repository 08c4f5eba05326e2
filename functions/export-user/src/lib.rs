//! `GET /v1/users/me/export`: all that is stored of whoever asks.
//!
//! Tests: local/tests/it/export.rs.

mod account;

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::access::invitations::Invitations;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::world::{Rfc3339, World};
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::user::{Referral, User, UserId};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::{PageQuery, cursor, read_position};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{Person, Profiles};
use latchkey::tables::codes::Codes;
use latchkey::tables::invites::Invites;
use latchkey::tables::passkeys::Passkeys;
use latchkey::tables::referrals::Referrals;
use latchkey::tables::sessions::Sessions;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{join, try_join};

use crate::account::Account;

latchkey::function!(ExportUser);

/// Exports all that is stored of the caller.
///
/// The first page holds the account, with its sessions, devices, passkeys and invite code, and when codes were texted
/// to its number; it and those behind it hold who entered the invite code, newest first. What tells a code or opens a
/// session is left out, as is what is stored a second time for an index alone.
#[derive(JsonSchema)]
pub struct ExportUser;

/// All that is stored of a person, a page at a time. The last page has a null `cursor`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Export {
    /// The account; null on the pages behind the first.
    account: Option<Account>,
    /// Who entered the invite code, newest first; an entry may take a second to appear.
    referrals: Vec<Entered>,
    /// What to send as `?cursor=` to get the next page; null on the last page.
    cursor: Option<String>,
}

/// Somebody who entered the invite code.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExportedReferral")]
struct Entered {
    #[serde(flatten)]
    person: Person,
    /// When the code was entered.
    activated_at: Rfc3339,
}

/// A gate, and all rooms in which something of a person may lie.
pub struct Deps {
    gate: Gate,
    profiles: Profiles,
    referrals: Referrals,
    sessions: Sessions,
    passkeys: Passkeys,
    invites: Invites,
    invitations: Invitations,
    codes: Codes,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own = [Invitations::PARAMETERS, Codes::PARAMETERS, &[&secrets::PEPPER]].concat().concat();
        [Gate::parameters(), Profiles::parameters(), own].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let (gate, pepper) = try_join!(Gate::build(setup), secrets::pepper(setup))?;
        Ok(Self {
            gate,
            profiles: Profiles::new(setup)?,
            referrals: Referrals::new(setup),
            sessions: Sessions::new(setup),
            passkeys: Passkeys::new(setup),
            invites: Invites::new(setup),
            invitations: Invitations::new(setup, pepper.clone())?,
            codes: Codes::new(setup, pepper)?,
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

impl Endpoint for ExportUser {
    const ROUTE: Route = Route::get("/v1/users/me/export");
    const PROBLEMS: &'static [Code] = &[Code::InvalidRequest, Code::InvalidCursor];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = PageQuery;
    type Body = Nothing;
    type Output = Json<Export>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Export>, Problem> {
        let id = &request.caller.user_id;
        let after = read_position(&list(id), request.query.cursor.as_deref())?;
        let is_first = after.is_none();

        let (me, page, sessions) = join!(
            needs.gate.admit(&request.caller, id, Self::STAFF),
            needs.referrals.page(id, request.query.limit.0, after.as_ref()),
            async { if is_first { needs.sessions.of_user(id).await } else { Ok(Vec::new()) } },
        );
        let me = me?;
        let (page, next) = page?;

        let account =
            if is_first { Some(needs.account(&me, sessions?, &request.context).await?) } else { None };
        Ok(Json(Export {
            account,
            referrals: page.into_iter().map(|referral| needs.entered(referral, &me)).collect(),
            cursor: next.map(|next| cursor(&list(id), next.as_str())),
        }))
    }
}

impl Deps {
    fn entered(&self, Referral { id, phone, activated_at }: Referral, me: &User) -> Entered {
        let person = Person { phone: self.profiles.phone(&phone, me), id };
        Entered { person, activated_at: Rfc3339(activated_at) }
    }
}

/// The name of the list, which its cursors hold.
fn list(of: &UserId) -> String {
    format!("export/{of}")
}
