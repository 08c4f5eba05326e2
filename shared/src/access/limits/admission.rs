use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::gate::Gate;
use crate::access::limits::limit::{Limit, Verdict};
use crate::domain::bearer::Bearer;
use crate::domain::session::Session;
use crate::domain::user::User;

/// That the caller may act on their own account; anyone may where no token is
/// asked for.
pub struct Admission<'a> {
    gate: &'a Gate,
    bearer: Option<&'a Bearer>,
    is_recent: bool,
    me: OnceLock<(User, Session)>,
}

impl<'a> Admission<'a> {
    /// Of `bearer`, if there is one.
    pub const fn new(gate: &'a Gate, bearer: Option<&'a Bearer>) -> Self {
        Self { gate, bearer, is_recent: false, me: OnceLock::new() }
    }

    /// Of `bearer`, if the session may do to its own account what outlives it.
    pub const fn recently(gate: &'a Gate, bearer: &'a Bearer) -> Self {
        Self { gate, bearer: Some(bearer), is_recent: true, me: OnceLock::new() }
    }

    /// Who was admitted, and by which session.
    pub fn into_caller(self) -> Option<(User, Session)> {
        self.me.into_inner()
    }
}

impl Limit for Admission<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            let Some(bearer) = self.bearer else { return Verdict::Granted };
            let caller = self.gate.recognize(bearer).await.and_then(|(me, session)| {
                if self.is_recent {
                    self.gate.require_own_recent(&me, &session)?;
                }
                Ok((me, session))
            });
            match caller {
                Ok(me) => {
                    let _ = self.me.set(me);
                    Verdict::Granted
                }
                Err(problem) => Verdict::Stopped(problem),
            }
        })
    }
}
