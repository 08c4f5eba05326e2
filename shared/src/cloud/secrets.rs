//! Secrets, from a variable or from Secrets Manager.

use crate::base::config::{self, BadParameter, Parameter};
use crate::base::error::StartError;
use crate::base::world::Timestamp;
use crate::cloud::setup::Setup;
use crate::domain::pepper::Pepper;
use crate::domain::secret::{BadSecret, Secret};

/// What [`pepper`] reads.
pub const PEPPER: [&Parameter; 2] = [config::PEPPER_SECRET, config::PEPPER_SECRET_ARN];

/// What [`signing`] reads.
pub const SIGNING: [&Parameter; 2] = [config::SIGNING_SECRET, config::SIGNING_SECRET_ARN];

/// The secret of the proxy in front.
pub(crate) async fn proxy(setup: &Setup) -> Result<Secret, StartError> {
    load(setup, [config::TRUSTED_PROXY_SECRET, config::TRUSTED_PROXY_SECRET_ARN]).await
}

/// The pepper of the deployment.
pub async fn pepper(setup: &Setup) -> Result<Pepper, StartError> {
    Ok(Pepper::new(&load(setup, PEPPER).await?))
}

/// The secret under which access tokens are signed.
pub async fn signing(setup: &Setup) -> Result<Secret, StartError> {
    load(setup, SIGNING).await
}

/// The secret that the first parameter holds, else the one that the second
/// names in Secrets Manager.
async fn load(setup: &Setup, [value, arn]: [&Parameter; 2]) -> Result<Secret, StartError> {
    let Some(Loaded { name, text, version_at }) = read(setup, [value, arn]).await? else {
        return Err(BadParameter { name: arn.name, problem: "must be set".to_owned() }.into());
    };
    let bad = |problem: BadSecret| BadParameter { name, problem: problem.to_string() };
    Ok(Secret::parse(&text).map_err(bad)?.made_at(version_at))
}

/// What the first parameter holds, else the secret that the second names; none where neither
/// is set.
pub(crate) async fn text(setup: &Setup, parameters: [&Parameter; 2]) -> Result<Option<String>, StartError> {
    Ok(read(setup, parameters).await?.map(|loaded| loaded.text.trim().to_owned()))
}

struct Loaded {
    name: &'static str,
    text: String,
    version_at: Option<Timestamp>,
}

async fn read(setup: &Setup, [value, arn]: [&Parameter; 2]) -> Result<Option<Loaded>, StartError> {
    let vars = &setup.vars;
    Ok(match (vars.optional(value), vars.optional(arn)) {
        (Some(text), _) => Some(Loaded { name: value.name, text: text.to_owned(), version_at: None }),
        (None, Some(id)) => {
            let (text, version_at) = fetch(setup, id).await?;
            Some(Loaded { name: arn.name, text, version_at })
        }
        (None, None) => None,
    })
}

async fn fetch(setup: &Setup, id: &str) -> Result<(String, Option<Timestamp>), StartError> {
    let secret = setup
        .secrets_manager()
        .get_secret_value()
        .secret_id(id)
        .send()
        .await
        .map_err(|error| StartError::new("the secret cannot be fetched", error))?;
    let version_at = secret.created_date().and_then(|at| at.to_millis().ok()).map(Timestamp::from_millis);
    Ok((secret.secret_string().unwrap_or_default().to_owned(), version_at))
}
