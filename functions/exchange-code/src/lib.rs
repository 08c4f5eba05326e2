//! `POST /v1/auth/token`: trades a phone and its code for tokens; registers on
//! first sight.

use std::sync::Arc;

use latchkey::config;
use latchkey::domain::code::{OneTimeCode, Purpose};
use latchkey::domain::invite::{Entry, InviteCode, judge};
use latchkey::domain::phone::{Phone, Region};
use latchkey::domain::session::{Session, SessionId, slot_for_new};
use latchkey::domain::user::{Status, User, UserId};
use latchkey::http::answer::Json;
use latchkey::http::endpoint::{Anyone, Endpoint, Needs, Request, Route};
use latchkey::http::function::Function;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::request::{JsonBody, Nothing, Text};
use latchkey::lambda::StartError;
use latchkey::setup::Setup;
use latchkey::tables::StoreError;
use latchkey::tables::codes::{Codes, Guess};
use latchkey::tables::sessions::Sessions;
use latchkey::tables::transaction::{Committed, Tables, Transaction};
use latchkey::tables::users::Users;
use latchkey::tokens::{Signer, session_ttl};
use latchkey::views::{Person, Profile};
use latchkey::world::{Timestamp, World};
use serde::{Deserialize, Serialize};
use tokio::try_join;

/// The function.
pub fn function() -> Function {
    Function::new(env!("CARGO_PKG_NAME")).endpoint::<ExchangeCode>()
}

/// Trades a phone and its code for tokens.
pub struct ExchangeCode;

/// How often the transaction is drawn up anew when something that it rests on
/// has changed: a drawn invite code was taken, a slot was, the user was.
const TRIES: u32 = 8;

/// All three tables, and what signs.
pub struct Needed {
    codes: Codes,
    users: Users,
    sessions: Sessions,
    tables: Tables,
    signer: Signer,
    region: Region,
    requires_challenge: bool,
    session_ttl: i64,
    world: Arc<World>,
}

impl Needs for Needed {
    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self {
            codes: Codes::build(setup).await?,
            users: Users::new(setup),
            sessions: Sessions::new(setup),
            tables: Tables::new(setup),
            signer: Signer::build(setup).await?,
            region: setup.vars.parsed(config::DEFAULT_REGION)?,
            requires_challenge: setup.vars.flag(config::REQUIRE_CHALLENGE)?,
            session_ttl: session_ttl(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }
}

/// A phone, and what was texted to it.
#[derive(Debug, Deserialize)]
pub struct Entered {
    phone: String,
    region: Option<Region>,
    code: Text<64>,
    challenge_id: Option<Text<64>>,
    invite_code: Option<String>,
    device: Option<Text<64>>,
}

/// Tokens, and whose they are.
#[derive(Debug, Serialize)]
pub struct SignedIn {
    access_token: String,
    token_type: &'static str,
    expires_in: u32,
    is_new: bool,
    user: Profile,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite_error: Option<&'static str>,
}

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    User,
    InviteCode,
    Session,
    Link,
    Count,
}

impl Endpoint for ExchangeCode {
    const ROUTE: Route = Route::post("/v1/auth/token");
    const PROBLEMS: &'static [Code] =
        &[Code::InvalidPhone, Code::InvalidCode, Code::TooManyGuesses, Code::AccountBanned];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JsonBody<Entered>;
    type Output = Json<SignedIn>;
    type Needs = Needed;

    async fn call(needs: &Needed, request: Request<Self>) -> Result<Json<SignedIn>, Problem> {
        let Needed { codes, users, sessions, tables, signer, world, .. } = needs;
        let entered = request.body.0;
        let phone = Phone::parse(&entered.phone, entered.region.unwrap_or(needs.region))?;
        if needs.requires_challenge && entered.challenge_id.is_none() {
            return Err(Problem::invalid_code(Some(0)));
        }
        let typed = OneTimeCode::typed(&entered.code.0);
        let challenge_id = entered.challenge_id.as_ref().map(|id| id.0.as_str());
        let mut invite = entered.invite_code.as_deref().map(InviteCode::parse);

        let (guess, mut known, owner) = try_join!(
            codes.guess(phone.clone(), Purpose::SignIn, &typed, challenge_id),
            users.with_phone(&phone),
            async {
                match &invite {
                    Some(Some(code)) => users.with_invite(code).await,
                    _ => Ok(None),
                }
            },
        )?;
        let now = world.now();
        let proof = match guess {
            Guess::Right(proof) => proof,
            Guess::Wrong(left) => return Err(Problem::invalid_code(left)),
            Guess::TooMany(free) => return Err(Problem::limited(Code::TooManyGuesses, now, free)),
        };

        let mut invite_error = None;
        for _ in 0..TRIES {
            let Some((mut user, slot, replaces)) = needs.who_signs_in(&phone, known.as_ref(), now).await?
            else {
                known = users.with_phone(&phone).await?;
                continue;
            };
            if user.status == Status::Banned {
                return Err(Code::AccountBanned.into());
            }
            let session = Session {
                user_id: user.id.clone(),
                id: SessionId::draw(slot, &mut *world.chance()),
                epoch: user.epoch,
                device: entered.device.as_ref().map(|name| name.0.clone()),
                ip: request.context.coarse_ip(),
                created_at: now,
                last_seen_at: now,
                expires_at: now.plus_seconds(needs.session_ttl),
            };
            let mut writes = Transaction::new(world.new_id())
                .with(Part::Code, codes.spend(&proof))
                .with(Part::Session, sessions.put(&session, replaces.as_ref()));

            let entry = invite.as_ref().map(|code| judge(&user, code.clone(), owner.clone()));
            if let Some(Err(refusal)) = &entry {
                invite_error = Some(Code::from(refusal));
            }
            if let Some(Ok(Entry::Activate(code, referrer))) = entry {
                if known.is_some() {
                    writes = writes.with(Part::User, users.activate(&user, &code, &referrer));
                }
                writes = writes
                    .with(Part::Link, users.link(&user, &referrer, now))
                    .with(Part::Count, users.count_referral(&referrer));
                user.activated_invite_code = Some(code);
                user.referrer_id = Some(referrer);
            } else if known.is_some() {
                writes = writes.with(Part::User, users.unchanged(&user));
            }
            if known.is_none() {
                writes = writes
                    .with(Part::User, users.insert(&user))
                    .with(Part::User, users.claim_phone(&user))
                    .with(Part::InviteCode, users.claim_invite(&user));
            }

            let (committed, referrer) =
                try_join!(writes.commit(tables, world), Person::find(users, user.referrer_id.as_ref()))?;
            let refused = match committed {
                Committed::Done => {
                    return Ok(Json(SignedIn {
                        access_token: signer.access_token(&user, &session.id, &request.context),
                        token_type: "Bearer",
                        expires_in: signer.ttl(),
                        is_new: known.is_none(),
                        user: Profile::new(user, referrer, None),
                        invite_error: invite_error.map(Code::as_str),
                    }));
                }
                Committed::Refused(refused) => refused,
            };
            let has = |part| refused.iter().any(|(refused, _)| *refused == part);
            if has(Part::Code) {
                return Err(Problem::invalid_code(Some(0)));
            }
            if has(Part::Link) {
                invite_error = Some(Code::InviteLoop);
                invite = None;
            }
            if has(Part::User) {
                known = users.with_phone(&phone).await?;
            }
        }
        Err(Code::Unavailable.into())
    }
}

impl Needed {
    /// Who signs in with `phone`, and the slot for the session with what it
    /// replaces: a known user as stored, else a new one. `None` if the known
    /// one is gone.
    async fn who_signs_in(
        &self,
        phone: &Phone,
        known: Option<&UserId>,
        now: Timestamp,
    ) -> Result<Option<(User, u8, Option<SessionId>)>, StoreError> {
        let Some(id) = known else {
            let invite_code = InviteCode::draw(&mut *self.world.chance());
            let user = User::new(UserId(self.world.new_id()), phone.clone(), invite_code, now);
            return Ok(Some((user, 0, None)));
        };
        let (user, present) = try_join!(self.users.get(id), self.sessions.of_user(id))?;
        let (slot, replaces) = slot_for_new(&present, now);
        Ok(user.map(|user| (user, slot, replaces)))
    }
}
