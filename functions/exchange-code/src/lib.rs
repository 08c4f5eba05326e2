//! `POST /v1/auth/token`: trades a phone and its code for tokens; registers on
//! first sight.
//!
//! Tests: local/tests/it/story.rs, limits.rs, races.rs, idempotency.rs, ambiguity.rs, rotation.rs.

use std::sync::Arc;

use latchkey::access::guesses::{Attempt, Guessed, Guesses};
use latchkey::access::invitations;
use latchkey::access::invitations::{Invitations, Refusal};
use latchkey::base::config::{self, Parameter};
use latchkey::base::error::StartError;
use latchkey::base::hidden::Hidden;
use latchkey::base::metrics::{Metric, count};
use latchkey::base::world::World;
use latchkey::cloud::error::StoreError;
use latchkey::cloud::setup::{Setup, meanwhile};
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::code::Purpose;
use latchkey::domain::device::DeviceId;
use latchkey::domain::device_token::DeviceToken;
use latchkey::domain::invite::{Activation, Entry, Invite, InviteRefusal, judge};
use latchkey::domain::invite_code::InviteCode;
use latchkey::domain::phone::{Phone, Region};
use latchkey::domain::phone_lists::{AdminPhones, TestPhones};
use latchkey::domain::session::{Session, SessionId, slot_for_new};
use latchkey::domain::user::{Role, Status, User, UserId};
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::{Line, Nothing};
use latchkey::http::context::Context;
use latchkey::http::idempotency::Idempotent;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Json;
use latchkey::http::views::{Newcomer, Profiles};
use latchkey::settings;
use latchkey::tables;
use latchkey::tables::codes::Proof;
use latchkey::tables::idempotency::{Began, Remembered};
use latchkey::tables::invites::Invites;
use latchkey::tables::sessions::Sessions;
use latchkey::tables::stats::{Made, Stats};
use latchkey::tables::users::Users;
use latchkey::tokens::issuer::{Issuer, Tokens};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{join, try_join};

latchkey::function!(ExchangeCode);

/// Trades a phone and its code for tokens; makes the account at the first sign-in.
///
/// A code signs in once. A code of another phone, a wrong, expired, used or replaced one are refused alike, with
/// `attempts_left`. An invite code that cannot be activated never keeps anybody out: the answer then says why in
/// `invite_error`.
///
/// Limits, unless the deployment sets others: 5 guesses a code; 10 wrong guesses a day for one phone; 60 guesses
/// an hour from one IPv4 address or IPv6 /64; 20 sessions a user, of which the oldest gives way.
#[derive(JsonSchema)]
pub struct ExchangeCode;

/// How often the transaction is drawn up anew when something that it rests on
/// has changed: a drawn invite code was taken, a slot was, the user was.
const TRIES: u32 = 8;

/// All three tables, and what issues tokens.
pub struct Deps {
    guesses: Guesses,
    stats: Stats,
    users: Users,
    invites: Invites,
    invitations: Invitations,
    profiles: Profiles,
    sessions: Sessions,
    tables: Tables,
    issuer: Issuer,
    region: Region,
    testers: TestPhones,
    admins: AdminPhones,
    requires_challenge: bool,
    world: Arc<World>,
}

impl Needs for Deps {
    fn parameters() -> Vec<&'static Parameter> {
        let rules = [tables::SESSIONS, settings::ADMIN_PHONES, &[config::REQUIRE_CHALLENGE]].concat();
        let entering = Invitations::PARAMETERS.concat();
        [Guesses::parameters(), Profiles::parameters(), Issuer::PARAMETERS.concat(), entering, rules].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let region: Region = settings::region(vars)?;
        let issuer = meanwhile(Issuer::build(setup), || region.prepare()).await?;
        Ok(Self {
            guesses: Guesses::new(setup, issuer.pepper().clone())?,
            stats: Stats::new(setup),
            users: Users::new(setup),
            invites: Invites::new(setup),
            invitations: Invitations::new(setup, issuer.pepper().clone())?,
            profiles: Profiles::new(setup)?,
            sessions: Sessions::new(setup),
            tables: Tables::new(setup),
            issuer,
            region,
            testers: settings::test_phones(vars)?,
            admins: settings::admin_phones(vars)?,
            requires_challenge: vars.flag(config::REQUIRE_CHALLENGE)?,
            world: Arc::clone(&setup.world),
        })
    }
}

/// A phone number, and the code that was texted to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "TokenRequest")]
pub struct Entered {
    /// The phone number: in E.164, or as a person of `region` types it, with blanks, brackets and hyphens.
    #[schemars(extend("format" = "phone"), example = &"+79000000001")]
    phone: String,
    /// The country in whose format a number without `+` is read: two letters of ISO 3166. Without it, the
    /// deployment's default.
    region: Option<Region>,
    /// The one-time code from the text.
    #[schemars(example = &"4071")]
    code: Hidden<Line<64>>,
    /// The `challenge_id` that `/v1/auth/code` answered with. A wrong one is refused as a wrong code is; some
    /// deployments require it.
    #[schemars(example = &"5f3e9b1c7a2d4e6f8091a2b3c4d5e6f7")]
    challenge_id: Option<Line<64>>,
    /// What this device was given when it signed in before: a known device has codes, guesses and limits of its own,
    /// which strangers cannot use up. One that is of no use here is as none.
    #[schemars(example = &"lkd.01a1fbdf.4f1d2a9c6b3e58d7a1c0e9.1795224352.Ab3dEf7h.c2VjcmV0")]
    device_token: Option<Hidden<String>>,
    /// A friend's invite code, which is activated along the way unless one was before.
    #[schemars(example = &"7Q2M4X")]
    invite_code: Option<String>,
    /// The name of the device, to be shown in the list of sessions.
    #[schemars(example = &"Alice's phone")]
    device: Option<Line<64>>,
}

/// A pair of tokens, and the user who signed in.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SignedIn {
    #[serde(flatten)]
    tokens: Tokens,
    /// Whether this sign-in made the account.
    #[schemars(example = true)]
    is_new: bool,
    /// The user who signed in.
    user: Newcomer,
    /// Why the invite code was not activated: the `code` of that problem. Absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    invite_error: Option<String>,
}

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Request,
    User,
    InviteCode,
    Admin,
    Session,
    Entry(invitations::Part),
    Stats,
}

impl Endpoint for ExchangeCode {
    const ROUTE: Route = Route::post("/v1/auth/token");
    const PROBLEMS: &'static [Code] = &[
        Code::InvalidPhone,
        Code::InvalidCode,
        Code::TooManyGuesses,
        Code::TooManyRequests,
        Code::AccountBanned,
        // A test number whose account has a role.
        Code::Forbidden,
    ];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Idempotent<Entered>;
    type Output = Json<SignedIn>;
    type Needs = Deps;

    async fn call(needs: &Deps, request: Request<Self>) -> Result<Json<SignedIn>, Problem> {
        let (Idempotent { body: entered, key }, context) = (request.body, request.context);
        let phone = Phone::parse(&entered.phone, entered.region.unwrap_or(needs.region))?;
        if needs.requires_challenge && entered.challenge_id.is_none() {
            return Err(Problem::invalid_code(Some(0)));
        }
        let key = key.map(|key| needs.guesses.remember(&key));
        let challenge_id = entered.challenge_id.as_ref().map(|id| id.0.as_str());
        let invite = entered.invite_code.as_deref().and_then(InviteCode::parse);

        // What is read beside a guess may fail only once the guess is told.
        let device = needs.guesses.device(entered.device_token.as_ref(), &phone);
        let guess =
            Guessed { phone: &phone, purpose: &Purpose::SignIn, challenge_id, device: device.as_ref() };
        let (attempt, known, code) = join!(
            needs.guesses.enter(guess, key.as_ref(), &context, &[]),
            needs.users.with_phone(&phone),
            needs.invitations.find(invite.as_ref()),
        );
        let counted = match attempt? {
            Attempt::Guess(counted) => counted,
            Attempt::Repeated(began) => return needs.answer_again(began, &context).await.map(Json),
        };
        let proof = needs.guesses.compare(counted, &entered.code.0.0)?;
        let arrived = async {
            let device = (device, entered.device.map(|name| name.0));
            let (known, invite, typed) = (known?, code?, entered.invite_code);
            let may_be_admin = needs.admins.contains(&phone);
            let invite_error = None;
            let proof = &proof;
            needs
                .sign_in(Arrival {
                    proof,
                    known,
                    may_be_admin,
                    typed,
                    invite,
                    invite_error,
                    device,
                    key,
                    context,
                })
                .await
        };
        match arrived.await {
            Ok(signed_in) => Ok(Json(signed_in)),
            Err(problem) => Err(needs.guesses.undone(&proof, problem).await),
        }
    }
}

/// Somebody whose phone was proved.
struct Arrival<'a> {
    proof: &'a Proof,
    known: Option<UserId>,
    /// Whether the number makes a new account an admin's.
    may_be_admin: bool,
    /// The invite code, as it was typed.
    typed: Option<String>,
    /// Whose it is, and on what terms.
    invite: Option<Invite>,
    /// Why it cannot be activated.
    invite_error: Option<Code>,
    /// The device as its token says, and its name.
    device: (Option<DeviceToken>, Option<String>),
    key: Option<Remembered>,
    context: Context,
}

/// What a sign-in would come to.
struct Draft {
    user: User,
    session: Session,
    writes: Transaction<Part>,
}

impl Deps {
    /// Spends the code, registers who is new, and stores the session, all in
    /// one transaction; drawn up anew where something that it rests on changed
    /// meanwhile.
    async fn sign_in(&self, mut arrival: Arrival<'_>) -> Result<SignedIn, Problem> {
        let idempotency = self.guesses.idempotency();
        let phone = &arrival.proof.phone;
        for _ in 0..TRIES {
            let Some((user, slot, replaces)) = self.who_signs_in(&arrival).await? else {
                arrival.known = self.users.with_phone(phone).await?;
                continue;
            };
            if user.status == Status::Banned {
                return Err(Code::AccountBanned.into());
            }
            if user.role != Role::User && self.testers.find(phone, self.world.now()).is_some() {
                return Err(Problem::from(Code::Forbidden).detail("A test number never holds a role."));
            }
            let entry = self.entry(&mut arrival, &user).await?;
            let is_new = arrival.known.is_none();
            let Draft { user, session, writes } =
                self.draft(&arrival, user, slot, replaces.as_ref(), entry.as_ref());
            let (committed, referrer) = join!(
                writes.commit(&self.tables, &self.world),
                self.profiles.person(user.referrer_id.as_ref(), &user),
            );
            let refused = match committed? {
                Committed::Done => {
                    if is_new {
                        count(Metric::SignUps);
                    }
                    self.guesses.count_entered(arrival.proof).await;
                    let referrer = referrer.map_err(StoreError::once_written)?;
                    let tokens = self
                        .issuer
                        .tokens(&user, &session, &arrival.context.public_url)
                        .ok_or(Code::OutcomeUnknown)?;
                    let user = Newcomer::new(user, referrer, &arrival.context);
                    let invite_error = arrival.invite_error.map(|code| code.as_str().to_owned());
                    return Ok(SignedIn { tokens, is_new, user, invite_error });
                }
                Committed::Refused(refused) => refused,
            };
            let of = |part| refused.iter().find(|(refused, _)| *refused == part).map(|(_, part)| part);
            if let (Some(key), Some(refused)) = (&arrival.key, of(Part::Request)) {
                return match idempotency.began(key, refused) {
                    Some(began) => self.answer_again(began, &arrival.context).await,
                    None => Err(Code::IdempotencyMismatch.into()),
                };
            }
            if of(Part::Code).is_some() {
                return Err(Problem::invalid_code(Some(0)));
            }
            if of(Part::Admin).is_some() {
                arrival.may_be_admin = false;
            }
            if of(Part::User).is_some() {
                arrival.known = self.users.with_phone(phone).await?;
            }
            let of_entry = |part| if let Part::Entry(part) = part { Some(part) } else { None };
            let of_entry: Vec<_> =
                refused.iter().filter_map(|(part, refused)| Some((of_entry(*part)?, refused))).collect();
            if let Some(entry) = entry.filter(|_| !of_entry.is_empty()) {
                match self.invitations.why(&entry, &of_entry).await? {
                    Refusal::Limited(_) => arrival.invite_error = Some(Code::TooManyInviteGuesses),
                    Refusal::Loop => arrival.invite_error = Some(Code::InviteLoop),
                    Refusal::Changed(now) => arrival.invite = now,
                }
            }
        }
        Err(Code::Unavailable.into())
    }

    /// What the invite code that came along comes to: nothing, where it cannot be
    /// activated. It is counted as wrong before that is told.
    async fn entry(&self, arrival: &mut Arrival<'_>, user: &User) -> Result<Option<Entry>, StoreError> {
        let (Some(typed), None) = (&arrival.typed, arrival.invite_error) else { return Ok(None) };
        let code = InviteCode::parse(typed);
        let refusal = match judge(user, code, arrival.invite.as_ref(), self.world.now()) {
            Ok(Activation::Activate(entry)) => return Ok(Some(entry)),
            Ok(Activation::Repeated(_)) => return Ok(None),
            Err(refusal) => refusal,
        };
        let is_wrong = refusal == InviteRefusal::Unknown;
        let is_limited = is_wrong && self.invitations.count_wrong(&user.phone).await?.is_some();
        let told = if is_limited { Code::TooManyInviteGuesses } else { Code::from(&refusal) };
        arrival.invite_error = Some(told);
        Ok(None)
    }

    /// Draws the transaction up.
    fn draft(
        &self,
        arrival: &Arrival<'_>,
        mut user: User,
        slot: u8,
        replaces: Option<&SessionId>,
        entry: Option<&Entry>,
    ) -> Draft {
        let Deps { guesses, users, invites, invitations, sessions, world, .. } = self;
        let ip = arrival.context.coarse_ip();
        let (token, name) = &arrival.device;
        let device = self.device(token.as_ref(), &user);
        let session = self.issuer.begin(&user, slot, (device.clone(), name.clone()), ip);
        let mut writes = Transaction::new(world.new_id())
            .with(Part::Code, guesses.spend(arrival.proof))
            .with(Part::Session, sessions.put(&session, replaces));

        let is_new = arrival.known.is_none();
        let made = Made { sign_up: is_new, referral: entry.is_some() };
        if made.sign_up || made.referral {
            writes = writes.with(Part::Stats, self.stats.made(made));
        }
        if !is_new {
            writes = writes.with(Part::User, users.sign_in(&user, &device, entry));
        }
        user.devices = user.devices.with(&device, world.now());
        if let Some(entry) = entry {
            for (part, write) in invitations.enter(&user, entry) {
                writes = writes.with(Part::Entry(part), write);
            }
            user.activated_invite_code = Some(entry.code.clone());
            user.referrer_id = Some(entry.referrer.clone());
        }
        if user.role == Role::Admin && self.admins.contains(&user.phone) {
            writes = writes.with(Part::Admin, users.made_admin(&user.phone, is_new));
        }
        if is_new {
            writes =
                writes.with_all(Part::User, users.insert(&user)).with(Part::InviteCode, invites.claim(&user));
        }
        if let Some(key) = &arrival.key {
            let began = (&user.id, &session.id);
            writes = writes.with(
                Part::Request,
                guesses.idempotency().conclude(key, began, is_new, arrival.invite_error.map(Code::as_str)),
            );
        }
        Draft { user, session, writes }
    }

    /// The device that signs in: the one that its token names, where the user lists
    /// it, else a new one.
    fn device(&self, token: Option<&DeviceToken>, user: &User) -> DeviceId {
        match token {
            Some(token) if token.user_id == user.id && user.devices.contains(&token.device_id) => {
                token.device_id.clone()
            }
            _ => DeviceId::draw(&mut *self.world.rng()),
        }
    }

    /// Who signs in, and the slot for the session with what it
    /// replaces: a known user as stored, else a new one. `None` if the known
    /// one is gone, or has another phone by now.
    async fn who_signs_in(
        &self,
        arrival: &Arrival<'_>,
    ) -> Result<Option<(User, u8, Option<SessionId>)>, StoreError> {
        let (now, phone) = (self.world.now(), &arrival.proof.phone);
        let Some(id) = &arrival.known else {
            let invite_code = InviteCode::draw(&mut *self.world.rng());
            let mut user = User::new(UserId(self.world.new_id()), phone.clone(), invite_code, now);
            if arrival.may_be_admin {
                user.role = Role::Admin;
            }
            return Ok(Some((user, 0, None)));
        };
        let (user, present) = try_join!(self.users.get(id), self.sessions.of_user(id))?;
        // One that moved to another phone meanwhile is not whom the code proved.
        Ok(user.filter(|user| user.phone == *phone).map(|user| {
            let (slot, replaces) = slot_for_new(&present, user.epoch, now);
            (user, slot, replaces)
        }))
    }

    /// The answer to a request that began a session before, as long as that
    /// session is on.
    async fn answer_again(&self, began: Began, context: &Context) -> Result<SignedIn, Problem> {
        let Began { user_id, session_id, is_new, invite_error, .. } = began;
        let (user, session) = try_join!(self.users.get(&user_id), self.sessions.get(&user_id, &session_id))?;
        let now = self.world.now();
        let (Some(user), Some(session)) = (user, session) else { return Err(Problem::invalid_code(Some(0))) };
        if !session.is_on(user.epoch, now) {
            return Err(Problem::invalid_code(Some(0)));
        }
        let tokens = self.issuer.tokens(&user, &session, &context.public_url).ok_or(Code::Unavailable)?;
        let referrer = self.profiles.person(user.referrer_id.as_ref(), &user).await?;
        Ok(SignedIn { tokens, is_new, user: Newcomer::new(user, referrer, context), invite_error })
    }
}
