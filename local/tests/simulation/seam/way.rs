//! The way of an instance to tables and carriers: how long it takes, and what goes
//! wrong on it.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::carrier::{carrier, form_field};
use super::{Beneath, Reply, place_of};
use crate::truth::{Direction, Place};
use crate::weather::{Trouble, Weather};
use crate::world::{self, Scope};
use crate::{check, dynamo};

/// An attempt that is longer on its way is given up by the client.
const PATIENCE: Duration = Duration::from_millis(900);

/// The way of one instance.
#[derive(Clone)]
pub(super) struct Seam {
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
    pub(super) fn new(beneath: &Arc<Beneath>, starting: &Arc<AtomicBool>) -> Self {
        Self { beneath: Arc::clone(beneath), starting: Arc::clone(starting) }
    }

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

fn response(status: u16, body: &str) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}
