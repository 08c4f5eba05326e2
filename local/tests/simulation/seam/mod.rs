//! What stands between the functions and the engine, at the SDK's HTTP seam:
//! latency, trouble, carriers; DynamoDB's own limits; and the record of all that
//! took effect.

mod carrier;
mod refusals;
mod told;
mod way;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_dynamodb::config::SharedHttpClient;
use latchkey_local::engine::Engine;
use serde_json::{Value, json};

use self::refusals::{broken, conflict, refused, throttled};
use self::told::{summary, why};
use self::way::Seam;
use crate::truth::{Item, Place, Table, Truth, number};
use crate::weather::{Trouble, Ttl, Weather};
use crate::world::{self, VirtualClock};
use crate::{check, dynamo};

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
        SharedHttpClient::new(Seam::new(self, starting))
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
        if matches!(reply, Reply::Answer(200, _)) {
            let now = match operation {
                "PutItem" => vec![(place_of(input), Some(Item::new(input["Item"].clone())))],
                // Not all updates ask for what they made.
                "UpdateItem" => self.read(vec![place_of(input)]),
                _ => vec![(place_of(input), None)],
            };
            self.applied(request, false, now);
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

fn place_of(input: &Value) -> Place {
    let (table, key) = dynamo::target(input);
    Place::new(Table::of_name(&table), key)
}

fn key_of(place: &Place) -> Value {
    match place.key.split_once('/') {
        Some((user, slot)) if place.table == Table::Sessions => {
            json!({ "user_id": { "S": user }, "slot": { "S": slot } })
        }
        Some((month, position)) if place.table == Table::Audit => {
            json!({ "month": { "S": month }, "position": { "S": position } })
        }
        _ => json!({ "pk": { "S": place.key } }),
    }
}
