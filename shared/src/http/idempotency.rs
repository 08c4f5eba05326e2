//! Bodies that may come with an `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header).

use bytes::Bytes;
use http::HeaderName;
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};
use super::request::{Body, Context, JsonBody};

/// The header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a key may be, in characters.
const LONGEST: usize = 255;

/// A key, and the body that came with it in one way of writing it, so that
/// white space and the order of fields make no difference.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestKey {
    pub(crate) key: String,
    pub(crate) body: String,
}

/// A JSON body that may carry an `Idempotency-Key`: the same key with the same
/// body is the same request.
pub struct Idempotent<T> {
    /// The body.
    pub body: T,
    /// The key, if one came.
    pub key: Option<RequestKey>,
}

impl<T: DeserializeOwned + Send> Body for Idempotent<T> {
    const MEDIA_TYPES: &'static [&'static str] = JsonBody::<T>::MEDIA_TYPES;
    const PROBLEMS: &'static [Code] = &[
        Code::MalformedJson,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::InvalidRequest,
        Code::IdempotencyMismatch,
    ];

    fn read(context: &Context, body: Bytes) -> Result<Self, Problem> {
        let value = JsonBody::<T>::parse(context, &body)?;
        let key = match context.headers.get(IDEMPOTENCY_KEY) {
            None => None,
            Some(key) => {
                let key = key.to_str().ok().filter(|key| (1..=LONGEST).contains(&key.len()));
                let key = key.ok_or_else(|| {
                    let message = format!("is to be 1 to {LONGEST} characters of ASCII");
                    Problem::invalid_field("Idempotency-Key", message)
                })?;
                Some(RequestKey { key: key.to_owned(), body: value.to_string() })
            }
        };
        Ok(Self { body: JsonBody::of(value)?.0, key })
    }
}
