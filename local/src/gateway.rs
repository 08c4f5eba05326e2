//! What API Gateway does in production: finds the route, makes the event,
//! gives back the answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body as EventBody;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use latchkey::base::config::Vars;
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::endpoint::function::Handler;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::cors;
use crate::functions::Functions;

/// What API Gateway takes at most, in bytes (quotas of HTTP APIs).
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// The route of all that no other takes.
const DEFAULT: &str = "$default";

struct Gateway {
    /// By path, then by method.
    routes: matchit::Router<BTreeMap<String, Route>>,
    default: Option<Route>,
    world: Arc<World>,
}

#[derive(Clone)]
struct Route {
    key: String,
    handler: Arc<Handler>,
}

/// The API of `functions`: each route to its handler, all the rest to
/// `$default`, as events of payload format 2.0.
///
/// # Errors
/// If two routes cannot be told apart, or a parameter is bad.
pub fn router(functions: &Functions, world: &Arc<World>, vars: &Vars) -> Result<Router, StartError> {
    let mut paths = BTreeMap::<_, BTreeMap<_, _>>::new();
    let mut default = None;
    for (key, handler) in &functions.0 {
        let route = Route { key: key.clone(), handler: Arc::clone(handler) };
        match key.split_once(' ') {
            Some((method, path)) => _ = paths.entry(path).or_default().insert(method.to_owned(), route),
            None => default = Some(route),
        }
    }
    let mut routes = matchit::Router::new();
    for (path, methods) in paths {
        routes.insert(path, methods).map_err(|error| StartError::new("two routes are alike", error))?;
    }
    let gateway = Arc::new(Gateway { routes, default, world: Arc::clone(world) });
    let api = Router::new().fallback(move |request: Request| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.serve(request).await }
    });
    Ok(match cors::layer(vars)? {
        Some(cors) => api.layer(cors),
        None => api,
    })
}

impl Gateway {
    async fn serve(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
            return own(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let Some((route, parameters)) = self.route(&parts) else {
            return own(StatusCode::NOT_FOUND, "Not Found");
        };
        let event = self.event(&parts, &body, &route.key, &parameters);
        // Through JSON, so that a handler sees what it would see in production.
        match serde_json::from_value::<ApiGatewayV2httpRequest>(event) {
            Ok(event) => answer(route.handler.handle(event).await),
            Err(_) => own(StatusCode::BAD_REQUEST, "Bad Request"),
        }
    }

    fn route(&self, parts: &Parts) -> Option<(&Route, BTreeMap<String, String>)> {
        if let Ok(found) = self.routes.at(parts.uri.path())
            && let Some(route) = found.value.get(parts.method.as_str())
        {
            let parameters = found.params.iter().map(|(name, value)| (name.to_owned(), decoded(value)));
            return Some((route, parameters.collect()));
        }
        Some((self.default.as_ref()?, BTreeMap::new()))
    }

    /// The event (payload format 2.0).
    fn event(
        &self,
        parts: &Parts,
        body: &Bytes,
        route_key: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Value {
        let path = decoded(parts.uri.path());
        let headers = joined(&parts.headers);
        let host = headers.get(HOST.as_str()).cloned().unwrap_or_default();
        let (body, is_base64) = match std::str::from_utf8(body) {
            Ok(text) if is_text(&parts.headers) => (text.to_owned(), false),
            _ => (STANDARD.encode(body), true),
        };
        let ip = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.ip());
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
                    "sourceIp": ip,
                    "userAgent": headers.get(USER_AGENT.as_str()).cloned().unwrap_or_default(),
                },
                "requestId": self.world.new_id(),
                "routeKey": route_key,
                "stage": DEFAULT,
                "timeEpoch": self.world.now().millis(),
            },
            "body": body,
            "isBase64Encoded": is_base64,
        })
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
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

fn answer(event: ApiGatewayV2httpResponse) -> Response {
    let body = match event.body {
        Some(EventBody::Text(text)) if event.is_base64_encoded => STANDARD.decode(text).unwrap_or_default(),
        Some(EventBody::Text(text)) => text.into_bytes(),
        Some(EventBody::Binary(bytes)) => bytes,
        // The type may grow; what it grows by is not sent by our functions.
        _ => Vec::new(),
    };
    let status = u16::try_from(event.status_code).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = event.headers;
    response
}

/// What API Gateway itself answers has a shape of its own.
fn own(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}
