//! What all AWS clients of a function share: region, credentials, TLS, time
//! limits. Built from the variables that Lambda sets, without the SDK's chain
//! of providers, which costs size and start-up time and finds nothing more.

use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_dynamodb::config::endpoint::{
    DefaultResolver, Endpoint, EndpointFuture, Params, ResolveEndpoint,
};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, tls};

use crate::base::config::{self, Vars};

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

/// Another Secrets Manager than the region's: the SDKs' own variable.
const AWS_ENDPOINT_URL_SECRETS_MANAGER: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";

const AMAZON_ROOTS: &[u8] = include_bytes!("../../roots/amazon.pem");

/// Whom to trust. Amazon's own roots, five to read instead of a machine's 140;
/// the machine's where an endpoint is named, and in partitions that answer under
/// other roots: China's, Europe's sovereign one.
fn roots(vars: &Vars) -> TrustStore {
    let is_elsewhere = [
        config::AWS_ENDPOINT_URL_DYNAMODB.name,
        config::AWS_ENDPOINT_URL_SNS.name,
        AWS_ENDPOINT_URL_SECRETS_MANAGER,
    ]
    .into_iter()
    .any(|name| vars.raw(name).is_some());
    let is_commercial = vars.raw("AWS_REGION").is_some_and(|region| {
        // us-east-1; of the other partitions cn-north-1, us-gov-west-1, eusc-de-east-1.
        region.split('-').count() == 3 && !region.starts_with("cn-")
    });
    if is_commercial && !is_elsewhere {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    } else {
        TrustStore::default()
    }
}

/// HTTPS by rustls with ring: the SDK's default spends 27 ms on its first
/// random number.
fn https(trusted: TrustStore) -> SharedHttpClient {
    let context = TlsContext::builder().with_trust_store(trusted).build().expect("a trust store is all");
    Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https()
}

/// What a function reaches AWS through.
pub fn https_client(vars: &Vars) -> SharedHttpClient {
    https(roots(vars))
}

/// What a person's command reaches AWS through: it trusts whom the machine
/// trusts.
pub fn https_client_of_machine() -> SharedHttpClient {
    https(TrustStore::default())
}

/// How long DynamoDB may take over the network: an attempt 1 s, all attempts together 3 s.
pub(crate) fn limits_of_network() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(1))
        .operation_timeout(Duration::from_secs(3))
        .build()
}

/// Where DynamoDB answers, looked up once. The SDK's own rules look at each request, as a
/// table may be named by its ARN; ours are named by their names, and stay where they are.
#[derive(Debug, Default)]
struct LookedUpOnce {
    rules: DefaultResolver,
    endpoint: OnceLock<Endpoint>,
}

impl ResolveEndpoint for LookedUpOnce {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        if let Some(endpoint) = self.endpoint.get() {
            return EndpointFuture::ready(Ok(endpoint.clone()));
        }
        EndpointFuture::new(async {
            let found = ResolveEndpoint::resolve_endpoint(&self.rules, params).await?;
            Ok(self.endpoint.get_or_init(|| found).clone())
        })
    }
}

/// DynamoDB. Retries start soon, since a table answers in milliseconds or not at all.
pub(crate) fn dynamodb(
    vars: &Vars,
    http: SharedHttpClient,
    limits: TimeoutConfig,
) -> aws_sdk_dynamodb::Client {
    let shared = shared_config(vars);
    let builder = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(shared.region)
        .credentials_provider(shared.credentials)
        .http_client(http)
        .endpoint_resolver(LookedUpOnce::default())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(25))
                .with_max_backoff(Duration::from_millis(400)),
        )
        .timeout_config(limits);
    let config = match vars.optional(config::AWS_ENDPOINT_URL_DYNAMODB) {
        Some(url) => builder.endpoint_url(url),
        None => builder,
    };
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// Secrets Manager, by the SDK's own time limits.
pub fn secrets_manager(vars: &Vars, http: SharedHttpClient) -> aws_sdk_secretsmanager::Client {
    let shared = shared_config(vars);
    let builder = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(shared.region)
        .credentials_provider(shared.credentials)
        .http_client(http);
    let config = match vars.raw(AWS_ENDPOINT_URL_SECRETS_MANAGER) {
        Some(url) => builder.endpoint_url(url),
        None => builder,
    };
    aws_sdk_secretsmanager::Client::from_conf(config.build())
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, digest};
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn the_roots_are_those_that_amazon_names() {
        let thumbprints: Vec<_> = CertificateDer::pem_slice_iter(AMAZON_ROOTS)
            .map(|root| format!("{:?}", digest(&SHA256, &root.unwrap())))
            .collect();
        // https://www.amazontrust.com/repository/
        assert_eq!(
            thumbprints,
            [
                "SHA256:8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
                "SHA256:1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
                "SHA256:18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
                "SHA256:e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
                "SHA256:568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
            ]
        );
    }

    #[test]
    fn amazons_roots_are_for_amazons_own_endpoints() {
        let is_amazons = |vars: &[(&str, &str)]| {
            let roots = format!("{:?}", roots(&vars.iter().copied().collect()));
            roots.contains("enable_native_roots: false")
        };
        for region in ["us-east-1", "eu-central-1", "ap-southeast-3"] {
            assert!(is_amazons(&[("AWS_REGION", region), ("AWS_ENDPOINT_URL_SNS", "")]), "{region}");
        }
        for region in ["cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-isob-east-1", ""] {
            assert!(!is_amazons(&[("AWS_REGION", region)]), "{region}");
        }
        for endpoint in ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SECRETS_MANAGER"] {
            assert!(!is_amazons(&[("AWS_REGION", "us-east-1"), (endpoint, "https://localhost:8000")]));
        }
    }
}
