//! Answers: the type of an endpoint's output fixes the status.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, VARY,
};
use http::{HeaderValue, Response, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// What an endpoint answers when it does as asked.
pub trait IntoResponse: Send {
    /// Its status.
    const STATUS: StatusCode;

    /// Its media types, each with the schema of what it holds.
    fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)>;

    /// The answer on the wire.
    fn into_response(self) -> Response<Bytes>;
}

/// 200 with JSON.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// 200 with JSON that anyone may keep for five minutes.
#[derive(Debug)]
pub struct Cached<T>(pub T);

/// 200 with a file that never changes under its name.
#[derive(Debug)]
pub struct Immutable {
    /// Its media type.
    pub media_type: &'static str,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// 200 with a file that is part of the program, under an address that changes
/// with it. Packed always: whoever says nothing takes any coding (RFC 9110,
/// section 12.5.3), and every browser takes this one.
#[derive(Debug)]
pub struct Asset {
    /// Its media type.
    pub media_type: &'static str,
    /// What it holds, packed with gzip.
    pub gzip: &'static [u8],
}

/// 200 with a page of scripts and styles that are files of ours. It names their
/// versions, so it is asked for anew each time.
#[derive(Debug)]
pub struct Screen {
    /// The page.
    pub html: &'static str,
    /// Its Content-Security-Policy.
    pub policy: &'static str,
}

/// 200 with the description of the API, which anyone may keep for five minutes.
#[derive(Debug)]
pub enum ApiDescription {
    /// As JSON.
    Plain(&'static str),
    /// The same, packed with gzip.
    Packed(&'static [u8]),
}

/// The policy of a page that runs, loads and asks for nothing but what is ours,
/// and makes nothing of text that could be markup.
pub const ALL_OUR_OWN: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                               connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                               require-trusted-types-for 'script'; trusted-types 'none'";

/// What a page that is made for whoever asks is made by: whether it is a page at all, its
/// language, and the phone that it is shown on.
const TAILORED_BY: &str = "accept, accept-language, user-agent";

/// 202 with JSON: what was asked for is under way.
#[derive(Debug)]
pub struct Accepted<T>(pub T);

/// 201 with JSON: what was made.
#[derive(Debug)]
pub struct Created<T>(pub T);

/// 204, with nothing to say.
#[derive(Debug)]
pub struct NoContent;

/// 308: it is at another address, which is read relative to the one that was asked for.
#[derive(Debug)]
pub struct Moved(pub &'static str);

/// 200 with a page for people.
#[derive(Debug)]
pub struct Html(pub String);

/// 200 with a page for people that is made for whoever asks: in their language, for their
/// phone.
#[derive(Debug)]
pub struct Tailored {
    /// The page.
    pub html: String,
    /// Its Content-Security-Policy.
    pub policy: &'static str,
}

/// 200 with a page or with JSON, whichever the caller prefers.
#[derive(Debug)]
pub enum HtmlOrJson<T> {
    /// For people.
    Html(Tailored),
    /// For programs.
    Json(Json<T>),
}

impl<T: Serialize + JsonSchema + Send> IntoResponse for Json<T> {
    const STATUS: StatusCode = StatusCode::OK;

    fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("application/json", generator.subschema_for::<T>())]
    }

    fn into_response(self) -> Response<Bytes> {
        json(Self::STATUS, &self.0)
    }
}

impl<T: Serialize + JsonSchema + Send> IntoResponse for Cached<T> {
    const STATUS: StatusCode = StatusCode::OK;

    fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("application/json", generator.subschema_for::<T>())]
    }

    fn into_response(self) -> Response<Bytes> {
        let mut response = json(Self::STATUS, &self.0);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
    }
}

impl IntoResponse for Immutable {
    const STATUS: StatusCode = StatusCode::OK;

    /// What is kept under such names are avatars.
    fn schemas(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        ["image/jpeg", "image/png"].map(|media_type| (media_type, binary())).to_vec()
    }

    fn into_response(self) -> Response<Bytes> {
        let mut response = with_status(Self::STATUS, self.bytes.into());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
        response
    }
}

impl IntoResponse for Asset {
    const STATUS: StatusCode = StatusCode::OK;

    fn schemas(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        ["image/svg+xml", "text/css", "text/javascript"].map(|of| (of, text())).to_vec()
    }

    fn into_response(self) -> Response<Bytes> {
        let mut response = with_status(Self::STATUS, Bytes::from_static(self.gzip));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
        response
    }
}

impl IntoResponse for ApiDescription {
    const STATUS: StatusCode = StatusCode::OK;

    fn schemas(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("application/json", json_schema!({ "type": "object", "examples": [{ "openapi": "3.1.0" }] }))]
    }

    fn into_response(self) -> Response<Bytes> {
        let (body, is_packed) = match self {
            Self::Plain(text) => (text.as_bytes(), false),
            Self::Packed(bytes) => (bytes, true),
        };
        let mut response = with_status(Self::STATUS, Bytes::from_static(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

impl IntoResponse for Screen {
    const STATUS: StatusCode = StatusCode::OK;

    fn schemas(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("text/html", text())]
    }

    fn into_response(self) -> Response<Bytes> {
        let mut response = with_status(Self::STATUS, Bytes::from_static(self.html.as_bytes()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(self.policy));
        response
    }
}

impl<T: Serialize + JsonSchema + Send> IntoResponse for Accepted<T> {
    const STATUS: StatusCode = StatusCode::ACCEPTED;

    fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("application/json", generator.subschema_for::<T>())]
    }

    fn into_response(self) -> Response<Bytes> {
        json(Self::STATUS, &self.0)
    }
}

impl<T: Serialize + JsonSchema + Send> IntoResponse for Created<T> {
    const STATUS: StatusCode = StatusCode::CREATED;

    fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("application/json", generator.subschema_for::<T>())]
    }

    fn into_response(self) -> Response<Bytes> {
        json(Self::STATUS, &self.0)
    }
}

impl IntoResponse for NoContent {
    const STATUS: StatusCode = StatusCode::NO_CONTENT;

    fn schemas(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        Vec::new()
    }

    fn into_response(self) -> Response<Bytes> {
        with_status(Self::STATUS, Bytes::new())
    }
}

impl IntoResponse for Html {
    const STATUS: StatusCode = StatusCode::OK;

    fn schemas(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("text/html", text())]
    }

    fn into_response(self) -> Response<Bytes> {
        page(self.0, "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
    }
}

/// A page under a Content-Security-Policy.
fn page(html: String, policy: &'static str) -> Response<Bytes> {
    let mut response = with_status(StatusCode::OK, html.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

impl IntoResponse for Tailored {
    const STATUS: StatusCode = StatusCode::OK;

    fn schemas(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("text/html", text())]
    }

    fn into_response(self) -> Response<Bytes> {
        let mut response = page(self.html, self.policy);
        response.headers_mut().insert(VARY, HeaderValue::from_static(TAILORED_BY));
        response
    }
}

impl<T: Serialize + JsonSchema + Send> IntoResponse for HtmlOrJson<T> {
    const STATUS: StatusCode = StatusCode::OK;

    fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        [Json::<T>::schemas(generator), Tailored::schemas(generator)].concat()
    }

    fn into_response(self) -> Response<Bytes> {
        let mut response = match self {
            Self::Html(html) => html.into_response(),
            Self::Json(json) => json.into_response(),
        };
        response.headers_mut().insert(VARY, HeaderValue::from_static(TAILORED_BY));
        response
    }
}

/// Only `$default` answers so, which is not described.
impl IntoResponse for Moved {
    const STATUS: StatusCode = StatusCode::PERMANENT_REDIRECT;

    fn schemas(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        Vec::new()
    }

    fn into_response(self) -> Response<Bytes> {
        let mut response = with_status(Self::STATUS, Bytes::new());
        response.headers_mut().insert(LOCATION, HeaderValue::from_static(self.0));
        response
    }
}

/// The schema of a string.
fn text() -> Schema {
    json_schema!({ "type": "string" })
}

/// The schema of a file.
pub(crate) fn binary() -> Schema {
    json_schema!({ "type": "string", "format": "binary" })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Bytes> {
    let body = serde_json::to_vec(value).expect("our own types have no keys that JSON lacks");
    let mut response = with_status(status, body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn with_status(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_fixes_the_status() {
        let accepted = Accepted(1).into_response();
        assert_eq!((accepted.status().as_u16(), accepted.body().as_ref()), (202, &b"1"[..]));
        let nothing = NoContent.into_response();
        assert_eq!(nothing.status().as_u16(), 204);
        assert!(nothing.body().is_empty() && !nothing.headers().contains_key(CONTENT_TYPE));
    }
}
