//! `GET /v1/users`: all users, newest first, a page at a time; or those that a
//! query finds.
//!
//! Tests: local/tests/it/listing.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::world::{Month, World};
use latchkey::cloud::error::StoreError;
use latchkey::cloud::setup::Setup;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::numbers::Numbers;
use latchkey::domain::position::Position;
use latchkey::domain::user::{Role, Status, User};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::{Page, PageSize, cursor, read_cursor};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::Listed;
use latchkey::settings;
use latchkey::tables::invites::{Found, Invites};
use latchkey::tables::keyset::Keyset;
use latchkey::tables::rolls::{Roll, Rolls};
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{join, try_join};

latchkey::function!(ListUsers);

/// Lists all users, or those that a query finds.
///
/// Newest first, in pages. A new user may take a second to appear, but `phone` and `invite_code`, which find one
/// user at most, find them at once.
#[derive(JsonSchema)]
pub struct ListUsers;

/// A gate, users, and since when there are any.
pub struct Deps {
    gate: Gate,
    users: Users,
    invites: Invites,
    rolls: Rolls,
    keyset: Keyset,
    numbers: Numbers,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        [Gate::parameters(), settings::NUMBERS.to_vec()].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self {
            gate: Gate::build(setup).await?,
            users: Users::new(setup),
            invites: Invites::new(setup),
            rolls: Rolls::new(setup),
            keyset: Keyset::new(setup),
            numbers: settings::numbers(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

/// Whom to find, and which page.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Query {
    /// Finds the user with this phone number, in E.164 or as a person types it.
    #[schemars(extend("format" = "phone"))]
    phone: Option<String>,
    /// Finds the user who owns this invite code.
    invite_code: Option<String>,
    /// Finds users with this role.
    role: Option<Role>,
    /// Finds users with this status.
    status: Option<Status>,
    /// The most items that a page may have.
    #[serde(default)]
    limit: PageSize,
    /// The `cursor` of the previous page; without it, the first page is given.
    cursor: Option<String>,
}

impl Query {
    fn is_met_by(&self, user: &User) -> bool {
        self.role.is_none_or(|role| user.role == role)
            && self.status.is_none_or(|status| user.status == status)
    }

    /// The name of the list, which its cursors hold.
    fn list(&self) -> String {
        let role = self.role.map_or("", Role::as_str);
        let status = self.status.map_or("", Status::as_str);
        format!("users/{role}/{status}")
    }
}

impl Endpoint for ListUsers {
    const ROUTE: Route = Route::get("/v1/users");
    const STAFF: &'static [Role] = &[Role::Moderator, Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::InvalidRequest, Code::InvalidPhone, Code::InvalidCursor];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Query;
    type Body = Nothing;
    type Output = Json<Page<Listed>>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Page<Listed>>, Problem> {
        let (query, context) = (request.query, request.context);
        if query.phone.is_some() || query.invite_code.is_some() {
            let user = needs.find(&query, &request.caller).await?;
            let found = user.filter(|user| query.is_met_by(user)).map(|user| Listed::new(user, &context));
            return Ok(Json(Page { items: found.into_iter().collect(), cursor: None }));
        }

        let (roll, after) = needs.place(&query)?;
        // A month is eight queries: nobody has them asked before being admitted.
        needs.gate.admit_staff(&request.caller, Self::STAFF).await?;
        let (since, (users, next)) =
            try_join!(needs.keyset.since(), needs.rolls.page(roll, query.limit.0, after.as_ref()),)?;

        let next = match (next, roll) {
            (Some(position), Roll::Created(month)) => Some(format!("{month}/{}", position.as_str())),
            (Some(position), _) => Some(position.as_str().to_owned()),
            (None, Roll::Created(month)) if month > Month::of(since) => Some(format!("{}/", month.before())),
            (None, _) => None,
        };
        let items =
            users.into_iter().filter(|user| query.is_met_by(user)).map(|user| Listed::new(user, &context));
        Ok(Json(Page { items: items.collect(), cursor: next.map(|next| cursor(&query.list(), &next)) }))
    }
}

impl Deps {
    /// The one user of a phone or an invite code.
    async fn find(&self, query: &Query, caller: &Bearer) -> Result<Option<User>, Problem> {
        let phone = query.phone.as_deref().map(|phone| self.numbers.read(phone, None)).transpose()?;
        let (me, by_phone, by_code) = join!(
            self.gate.admit_staff(caller, ListUsers::STAFF),
            async {
                match &phone {
                    Some(phone) => self.users.with_phone(phone).await,
                    None => Ok(None),
                }
            },
            async {
                match &query.invite_code {
                    Some(typed) => self.invites.find(typed).await,
                    None => Ok::<_, StoreError>(Found::default()),
                }
            },
        );
        me?;
        let (by_phone, by_code) = (by_phone?, by_code?.invite.and_then(|invite| invite.owner_id));
        let id = match (phone.is_some(), query.invite_code.is_some()) {
            (true, true) if by_phone != by_code => None,
            (true, _) => by_phone,
            (false, _) => by_code,
        };
        match id {
            Some(id) => Ok(self.users.get(&id).await?),
            None => Ok(None),
        }
    }

    /// Which roll a query goes through, and behind which position: by role or
    /// ban where an index has them, else through all.
    fn place(&self, query: &Query) -> Result<(Roll, Option<Position>), Problem> {
        let position = |text: &str| Position::parse(text.to_owned()).ok_or(Code::InvalidCursor);
        let key = query.cursor.as_ref().map(|cursor| read_cursor(&query.list(), cursor)).transpose()?;
        let roll = match (query.role, query.status) {
            (Some(role @ (Role::Moderator | Role::Admin)), _) => Roll::Role(role),
            (_, Some(Status::Banned)) => Roll::Banned,
            _ => {
                let Some(key) = key else { return Ok((Roll::Created(Month::of(self.world.now())), None)) };
                let (month, after) = key.split_once('/').ok_or(Code::InvalidCursor)?;
                let month = Month::parse(month).ok_or(Code::InvalidCursor)?;
                let after = if after.is_empty() { None } else { Some(position(after)?) };
                return Ok((Roll::Created(month), after));
            }
        };
        Ok((roll, key.map(|key| position(&key)).transpose()?))
    }
}
