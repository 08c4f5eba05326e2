//! Bodies that may come with an `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header).

use bytes::Bytes;
use http::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::hidden::Hidden;
use crate::http::body::{Body, JsonBody};
use crate::http::context::Context;
use crate::http::problem::{Code, Problem};
use crate::tables::idempotency::IdempotencyKey;

/// The header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a key may be, in characters.
const LONGEST: usize = 255;

/// A JSON body that may carry an `Idempotency-Key`: the same key with the same
/// body is the same request.
pub struct Idempotent<T> {
    /// The body.
    pub body: T,
    /// The key, if one came.
    pub key: Option<IdempotencyKey>,
}

/// What a body asks for. White space and the order of fields make no difference, and
/// who asks is another matter: a device may have another token by the next attempt, and
/// a proof that it was asked for.
fn asked(body: &Value) -> Value {
    let mut asked = body.clone();
    if let Some(fields) = asked.as_object_mut() {
        fields.remove("device_token");
        fields.remove("proof");
    }
    asked
}

impl<T: DeserializeOwned + JsonSchema + Send> Body for Idempotent<T> {
    const MEDIA_TYPES: &'static [&'static str] = JsonBody::<T>::MEDIA_TYPES;
    const PROBLEMS: &'static [Code] = &[
        Code::MalformedJson,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::InvalidRequest,
        Code::IdempotencyMismatch,
    ];

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        JsonBody::<T>::schema(generator)
    }

    fn headers(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "properties": {
                "Idempotency-Key": {
                    "description": "Makes the request safe to repeat: it is done once for each key. Draw a new key \
                        for each request; send the same key and body again if the answer was lost. The same \
                        key with another body is refused.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": LONGEST,
                    "pattern": "^[ -~]+$",
                    "examples": ["7f0c9a52-6f0e-4c52-9c53-0e4c2a4a6d11"],
                },
            },
        })
    }

    fn read(context: &Context, body: Bytes) -> Result<Self, Problem> {
        let value = JsonBody::<T>::parse(context, &body)?;
        let key = match context.headers.get(IDEMPOTENCY_KEY) {
            None => None,
            Some(key) => {
                let key = key.to_str().ok().filter(|key| (1..=LONGEST).contains(&key.len()));
                let key = key.ok_or_else(|| {
                    let message = format!("must be 1 to {LONGEST} characters of ASCII");
                    Problem::invalid_field("Idempotency-Key", message)
                })?;
                Some(IdempotencyKey { key: key.to_owned(), body: Hidden(asked(&value).to_string()) })
            }
        };
        Ok(Self { body: JsonBody::of(value)?.0, key })
    }
}
