//! The way into the embedded engine for very many: what transactions put and add to is taken
//! in by thousands, all or none of them.
//!
//! Nobody else writes meanwhile, as the data folder is taken, and that nothing is there yet was
//! looked up before: so the conditions of what is put are not asked again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use dynoxide::types::Item;
use dynoxide::{DynoxideError, ImportOptions};
use serde_json::{Value, json};

use crate::engine::{Engine, respond};

/// How many items are taken in at once.
const AT_ONCE: usize = 5_000;

/// How many keys one `BatchGetItem` takes.
const KEYS: usize = 100;

/// An engine that takes transactions in by thousands.
#[derive(Clone)]
pub(super) struct Bulk {
    engine: Engine,
    table: String,
    waiting: Arc<Mutex<Waiting>>,
}

/// What was put and added to, and is not taken in yet.
#[derive(Default)]
struct Waiting {
    items: Vec<Item>,
    added: HashMap<String, i64>,
}

/// A part of a transaction that can wait.
enum Part {
    Put(Item),
    Add(String, i64),
}

impl std::fmt::Debug for Bulk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bulk")
    }
}

impl Bulk {
    /// One for a table; what is of others goes into the engine as ever.
    pub(super) fn new(engine: Engine, table: &str) -> Self {
        Self { engine, table: table.to_owned(), waiting: Arc::default() }
    }

    /// The SDK's way in.
    pub(super) fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// Takes in all that waits. Blocks.
    ///
    /// # Errors
    /// Whatever the engine says.
    pub(super) fn finish(&self) -> Result<(), DynoxideError> {
        self.take_in(&mut self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parts of a transaction, if each of them can wait.
    fn parts(&self, body: &[u8]) -> Option<Vec<Part>> {
        let mut transaction: Value = serde_json::from_slice(body).ok()?;
        let parts = transaction["TransactItems"].as_array_mut()?;
        parts.iter_mut().map(|of| part(of, &self.table)).collect()
    }

    /// A transaction of nothing but new items and sums waits with others; before anything else
    /// is answered, what waits is taken in.
    fn answer(&self, operation: &str, body: &[u8]) -> (u16, String) {
        let parts = if operation == "TransactWriteItems" { self.parts(body) } else { None };
        let can_wait = parts.is_some();
        let mut waiting = self.waiting();
        for part in parts.into_iter().flatten() {
            match part {
                Part::Put(item) => waiting.items.push(item),
                Part::Add(key, change) => *waiting.added.entry(key).or_default() += change,
            }
        }
        let is_due = !can_wait || waiting.items.len() >= AT_ONCE;
        let taken = if is_due { self.take_in(&mut waiting) } else { Ok(()) };
        drop(waiting);
        match taken {
            Ok(()) if can_wait => (200, "{}".to_owned()),
            Ok(()) => self.engine.answer(operation, body),
            Err(error) => (error.status_code(), error.to_json()),
        }
    }

    fn take_in(&self, waiting: &mut Waiting) -> Result<(), DynoxideError> {
        let Waiting { mut items, added } = std::mem::take(waiting);
        if items.is_empty() && added.is_empty() {
            return Ok(());
        }
        items.extend(self.summed(&added)?);
        self.engine.database().import_items(&self.table, items, ImportOptions::default())?;
        Ok(())
    }

    /// The items that are added to, as they are from then on.
    fn summed(&self, added: &HashMap<String, i64>) -> Result<Vec<Item>, DynoxideError> {
        let table = self.table.as_str();
        let internal = |error: serde_json::Error| DynoxideError::InternalServerError(error.to_string());
        let keys: Vec<_> = added.keys().collect();
        let mut summed: HashMap<_, _> =
            added.keys().map(|key| (key.clone(), json!({ "pk": { "S": key } }))).collect();
        for keys in keys.chunks(KEYS) {
            let keys: Vec<_> = keys.iter().map(|key| json!({ "pk": { "S": key } })).collect();
            let asked = json!({ "RequestItems": { table: { "Keys": keys, "ConsistentRead": true } } });
            let (status, answer) = self.engine.answer("BatchGetItem", asked.to_string().as_bytes());
            if status != 200 {
                return Err(DynoxideError::InternalServerError(answer));
            }
            let mut answer: Value = serde_json::from_str(&answer).map_err(internal)?;
            if answer["UnprocessedKeys"].as_object().is_some_and(|rest| !rest.is_empty()) {
                return Err(DynoxideError::InternalServerError("it read some of a batch alone".to_owned()));
            }
            let Value::Array(found) = answer["Responses"][table].take() else { continue };
            for item in found {
                let key = item["pk"]["S"].as_str().unwrap_or_default().to_owned();
                summed.insert(key, item);
            }
        }
        let sum = |(key, mut item): (String, Value)| {
            let before: i64 = item["n"]["N"].as_str().and_then(|n| n.parse().ok()).unwrap_or_default();
            item["n"] = json!({ "N": (before + added[&key]).to_string() });
            serde_json::from_value(item).map_err(internal)
        };
        summed.into_iter().map(sum).collect()
    }
}

/// A part of a transaction on `table`, if it can wait.
fn part(part: &mut Value, table: &str) -> Option<Part> {
    if let Some(put) = part.get_mut("Put").filter(|put| put["TableName"] == table) {
        return Some(Part::Put(serde_json::from_value(put["Item"].take()).ok()?));
    }
    let update = part.get("Update").filter(|update| update["TableName"] == table)?;
    if update["UpdateExpression"] != "ADD #n :add_n" {
        return None;
    }
    let change = update["ExpressionAttributeValues"][":add_n"]["N"].as_str()?.parse().ok()?;
    let key = update["Key"]["pk"]["S"].as_str()?.to_owned();
    Some(Part::Add(key, change))
}

impl HttpClient for Bulk {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Bulk {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let bulk = self.clone();
        respond(&request, move |operation, body| bulk.answer(operation, body))
    }
}
