//! The inbox of the laptop: what was texted, for the terminal, for people at
//! `GET /local`, and for programs at `GET /local/messages`.

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
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use latchkey::base::config::{self, BadParameter, Vars};
use latchkey::cloud::error::StoreError;
use latchkey::domain::numbers::Numbers;
use latchkey::domain::phone::Phone;
use latchkey::domain::typed::plain;
use latchkey::http::response::{ALL_OUR_OWN, IntoResponse as _, Screen};
use latchkey::settings;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::texts::Texts;

/// How many texts the page is given at most: what a browser draws in no time.
const MOST: usize = 500;

/// How many there are that were asked for, of which `limit` let through the newest.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
    number: Option<String>,
    limit: Option<usize>,
}

#[derive(Clone)]
struct Reader {
    texts: Arc<Texts>,
    numbers: Arc<Numbers>,
}

/// `GET /local/messages`: all texts of a day, oldest first; `?to=` those to one phone.
/// With `?limit=`, up to 500, it is what `GET /local` shows as a page, which asks each
/// second: the newest so many that are not forgotten, each with its `code` and whether that
/// `is_live`; `?number=` those to numbers that it may be, however it is written, or a part of;
/// `x-total-count` says of how many. `DELETE /local/messages` empties it.
///
/// They answer to names of this machine only: a page on the web may give itself a
/// name that leads here, and would read everybody's codes. Nor may one under its own name
/// empty it.
///
/// # Errors
/// If a parameter that numbers are read by is bad.
pub fn router(texts: Arc<Texts>, vars: &Vars) -> Result<Router, BadParameter> {
    let public = vars.optional(config::PUBLIC_URL).and_then(|url| url.parse::<Uri>().ok());
    let public = public.and_then(|url| url.host().map(str::to_ascii_lowercase));
    let reader = Reader { texts, numbers: Arc::new(settings::numbers(vars)?) };
    Ok(Router::new()
        .route("/local", get(page))
        .route("/local/inbox.css", get(file("text/css", include_str!("../inbox/inbox.css"))))
        .route("/local/inbox.js", get(file("text/javascript", include_str!("../inbox/inbox.js"))))
        .route("/local/icon.svg", get(file("image/svg+xml", include_str!("../../admin/icon.svg"))))
        .route("/local/messages", get(messages).delete(empty))
        .with_state(reader)
        .route_layer(from_fn(move |request: Request, next: Next| {
            let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
            let is_ours = host.is_some_and(|host| is_ours(host, public.as_deref()));
            async move { if is_ours { next.run(request).await } else { elsewhere() } }
        })))
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
    let to = match filter.to.as_deref().map(|to| reader.numbers.read(to, None)).transpose() {
        Ok(to) => to,
        Err(error) => return (StatusCode::UNPROCESSABLE_ENTITY, format!("to: {error}\n")).into_response(),
    };
    let Some(limit) = filter.limit else {
        let texts = reader.texts.all(to.as_ref()).await;
        return texts.map_or_else(silent, |texts| unless_known(&texts, texts.len(), &headers));
    };
    if !(1..=MOST).contains(&limit) {
        return (StatusCode::UNPROCESSABLE_ENTITY, format!("limit: 1 to {MOST}\n")).into_response();
    }
    let number = filter.number.as_deref().filter(|typed| !typed.trim().is_empty());
    let number = number.map(|typed| Sought::of(typed, &reader.numbers));
    let wanted = |phone: &Phone| {
        to.as_ref().is_none_or(|to| phone == to) && number.as_ref().is_none_or(|number| number.is_in(phone))
    };
    let newest = reader.texts.newest(limit, wanted).await;
    newest.map_or_else(silent, |newest| unless_known(&newest.texts, newest.of, &headers))
}

async fn empty(State(reader): State<Reader>, headers: HeaderMap) -> Response {
    if !is_from_here(&headers) {
        let words = "The inbox is emptied by its own page, or by what is no page.\n";
        return (StatusCode::FORBIDDEN, words).into_response();
    }
    reader.texts.empty().await.map_or_else(silent, |()| StatusCode::NO_CONTENT.into_response())
}

/// Whether no page asks, or one of ours: browsers tell whose it is.
fn is_from_here(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    origin.zip(host).is_some_and(|((_, from), host)| from.eq_ignore_ascii_case(host))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what a result is mapped by")]
fn silent(error: StoreError) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
}

/// A number that is looked for, as far as it was typed.
struct Sought {
    whole: Option<Phone>,
    parts: Vec<String>,
}

impl Sought {
    fn of(typed: &str, numbers: &Numbers) -> Self {
        let digits: String = plain(typed).chars().filter(char::is_ascii_digit).collect();
        // As it is dialled at home or from there abroad: +49 151 … is 0151 …, +7 900 … is 8 900 ….
        let beyond = |prefix: &str| digits.strip_prefix(prefix).filter(|rest| rest.len() > 2);
        let parts = [Some(digits.as_str()), beyond("00"), beyond("0"), beyond("8")];
        let parts = parts.into_iter().flatten().filter(|part| !part.is_empty()).map(str::to_owned);
        Self { whole: numbers.read(typed, None).ok(), parts: parts.collect() }
    }

    fn is_in(&self, phone: &Phone) -> bool {
        match &self.whole {
            Some(whole) => phone == whole,
            None => self.parts.iter().any(|part| phone.as_str().contains(part.as_str())),
        }
    }
}

/// The texts, of `total`, or 304 to whoever has these already.
fn unless_known(texts: &[impl Serialize], total: usize, headers: &HeaderMap) -> Response {
    let body = serde_json::to_vec(texts).expect("texts are of strings");
    let mut hasher = DefaultHasher::new();
    (&body, total).hash(&mut hasher);
    let tag = format!("\"{:x}\"", hasher.finish());
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let about = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    (about, [(ETAG, tag), (TOTAL, total.to_string())], body).into_response()
}

/// Shows each new text in the terminal, for as long as the gateway runs.
pub async fn show_in_terminal(texts: Arc<Texts>, mut texted: Receiver<String>) {
    loop {
        let line = match texted.recv().await {
            Ok(key) => match texts.find(&key).await {
                Ok(Some(message)) => format!("  text to {}: {}", message.to.as_str(), message.body),
                _ => continue,
            },
            Err(RecvError::Lagged(missed)) => format!("  and {missed} texts more: they are at /local"),
            Err(RecvError::Closed) => return,
        };
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}
