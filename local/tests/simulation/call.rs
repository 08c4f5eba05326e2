//! A request as a client sends it, and its answer.

use std::fmt;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request};
use latchkey::domain::passkey_list::PasskeyId;
use serde_json::Value;

/// A request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// `POST /v1/auth/code`, as the API's description has it.
    pub(crate) route: &'static str,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) json: Option<Value>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) token: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) ip: String,
    /// The user whom it is about, where the path names one.
    pub(crate) target: Option<String>,
    /// It says to be of a passkey that whoever sends it does not have.
    pub(crate) is_forged: bool,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Call {
    /// Of a route whose path names nobody.
    pub(crate) fn to(route: &'static str) -> Self {
        let path = route.split(' ').nth(1).unwrap_or_default().to_owned();
        Self { route, path, ..Self::default() }
    }

    /// Of a route about a user: `me`, or an identifier.
    pub(crate) fn about(route: &'static str, user: &str) -> Self {
        let call = Self::to(route);
        Self { path: call.path.replace("{user_id}", user), target: Some(user.to_owned()), ..call }
    }

    #[must_use]
    pub(crate) fn with(self, json: Value) -> Self {
        Self { json: Some(json), ..self }
    }

    #[must_use]
    pub(crate) fn by(self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self }
    }

    /// A field of the body.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.json.as_ref()?[name].as_str()
    }

    /// What `me` and a missing field stand for is told by the token.
    pub(crate) fn caller(&self) -> Option<Caller> {
        Caller::of_token(self.token.as_deref()?)
    }

    /// The user whom it is about.
    pub(crate) fn subject(&self) -> Option<String> {
        match self.target.as_deref() {
            Some("me") | None => Some(self.caller()?.user),
            Some(other) => Some(other.to_owned()),
        }
    }

    /// The request that the router takes.
    pub(crate) fn request(&self) -> Request<Body> {
        let method = self.route.split(' ').next().unwrap_or_default();
        let mut request = Request::builder().method(method).uri(&self.path).header("host", "api.example.com");
        let body =
            self.json.as_ref().map_or_else(|| self.bytes.clone(), |json| json.to_string().into_bytes());
        if !body.is_empty() {
            let is_json = self.json.is_some();
            request = request.header(CONTENT_TYPE, if is_json { "application/json" } else { "image/png" });
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key);
        }
        let peer = std::net::SocketAddr::new(self.ip.parse().unwrap(), 1234);
        request.extension(ConnectInfo(peer)).body(Body::from(body)).unwrap()
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.route.split(' ').next().unwrap_or_default();
        write!(f, "{method} {}", shortened(&self.path, 120))?;
        if let Some(json) = &self.json {
            write!(f, " {}", shortened(&json.to_string(), 200))?;
        }
        if let Some(key) = &self.key {
            write!(f, " key {key}")?;
        }
        if let Some(caller) = self.caller() {
            write!(f, " by {} in {}", caller.user, caller.session)?;
        }
        Ok(())
    }
}

impl Answer {
    /// The code of the problem that it is; of a success nothing.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().filter(|_| self.status >= 400).unwrap_or_default()
    }

    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.code())?;
        if let Some(left) = self.body.get("attempts_left") {
            write!(f, " ({left} left)")?;
        }
        Ok(())
    }
}

/// Who a token says to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user: String,
    pub(crate) session: String,
    /// In seconds since 1970; of a refresh token never.
    pub(crate) ends_at: i64,
    /// The generation that an access token is of.
    pub(crate) generation: Option<i64>,
}

impl Caller {
    /// Reads an access token without checking it.
    pub(crate) fn of_token(token: &str) -> Option<Self> {
        use base64::Engine as _;
        let claims =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        Some(Self {
            user: claims["sub"].as_str()?.to_owned(),
            session: claims["sid"].as_str()?.to_owned(),
            ends_at: claims["exp"].as_i64()?,
            generation: claims["gen"].as_i64(),
        })
    }
}

/// What a refresh token says: whose, of which session, of which generation.
pub(crate) fn read_refresh(token: &str) -> Option<(String, String, u32)> {
    let mut parts = token.split('.').skip(1);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned(), parts.next()?.parse().ok()?))
}

/// The passkey that a request says to be of, as the API calls it.
pub(crate) fn id_of_passkey(call: &Call) -> Option<String> {
    use base64::Engine as _;
    let id = call.json.as_ref()?["credential"]["rawId"].as_str()?;
    let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(id).ok()?;
    Some(PasskeyId::of(&id).as_str().to_owned())
}

/// The beginning of a text.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
