//! Transactions: several writes, all or none.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use crate::base::world::World;
use crate::cloud::attempts::{Attempts, InDoubt};
use crate::cloud::error::StoreError;
use crate::cloud::items::Item;
use crate::cloud::setup::Setup;
use crate::cloud::writes::Write;
use crate::domain::audit::Entry;

/// How a transaction ended.
#[derive(Debug)]
pub enum Committed<P> {
    /// Done, all of it.
    Done,
    /// Nothing was done. These parts' conditions did not hold; with each the
    /// item as it is, where there is one.
    Refused(Vec<(P, RefusedPart)>),
}

/// Why a part was refused: the item as it is.
#[derive(Debug)]
pub struct RefusedPart(pub(crate) Item);

/// Writes that take effect together, each a named part.
///
/// It carries a `ClientRequestToken`, so that what is tried again is not applied
/// twice.
pub struct Transaction<P> {
    token: String,
    parts: Vec<(P, Write)>,
    entries: Vec<Entry>,
}

/// An entry of the audit trail, as a part of the transaction that does what it tells of.
#[derive(Clone, Debug)]
pub struct Recording {
    pub(crate) entry: Entry,
    pub(crate) write: Write,
}

impl<P: Copy + PartialEq> Transaction<P> {
    /// An empty one. The token names it for ten minutes: 1 to 36 characters.
    pub const fn new(token: String) -> Self {
        Self { token, parts: Vec::new(), entries: Vec::new() }
    }

    /// With another write.
    #[must_use]
    pub fn with(mut self, part: P, write: Write) -> Self {
        self.parts.push((part, write));
        self
    }

    /// With more writes that are one part.
    #[must_use]
    pub fn with_all(mut self, part: P, writes: impl IntoIterator<Item = Write>) -> Self {
        self.parts.extend(writes.into_iter().map(|write| (part, write)));
        self
    }

    /// With entries of the audit trail, which are in the log, too, once it is done.
    #[must_use]
    pub fn recording(mut self, part: P, recordings: impl IntoIterator<Item = Recording>) -> Self {
        for Recording { entry, write } in recordings {
            self.entries.push(entry);
            self.parts.push((part, write));
        }
        self
    }

    /// Does all of it or none.
    ///
    /// A refusal that follows an attempt in doubt is a refusal: had that one taken
    /// effect, its token would have been known ("Idempotency", `TransactWriteItems`).
    pub async fn commit(self, tables: &Tables, world: &World) -> Result<Committed<P>, StoreError> {
        let sent = tables
            .0
            .transact_write_items()
            .client_request_token(self.token)
            .set_transact_items(Some(self.parts.iter().map(|(_, write)| write.as_part()).collect()));
        let mut attempts = Attempts::new(world, InDoubt::Again);
        loop {
            let answer = sent.clone().customize().config_override(Attempts::once()).send().await;
            let Err(error) = answer else {
                self.entries.iter().for_each(|entry| tell(entry, true));
                return Ok(Committed::Done);
            };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                    canceled.cancellation_reasons()
                }
                _ => &[],
            };
            let refused: Vec<_> = reasons
                .iter()
                .zip(&self.parts)
                .filter(|(reason, _)| reason.code() == Some("ConditionalCheckFailed"))
                .map(|(reason, (part, _))| (*part, RefusedPart(reason.item().cloned().unwrap_or_default())))
                .collect();
            if !refused.is_empty() {
                return Ok(Committed::Refused(refused));
            }
            if let Err(error) = attempts.after(error).await {
                if let StoreError::OutcomeUnknown(_) = error {
                    self.entries.iter().for_each(|entry| tell(entry, false));
                }
                return Err(error);
            }
        }
    }
}

/// An entry in the log: identifiers alone, and nothing that people wrote.
fn tell(entry: &Entry, is_done: bool) {
    let Entry { id, actor, action, .. } = entry;
    let target = entry.target.as_deref().unwrap_or_default();
    tracing::info!(entry = id, action = action.as_str(), actor, on = target, is_done, "audit");
}

/// The tables, for what touches several at once.
#[derive(Clone)]
pub struct Tables(Client);

impl Tables {
    /// Those of the deployment.
    pub fn new(setup: &Setup) -> Self {
        Self(setup.dynamodb())
    }
}
