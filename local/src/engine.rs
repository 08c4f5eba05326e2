//! The embedded DynamoDB, reached through the SDK's own HTTP seam: no socket,
//! the same requests.

use std::path::Path;

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use latchkey::base::error::StartError;
use latchkey::sms::inbox::KEY_PREFIX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::broadcast;

/// How many texts whoever listens may fall behind.
const HELD: usize = 1_024;

/// An engine, in memory or in a file.
#[derive(Clone)]
pub struct Engine {
    database: Database,
    texted: broadcast::Sender<String>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// One that forgets everything when it is dropped.
    pub fn in_memory() -> Result<Self, StartError> {
        let database = Database::memory();
        Ok(Self::of(database.map_err(|error| StartError::new("the engine cannot start", error))?))
    }

    /// One that keeps everything in a file; what it acknowledged survives a
    /// `kill -9`.
    pub fn in_file(path: &Path) -> Result<Self, StartError> {
        let cannot = || format!("{} cannot be opened", path.display());
        let database = Database::new(&path.to_string_lossy());
        Ok(Self::of(database.map_err(|error| StartError::new(cannot(), error))?))
    }

    fn of(database: Database) -> Self {
        Self { database, texted: broadcast::Sender::new(HELD) }
    }

    /// The SDK's way in.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// The engine itself, to be served to others or swept.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The keys of texts that are put into the inbox from now on, through the SDK.
    pub fn texted(&self) -> broadcast::Receiver<String> {
        self.texted.subscribe()
    }

    /// Answers one request of DynamoDB's JSON protocol: status and body. Blocks.
    pub fn answer(&self, operation: &str, body: &[u8]) -> (u16, String) {
        let db = &self.database;
        let answer = match operation {
            "BatchGetItem" => run(body, |input| db.batch_get_item(input)),
            "CreateTable" => run(body, |input| db.create_table(input)),
            "DeleteItem" => run(body, |input| db.delete_item(input)),
            "DescribeTable" => run(body, |input| db.describe_table(input)),
            "PutItem" => run(body, |input| db.put_item(input)),
            "Query" => run(body, |input| db.query(input)),
            "Scan" => run(body, |input| db.scan(input)),
            "TransactWriteItems" => run(body, |input| db.transact_write_items(input)),
            "UpdateItem" => run(body, |input| db.update_item(input)),
            "UpdateTimeToLive" => run(body, |input| db.update_time_to_live(input)),
            other => Err(DynoxideError::ValidationException(format!("{other} is not used here"))),
        };
        match answer {
            Ok(answer) => {
                if let Some(text) = (operation == "PutItem").then(|| key_of_text(body)).flatten() {
                    // Nobody may be listening.
                    let _ = self.texted.send(text);
                }
                (200, answer)
            }
            Err(error) => (error.status_code(), error.to_json()),
        }
    }
}

fn run<I: DeserializeOwned, O: Serialize>(
    body: &[u8],
    operation: impl FnOnce(I) -> dynoxide::Result<O>,
) -> dynoxide::Result<String> {
    let invalid = |error: serde_json::Error| DynoxideError::ValidationException(error.to_string());
    let output = operation(serde_json::from_slice(body).map_err(invalid)?)?;
    serde_json::to_string(&output).map_err(invalid)
}

impl HttpClient for Engine {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Engine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let engine = self.clone();
        respond(&request, move |operation, body| engine.answer(operation, body))
    }
}

/// Answers a request of the SDK: operation and body in, status and body out. The engine blocks,
/// so it is kept off the async threads.
pub(crate) fn respond(
    request: &HttpRequest,
    answer: impl FnOnce(&str, &[u8]) -> (u16, String) + Send + 'static,
) -> HttpConnectorFuture {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let body = request.body().bytes().unwrap_or_default().to_vec();
    HttpConnectorFuture::new(async move {
        let (status, body) = tokio::task::spawn_blocking(move || answer(&operation, &body))
            .await
            .map_err(|error| ConnectorError::other(error.into(), None))?;
        let status = status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        Ok(response)
    })
}

/// The key of the item that is put, if it is a text of the inbox.
fn key_of_text(body: &[u8]) -> Option<String> {
    if !body.windows(KEY_PREFIX.len()).any(|window| window == KEY_PREFIX.as_bytes()) {
        return None;
    }
    let input: Value = serde_json::from_slice(body).ok()?;
    let key = input["Item"]["pk"]["S"].as_str()?;
    key.starts_with(KEY_PREFIX).then(|| key.to_owned())
}
