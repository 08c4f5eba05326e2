//! `PUT /v1/users/{user_id}/recovery`: begins to move an account to a new number.
//!
//! Tests: local/tests/it/recovery.rs.

use std::sync::Arc;

use latchkey::access::gate::{Admitted, Gate};
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
use latchkey::domain::phone::Countries;
use latchkey::domain::recovery::Recovery;
use latchkey::domain::user::Role;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Nothing, RegionHint};
use latchkey::http::path::UserPath;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::settings;
use latchkey::sms::sender::{Notice, Sender};
use latchkey::tables;
use latchkey::tables::audit::Audit;
use latchkey::tables::users::{Holder, Users};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::try_join;

use crate::notices::Notices;
use crate::recovery::View;

/// Begins to move the account of somebody who lost their number to a new one.
///
/// By an admin, for others, in a session that began with a sign-in of the last two hours. The new number is reserved
/// from now on, and a text tells the old one. After three days, unless the deployment says otherwise, the first sign-in
/// with the new number completes it: all sessions end, and the old number is free. Until then the account's devices can
/// stop it, and signing in with the new number is `phone_reserved`. The same number again changes nothing; another one
/// begins anew. It is in the audit trail.
#[derive(JsonSchema)]
pub(crate) struct BeginRecovery;

/// How often it is drawn up anew when the user changed meanwhile.
const TRIES: u32 = 8;

/// A gate, users, the audit trail, and what tells the old number.
pub(crate) struct Deps {
    gate: Gate,
    users: Users,
    audit: Audit,
    notices: Notices,
    tables: Tables,
    pepper: Pepper,
    numbers: Numbers,
    countries: Countries,
    hold: u32,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own = [tables::AUDIT, settings::RECOVERY].concat();
        [Gate::parameters(), Notices::parameters(), own].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let numbers = settings::numbers(&setup.vars)?;
        let asked = async { try_join!(Gate::build(setup), secrets::pepper(setup), Sender::build(setup)) };
        let (gate, pepper, sender) = meanwhile(asked, || numbers.prepare()).await?;
        Ok(Self {
            gate,
            users: Users::new(setup),
            audit: Audit::new(setup)?,
            notices: Notices::new(setup, pepper.clone(), sender)?,
            tables: Tables::new(setup),
            pepper,
            numbers,
            countries: settings::countries(&setup.vars)?,
            hold: settings::recovery_hold(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

/// The number that the account moves to.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "RecoveryRequest")]
pub(crate) struct Wanted {
    /// The new number: in E.164, or as a person of `region` types it.
    #[schemars(extend("format" = "phone"), example = &"+79000000006")]
    phone: String,
    /// The country in whose format a number without `+` is read: two letters of ISO 3166. Without it, the
    /// deployment's default.
    #[serde(default)]
    region: RegionHint,
}

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    User,
    Phone,
}

impl Endpoint for BeginRecovery {
    const ROUTE: Route = Route::put("/v1/users/{user_id}/recovery");
    const STAFF: &'static [Role] = &[Role::Admin];
    const PROBLEMS: &'static [Code] = &[
        Code::InvalidPhone,
        Code::CountryNotAllowed,
        Code::UserNotFound,
        Code::RecentSignInRequired,
        Code::PhoneTaken,
        Code::PhoneReserved,
    ];

    type Caller = Bearer;
    type Path = UserPath;
    type Query = Nothing;
    type Body = JsonBody<Wanted>;
    type Output = Json<View>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<View>, Problem> {
        let Deps { gate, users, world, .. } = needs;
        let id = request.path.target(&request.caller);
        let Wanted { phone, region } = request.body.0;
        let phone = needs.numbers.read(&phone, region.0)?;
        let admitted = gate.admit_to(&request.caller, &id, Self::STAFF).await?;
        if admitted.me.id == id {
            let detail = "Another admin does this; one's own number moves by PUT /v1/users/me/phone.";
            return Err(Problem::from(Code::Forbidden).detail(detail));
        }
        gate.require_recent(&admitted)?;
        // As of a code: whoever has the number must be able to get one.
        if needs.numbers.testers().find(&phone, world.now()).is_none() {
            needs.numbers.reachable(&phone)?;
            if !needs.countries.allow(&phone) {
                return Err(Code::CountryNotAllowed.into());
            }
        }
        let Admitted { me, mut user, .. } = admitted;
        let by = Actor::user(&me, request.context.coarse_ip());
        for _ in 0..TRIES {
            if let Some(recovery) = user.recovery.clone().filter(|recovery| recovery.phone == phone) {
                return Ok(Json(recovery.into()));
            }
            if needs.numbers.testers().names(&phone) && user.role != Role::User {
                return Err(Problem::invalid_field("phone", "a test number never holds a role"));
            }
            let now = world.now();
            let ready_at = now.plus_seconds(needs.hold.into());
            let recovery = Recovery { phone: phone.clone(), begun_at: now, ready_at };
            let before = user.recovery.as_ref();
            let deed = Deed::new(Act::BeganRecovery, &id)
                .from(before.map(|before| of_phone(&before.phone, &needs.pepper)))
                .to(of_phone(&phone, &needs.pepper));
            let beginning = Transaction::new(world.new_id())
                .with(Part::User, users.keep_recovery(&user, Some(&recovery)))
                .with(Part::Phone, users.reserve(&recovery, &id))
                .with_all(Part::User, before.map(|before| users.release(before, &id)))
                .recording(Part::User, [needs.audit.entry(&by, deed)])
                .commit(&needs.tables, world);
            let begun = needs
                .notices
                .tell_once(beginning, &user.phone, Notice::RecoveryBegun, &request.context)
                .await?;
            let Committed::Refused(refused) = begun else { return Ok(Json(recovery.into())) };
            if refused.iter().any(|(part, _)| *part == Part::Phone) {
                match users.holder(&phone).await? {
                    Holder::Owner(_) => return Err(Code::PhoneTaken.into()),
                    Holder::Reserved(reservation) if reservation.user_id != id => {
                        return Err(Problem::phone_reserved(reservation.ready_at));
                    }
                    Holder::Reserved(_) | Holder::Nobody => {}
                }
            }
            user = users.get(&id).await?.ok_or(Code::UserNotFound)?;
        }
        Err(Code::Unavailable.into())
    }
}
