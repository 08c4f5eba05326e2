//! How asking a table can fail.

use std::error::Error;

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

    /// Of what is read for the answer, once a write took effect: that the answer
    /// cannot be given does not undo it.
    #[must_use]
    pub fn once_written(self) -> Self {
        let (Self::Unavailable(cause) | Self::OutcomeUnknown(cause)) = self;
        Self::OutcomeUnknown(cause)
    }
}
