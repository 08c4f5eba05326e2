//! `PUT /v1/users/me/referrer`: enters a friend's invite code, once.
//!
//! Tests: local/tests/it/story.rs, invites.rs, limits.rs, races.rs, ambiguity.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::config::{self, Parameter};
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::invite::{Activation, InviteRefusal, judge};
use latchkey::domain::invite_code::InviteCode;
use latchkey::domain::limits::{DAY, LimitMet, LimitOf, Window};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Nothing};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{Person, Profiles};
use latchkey::tables;
use latchkey::tables::counters::{Counters, Taken};
use latchkey::tables::invites::Invites;
use latchkey::tables::referrals::Referrals;
use latchkey::tables::stats::{Made, Stats};
use latchkey::tables::users::{Users, activated_code};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{join, try_join};

latchkey::function!(ActivateInvite);

/// Enters a friend's invite code, once.
///
/// The same code again gets the same answer. Two people cannot invite each other.
///
/// Limits, unless the deployment sets others: 20 wrong codes a day for one user.
#[derive(JsonSchema)]
pub struct ActivateInvite;

/// A gate, the tables, and how many codes a user may try.
pub struct Deps {
    gate: Gate,
    users: Users,
    invites: Invites,
    referrals: Referrals,
    profiles: Profiles,
    counters: Counters,
    stats: Stats,
    tables: Tables,
    guesses_per_day: Window,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        [
            Gate::parameters(),
            Profiles::parameters(),
            tables::CODES.to_vec(),
            vec![config::INVITE_GUESSES_PER_DAY],
        ]
        .concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let most = setup.vars.number(config::INVITE_GUESSES_PER_DAY, 0..=1_000_000)?;
        Ok(Self {
            gate: Gate::build(setup).await?,
            users: Users::new(setup),
            invites: Invites::new(setup),
            referrals: Referrals::new(setup),
            profiles: Profiles::new(setup)?,
            counters: Counters::new(setup),
            stats: Stats::new(setup),
            tables: Tables::new(setup),
            guesses_per_day: Window { most, seconds: DAY },
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

/// The friend's invite code, as the user typed it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "InviteEntry")]
pub struct Entered {
    /// The invite code: six digits and letters. Case does not matter; I and L are read as 1, O as 0.
    #[schemars(example = &"7Q2M4X")]
    invite_code: String,
}

/// The invite code that is activated, and whose it is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ActivatedInvite")]
pub struct Activated {
    /// The invite code that was activated.
    #[schemars(example = &"7Q2M4X")]
    activated_invite_code: InviteCode,
    /// The owner of the code; null once that account is deleted.
    referrer: Option<Person>,
}

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Me,
    Link,
    Count,
    Invite,
    Stats,
}

impl Endpoint for ActivateInvite {
    const ROUTE: Route = Route::put("/v1/users/me/referrer");
    const PROBLEMS: &'static [Code] = &[
        Code::InviteAlreadyActivated,
        Code::TooManyInviteGuesses,
        Code::OwnInviteCode,
        Code::InviteCodeNotFound,
        Code::InviteLoop,
    ];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Entered>;
    type Output = Json<Activated>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Activated>, Problem> {
        let Deps { gate, users, invites, referrals, profiles, stats, tables, world, .. } = needs;
        let code = InviteCode::parse(&request.body.0.invite_code);
        let my_id = &request.caller.user_id;
        let tries = format!("invites#{my_id}");

        // Each try is counted before anything is told of the code. There is no
        // need to give a right one back: nobody enters a second.
        let (me, invite, counted) = join!(
            gate.admit(&request.caller, my_id, Self::STAFF),
            async {
                match &code {
                    Some(code) => invites.get(code).await,
                    None => Ok(None),
                }
            },
            needs.counters.take(&tries, needs.guesses_per_day),
        );
        let me = me?;
        let (invite, counted) = (invite?, counted?);
        if let (None, Taken::Full(until)) = (&me.activated_invite_code, counted) {
            return Err(Problem::limited(LimitMet { of: LimitOf::InviteGuesses, until }, world.now()));
        }

        let (code, referrer, is_counted) = match judge(&me, code, invite.as_ref(), world.now())? {
            Activation::Repeated(code) => {
                let referrer = profiles.person(me.referrer_id.as_ref(), &me).await?;
                return Ok(Json(Activated { activated_invite_code: code, referrer }));
            }
            Activation::Activate { code, referrer, is_counted } => (code, referrer, is_counted),
        };
        let mut activation = Transaction::new(world.new_id())
            .with(Part::Me, users.activate(&me, &code, &referrer))
            .with(Part::Link, referrals.link(&me, &referrer, world.now()))
            .with(Part::Count, referrals.count_one(&referrer))
            .with(Part::Stats, stats.made(Made { referral: true, ..Made::default() }));
        if is_counted {
            activation = activation.with(Part::Invite, invites.enter(&code, &referrer));
        }
        let (committed, referrer) =
            try_join!(activation.commit(tables, world), profiles.person(Some(&referrer), &me))?;

        let refused = match committed {
            Committed::Done => return Ok(Json(Activated { activated_invite_code: code, referrer })),
            Committed::Refused(refused) => refused,
        };
        match refused.first() {
            Some((Part::Me, refused)) => match activated_code(refused) {
                Some(before) if before == code => {
                    Ok(Json(Activated { activated_invite_code: code, referrer }))
                }
                Some(before) => Err(InviteRefusal::AlreadyActivated(before).into()),
                // The user was banned, signed out or moved meanwhile.
                None => Err(Code::SessionEnded.into()),
            },
            Some((Part::Invite, _)) => Err(Code::InviteCodeNotFound.into()),
            _ => Err(Code::InviteLoop.into()),
        }
    }
}
