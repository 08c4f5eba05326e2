//! The events that API Gateway makes of requests.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::body::Bytes;
use axum::extract::ConnectInfo;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Parts;
use latchkey::base::world::Timestamp;
use latchkey::http::event::DEFAULT_ROUTE;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// A request whose route is known.
pub(crate) struct Arrived<'a> {
    /// Method, address and headers.
    pub(crate) parts: &'a Parts,
    /// The body.
    pub(crate) body: &'a Bytes,
    /// The route that it takes: `GET /health`, or `$default`.
    pub(crate) route_key: &'a str,
    /// The path's parameters, decoded.
    pub(crate) parameters: &'a BTreeMap<String, String>,
    /// What the request is called.
    pub(crate) id: String,
    /// When it came.
    pub(crate) at: Timestamp,
}

impl Arrived<'_> {
    /// The event of an HTTP API (payload format 2.0).
    pub(crate) fn at_http_api(&self) -> Value {
        let Self { parts, body, route_key, parameters, id, at } = self;
        let path = decoded(parts.uri.path());
        let headers = joined(&parts.headers);
        let host = headers.get(HOST.as_str()).cloned().unwrap_or_default();
        let (body, is_base64) = encoded(parts, body);
        json!({
            "version": "2.0",
            "routeKey": route_key,
            "rawPath": path,
            "rawQueryString": parts.uri.query().unwrap_or_default(),
            "headers": headers,
            "pathParameters": parameters,
            "requestContext": {
                "accountId": "local",
                "apiId": "local",
                "domainName": host,
                "domainPrefix": "local",
                "http": {
                    "method": parts.method.as_str(),
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": peer(parts),
                    "userAgent": headers.get(USER_AGENT.as_str()).cloned().unwrap_or_default(),
                },
                "requestId": id,
                "routeKey": route_key,
                "stage": DEFAULT_ROUTE,
                "timeEpoch": at.millis(),
            },
            "body": body,
            "isBase64Encoded": is_base64,
        })
    }

    /// The event of a REST API (payload format 1.0).
    pub(crate) fn at_rest_api(&self) -> Value {
        let Self { parts, body, route_key, parameters, id, at } = self;
        let path = decoded(parts.uri.path());
        let headers = joined(&parts.headers);
        let host = headers.get(HOST.as_str()).cloned().unwrap_or_default();
        let (body, is_base64) = encoded(parts, body);
        // A REST API takes all the rest by a resource, and tells it apart by none.
        let resource = route_key.split_once(' ').map_or("/{proxy+}", |(_, resource)| resource);
        let mut query = BTreeMap::<_, Vec<_>>::new();
        for pair in parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| decoded(&text.replace('+', " "));
            query.entry(decoded(name)).or_default().push(decoded(value));
        }
        let last: BTreeMap<_, _> = query.iter().map(|(name, values)| (name, values.last())).collect();
        json!({
            "version": "1.0",
            "resource": resource,
            "path": path,
            "httpMethod": parts.method.as_str(),
            "headers": headers,
            "multiValueHeaders": headers.iter().map(|(name, value)| (name, vec![value])).collect::<BTreeMap<_, _>>(),
            "queryStringParameters": last,
            "multiValueQueryStringParameters": query,
            "pathParameters": parameters,
            "stageVariables": null,
            "requestContext": {
                "accountId": "local",
                "apiId": "local",
                "domainName": host,
                "domainPrefix": "local",
                "httpMethod": parts.method.as_str(),
                "identity": {
                    "sourceIp": peer(parts),
                    "userAgent": headers.get(USER_AGENT.as_str()).cloned().unwrap_or_default(),
                },
                "path": path,
                "protocol": "HTTP/1.1",
                "requestId": id,
                "requestTimeEpoch": at.millis(),
                "resourcePath": resource,
                "stage": "local",
            },
            "body": body,
            "isBase64Encoded": is_base64,
        })
    }
}

/// A part of an address, without its percent signs.
pub(crate) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn peer(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.ip())
}

/// A body as an event holds it, and whether that is in base64.
fn encoded(parts: &Parts, body: &Bytes) -> (String, bool) {
    match std::str::from_utf8(body) {
        Ok(text) if is_text(&parts.headers) => (text.to_owned(), false),
        _ => (STANDARD.encode(body), true),
    }
}

/// Headers of one name as one, as API Gateway joins them.
fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<_, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.as_str().to_owned())
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    all
}

/// The types whose bodies API Gateway hands over as text.
fn is_text(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.is_empty()
        || media_type.starts_with("text/")
        || media_type.starts_with("application/json")
        || media_type.starts_with("application/javascript")
        || media_type.starts_with("application/xml")
}
