//! Items, as DynamoDB holds them.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cloud::error::StoreError;

/// The attribute of every table's TTL, in seconds since 1970.
pub(crate) const TTL: &str = "ttl";

/// An item, or a key of one.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A string attribute.
pub(crate) fn string(value: impl Into<String>) -> AttributeValue {
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
    serde_dynamo::to_item(value).expect("our own types are maps with string keys")
}

/// An attribute of bytes.
pub(crate) fn blob(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// A number of an item, where there is one.
pub(crate) fn read_number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
