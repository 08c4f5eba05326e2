//! What stands between the functions and the engine, at the SDK's HTTP seam:
//! latency, trouble, carriers; DynamoDB's own limits; and the record of all that
//! took effect.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use latchkey_local::engine::Engine;
use percent_encoding::percent_decode_str;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::truth::{Direction, Item, Place, Table, Truth, number};
use crate::weather::{Trouble, Ttl, Weather};
use crate::world::{self, Scope, VirtualClock};
use crate::{check, dynamo};

/// An attempt that is longer on its way is given up by the client.
const PATIENCE: Duration = Duration::from_millis(900);

/// How long DynamoDB remembers the token of a transaction ("TransactWriteItems").
const TOKEN_LIFE: i64 = 600_000;

/// How late TTL is where it is late, in seconds.
const LATE: i64 = 7_200;

/// All that the instances of a run share.
pub(crate) struct Beneath {
    pub(crate) engine: Engine,
    pub(crate) clock: VirtualClock,
    pub(crate) weather: Weather,
    pub(crate) seed: u64,
    truth: Mutex<Truth>,
    tokens: Mutex<BTreeMap<String, Remembered>>,
    lists: Mutex<BTreeMap<String, String>>,
}

/// A transaction that DynamoDB remembers by its token.
struct Remembered {
    contents: String,
    done_at: Option<i64>,
}

/// What comes back of a request, if anything does.
enum Reply {
    Answer(u16, String),
    Lost,
}

impl Beneath {
    pub(crate) fn new(
        engine: Engine,
        clock: VirtualClock,
        weather: Weather,
        seed: u64,
        truth: Truth,
    ) -> Arc<Self> {
        Arc::new(Self {
            engine,
            clock,
            weather,
            seed,
            truth: Mutex::new(truth),
            tokens: Mutex::default(),
            lists: Mutex::default(),
        })
    }

    pub(crate) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    /// A way into the engine. `starting` as long as the instance that uses it
    /// starts: then nothing goes wrong.
    pub(crate) fn http_client(self: &Arc<Self>, starting: &Arc<AtomicBool>) -> SharedHttpClient {
        SharedHttpClient::new(Seam { beneath: Arc::clone(self), starting: Arc::clone(starting) })
    }

    /// Takes away what is over, as TTL does.
    pub(crate) fn sweep(&self) {
        let late = match self.weather.ttl {
            Ttl::Never => return,
            Ttl::Promptly => 0,
            Ttl::Late => LATE,
        };
        let now = self.clock.millis();
        let mut truth = self.truth();
        let is_over = |item: &Value| item.get("ttl").is_some() && (number(item, "ttl") + late) * 1_000 <= now;
        let over: Vec<_> =
            truth.everything().filter(|(_, item)| is_over(item)).map(|(place, _)| place.clone()).collect();
        for place in over {
            let input = json!({ "TableName": place.table.name(), "Key": key_of(&place) });
            let (status, body) = self.engine.answer("DeleteItem", input.to_string().as_bytes());
            assert_eq!(status, 200, "{body}");
            truth.record(now, None, false, vec![(place, None)]);
        }
    }

    /// A request arrives at the table.
    fn arrive(
        &self,
        operation: &str,
        input: &Value,
        trouble: Option<Trouble>,
        request: Option<u64>,
    ) -> Reply {
        let reply = self.answer(operation, input, trouble, request);
        let status = if let Reply::Answer(status, _) = &reply { *status } else { 0 };
        let now = self.clock.elapsed();
        let traced = world::mix(&[now, world::digest(operation), status.into(), request.unwrap_or(0)]);
        self.truth().note(traced, || {
            let trouble = trouble.map(|trouble| format!(" ({trouble:?})")).unwrap_or_default();
            let by = request.map_or_else(|| "-".to_owned(), |id| id.to_string());
            let asked = summary(operation, input);
            let why = if let Reply::Answer(400, body) = &reply { why(input, body) } else { String::new() };
            format!("      {now} {by} {operation} {asked} -> {status}{trouble}{why}")
        });
        reply
    }

    fn answer(
        &self,
        operation: &str,
        input: &Value,
        trouble: Option<Trouble>,
        request: Option<u64>,
    ) -> Reply {
        match trouble {
            Some(Trouble::LostBefore) => return Reply::Lost,
            Some(Trouble::Throttled) => return throttled(operation, input),
            Some(Trouble::Conflict) => return conflict(operation, input),
            Some(Trouble::InProgress) => return refused("TransactionInProgressException"),
            Some(Trouble::BrokenBefore) => return broken(),
            _ => {}
        }
        if let Some(refusal) = dynamo::refusal(operation, input) {
            self.truth().violated("dynamodb_refuses", format!("{operation}: {refusal}"));
            return refused("ValidationException");
        }
        if operation == "BatchGetItem" && summary(operation, input).starts_with("made#") {
            self.truth().reads_numbers();
        }
        let reply = match operation {
            "TransactWriteItems" => self.transact(input, request),
            "PutItem" | "UpdateItem" | "DeleteItem" => self.write(operation, input, request),
            "BatchGetItem" if trouble == Some(Trouble::Partly) => self.read_partly(input),
            "Query" => self.query(input, trouble == Some(Trouble::Stale)),
            _ => self.plain(operation, input),
        };
        match trouble {
            Some(Trouble::LostAfter) => Reply::Lost,
            Some(Trouble::BrokenAfter) => broken(),
            _ => reply,
        }
    }

    fn plain(&self, operation: &str, input: &Value) -> Reply {
        let (status, body) = self.engine.answer(operation, input.to_string().as_bytes());
        if status == 400 && body.contains("ValidationException") {
            self.truth().violated("dynamodb_refuses", format!("{operation}: {body}"));
        }
        Reply::Answer(status, body)
    }

    fn write(&self, operation: &str, input: &Value, request: Option<u64>) -> Reply {
        let reply = self.plain(operation, input);
        if let Reply::Answer(200, body) = &reply {
            let after = match operation {
                "PutItem" => Some(input["Item"].clone()),
                "UpdateItem" => {
                    let answer: Value = serde_json::from_str(body).unwrap();
                    Some(answer["Attributes"].clone())
                }
                _ => None,
            };
            self.applied(request, false, vec![(place_of(input), after.map(Item::new))]);
        }
        reply
    }

    fn transact(&self, input: &Value, request: Option<u64>) -> Reply {
        let token = input["ClientRequestToken"].as_str().unwrap_or_default().to_owned();
        let contents = input["TransactItems"].to_string();
        let now = self.clock.millis();
        {
            let mut tokens = self.tokens.lock().unwrap();
            let known = tokens
                .entry(token.clone())
                .or_insert_with(|| Remembered { contents: contents.clone(), done_at: None });
            let is_alive = known.done_at.is_none_or(|at| now < at + TOKEN_LIFE);
            if is_alive && known.contents != contents {
                self.truth().violated("dynamodb_refuses", "a token repeated with other contents");
                return refused("IdempotentParameterMismatchException");
            }
            if is_alive && known.done_at.is_some() {
                return Reply::Answer(200, "{}".to_owned());
            }
        }
        // The engine's own memory of tokens goes by the machine's clock.
        let reply = self.plain("TransactWriteItems", &json!({ "TransactItems": input["TransactItems"] }));
        if let Reply::Answer(200, _) = &reply {
            if let Some(known) = self.tokens.lock().unwrap().get_mut(&token) {
                known.done_at = Some(now);
            }
            let places = dynamo::parts(input)
                .filter(|(kind, _)| *kind != "ConditionCheck")
                .map(|(_, part)| place_of(part))
                .collect();
            self.applied(request, true, self.read(places));
        }
        reply
    }

    /// Records what took effect, and holds it against the rules.
    fn applied(&self, request: Option<u64>, is_transaction: bool, now: Vec<(Place, Option<Item>)>) {
        let mut truth = self.truth();
        for (place, item) in &now {
            if let Some(bad) = item.as_deref().and_then(dynamo::too_large) {
                truth.violated("dynamodb_refuses", format!("{}: {bad}", place.key));
            }
        }
        let applied = truth.record(self.clock.millis(), request, is_transaction, now);
        truth.note(0, || {
            let numbers = |item: &Value| ["n", "strangers", "t1", "g1"].map(|name| number(item, name));
            let changes = applied.changes.iter().map(|change| {
                format!(
                    "{} {:?} -> {:?}",
                    change.place.key,
                    numbers(change.before()),
                    numbers(change.after())
                )
            });
            format!("        = {}", changes.collect::<Vec<_>>().join(", "))
        });
        check::applied(&mut truth, &applied);
    }

    /// The items of places as they are.
    fn read(&self, places: Vec<Place>) -> Vec<(Place, Option<Item>)> {
        if places.is_empty() {
            return Vec::new();
        }
        let mut asked = BTreeMap::<_, Vec<Value>>::new();
        for place in &places {
            asked.entry(place.table.name()).or_default().push(key_of(place));
        }
        let asked: Value = asked
            .into_iter()
            .map(|(table, keys)| (table.to_owned(), json!({ "Keys": keys, "ConsistentRead": true })))
            .collect();
        let input = json!({ "RequestItems": asked });
        let (status, body) = self.engine.answer("BatchGetItem", input.to_string().as_bytes());
        assert_eq!(status, 200, "{body}");
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        let mut found = BTreeMap::new();
        for table in Table::ALL {
            for item in answer["Responses"][table.name()].as_array_mut().into_iter().flatten() {
                let item = item.take();
                found.insert(Place::new(table, dynamo::key_as_text(&item)), Item::new(item));
            }
        }
        places
            .into_iter()
            .map(|place| {
                let item = found.remove(&place);
                (place, item)
            })
            .collect()
    }

    /// Answers one key of a batch, and leaves the others.
    fn read_partly(&self, input: &Value) -> Reply {
        let Some((table, of)) = input["RequestItems"].as_object().and_then(|tables| tables.iter().next())
        else {
            return self.plain("BatchGetItem", input);
        };
        let mut first = of.clone();
        first["Keys"].as_array_mut().unwrap().truncate(1);
        let mut left = input["RequestItems"].clone();
        left[table]["Keys"].as_array_mut().unwrap().remove(0);
        left.as_object_mut().unwrap().retain(|_, of| of["Keys"] != json!([]));
        let Reply::Answer(status, body) =
            self.plain("BatchGetItem", &json!({ "RequestItems": { table: first } }))
        else {
            return Reply::Lost;
        };
        let mut body: Value = serde_json::from_str(&body).unwrap();
        body["UnprocessedKeys"] = left;
        Reply::Answer(status, body.to_string())
    }

    /// A query; a stale one is answered as it was the last time, or as if nothing
    /// had arrived yet.
    fn query(&self, input: &Value, is_stale: bool) -> Reply {
        let name = input.to_string();
        if is_stale && input["ConsistentRead"] != json!(true) {
            let before = self.lists.lock().unwrap().get(&name).cloned();
            let none = || json!({ "Items": [], "Count": 0, "ScannedCount": 0 }).to_string();
            return Reply::Answer(200, before.unwrap_or_else(none));
        }
        let reply = self.plain("Query", input);
        if let Reply::Answer(200, body) = &reply {
            self.lists.lock().unwrap().insert(name, body.clone());
        }
        reply
    }
}

/// The way of one instance.
#[derive(Clone)]
struct Seam {
    beneath: Arc<Beneath>,
    starting: Arc<AtomicBool>,
}

impl std::fmt::Debug for Seam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seam")
    }
}

impl HttpClient for Seam {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Seam {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (seam, scope) = (self.clone(), Scope::present());
        HttpConnectorFuture::new(async move {
            let body = request.body().bytes().unwrap_or_default();
            if request.uri().contains("//sns.") {
                let scope = scope.expect("only requests text");
                return seam.text(&scope, &String::from_utf8_lossy(body)).await;
            }
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let input = one_is_many(in_order(serde_json::from_slice(body).unwrap()));
            seam.ask(scope, operation, input).await
        })
    }
}

impl Seam {
    async fn ask(
        self,
        scope: Option<Scope>,
        operation: String,
        input: Value,
    ) -> Result<HttpResponse, ConnectorError> {
        let Self { beneath, starting } = self;
        let weather = if starting.load(Ordering::SeqCst) { Weather::calm() } else { beneath.weather.clone() };
        let of_nobody = || {
            let asked = world::digest(&input.to_string());
            world::rng(&[beneath.seed, beneath.clock.elapsed(), asked])
        };
        let mut chance = scope.as_ref().map_or_else(of_nobody, Scope::next_chance);
        let request = scope.as_ref().map(Scope::id);
        let is_write = matches!(&*operation, "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems");
        let trouble = if is_write {
            weather.of_write(operation.starts_with("Transact"), &mut chance)
        } else {
            weather.of_read(&mut chance)
        };
        let (there, back) = (weather.way(&mut chance), weather.way(&mut chance));
        // An answer that is too late is as good as lost.
        let met = trouble.or((there + back > PATIENCE).then_some(Trouble::LostAfter));
        if let Some(met) = met {
            beneath.truth().met(request, is_write, met, beneath.clock.millis());
        }
        if is_write && (trouble.is_some() || there + back > PATIENCE) {
            beneath.truth().trouble(request, &places_of(&operation, &input), direction(&input));
        }
        // What the client waits for after each failure is drawn from a generator of
        // the thread.
        let again = chance.random();
        let reply = if is_write && !there.is_zero() {
            // Whoever asked may be gone by then: what is on its way arrives all the same.
            let (tell, told) = oneshot::channel();
            let beneath = Arc::clone(&beneath);
            tokio::spawn(async move {
                sleep(there).await;
                // Nobody may be waiting any more.
                let _ = tell.send(beneath.arrive(&operation, &input, trouble, request));
            });
            told.await.unwrap_or(Reply::Lost)
        } else {
            if !there.is_zero() {
                sleep(there).await;
            }
            beneath.arrive(&operation, &input, trouble, request)
        };
        if !back.is_zero() {
            sleep(back).await;
        }
        fastrand::seed(again);
        match reply {
            Reply::Answer(status, body) => Ok(response(status, &body)),
            Reply::Lost if chance.random_bool(0.5) => pending().await,
            Reply::Lost => Err(ConnectorError::io("the connection broke".into())),
        }
    }

    /// A text comes to the carrier, or does not.
    async fn text(&self, scope: &Scope, form: &str) -> Result<HttpResponse, ConnectorError> {
        let Self { beneath, .. } = self;
        let mut chance = scope.next_chance();
        let trouble = beneath.weather.of_text(&mut chance);
        let (there, back) = (beneath.weather.way(&mut chance), beneath.weather.way(&mut chance));
        sleep(there).await;
        let (phone, message) = (form_field(form, "PhoneNumber"), form_field(form, "Message"));
        {
            let mut truth = beneath.truth();
            let now = beneath.clock.elapsed();
            truth.note(world::mix(&[now, world::digest(form)]), || {
                format!("      {now} {} text to {phone}: {message:?} {trouble:?}", scope.id())
            });
            match trouble {
                Some(Trouble::CarrierUnreached) => {}
                Some(Trouble::CarrierRefuses) => {
                    if let Some(ledger) = truth.ledgers.get_mut(&scope.id()) {
                        ledger.refused_by_carrier = true;
                    }
                }
                _ => check::handed(&mut truth, scope.id(), &phone, &message),
            }
        }
        match trouble {
            Some(Trouble::CarrierUnreached) => {
                let nobody = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
                return Err(ConnectorError::io(nobody.into()));
            }
            Some(Trouble::CarrierSilent) => pending().await,
            _ => sleep(back).await,
        }
        Ok(carrier(trouble, &mut chance))
    }
}

/// What a carrier answers.
fn carrier(trouble: Option<Trouble>, chance: &mut StdRng) -> HttpResponse {
    let error = |code: &str, words: &str| {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error></ErrorResponse>"
        )
    };
    let (status, body) = match trouble {
        Some(Trouble::CarrierRefuses) => {
            let (code, words) = [
                ("OptedOut", "phone number is opted out"),
                ("Throttled", "Rate exceeded"),
                ("InvalidParameter", "Invalid parameter: PhoneNumber Reason: not valid to publish to"),
                ("LimitExceeded", "No quota left for account"),
                ("AuthorizationError", "not authorized to perform: SNS:Publish"),
            ][chance.random_range(0..5)];
            (400, error(code, words))
        }
        Some(Trouble::CarrierBreaks) => (500, error("InternalFailure", "")),
        _ => {
            let taken = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                         <MessageId>m</MessageId></PublishResult></PublishResponse>";
            (200, taken.to_owned())
        }
    };
    HttpResponse::new(u16::try_into(status).unwrap(), SdkBody::from(body))
}

/// In a town of ten one referral is as many as one item counts.
fn one_is_many(mut input: Value) -> Value {
    let actions = input.get_mut("TransactItems").and_then(Value::as_array_mut);
    for action in actions.into_iter().flatten() {
        if let Some(many) = action.pointer_mut("/Update/ExpressionAttributeValues/:many") {
            *many = json!({ "N": "1" });
        }
    }
    input
}

/// The same whatever order the client's maps are in.
fn in_order(mut input: Value) -> Value {
    for (_, of) in input["RequestItems"].as_object_mut().into_iter().flatten() {
        if let Some(keys) = of["Keys"].as_array_mut() {
            keys.sort_by_key(dynamo::key_as_text);
        }
    }
    // Asking for a field that is not there makes it.
    if input["RequestItems"].is_null() {
        input.as_object_mut().unwrap().remove("RequestItems");
    }
    input
}

fn place_of(input: &Value) -> Place {
    let (table, key) = dynamo::target(input);
    Place::new(Table::of_name(&table), key)
}

fn key_of(place: &Place) -> Value {
    match place.key.split_once('/') {
        Some((user, slot)) if place.table == Table::Sessions => {
            json!({ "user_id": { "S": user }, "slot": { "S": slot } })
        }
        _ => json!({ "pk": { "S": place.key } }),
    }
}

fn places_of(operation: &str, input: &Value) -> Vec<Place> {
    match operation {
        "TransactWriteItems" => dynamo::parts(input).map(|(_, part)| place_of(part)).collect(),
        _ => vec![place_of(input)],
    }
}

/// Whether an update takes back what was counted, by what it does.
fn direction(input: &Value) -> Direction {
    let update = input["UpdateExpression"].as_str().unwrap_or_default();
    let gives_back = update.contains("- :one") || update.contains("live_code = last_code");
    if gives_back { Direction::GiveBack } else { Direction::Take }
}

fn throttled(operation: &str, input: &Value) -> Reply {
    let seed = world::digest(&input.to_string());
    if operation == "TransactWriteItems" && seed.is_multiple_of(2) {
        return canceled(input, "ThrottlingError", seed);
    }
    refused("ProvisionedThroughputExceededException")
}

fn conflict(operation: &str, input: &Value) -> Reply {
    match operation {
        "TransactWriteItems" => canceled(input, "TransactionConflict", world::digest(&input.to_string())),
        _ => refused("TransactionConflictException"),
    }
}

/// A transaction that did nothing because of one of its parts.
fn canceled(input: &Value, code: &str, which: u64) -> Reply {
    let all = dynamo::parts(input).count();
    let hit = usize::try_from(which).unwrap_or(0) % all.max(1);
    let reasons: Vec<_> =
        (0..all).map(|at| json!({ "Code": if at == hit { code } else { "None" } })).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "injected",
        "CancellationReasons": reasons,
    });
    Reply::Answer(400, body.to_string())
}

fn refused(kind: &str) -> Reply {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
    Reply::Answer(400, json!({ "__type": kind, "message": "injected" }).to_string())
}

fn broken() -> Reply {
    let kind = "com.amazonaws.dynamodb.v20120810#InternalServerError";
    Reply::Answer(500, json!({ "__type": kind, "message": "injected" }).to_string())
}

fn response(status: u16, body: &str) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

/// A field of `application/x-www-form-urlencoded`.
fn form_field(form: &str, name: &str) -> String {
    let fields = form.split('&').filter_map(|field| field.split_once('='));
    let value = fields.filter(|(of, _)| *of == name).map(|(_, value)| value.replace('+', " ")).next();
    percent_decode_str(&value.unwrap_or_default()).decode_utf8_lossy().into_owned()
}

/// Why a request was refused, for a diary.
fn why(input: &Value, body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let Some(reasons) = body["CancellationReasons"].as_array() else {
        return format!(
            " {}",
            body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default()
        );
    };
    let parts = dynamo::parts(input).zip(reasons).filter(|(_, reason)| reason["Code"] != "None");
    let parts = parts.map(|((_, part), reason)| format!("{} {}", dynamo::target(part).1, reason["Code"]));
    format!(" {}", parts.collect::<Vec<_>>().join(", "))
}

/// What a request is about, for a diary.
fn summary(operation: &str, input: &Value) -> String {
    let keys: Vec<_> = match operation {
        "BatchGetItem" => {
            let tables = input["RequestItems"].as_object().into_iter().flatten();
            let keys = tables.flat_map(|(_, of)| of["Keys"].as_array().into_iter().flatten());
            keys.map(dynamo::key_as_text).collect()
        }
        "TransactWriteItems" => {
            dynamo::parts(input).map(|(kind, part)| format!("{kind} {}", dynamo::target(part).1)).collect()
        }
        "Query" => vec![input["IndexName"].as_str().unwrap_or("sessions").to_owned()],
        _ => vec![dynamo::target(input).1],
    };
    crate::call::shortened(&keys.join(", "), 400)
}
