//! Entering an invite code: how many wrong ones a phone may enter, and what is
//! written for a right one, on its own or along with a sign-in.

use std::sync::Arc;

use crate::base::config::{self, BadParameter, Parameter};
use crate::base::world::World;
use crate::cloud::error::StoreError;
use crate::cloud::setup::Setup;
use crate::cloud::transaction::RefusedPart;
use crate::cloud::writes::Write;
use crate::domain::invite::{Entry, Invite};
use crate::domain::limits::{LimitMet, LimitOf, Window};
use crate::domain::pepper::Pepper;
use crate::domain::phone::Phone;
use crate::domain::user::User;
use crate::settings;
use crate::tables;
use crate::tables::counters::{Counters, Taken};
use crate::tables::invites::{Found, Invites};
use crate::tables::referrals::Referrals;

/// What enters invite codes.
pub struct Invitations {
    invites: Invites,
    referrals: Referrals,
    counters: Counters,
    pepper: Pepper,
    per_day: Window,
    world: Arc<World>,
}

/// The parts of a transaction that enters a code, beside the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// That the phone may enter one more.
    Guess,
    /// The referral.
    Link,
    /// The referrer's count.
    Count,
    /// The code's own count of uses.
    Invite,
}

/// Why a transaction that enters a code was refused.
#[derive(Debug)]
pub enum Refusal {
    /// The phone entered too many that were wrong.
    Limited(LimitMet),
    /// One of the two invited the other before.
    Loop,
    /// The code is not what it was read as, but this.
    Changed(Option<Invite>),
}

impl Invitations {
    /// The parameters that [`Invitations::new`] reads.
    pub const PARAMETERS: &[&[&Parameter]] =
        &[tables::USERS, tables::CODES, &[config::INVITE_GUESSES_PER_DAY]];

    /// Those of the deployment.
    pub fn new(setup: &Setup, pepper: Pepper) -> Result<Self, BadParameter> {
        Ok(Self {
            invites: Invites::new(setup),
            referrals: Referrals::new(setup),
            counters: Counters::new(setup),
            pepper,
            per_day: settings::invite_guesses(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    /// The code that somebody typed, an alias as the one that it stands for, which takes one
    /// read more; with whose it is, and on what terms it may be entered.
    pub async fn find(&self, typed: &str) -> Result<Found, StoreError> {
        self.invites.find(typed).await
    }

    /// Counts a wrong code that somebody with `phone` entered. Where that are too
    /// many, not even that it is wrong is told.
    pub async fn count_wrong(&self, phone: &Phone) -> Result<Option<LimitMet>, StoreError> {
        Ok(match self.counters.take(&self.name(phone), self.per_day).await? {
            Taken::Counted(_) => None,
            Taken::Full(until) => Some(LimitMet { of: LimitOf::InviteGuesses, until }),
        })
    }

    /// How many codes somebody with `phone` entered today, right and wrong.
    pub async fn entered_today(&self, phone: &Phone) -> Result<i64, StoreError> {
        self.counters.so_far(&self.name(phone), self.per_day).await
    }

    /// What is written when `user` enters a code. It is counted as one more try,
    /// in the same transaction: of however many at once, no more are told right or
    /// wrong than the limit allows.
    pub fn enter(&self, user: &User, entry: &Entry) -> Vec<(Part, Write)> {
        let Entry { code, referrer, is_counted, .. } = entry;
        let guess = self.counters.one_more(&self.name(&user.phone), self.per_day);
        let mut writes: Vec<_> = guess.map(|guess| (Part::Guess, guess)).into_iter().collect();
        writes.push((Part::Link, self.referrals.link(user, referrer, self.world.now())));
        writes.push((Part::Count, self.referrals.count_one(entry)));
        if *is_counted {
            writes.push((Part::Invite, self.invites.enter(code, referrer)));
        }
        writes
    }

    /// Why a transaction that enters a code was refused, by those of its parts that are of the
    /// entry: the weightiest reason, `None` where it was for others. Where the referrer
    /// has got too many referrals for one item, their count is spread.
    pub async fn why<P: Copy>(
        &self,
        entry: &Entry,
        refused: &[(P, RefusedPart)],
        of_entry: impl Fn(P) -> Option<Part>,
    ) -> Result<Option<Refusal>, StoreError> {
        let of = |part| refused.iter().find(|(refused, _)| of_entry(*refused) == Some(part));
        if of(Part::Guess).is_some() {
            let (_, until) = self.per_day.of_clock(self.world.now());
            return Ok(Some(Refusal::Limited(LimitMet { of: LimitOf::InviteGuesses, until })));
        }
        if of(Part::Link).is_some() {
            return Ok(Some(Refusal::Loop));
        }
        if of(Part::Count).or(of(Part::Invite)).is_none() {
            return Ok(None);
        }
        let mut invite = self.invites.get(&entry.code).await?;
        let is_spread = invite.as_ref().is_none_or(|invite| invite.shards > Some(1));
        let are_many = of(Part::Count).is_some_and(|(_, count)| Referrals::are_many(entry, count));
        if are_many && !is_spread {
            self.referrals.spread(entry).await?;
            invite = self.invites.get(&entry.code).await?;
        }
        Ok(Some(Refusal::Changed(invite)))
    }

    fn name(&self, phone: &Phone) -> String {
        format!("invites#{}", self.pepper.first().key("invites", phone.as_str()))
    }
}
