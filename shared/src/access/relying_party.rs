//! Whom passkeys are made for: this deployment, by its domain.

use std::net::IpAddr;

use crate::base::config::{BadParameter, Parameter};
use crate::cloud::setup::Setup;
use crate::domain::passkey::RelyingParty;
use crate::http::context::Context;
use crate::http::problem::{Code, Problem};
use crate::settings::{self, PasskeySettings};

/// What says whom passkeys are made for.
pub struct RelyingParties(PasskeySettings);

impl RelyingParties {
    /// The parameters that [`RelyingParties::new`] reads.
    pub const PARAMETERS: &[&Parameter] = settings::PASSKEYS;

    /// That of the deployment.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        settings::passkeys(&setup.vars).map(Self)
    }

    /// That of a request: its domain is that of the site unless another is set.
    ///
    /// # Errors
    /// `passkeys_not_configured` where the site has no domain that passkeys could be bound
    /// to: an address, or API Gateway's own name, which goes with the stack.
    pub fn of(&self, context: &Context) -> Result<RelyingParty, Problem> {
        let (scheme, rest) = context.public_url.split_once("://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let id = self.0.rp_id.clone().or_else(|| domain(&authority)).ok_or_else(|| {
            Problem::from(Code::PasskeysNotConfigured).detail(format!(
                "Passkeys are bound to a domain for good, and {authority} is none that stays: set PASSKEY_RP_ID, or \
                 PUBLIC_URL to a domain of your own; on a laptop open http://localhost."
            ))
        })?;
        // Apps for iPhones use the domain itself as their origin.
        let own = vec![format!("{scheme}://{authority}"), format!("https://{id}")];
        Ok(RelyingParty { id, origins: [own, self.0.origins.clone()].concat() })
    }
}

/// The domain of a host, if passkeys can be bound to it.
fn domain(authority: &str) -> Option<String> {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    let is_gateways = [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|end| host.ends_with(end));
    (!host.is_empty() && !is_address && !is_gateways).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_bound_to_domains_that_stay() {
        for (authority, expected) in [
            ("example.com", Some("example.com")),
            ("auth.example.com:8443", Some("auth.example.com")),
            ("localhost:3000", Some("localhost")),
            ("127.0.0.1:3000", None),
            ("[::1]:3000", None),
            ("a1b2c3.execute-api.eu-central-1.amazonaws.com", None),
            ("a1b2c3.execute-api.cn-north-1.amazonaws.com.cn", None),
            ("", None),
        ] {
            assert_eq!(domain(authority).as_deref(), expected, "{authority}");
        }
    }
}
