//! `DELETE /v1/support/phones/limits`: lifts what holds a number up.
//!
//! Tests: local/tests/it/support.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::{Setup, meanwhile};
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::audit::{Act, Actor, Deed, of_phone};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::numbers::Numbers;
use latchkey::domain::pepper::Pepper;
use latchkey::domain::user::Role;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Nothing};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use latchkey::settings;
use latchkey::tables;
use latchkey::tables::audit::Audit;
use latchkey::tables::codes::Codes;
use schemars::JsonSchema;
use tokio::{join, try_join};

use crate::Wanted;

/// Lifts what holds a number up.
///
/// The time between two texts, how many texts it had in an hour and a day and how many wrong codes were entered, by
/// whoever asks and by known devices, begin anew. What became of its texts stays known. How often its present code may
/// be guessed at stays, and so does what bounds the deployment: the texts of the day, its block, its range and its
/// country. It can be done again and again, and is in the audit trail where something was lifted. It takes a sign-in of the last two hours.
#[derive(JsonSchema)]
pub(crate) struct LiftLimits;

/// How often it is tried anew where somebody asks or guesses meanwhile.
const TRIES: u32 = 8;

/// A gate, and what is known of phones.
pub(crate) struct Deps {
    gate: Gate,
    codes: Codes,
    audit: Audit,
    pepper: Pepper,
    tables: Tables,
    numbers: Numbers,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let rules = [settings::NUMBERS, &secrets::PEPPER, tables::AUDIT].concat();
        [Gate::parameters(), Codes::PARAMETERS.concat(), rules].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let numbers = settings::numbers(&setup.vars)?;
        let asked = async { try_join!(Gate::build(setup), secrets::pepper(setup)) };
        let (gate, pepper) = meanwhile(asked, || numbers.prepare()).await?;
        Ok(Self {
            gate,
            codes: Codes::new(setup, pepper.clone())?,
            audit: Audit::new(setup)?,
            pepper,
            tables: Tables::new(setup),
            numbers,
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

impl Endpoint for LiftLimits {
    const ROUTE: Route = Route::delete("/v1/support/phones/limits");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::InvalidPhone, Code::RecentSignInRequired];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Wanted>;
    type Output = NoContent;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<NoContent, Problem> {
        let Deps { gate, codes, audit, pepper, tables, numbers, world } = needs;
        let phone = numbers.read(&request.body.0.phone, None)?;
        let (me, records) =
            join!(gate.admit_recent_staff(&request.caller, Self::STAFF), codes.look_up(&phone));
        let by = Actor::user(&me?, request.context.coarse_ip());
        let mut records = records?;
        for _ in 0..TRIES {
            let lifting: Vec<_> = records.iter().flat_map(|record| codes.lift(record)).collect();
            if lifting.is_empty() {
                return Ok(NoContent);
            }
            let deed = Deed::new(Act::LiftedLimits, of_phone(&phone, pepper));
            let lifting = Transaction::new(world.new_id())
                .with_all((), lifting)
                .recording((), [audit.entry(&by, deed)]);
            if let Committed::Done = lifting.commit(tables, world).await? {
                return Ok(NoContent);
            }
            records = codes.look_up(&phone).await?;
        }
        Err(Code::Unavailable.into())
    }
}
