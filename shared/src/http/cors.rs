//! Pages of other origins (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>):
//! answered here alone, so that it is the same on a laptop and in the cloud, and
//! for the origins of apps as well, such as `capacitor://localhost`.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::base::config::{self, BadParameter, Parameter, Vars};
use crate::http::context::Context;

/// What a page may send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, idempotency-key, accept-language");

/// What a page may read besides the body.
const EXPOSED: HeaderValue = HeaderValue::from_static("date, retry-after, x-request-id");

/// For how long a browser need not ask again, in seconds: a day.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

const ANY: HeaderValue = HeaderValue::from_static("*");

/// The origins whose pages may call.
#[derive(Clone, Debug)]
pub enum Cors {
    /// Every one.
    Any,
    /// These; none where it is empty.
    Listed(Vec<HeaderValue>),
}

impl Cors {
    /// The parameters that [`Cors::read`] reads.
    pub const PARAMETERS: [&Parameter; 1] = [config::CORS_ORIGINS];

    /// Those of `CORS_ORIGINS`: `*`, or origins separated by commas.
    ///
    /// # Errors
    /// If one of them is no origin.
    pub fn read(vars: &Vars) -> Result<Self, BadParameter> {
        if vars.text(config::CORS_ORIGINS) == "*" {
            return Ok(Self::Any);
        }
        let origins = vars.list(config::CORS_ORIGINS).map(|origin| {
            let value = HeaderValue::try_from(origin).ok().filter(|_| is_origin(origin));
            value.ok_or_else(|| BadParameter {
                name: config::CORS_ORIGINS.name,
                problem: format!("must hold origins such as https://app.example.com, not {origin:?}"),
            })
        });
        origins.collect::<Result<_, _>>().map(Self::Listed)
    }

    /// The answer to a browser that asks, on behalf of a page, whether it may
    /// send what it is about to; `None` for all other requests, and where the
    /// page may not.
    pub(crate) fn preflight(&self, context: &Context) -> Option<Response<Bytes>> {
        let asks =
            context.method == Method::OPTIONS && context.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let allowed = self.allowed(&context.headers).filter(|_| asks)?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Some(response)
    }

    /// Lets the page that asked read an answer, if it may. Where it depends on
    /// the page, caches are told.
    pub(crate) fn allow(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        if matches!(self, Self::Listed(origins) if !origins.is_empty()) {
            answer.append(VARY, HeaderValue::from_static("origin"));
        }
        if let Some(allowed) = self.allowed(asked) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    fn allowed(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let origin = asked.get(ORIGIN)?;
        match self {
            Self::Any => Some(ANY),
            Self::Listed(origins) => origins.contains(origin).then(|| origin.clone()),
        }
    }
}

/// A scheme and a host, as a browser or an app's web view sends it: of any
/// scheme, without a path.
fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, host)| {
        scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/*?#@".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        let read = |text: &str| Cors::read(&Vars::from_iter([("CORS_ORIGINS", text)]));
        for good in [
            "",
            "*",
            "https://app.example.com",
            "http://localhost:5173, https://app.example.com",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "chrome-extension://abcdefghijklmnop",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in
            ["example.com", "https://", "https://a/", "https://a/b", "https://*.a", "https://a b", "://a"]
        {
            assert!(read(bad).unwrap_err().to_string().starts_with("CORS_ORIGINS: "), "{bad}");
        }
    }
}
