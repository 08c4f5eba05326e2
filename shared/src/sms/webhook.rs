//! A server of one's own that brings texts to any carrier: a POST as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use serde::Deserialize;
use sha2::Sha256;

use crate::base::config::{self, BadParameter, Parameter};
use crate::base::error::StartError;
use crate::base::world::World;
use crate::cloud::secrets;
use crate::cloud::setup::Setup;
use crate::domain::fate::Why;
use crate::sms::carrier::{Carrier, Text};
use crate::sms::https::{Answer, Https};
use crate::sms::refusal::NotSent;
use crate::sms::{required, unset};

/// The sender.
pub struct Webhook {
    https: Https,
    url: Uri,
    keys: Vec<Vec<u8>>,
    world: Arc<World>,
}

/// How it says why it does not take a text.
#[derive(Debug, Deserialize)]
struct Reply {
    reason: String,
}

/// What it says.
#[derive(Debug, thiserror::Error)]
#[error("the webhook answers {status}: {reason}")]
struct Refused {
    status: StatusCode,
    reason: String,
}

impl Webhook {
    /// The parameters that [`Webhook::build`] reads.
    pub const PARAMETERS: &[&Parameter] =
        &[config::SMS_WEBHOOK_URL, config::SMS_WEBHOOK_SECRET, config::SMS_WEBHOOK_SECRET_ARN];

    /// The one that the parameters name.
    ///
    /// # Errors
    /// If a parameter is missing or malformed, a secret cannot be fetched, or there are no
    /// certificates to trust.
    pub async fn build(setup: &Setup) -> Result<Self, StartError> {
        let bad = |name, problem: &str| BadParameter { name, problem: problem.to_owned() };
        let url: Option<Uri> = required(&setup.vars, config::SMS_WEBHOOK_URL, "webhook")?.parse().ok();
        let url = url.filter(is_safe).ok_or_else(|| {
            bad(config::SMS_WEBHOOK_URL.name, "must be an https address, or one of this machine")
        })?;
        let secret =
            secrets::text(setup, [config::SMS_WEBHOOK_SECRET, config::SMS_WEBHOOK_SECRET_ARN]).await?;
        let secret = secret.ok_or_else(|| unset(config::SMS_WEBHOOK_SECRET, "webhook"))?;
        let key = |entry: &str| {
            let key = STANDARD.decode(entry.trim().trim_start_matches("whsec_")).ok();
            key.filter(|key| (24..=64).contains(&key.len()))
        };
        let keys: Option<Vec<_>> = secret.split(',').map(key).collect();
        let problem = "must be whsec_ and 24 to 64 bytes in base64; several, separated by commas, all sign";
        let keys = keys.ok_or_else(|| bad(config::SMS_WEBHOOK_SECRET.name, problem))?;
        Ok(Self { https: Https::new()?, url, keys, world: Arc::clone(&setup.world) })
    }

    /// The signatures of a body, one for each key.
    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let sign = |key: &Vec<u8>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
            mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.keys.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

impl Carrier for Webhook {
    fn send<'a>(&'a self, text: &'a Text) -> BoxFuture<'a, Result<(), NotSent>> {
        Box::pin(async move {
            let body = serde_json::to_string(text).map_err(|error| NotSent::new(Why::Refused, error))?;
            let timestamp = self.world.now().seconds();
            let request = Request::post(&self.url)
                .header(CONTENT_TYPE, "application/json")
                .header("webhook-id", &text.id)
                .header("webhook-timestamp", timestamp)
                .header("webhook-signature", self.sign(&text.id, timestamp, &body))
                .body(Full::from(body))
                .map_err(|error| NotSent::new(Why::Refused, error))?;
            match self.https.ask(request).await? {
                Answer::Said(status, _) if status.is_success() => Ok(()),
                Answer::Said(status, body) => {
                    let reply = serde_json::from_slice::<Reply>(&body);
                    let reason = reply.map(|reply| reply.reason).unwrap_or_default();
                    Err(NotSent::new(why(status, &reason), Refused { status, reason }))
                }
                Answer::Lost => Ok(()),
            }
        })
    }
}

/// Whether what is sent there can be read by nobody on the way.
fn is_safe(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let is_here = matches!(host, "localhost" | "[::1]") || host.starts_with("127.");
    !host.is_empty() && (url.scheme_str() == Some("https") || (url.scheme_str() == Some("http") && is_here))
}

/// By the `reason` of its body, else by its status.
fn why(status: StatusCode, reason: &str) -> Why {
    match (reason, status) {
        ("bad_number", _) => Why::BadNumber,
        ("opted_out", _) => Why::OptedOut,
        ("throttled", _) | ("", StatusCode::TOO_MANY_REQUESTS) => Why::Throttled,
        ("over_budget", _) | ("", StatusCode::PAYMENT_REQUIRED) => Why::OverBudget,
        _ => Why::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's libraries.
    #[tokio::test]
    async fn it_signs_as_others_do() {
        let vars = [
            ("SMS_WEBHOOK_URL", "https://example.com/texts"),
            ("SMS_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ];
        let webhook = Webhook::build(&Setup::new(vars.into_iter().collect(), World::real())).await.unwrap();
        let signature =
            webhook.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
