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
    me: OnceLock<(User, Session)>,
}

impl<'a> Admission<'a> {
    /// Of `bearer`, if there is one.
    pub const fn new(gate: &'a Gate, bearer: Option<&'a Bearer>) -> Self {
        Self { gate, bearer, me: OnceLock::new() }
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
            match self.gate.recognize(bearer).await {
                Ok(me) => {
                    let _ = self.me.set(me);
                    Verdict::Granted
                }
                Err(problem) => Verdict::Stopped(problem),
            }
        })
    }
}
