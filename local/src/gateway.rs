//! What API Gateway does in production: finds the route, makes the event,
//! gives back the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::Context;
use lambda_http::lambda_runtime::LambdaEvent;
use lambda_http::tower::Service as _;
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::endpoint::function::Handler;
use latchkey::endpoint::lambda;
use serde::Deserialize;
use serde_json::json;

use crate::events::{Arrived, decoded};
use crate::functions::Functions;

/// What API Gateway takes at most, in bytes (quotas of HTTP APIs).
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// What API Gateway takes at most of request line and headers together, in
/// bytes.
const HEAD_LIMIT: usize = 10_240;

/// The two kinds of API that a deployment may stand behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An HTTP API: events of payload format 2.0. What the template deploys.
    Http,
    /// A REST API: events of payload format 1.0.
    Rest,
}

struct Gateway {
    /// By method, then by path: of routes that a request fits, the most specific one of its
    /// method is taken.
    routes: BTreeMap<String, matchit::Router<Route>>,
    default: Option<Route>,
    kind: Kind,
    world: Arc<World>,
}

#[derive(Clone)]
struct Route {
    key: String,
    handler: Arc<Handler>,
}

/// The API of `functions`: each route to its handler, all the rest to
/// `$default`, as events of an API of this kind.
///
/// # Errors
/// If two routes cannot be told apart.
pub fn router(functions: &Functions, world: &Arc<World>, kind: Kind) -> Result<Router, StartError> {
    let mut routes = BTreeMap::<_, matchit::Router<_>>::new();
    let mut default = None;
    for (key, handler) in &functions.0 {
        let route = Route { key: key.clone(), handler: Arc::clone(handler) };
        match key.split_once(' ') {
            Some((method, path)) => routes
                .entry(method.to_owned())
                .or_default()
                .insert(path, route)
                .map_err(|error| StartError::new("two routes are alike", error))?,
            None => default = Some(route),
        }
    }
    let gateway = Arc::new(Gateway { routes, default, kind, world: Arc::clone(world) });
    Ok(Router::new().fallback(move |request: Request| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.serve(request).await }
    }))
}

impl Gateway {
    async fn serve(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
            return own(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        if head_length(&parts) > HEAD_LIMIT {
            return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
        }
        let Some((route, parameters)) = self.route(&parts) else {
            return own(StatusCode::NOT_FOUND, "Not Found");
        };
        let (id, at) = (self.world.new_id(), self.world.now());
        let arrived =
            Arrived { parts: &parts, body: &body, route_key: &route.key, parameters: &parameters, id, at };
        let event = match self.kind {
            Kind::Http => arrived.at_http_api(),
            Kind::Rest => arrived.at_rest_api(),
        };
        // Through JSON both ways, so that a handler sees what it would see in
        // production and answers what would be understood there.
        let Ok(event) = serde_json::from_str(&event.to_string()) else {
            return own(StatusCode::BAD_REQUEST, "Bad Request");
        };
        let mut service = lambda::service(Arc::clone(&route.handler));
        let Ok(answer) = service.call(LambdaEvent::new(event, Context::default())).await;
        serde_json::to_vec(&answer)
            .ok()
            .and_then(|answer| serde_json::from_slice::<Answer>(&answer).ok())
            .map_or_else(|| own(StatusCode::BAD_GATEWAY, "Internal Server Error"), Answer::into_response)
    }

    fn route(&self, parts: &Parts) -> Option<(&Route, BTreeMap<String, String>)> {
        if let Some(routes) = self.routes.get(parts.method.as_str())
            && let Ok(found) = routes.at(parts.uri.path())
        {
            let parameters = found.params.iter().map(|(name, value)| (name.to_owned(), decoded(value)));
            return Some((found.value, parameters.collect()));
        }
        Some((self.default.as_ref()?, BTreeMap::new()))
    }
}

/// The bytes of the request line and the headers.
fn head_length(parts: &Parts) -> usize {
    let line = parts.method.as_str().len() + parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    line + headers.sum::<usize>()
}

/// What a function answers, in the words of either kind of API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    multi_value_headers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl Answer {
    fn into_response(self) -> Response {
        let body = self.body.unwrap_or_default();
        let body = if self.is_base64_encoded {
            STANDARD.decode(body).unwrap_or_default()
        } else {
            body.into_bytes()
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status_code).unwrap_or(StatusCode::BAD_GATEWAY);
        let of_many = self
            .multi_value_headers
            .into_iter()
            .flat_map(|(name, all)| all.into_iter().map(move |one| (name.clone(), one)));
        for (name, value) in self.headers.into_iter().chain(of_many) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// What API Gateway itself answers has a shape of its own.
fn own(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}
