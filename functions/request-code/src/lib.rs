//! `POST /v1/auth/code`: texts a one-time code.

use latchkey::config;
use latchkey::domain::code::{OneTimeCode, Purpose};
use latchkey::domain::phone::{Phone, Region};
use latchkey::http::answer::Accepted;
use latchkey::http::endpoint::{Anyone, Endpoint, Needs, Request, Route};
use latchkey::http::function::Function;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::request::{JsonBody, Nothing};
use latchkey::lambda::StartError;
use latchkey::setup::Setup;
use latchkey::tables::codes::{Codes, Issue};
use latchkey::texts::{Sender, reveals_code};
use latchkey::world::World;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The function.
pub fn function() -> Function {
    Function::new(env!("CARGO_PKG_NAME")).endpoint::<RequestCode>()
}

/// Texts a one-time code.
pub struct RequestCode;

/// Codes, a sender, and how phones are read.
pub struct Needed {
    codes: Codes,
    sender: Sender,
    region: Region,
    reveals_code: bool,
    world: Arc<World>,
}

impl Needs for Needed {
    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self {
            codes: Codes::build(setup).await?,
            sender: Sender::build(setup)?,
            region: setup.vars.parsed(config::DEFAULT_REGION)?,
            reveals_code: reveals_code(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }
}

/// Whom to text.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    phone: String,
    region: Option<Region>,
    #[serde(default)]
    purpose: Purpose,
}

/// What was texted, without the code.
#[derive(Debug, Serialize)]
pub struct Texted {
    challenge_id: String,
    phone: Phone,
    expires_in: u32,
    resend_in: i64,
    code_length: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl Endpoint for RequestCode {
    const ROUTE: Route = Route::post("/v1/auth/code");
    const PROBLEMS: &'static [Code] =
        &[Code::InvalidPhone, Code::ResendTooSoon, Code::TooManyCodes, Code::TextNotSent];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Wanted>;
    type Output = Accepted<Texted>;
    type Needs = Needed;

    async fn call(needs: &Needed, request: Request<Self>) -> Result<Accepted<Texted>, Problem> {
        let wanted = request.body.0;
        let phone = Phone::parse_mobile(&wanted.phone, wanted.region.unwrap_or(needs.region))?;

        let now = needs.world.now();
        let issued = match needs.codes.issue(phone.clone(), wanted.purpose).await? {
            Issue::Issued(issued) => issued,
            Issue::TooSoon(free) => return Err(Problem::limited(Code::ResendTooSoon, now, free)),
            Issue::TooMany(free) => return Err(Problem::limited(Code::TooManyCodes, now, free)),
        };
        if let Err(refused) = needs.sender.send_code(&phone, &issued.code).await {
            needs.codes.take_back(&issued).await?;
            return Err(Problem::from(Code::TextNotSent).cause(refused));
        }

        let limits = needs.codes.limits();
        let reveal = |code: &OneTimeCode| code.as_str().to_owned();
        Ok(Accepted(Texted {
            challenge_id: issued.challenge_id,
            phone,
            expires_in: limits.ttl,
            resend_in: limits.cooldown.seconds,
            code_length: limits.length,
            code: needs.reveals_code.then(|| reveal(&issued.code)),
        }))
    }
}
