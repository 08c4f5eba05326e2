use crate::access::signing_in::along::Along;
use crate::base::world::Timestamp;
use crate::cloud::transaction::RefusedPart;
use crate::cloud::writes::Write;
use crate::domain::device::DeviceId;
use crate::domain::device_token::DeviceToken;
use crate::domain::passkey_list::PasskeyId;
use crate::domain::phone::Phone;
use crate::domain::session::{Session, SessionId};
use crate::domain::user::{User, UserId};
use crate::http::problem::Problem;
use crate::tables::idempotency::Remembered;

/// What proves who signs in: a code that is spent, say. Each way of signing in hands
/// in its own.
pub trait Evidence: Sync {
    /// Whom it proves, where that is anybody yet.
    ///
    /// # Errors
    /// What stands in the way of whoever it proves.
    fn whose(&self) -> impl Future<Output = Result<Known, Problem>> + Send;

    /// Whether it still proves a user, who was read since, at a time.
    fn proves(&self, user: &User, now: Timestamp) -> bool;

    /// The phone that it makes an account for where it proves nobody yet, and that whoever
    /// it proves is on from then on; none where it is of no phone.
    fn phone(&self) -> Option<&Phone>;

    /// The passkey that it is, where it is one.
    fn passkey(&self) -> Option<&PasskeyId> {
        None
    }

    /// Uses it up, in one transaction with all that it is used for; refused where it
    /// was used up meanwhile.
    fn spend(&self) -> Vec<Write>;

    /// What is told where it was used up, or proves nobody.
    fn is_spent(&self) -> Problem;

    /// What is told where it could not be used up, by what stood there.
    fn not_spent(&self, _: &RefusedPart) -> Problem {
        self.is_spent()
    }

    /// What is to be done once it is used up.
    fn spent(&self) -> impl Future<Output = ()> + Send;
}

/// What comes along with the evidence.
#[derive(Debug)]
pub struct Arrival {
    /// Whom it proves, as it was read beside it ([`Evidence::whose`]).
    pub known: Known,
    /// The device as its token says, and its name.
    pub device: (Option<DeviceToken>, Option<String>),
    /// An invite code.
    pub invite: Along,
    /// The request, where it is remembered.
    pub request: Option<Remembered>,
}

/// Whom an evidence proves.
#[derive(Debug)]
pub enum Known {
    /// Nobody yet.
    Nobody,
    /// Somebody, who is to be read.
    Named(UserId),
    /// Somebody as read, with all that the slots for sessions hold.
    Read(Box<User>, Vec<Session>),
}

impl From<Option<UserId>> for Known {
    fn from(id: Option<UserId>) -> Self {
        id.map_or(Self::Nobody, Self::Named)
    }
}

/// Who signs in, and where to.
#[derive(Debug)]
pub(super) struct Who {
    /// The user as stored; one on first sight, as it will be.
    pub(super) user: User,
    pub(super) is_new: bool,
    /// The user as stored, where it moves to another phone by signing in.
    pub(super) moves: Option<User>,
    /// The device that signs in: the one that its token names, where the user lists it,
    /// else a new one.
    pub(super) device: DeviceId,
    /// The slot for the session, and the session that it replaces.
    pub(super) slot: u8,
    pub(super) replaces: Option<SessionId>,
}
