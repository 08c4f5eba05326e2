use crate::access::invitations::{Invitations, Refusal};
use crate::base::world::Timestamp;
use crate::cloud::error::StoreError;
use crate::domain::invite::{Activation, Entry, InviteRefusal, judge};
use crate::domain::user::User;
use crate::http::problem::Code;
use crate::tables::invites::Found;

/// An invite code that comes along with a sign-in. It never keeps anybody out: where
/// it cannot be activated, it says why.
#[derive(Debug)]
pub struct Along {
    /// What was found of it; `None` where none came along.
    found: Option<Found>,
    error: Option<Code>,
}

impl Along {
    /// One as it was typed, if any was, with whose it is.
    pub async fn find(typed: Option<String>, invitations: &Invitations) -> Result<Self, StoreError> {
        let found = match typed {
            Some(typed) => Some(invitations.find(&typed).await?),
            None => None,
        };
        Ok(Self { found, error: None })
    }

    /// Why it cannot be activated.
    pub(super) const fn error(&self) -> Option<Code> {
        self.error
    }

    /// What it comes to: nothing, where it cannot be activated. It is counted as wrong
    /// before that is told.
    pub(super) async fn entry(
        &mut self,
        user: &User,
        invitations: &Invitations,
        now: Timestamp,
    ) -> Result<Option<Entry>, StoreError> {
        let (Some(Found { code, invite }), None) = (&self.found, self.error) else { return Ok(None) };
        let refusal = match judge(user, code.clone(), invite.as_ref(), now) {
            Ok(Activation::Activate(entry)) => return Ok(Some(entry)),
            Ok(Activation::Repeated(_)) => return Ok(None),
            Err(refusal) => refusal,
        };
        let is_wrong = refusal == InviteRefusal::Unknown;
        let is_limited = is_wrong && invitations.count_wrong(&user.phone).await?.is_some();
        self.error = Some(if is_limited { Code::TooManyInviteGuesses } else { Code::from(&refusal) });
        Ok(None)
    }

    /// Learns why its entry was refused, if it was.
    pub(super) fn was_refused(&mut self, why: Option<Refusal>) {
        match why {
            Some(Refusal::Limited(_)) => self.error = Some(Code::TooManyInviteGuesses),
            Some(Refusal::Loop) => self.error = Some(Code::InviteLoop),
            Some(Refusal::Changed(now)) => {
                if let Some(found) = &mut self.found {
                    found.invite = now;
                }
            }
            None => {}
        }
    }
}
