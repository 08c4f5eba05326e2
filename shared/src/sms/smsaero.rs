//! SMS Aero: texts by its HTTP API, version 2 (<https://smsaero.ru/integration/documentation/api/>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::config::{self, Parameter};
use crate::base::error::StartError;
use crate::cloud::secrets;
use crate::cloud::setup::Setup;
use crate::domain::fate::Why;
use crate::sms::carrier::{Carrier, Text};
use crate::sms::https::{Answer, Https};
use crate::sms::refusal::NotSent;
use crate::sms::{required, unset};

/// Where it is.
const GATE: &str = "https://gate.smsaero.ru";

/// The sender.
pub struct SmsAero {
    https: Https,
    gate: String,
    authorization: String,
    sign: String,
}

#[derive(Debug, Deserialize)]
struct Reply {
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
    /// The parameters that [`SmsAero::build`] reads.
    pub const PARAMETERS: &[&Parameter] =
        &[config::SMSAERO_EMAIL, config::SMSAERO_API_KEY, config::SMSAERO_API_KEY_ARN, config::SMSAERO_SIGN];

    /// That of the account that the parameters name.
    ///
    /// # Errors
    /// If a parameter is missing, a secret cannot be fetched, or there are no certificates to
    /// trust.
    pub async fn build(setup: &Setup) -> Result<Self, StartError> {
        Self::at(GATE, setup).await
    }

    /// The same at another address, such as a test's.
    ///
    /// # Errors
    /// As [`SmsAero::build`].
    pub async fn at(gate: &str, setup: &Setup) -> Result<Self, StartError> {
        let email = required(&setup.vars, config::SMSAERO_EMAIL, "smsaero")?;
        let sign = required(&setup.vars, config::SMSAERO_SIGN, "smsaero")?.to_owned();
        let key = secrets::text(setup, [config::SMSAERO_API_KEY, config::SMSAERO_API_KEY_ARN]).await?;
        let key = key.ok_or_else(|| unset(config::SMSAERO_API_KEY, "smsaero"))?;
        let authorization = format!("Basic {}", STANDARD.encode(format!("{email}:{key}")));
        Ok(Self { https: Https::new()?, gate: gate.to_owned(), authorization, sign })
    }
}

impl Carrier for SmsAero {
    fn send<'a>(&'a self, text: &'a Text) -> BoxFuture<'a, Result<(), NotSent>> {
        Box::pin(async move {
            let number = text.to.as_str().trim_start_matches('+');
            let body = json!({ "number": number, "text": text.body, "sign": self.sign }).to_string();
            let request = Request::post(format!("{}/v2/sms/send", self.gate))
                .header(AUTHORIZATION, &self.authorization)
                .header(CONTENT_TYPE, "application/json")
                .header(ACCEPT, "application/json")
                .body(Full::from(body))
                .map_err(|error| NotSent::new(Why::Refused, error))?;
            match self.https.ask(request).await? {
                Answer::Said(status, body) => judge(status, serde_json::from_slice(&body).ok()),
                Answer::Lost => Ok(()),
            }
        })
    }
}

fn judge(status: StatusCode, reply: Option<Reply>) -> Result<(), NotSent> {
    match reply {
        Some(reply) if reply.success => Ok(()),
        Some(reply) => {
            let message = reply.message.unwrap_or_default();
            Err(NotSent::new(why(status, &reply.data), Refused { status, message }))
        }
        None if status.is_client_error() => {
            let message = "no words for it".to_owned();
            Err(NotSent::new(why(status, &Value::Null), Refused { status, message }))
        }
        None => {
            tracing::warn!(why = "an answer of another shape", "a text may have left, its answer is lost");
            Ok(())
        }
    }
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
