//! `POST /v1/support/phones`: what is known of a number and its texts.
//!
//! Tests: local/tests/it/support.rs.

use std::sync::Arc;

use latchkey::access::gate::Gate;
use latchkey::base::config::{self, Parameter};
use latchkey::base::error::StartError;
use latchkey::base::world::{Rfc3339, World};
use latchkey::cloud::error::StoreError;
use latchkey::cloud::secrets;
use latchkey::cloud::setup::{Setup, meanwhile};
use latchkey::cloud::transaction::{Tables, Transaction};
use latchkey::domain::audit::{Act, Actor, Deed, of_phone};
use latchkey::domain::bearer::Bearer;
use latchkey::domain::device::Asker;
use latchkey::domain::limits::Hold;
use latchkey::domain::numbers::Numbers;
use latchkey::domain::pepper::Pepper;
use latchkey::domain::phone::{Countries, Kind, Phone};
use latchkey::domain::user::{Role, User};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Endpoint, Request, Route};
use latchkey::http::body::{JsonBody, Nothing};
use latchkey::http::places::{DayOfTexts, ShortPlace};
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::texts::Text;
use latchkey::http::views::Listed;
use latchkey::settings;
use latchkey::tables;
use latchkey::tables::audit::Audit;
use latchkey::tables::codes::{Codes, Standing};
use latchkey::tables::day_texts::DayTexts;
use latchkey::tables::guard::Guard;
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{join, try_join};

use crate::Wanted;

/// Tells what is known of a number and its texts.
///
/// For any number, with an account or without: how it is read, whether it may be texted, what became of the last texts
/// that were asked for and what holds it up now. Never a code. That it was looked up is in the audit trail. The number is in the body, since others write down what
/// is in a query.
#[derive(JsonSchema)]
pub(crate) struct LookUpPhone;

/// A gate, and all that says whether a number gets a text.
pub(crate) struct Deps {
    gate: Gate,
    users: Users,
    codes: Codes,
    guard: Guard,
    texts: DayTexts,
    audit: Audit,
    tables: Tables,
    pepper: Pepper,
    numbers: Numbers,
    countries: Countries,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own: &[&Parameter] = &[config::ALLOWED_COUNTRIES];
        let rules = [settings::NUMBERS, &secrets::PEPPER, tables::AUDIT, own].concat();
        let stored = [Codes::PARAMETERS, Guard::PARAMETERS, DayTexts::PARAMETERS].concat().concat();
        [Gate::parameters(), stored, rules].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let (numbers, countries) = (settings::numbers(&setup.vars)?, settings::countries(&setup.vars)?);
        let asked = async { try_join!(Gate::build(setup), secrets::pepper(setup)) };
        let (gate, pepper) = meanwhile(asked, || numbers.prepare()).await?;
        Ok(Self {
            gate,
            users: Users::new(setup),
            codes: Codes::new(setup, pepper.clone())?,
            guard: Guard::new(setup)?,
            texts: DayTexts::new(setup)?,
            audit: Audit::new(setup)?,
            tables: Tables::new(setup),
            pepper,
            numbers,
            countries,
            world: Arc::clone(&setup.world),
        })
    }

    fn gate(&self) -> Option<&Gate> {
        Some(&self.gate)
    }
}

/// What is known of a number and its texts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PhoneReport")]
pub(crate) struct Report {
    /// The number as it was read, in E.164.
    phone: Phone,
    /// Its country: two letters of ISO 3166; null for numbers of none, such as those of satellites.
    #[schemars(example = &"RU")]
    country: Option<String>,
    /// What it is.
    #[schemars(example = &"mobile")]
    kind: Kind,
    /// Whether it is a test number now: it has a fixed code, is never texted and has no limits.
    #[schemars(example = false)]
    is_test: bool,
    /// Why it is never texted: the `code` of the problem that whoever asks is told, `invalid_phone` where no text
    /// reaches such a number, `country_not_allowed` where the deployment does not text its country; null if it may be.
    #[schemars(example = &"country_not_allowed")]
    refusal: Option<&'static str>,
    /// Its account; null if it has none.
    account: Option<Listed>,
    /// What is known of its codes, in two registers: first that of whoever asks, then that of devices which signed in
    /// with it, of which strangers cannot use up anything.
    registers: Vec<Register>,
    /// Its block, range and country, where these are short or paused.
    places: Vec<ShortPlace>,
    /// The texts of the whole deployment today.
    texts_of_day: DayOfTexts,
}

/// What is known of the codes of a number, by one kind of device.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PhoneRegister")]
struct Register {
    /// Whose.
    #[serde(rename = "register")]
    #[schemars(example = &"strangers")]
    whose: Whose,
    /// The last texts that are remembered, newest first: at most ten, until a day after the last.
    texts: Vec<Text>,
    /// When the code that would be right now ends; null if there is none.
    code_expires_at: Option<Rfc3339>,
    /// How many wrong codes of the last day count.
    #[schemars(example = 0)]
    wrong_guesses: usize,
    /// What holds it up now.
    limits: Vec<Limit>,
}

/// Whose register it is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PhoneRegisterName")]
enum Whose {
    /// Anybody's who knows the number.
    Strangers,
    /// That of devices that signed in with it.
    KnownDevices,
}

/// A limit that is met.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PhoneLimit")]
struct Limit {
    /// Which.
    #[schemars(example = &"cooldown")]
    limit: LimitName,
    /// Until when.
    until: Rfc3339,
}

/// A limit of a number.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PhoneLimitName")]
enum LimitName {
    /// A code was just sent.
    Cooldown,
    /// Texts in an hour.
    Hour,
    /// Texts in a day.
    Day,
    /// Wrong codes in a day.
    Guesses,
    /// Known devices asked for codes that were not entered: they are strangers until one is.
    Unentered,
}

impl Endpoint for LookUpPhone {
    const ROUTE: Route = Route::post("/v1/support/phones");
    const STAFF: &'static [Role] = &[Role::Moderator, Role::Admin];
    const PROBLEMS: &'static [Code] = &[Code::InvalidPhone];

    type Caller = Bearer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Wanted>;
    type Output = Json<Report>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<Report>, Problem> {
        let phone = needs.numbers.read(&request.body.0.phone, None)?;
        let (me, owner) =
            join!(needs.gate.admit_staff(&request.caller, Self::STAFF), needs.users.with_phone(&phone));
        let by = Actor::user(&me?, request.context.coarse_ip());
        let owner = owner?;
        let deed = Deed::new(Act::LookedUpPhone, of_phone(&phone, &needs.pepper));
        let recorded = Transaction::new(needs.world.new_id()).recording((), [needs.audit.entry(&by, deed)]);
        let account = async {
            match &owner {
                Some(id) => needs.users.get(id).await,
                None => Ok(None),
            }
        };
        let (codes, places, taken) =
            (needs.codes.look_up(&phone), needs.guard.short_of(&phone), needs.texts.read());
        let (found, recorded) = join!(
            async { try_join!(account, codes, places, taken) },
            recorded.commit(&needs.tables, &needs.world),
        );
        // Nothing is told that is not on record.
        recorded?;
        let (account, registers, places, taken) = found.map_err(StoreError::once_written)?;
        // It may have moved to another number in between.
        let account = account.filter(|user: &User| user.phone == phone);
        let is_test = needs.numbers.testers().find(&phone, needs.world.now()).is_some();
        Ok(Json(Report {
            country: phone.country().map(|country| country.to_string()),
            kind: needs.numbers.kind(&phone),
            is_test,
            refusal: needs.refusal(&phone).filter(|_| !is_test).map(Code::as_str),
            account: account.map(|user| Listed::new(user, &request.context)),
            registers: registers.into_iter().map(Register::from).collect(),
            places: places.iter().map(|(place, has)| ShortPlace::new(&needs.guard, place, has)).collect(),
            texts_of_day: DayOfTexts::new(&needs.texts, taken),
            phone,
        }))
    }
}

impl Deps {
    /// Why a number is never texted.
    fn refusal(&self, phone: &Phone) -> Option<Code> {
        match self.numbers.reachable(phone) {
            Err(_) => Some(Code::InvalidPhone),
            Ok(()) if !self.countries.allow(phone) => Some(Code::CountryNotAllowed),
            Ok(()) => None,
        }
    }
}

impl From<Standing> for Register {
    fn from(record: Standing) -> Self {
        Self {
            whose: match record.asker {
                Asker::Stranger => Whose::Strangers,
                Asker::Known => Whose::KnownDevices,
            },
            texts: record.texts.into_iter().map(Text::from).collect(),
            code_expires_at: record.code_until.map(Rfc3339),
            wrong_guesses: record.wrong_guesses,
            limits: record.holds.into_iter().map(Limit::from).collect(),
        }
    }
}

impl From<Hold> for Limit {
    fn from(hold: Hold) -> Self {
        let (limit, until) = match hold {
            Hold::Cooldown(until) => (LimitName::Cooldown, until),
            Hold::Hour(until) => (LimitName::Hour, until),
            Hold::Day(until) => (LimitName::Day, until),
            Hold::Guesses(until) => (LimitName::Guesses, until),
            Hold::Unentered(until) => (LimitName::Unentered, until),
        };
        Self { limit, until: Rfc3339(until) }
    }
}
