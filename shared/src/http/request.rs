//! Requests: API Gateway's events, read into what an endpoint declares.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::binary;
use super::problem::{Code, Problem};
use crate::domain::avatar::UPLOAD_LIMIT;

/// How large a JSON body may be, in bytes.
pub const JSON_LIMIT: usize = 64 * 1024;

/// What the edge knows of a request besides the endpoint's input.
#[derive(Clone, Debug)]
pub struct Context {
    /// API Gateway's identifier of the request, returned as `x-request-id`.
    pub request_id: String,
    /// Where people reach this deployment, without a slash at the end.
    pub public_url: String,
    /// The caller's address as API Gateway saw it, never as a header says.
    pub ip: IpAddr,
    /// The method.
    pub method: Method,
    /// The path, decoded.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
}

impl Context {
    /// The caller's address cut to its /24 (IPv4) or /48 (IPv6).
    pub fn coarse_ip(&self) -> String {
        match self.ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                format!("{}/24", Ipv4Addr::new(a, b, c, 0))
            }
            IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
        }
    }

    /// What the caller's address is counted as: an IPv4 address, or the /64 of
    /// an IPv6 one, which is what a household or a phone is given (RFC 6177).
    pub fn counted_ip(&self) -> String {
        match self.ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }

    /// Whether the caller wants JSON rather than a page: `Accept` names it.
    pub fn prefers_json(&self) -> bool {
        self.header(ACCEPT.as_str()).is_some_and(|accept| accept.contains("application/json"))
    }

    /// Whether the caller unpacks gzip: `Accept-Encoding` names it, and not to
    /// refuse it.
    pub fn takes_gzip(&self) -> bool {
        let codings = self.header(ACCEPT_ENCODING.as_str()).unwrap_or_default().split(',');
        codings.filter_map(|coding| coding.trim().strip_prefix("gzip")).any(|weight| {
            let weight = weight.trim_start().trim_start_matches(';').trim_start();
            !matches!(weight.strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000"))
        })
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A request before an endpoint's types are read from it.
#[derive(Debug)]
pub struct Incoming {
    /// The route that API Gateway chose: `PUT /v1/users/me/referrer`, or
    /// `$default`.
    pub route_key: String,
    /// What the edge knows.
    pub context: Context,
    path: HashMap<String, String>,
    query: String,
    body: Bytes,
}

impl Incoming {
    /// Reads an event. `public_url` wins over the host it came to.
    pub fn new(event: ApiGatewayV2httpRequest, public_url: Option<&str>) -> Self {
        let of = event.request_context;
        let body = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            STANDARD.decode(body).unwrap_or_default()
        } else {
            body.into_bytes()
        };
        let host = || format!("https://{}", of.domain_name.as_deref().unwrap_or("localhost"));
        Self {
            route_key: event.route_key.unwrap_or_default(),
            context: Context {
                request_id: of.request_id.unwrap_or_default(),
                public_url: public_url.map_or_else(host, str::to_owned),
                ip: of
                    .http
                    .source_ip
                    .and_then(|ip| ip.parse().ok())
                    .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
                method: of.http.method,
                path: event.raw_path.unwrap_or_default(),
                headers: event.headers,
            },
            path: event.path_parameters,
            query: event.raw_query_string.unwrap_or_default(),
            body: body.into(),
        }
    }

    /// The path's parameters.
    ///
    /// # Errors
    /// 422 naming the one at fault.
    pub fn path<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let values = self.path.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        serde_path_to_error::deserialize(Value::Object(values.collect())).map_err(invalid_request)
    }

    /// The query's parameters; unknown ones are ignored.
    ///
    /// # Errors
    /// 422 naming the one at fault.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let query = serde_html_form::Deserializer::from_bytes(self.query.as_bytes());
        serde_path_to_error::deserialize(query).map_err(invalid_request)
    }

    /// The body.
    ///
    /// # Errors
    /// Those of its type: 400, 413, 415, 422.
    pub fn body<B: Body>(self) -> Result<B, Problem> {
        B::read(&self.context, self.body)
    }
}

fn invalid_request<E: std::fmt::Display>(error: serde_path_to_error::Error<E>) -> Problem {
    let field = error.path().to_string();
    let message = error.into_inner().to_string();
    Problem::invalid_field(if field == "." { String::new() } else { field }, message)
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
        if !is_json(&context.headers) {
            return Err(Problem::from(Code::UnsupportedMediaType)
                .detail("Send the body with Content-Type: application/json."));
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
        let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
        JsonBody::read(context, body).map(|JsonBody(value)| Self(value))
    }
}

/// An image of at most [`UPLOAD_LIMIT`] bytes. What it is, its content tells, not
/// its type.
#[derive(Debug)]
pub struct Upload(pub Bytes);

impl Body for Upload {
    const MEDIA_TYPES: &'static [&'static str] = &["image/jpeg", "image/png", "image/webp"];
    const PROBLEMS: &'static [Code] = &[Code::BodyTooLarge];

    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        Some(binary())
    }

    fn read(_: &Context, body: Bytes) -> Result<Self, Problem> {
        if body.len() > UPLOAD_LIMIT {
            return Err(Problem::from(Code::BodyTooLarge)
                .detail(format!("The image may have {UPLOAD_LIMIT} bytes, and has {}.", body.len())));
        }
        Ok(Self(body))
    }
}

/// A body without a type is taken for JSON: nothing else would be read.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let media_type = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// A text of 1 to `MOST` characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MOST: usize>(pub String);

impl<const MOST: usize> JsonSchema for Text<MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Text{MOST}").into()
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

impl<'de, const MOST: usize> Deserialize<'de> for Text<MOST> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = text.chars().count();
        if length == 0 || length > MOST || text.chars().any(char::is_control) {
            return Err(serde::de::Error::custom(format!(
                "must be a text of 1 to {MOST} characters, without control characters"
            )));
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context(ip: &str) -> Context {
        let event = json!({
            "routeKey": "$default",
            "requestContext": { "http": { "method": "GET", "sourceIp": ip } },
        });
        Incoming::new(serde_json::from_value(event).unwrap(), None).context
    }

    #[test]
    fn addresses_are_cut() {
        assert_eq!(context("203.0.113.77").coarse_ip(), "203.0.113.0/24");
        assert_eq!(context("::ffff:203.0.113.77").coarse_ip(), "203.0.113.0/24");
        assert_eq!(context("2001:db8:aa:bb:cc::1").coarse_ip(), "2001:db8:aa::/48");
        assert_eq!(context("junk").coarse_ip(), "0.0.0.0/24");
    }

    #[test]
    fn an_ipv6_address_counts_as_its_64() {
        assert_eq!(context("203.0.113.77").counted_ip(), "203.0.113.77");
        assert_eq!(context("::ffff:203.0.113.77").counted_ip(), "203.0.113.77");
        assert_eq!(context("2001:db8:aa:bb:cc::1").counted_ip(), "2001:db8:aa:bb::/64");
        assert_eq!(context("2001:db8:aa:bb:dd::2").counted_ip(), "2001:db8:aa:bb::/64");
    }

    #[test]
    fn a_body_is_json_by_its_type_or_by_silence() {
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
        assert!(is_json(&HeaderMap::new()));
    }
}
