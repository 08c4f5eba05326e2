//! Requests to tables in the words of a diary.

use serde_json::Value;

use crate::dynamo;

/// Why a request was refused, for a diary.
pub(super) fn why(input: &Value, body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let Some(reasons) = body["CancellationReasons"].as_array() else {
        return format!(
            " {}",
            body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default()
        );
    };
    let parts = dynamo::parts(input).zip(reasons).filter(|(_, reason)| reason["Code"] != "None");
    let parts = parts.map(|((_, part), reason)| format!("{} {}", dynamo::target(part).1, reason["Code"]));
    format!(" {}", parts.collect::<Vec<_>>().join(", "))
}

/// What a request is about, for a diary.
pub(super) fn summary(operation: &str, input: &Value) -> String {
    let keys: Vec<_> = match operation {
        "BatchGetItem" => {
            let tables = input["RequestItems"].as_object().into_iter().flatten();
            let keys = tables.flat_map(|(_, of)| of["Keys"].as_array().into_iter().flatten());
            keys.map(dynamo::key_as_text).collect()
        }
        "TransactWriteItems" => {
            dynamo::parts(input).map(|(kind, part)| format!("{kind} {}", dynamo::target(part).1)).collect()
        }
        "Query" => vec![input["IndexName"].as_str().unwrap_or("sessions").to_owned()],
        _ => vec![dynamo::target(input).1],
    };
    crate::call::shortened(&keys.join(", "), 400)
}
