use std::sync::Arc;

use crate::access::invitations::{self, Invitations};
use crate::access::signing_in::arrival::Who;
use crate::base::world::World;
use crate::cloud::setup::Setup;
use crate::cloud::transaction::Transaction;
use crate::cloud::writes::Write;
use crate::domain::invite::Entry;
use crate::domain::phone_lists::AdminPhones;
use crate::domain::session::Session;
use crate::domain::user::{Role, User};
use crate::tables::invites::Invites;
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
    world: Arc<World>,
}

impl Drafts {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            users: Users::new(setup),
            sessions: Sessions::new(setup),
            invites: Invites::new(setup),
            stats: Stats::new(setup),
            world: Arc::clone(&setup.world),
        }
    }

    /// All that a sign-in writes, beside what it is remembered by; with the user as it
    /// is from then on.
    pub(super) fn draw_up(
        &self,
        spend: Vec<Write>,
        who: Who,
        session: &Session,
        (entry, invitations): (Option<&Entry>, &Invitations),
        admins: &AdminPhones,
    ) -> (User, Transaction<Part>) {
        let Who { mut user, is_new, device, replaces, .. } = who;
        let mut writes = Transaction::new(self.world.new_id())
            .with_all(Part::Evidence, spend)
            .with(Part::Session, self.sessions.put(session, replaces.as_ref()));

        let made = Made { sign_up: is_new, referral: entry.is_some() };
        if made.sign_up || made.referral {
            writes = writes.with(Part::Stats, self.stats.made(made));
        }
        if !is_new {
            writes = writes.with(Part::User, self.users.sign_in(&user, &device, entry));
        }
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
