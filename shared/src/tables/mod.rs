//! The three tables. Concrete structs over the one client: the seam for the
//! laptop and the tests is the client's HTTP, so that the same condition
//! expressions run everywhere.

pub mod codes;
pub mod counters;
pub mod guard;
pub mod keyset;
pub(crate) mod reader;
pub mod requests;
pub mod sessions;
pub mod stats;
pub mod transaction;
pub mod users;

use std::collections::HashMap;
use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An item as DynamoDB holds it.
pub(crate) type Item = HashMap<String, AttributeValue>;

type BoxError = Box<dyn Error + Send + Sync>;

/// The attribute in which each write leaves the identifier of its invocation.
pub(crate) const WRITTEN_BY: &str = "written_by";

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

/// How a conditional write ended.
#[derive(Debug)]
pub(crate) enum Written {
    /// Done; the item as it is now.
    Done(Item),
    /// Refused; the item as it is, empty if there is none.
    Refused(Item),
}

/// Sends a conditional update in the name of one invocation. If its first
/// attempt took effect and the answer was lost, the retry is refused and finds
/// its own identifier: that is success.
pub(crate) async fn conditional_update(
    update: UpdateItemFluentBuilder,
    invocation: &str,
) -> Result<Written, StoreError> {
    let sent = update
        .expression_attribute_values(":invocation", text(invocation))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match sent {
        Ok(output) => Ok(Written::Done(output.attributes.unwrap_or_default())),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            let UpdateItemError::ConditionalCheckFailedException(refusal) = error.into_err() else {
                unreachable!("just checked");
            };
            let item = refusal.item.unwrap_or_default();
            let is_ours = item.get(WRITTEN_BY).is_some_and(|by| by.as_s().is_ok_and(|by| by == invocation));
            Ok(if is_ours { Written::Done(item) } else { Written::Refused(item) })
        }
        Err(error) => Err(StoreError::of_write(error)),
    }
}

/// A text attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(crate) fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// Reads an item into a type whose fields are named as its attributes.
pub(crate) fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(StoreError::of_read)
}

/// Writes a type into an item whose attributes are named as its fields.
pub(crate) fn write<T: Serialize>(value: &T) -> Item {
    serde_dynamo::to_item(value).expect("our own types are maps with text keys")
}
