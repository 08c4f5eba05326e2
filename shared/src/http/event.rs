//! Events: API Gateway's, read into what an endpoint declares.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::body::{Body, invalid_request};
use crate::http::context::Context;
use crate::http::problem::Problem;

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
    /// Reads an event. `public_url` wins over the host it came to.
    pub fn new(event: ApiGatewayV2httpRequest, public_url: Option<&str>) -> Self {
        let of = event.request_context;
        let body = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            STANDARD.decode(body).unwrap_or_default()
        } else {
            body.into_bytes()
        };
        let host = || format!("https://{}", of.domain_name.as_deref().unwrap_or("localhost"));
        Self {
            route_key: event.route_key.unwrap_or_default(),
            context: Context {
                request_id: of.request_id.unwrap_or_default(),
                public_url: public_url.map_or_else(host, str::to_owned),
                ip: of
                    .http
                    .source_ip
                    .and_then(|ip| ip.parse().ok())
                    .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
                method: of.http.method,
                path: event.raw_path.unwrap_or_default(),
                headers: event.headers,
            },
            path: event.path_parameters,
            query: event.raw_query_string.unwrap_or_default(),
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
