//! `GET /v1/users`: all users, newest first, a page at a time; or those that a
//! query finds.
//!
//! Tests: local/tests/it/listing.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::world::{Date, Month, World};
use latchkey::cloud::error::StoreError;
use latchkey::cloud::setup::Setup;
use latchkey::domain::bearer::Bearer;
use latchkey::domain::numbers::Numbers;
use latchkey::domain::phone_front::{Country, PhoneFront};
use latchkey::domain::position::Position;
use latchkey::domain::user::{Role, Status, User};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::page::{Page, PageSize, cursor, in_month, read_cursor, read_in_month, read_position};
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
/// Newest first, in pages; with `phone_prefix`, or with `country` alone, by number. All that is asked for must fit: one of
/// them says how the list is gone through, and what does not fit the others is left out, so that a page may be
/// short or empty. A new user may take a second to appear, but `phone` and `invite_code`, which find one user at most,
/// find them at once.
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
    /// Finds users whose number begins so: with `+` and the country's code, or as it is dialled in the deployment's
    /// region.
    #[schemars(example = &"+7900")]
    phone_prefix: Option<String>,
    /// Finds the user who owns this invite code, by itself or as a share link.
    invite_code: Option<String>,
    /// Finds users with numbers of this country: two letters of ISO 3166, or `none` for numbers of no country.
    #[schemars(with = "Option<String>", extend("pattern" = "^([A-Za-z]{2}|none)$"), example = &"RU")]
    country: Option<Country>,
    /// Finds users who signed up on this day (UTC).
    created_on: Option<Date>,
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
            && self.created_on.is_none_or(|day| Date::of(user.created_at) == day)
            && self.country.as_ref().is_none_or(|country| Country::of(&user.phone) == *country)
    }

    /// The countries whose numbers are gone through, where the list is by number.
    fn by_number(&self, front: Option<&PhoneFront>) -> Option<Vec<Country>> {
        match (front, &self.country) {
            (Some(front), country) => {
                let is_wanted = |of: &Country| country.as_ref().is_none_or(|country| of == country);
                Some(front.countries().into_iter().filter(is_wanted).collect())
            }
            (None, Some(country)) if self.created_on.is_none() && self.sparse().is_none() => {
                Some(vec![country.clone()])
            }
            _ => None,
        }
    }

    /// The roll of few that is gone through, where an index has one.
    fn sparse(&self) -> Option<Roll> {
        match (self.role, self.status) {
            (Some(role @ (Role::Moderator | Role::Admin)), _) => Some(Roll::Role(role)),
            (_, Some(Status::Banned)) => Some(Roll::Banned),
            _ => None,
        }
    }

    /// The name of the list, which its cursors hold.
    fn list(&self) -> String {
        let role = self.role.map_or("", Role::as_str);
        let status = self.status.map_or("", Status::as_str);
        let list = format!("users/{role}/{status}");
        let country = self.country.as_ref().map(|country| country.as_str().to_owned());
        let more = [self.phone_prefix.clone(), country, self.created_on.map(|day| day.to_string())];
        if more.iter().all(Option::is_none) {
            return list;
        }
        more.into_iter().fold(list, |list, part| format!("{list}/{}", part.unwrap_or_default()))
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
        let front = needs.front(&query)?;
        if query.phone.is_some() || query.invite_code.is_some() {
            let user = needs.find(&query, &request.caller).await?;
            let begins = |user: &User| {
                front.as_ref().is_none_or(|front| user.phone.as_str().starts_with(front.as_str()))
            };
            let found = user
                .filter(|user| query.is_met_by(user) && begins(user))
                .map(|user| Listed::new(user, &context));
            return Ok(Json(Page { items: found.into_iter().collect(), cursor: None }));
        }

        let (users, next) = match query.by_number(front.as_ref()) {
            Some(countries) => {
                let front = front.as_ref().map_or("+", PhoneFront::as_str);
                needs.by_number(&query, &request.caller, &countries, front).await?
            }
            None => needs.by_time(&query, &request.caller).await?,
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

    /// The front that is asked for.
    fn front(&self, query: &Query) -> Result<Option<PhoneFront>, Problem> {
        let Some(typed) = &query.phone_prefix else { return Ok(None) };
        let bad = || {
            Problem::invalid_field("phone_prefix", "must begin with + and a country's code, such as +7900")
        };
        self.numbers.read_front(typed).map(Some).ok_or_else(bad)
    }

    /// A page by number, and the key to go on from.
    async fn by_number(
        &self,
        query: &Query,
        caller: &Bearer,
        countries: &[Country],
        front: &str,
    ) -> Result<(Vec<User>, Option<String>), Problem> {
        let after = query.cursor.as_ref().map(|cursor| read_cursor(&query.list(), cursor)).transpose()?;
        if after.as_ref().is_some_and(|after| !after.starts_with(front) || after.len() > 16) {
            return Err(Code::InvalidCursor.into());
        }
        // There are 25 countries behind +1: nobody has them asked before being admitted.
        self.gate.admit_staff(caller, ListUsers::STAFF).await?;
        Ok(self.rolls.by_number(countries, front, query.limit.0, after.as_deref()).await?)
    }

    /// A page by time, and the key to go on from.
    async fn by_time(&self, query: &Query, caller: &Bearer) -> Result<(Vec<User>, Option<String>), Problem> {
        let (roll, after) = self.place(query)?;
        // A month is eight queries: nobody has them asked before being admitted.
        self.gate.admit_staff(caller, ListUsers::STAFF).await?;
        let page = self.rolls.page(roll, query.created_on, query.limit.0, after.as_ref());
        let (since, (users, next)) = try_join!(self.keyset.since(), page)?;
        let next = match (next, roll) {
            (Some(position), Roll::Created(month)) => Some(in_month(month, Some(&position))),
            (Some(position), _) => Some(position.as_str().to_owned()),
            (None, Roll::Created(month)) if query.created_on.is_none() && month > Month::of(since) => {
                Some(in_month(month.before(), None))
            }
            (None, _) => None,
        };
        Ok((users, next))
    }

    /// Which roll a query goes through, and behind which position: by role or
    /// ban where an index has them, else through all.
    fn place(&self, query: &Query) -> Result<(Roll, Option<Position>), Problem> {
        let (list, cursor) = (query.list(), query.cursor.as_deref());
        if let Some(roll) = query.sparse() {
            return Ok((roll, read_position(&list, cursor)?));
        }
        let day = query.created_on.map_or_else(|| self.world.now(), Date::begins);
        let (month, after) = read_in_month(&list, cursor)?.unwrap_or((Month::of(day), None));
        Ok((Roll::Created(month), after))
    }
}
