//! SMS Aero: texts by its HTTP API, version 2 (<https://smsaero.ru/integration/documentation/api/>).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::config::{self, BadParameter, Parameter, Vars};
use crate::base::error::StartError;
use crate::domain::phone::Phone;
use crate::sms::refusal::{NotSent, Why, is_unreached};

/// Where it is.
const GATE: &str = "https://gate.smsaero.ru";

/// How long one text may take to be accepted.
const TIMEOUT: Duration = Duration::from_secs(4);

/// How long a connection may take: what was not connected in time was not sent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How much of an answer is read, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// The sender.
pub struct SmsAero {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    gate: String,
    authorization: String,
    sign: String,
}

#[derive(Debug, Deserialize)]
struct Answer {
    success: bool,
    #[serde(default)]
    data: Value,
    message: Option<String>,
}

/// What it says, in its words.
#[derive(Debug, thiserror::Error)]
#[error("SMS Aero answers {status}: {message}")]
struct Refused {
    status: StatusCode,
    message: String,
}

impl SmsAero {
    /// The parameters that [`SmsAero::new`] reads.
    pub const PARAMETERS: &[&Parameter] =
        &[config::SMSAERO_EMAIL, config::SMSAERO_API_KEY, config::SMSAERO_SIGN];

    /// That of the account that the parameters name.
    ///
    /// # Errors
    /// If a parameter is missing, or there are no certificates to trust.
    pub fn new(vars: &Vars) -> Result<Self, StartError> {
        Self::at(GATE, vars)
    }

    /// The same at another address, such as a test's.
    ///
    /// # Errors
    /// If a parameter is missing, or there are no certificates to trust.
    pub fn at(gate: &str, vars: &Vars) -> Result<Self, StartError> {
        let required = |parameter: &Parameter| {
            vars.optional(parameter).ok_or_else(|| BadParameter {
                name: parameter.name,
                problem: format!("must be set where {} is smsaero", config::SMS_PROVIDER.name),
            })
        };
        let account = format!("{}:{}", required(config::SMSAERO_EMAIL)?, required(config::SMSAERO_API_KEY)?);
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| StartError::new("no certificates to trust", error))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            gate: gate.to_owned(),
            authorization: format!("Basic {}", STANDARD.encode(account)),
            sign: required(config::SMSAERO_SIGN)?.to_owned(),
        })
    }

    /// Sends a text. One whose answer is lost or makes no sense, or that ends
    /// in an error of the service itself, counts as sent: it may have left.
    ///
    /// # Errors
    /// If it is refused, so that it is known not to have left.
    pub async fn send(&self, to: &Phone, body: String) -> Result<(), NotSent> {
        let number = to.as_str().trim_start_matches('+');
        let body = json!({ "number": number, "text": body, "sign": self.sign }).to_string();
        let request = Request::post(format!("{}/v2/sms/send", self.gate))
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Full::from(body))
            .map_err(|error| NotSent::new(Why::Refused, error))?;
        let may_have_left = |why: &str| {
            tracing::warn!(why, "a text may have left, its answer is lost");
            Ok(())
        };
        match tokio::time::timeout(TIMEOUT, self.ask(request)).await {
            Ok(Ok((status, _))) if status.is_server_error() => may_have_left("an error of the service"),
            Ok(Ok((status, Some(answer)))) => judge(status, answer),
            Ok(Ok((status, None))) if status.is_client_error() => {
                let message = "no words for it".to_owned();
                Err(NotSent::new(why(status, &Value::Null), Refused { status, message }))
            }
            Ok(Ok((_, None))) => may_have_left("an answer of another shape"),
            Ok(Err(error)) if is_unreached(&error) => Err(NotSent::new(Why::Refused, error)),
            Ok(Err(_)) => may_have_left("the connection broke"),
            Err(_) => may_have_left("no answer in time"),
        }
    }

    async fn ask(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Option<Answer>), hyper_util::client::legacy::Error> {
        let response = self.client.request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
        let answer = body.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
        Ok((status, answer))
    }
}

fn judge(status: StatusCode, answer: Answer) -> Result<(), NotSent> {
    if answer.success {
        return Ok(());
    }
    let message = answer.message.unwrap_or_default();
    Err(NotSent::new(why(status, &answer.data), Refused { status, message }))
}

/// 402 is an empty account; a refused `number` is named in `data`.
fn why(status: StatusCode, data: &Value) -> Why {
    match status {
        StatusCode::PAYMENT_REQUIRED => Why::OverBudget,
        StatusCode::TOO_MANY_REQUESTS => Why::Throttled,
        _ if data.get("number").is_some() => Why::BadNumber,
        _ => Why::Refused,
    }
}
