//! `PATCH /v1/users/{user_id}/invite`: limits, ends, revokes or redraws a user's
//! invite code.
//!
//! Tests: local/tests/it/invites.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::world::{Rfc3339, World};
use latchkey::cloud::error::StoreError;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::audit::{self, Act, Actor, Deed};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::invite::Invite;
use latchkey::domain::invite_code::InviteCode;
use latchkey::domain::user::{Change, Role, User};
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Nothing};
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::tables::audit::Audit;
use latchkey::tables::invites::{InviteChange, Invites};
use latchkey::tables::referrals::Referrals;
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::join;

latchkey::function!(ManageInvite);

/// Limits, ends, revokes or redraws a user's invite code.
///
/// A merge patch (RFC 7396): what is absent stays, null clears. A code that was redrawn never belongs to anybody
/// else. All of it is in the audit trail.
#[derive(JsonSchema)]
pub struct ManageInvite;

/// How often it is drawn up anew: when a code is taken, or entered meanwhile.
const TRIES: u32 = 20;

/// What to change, as a merge patch (RFC 7396): what is absent stays, null clears.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "InviteUpdate")]
pub struct Wanted {
    #[serde(default)]
    /// How often the code may be entered in all; null for no limit.
    max_uses: Change<MaxUses>,
    #[serde(default)]
    /// When the code expires; null for never.
    #[schemars(example = &"2099-12-31T23:59:59Z")]
    expires_at: Change<Rfc3339>,
    /// Whether the code is revoked, so that nobody can enter it.
    revoked: Option<bool>,
    #[serde(default)]
    /// Whether to draw a new code for the user; the other fields then apply to the new one.
    redraw: bool,
}

/// 0 to 1,000,000,000.
#[derive(Debug, JsonSchema)]
#[schemars(inline, extend("maximum" = 1_000_000_000), example = 100)]
struct MaxUses(u32);

impl<'de> Deserialize<'de> for MaxUses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let most = u32::deserialize(deserializer).ok().filter(|most| *most <= 1_000_000_000);
        most.map(Self).ok_or_else(|| serde::de::Error::custom("must be a whole number from 0 to 1000000000"))
    }
}

/// A user's invite code, its limits and its uses.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Invite")]
pub struct Managed {
    /// The user's invite code, after the change.
    invite_code: InviteCode,
    /// How often the code may be entered in all; null for no limit.
    #[schemars(example = 100)]
    max_uses: Option<u32>,
    /// When the code expires; null for never.
    #[schemars(example = &"2026-12-31T23:59:59Z")]
    expires_at: Option<Rfc3339>,
    /// Whether the code is revoked, so that nobody can enter it.
    #[schemars(example = false)]
    revoked: bool,
    /// How often the code was entered so far.
    #[schemars(example = 2)]
    uses: u64,
}

impl Managed {
    fn new(code: InviteCode, invite: &Invite, referrals: u64) -> Self {
        Self {
            invite_code: code,
            max_uses: invite.max_uses,
            expires_at: invite.expires_at.map(Rfc3339),
            revoked: invite.revoked,
            uses: invite.uses.map_or(referrals, u64::from),
        }
    }
}

impl Endpoint for ManageInvite {
    const ROUTE: Route = Route::patch("/v1/users/{user_id}/invite");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::UserNotFound];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = Nothing;
    type Body = JsonBody<Wanted>;
    type Output = Json<Managed>;
    type Needs = (Gate, Users, Invites, Referrals, Audit, Tables, Arc<World>);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<Json<Managed>, Problem> {
        let (gate, users, ..) = needs;
        let id = request.path.target(&request.caller);
        let Wanted { max_uses, expires_at, revoked, redraw } = request.body.0;
        let change = InviteChange {
            max_uses: max_uses.map(|most| most.0),
            expires_at: expires_at.map(|end| end.0),
            revoked,
        };

        // One's own code is not one's own to manage.
        let (me, user) = join!(gate.admit_staff(&request.caller, Self::STAFF), users.get(&id));
        let by = Actor::user(&me?, request.context.coarse_ip());
        let user = user?.ok_or(Code::UserNotFound)?;
        if redraw {
            return Ok(Json(draw_another(needs, user, &change, &by).await?));
        }
        Ok(Json(change_present(needs, user, &change, &by).await?))
    }
}

/// The present code with other terms. With the first that limit it, its uses
/// begin to be counted, and nobody enters it without: so they go by all who entered
/// it so far, and are drawn up anew if somebody does meanwhile.
async fn change_present(
    (_, _, invites, referrals, trail, tables, world): &<ManageInvite as Endpoint>::Needs,
    user: User,
    change: &InviteChange,
    by: &Actor,
) -> Result<Managed, Problem> {
    let (id, code) = (&user.id, user.invite_code);
    for _ in 0..TRIES {
        let (invite, entered) = join!(invites.get(&code), referrals.shards(id));
        let (invite, entered) = (invite?, entered?);
        // Redrawn or gone since the user was read.
        let invite = invite.filter(|invite| invite.owner_id.as_ref() == Some(id)).ok_or(Code::Unavailable)?;
        if change.is_empty() {
            return Ok(Managed::new(code, &invite, entered.sum()));
        }
        let is_counted_now = invite.uses.is_none() && change.limits();
        let so_far = is_counted_now.then(|| entered.sum());
        let (before, after) = (audit::terms(&invite), audit::terms(&change.applied_to(&invite)));
        let deed = Deed::new(Act::ChangedInvite, id).from(before.clone()).to(after.clone());
        let mut changing = Transaction::new(world.new_id())
            .with((), invites.change(&code, id, &invite, change, so_far))
            .recording((), (before != after).then(|| trail.entry(by, deed)));
        if is_counted_now {
            changing = changing.with_all((), referrals.count_uses(id, Some(&entered)));
        }
        if let Committed::Done = changing.commit(tables, world).await? {
            let invite = invites.get(&code).await.map_err(StoreError::once_written)?.unwrap_or_default();
            return Ok(Managed::new(code, &invite, entered.sum()));
        }
    }
    Err(Code::Unavailable.into())
}

/// Another code with the terms that `change` sets, its uses counted from 0.
async fn draw_another(
    (_, _, invites, referrals, trail, tables, world): &<ManageInvite as Endpoint>::Needs,
    user: User,
    change: &InviteChange,
    by: &Actor,
) -> Result<Managed, Problem> {
    let set = |change: &Change<u32>| if let Change::Set(most) = change { Some(*most) } else { None };
    let terms = Invite {
        owner_id: Some(user.id.clone()),
        max_uses: set(&change.max_uses),
        uses: Some(0),
        expires_at: if let Change::Set(end) = change.expires_at { Some(end) } else { None },
        revoked: change.revoked.unwrap_or(false),
        shards: Some(user.referral_shards),
        aliases: Vec::new(),
    };
    for _ in 0..TRIES {
        let code = InviteCode::draw(&mut *world.rng());
        let deed = Deed::new(Act::RedrewInvite, &user.id).from(user.invite_code.to_string());
        let deed = deed.to(code.to_string());
        let drawing = Transaction::new(world.new_id())
            .recording((), [trail.entry(by, deed)])
            .with_all((), invites.redraw(&user, &code, &terms))
            .with_all((), referrals.count_uses(&user.id, None));
        if let Committed::Done = drawing.commit(tables, world).await? {
            return Ok(Managed::new(code, &terms, 0));
        }
    }
    Err(Code::Unavailable.into())
}
