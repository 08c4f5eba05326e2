//! What the real DynamoDB refuses and the embedded engine lets pass ("Service,
//! account, and table quotas in Amazon DynamoDB"; the API reference of each
//! operation). The functions must never ask it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const ACTIONS: usize = 100;
const KEYS_OF_A_BATCH: usize = 100;
const ITEM: usize = 400 * 1024;
const TRANSACTION: usize = 4 * 1024 * 1024;
const PARTITION_KEY: usize = 2_048;
const SORT_KEY: usize = 1_024;
const EXPRESSION: usize = 4_096;
const TOKEN: usize = 36;

/// The sort keys of the tables and their indexes; all other keys are partition
/// keys.
const SORT_KEYS: [&str; 3] = ["slot", "position", "created_at_key"];

const EXPRESSIONS: [&str; 5] = [
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
];

/// Why DynamoDB would refuse to be asked this; `None` if it would not.
pub(crate) fn refusal(operation: &str, input: &Value) -> Option<String> {
    match operation {
        "TransactWriteItems" => transaction(input),
        "BatchGetItem" => batch(input),
        "Query" => query(input),
        "PutItem" | "UpdateItem" | "DeleteItem" => write(input),
        _ => None,
    }
}

/// The size of an item as DynamoDB reckons it: names and values.
pub(crate) fn size_of_item(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() + size_of_value(value)).sum()
}

/// Why an item is too large to be stored.
pub(crate) fn too_large(item: &Value) -> Option<String> {
    let size = size_of_item(item);
    (size > ITEM).then(|| format!("an item of {size} bytes"))
}

/// The parts of a transaction: of each its kind and its input.
pub(crate) fn parts(input: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let actions = input["TransactItems"].as_array().into_iter().flatten();
    actions.flat_map(|action| action.as_object().into_iter().flatten())
}

/// Which item a write is to: its table and its key, as text.
pub(crate) fn target(input: &Value) -> (String, String) {
    let attributes = if input["Key"].is_object() { &input["Key"] } else { &input["Item"] };
    let table = input["TableName"].as_str().unwrap_or_default().to_owned();
    (table, key_as_text(attributes))
}

/// A key as text: `pk`, `user_id` and `slot`, or `month` and `position`.
pub(crate) fn key_as_text(attributes: &Value) -> String {
    let text = |name: &str| attributes[name]["S"].as_str().unwrap_or_default();
    match (attributes.get("pk"), attributes.get("month")) {
        (Some(_), _) => text("pk").to_owned(),
        (None, Some(_)) => format!("{}/{}", text("month"), text("position")),
        (None, None) => format!("{}/{}", text("user_id"), text("slot")),
    }
}

fn transaction(input: &Value) -> Option<String> {
    let all: Vec<_> = parts(input).collect();
    if !(1..=ACTIONS).contains(&all.len()) {
        return Some(format!("a transaction of {} actions", all.len()));
    }
    let token = input["ClientRequestToken"].as_str().unwrap_or("none");
    if !(1..=TOKEN).contains(&token.len()) {
        return Some(format!("a token of {} characters", token.len()));
    }
    let mut seen = BTreeSet::new();
    for (_, part) in &all {
        let (table, key) = target(part);
        if !seen.insert((table.clone(), key.clone())) {
            return Some(format!("{key} of {table} twice in a transaction"));
        }
    }
    let size: usize = all.iter().map(|(_, part)| size_of_item(&part["Item"])).sum();
    if size > TRANSACTION {
        return Some(format!("a transaction of {size} bytes"));
    }
    all.iter().find_map(|(_, part)| write(part))
}

fn batch(input: &Value) -> Option<String> {
    let mut seen = BTreeSet::new();
    for (table, of) in input["RequestItems"].as_object().into_iter().flatten() {
        for key in of["Keys"].as_array().into_iter().flatten() {
            if let Some(bad) = bad_key(key) {
                return Some(bad);
            }
            if !seen.insert((table, key_as_text(key))) {
                return Some(format!("{} twice in a batch", key_as_text(key)));
            }
        }
    }
    let number = seen.len();
    (!(1..=KEYS_OF_A_BATCH).contains(&number)).then(|| format!("a batch of {number} keys"))
}

fn query(input: &Value) -> Option<String> {
    let values = input["ExpressionAttributeValues"].as_object().into_iter().flatten();
    let condition = input["KeyConditionExpression"].as_str().unwrap_or_default();
    for (name, value) in values {
        let is_sort = SORT_KEYS.iter().any(|key| {
            condition.split("AND").any(|part| part.trim().starts_with(key) && part.contains(name.as_str()))
        });
        let most = if is_sort { SORT_KEY } else { PARTITION_KEY };
        let length = value["S"].as_str().map_or(1, str::len);
        if !(1..=most).contains(&length) {
            return Some(format!("a key of {length} bytes in a query"));
        }
    }
    if input.get("ExclusiveStartKey").is_some()
        && let Some(bad) = bad_key(&input["ExclusiveStartKey"])
    {
        return Some(bad);
    }
    too_long_expression(input)
}

fn write(input: &Value) -> Option<String> {
    let key = if input["Key"].is_object() { Some(&input["Key"]) } else { None };
    if let Some(bad) = key.and_then(bad_key) {
        return Some(bad);
    }
    if let Some(item) = input.get("Item") {
        let keys = [
            "pk",
            "user_id",
            "slot",
            "position",
            "created_at_key",
            "referrer_id",
            "created_in",
            "month",
            "target",
            "actor",
        ];
        let of_item: Value =
            keys.iter().filter_map(|key| Some(((*key).to_owned(), item.get(*key)?.clone()))).collect();
        if let Some(bad) = bad_key(&of_item).or_else(|| too_large(item)) {
            return Some(bad);
        }
    }
    too_long_expression(input)
}

fn bad_key(key: &Value) -> Option<String> {
    key.as_object().into_iter().flatten().find_map(|(name, value)| {
        let most = if SORT_KEYS.contains(&name.as_str()) { SORT_KEY } else { PARTITION_KEY };
        let length = value["S"].as_str().map_or(1, str::len);
        (!(1..=most).contains(&length)).then(|| format!("{name} of {length} bytes in a key"))
    })
}

fn too_long_expression(input: &Value) -> Option<String> {
    EXPRESSIONS.iter().find_map(|name| {
        let length = input[*name].as_str()?.len();
        (length > EXPRESSION).then(|| format!("{name} of {length} bytes"))
    })
}

fn size_of_value(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|of| of.iter().next()) else { return 0 };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        ("B", Value::String(text)) => STANDARD.decode(text).map_or(text.len(), |bytes| bytes.len()),
        ("N", Value::String(digits)) => digits.len() / 2 + 2,
        ("M", Value::Object(map)) => {
            3 + map.iter().map(|(name, value)| name.len() + size_of_value(value) + 1).sum::<usize>()
        }
        ("L", Value::Array(list)) => 3 + list.iter().map(|value| size_of_value(value) + 1).sum::<usize>(),
        (_, Value::Array(set)) => set.iter().map(|value| value.as_str().map_or(1, str::len)).sum(),
        _ => 1,
    }
}
