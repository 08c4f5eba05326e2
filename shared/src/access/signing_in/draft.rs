use std::sync::Arc;

use crate::access::invitations::{self, Invitations};
use crate::access::signing_in::arrival::Who;
use crate::base::config::BadParameter;
use crate::base::world::World;
use crate::cloud::setup::Setup;
use crate::cloud::transaction::Transaction;
use crate::cloud::writes::Write;
use crate::domain::audit::{Act, Actor, Deed, of_phone};
use crate::domain::invite::Entry;
use crate::domain::pepper::Pepper;
use crate::domain::phone_lists::AdminPhones;
use crate::domain::session::Session;
use crate::domain::user::{Role, User};
use crate::http::context::Context;
use crate::tables::audit::Audit;
use crate::tables::invites::Invites;
use crate::tables::referrals::Referrals;
use crate::tables::sessions::Sessions;
use crate::tables::stats::{Made, Stats};
use crate::tables::users::Users;

/// The parts of the transaction.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Evidence,
    Request,
    User,
    InviteCode,
    Admin,
    Session,
    Entry(invitations::Part),
    Stats,
}

impl Part {
    pub(super) const fn of_entry(self) -> Option<invitations::Part> {
        if let Self::Entry(part) = self { Some(part) } else { None }
    }
}

/// What draws the transaction up.
pub(super) struct Drafts {
    users: Users,
    sessions: Sessions,
    invites: Invites,
    stats: Stats,
    referrals: Referrals,
    audit: Audit,
    pepper: Pepper,
    world: Arc<World>,
}

impl Drafts {
    pub(super) fn new(setup: &Setup, pepper: Pepper) -> Result<Self, BadParameter> {
        Ok(Self {
            users: Users::new(setup),
            sessions: Sessions::new(setup),
            invites: Invites::new(setup),
            stats: Stats::new(setup),
            referrals: Referrals::new(setup),
            audit: Audit::new(setup)?,
            pepper,
            world: Arc::clone(&setup.world),
        })
    }

    /// All that a sign-in writes, beside what it is remembered by; with the user as it
    /// is from then on.
    pub(super) fn draw_up(
        &self,
        spend: Vec<Write>,
        who: Who,
        session: &Session,
        (entry, invitations): (Option<&Entry>, &Invitations),
        (admins, context): (&AdminPhones, &Context),
    ) -> (User, Transaction<Part>) {
        let Who { mut user, is_new, moves, device, replaces, .. } = who;
        let mut writes = Transaction::new(self.world.new_id())
            .with_all(Part::Evidence, spend)
            .with(Part::Session, self.sessions.put(session, replaces.as_ref()));

        let made = Made { sign_up: is_new, referral: entry.is_some() };
        if made.sign_up || made.referral {
            writes = writes.with(Part::Stats, self.stats.made(made));
        }
        writes = match &moves {
            Some(seen) => {
                let [from, to] = [&seen.phone, &user.phone].map(|phone| of_phone(phone, &self.pepper));
                let deed = Deed::new(Act::Recovered, &user.id).from(from).to(to);
                let by = Actor::user(&user, context.coarse_ip());
                let edge = seen.referrer_id.as_ref();
                writes
                    .with_all(Part::User, self.users.recover(seen, &user, &device, entry))
                    .with_all(Part::User, edge.map(|id| self.referrals.move_phone(&user.id, id, &user.phone)))
                    .recording(Part::User, [self.audit.entry(&by, deed)])
            }
            None if is_new => writes,
            None => writes.with(Part::User, self.users.sign_in(&user, &device, entry)),
        };
        user.devices = user.devices.with(&device, self.world.now());
        if let Some(entry) = entry {
            for (part, write) in invitations.enter(&user, entry) {
                writes = writes.with(Part::Entry(part), write);
            }
            user.activated_invite_code = Some(entry.code.clone());
            user.referrer_id = Some(entry.referrer.clone());
        }
        if user.role == Role::Admin && admins.contains(&user.phone) {
            writes = writes.with(Part::Admin, self.users.made_admin(&user.phone, is_new));
        }
        if is_new {
            writes = writes
                .with_all(Part::User, self.users.insert(&user))
                .with(Part::InviteCode, self.invites.claim(&user));
        }
        (user, writes)
    }
}
