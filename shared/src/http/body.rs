//! Bodies: what an endpoint takes, and how it is read.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::domain::avatar::UPLOAD_LIMIT;
use crate::domain::code::OneTimeCode;
use crate::domain::phone::Region;
use crate::http::context::Context;
use crate::http::problem::{Code, Problem};
use crate::http::response::binary;

/// How large a JSON body may be, in bytes.
pub const JSON_LIMIT: usize = 64 * 1024;

/// A value that does not parse, as the problem that names its field.
pub(crate) fn invalid_request<E: std::fmt::Display>(error: serde_path_to_error::Error<E>) -> Problem {
    let path = error.path().to_string();
    let path = if path == "." { String::new() } else { path };
    let message = error.into_inner().to_string();
    if message.starts_with("missing field") {
        let missing = message.split('`').nth(1).unwrap_or_default().to_owned();
        let field = if path.is_empty() { missing } else { format!("{path}.{missing}") };
        return Problem::invalid_field(field, "must be given");
    }
    Problem::invalid_field(path, in_our_words(&message))
}

/// What serde says of a value of another kind, without its words.
fn in_our_words(message: &str) -> String {
    let Some((found, expected)) = message.split_once(", expected ") else { return message.to_owned() };
    if found.starts_with("unknown variant ") {
        let all: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        return format!("must be {}", all.join(" or "));
    }
    if found.starts_with("invalid value: ") {
        return format!("must be {expected}");
    }
    if !found.starts_with("invalid type: ") {
        return message.to_owned();
    }
    let kind = match expected {
        "u32" | "u64" | "i64" | "usize" => "a whole number",
        "f64" => "a number",
        "a map" => "an object",
        "a sequence" => "a list",
        kind if kind.starts_with("struct ") => "an object",
        kind => kind,
    };
    format!("must be {kind}")
}

/// What an endpoint takes as body.
pub trait Body: Sized + Send {
    /// The media types that it takes; none where it takes no body.
    const MEDIA_TYPES: &'static [&'static str];
    /// Whether it may not be left out.
    const IS_REQUIRED: bool = true;
    /// The problems that reading it can end in.
    const PROBLEMS: &'static [Code];

    /// The schema of what it holds; none where it takes no body.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>;

    /// An object with the headers that are read with it.
    fn headers(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }

    /// Reads it.
    ///
    /// # Errors
    /// One of [`Self::PROBLEMS`].
    fn read(context: &Context, body: Bytes) -> Result<Self, Problem>;
}

/// No path, no query parameters or no body: whatever is sent is ignored.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Nothing {}

impl Body for Nothing {
    const MEDIA_TYPES: &'static [&'static str] = &[];
    const IS_REQUIRED: bool = false;
    const PROBLEMS: &'static [Code] = &[];

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn read(_: &Context, _: Bytes) -> Result<Self, Problem> {
        Ok(Self {})
    }
}

/// A JSON object of at most [`JSON_LIMIT`] bytes; unknown fields are ignored.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Body for JsonBody<T> {
    const MEDIA_TYPES: &'static [&'static str] = &["application/json"];
    const PROBLEMS: &'static [Code] =
        &[Code::MalformedJson, Code::BodyTooLarge, Code::UnsupportedMediaType, Code::InvalidRequest];

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<T>())
    }

    fn read(context: &Context, body: Bytes) -> Result<Self, Problem> {
        Self::of(Self::parse(context, &body)?)
    }
}

impl<T: DeserializeOwned> JsonBody<T> {
    /// The JSON object that a body is.
    pub(crate) fn parse(context: &Context, body: &Bytes) -> Result<Value, Problem> {
        if body.len() > JSON_LIMIT {
            return Err(Problem::from(Code::BodyTooLarge)
                .detail(format!("The body may have {JSON_LIMIT} bytes, and has {}.", body.len())));
        }
        // A type of its own is what makes a browser ask before a page of another origin may send it.
        if !body.is_empty() && !is_json(&context.headers) {
            return Err(Problem::from(Code::UnsupportedMediaType)
                .detail("Send the body with Content-Type: application/json."));
        }
        if body.is_empty() {
            return Err(Problem::from(Code::MalformedJson).detail("There is no body: send a JSON object."));
        }
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| Problem::from(Code::MalformedJson).detail(error.to_string()))?;
        if !value.is_object() {
            return Err(Problem::invalid_field("", "the body must be a JSON object"));
        }
        Ok(value)
    }

    /// What an object says.
    pub(crate) fn of(value: Value) -> Result<Self, Problem> {
        serde_path_to_error::deserialize(value).map(Self).map_err(invalid_request)
    }
}

/// A JSON object, or no body at all, which says what an empty object says.
#[derive(Debug)]
pub struct JsonOrNothing<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Body for JsonOrNothing<T> {
    const MEDIA_TYPES: &'static [&'static str] = JsonBody::<T>::MEDIA_TYPES;
    const IS_REQUIRED: bool = false;
    const PROBLEMS: &'static [Code] = JsonBody::<T>::PROBLEMS;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        JsonBody::<T>::schema(generator)
    }

    fn read(context: &Context, body: Bytes) -> Result<Self, Problem> {
        let said = if body.is_empty() { json!({}) } else { JsonBody::<T>::parse(context, &body)? };
        JsonBody::of(said).map(|JsonBody(value)| Self(value))
    }
}

/// An image of at most [`UPLOAD_LIMIT`] bytes. What it is, its content tells, not
/// its type.
#[derive(Debug)]
pub struct Upload(pub Bytes);

impl Body for Upload {
    const MEDIA_TYPES: &'static [&'static str] = &["image/jpeg", "image/png", "image/webp"];
    const PROBLEMS: &'static [Code] = &[Code::BodyTooLarge, Code::InvalidImage];

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        Some(binary())
    }

    fn read(context: &Context, body: Bytes) -> Result<Self, Problem> {
        let media_type = context.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        if media_type.to_ascii_lowercase().starts_with("multipart/") {
            let words = "This is a form: send the bare image as the body.";
            return Err(Problem::from(Code::InvalidImage).detail(words));
        }
        if body.len() > UPLOAD_LIMIT {
            return Err(Problem::from(Code::BodyTooLarge)
                .detail(format!("The image may have {UPLOAD_LIMIT} bytes, and has {}.", body.len())));
        }
        Ok(Self(body))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return false };
    let media_type = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// A string of 1 to `MOST` characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<const MOST: usize>(pub String);

impl<const MOST: usize> JsonSchema for Line<MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Line{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": MOST,
            "pattern": r"^[^\u0000-\u001F\u007F-\u009F]+$",
        })
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Line<MOST> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = text.chars().count();
        if length == 0 || length > MOST || text.chars().any(char::is_control) {
            return Err(serde::de::Error::custom(format!(
                "must be a string of 1 to {MOST} characters, without control characters"
            )));
        }
        Ok(Self(text))
    }
}

/// What a device fills in by itself, and nobody sees: it refuses nothing. What is no string,
/// or says nothing, is as if not sent; control characters are blanks, and what is too long
/// is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint<const MOST: usize>(pub Option<String>);

impl<const MOST: usize> JsonSchema for Hint<MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Hint{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "null"] })
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Hint<MOST> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sent = Value::deserialize(deserializer)?;
        let seen = sent.as_str().unwrap_or_default().chars().take(16 * MOST);
        let line: String = seen.map(|c| if c.is_control() { ' ' } else { c }).collect();
        let cut: String = line.trim().chars().take(MOST).collect();
        Ok(Self(Some(cut.trim_end().to_owned()).filter(|line| !line.is_empty())))
    }
}

/// The region in whose way a number is read, as a device says it: what is none is as if not
/// sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct RegionHint(pub Option<Region>);

impl JsonSchema for RegionHint {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RegionHint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "null"], "examples": ["RU"] })
    }
}

impl<'de> Deserialize<'de> for RegionHint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sent = Value::deserialize(deserializer)?;
        let region = sent.as_str().unwrap_or_default().trim();
        // How people write GB.
        let region = if region.eq_ignore_ascii_case("UK") { "GB" } else { region };
        Ok(Self(region.parse().ok()))
    }
}

/// A one-time code as a person types or pastes it: its digits, whatever stands around
/// them. What has none is no guess.
#[derive(Clone, Debug)]
pub struct EnteredCode(pub OneTimeCode);

impl JsonSchema for EnteredCode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EnteredCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 64 })
    }
}

impl<'de> Deserialize<'de> for EnteredCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let code = OneTimeCode::typed(&text);
        if code.is_empty() || text.chars().count() > 64 {
            return Err(serde::de::Error::custom(
                "must hold the digits of the code, in at most 64 characters",
            ));
        }
        Ok(Self(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_refuses_nothing() {
        let hint = |value: Value| serde_json::from_value::<Hint<5>>(value).unwrap().0;
        for (sent, said) in [
            (json!("phone"), Some("phone")),
            (json!(" a\nb "), Some("a b")),
            (json!("too long"), Some("too l")),
            (json!("four \u{0}"), Some("four")),
            (json!(""), None),
            (json!("\r\n"), None),
            (json!(null), None),
            (json!(7), None),
            (json!({ "a": 1 }), None),
        ] {
            assert_eq!(hint(sent.clone()).as_deref(), said, "{sent}");
        }
        let region = |value: Value| serde_json::from_value::<RegionHint>(value).unwrap().0;
        for (sent, said) in [("de", Some("DE")), (" US ", Some("US")), ("UK", Some("GB"))] {
            assert_eq!(region(json!(sent)).unwrap().to_string(), said.unwrap());
        }
        for nothing in
            [json!("001"), json!("419"), json!("UN"), json!(""), json!("AQ"), json!("Russia"), json!(7)]
        {
            assert!(region(nothing.clone()).is_none(), "{nothing}");
        }
    }

    #[test]
    fn a_body_is_json_by_its_type() {
        for (value, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/merge-patch+json", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(is_json(&headers), json, "{value:?}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
