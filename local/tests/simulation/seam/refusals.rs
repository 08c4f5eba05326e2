//! How DynamoDB words it that it did nothing.

use serde_json::{Value, json};

use super::Reply;
use crate::{dynamo, world};

pub(super) fn throttled(operation: &str, input: &Value) -> Reply {
    let seed = world::digest(&input.to_string());
    if operation == "TransactWriteItems" && seed.is_multiple_of(2) {
        return canceled(input, "ThrottlingError", seed);
    }
    refused("ProvisionedThroughputExceededException")
}

pub(super) fn conflict(operation: &str, input: &Value) -> Reply {
    match operation {
        "TransactWriteItems" => canceled(input, "TransactionConflict", world::digest(&input.to_string())),
        _ => refused("TransactionConflictException"),
    }
}

/// A transaction that did nothing because of one of its parts.
fn canceled(input: &Value, code: &str, which: u64) -> Reply {
    let all = dynamo::parts(input).count();
    let hit = usize::try_from(which).unwrap_or(0) % all.max(1);
    let reasons: Vec<_> =
        (0..all).map(|at| json!({ "Code": if at == hit { code } else { "None" } })).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "injected",
        "CancellationReasons": reasons,
    });
    Reply::Answer(400, body.to_string())
}

pub(super) fn refused(kind: &str) -> Reply {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
    Reply::Answer(400, json!({ "__type": kind, "message": "injected" }).to_string())
}

pub(super) fn broken() -> Reply {
    let kind = "com.amazonaws.dynamodb.v20120810#InternalServerError";
    Reply::Answer(500, json!({ "__type": kind, "message": "injected" }).to_string())
}
