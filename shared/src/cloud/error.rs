//! How asking a table can fail.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a table did not answer: what all that ask one fail with. Which of the two
/// it is says whether anything can have changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was changed.
    #[error("the table does not answer")]
    Unavailable(#[source] BoxError),
    /// A write may have taken effect or not.
    #[error("it is not known whether the write took effect")]
    OutcomeUnknown(#[source] BoxError),
}

impl StoreError {
    /// Of a read: nothing can have been changed.
    pub(crate) fn of_read<E: Error + Send + Sync + 'static>(error: E) -> Self {
        Self::Unavailable(Box::new(error))
    }

    /// Of a write: it was refused only where DynamoDB says so.
    pub(crate) fn of_write<E, R>(error: SdkError<E, R>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let refused = match &error {
            SdkError::ConstructionFailure(_) => true,
            SdkError::ServiceError(of) => of.err().code().is_some_and(|code| {
                !matches!(code, "InternalServerError" | "TransactionInProgressException")
            }),
            _ => false,
        };
        if refused { Self::Unavailable(Box::new(error)) } else { Self::OutcomeUnknown(Box::new(error)) }
    }
}
