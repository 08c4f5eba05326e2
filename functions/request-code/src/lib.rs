//! `POST /v1/auth/code`: texts a one-time code.

use std::sync::Arc;

use futures_util::future::join_all;
use http::header::ACCEPT_LANGUAGE;
use latchkey::config;
use latchkey::domain::code::Purpose;
use latchkey::domain::limits::{CrowdLimits, LimitOf};
use latchkey::domain::numbers::{TestPhone, TestPhones};
use latchkey::domain::pepper::Pepper;
use latchkey::domain::phone::{Countries, Phone, Region};
use latchkey::gate::{Bearer, Gate};
use latchkey::http::answer::Accepted;
use latchkey::http::endpoint::{Anyone, Endpoint, Needs, OfEndpoint, Request, Route};
use latchkey::http::function::Function;
use latchkey::http::idempotency::{Idempotent, RequestKey};
use latchkey::http::problem::{Chain, Code, Problem};
use latchkey::http::request::{Context, Nothing, Text};
use latchkey::lambda::StartError;
use latchkey::metrics::{Metric, count};
use latchkey::secrets;
use latchkey::setup::{Setup, meanwhile};
use latchkey::tables::codes::{Codes, Issue, Issued, Live};
use latchkey::tables::counters::{self, Counters};
use latchkey::tables::guard::{Counted, Guard, Verdict};
use latchkey::tables::requests::{Claim, Remembered, Requests};
use latchkey::tally::Tally;
use latchkey::texts::wording::Wish;
use latchkey::texts::{Sender, reveals_code};
use latchkey::world::{Timestamp, World};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{join, try_join};

/// The function.
pub fn function<T: OfEndpoint>() -> Function<T> {
    Function::new(env!("CARGO_PKG_NAME")).endpoint::<RequestCode>()
}

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
pub struct Needed {
    gate: Gate,
    codes: Codes,
    counters: Counters,
    guard: Arc<Guard>,
    tally: Tally,
    requests: Requests,
    sender: Sender,
    pepper: Pepper,
    limits: CrowdLimits,
    region: Region,
    countries: Countries,
    testers: TestPhones,
    reveals_code: bool,
    world: Arc<World>,
}

impl Needs for Needed {
    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let region: Region = vars.parsed(config::DEFAULT_REGION)?;
        let (limits, countries) = (CrowdLimits::read(vars)?, Countries::read(vars)?);
        let (testers, reveals_code) = (TestPhones::read(vars, region)?, reveals_code(vars)?);
        let (guard, sender) = (Arc::new(Guard::new(setup)?), Sender::build(setup)?);
        // Bad parameters are told before anything is asked for.
        let asked = async { try_join!(Gate::build(setup), secrets::pepper(setup)) };
        let (gate, pepper) = meanwhile(asked, || region.prepare()).await?;
        let codes = Codes::new(setup, pepper.clone())?;
        Ok(Self {
            gate,
            requests: Requests::new(setup, pepper.clone(), codes.limits().ttl),
            codes,
            counters: Counters::new(setup),
            tally: Tally::new(setup, Arc::clone(&guard)),
            guard,
            sender,
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
    locale: Option<Text<35>>,
    /// The hash of an Android app, with which the app can read the code from the text (SMS Retriever). It is put
    /// into the text if the deployment lists it.
    app_hash: Option<Text<64>>,
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
    code: Option<String>,
}

/// What a text takes of its limits, to be given back if it does not leave.
#[derive(Default)]
struct Taken {
    issued: Option<Issued>,
    counted: Vec<counters::Taken>,
}

/// How asking for a code ended, short of a problem.
enum Asked {
    /// A new one was made and must be texted.
    Granted(Issued, Vec<counters::Taken>),
    /// The same request was answered before.
    Repeated(Live),
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
    type Needs = Needed;

    async fn call(needs: &Needed, request: Request<Self>) -> Result<Accepted<Texted>, Problem> {
        let Idempotent { body: wanted, key } = request.body;
        let bearer = match wanted.purpose {
            For::SignIn => None,
            For::ChangePhone => Some(needs.gate.bearer(&request.context).await?),
        };
        let phone = Phone::parse(&wanted.phone, wanted.region.unwrap_or(needs.region))?;
        let tester = needs.testers.find(&phone, needs.world.now());
        if tester.is_none() {
            phone.reachable()?;
            if !needs.countries.allow(&phone) {
                return Err(Code::CountryNotAllowed.into());
            }
        }
        count(Metric::CodesAsked);

        let code_length =
            tester.map_or(needs.codes.limits().length as usize, |tester| tester.code.as_str().len());
        let answer = |live: Live, now: Timestamp, code: Option<String>| {
            Accepted(Texted {
                challenge_id: live.challenge_id,
                phone: phone.clone(),
                expires_in: now.seconds_until(live.expires_at),
                resend_in: now.seconds_until(live.resend_at),
                code_length,
                code,
            })
        };
        let (issued, counted) =
            match needs.ask(&phone, tester, bearer.as_ref(), key.as_ref(), &request.context).await? {
                Asked::Granted(issued, counted) => (issued, counted),
                Asked::Repeated(live) => return Ok(answer(live, needs.world.now(), None)),
            };
        let (live, sent_at, code) = (issued.live.clone(), issued.sent_at, issued.code.clone());
        if tester.is_none() {
            let wish = Wish {
                locale: wanted.locale.as_ref().map(|locale| locale.0.as_str()),
                accept_language: request.context.header(ACCEPT_LANGUAGE.as_str()),
                app_hash: wanted.app_hash.as_ref().map(|hash| hash.0.as_str()),
            };
            let (sent, ()) = join!(
                needs.sender.send_code(&phone, &code, wish),
                needs.tally.count(Counted::Sent, &phone, sent_at),
            );
            if let Err(refused) = sent {
                join!(
                    needs.give_back(Taken { issued: Some(issued), counted }),
                    needs.tally.count(Counted::NotSent, &phone, sent_at),
                );
                return Err(refused.into());
            }
            count(Metric::CodesTexted);
        }
        Ok(answer(live, sent_at, needs.reveals_code.then(|| code.as_str().to_owned())))
    }
}

impl Needed {
    /// Asks for a new code: all limits at once, in one wave. Where one of them
    /// refuses, what the others took is given back, and the refusal that holds
    /// longest is told.
    async fn ask(
        &self,
        phone: &Phone,
        tester: Option<&TestPhone>,
        bearer: Option<&Bearer>,
        key: Option<&RequestKey>,
        context: &Context,
    ) -> Result<Asked, Problem> {
        let is_texted = tester.is_none();
        let key = key.map(|key| self.requests.of("code", key));
        let request = key.as_ref().map(Remembered::as_str);
        let purpose = bearer.map_or(Purpose::SignIn, |bearer| Purpose::ChangePhone(bearer.user_id.clone()));
        let address = format!("codes#{}", self.pepper.first().key("address", &context.counted_ip()));
        let per_address = self.limits.codes_per_address.only_if(is_texted);
        let per_day = self.limits.texts_per_day.only_if(is_texted);
        let (admitted, claim, issue, of_address, of_day, verdict) = join!(
            async {
                match bearer {
                    Some(bearer) => self.gate.admit(bearer, &bearer.user_id, &[]).await.map(drop),
                    None => Ok(()),
                }
            },
            self.requests.claim(key.as_ref()),
            async {
                match tester {
                    Some(tester) => self.codes.issue_test(tester, &purpose, request).await,
                    None => self.codes.issue(phone.clone(), &purpose, request).await,
                }
            },
            self.counters.take(&address, per_address, LimitOf::Address),
            self.counters.take("texts", per_day, LimitOf::Day),
            async { if is_texted { self.guard.judge(phone).await } else { Ok(Verdict::Open) } },
        );

        let (mut taken, mut limits, mut pumped) = (Taken::default(), Vec::new(), None);
        let mut repeated = None;
        let mut problem = match claim {
            Ok(Claim::Same(_)) => None,
            Ok(Claim::Mismatch) => Some(Code::IdempotencyMismatch.into()),
            Err(error) => Some(error.into()),
        };
        match issue {
            Ok(Ok(Issue::Issued(issued))) => taken.issued = Some(issued),
            Ok(Ok(Issue::Repeated(live))) => repeated = Some(live),
            Ok(Err(limit)) => limits.push(limit),
            Err(error) => problem = Some(error.into()),
        }
        for counted in [of_address, of_day] {
            match counted {
                Ok(Ok(counted)) => taken.counted.push(counted),
                Ok(Err(limit)) => limits.push(limit),
                Err(error) => problem = Some(error.into()),
            }
        }
        match verdict {
            Ok(Verdict::Open) => {}
            Ok(Verdict::Paused(limit)) => limits.push(limit),
            Ok(Verdict::Pumped(place, limit)) => {
                limits.push(limit);
                pumped = Some((place, limit.until));
            }
            Err(error) => problem = Some(error.into()),
        }
        problem = admitted.err().or(problem);

        let limit = limits.into_iter().max_by_key(|limit| limit.until);
        let stop = problem.or_else(|| match (&repeated, limit) {
            (None, Some(limit)) => Some(Problem::limited(limit, self.world.now())),
            _ => None,
        });
        match (stop, repeated, taken) {
            (None, None, Taken { issued: Some(issued), counted }) => Ok(Asked::Granted(issued, counted)),
            (stop, repeated, taken) => {
                let pause = async {
                    match &pumped {
                        Some((place, until)) => self.guard.pause(place, *until).await,
                        None => Ok(()),
                    }
                };
                let ((), paused) = join!(self.give_back(taken), pause);
                paused?;
                match (stop, repeated) {
                    (None, Some(live)) => Ok(Asked::Repeated(live)),
                    (stop, _) => Err(stop.unwrap_or_else(|| Code::Unavailable.into())),
                }
            }
        }
    }

    /// Gives back what a text took that does not leave. What cannot be given
    /// back stays counted, which is the safe side.
    async fn give_back(&self, taken: Taken) {
        let issued = async {
            match &taken.issued {
                Some(issued) => self.codes.take_back(issued).await,
                None => Ok(()),
            }
        };
        let counted = join_all(taken.counted.iter().map(|counted| self.counters.give_back(counted)));
        let (issued, counted) = join!(issued, counted);
        for error in [issued].into_iter().chain(counted).filter_map(Result::err) {
            tracing::warn!(cause = %Chain(&error), "an allowance was not given back");
        }
    }
}
