//! The description as it is written: JSON keeps no order of members, readers do.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::chapters;

/// The description. Its paths are written in the order of their chapters.
pub struct Document(Value);

/// What is written in this order.
struct InOrder<'a, T>(Vec<(&'a str, T)>);

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Paths(InOrder<'a, InOrder<'a, &'a Value>>),
    Other(&'a Value),
}

impl Document {
    pub(super) const fn new(value: Value) -> Self {
        Self(value)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(members(&self.0).map(|(name, member)| {
            (name, if name == "paths" { Member::Paths(paths(member)) } else { Member::Other(member) })
        }))
    }
}

impl<T: Serialize> Serialize for InOrder<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Each path where its first operation stands.
fn paths(paths: &Value) -> InOrder<'_, InOrder<'_, &Value>> {
    let place = |operation: &Value| chapters::place(operation["operationId"].as_str().unwrap_or_default());
    let mut all: Vec<_> = members(paths)
        .map(|(path, operations)| {
            let mut operations: Vec<_> = members(operations).collect();
            operations.sort_by_key(|(_, operation)| place(operation));
            (path, InOrder(operations))
        })
        .collect();
    all.sort_by_key(|(_, operations)| operations.0.first().map(|(_, operation)| place(operation)));
    InOrder(all)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, member)| (&**name, member))
}
