//! Transactions: several writes, all or none.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use rand::RngExt;

use crate::base::world::World;
use crate::cloud::error::StoreError;
use crate::cloud::items::Item;
use crate::cloud::setup::Setup;
use crate::cloud::writes::Write;

/// How often a transaction that met another on the same item is tried.
const TRIES: u32 = 10;

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
/// It carries a `ClientRequestToken`, so that an attempt whose answer was lost
/// is not applied twice; `TransactionConflict` is tried again, with jitter.
pub struct Transaction<P> {
    token: String,
    parts: Vec<(P, Write)>,
}

impl<P: Copy + PartialEq> Transaction<P> {
    /// An empty one. The token names it for ten minutes: 1 to 36 characters.
    pub const fn new(token: String) -> Self {
        Self { token, parts: Vec::new() }
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

    /// Does all of it or none.
    pub async fn commit(self, tables: &Tables, world: &World) -> Result<Committed<P>, StoreError> {
        let mut tried = 0;
        loop {
            let sent = tables
                .0
                .transact_write_items()
                .client_request_token(&self.token)
                .set_transact_items(Some(self.parts.iter().map(|(_, write)| write.as_part()).collect()))
                .send()
                .await;
            let Err(error) = sent else { return Ok(Committed::Done) };
            let reasons = match &error {
                SdkError::ServiceError(of) => match of.err() {
                    TransactWriteItemsError::TransactionCanceledException(canceled) => {
                        canceled.cancellation_reasons()
                    }
                    _ => return Err(StoreError::of_write(error)),
                },
                _ => return Err(StoreError::of_write(error)),
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
            tried += 1;
            let met_another = reasons.iter().any(|reason| {
                matches!(
                    reason.code(),
                    Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
                )
            });
            if !met_another || tried == TRIES {
                return Err(StoreError::Unavailable(Box::new(error)));
            }
            let wait = world.rng().random_range(1..=(10 << tried.min(5)));
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }
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
