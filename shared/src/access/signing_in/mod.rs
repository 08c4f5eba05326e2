//! Signing in, whatever proves the person: what all ways of it share.
//!
//! An endpoint hands in the [`Evidence`], and what came along with it. That is used up
//! here, whoever is new is registered, and the session is stored, all in one
//! transaction.

mod along;
mod arrival;
mod draft;

use std::sync::Arc;

use tokio::{join, try_join};

pub use along::Along;
pub use arrival::{Arrival, Evidence, Known};

use crate::access::invitations::Invitations;
use crate::access::limits::KeyClaim;
use crate::access::signing_in::arrival::Who;
use crate::access::signing_in::draft::{Drafts, Part};
use crate::base::config::Parameter;
use crate::base::error::StartError;
use crate::base::metrics::{Metric, count};
use crate::base::world::World;
use crate::cloud::error::StoreError;
use crate::cloud::setup::Setup;
use crate::cloud::transaction::{Committed, Tables};
use crate::domain::device::DeviceId;
use crate::domain::device_token::DeviceToken;
use crate::domain::invite_code::InviteCode;
use crate::domain::pepper::Pepper;
use crate::domain::phone_lists::{AdminPhones, TestPhones};
use crate::domain::session::slot_for_new;
use crate::domain::user::{Role, Status, User, UserId};
use crate::http::context::Context;
use crate::http::problem::{Code, Problem};
use crate::http::views::{Newcomer, Profiles, SignedIn};
use crate::settings;
use crate::tables;
use crate::tables::idempotency::{Began, Idempotency, IdempotencyKey, Remembered};
use crate::tables::sessions::Sessions;
use crate::tables::users::Users;
use crate::tokens::issuer::{Beginning, Issuer};

/// How often the transaction is drawn up anew when something that it rests on
/// has changed: a drawn invite code was taken, a slot was, the user was.
const TRIES: u32 = 8;

/// What signs people in.
pub struct SigningIn {
    drafts: Drafts,
    users: Users,
    sessions: Sessions,
    invitations: Invitations,
    profiles: Profiles,
    idempotency: Idempotency,
    tables: Tables,
    issuer: Issuer,
    testers: TestPhones,
    admins: AdminPhones,
    world: Arc<World>,
}

impl SigningIn {
    /// The parameters that [`SigningIn::build`] reads.
    pub fn parameters() -> Vec<&'static Parameter> {
        let rules = [settings::CODE_LIMITS, settings::TEST_PHONES, settings::ADMIN_PHONES];
        let parts = [Issuer::PARAMETERS, Invitations::PARAMETERS, Profiles::PARAMETERS, &rules];
        [parts.concat(), vec![tables::SESSIONS, tables::AUDIT]].concat().concat()
    }

    /// That of the deployment.
    ///
    /// # Errors
    /// If a secret or the table cannot be reached, or a parameter is bad.
    pub async fn build(setup: &Setup) -> Result<Self, StartError> {
        let issuer = Issuer::build(setup).await?;
        let pepper = issuer.pepper();
        Ok(Self {
            drafts: Drafts::new(setup, pepper.clone())?,
            users: Users::new(setup),
            sessions: Sessions::new(setup),
            invitations: Invitations::new(setup, pepper.clone())?,
            profiles: Profiles::new(setup)?,
            idempotency: Idempotency::new(setup, pepper.clone(), settings::code_limits(&setup.vars)?.ttl),
            tables: Tables::new(setup),
            issuer,
            testers: settings::test_phones(&setup.vars)?,
            admins: settings::admin_phones(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    /// The pepper under which tokens are made.
    pub const fn pepper(&self) -> &Pepper {
        self.issuer.pepper()
    }

    /// How a request to `endpoint` that signs in is remembered.
    pub fn remember(&self, endpoint: &str, key: &IdempotencyKey) -> Remembered {
        self.idempotency.of(endpoint, None, key)
    }

    /// That a request's key came with no other body before.
    pub const fn claim<'a>(&'a self, request: Option<&'a Remembered>) -> KeyClaim<'a> {
        KeyClaim::new(&self.idempotency, request)
    }

    /// An invite code that came along, as it was typed.
    pub async fn along(&self, typed: Option<String>) -> Result<Along, StoreError> {
        Along::find(typed, &self.invitations).await
    }

    /// Signs in whom the evidence proves; drawn up anew where something that it rests on
    /// changed meanwhile.
    pub async fn sign_in(
        &self,
        evidence: &impl Evidence,
        mut arrival: Arrival,
        context: &Context,
    ) -> Result<SignedIn, Problem> {
        let mut may_be_admin = true;
        for _ in 0..TRIES {
            let Some(who) = self.who(evidence, &mut arrival, may_be_admin).await? else {
                arrival.known = evidence.whose().await?;
                continue;
            };
            self.may_sign_in(&who)?;
            let entry = arrival.invite.entry(&who.user, &self.invitations, self.world.now()).await?;
            let is_new = who.is_new;
            let beginning = Beginning {
                slot: who.slot,
                device_id: who.device.clone(),
                device: arrival.device.1.clone(),
                passkey_id: evidence.passkey().cloned(),
                ip: context.coarse_ip(),
            };
            let session = self.issuer.begin(&who.user, beginning);
            let entering = (entry.as_ref(), &self.invitations);
            let (user, mut writes) =
                self.drafts.draw_up(evidence.spend(), who, &session, entering, (&self.admins, context));
            if let Some(request) = &arrival.request {
                let (began, error) = ((&user.id, &session.id), arrival.invite.error().map(Code::as_str));
                let concluding = self.idempotency.conclude(request, began, is_new, error);
                writes = writes.with_all(Part::Request, concluding);
            }
            let (committed, referrer) = join!(
                writes.commit(&self.tables, &self.world),
                self.profiles.person(user.referrer_id.as_ref(), &user),
            );
            let refused = match committed? {
                Committed::Done => {
                    if is_new {
                        count(Metric::SignUps);
                    }
                    evidence.spent().await;
                    let referrer = referrer.map_err(StoreError::once_written)?;
                    let tokens = self.issuer.tokens(&user, &session, &context.public_url);
                    let tokens = tokens.ok_or(Code::OutcomeUnknown)?;
                    let invite_error = arrival.invite.error().map(|code| code.as_str().to_owned());
                    let user = Newcomer::new(user, referrer, context);
                    return Ok(SignedIn { tokens, is_new, user, invite_error });
                }
                Committed::Refused(refused) => refused,
            };
            let of = |part| refused.iter().find(|(refused, _)| *refused == part).map(|(_, part)| part);
            if let (Some(request), Some(refused)) = (&arrival.request, of(Part::Request)) {
                let began = self.idempotency.began(request, refused).ok_or(Code::IdempotencyMismatch)?;
                return self.answer_again(began, context).await?.ok_or_else(|| evidence.is_spent());
            }
            if let Some(refused) = of(Part::Evidence) {
                return Err(evidence.not_spent(refused));
            }
            if of(Part::Admin).is_some() {
                may_be_admin = false;
            }
            if of(Part::User).is_some() {
                arrival.known = evidence.whose().await?;
            }
            if let Some(entry) = &entry {
                let why = self.invitations.why(entry, &refused, Part::of_entry).await?;
                arrival.invite.was_refused(why);
            }
        }
        Err(Code::Unavailable.into())
    }

    /// Who signs in: a known user as stored, else a new one. `None` if the known one is
    /// gone, or not whom the evidence proves by now.
    async fn who(
        &self,
        evidence: &impl Evidence,
        arrival: &mut Arrival,
        may_be_admin: bool,
    ) -> Result<Option<Who>, Problem> {
        let now = self.world.now();
        let (user, present) = match std::mem::replace(&mut arrival.known, Known::Nobody) {
            Known::Nobody => return self.newcomer(evidence, may_be_admin).map(Some),
            Known::Named(id) => {
                let read = try_join!(self.users.get(&id), self.sessions.of_user(&id))?;
                arrival.known = Known::Named(id);
                read
            }
            Known::Read(user, sessions) => {
                arrival.known = Known::Named(user.id.clone());
                (Some(*user), sessions)
            }
        };
        Ok(user.filter(|user| evidence.proves(user, now)).map(|seen| {
            let (user, moves) = match evidence.phone() {
                Some(phone) if seen.phone != *phone => (seen.recovered(phone), Some(seen)),
                _ => (seen, None),
            };
            let (slot, replaces) = slot_for_new(&present, user.epoch, now);
            let device = self.device(arrival.device.0.as_ref(), &user);
            Who { user, is_new: false, moves, device, slot, replaces }
        }))
    }

    /// Whoever signs in for the first time.
    fn newcomer(&self, evidence: &impl Evidence, may_be_admin: bool) -> Result<Who, Problem> {
        let phone = evidence.phone().ok_or_else(|| evidence.is_spent())?;
        let invite_code = InviteCode::draw(&mut *self.world.rng());
        let id = UserId(self.world.new_id());
        let mut user = User::new(id, phone.clone(), invite_code, self.world.now());
        if may_be_admin && self.admins.contains(phone) {
            user.role = Role::Admin;
        }
        let device = self.device(None, &user);
        Ok(Who { user, is_new: true, moves: None, device, slot: 0, replaces: None })
    }

    /// The device that signs in: the one that its token names, where the user lists
    /// it, else a new one.
    fn device(&self, token: Option<&DeviceToken>, user: &User) -> DeviceId {
        match token {
            Some(token) if token.user_id == user.id && user.devices.contains(&token.device_id) => {
                token.device_id.clone()
            }
            _ => DeviceId::draw(self.world.now(), &mut *self.world.rng()),
        }
    }

    fn may_sign_in(&self, Who { user, moves, .. }: &Who) -> Result<(), Problem> {
        if user.status == Status::Banned {
            return Err(Code::AccountBanned.into());
        }
        // Nor is one that is a test number no more moved to.
        let is_tester = self.testers.find(&user.phone, self.world.now()).is_some()
            || (moves.is_some() && self.testers.names(&user.phone));
        if user.role != Role::User && is_tester {
            return Err(Problem::from(Code::Forbidden).detail("A test number never holds a role."));
        }
        Ok(())
    }

    /// The answer to a request that began a session before, as long as that
    /// session is on.
    pub async fn answer_again(&self, began: Began, context: &Context) -> Result<Option<SignedIn>, Problem> {
        let Began { user_id, session_id, is_new, invite_error, .. } = began;
        let (user, session) = try_join!(self.users.get(&user_id), self.sessions.get(&user_id, &session_id))?;
        let now = self.world.now();
        let (Some(user), Some(session)) = (user, session) else { return Ok(None) };
        if !session.is_on(user.epoch, now) {
            return Ok(None);
        }
        let tokens = self.issuer.tokens(&user, &session, &context.public_url).ok_or(Code::Unavailable)?;
        let referrer = self.profiles.person(user.referrer_id.as_ref(), &user).await?;
        Ok(Some(SignedIn { tokens, is_new, user: Newcomer::new(user, referrer, context), invite_error }))
    }
}
