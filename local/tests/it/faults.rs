//! Faults at the SDK's HTTP seam: what DynamoDB does and an embedded engine
//! does not. It also writes down what was asked.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use crate::policies;
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use latchkey_local::engine::Engine;
use latchkey_template::Template;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// As often as the SDK tries one request.
const TRIES: usize = 4;

/// What can go wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It takes effect, and the answer is lost.
    AppliedThenTimeout,
    /// It never arrives.
    Lost,
    /// The table has had enough.
    Throttled,
    /// Another transaction is at the same item, as DynamoDB words it for a write by
    /// itself and for a transaction; `Throttled` for what reads.
    Conflict,
    /// Of a batch one key is read, the others are left out.
    Partly,
    /// None: what is announced after it is for the request after it.
    Passes,
}

/// One request as it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The function that asked.
    pub(crate) function: String,
    /// `BatchGetItem`, and so on.
    pub(crate) operation: String,
    /// What it asked for.
    pub(crate) input: Value,
    /// How many bytes came back.
    pub(crate) bytes: usize,
    /// How many items came back.
    pub(crate) items: usize,
    /// What it is charged, in read or write units by table, where they are
    /// metered.
    pub(crate) units: Vec<(String, f64)>,
    /// What came back of a scan, which tests alone ask for.
    pub(crate) output: Value,
}

impl Asked {
    /// The actions and resources of IAM that it takes, as the template names them, each with
    /// the items that it concerns by their keys; a query's stand in its conditions.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let part = |action: &str, input: &Value, keys: &[&Value]| {
            let table = input["TableName"].as_str().unwrap();
            let resource = match input["IndexName"].as_str() {
                Some(index) => format!("${{{table}.Arn}}/index/{index}"),
                None => format!("{table}.Arn"),
            };
            let keys = keys.iter().filter(|key| key.is_object()).map(|key| leading(table, key)).collect();
            Part { action: format!("dynamodb:{action}"), resource, keys }
        };
        match self.operation.as_str() {
            "BatchGetItem" => {
                let tables = self.input["RequestItems"].as_object().unwrap().iter();
                let keys = |of: &Value| of["Keys"].as_array().unwrap().clone();
                tables
                    .map(|(table, of)| {
                        let input = json!({ "TableName": table });
                        part("BatchGetItem", &input, &keys(of).iter().collect::<Vec<_>>())
                    })
                    .collect()
            }
            "TransactWriteItems" => {
                let writes = self.input["TransactItems"].as_array().unwrap();
                let parts = writes.iter().flat_map(|write| write.as_object().unwrap());
                parts
                    .map(|(kind, input)| match kind.as_str() {
                        "ConditionCheck" => part("ConditionCheckItem", input, &[&input["Key"]]),
                        "Delete" => part("DeleteItem", input, &[&input["Key"]]),
                        "Put" => part("PutItem", input, &[&input["Item"]]),
                        "Update" => part("UpdateItem", input, &[&input["Key"]]),
                        other => panic!("{other} is not known here"),
                    })
                    .collect()
            }
            operation => vec![part(operation, &self.input, &[&self.input["Key"], &self.input["Item"]])],
        }
    }

    /// The attributes that an update by itself touches, as IAM knows them: those of its
    /// key, and those that it names.
    pub(crate) fn attributes(&self) -> Vec<String> {
        let keys = self.input["Key"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
        let names = self.input["ExpressionAttributeNames"].as_object().into_iter().flatten();
        keys.chain(names.filter_map(|(_, name)| name.as_str().map(str::to_owned))).collect()
    }

    /// Whether it puts a text into the inbox: the provider's, not the tables'.
    pub(crate) fn is_text(&self) -> bool {
        self.operation == "PutItem"
            && self.input["Item"]["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("inbox#"))
    }

    /// Whether the answer may be older than the last write.
    pub(crate) fn is_stale_read(&self) -> bool {
        let consistent = |input: &Value| input["ConsistentRead"] == json!(true);
        match self.operation.as_str() {
            "Query" => !consistent(&self.input),
            "BatchGetItem" => !self.input["RequestItems"].as_object().unwrap().values().all(consistent),
            _ => false,
        }
    }
}

/// A part of a request, as IAM sees it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// `dynamodb:PutItem`, and so on.
    pub(crate) action: String,
    /// The table or index, as the template names it.
    pub(crate) resource: String,
    /// The leading keys of the items that it names.
    pub(crate) keys: Vec<String>,
}

/// The value of an item's partition key.
fn leading(table: &str, item: &Value) -> String {
    static KEYS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
        let tables = Template::of_checkout().tables().into_iter();
        tables.map(|table| (table.logical_id, table.keys[0].clone())).collect()
    });
    let key = KEYS.get(table).map_or("pk", String::as_str);
    item[key]["S"].as_str().unwrap_or_default().to_owned()
}

#[derive(Default)]
struct State {
    started: Vec<Asked>,
    asked: Vec<Asked>,
    next: Vec<(&'static str, Fault)>,
    at_random: Option<StdRng>,
    stale: bool,
    latency: Option<Duration>,
    metered: bool,
    carrier: Carrier,
    texts: Vec<String>,
    forbidden: Vec<String>,
}

/// How SNS answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// It takes the text.
    #[default]
    Takes,
    /// It refuses with this code and these words.
    Refuses(&'static str, &'static str),
    /// It answers 500.
    Breaks,
    /// It does not answer.
    Silent,
    /// Nobody listens where it is.
    Unreached,
}

/// The switchboard of one test's faults.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<State>>);

impl Faults {
    /// That nobody asked for what the policy of the function forbids.
    #[track_caller]
    pub(crate) fn nothing_forbidden(&self) {
        let forbidden = &self.0.lock().unwrap().forbidden;
        assert!(forbidden.is_empty(), "{forbidden:#?}");
    }

    /// The next request of `operation` meets `fault`.
    pub(crate) fn next(&self, operation: &'static str, fault: Fault) {
        self.0.lock().unwrap().next.push((operation, fault));
    }

    /// `fault` for as long as the SDK tries one request of `operation`.
    pub(crate) fn every_try(&self, operation: &'static str, fault: Fault) {
        self.every_try_of(1, operation, fault);
    }

    /// `fault` for as long as the SDK tries so many requests of `operation` at once.
    pub(crate) fn every_try_of(&self, requests: usize, operation: &'static str, fault: Fault) {
        for _ in 0..requests * TRIES {
            self.next(operation, fault);
        }
    }

    /// What was announced and not met is called off.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap().next.clear();
    }

    /// In odd trials of a race one request in ten meets some fault from now
    /// on, others in each trial; in even ones none does. What was asked in the
    /// trial before is forgotten.
    pub(crate) fn trouble(&self, trial: u32) {
        let mut state = self.0.lock().unwrap();
        state.at_random = (trial % 2 == 1).then(|| StdRng::seed_from_u64(trial.into()));
        state.asked.clear();
    }

    /// No request meets a fault at random any more.
    pub(crate) fn calm(&self) {
        self.0.lock().unwrap().at_random = None;
    }

    /// Reads that do not ask for consistency find nothing, as if all writes
    /// were yet to arrive.
    pub(crate) fn stale_reads(&self) {
        self.0.lock().unwrap().stale = true;
    }

    /// Every request takes this long.
    pub(crate) fn latency(&self, latency: Duration) {
        self.0.lock().unwrap().latency = Some(latency);
    }

    /// Every request is asked what it is charged: [`Asked::units`].
    pub(crate) fn meter(&self) {
        self.0.lock().unwrap().metered = true;
    }

    /// SNS answers like this from now on.
    pub(crate) fn carrier(&self, carrier: Carrier) {
        self.0.lock().unwrap().carrier = carrier;
    }

    /// What SNS was asked since the last call: bodies of its Query protocol.
    pub(crate) fn texts(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().texts)
    }

    fn text(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut state = self.0.lock().unwrap();
        state.texts.push(String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned());
        let answer = |status: u16, body: String| {
            Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body)))
        };
        match state.carrier {
            Carrier::Takes => answer(
                200,
                "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                 <MessageId>m</MessageId></PublishResult></PublishResponse>"
                    .to_owned(),
            ),
            Carrier::Refuses(code, words) => answer(
                400,
                format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error></ErrorResponse>"),
            ),
            Carrier::Breaks => answer(
                500,
                "<ErrorResponse><Error><Type>Receiver</Type><Code>InternalFailure</Code></Error></ErrorResponse>".to_owned(),
            ),
            Carrier::Silent => Err(ConnectorError::timeout("no answer".into())),
            Carrier::Unreached => {
                Err(ConnectorError::io(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused))))
            }
        }
    }

    /// The start is over: what was asked so far belongs to it.
    pub(crate) fn keep_start(&self) {
        let mut state = self.0.lock().unwrap();
        state.started = std::mem::take(&mut state.asked);
    }

    /// What was asked at the start.
    pub(crate) fn asked_at_start(&self) -> Vec<Asked> {
        std::mem::take(&mut self.0.lock().unwrap().started)
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    /// Whether every announced fault was met.
    pub(crate) fn all_met(&self) -> bool {
        self.0.lock().unwrap().next.is_empty()
    }

    /// Waits until every announced fault was met: whoever met it is between two tries.
    pub(crate) async fn until_met(&self) {
        while !self.all_met() {
            tokio::task::yield_now().await;
        }
    }

    /// The way into `engine` for `function`, past the faults.
    pub(crate) fn http_client(&self, function: &str, engine: &Engine) -> SharedHttpClient {
        SharedHttpClient::new(Faulty {
            function: function.to_owned(),
            faults: self.clone(),
            engine: SharedHttpConnector::new(engine.clone()),
        })
    }

    fn draw(&self, operation: &str) -> Option<Fault> {
        let mut state = self.0.lock().unwrap();
        if let Some(at) = state.next.iter().position(|(name, _)| *name == operation) {
            return Some(state.next.remove(at).1);
        }
        let chance = state.at_random.as_mut()?;
        chance.random_bool(0.1).then(|| {
            [Fault::AppliedThenTimeout, Fault::Lost, Fault::Throttled, Fault::Conflict]
                [chance.random_range(0..4)]
        })
    }
}

#[derive(Clone)]
struct Faulty {
    function: String,
    faults: Faults,
    engine: SharedHttpConnector,
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

impl HttpClient for Faulty {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Faulty {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            if request.uri().contains("//sns.") {
                return this.faults.text(&request);
            }
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let input: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
            let mut asked = Asked {
                function: this.function.clone(),
                operation,
                input,
                bytes: 0,
                items: 0,
                units: vec![],
                output: Value::Null,
            };
            this.faults.0.lock().unwrap().forbidden.extend(policies::forbidden(&asked));
            let (latency, stale, metered) = {
                let state = this.faults.0.lock().unwrap();
                (state.latency, state.stale && asked.is_stale_read(), state.metered)
            };
            if metered {
                let mut input = asked.input.clone();
                input["ReturnConsumedCapacity"] = "TOTAL".into();
                *request.body_mut() = SdkBody::from(input.to_string());
            }
            if let Some(latency) = latency {
                tokio::time::sleep(latency).await;
            }
            let fault = this.faults.draw(&asked.operation);
            let left = (fault == Some(Fault::Partly)).then(|| leave_out(&mut request));
            let timeout = || ConnectorError::timeout("the answer was lost".into());
            let mut answer = match fault {
                Some(Fault::Lost) => return Err(timeout()),
                Some(Fault::Throttled) => return Ok(refusal("ProvisionedThroughputExceededException", &[])),
                Some(Fault::Conflict)
                    if asked.operation.ends_with("Item") && !asked.operation.starts_with("Batch") =>
                {
                    return Ok(refusal("TransactionConflictException", &[]));
                }
                Some(Fault::Conflict) => {
                    let Some(items) = asked.input["TransactItems"].as_array() else {
                        return Ok(refusal("ProvisionedThroughputExceededException", &[]));
                    };
                    let mut reasons = vec!["None"; items.len()];
                    reasons[0] = "TransactionConflict";
                    return Ok(refusal("TransactionCanceledException", &reasons));
                }
                _ if stale => response(200, &json!({ "Items": [], "Count": 0, "ScannedCount": 0 })),
                _ => this.engine.call(request).await?,
            };
            let mut body: Value = serde_json::from_slice(answer.body().bytes().unwrap_or_default()).unwrap();
            if let Some(left) = left {
                body["UnprocessedKeys"] = left;
                *answer.body_mut() = SdkBody::from(body.to_string());
            }
            asked.bytes = answer.body().bytes().unwrap_or_default().len();
            let batches = body["Responses"].as_object().into_iter().flat_map(|tables| tables.values());
            asked.items = [&body["Items"]]
                .into_iter()
                .chain(batches)
                .filter_map(Value::as_array)
                .map(Vec::len)
                .sum::<usize>()
                + usize::from(body["Item"].is_object());
            let tables = match &body["ConsumedCapacity"] {
                Value::Array(tables) => tables.as_slice(),
                table => std::slice::from_ref(table),
            };
            let charge = |table: &Value| {
                Some((table["TableName"].as_str()?.to_owned(), table["CapacityUnits"].as_f64()?))
            };
            asked.units = tables.iter().filter_map(charge).collect();
            if asked.operation == "Scan" {
                asked.output = body;
            }
            this.faults.0.lock().unwrap().asked.push(asked);
            if fault == Some(Fault::AppliedThenTimeout) { Err(timeout()) } else { Ok(answer) }
        })
    }
}

/// Takes all but one key out of a batch; what then is left to be asked for.
fn leave_out(request: &mut HttpRequest) -> Value {
    let mut input: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
    let mut left = input["RequestItems"].clone();
    let tables = input["RequestItems"].as_object_mut().unwrap();
    let table = tables.keys().next().unwrap().clone();
    tables.retain(|name, _| *name == table);
    tables[&table]["Keys"].as_array_mut().unwrap().truncate(1);
    left[&table]["Keys"].as_array_mut().unwrap().remove(0);
    left.as_object_mut().unwrap().retain(|_, of| of["Keys"] != json!([]));
    *request.body_mut() = SdkBody::from(input.to_string());
    left
}

fn refusal(kind: &str, reasons: &[&str]) -> HttpResponse {
    let reasons: Vec<_> = reasons.iter().map(|code| json!({ "Code": code })).collect();
    response(
        400,
        &json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
            "message": "injected",
            "CancellationReasons": reasons,
        }),
    )
}

fn response(status: u16, body: &Value) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()))
}
