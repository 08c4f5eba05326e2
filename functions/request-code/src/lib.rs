//! `POST /v1/auth/code`: texts a one-time code.
//!
//! Tests: local/tests/it/limits.rs, pumping.rs, texts.rs, idempotency.rs, ambiguity.rs, edge.rs.

use std::sync::Arc;

use http::header::ACCEPT_LANGUAGE;
use latchkey::access::gate::Gate;
use latchkey::access::limits;
use latchkey::access::limits::{
    Admission, Allowance, CodeAllowance, KeyClaim, Limit, ListedDevice, OpenPlace, Passed,
};
use latchkey::access::trust::Trust;
use latchkey::base::afterwards::Afterwards;
use latchkey::base::config::{self, Parameter};
use latchkey::base::error::{Chain, StartError};
use latchkey::base::hidden::Hidden;
use latchkey::base::metrics::{Metric, count};
use latchkey::base::world::{Timestamp, World};
use latchkey::cloud::secrets;
use latchkey::cloud::setup::{Setup, meanwhile};
use latchkey::domain::code::Purpose;
use latchkey::domain::device_token::DeviceToken;
use latchkey::domain::limits::CrowdLimits;
use latchkey::domain::pepper::Pepper;
use latchkey::domain::phone::{Countries, Phone, Region};
use latchkey::domain::phone_lists::TestPhones;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::{Line, Nothing};
use latchkey::http::context::Context;
use latchkey::http::idempotency::Idempotent;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Accepted;
use latchkey::settings;
use latchkey::sms::refusal::NotSent;
use latchkey::sms::sender::Sender;
use latchkey::sms::wording::Wish;
use latchkey::tables::codes::{Codes, Issued, Live};
use latchkey::tables::counters::Counters;
use latchkey::tables::guard::{Guard, TextFate};
use latchkey::tables::idempotency::{Idempotency, Remembered};
use latchkey::tables::tally::Tally;
use latchkey::tables::users::Users;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{join, try_join};

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
/// from one IPv4 address or IPv6 /64; 10,000 a day in all. Texts to a country or a range of numbers are paused
/// where hardly any of their codes are entered.
#[derive(JsonSchema)]
pub struct RequestCode;

/// A gate for those who change their phone, codes, a sender, how phones are
/// read, and all that bounds texts.
pub struct Deps {
    gate: Gate,
    users: Users,
    codes: Arc<Codes>,
    counters: Counters,
    guard: Arc<Guard>,
    tally: Tally,
    idempotency: Idempotency,
    sender: Sender,
    afterwards: Arc<Afterwards>,
    pepper: Pepper,
    limits: CrowdLimits,
    region: Region,
    countries: Countries,
    testers: TestPhones,
    reveals_code: bool,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let rules = [settings::CROWD_LIMITS, settings::TEST_PHONES, &secrets::PEPPER];
        let own: &[&Parameter] = &[config::ALLOWED_COUNTRIES, config::REVEAL_CODE];
        let tables = [Gate::PARAMETERS, Codes::PARAMETERS, Guard::PARAMETERS, &rules, &[own]];
        [tables.concat().concat(), Sender::parameters()].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let region = settings::region(vars)?;
        let (limits, countries) = (settings::crowd_limits(vars)?, settings::countries(vars)?);
        let (testers, reveals_code) = (settings::test_phones(vars)?, settings::reveals_code(vars)?);
        let (guard, sender) = (Arc::new(Guard::new(setup)?), Sender::build(setup)?);
        // Bad parameters are told before anything is asked for.
        let asked = async { try_join!(Gate::build(setup), secrets::pepper(setup)) };
        let (gate, pepper) = meanwhile(asked, || region.prepare()).await?;
        let codes = Codes::new(setup, pepper.clone())?;
        Ok(Self {
            gate,
            users: Users::new(setup),
            idempotency: Idempotency::new(setup, pepper.clone(), codes.limits().ttl),
            codes: Arc::new(codes),
            counters: Counters::new(setup),
            tally: Tally::new(setup, Arc::clone(&guard)),
            guard,
            sender,
            afterwards: Arc::clone(&setup.afterwards),
            pepper,
            limits,
            region,
            countries,
            testers,
            reveals_code,
            world: Arc::clone(&setup.world),
        })
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
    region: Option<Region>,
    /// The language of the text, such as `ru` or `en-GB`. Without it, that of `Accept-Language`; without that, the
    /// country's.
    #[schemars(example = &"ru")]
    locale: Option<Line<35>>,
    /// The hash of an Android app, with which the app can read the code from the text (SMS Retriever). It is put
    /// into the text if the deployment lists it.
    app_hash: Option<Line<64>>,
    /// What this device was given when it signed in before: a known device has codes, guesses and limits of its own,
    /// which strangers cannot use up. One that is of no use here is as none.
    #[schemars(example = &"lkd.01a1fbdf.4f1d2a9c6b3e58d7a1c0e9.1795224352.Ab3dEf7h.c2VjcmV0")]
    device_token: Option<Hidden<String>>,
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
        let phone = Phone::parse(&wanted.phone, wanted.region.unwrap_or(needs.region))?;
        let tester = needs.testers.find(&phone, needs.world.now());
        let is_texted = tester.is_none();
        if is_texted {
            phone.reachable()?;
            if !needs.countries.allow(&phone) {
                return Err(Code::CountryNotAllowed.into());
            }
        }
        count(Metric::CodesAsked);

        let purpose = bearer.as_ref().map_or(Purpose::SignIn, |of| Purpose::ChangePhone(of.user_id.clone()));
        let caller = bearer.as_ref().map(|bearer| &bearer.user_id);
        let key = key.map(|key| needs.idempotency.of("code", caller, &key));
        let address = format!("codes#{}", needs.pepper.first().key("address", &context.counted_ip()));
        let device = wanted.device_token.as_ref().filter(|_| is_texted && bearer.is_none());
        let device =
            device.and_then(|token| DeviceToken::parse(&token.0, &phone, needs.world.now(), &needs.pepper));
        let mut trust = if device.is_some() { Trust::Full } else { Trust::None };
        let (limits, passed) = loop {
            let limits = Limits {
                admission: Admission::new(&needs.gate, bearer.as_ref()),
                key: KeyClaim::new(&needs.idempotency, key.as_ref()),
                device: ListedDevice::new(
                    &needs.users,
                    device.as_ref().filter(|_| trust > Trust::None),
                    &phone,
                ),
                code: CodeAllowance::new(
                    &needs.codes,
                    trust,
                    &phone,
                    tester,
                    purpose.clone(),
                    key.as_ref().map(Remembered::as_str),
                ),
                address: Allowance::of_address(
                    &needs.counters,
                    address.clone(),
                    needs.limits.codes_per_address.only_if(is_texted && trust == Trust::None),
                ),
                text: Allowance::text_today(
                    &needs.counters,
                    needs.limits.texts.only_if(is_texted),
                    trust < Trust::Full,
                ),
                place: OpenPlace::new(&needs.guard, (is_texted && trust < Trust::Full).then_some(&phone)),
            };
            match limits::take(&limits.all(), needs.world.now()).await? {
                Passed::Less(less) => trust = less,
                passed => break (limits, passed),
            }
        };

        let code_length =
            tester.map_or(needs.codes.limits().length as usize, |tester| tester.code.as_str().len());
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
        let issued = match passed {
            Passed::Granted => limits.code.issued().ok_or(Code::Unavailable)?,
            Passed::Repeated | Passed::Less(_) => {
                return Ok(told(limits.code.repeated().ok_or(Code::Unavailable)?, needs.world.now(), None));
            }
        };
        if is_texted {
            if let Err(refused) = needs.text(&phone, issued, wanted.wish(&context)).await {
                let uncount = needs.tally.count(TextFate::NotSent, &phone, issued.sent_at);
                let taken = limits.all();
                join!(limits::give_back(&taken), uncount);
                return Err(refused.into());
            }
            if key.is_some() {
                needs.remember_text(issued).await;
            }
        }
        let revealed = needs.reveals_code.then(|| issued.code.as_str().to_owned());
        Ok(told(&issued.live, issued.sent_at, revealed))
    }
}

/// All that bounds one request.
struct Limits<'a> {
    admission: Admission<'a>,
    key: KeyClaim<'a>,
    device: ListedDevice<'a>,
    code: CodeAllowance<'a>,
    address: Allowance<'a>,
    text: Allowance<'a>,
    place: OpenPlace<'a>,
}

impl Limits<'_> {
    fn all(&self) -> [&dyn Limit; 7] {
        let Self { admission, key, device, code, address, text, place } = self;
        [admission, key, device, code, address, text, place]
    }
}

impl Wanted {
    /// How the text should be.
    fn wish<'a>(&'a self, context: &'a Context) -> Wish<'a> {
        Wish {
            locale: self.locale.as_ref().map(|locale| locale.0.as_str()),
            accept_language: context.header(ACCEPT_LANGUAGE.as_str()),
            app_hash: self.app_hash.as_ref().map(|hash| hash.0.as_str()),
        }
    }
}

impl Deps {
    /// Texts a code that was issued, and counts that it left.
    async fn text(&self, phone: &Phone, issued: &Issued, wish: Wish<'_>) -> Result<(), NotSent> {
        let (sent, ()) = join!(
            self.sender.send_code(phone, &issued.code, wish),
            self.tally.count(TextFate::Sent, phone, issued.sent_at),
        );
        sent?;
        count(Metric::CodesTexted);
        Ok(())
    }

    /// Remembers that a text was handed over, after the answer: a repetition that
    /// comes before is told that it is not known.
    async fn remember_text(&self, issued: &Issued) {
        let (codes, issued) = (Arc::clone(&self.codes), issued.clone());
        let remember = async move {
            if let Err(error) = codes.handed_over(&issued).await {
                tracing::warn!(cause = %Chain(&error), "it was not remembered that a text was handed over");
            }
        };
        self.afterwards.run(remember).await;
    }
}
