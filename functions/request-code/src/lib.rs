//! `POST /v1/auth/code`: texts a one-time code.
//!
//! Tests: local/tests/it/limits.rs, pumping.rs, texts.rs, idempotency.rs, ambiguity.rs, edge.rs.

use std::sync::Arc;

use http::header::ACCEPT_LANGUAGE;
use latchkey::access::gate::Gate;
use latchkey::access::texting::{Ask, Brought, Texting, Way};
use latchkey::base::config::{self, Parameter};
use latchkey::base::error::StartError;
use latchkey::base::hidden::Hidden;
use latchkey::base::metrics::{Metric, count, count_text};
use latchkey::base::world::{Timestamp, World};
use latchkey::cloud::secrets;
use latchkey::cloud::setup::{Setup, meanwhile};
use latchkey::domain::numbers::Numbers;
use latchkey::domain::phone::{Countries, Phone};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::{Hint, Nothing, RegionHint};
use latchkey::http::context::Context;
use latchkey::http::idempotency::Idempotent;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Accepted;
use latchkey::settings;
use latchkey::sms::sender::Sender;
use latchkey::sms::wording::Wish;
use latchkey::tables::codes::Live;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::try_join;

latchkey::function!(RequestCode);

/// Texts a one-time code.
///
/// The code is good for `expires_in` seconds and voids the one before. Trade it for tokens at `/v1/auth/token`.
/// The answer is the same whether or not the phone has an account.
///
/// With `purpose` `change_phone` it proves a new number for the caller's account, at `PUT /v1/users/me/phone`;
/// only then an access token is needed.
///
/// Limits, unless the deployment sets others: one text a minute, 5 an hour and 10 a day to one phone; 60 an hour
/// from one IPv4 address or IPv6 /64; 10,000 a day in all. Where few codes of a country or a range of numbers are
/// entered, a proof of work is asked for (`proof_required`): the same request with `proof` goes on.
#[derive(JsonSchema)]
pub struct RequestCode;

/// A gate for those who change their phone, what bounds texts, a sender, and how
/// phones are read.
pub struct Deps {
    gate: Gate,
    texting: Texting,
    sender: Sender,
    numbers: Numbers,
    countries: Countries,
    reveals_code: bool,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let own: &[&Parameter] = &[config::ALLOWED_COUNTRIES, config::REVEAL_CODE];
        let rules = [settings::NUMBERS, &secrets::PEPPER, own].concat();
        [Gate::parameters(), Texting::PARAMETERS.concat().concat(), rules, Sender::parameters()].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let (numbers, countries) = (settings::numbers(vars)?, settings::countries(vars)?);
        let reveals_code = settings::reveals_code(vars)?;
        // Bad parameters are told before anything is asked for.
        Texting::check(vars)?;
        let asked = async { try_join!(Gate::build(setup), secrets::pepper(setup), Sender::build(setup)) };
        let (gate, pepper, sender) = meanwhile(asked, || numbers.prepare()).await?;
        let texting = Texting::new(setup, &pepper)?;
        let world = Arc::clone(&setup.world);
        Ok(Self { gate, texting, sender, numbers, countries, reveals_code, world })
    }
}

/// The phone to text a code to, what the code is for, and how to word the text.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CodeRequest")]
pub struct Wanted {
    /// The phone number: in E.164, or as a person of `region` types it, with blanks, brackets and hyphens.
    #[schemars(extend("format" = "phone"), example = &"+79000000001")]
    phone: String,
    /// The country in whose format a number without `+` is read: two letters of ISO 3166. Without it, the
    /// deployment's default.
    #[serde(default)]
    region: RegionHint,
    /// The language of the text, such as `ru` or `en-GB`. Without it, that of `Accept-Language`; without that, the
    /// country's.
    #[schemars(example = &"ru")]
    #[serde(default)]
    locale: Hint<35>,
    /// The hash of an Android app, with which the app can read the code from the text (SMS Retriever). It is put
    /// into the text if the deployment lists it.
    #[serde(default)]
    app_hash: Hint<64>,
    /// What this device was given when it signed in before: a known device has codes, guesses and limits of its own,
    /// which strangers cannot use up. One that is of no use here is as none.
    #[schemars(example = &"lkd.01a1fbdf.4f1d2a9c6b3e58d7a1c0e9.1795224352.Ab3dEf7h.c2VjcmV0")]
    device_token: Option<Hidden<String>>,
    /// What the widget of ALTCHA puts out for the `challenge` of a `proof_required`. One that is of no use is as
    /// none.
    #[schemars(example = &"eyJjaGFsbGVuZ2UiOnsicGFyYW1ldGVycyI6e319LCJzb2x1dGlvbiI6e319")]
    proof: Option<Hidden<String>>,
    /// What the code is for.
    #[serde(default)]
    purpose: For,
}

/// What the code is for.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Purpose")]
enum For {
    /// Signing in.
    #[default]
    SignIn,
    /// Moving the caller's account to the phone.
    ChangePhone,
}

/// What is known of the code that was texted.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CodeTexted")]
pub struct Texted {
    /// Identifies this code. Send it with the code, so that only who asked for the code can use it.
    #[schemars(example = &"5f3e9b1c7a2d4e6f8091a2b3c4d5e6f7")]
    challenge_id: String,
    /// The phone number that was texted, in E.164.
    phone: Phone,
    /// In how many seconds the code expires.
    #[schemars(example = 300)]
    expires_in: u64,
    /// In how many seconds another code can be asked for.
    #[schemars(example = 60)]
    resend_in: u64,
    /// How many digits the code has.
    #[schemars(example = 4)]
    code_length: usize,
    /// The code itself; only in deployments for tests that set `REVEAL_CODE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Hidden<String>>,
}

impl Endpoint for RequestCode {
    const ROUTE: Route = Route::post("/v1/auth/code");
    const PROBLEMS: &'static [Code] = &[
        Code::ProofRequired,
        Code::InvalidPhone,
        Code::CountryNotAllowed,
        Code::ResendTooSoon,
        Code::TooManyCodes,
        Code::TooManyRequests,
        Code::TextsPaused,
        Code::TextNotSent,
        // Of a caller who wants to change the phone.
        Code::MissingToken,
        Code::InvalidToken,
        Code::SessionEnded,
        Code::AccountBanned,
        Code::Forbidden,
    ];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Idempotent<Wanted>;
    type Output = Accepted<Texted>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Accepted<Texted>, Problem> {
        let (Idempotent { body: wanted, key }, context) = (request.body, request.context);
        let bearer = match wanted.purpose {
            For::SignIn => None,
            For::ChangePhone => Some(needs.gate.bearer(&context).await?),
        };
        let phone = needs.numbers.read(&wanted.phone, wanted.region.0)?;
        let tester = needs.numbers.testers().find(&phone, needs.world.now());
        if tester.is_none() {
            needs.numbers.reachable(&phone)?;
            if !needs.countries.allow(&phone) {
                return Err(Code::CountryNotAllowed.into());
            }
        }
        count(Metric::CodesAsked);

        let ask = Ask { phone: &phone, tester, bearer: bearer.as_ref(), context: &context };
        let (device_token, proof) = (wanted.device_token.as_ref(), wanted.proof.as_ref());
        let brought = Brought { key: key.as_ref(), device_token, proof };
        let asked = needs.texting.request(&needs.gate, ask, brought);
        let code_length =
            tester.map_or(needs.texting.code_length() as usize, |tester| tester.code.as_str().len());
        let told = |live: &Live, now: Timestamp, code: Option<String>| {
            Accepted(Texted {
                challenge_id: live.challenge_id.clone(),
                phone: phone.clone(),
                expires_in: now.seconds_until(live.expires_at),
                resend_in: now.seconds_until(live.resend_at),
                code_length,
                code: code.map(Hidden),
            })
        };
        let ticket = match asked.pass().await? {
            Way::Issued(ticket) => ticket,
            Way::Repeated(live) => return Ok(told(&live, needs.world.now(), None)),
        };
        let issued = &ticket.issued;
        if tester.is_none() {
            if let Err(refused) = needs.sender.send_code(&phone, &issued.code, wanted.wish(&context)).await {
                ticket.give_back(refused.why).await;
                return Err(refused.into());
            }
            count_text(Metric::CodesTexted, phone.country(), None);
            asked.handed_over(issued).await;
        }
        let revealed = needs.reveals_code.then(|| issued.code.as_str().to_owned());
        Ok(told(&issued.live, issued.sent_at, revealed))
    }
}

impl Wanted {
    /// How the text should be.
    fn wish<'a>(&'a self, context: &'a Context) -> Wish<'a> {
        Wish {
            locale: self.locale.0.as_deref(),
            accept_language: context.header(ACCEPT_LANGUAGE.as_str()),
            app_hash: self.app_hash.0.as_deref(),
        }
    }
}
