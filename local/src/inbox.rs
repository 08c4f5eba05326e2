//! The inbox of the laptop: what was texted, for the terminal, for people at
//! `GET /local`, and for programs at `GET /local/messages`.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use latchkey::base::config::{self, Vars};
use latchkey::base::world::Rfc3339;
use latchkey::domain::phone::{Phone, Region};
use latchkey::http::response::{ALL_OUR_OWN, IntoResponse as _, Screen};
use latchkey::sms::inbox::{Inbox, Message};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    to: Phone,
    body: String,
    sent_at: Rfc3339,
}

impl From<Message> for Shown {
    fn from(message: Message) -> Self {
        Self { to: message.to, body: message.body, sent_at: Rfc3339(message.sent_at) }
    }
}

#[derive(Clone)]
struct Reader {
    inbox: Arc<Inbox>,
    region: Region,
}

/// `GET /local/messages`: all texts, oldest first; `?to=` those to one phone.
/// `GET /local`: the same as a page, which asks for them each second.
///
/// They answer to names of this machine only: a page on the web may give itself a
/// name that leads here, and would read everybody's codes.
pub fn router(inbox: Arc<Inbox>, region: Region, vars: &Vars) -> Router {
    let public = vars.optional(config::PUBLIC_URL).and_then(|url| url.parse::<Uri>().ok());
    let public = public.and_then(|url| url.host().map(str::to_ascii_lowercase));
    Router::new()
        .route("/local", get(page))
        .route("/local/inbox.css", get(file("text/css", include_str!("../inbox/inbox.css"))))
        .route("/local/inbox.js", get(file("text/javascript", include_str!("../inbox/inbox.js"))))
        .route("/local/icon.svg", get(file("image/svg+xml", include_str!("../../admin/icon.svg"))))
        .route("/local/messages", get(messages))
        .with_state(Reader { inbox, region })
        .route_layer(from_fn(move |request: Request, next: Next| {
            let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
            let is_ours = host.is_some_and(|host| is_ours(host, public.as_deref()));
            async move { if is_ours { next.run(request).await } else { elsewhere() } }
        }))
}

/// Whether a `Host` leads here whoever resolves it, or is the one that the
/// deployment says to have.
fn is_ours(host: &str, public: Option<&str>) -> bool {
    let Ok(host) = host.parse::<Authority>() else { return false };
    let name = host.host().to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || name == "host.docker.internal"
        || Some(name.as_str()) == public
}

fn elsewhere() -> Response {
    let words = "The inbox answers to localhost, to addresses, and to the host of PUBLIC_URL.\n";
    (StatusCode::MISDIRECTED_REQUEST, words).into_response()
}

async fn page() -> Response {
    let page = Screen { html: include_str!("../inbox/index.html"), policy: ALL_OUR_OWN };
    page.into_response().map(Body::from)
}

fn file(media_type: &'static str, content: &'static str) -> ([(HeaderName, &'static str); 2], &'static str) {
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-cache")], content)
}

async fn messages(
    State(reader): State<Reader>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Response {
    let to = match filter.to.as_deref().map(|to| Phone::parse(to, reader.region)).transpose() {
        Ok(to) => to,
        Err(error) => return (StatusCode::UNPROCESSABLE_ENTITY, format!("to: {error}\n")).into_response(),
    };
    match reader.inbox.list().await {
        Ok(messages) => {
            let wanted =
                messages.into_iter().filter(|message| to.as_ref().is_none_or(|to| message.to == *to));
            unless_known(&wanted.map(Shown::from).collect::<Vec<_>>(), &headers)
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// The texts, or 304 to whoever has these already.
fn unless_known(texts: &[Shown], headers: &HeaderMap) -> Response {
    let body = serde_json::to_vec(texts).expect("texts are of strings");
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let tag = format!("\"{:x}\"", hasher.finish());
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let about = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    (about, [(ETAG, tag)], body).into_response()
}

/// Shows each new text in the terminal, for as long as the gateway runs.
pub async fn show_in_terminal(inbox: Arc<Inbox>, engine: Engine) {
    let mut shown: BTreeSet<String> = keys(&inbox).await;
    loop {
        engine.texted().await;
        for message in inbox.list().await.unwrap_or_default() {
            if shown.insert(message.pk) {
                let _ = writeln!(std::io::stdout(), "  text to {}: {}", message.to.as_str(), message.body);
            }
        }
    }
}

async fn keys(inbox: &Inbox) -> BTreeSet<String> {
    inbox.list().await.unwrap_or_default().into_iter().map(|message| message.pk).collect()
}
