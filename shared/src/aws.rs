//! What all AWS clients of a function share: region, credentials, TLS, time
//! limits. Built from the variables that Lambda sets, without the SDK's chain
//! of providers, which costs size and start-up time and finds nothing more.

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, tls};

use crate::config::{self, Vars};

/// The region and the credentials.
pub struct SharedConfig {
    /// `AWS_REGION`, which Lambda sets.
    pub region: Region,
    /// The role's, which Lambda hands in as variables for the life of an
    /// instance.
    pub credentials: Credentials,
}

/// Those of the variables. Local engines ask for some and check none.
pub fn shared_config(vars: &Vars) -> SharedConfig {
    let text = |name, local: &str| vars.raw(name).unwrap_or(local).to_owned();
    SharedConfig {
        region: Region::new(text("AWS_REGION", "us-east-1")),
        credentials: Credentials::new(
            text("AWS_ACCESS_KEY_ID", "local"),
            text("AWS_SECRET_ACCESS_KEY", "local"),
            vars.raw("AWS_SESSION_TOKEN").map(str::to_owned),
            None,
            "environment",
        ),
    }
}

/// HTTPS by rustls with ring: the SDK's default spends 27 ms on its first
/// random number.
pub fn https_client() -> SharedHttpClient {
    Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// DynamoDB: an attempt may take 1 s, all attempts together 3 s. Retries start
/// soon, since a table answers in milliseconds or not at all.
pub fn dynamodb(vars: &Vars, http: SharedHttpClient) -> aws_sdk_dynamodb::Client {
    let shared = shared_config(vars);
    let builder = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(shared.region)
        .credentials_provider(shared.credentials)
        .http_client(http)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(25))
                .with_max_backoff(Duration::from_millis(400)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(Duration::from_secs(1))
                .operation_timeout(Duration::from_secs(3))
                .build(),
        );
    let config = match vars.optional(config::AWS_ENDPOINT_URL_DYNAMODB) {
        Some(url) => builder.endpoint_url(url),
        None => builder,
    };
    aws_sdk_dynamodb::Client::from_conf(config.build())
}
