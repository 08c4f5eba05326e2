//! `PUT /v1/users/me/referrer`: enters a friend's invite code, once.

use std::sync::Arc;

use latchkey::domain::invite::{Entry, InviteCode, Refusal, judge};
use latchkey::gate::{Bearer, Gate};
use latchkey::http::answer::Json;
use latchkey::http::endpoint::{Endpoint, Request, Route};
use latchkey::http::function::Function;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::request::{JsonBody, Nothing};
use latchkey::tables::transaction::{Committed, Tables, Transaction};
use latchkey::tables::users::{Users, activated_code};
use latchkey::views::Person;
use latchkey::world::World;
use serde::{Deserialize, Serialize};
use tokio::{join, try_join};

/// The function.
pub fn function() -> Function {
    Function::new(env!("CARGO_PKG_NAME")).endpoint::<ActivateInvite>()
}

/// Enters a friend's invite code.
pub struct ActivateInvite;

/// The friend's code, as it is typed.
#[derive(Debug, Deserialize)]
pub struct Entered {
    invite_code: String,
}

/// Whose code it was.
#[derive(Debug, Serialize)]
pub struct Activated {
    activated_invite_code: InviteCode,
    referrer: Option<Person>,
}

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Me,
    Link,
    Count,
}

impl Endpoint for ActivateInvite {
    const ROUTE: Route = Route::put("/v1/users/me/referrer");
    const PROBLEMS: &'static [Code] =
        &[Code::InviteAlreadyActivated, Code::OwnInviteCode, Code::InviteCodeNotFound, Code::InviteLoop];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Entered>;
    type Output = Json<Activated>;
    type Needs = (Gate, Users, Tables, Arc<World>);

    async fn call(needs: &Self::Needs, request: Request<Self>) -> Result<Json<Activated>, Problem> {
        let (gate, users, tables, world) = needs;
        let code = InviteCode::parse(&request.body.0.invite_code);

        let (me, owner) = join!(gate.admit(&request.caller, &request.caller.user_id, Self::STAFF), async {
            match &code {
                Some(code) => users.with_invite(code).await,
                None => Ok(None),
            }
        },);
        let me = me?;

        let (code, referrer) = match judge(&me, code, owner?)? {
            Entry::Repeated(code) => {
                let referrer = Person::find(users, me.referrer_id.as_ref()).await?;
                return Ok(Json(Activated { activated_invite_code: code, referrer }));
            }
            Entry::Activate(code, referrer) => (code, referrer),
        };
        let activation = Transaction::new(world.new_id())
            .with(Part::Me, users.activate(&me, &code, &referrer))
            .with(Part::Link, users.link(&me, &referrer, world.now()))
            .with(Part::Count, users.count_referral(&referrer));
        let (committed, referrer) =
            try_join!(activation.commit(tables, world), Person::find(users, Some(&referrer)))?;

        let refused = match committed {
            Committed::Done => return Ok(Json(Activated { activated_invite_code: code, referrer })),
            Committed::Refused(refused) => refused,
        };
        match refused.first() {
            Some((Part::Me, refusal)) => match activated_code(refusal) {
                Some(before) if before == code => {
                    Ok(Json(Activated { activated_invite_code: code, referrer }))
                }
                Some(before) => Err(Refusal::AlreadyActivated(before).into()),
                // The user was banned, signed out or moved meanwhile.
                None => Err(Code::SessionEnded.into()),
            },
            _ => Err(Code::InviteLoop.into()),
        }
    }
}
