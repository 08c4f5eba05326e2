//! What API Gateway does for pages of other origins (CORS), as the template
//! has it.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use latchkey::base::config::{self, BadParameter, Vars};
use latchkey_template::Template;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// What pages of the origins of `CORS_ORIGINS` may do; `None` where there are
/// none.
pub fn layer(vars: &Vars) -> Result<Option<CorsLayer>, BadParameter> {
    let Some(origins) = vars.optional(config::CORS_ORIGINS) else { return Ok(None) };
    let origin = if origins == "*" {
        AllowOrigin::any()
    } else {
        let is_origin = |text: &str| {
            text.split_once("://").is_some_and(|(scheme, host)| {
                matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', ' ', '*'])
            })
        };
        let origins = origins.split(',').map(|origin| {
            HeaderValue::try_from(origin).ok().filter(|_| is_origin(origin)).ok_or_else(|| BadParameter {
                name: config::CORS_ORIGINS.name,
                problem: format!("must hold origins such as https://app.example.com, not {origin:?}"),
            })
        });
        AllowOrigin::list(origins.collect::<Result<Vec<_>, _>>()?)
    };
    let allowed = Template::of_checkout().cors();
    let names = |of: Vec<String>| of.into_iter().filter_map(|name| HeaderName::try_from(name).ok());
    let methods = allowed.methods.iter().filter_map(|method| Method::from_bytes(method.as_bytes()).ok());
    Ok(Some(
        CorsLayer::new()
            .allow_origin(origin)
            .allow_methods(methods.collect::<Vec<_>>())
            .allow_headers(names(allowed.headers).collect::<Vec<_>>())
            .expose_headers(names(allowed.exposed).collect::<Vec<_>>())
            .max_age(Duration::from_secs(allowed.max_age)),
    ))
}
