//! `PATCH /v1/users/{user_id}`: changes a profile; an admin also role and
//! status.
//!
//! Tests: local/tests/it/profiles.rs, moderation.rs.

use latchkey::access::gate::{Admitted, Gate};
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::cloud::error::StoreError;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::{Recording, Tables};
use latchkey::domain::audit::{Act, Actor, Deed};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::invite_code::InviteCode;
use latchkey::domain::phone_lists::TestPhones;
use latchkey::domain::profile::{Email, TelegramId};
use latchkey::domain::user::{Change, Role, Status, User};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Line};
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{Profile, Profiles};
use latchkey::settings;
use latchkey::tables::audit::Audit;
use latchkey::tables::users::{UserChange, Users};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::join;

latchkey::function!(UpdateUser);

/// Changes a user's profile.
///
/// A merge patch (RFC 7396): what is absent stays, null clears. Only an admin changes `role` and `status`, in a session
/// that began with a sign-in of the last two hours; a ban ends all sessions at once. Both are in the audit trail, with
/// the `reason` if one is given.
#[derive(JsonSchema)]
pub struct UpdateUser;

/// How often it is tried anew when the user moved meanwhile.
const TRIES: u32 = 8;

/// A gate, users, the audit trail, and the numbers that never get a role.
pub struct Deps {
    gate: Gate,
    users: Users,
    profiles: Profiles,
    tables: Tables,
    audit: Audit,
    testers: TestPhones,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        [Gate::parameters(), Profiles::parameters(), Audit::parameters(), settings::TEST_PHONES.to_vec()]
            .concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self {
            gate: Gate::build(setup).await?,
            users: Users::new(setup),
            profiles: Profiles::new(setup)?,
            tables: Tables::new(setup),
            audit: Audit::new(setup)?,
            testers: settings::test_phones(&setup.vars)?,
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

/// What to change, as a merge patch (RFC 7396): what is absent stays, null clears.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "UserUpdate")]
pub struct Wanted {
    #[serde(default)]
    /// The user's e-mail address. Its shape is checked, not that it exists.
    email: Change<Email>,
    #[serde(default)]
    /// The user's city.
    #[schemars(example = &"Omsk")]
    city: Change<Line<100>>,
    #[serde(default)]
    /// The user's Telegram name, with or without `@`, or number. A link to it is taken, too.
    telegram_id: Change<TelegramId>,
    #[serde(default)]
    /// Can only be null, which removes the avatar; `PUT /v1/users/me/avatar` sets one.
    #[schemars(with = "()")]
    avatar_url: Change<String>,
    /// Can only be what it is: `PUT /v1/users/me/phone` moves the account to another.
    #[schemars(extend("format" = "phone"))]
    phone: Option<String>,
    /// Can only be what it is: `PATCH /v1/users/{user_id}/invite` draws another.
    invite_code: Option<String>,
    /// Whose code was entered: in a profile that is sent back as it came.
    #[schemars(skip)]
    activated_invite_code: Option<String>,
    /// What the user may do to others; only an admin may change it.
    role: Option<Role>,
    /// Whether the user may sign in; only an admin may change it.
    status: Option<Status>,
    /// Why the role or the status changes: it is kept in the audit trail, which admins read.
    reason: Option<Line<300>>,
}

impl Wanted {
    /// That what is changed elsewhere is as it is: a profile may be sent back as it came.
    fn require_as_stored(&self, user: &User) -> Result<(), Problem> {
        let avatar = user.avatar_id.as_ref().map(|id| format!("/v1/avatars/{}", id.as_str()));
        let is_its = |url: &str| avatar.as_deref().is_some_and(|avatar| url.ends_with(avatar));
        let entered = user.activated_invite_code.as_ref().map(InviteCode::as_str);
        for (field, is_other, words) in [
            (
                "phone",
                self.phone.as_deref().is_some_and(|phone| phone != user.phone.as_str()),
                "is changed by PUT /v1/users/me/phone, with a code",
            ),
            (
                "invite_code",
                self.invite_code.as_deref().is_some_and(|code| code != user.invite_code.as_str()),
                "is changed by PATCH /v1/users/{user_id}/invite",
            ),
            (
                "activated_invite_code",
                self.activated_invite_code.is_some() && self.activated_invite_code.as_deref() != entered,
                "is entered by PUT /v1/users/me/referrer",
            ),
            (
                "avatar_url",
                matches!(&self.avatar_url, Change::Set(url) if !is_its(url)),
                "must be null; PUT /v1/users/me/avatar uploads one",
            ),
        ] {
            if is_other {
                return Err(Problem::invalid_field(field, words));
            }
        }
        Ok(())
    }
}

impl Endpoint for UpdateUser {
    const ROUTE: Route = Route::patch("/v1/users/{user_id}");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound, Code::RecentSignInRequired];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = latchkey::http::body::Nothing;
    type Body = JsonBody<Wanted>;
    type Output = Json<Profile>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Profile>, Problem> {
        let Deps { gate, users, profiles, tables, testers, .. } = needs;
        let id = request.path.target(&request.caller);
        let wanted = request.body.0;
        let (role, status, reason) = (wanted.role, wanted.status, wanted.reason.as_ref());

        let (admitted, count) =
            join!(gate.admit_to(&request.caller, &id, Self::STAFF), profiles.first_count(&id));
        let admitted = admitted?;
        if role.is_some() || status.is_some() {
            if admitted.me.role != Role::Admin {
                return Err(Problem::from(Code::Forbidden).detail("Only an admin changes role and status."));
            }
            if admitted.me.id == id {
                return Err(Problem::from(Code::Forbidden).detail("Nobody changes their own role or status."));
            }
            gate.require_recent(&admitted)?;
        } else if reason.is_some() {
            return Err(Problem::invalid_field("reason", "goes with a role or a status"));
        }
        let Admitted { me, mut user, .. } = admitted;
        let count = count?;
        wanted.require_as_stored(&user)?;
        let clears_avatar = wanted.avatar_url == Change::Clear;

        let by = Actor::user(&me, request.context.coarse_ip());
        let mut change = UserChange {
            email: wanted.email.map(|email| email.0),
            city: wanted.city.map(|city| city.0),
            telegram_id: wanted.telegram_id.map(|id| id.0),
            role,
            status,
            removes_avatar: None,
        };
        for _ in 0..TRIES {
            if role.is_some_and(|role| role != Role::User) && testers.names(&user.phone) {
                return Err(Problem::invalid_field("role", "a test number never gets a role"));
            }
            change.removes_avatar = user.avatar_id.clone().filter(|_| clears_avatar);
            let recordings = needs.recordings(&by, &user, &change, reason);
            let (changed, related) =
                join!(users.change(tables, &user, &change, recordings), profiles.related(&user, count, &me));
            if let Some(user) = changed? {
                let related = related.map_err(StoreError::once_written)?;
                return Ok(Json(profiles.profile(user, related, &me, &request.context)));
            }
            // Gone, or another in what goes with the change, meanwhile.
            user = users.get(&id).await?.ok_or(Code::UserNotFound)?;
        }
        Err(Code::Unavailable.into())
    }
}

impl Deps {
    /// What of a change the audit trail tells: a role and a status that become others.
    fn recordings(
        &self,
        by: &Actor,
        seen: &User,
        change: &UserChange,
        reason: Option<&Line<300>>,
    ) -> Vec<Recording> {
        let role = change.role.filter(|role| *role != seen.role).map(|role| {
            let deed = Deed::new(Act::ChangedRole, &seen.id);
            deed.from(seen.role.as_str().to_owned()).to(role.as_str().to_owned())
        });
        let status = change.status.filter(|status| *status != seen.status).map(|status| {
            let act = if status == Status::Banned { Act::Banned } else { Act::Unbanned };
            Deed::new(act, &seen.id).from(seen.status.as_str().to_owned()).to(status.as_str().to_owned())
        });
        let reason = reason.map(|reason| reason.0.clone());
        let deeds = [role, status].into_iter().flatten();
        deeds.map(|deed| self.audit.entry(by, deed.because(reason.clone()))).collect()
    }
}
