//! `GET /v1/users/me/export`: all that is stored of whoever asks.
//!
//! Tests: local/tests/it/export.rs.

mod account;
mod acts;

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::access::invitations::Invitations;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::world::{Month, Rfc3339, World};
use latchkey::cloud::error::StoreError;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::domain::audit::Entry;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::position::Position;
use latchkey::domain::user::{Referral, User, UserId};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::{PageQuery, cursor, read_cursor};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{Person, Profiles};
use latchkey::tables;
use latchkey::tables::audit::{Audit, Wanted};
use latchkey::tables::codes::Codes;
use latchkey::tables::invites::Invites;
use latchkey::tables::passkeys::Passkeys;
use latchkey::tables::referrals::Referrals;
use latchkey::tables::sessions::Sessions;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{join, try_join};

use crate::account::Account;
use crate::acts::Done;

latchkey::function!(ExportUser);

/// Exports all that is stored of the caller.
///
/// The first page holds the account, with its sessions, devices, passkeys and invite code, and when codes were texted
/// to its number and what became of each text. It and those behind it hold who entered the invite code, and what was
/// done to the account and is on record, each newest first. What tells a code or opens a session is left out, as is what
/// is stored a second time for an index alone; staff are told by their role.
#[derive(JsonSchema)]
pub struct ExportUser;

/// All that is stored of a person, a page at a time. The last page has a null `cursor`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Export {
    /// The account; null on the pages behind the first.
    account: Option<Account>,
    /// Who entered the invite code, newest first; an entry may take a second to appear.
    referrals: Vec<Entered>,
    /// What others did to the account, and who moved it to another number, newest first, for as long as it is on record;
    /// an entry may take a second to appear.
    acts: Vec<Done>,
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
    audit: Audit,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own = [Invitations::PARAMETERS, Codes::PARAMETERS, &[&secrets::PEPPER, tables::AUDIT]]
            .concat()
            .concat();
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
            audit: Audit::new(setup)?,
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
        let PageQuery { limit, cursor } = request.query;
        let [referrals, acts] = places(id, cursor.as_deref())?;
        let is_first = cursor.is_none();

        let (me, referrals, acts, sessions) = join!(
            needs.gate.admit(&request.caller, id, Self::STAFF),
            referrals.go_on(async |after| needs.referrals.page(id, limit.0, after).await),
            acts.go_on(async |after| needs.acts(id, limit.0, after).await),
            async { if is_first { needs.sessions.of_user(id).await } else { Ok(Vec::new()) } },
        );
        let me = me?;
        let ((referrals, more_referrals), (acts, more_acts)) = (referrals?, acts?);

        let account =
            if is_first { Some(needs.account(&me, sessions?, &request.context).await?) } else { None };
        Ok(Json(Export {
            account,
            referrals: referrals.into_iter().map(|referral| needs.entered(referral, &me)).collect(),
            acts: acts.into_iter().map(|entry| Done::new(entry, id)).collect(),
            cursor: cursor_of(id, &[more_referrals, more_acts]),
        }))
    }
}

impl Deps {
    /// A page of what is on record of somebody.
    async fn acts(
        &self,
        of: &UserId,
        limit: u32,
        after: Option<&Position>,
    ) -> Result<(Vec<Entry>, Option<Position>), StoreError> {
        let about = Wanted { target: Some(of.0.clone()), ..Wanted::default() };
        self.audit.page(&about, Month::of(self.world.now()), limit, after).await
    }

    fn entered(&self, Referral { id, phone, activated_at }: Referral, me: &User) -> Entered {
        let person = Person { phone: self.profiles.phone(&phone, me), id };
        Entered { person, activated_at: Rfc3339(activated_at) }
    }
}

/// Where one of the lists goes on.
enum Place {
    /// At its beginning, or behind a position.
    Behind(Option<Position>),
    /// Nowhere: it is over.
    Over,
}

impl Place {
    /// The page from there on.
    async fn go_on<T>(
        &self,
        page: impl AsyncFnOnce(Option<&Position>) -> Result<(Vec<T>, Option<Position>), StoreError>,
    ) -> Result<(Vec<T>, Option<Position>), StoreError> {
        match self {
            Self::Behind(after) => page(after.as_ref()).await,
            Self::Over => Ok((Vec::new(), None)),
        }
    }
}

/// Where the two lists of an export go on, which its cursors hold.
fn places(of: &UserId, cursor: Option<&str>) -> Result<[Place; 2], Problem> {
    let Some(cursor) = cursor else { return Ok([Place::Behind(None), Place::Behind(None)]) };
    let key = read_cursor(&list(of), cursor)?;
    let place = |key: &str| {
        if key.is_empty() {
            return Ok(Place::Over);
        }
        Position::parse(key.to_owned()).map(|after| Place::Behind(Some(after))).ok_or(Code::InvalidCursor)
    };
    let (referrals, acts) = key.split_once('/').ok_or(Code::InvalidCursor)?;
    Ok([place(referrals)?, place(acts)?])
}

/// The cursor behind these positions; `None` where both lists are over.
fn cursor_of(user: &UserId, next: &[Option<Position>; 2]) -> Option<String> {
    let [referrals, acts] = next.each_ref().map(|next| next.as_ref().map_or("", Position::as_str));
    next.iter().any(Option::is_some).then(|| cursor(&list(user), &format!("{referrals}/{acts}")))
}

/// The name of the lists, which their cursors hold.
fn list(of: &UserId) -> String {
    format!("export/{of}")
}
