//! What the edge knows of a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, Method};

/// What the edge knows of a request besides the endpoint's input.
#[derive(Clone, Debug)]
pub struct Context {
    /// API Gateway's identifier of the request, returned as `x-request-id`.
    pub request_id: String,
    /// Where people reach this deployment, without a slash at the end.
    pub public_url: String,
    /// The caller's address as API Gateway saw it, or as the deployment's own proxy tells
    /// it; never as any other header says.
    pub ip: IpAddr,
    /// The method.
    pub method: Method,
    /// The path, decoded.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
}

impl Context {
    /// The caller's address cut to its /24 (IPv4) or /48 (IPv6).
    pub fn coarse_ip(&self) -> String {
        match self.ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                format!("{}/24", Ipv4Addr::new(a, b, c, 0))
            }
            IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
        }
    }

    /// What the caller's address is counted as: an IPv4 address, or the /64 of
    /// an IPv6 one, which is what a household or a phone is given (RFC 6177).
    pub fn counted_ip(&self) -> String {
        match self.ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }

    /// Whether the caller wants JSON rather than a page: `Accept` names it.
    pub fn prefers_json(&self) -> bool {
        self.header(ACCEPT.as_str()).is_some_and(|accept| accept.contains("application/json"))
    }

    /// Whether the caller is a browser that goes to a page: `Accept` names pages, and not JSON.
    pub fn wants_page(&self) -> bool {
        self.header(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html"))
            && !self.prefers_json()
    }

    /// Whether the caller unpacks gzip: `Accept-Encoding` names it, and not to
    /// refuse it.
    pub fn takes_gzip(&self) -> bool {
        let codings = self.header(ACCEPT_ENCODING.as_str()).unwrap_or_default().split(',');
        codings.filter_map(|coding| coding.trim().strip_prefix("gzip")).any(|weight| {
            let weight = weight.trim_start().trim_start_matches(';').trim_start();
            !matches!(weight.strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000"))
        })
    }

    /// A header as a string.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(ip: &str) -> Context {
        Context {
            request_id: String::new(),
            public_url: String::new(),
            ip: ip.parse().unwrap(),
            method: Method::GET,
            path: String::new(),
            headers: HeaderMap::new(),
        }
    }

    #[test]
    fn addresses_are_cut() {
        assert_eq!(context("203.0.113.77").coarse_ip(), "203.0.113.0/24");
        assert_eq!(context("::ffff:203.0.113.77").coarse_ip(), "203.0.113.0/24");
        assert_eq!(context("2001:db8:aa:bb:cc::1").coarse_ip(), "2001:db8:aa::/48");
    }

    #[test]
    fn an_ipv6_address_counts_as_its_64() {
        assert_eq!(context("203.0.113.77").counted_ip(), "203.0.113.77");
        assert_eq!(context("::ffff:203.0.113.77").counted_ip(), "203.0.113.77");
        assert_eq!(context("2001:db8:aa:bb:cc::1").counted_ip(), "2001:db8:aa:bb::/64");
        assert_eq!(context("2001:db8:aa:bb:dd::2").counted_ip(), "2001:db8:aa:bb::/64");
    }
}
