//! Whether an answer is one that `openapi.json` describes.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::check::{Verdict, rule};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../openapi.json")).expect("JSON"));

/// Its status, its media type, and what it holds.
pub(crate) fn check(call: &Call, answer: &Answer) -> Verdict {
    let (method, path) = call.route.split_once(' ').expect("a route has both");
    let operation = &DOCUMENT["paths"][path][method.to_lowercase()];
    let response = &operation["responses"][answer.status.to_string()];
    rule!(response.is_object(), "not_described", "{} {}", answer.status, answer.body);
    let media_type = answer.headers.get("content-type").and_then(|of| of.to_str().ok());
    let media_type = media_type.and_then(|of| of.split(';').next());
    let Some(media_type) = media_type.filter(|of| of.ends_with("json")) else { return Ok(()) };
    let schema = &response["content"][media_type]["schema"];
    rule!(schema.is_object(), "not_described", "{media_type}");
    if answer.headers.contains_key("content-encoding") {
        return Ok(());
    }
    let validator = validator(format!("{} {} {media_type}", call.route, answer.status), schema);
    let wrong = validator.iter_errors(&answer.body).next().map(|error| error.to_string());
    rule!(wrong.is_none(), "not_described", "{wrong:?} in {}", answer.body);
    Ok(())
}

/// What checks one kind of answer; made once.
fn validator(name: String, schema: &Value) -> Arc<Validator> {
    static VALIDATORS: LazyLock<Mutex<BTreeMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut validators = VALIDATORS.lock().unwrap();
    let validator = validators.entry(name).or_insert_with(|| {
        let schema = with_what_it_names(schema);
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        Arc::new(options.build(&schema).expect("the description is valid"))
    });
    Arc::clone(validator)
}

/// A schema along with the components that it names, and what these name. Of all of
/// them a validator takes ten times as long to make, where nothing is optimised.
fn with_what_it_names(schema: &Value) -> Value {
    let (mut whole, mut left) = (schema.clone(), vec![schema]);
    let mut named = BTreeMap::new();
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => left.extend(members.values()),
            Value::Array(items) => left.extend(items),
            _ => {}
        }
        let name = value["$ref"].as_str().and_then(|of| of.strip_prefix("#/components/schemas/"));
        if let Some(name) = name {
            let component = &DOCUMENT["components"]["schemas"][name];
            if named.insert(name, component).is_none() {
                left.push(component);
            }
        }
    }
    whole["components"] = json!({ "schemas": named });
    whole
}
