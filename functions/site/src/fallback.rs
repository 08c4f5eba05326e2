//! `$default`: 405 where the path is one of ours, 404 elsewhere.
//!
//! Tests: below, and local/tests/it/edge.rs.

use std::convert::Infallible;

use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use schemars::JsonSchema;

/// Each path of the deployment with its methods.
const ROUTES: &[(&str, &[&str])] = include!(concat!(env!("OUT_DIR"), "/routes.rs"));

/// All that no other route takes.
#[derive(JsonSchema)]
pub(crate) struct Fallback;

impl Endpoint for Fallback {
    const ROUTE: Route = Route::Default;
    const PROBLEMS: &'static [Code] = &[Code::NotFound, Code::MethodNotAllowed];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Infallible;
    type Needs = ();

    async fn call((): &(), request: Request<Self>) -> Result<Infallible, Problem> {
        let path = &request.context.path;
        let mut methods: Vec<_> = ROUTES
            .iter()
            .filter(|(route, _)| matches(route, path))
            .flat_map(|(_, methods)| *methods)
            .copied()
            .collect();
        methods.sort_unstable();
        methods.dedup();
        Err(if methods.is_empty() {
            Problem::from(Code::NotFound).detail("There is no such path; see /docs.")
        } else {
            Problem::method_not_allowed(&methods)
        })
    }
}

/// Whether a path is one of a route whose segments may be `{parameters}`.
fn matches(route: &str, path: &str) -> bool {
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_match_one_segment() {
        assert!(matches("/v1/users/{user_id}", "/v1/users/me"));
        for other in ["/v1/users", "/v1/users/", "/v1/users/me/", "/v1/users/me/x", "/v2/users/me", "", "/"] {
            assert!(!matches("/v1/users/{user_id}", other), "{other}");
        }
    }
}
