//! The API's description (OpenAPI 3.1), made from what the endpoints declare.
//!
//! Checked in as `openapi.json`: `cargo run --example generate` writes it anew.

mod chapters;
mod order;
mod samples;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use http::StatusCode;
use latchkey::domain::user::Role;
use latchkey::endpoint::Route;
use latchkey::endpoint::declaration::{Declaration, Description, Schemas};
use latchkey::http::problem::Code;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::functions;
pub use order::Document;

/// When each problem is answered, in its last column.
const ERRORS: &str = include_str!("../../../docs/errors.md");

/// What the whole is, for who reads it first.
const ABOUT: &str = "\
Phone-number sign-in and invites for mobile apps.

Ask for a code at `POST /v1/auth/code`, trade it for tokens at `POST /v1/auth/token`, and send the access token as \
`Authorization: Bearer …`. When it expires, trade the refresh token for the next pair at `POST /v1/auth/refresh`.

Bodies are JSON in snake_case, of at most 64 KiB; unknown fields are ignored. Times are RFC 3339 in UTC, phone \
numbers are E.164 in answers. `me` stands for the caller wherever a path has `{user_id}`.

A request that fails is answered with `application/problem+json` (RFC 9457) with a stable `code`, which apps \
translate. A 429 and a 503 say in `Retry-After` and `retry_after` when to try again. No input gives a 500. The \
gateway in front answers by itself a body over 10 MB (413), headers over 10 KB (431) and what its own throttle \
refuses (429), as `{\"message\": \"…\"}`.

`/redoc` has a quick start, samples for each call and all errors; `/docs` calls the API.";

/// From nothing to a call, for who reads the description in Redoc.
const QUICK_START: &str = include_str!("quick_start.md");

/// The description of all functions.
///
/// # Panics
/// If two types go by one name, a problem is not in `docs/errors.md`, or no chapter names an
/// operation.
pub fn document() -> Document {
    let mut schemas = schemas();
    let mut operations = BTreeMap::<_, Map<String, Value>>::new();
    for function in functions::all::<Declaration>() {
        for declaration in function.declarations() {
            if let Route::Path(method, path) = &declaration.route {
                let described = (declaration.describe)(&mut schemas);
                let method = method.as_str().to_lowercase();
                operations
                    .entry((*path).to_owned())
                    .or_default()
                    .insert(method, operation(declaration, described));
            }
        }
    }
    let mut named = schemas.input.take_definitions(true);
    for (name, mut schema) in schemas.output.take_definitions(true) {
        leave_out_rather_than_null(&mut schema);
        if let Some(other) = named.insert(name.clone(), schema.clone()) {
            assert_eq!(other, schema, "two types go by the name {name}");
        }
    }
    named.insert("Problem".to_owned(), problem_schema());
    named.sort_keys();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Latchkey",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT or Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The host that serves this description." }],
        "tags": chapters::tags(QUICK_START, &errors()),
        "paths": operations,
        "components": {
            "securitySchemes": {
                "access_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `access_token` that a sign-in or a refresh answered with.",
                },
            },
            "headers": headers(),
            "schemas": named,
            "examples": problem_examples(),
        },
    });
    tidy(&mut document);
    let schemas = document["components"]["schemas"].clone();
    for (path, operations) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            if let Some(body) = operation.get_mut("requestBody") {
                add_example(body, &schemas, Examples::ToSend);
            }
            for (_, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
                add_example(answer, &schemas, Examples::ToRead);
            }
            operation["x-codeSamples"] = samples::samples(method, path, operation);
        }
    }
    Document::new(document)
}

/// Without any yet.
pub(crate) fn schemas() -> Schemas {
    let settings =
        || SchemaSettings::draft2020_12().with(|with| with.definitions_path = "/components/schemas".into());
    Schemas {
        input: settings().for_deserialize().into_generator(),
        output: settings().for_serialize().into_generator(),
    }
}

fn operation(declaration: &Declaration, described: Description) -> Value {
    let Route::Path(_, path) = &declaration.route else { unreachable!("only paths are described") };
    let (summary, text) = described.text.split_once("\n\n").unwrap_or((&described.text, ""));
    let text = [text.to_owned(), who_may(declaration, path)].join("\n\n").trim().to_owned();
    let mut parameters = parameters("path", described.path);
    parameters.extend(self::parameters("query", described.query));
    parameters.extend(self::parameters("header", described.headers));
    let id = described.name[..1].to_lowercase() + &described.name[1..];
    let mut operation = json!({
        "operationId": id,
        "tags": [chapters::tag(&id)],
        // Swagger UI shows it as it stands.
        "summary": unwrapped(summary).trim_end_matches('.').replace('`', ""),
        "responses": responses(declaration, described.answers),
    });
    if !text.is_empty() {
        operation["description"] = text.into();
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(schema) = described.body {
        let content = declaration
            .media_types
            .iter()
            .map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema })));
        operation["requestBody"] = json!({
            "required": described.needs_body,
            "content": content.collect::<Map<_, _>>(),
        });
    }
    if declaration.needs_token {
        operation["security"] = json!([{ "access_token": [] }]);
    } else if declaration.problems.contains(&Code::MissingToken) {
        // Whether it is needed, the body decides.
        operation["security"] = json!([{ "access_token": [] }, {}]);
    }
    operation
}

/// Which roles may do it to others.
fn who_may(declaration: &Declaration, path: &str) -> String {
    let roles: Vec<_> =
        declaration.staff.iter().copied().map(Role::as_str).map(|role| format!("`{role}`")).collect();
    match (roles.is_empty(), path.contains("{user_id}")) {
        (true, _) => String::new(),
        (false, true) => format!("Of other users than oneself: role {}.", roles.join(" or ")),
        (false, false) => format!("Role {}.", roles.join(" or ")),
    }
}

/// The properties of an object as parameters.
fn parameters(place: &str, object: Schema) -> Vec<Value> {
    let mut object = object.to_value();
    let required: Vec<_> = list(&object["required"]).cloned().collect();
    let Value::Object(properties) = object["properties"].take() else { return Vec::new() };
    properties
        .into_iter()
        .map(|(name, schema)| {
            let mut schema = without_null(schema);
            let mut parameter = json!({
                "name": name,
                "in": place,
                "required": place == "path" || required.contains(&Value::from(&*name)),
                "schema": {},
            });
            if let Some(schema) = schema.as_object_mut() {
                if let Some(text) = schema.remove("description") {
                    parameter["description"] = text;
                }
                // What may be left out is, by whoever sends the example as it stands.
                if let Some(examples) = schema.remove("examples").filter(|_| place == "path") {
                    parameter["example"] = examples[0].clone();
                }
            }
            parameter["schema"] = schema;
            parameter
        })
        .collect()
}

/// An answer that may lack a member never has it as null.
fn leave_out_rather_than_null(schema: &mut Value) {
    let required: Vec<_> = list(&schema["required"]).cloned().collect();
    for (name, member) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if !required.contains(&Value::from(&**name)) {
            *member = without_null(member.take());
        }
    }
}

/// What is left out is not null: a path, a query and a header have no null.
fn without_null(mut schema: Value) -> Value {
    let null = json!({ "type": "null" });
    if let Some(types) = schema["type"].as_array() {
        let other = types.iter().find(|of| **of != "null").cloned();
        schema["type"] = other.unwrap_or_default();
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let other = any.iter().find(|of| **of != null).cloned().unwrap_or_default();
        if let (Some(schema), Value::Object(other)) = (schema.as_object_mut(), other) {
            schema.remove("anyOf");
            schema.extend(other);
        }
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|_, value| !value.is_null());
    }
    schema
}

fn responses(declaration: &Declaration, answers: Vec<(&'static str, Schema)>) -> Value {
    let mut responses = Map::new();
    let page = answers.iter().find(|(media_type, _)| *media_type == "text/html");
    // Whoever is answered with a page or with JSON meets a problem as either, too.
    let page = page.filter(|_| answers.len() > 1).map(|(_, schema)| json!({ "schema": schema }));
    let content: Map<_, _> = answers
        .into_iter()
        .map(|(media_type, schema)| (media_type.to_owned(), json!({ "schema": schema })))
        .collect();
    let mut done = json!({
        "description": match declaration.status {
            StatusCode::ACCEPTED => "The request was accepted and is being carried out.",
            StatusCode::NO_CONTENT => "The request succeeded. The answer has no body.",
            _ => "The request succeeded.",
        },
        "headers": { "x-request-id": reference("headers", "x-request-id") },
    });
    if !content.is_empty() {
        done["content"] = content.into();
    }
    responses.insert(declaration.status.as_str().to_owned(), done);
    let mut by_status = BTreeMap::<_, Vec<_>>::new();
    for code in &declaration.problems {
        by_status.entry(code.status()).or_default().push(*code);
    }
    for (status, codes) in by_status {
        let mut problems = problems(status, &codes);
        if let Some(page) = &page {
            problems["content"]["text/html"] = page.clone();
        }
        responses.insert(status.as_str().to_owned(), problems);
    }
    responses.into()
}

/// The answer with one of several problems of a status.
fn problems(status: StatusCode, codes: &[Code]) -> Value {
    let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let mut properties = json!({ "status": { "const": status.as_u16() }, "code": { "enum": names } });
    let mut required = Vec::new();
    for code in codes {
        for (name, schema, _) in extras(*code) {
            properties[name] = schema;
        }
    }
    let mut headers = json!({ "x-request-id": reference("headers", "x-request-id") });
    if is_for_a_while(status) {
        properties["retry_after"] = retry_after();
        required.push("retry_after");
        headers["Retry-After"] = reference("headers", "Retry-After");
    }
    if status == StatusCode::UNAUTHORIZED {
        headers["WWW-Authenticate"] = reference("headers", "WWW-Authenticate");
    }
    let mut schema =
        json!({ "allOf": [reference("schemas", "Problem")], "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    let examples: Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), reference("examples", name))).collect();
    let text: Vec<_> = codes.iter().map(|code| format!("- `{}`: {}.", code.as_str(), code.title())).collect();
    json!({
        "description": text.join("\n"),
        "headers": headers,
        "content": { "application/problem+json": { "schema": schema, "examples": examples } },
    })
}

fn is_for_a_while(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn retry_after() -> Value {
    let about = "In how many seconds to try again, as in the header `Retry-After`.";
    json!({ "type": "integer", "minimum": 1, "description": about })
}

fn headers() -> Value {
    json!({
        "x-request-id": {
            "description": "The identifier of the request; quote it when you report a fault.",
            "required": true,
            "schema": { "type": "string" },
        },
        "Retry-After": {
            "description": "In how many seconds to try again.",
            "required": true,
            "schema": { "type": "integer", "minimum": 1 },
        },
        "WWW-Authenticate": {
            "description": "How to authenticate: `Bearer`, with an error where a token was refused (RFC 6750).",
            "required": true,
            "schema": { "type": "string" },
        },
    })
}

/// What all problems have.
fn problem_schema() -> Value {
    let member = |about: &str| json!({ "type": "string", "description": about });
    let mut kind = member("The address of the explanation: `/docs#` and the code of the problem.");
    kind["format"] = "uri".into();
    json!({
        "type": "object",
        "description": "Why the request failed (Problem Details, RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": kind,
            "title": member("The kind of problem, in one English sentence: the same for every occurrence."),
            "status": { "type": "integer", "description": "The HTTP status of the answer." },
            "detail": member("What went wrong this time, in English. The words may change."),
            "code": member("The stable code of the problem, for apps to translate."),
            "request_id": member("The identifier of the request, as in the header `x-request-id`."),
        },
    })
}

/// What a problem holds besides, each with a schema and an example.
fn extras(code: Code) -> Vec<(&'static str, Value, Value)> {
    match code {
        Code::InvalidRequest => {
            let text = json!({ "type": "string" });
            let error = json!({
                "type": "object",
                "required": ["field", "message"],
                "properties": { "field": text, "message": text },
            });
            let about = "With `invalid_request`: each invalid field by its name, and what is wrong with it.";
            let schema = json!({ "type": "array", "minItems": 1, "items": error, "description": about });
            vec![(
                "errors",
                schema,
                json!([{ "field": "region", "message": "must be a region of two letters that has phones, such as RU" }]),
            )]
        }
        Code::InvalidCode => {
            let about = "With `invalid_code`: how many guesses are left; 0 if only a new code helps, null without a limit.";
            vec![(
                "attempts_left",
                json!({ "type": ["integer", "null"], "minimum": 0, "description": about }),
                json!(4),
            )]
        }
        Code::ProofRequired => {
            let about = "With `proof_required`: the challenge, as ALTCHA's widget and libraries for its proof of \
                work, version 2, take it.";
            let text = json!({ "type": "string" });
            let number = json!({ "type": "integer" });
            let parameters = json!({
                "type": "object",
                "required": ["algorithm", "cost", "expiresAt", "keyLength", "keyPrefix", "nonce", "salt"],
                "properties": {
                    "algorithm": { "const": "PBKDF2/SHA-256" },
                    "cost": number,
                    "expiresAt": number,
                    "keyLength": number,
                    "keyPrefix": text,
                    "nonce": text,
                    "salt": text,
                },
            });
            let schema = json!({
                "type": "object",
                "required": ["parameters", "signature"],
                "properties": { "parameters": parameters, "signature": text },
                "description": about,
            });
            let example = json!({
                "parameters": {
                    "algorithm": "PBKDF2/SHA-256",
                    "cost": 500,
                    "expiresAt": 1_795_224_952,
                    "keyLength": 32,
                    "keyPrefix": "000",
                    "nonce": "5f3e9b1c7a2d4e6f8091a2b3c4d5e6f7",
                    "salt": "0e9a1f4b6c3d58e7a1c0e95f3e9b1c7a",
                },
                "signature": "9b1c7a2d4e6f8091a2b3c4d5e6f75f3e9b1c7a2d4e6f8091a2b3c4d5e6f75f3e",
            });
            vec![("challenge", schema, example)]
        }
        Code::InviteAlreadyActivated => {
            let about = "With `invite_already_activated`: the invite code that was activated before.";
            vec![(
                "activated_invite_code",
                json!({ "type": "string", "description": about }),
                json!("7Q2M4X"),
            )]
        }
        Code::PhoneReserved => {
            let about =
                "With `phone_reserved`: from when on a sign-in with this number moves the account to it.";
            vec![(
                "reserved_until",
                json!({ "type": "string", "format": "date-time", "description": about }),
                json!("2026-11-24T01:25:52Z"),
            )]
        }
        _ => Vec::new(),
    }
}

/// When a problem is answered, in the words of `docs/errors.md`.
fn when(code: Code) -> &'static str {
    let head = format!("| <a id=\"{}\">", code.as_str());
    let row = ERRORS.lines().find(|line| line.starts_with(&head));
    row.and_then(|row| row.trim_end_matches(" |").rsplit(" | ").next())
        .unwrap_or_else(|| panic!("{} is not in docs/errors.md", code.as_str()))
}

/// The chapter about problems: each code, by its status.
fn errors() -> String {
    let mut text = "What fails is answered with `application/problem+json` (RFC 9457). Its `code` is stable: decide by \
        it, and translate it. `detail` is English, for logs; quote `request_id` when you report a fault. The same \
        request may be sent again after `retry_after` seconds, where there are such.\n"
        .to_owned();
    let mut codes = Code::ALL.to_vec();
    codes.sort_by_key(|code| code.status());
    let mut status = None;
    for code in codes {
        if status.replace(code.status()) != Some(code.status()) {
            let _ = write!(text, "\n**{}**\n\n", code.status());
        }
        let _ = writeln!(text, "- `{}`: {}. {}", code.as_str(), code.title(), when(code));
    }
    text
}

/// An example of each problem, with the words of `docs/errors.md`.
fn problem_examples() -> Value {
    let mut examples = Map::new();
    for code in Code::ALL {
        let name = code.as_str();
        let when = when(*code);
        let mut value = json!({
            "type": format!("https://api.example.com/docs#{name}"),
            "title": code.title(),
            "status": code.status().as_u16(),
            "detail": code.title(),
            "code": name,
            "request_id": "01a1fbdf-98a0-7c0b-bce7-48148979ccac",
        });
        if is_for_a_while(code.status()) {
            value["retry_after"] = if *code == Code::ResendTooSoon { 42 } else { 1 }.into();
        }
        for (name, _, example) in extras(*code) {
            value[name] = example;
        }
        examples
            .insert(name.to_owned(), json!({ "summary": code.title(), "description": when, "value": value }));
    }
    examples.into()
}

/// Doc comments are wrapped at the width of the code, and a list of constants
/// that are each explained is an enum to most readers.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = unwrapped(text);
            }
            if let Some(choices) = members.get("oneOf").and_then(Value::as_array)
                && choices.iter().all(|choice| choice["const"].is_string())
            {
                let values: Vec<_> = choices.iter().map(|choice| choice["const"].clone()).collect();
                let mut lines: Vec<_> = members
                    .get("description")
                    .and_then(Value::as_str)
                    .map(|text| text.to_owned() + "\n")
                    .into_iter()
                    .collect();
                lines.extend(choices.iter().map(|choice| {
                    let about = choice["description"].as_str().unwrap_or_default();
                    format!("- `{}`: {about}", choice["const"].as_str().unwrap_or_default())
                }));
                members.remove("oneOf");
                members.insert("type".to_owned(), "string".into());
                members.insert("enum".to_owned(), values.into());
                members.insert("description".to_owned(), lines.join("\n").into());
            }
            members.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

/// A text whose paragraphs are one line each; items of lists stay lines, and code as it is.
fn unwrapped(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        if paragraph.starts_with("```") {
            return paragraph.to_owned();
        }
        paragraph.lines().fold(String::new(), |text, line| match (text.is_empty(), line.starts_with("- ")) {
            (true, _) => line.to_owned(),
            (false, true) => format!("{text}\n{line}"),
            (false, false) => format!("{text} {line}"),
        })
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// What an example is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Examples {
    /// It is sent as it stands, by anybody: what may be left out is, since it is of one person
    /// or one moment. Where all may be, all that has an example is sent.
    ToSend,
    /// It shows all that can be in an answer.
    ToRead,
}

/// Puts together an example of a JSON body from those of its fields.
fn add_example(body: &mut Value, names: &Value, of: Examples) {
    if let Some(media) = body.get_mut("content").and_then(|content| content.get_mut("application/json"))
        && let Some(example) = example(&media["schema"], names, of)
    {
        media["example"] = example;
    }
}

/// An example of a schema; none where nothing says what it could be.
fn example(schema: &Value, names: &Value, of: Examples) -> Option<Value> {
    if let Some(example) = schema["examples"].get(0).or_else(|| schema.get("const")) {
        return Some(example.clone());
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return example(&names[name], names, of);
    }
    if let Some(some) = list(&schema["anyOf"]).next() {
        return example(some, names, of);
    }
    if let Some(properties) = schema["properties"].as_object() {
        let required: Vec<_> = list(&schema["required"]).filter_map(Value::as_str).collect();
        let is_shown = |name: &str| of == Examples::ToRead || required.is_empty() || required.contains(&name);
        let members = properties.iter().filter(|(name, _)| is_shown(name)).filter_map(|(name, property)| {
            let is_required = required.contains(&&**name);
            let value = example(property, names, of).or_else(|| is_required.then_some(Value::Null))?;
            Some((name.clone(), value))
        });
        return Some(Value::Object(members.collect()));
    }
    (schema["type"] == "array").then(|| example(&schema["items"], names, of).into_iter().collect())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
