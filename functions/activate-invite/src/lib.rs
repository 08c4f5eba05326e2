//! `PUT /v1/users/me/referrer`: enters a friend's invite code, once.
//!
//! Tests: local/tests/it/story.rs, invites.rs, limits.rs, races.rs, ambiguity.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::access::invitations;
use latchkey::access::invitations::{Invitations, Refusal};
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::error::StoreError;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::invite::{Activation, InviteRefusal, judge};
use latchkey::domain::invite_code::InviteCode;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Nothing};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{Person, Profiles};
use latchkey::tables::invites::Found;
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

/// A gate, and what entering a code touches.
pub struct Deps {
    gate: Gate,
    users: Users,
    invitations: Invitations,
    profiles: Profiles,
    stats: Stats,
    tables: Tables,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own = [Invitations::PARAMETERS, &[&secrets::PEPPER]].concat().concat();
        [Gate::parameters(), Profiles::parameters(), own].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let (gate, pepper) = try_join!(Gate::build(setup), secrets::pepper(setup))?;
        Ok(Self {
            gate,
            users: Users::new(setup),
            invitations: Invitations::new(setup, pepper)?,
            profiles: Profiles::new(setup)?,
            stats: Stats::new(setup),
            tables: Tables::new(setup),
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
    /// The invite code: six digits and letters. Case does not matter; I and L are read as 1, O as 0. A code that was
    /// brought along from an earlier service is taken as well, as the one that it stands for.
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

/// How often it is drawn up anew when the code changed meanwhile.
const TRIES: u32 = 8;

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Me,
    Entry(invitations::Part),
    Stats,
}

impl Part {
    const fn of_entry(self) -> Option<invitations::Part> {
        if let Self::Entry(part) = self { Some(part) } else { None }
    }
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
        let Deps { gate, users, invitations, profiles, stats, tables, world } = needs;
        let admit = || gate.admit(&request.caller, &request.caller.user_id, Self::STAFF);
        let (me, found) = join!(admit(), invitations.find(&request.body.0.invite_code));
        let (mut me, Found { code, mut invite }) = (me?, found?);

        for _ in 0..TRIES {
            let entry = match judge(&me, code.clone(), invite.as_ref(), world.now()) {
                Ok(Activation::Activate(entry)) => entry,
                Ok(Activation::Repeated(code)) => {
                    let referrer = profiles.person(me.referrer_id.as_ref(), &me).await?;
                    return Ok(Json(Activated { activated_invite_code: code, referrer }));
                }
                Err(InviteRefusal::Unknown) => {
                    return Err(match invitations.count_wrong(&me.phone).await? {
                        Some(limit) => Problem::limited(limit, world.now()),
                        None => InviteRefusal::Unknown.into(),
                    });
                }
                Err(refusal) => return Err(refusal.into()),
            };
            let mut activation = Transaction::new(world.new_id())
                .with(Part::Me, users.activate(&me, &entry.code, &entry.referrer))
                .with(Part::Stats, stats.made(Made { referral: true, ..Made::default() }));
            for (part, write) in invitations.enter(&me, &entry) {
                activation = activation.with(Part::Entry(part), write);
            }
            let (committed, referrer) =
                join!(activation.commit(tables, world), profiles.person(Some(&entry.referrer), &me));
            let activated = |code| {
                let referrer = referrer.map_err(StoreError::once_written)?;
                Ok(Json(Activated { activated_invite_code: code, referrer }))
            };
            let refused = match committed? {
                Committed::Done => return activated(entry.code.clone()),
                Committed::Refused(refused) => refused,
            };
            if let Some((_, refused)) = refused.iter().find(|(part, _)| *part == Part::Me) {
                match activated_code(refused) {
                    Some(before) if before == entry.code => return activated(before),
                    Some(before) => return Err(InviteRefusal::AlreadyActivated(before).into()),
                    // The user was banned, signed out or moved meanwhile: of these, who moved goes on.
                    None => me = admit().await?,
                }
                continue;
            }
            match invitations.why(&entry, &refused, Part::of_entry).await? {
                Some(Refusal::Limited(limit)) => return Err(Problem::limited(limit, world.now())),
                Some(Refusal::Loop) => return Err(Code::InviteLoop.into()),
                Some(Refusal::Changed(now)) => invite = now,
                None => {}
            }
        }
        Err(Code::Unavailable.into())
    }
}
