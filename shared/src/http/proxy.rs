//! A proxy in front, such as CloudFront: whose word on the caller's address is taken.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use subtle::ConstantTimeEq;

use crate::base::config::{self, BadParameter, Parameter};
use crate::base::error::StartError;
use crate::cloud::secrets;
use crate::cloud::setup::Setup;
use crate::domain::secret::Secret;

/// The header by which a proxy proves to be the deployment's own.
pub const PROXY_SECRET: HeaderName = HeaderName::from_static("x-proxy-secret");

/// The one that CloudFront adds: always with a port, an IPv6 address without brackets
/// (Amazon CloudFront Developer Guide, "Headers for determining the viewer's location").
const CLOUDFRONT: HeaderName = HeaderName::from_static("cloudfront-viewer-address");

/// Headers that whoever calls fills in himself, and proxies add to.
const LISTS: [&str; 2] = ["x-forwarded-for", "forwarded"];

/// The proxy of the deployment.
pub struct Proxy {
    header: HeaderName,
    secret: Secret,
}

impl Proxy {
    /// The parameters that [`Proxy::build`] reads. An endpoint that lists them is told
    /// callers' addresses as the proxy tells them.
    pub const PARAMETERS: [&Parameter; 3] =
        [config::TRUSTED_PROXY, config::TRUSTED_PROXY_SECRET, config::TRUSTED_PROXY_SECRET_ARN];

    /// That of the deployment, where it has one.
    ///
    /// # Errors
    /// If a parameter is bad or missing, or the secret cannot be fetched.
    pub async fn build(setup: &Setup) -> Result<Option<Self>, StartError> {
        let Some(name) = setup.vars.optional(config::TRUSTED_PROXY) else { return Ok(None) };
        let bad = |problem| BadParameter { name: config::TRUSTED_PROXY.name, problem };
        Ok(Some(Self::new(Self::header(name).map_err(bad)?, secrets::proxy(setup).await?)))
    }

    /// The header that holds the caller's address, as `TRUSTED_PROXY` names it.
    ///
    /// # Errors
    /// In words, if it is no header, or one that holds what a caller says.
    fn header(name: &str) -> Result<HeaderName, String> {
        let header = HeaderName::try_from(name).map_err(|_| format!("must be a header, not {name:?}"))?;
        if LISTS.contains(&header.as_str()) {
            return Err(format!(
                "must hold one address, such as CloudFront-Viewer-Address: {name} is a list"
            ));
        }
        Ok(header)
    }

    /// The one that knows `secret`.
    const fn new(header: HeaderName, secret: Secret) -> Self {
        Self { header, secret }
    }

    /// The caller's address as the proxy tells it; none where it was not the proxy that asks,
    /// or it tells none.
    pub fn address(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let brought = headers.get(PROXY_SECRET)?.as_bytes();
        let is_proxy = self
            .secret
            .entries()
            .fold(false, |is_one, entry| bool::from(entry.as_bytes().ct_eq(brought)) | is_one);
        let told = headers.get(&self.header).filter(|_| is_proxy)?.to_str().ok()?.trim();
        let without_port = || told.rsplit_once(':').and_then(|(address, _)| address.parse().ok());
        if self.header == CLOUDFRONT {
            return without_port();
        }
        let with_port = |told: &str| told.parse().ok().map(|address: SocketAddr| address.ip());
        told.parse().ok().or_else(|| with_port(told)).or_else(without_port)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SECRET: &str = "a-secret-of-the-proxy";

    fn told(header: &'static str, value: &'static str, secret: Option<&'static str>) -> Option<String> {
        let proxy = Proxy::new(
            Proxy::header(header).unwrap(),
            Secret::parse("another-one-of-before, a-secret-of-the-proxy").unwrap(),
        );
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::try_from(header).unwrap(), HeaderValue::from_static(value));
        headers.extend(secret.map(|secret| (PROXY_SECRET, HeaderValue::from_static(secret))));
        proxy.address(&headers).map(|address| address.to_string())
    }

    #[test]
    fn an_address_has_no_port() {
        for (header, value, address) in [
            ("CloudFront-Viewer-Address", "198.51.100.10:46532", "198.51.100.10"),
            ("CloudFront-Viewer-Address", "2001:db8::1:4653", "2001:db8::1"),
            ("CloudFront-Viewer-Address", "2001:0db8:0:1:2:3:4:5:46532", "2001:db8:0:1:2:3:4:5"),
            ("CF-Connecting-IP", "198.51.100.10", "198.51.100.10"),
            ("CF-Connecting-IP", "2001:db8::1:4653", "2001:db8::1:4653"),
            ("X-Real-IP", "198.51.100.10:46532", "198.51.100.10"),
            ("X-Real-IP", "[2001:db8::1]:46532", "2001:db8::1"),
        ] {
            assert_eq!(told(header, value, Some(SECRET)).as_deref(), Some(address), "{header}: {value}");
            assert_eq!(told(header, value, Some("another-one-of-before")).as_deref(), Some(address));
        }
    }

    #[test]
    fn who_does_not_know_the_secret_is_not_believed() {
        for secret in [None, Some(""), Some("a-secret-of-the-prox"), Some("a-secret-of-the-proxy2")] {
            assert_eq!(told("X-Real-IP", "198.51.100.10", secret), None, "{secret:?}");
        }
        for value in ["", "198.51.100.10, 198.51.100.11", "somewhere", "198.51.100.256"] {
            assert_eq!(told("X-Real-IP", value, Some(SECRET)), None, "{value}");
        }
    }

    #[test]
    fn a_list_is_refused() {
        for name in ["X-Forwarded-For", "forwarded", "no header", ""] {
            assert!(Proxy::header(name).is_err(), "{name}");
        }
    }
}
