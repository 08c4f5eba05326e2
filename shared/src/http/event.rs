//! Events of API Gateway, of an HTTP API (payload 2.0) or a REST API (1.0), as
//! `lambda_http` hands them over.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Body as EventBody, RequestExt as _};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::http::body::{Body, invalid_request};
use crate::http::context::Context;
use crate::http::problem::Problem;
use crate::http::proxy::Proxy;

/// The route of all that no other takes.
pub const DEFAULT_ROUTE: &str = "$default";

/// What Lambda hands a function. Reading it never fails: what is no request of
/// API Gateway, such as a ping that keeps an instance warm, asks for nothing
/// and is answered so.
#[derive(Debug)]
pub struct Event(pub LambdaRequest);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        let request = serde_json::from_str(raw.get()).unwrap_or_else(|_| nothing());
        Ok(Self(harmless(request)))
    }
}

/// A request for nothing that is there.
fn nothing() -> LambdaRequest {
    LambdaRequest::ApiGatewayV2(ApiGatewayV2httpRequest::default())
}

/// What a path and a query may have together, in bytes: more than API Gateway
/// takes (10,240 with all headers), and less than `http::Uri` does.
const LONGEST: usize = 16 * 1024;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What a query must not hold as it is.
const NOT_IN_QUERIES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// An event without what `lambda_http` panics on when it makes a request of it:
/// it builds an address from host, scheme, stage, path and query, of which we
/// read no more than the query, and decodes the body.
fn harmless(mut request: LambdaRequest) -> LambdaRequest {
    let (headers, stage, path, body, is_base64) = match &mut request {
        LambdaRequest::ApiGatewayV1(event) => (
            &mut event.headers,
            &mut event.request_context.stage,
            &mut event.path,
            &mut event.body,
            event.is_base64_encoded,
        ),
        LambdaRequest::ApiGatewayV2(event) => (
            &mut event.headers,
            &mut event.request_context.stage,
            &mut event.raw_path,
            &mut event.body,
            event.is_base64_encoded,
        ),
        _ => return nothing(),
    };
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    headers.remove(FORWARDED_PROTO);
    *stage = None;
    let path = path.get_or_insert_default();
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    let mut length = path.len();
    if is_base64 && body.as_ref().is_some_and(|body| !is_base64_of_aws(body)) {
        *body = None;
    }
    // The route stands in an event twice, of which only the second is handed on.
    match &mut request {
        LambdaRequest::ApiGatewayV1(event) => {
            let of = &mut event.request_context.resource_path;
            *of = event.resource.take().or_else(|| of.take());
            let queries = [&event.multi_value_query_string_parameters, &event.query_string_parameters];
            length += queries.iter().map(|query| query.to_query_string().len()).sum::<usize>();
        }
        LambdaRequest::ApiGatewayV2(event) => {
            let of = &mut event.request_context.route_key;
            *of = event.route_key.take().or_else(|| of.take());
            if let Some(query) = &mut event.raw_query_string {
                *query = utf8_percent_encode(query, NOT_IN_QUERIES).to_string();
                length += query.len();
            }
        }
        _ => {}
    }
    if length > LONGEST { nothing() } else { request }
}

fn is_base64_of_aws(text: &str) -> bool {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}

/// A request before an endpoint's types are read from it.
#[derive(Debug)]
pub struct Incoming {
    /// The route that API Gateway chose: `PUT /v1/users/me/referrer`, or
    /// `$default`.
    pub route_key: String,
    /// What the edge knows.
    pub context: Context,
    path: HashMap<String, String>,
    query: String,
    body: Bytes,
}

impl Incoming {
    /// Reads a request. `public_url` wins over the host it came to, and what `proxy` tells
    /// of the caller's address over who connected.
    pub fn new(request: lambda_http::Request, public_url: Option<&str>, proxy: Option<&Proxy>) -> Self {
        let caller = Caller::of(&request);
        let path = request.path_parameters_ref();
        let path = path.into_iter().flat_map(|path| path.iter());
        let path = path.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (query, raw_path) =
            (request.uri().query().unwrap_or_default().to_owned(), request.raw_http_path());
        let context = Context {
            request_id: caller.request_id,
            public_url: public_url.map_or_else(|| format!("https://{}", caller.host), str::to_owned),
            ip: proxy.and_then(|proxy| proxy.address(request.headers())).unwrap_or(caller.ip),
            method: request.method().clone(),
            path: raw_path.to_owned(),
            headers: HeaderMap::new(),
        };
        let (parts, body) = request.into_parts();
        let body = match body {
            EventBody::Text(text) => text.into_bytes(),
            EventBody::Binary(bytes) => bytes,
            _ => Vec::new(),
        };
        Self {
            route_key: caller.route_key,
            context: Context { headers: parts.headers, ..context },
            path,
            query,
            body: body.into(),
        }
    }

    /// The path's parameters.
    ///
    /// # Errors
    /// 422 naming the one at fault.
    pub fn path<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let values = self.path.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        serde_path_to_error::deserialize(Value::Object(values.collect())).map_err(invalid_request)
    }

    /// The query's parameters; unknown ones are ignored.
    ///
    /// # Errors
    /// 422 naming the one at fault.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let query = serde_html_form::Deserializer::from_bytes(self.query.as_bytes());
        serde_path_to_error::deserialize(query).map_err(invalid_request)
    }

    /// The body.
    ///
    /// # Errors
    /// Those of its type: 400, 413, 415, 422.
    pub fn body<B: Body>(self) -> Result<B, Problem> {
        B::read(&self.context, self.body)
    }
}

/// What both kinds of API tell of a request, each in its own place.
struct Caller {
    route_key: String,
    request_id: String,
    host: String,
    ip: IpAddr,
}

impl Caller {
    fn of(request: &lambda_http::Request) -> Self {
        let (route_key, request_id, host, ip) = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(of)) => {
                (of.route_key.clone(), &of.request_id, &of.domain_name, &of.http.source_ip)
            }
            Some(RequestContext::ApiGatewayV1(of)) => {
                let resource = of.resource_path.as_ref();
                let key = resource.map(|resource| format!("{} {resource}", of.http_method));
                (key, &of.request_id, &of.domain_name, &of.identity.source_ip)
            }
            _ => (None, &None, &None, &None),
        };
        Self {
            route_key: route_key.unwrap_or_default(),
            request_id: request_id.clone().unwrap_or_default(),
            host: host.clone().unwrap_or_else(|| "localhost".to_owned()),
            ip: ip.as_ref().and_then(|ip| ip.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        }
    }
}
