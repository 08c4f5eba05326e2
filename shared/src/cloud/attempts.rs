//! How often a write is sent, and what is known of it in the end.
//!
//! The SDK's own retries tell only how the last attempt ended. If one before it
//! may have taken effect, "refused" says nothing of that one: so writes are tried
//! here, and the doubt is kept.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use rand::RngExt;
use tokio::time::Instant;

use crate::base::world::World;
use crate::cloud::error::StoreError;

/// How often a write is sent that was throttled or whose answer was lost.
const TRIES: u32 = 4;

/// How often one that met a transaction at its item: those take milliseconds.
const TRIES_AMONG_TRANSACTIONS: u32 = 10;

/// No attempt begins later than this after the first.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether a write is sent again when it may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InDoubt {
    /// Again: what it does twice it does once.
    Again,
    /// Not again: twice would be once too often.
    Stop,
}

/// The attempts of one write.
pub(crate) struct Attempts<'a> {
    world: &'a World,
    in_doubt: InDoubt,
    began: Instant,
    made: u32,
    doubt: Option<Box<dyn Error + Send + Sync>>,
}

/// What an attempt that failed says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// It did nothing: a transaction was at the item.
    MetTransaction,
    /// It did nothing: the table has had enough.
    Throttled,
    /// It did nothing, and never will.
    Refused,
    /// It may have taken effect.
    Unknown,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(world: &'a World, in_doubt: InDoubt) -> Self {
        Self { world, in_doubt, began: Instant::now(), made: 0, doubt: None }
    }

    /// For one operation of the client: it is sent once.
    pub(crate) fn once() -> aws_sdk_dynamodb::config::Builder {
        let mut config = aws_sdk_dynamodb::Config::builder();
        config.set_retry_config(Some(RetryConfig::disabled()));
        config
    }

    /// After an attempt that failed: waits until the next is due, if there is one.
    ///
    /// # Errors
    /// If it was the last: [`StoreError::OutcomeUnknown`] where any of them may have
    /// taken effect.
    pub(crate) async fn after<E, R>(&mut self, error: SdkError<E, R>) -> Result<(), StoreError>
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: Debug + Send + Sync + 'static,
    {
        self.made += 1;
        let failure = failure(&error);
        let (tries, longest) = match failure {
            Failure::MetTransaction => (TRIES_AMONG_TRANSACTIONS, 10 << self.made.min(5)),
            Failure::Throttled | Failure::Unknown => (TRIES, 25 << self.made.min(TRIES)),
            Failure::Refused => (0, 1),
        };
        let wait = Duration::from_millis(self.world.rng().random_range(1..=longest));
        let stops = failure == Failure::Unknown && self.in_doubt == InDoubt::Stop;
        let is_last = self.made >= tries || stops || self.began.elapsed() + wait > PATIENCE;
        if failure == Failure::Unknown {
            self.doubt = Some(Box::new(error));
            if is_last {
                return Err(self.ended("its answer was lost".into()));
            }
        } else if is_last {
            return Err(self.ended(Box::new(error)));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// After an attempt whose condition does not hold.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] where one before it is in doubt: then the refusal
    /// says nothing of that one.
    pub(crate) fn refused(&mut self) -> Result<(), StoreError> {
        self.doubt.take().map_or(Ok(()), |doubt| Err(StoreError::OutcomeUnknown(doubt)))
    }

    /// How it ended where the last attempt did nothing because of `cause`.
    fn ended(&mut self, cause: Box<dyn Error + Send + Sync>) -> StoreError {
        match self.doubt.take() {
            Some(doubt) => StoreError::OutcomeUnknown(doubt),
            None => StoreError::Unavailable(cause),
        }
    }
}

fn failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Failure {
    let code = match error {
        SdkError::ConstructionFailure(_) => return Failure::Refused,
        SdkError::ServiceError(of) => of.err().code(),
        _ => return Failure::Unknown,
    };
    match code {
        // Of a transaction that is canceled for another reason than its conditions.
        Some("TransactionConflictException" | "TransactionCanceledException") => Failure::MetTransaction,
        Some("ProvisionedThroughputExceededException" | "RequestLimitExceeded" | "ThrottlingException") => {
            Failure::Throttled
        }
        // Or an attempt before is still at work.
        None | Some("InternalServerError" | "ServiceUnavailable" | "TransactionInProgressException") => {
            Failure::Unknown
        }
        Some(_) => Failure::Refused,
    }
}
