use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::access::limits::limit::{Limit, Verdict};
use crate::http::problem::Code;
use crate::tables::idempotency::{Began, Claim, Idempotency, Remembered};

/// That an `Idempotency-Key`, where one came, came with no other body before.
/// What it claims stays claimed: the same request may be sent again.
pub struct KeyClaim<'a> {
    idempotency: &'a Idempotency,
    request: Option<&'a Remembered>,
    began: OnceLock<Began>,
}

impl<'a> KeyClaim<'a> {
    /// For `request`, if it has a key.
    pub const fn new(idempotency: &'a Idempotency, request: Option<&'a Remembered>) -> Self {
        Self { idempotency, request, began: OnceLock::new() }
    }

    /// The session that the same request began before.
    pub fn into_began(self) -> Option<Began> {
        self.began.into_inner()
    }
}

impl Limit for KeyClaim<'_> {
    fn take(&self) -> BoxFuture<'_, Verdict> {
        Box::pin(async {
            match self.idempotency.claim(self.request).await {
                Ok(Claim::Same(None)) => Verdict::Granted,
                Ok(Claim::Same(Some(began))) => {
                    let _ = self.began.set(began);
                    Verdict::Repeated
                }
                Ok(Claim::Mismatch) => Verdict::Stopped(Code::IdempotencyMismatch.into()),
                Err(error) => Verdict::Stopped(error.into()),
            }
        })
    }
}
