//! How carriers are asked that have no client of their own: by hyper and rustls, which the
//! AWS clients bring along anyway.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::base::error::StartError;
use crate::domain::fate::Why;
use crate::sms::carrier::TIMEOUT;
use crate::sms::refusal::{NotSent, is_unreached};

/// How long a connection may take: what was not connected in time was not sent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How much of an answer is read, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// A client that asks once and follows no redirect.
pub(super) struct Https(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// What a carrier answered.
pub(super) enum Answer {
    /// This, as far as it could be read.
    Said(StatusCode, Bytes),
    /// Nothing, or that something broke there: the text may have left.
    Lost,
}

impl Https {
    /// One that trusts whom the machine trusts.
    pub(super) fn new() -> Result<Self, StartError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| StartError::new("no certificates to trust", error))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Asks once.
    ///
    /// # Errors
    /// If the carrier was never reached.
    pub(super) async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Answer, NotSent> {
        let lost = |why: &str| {
            tracing::warn!(why, "a text may have left, its answer is lost");
            Ok(Answer::Lost)
        };
        match tokio::time::timeout(TIMEOUT, self.read(request)).await {
            Ok(Ok((status, _))) if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                lost("an error of the service")
            }
            Ok(Ok((status, body))) => Ok(Answer::Said(status, body)),
            Ok(Err(error)) if is_unreached(&error) => Err(NotSent::new(Why::Refused, error)),
            Ok(Err(_)) => lost("the connection broke"),
            Err(_) => lost("no answer in time"),
        }
    }

    async fn read(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), hyper_util::client::legacy::Error> {
        let response = self.0.request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
        Ok((status, body.map(Collected::to_bytes).unwrap_or_default()))
    }
}
