//! The inbox of the laptop: what was texted, for the terminal and at
//! `GET /local/messages`.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use latchkey::domain::phone::{Phone, Region};
use latchkey::texts::inbox::{Inbox, Message};
use latchkey::world::Rfc3339;
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
pub fn router(inbox: Arc<Inbox>, region: Region) -> Router {
    Router::new().route("/local/messages", get(messages)).with_state(Reader { inbox, region })
}

async fn messages(State(reader): State<Reader>, Query(filter): Query<Filter>) -> Response {
    let to = match filter.to.as_deref().map(|to| Phone::parse(to, reader.region)).transpose() {
        Ok(to) => to,
        Err(error) => return (StatusCode::UNPROCESSABLE_ENTITY, format!("to: {error}\n")).into_response(),
    };
    match reader.inbox.list().await {
        Ok(messages) => {
            let wanted =
                messages.into_iter().filter(|message| to.as_ref().is_none_or(|to| message.to == *to));
            Json(wanted.map(Shown::from).collect::<Vec<_>>()).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
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
