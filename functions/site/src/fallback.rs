//! `$default`: on to a page that was asked for with a slash behind it, 405 where the path is one
//! of ours, 404 elsewhere.
//!
//! Tests: below, and local/tests/it/edge.rs.

use http::Method;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Moved;
use schemars::JsonSchema;

use crate::share::App;

/// Each path of the deployment with its methods.
const ROUTES: &[(&str, &[&str])] = include!(concat!(env!("OUT_DIR"), "/routes.rs"));

/// Pages that people ask for with a slash behind them, and where each is from there.
const PAGES: &[(&str, &str)] =
    &[("/admin/", "../admin"), ("/docs/", "../docs"), ("/redoc/", "../redoc"), ("/swagger/", "../swagger")];

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
    type Output = Moved;
    type Needs = App;

    async fn call(app: &App, request: Request<Self>) -> Result<Moved, Problem> {
        let path = &request.context.path;
        let asks = [Method::GET, Method::HEAD].contains(&request.context.method);
        if let Some((_, address)) = PAGES.iter().find(|(page, _)| asks && page == path) {
            return Ok(Moved(address));
        }
        let mut methods = methods_of(ROUTES, path);
        // What comes here by a method of the path is no request of the gateway's: a ping.
        if methods.contains(&request.context.method.as_str()) {
            methods.clear();
        }
        let problem = if methods.is_empty() {
            let trimmed = path.trim_end_matches('/');
            let is_slash = trimmed.len() < path.len() && !methods_of(ROUTES, trimmed).is_empty();
            Problem::from(Code::NotFound).detail(if is_slash {
                format!("There is no slash at the end: {trimmed}.")
            } else {
                "There is no such path; see /docs.".to_owned()
            })
        } else {
            Problem::method_not_allowed(&methods)
        };
        let is_share_link = methods.is_empty() && path.starts_with("/i/");
        Err(if is_share_link { app.told(problem, &request.context) } else { problem })
    }
}

/// The methods of a path. Where a route spells its end out, that is nobody's identifier.
fn methods_of(routes: &[(&str, &[&'static str])], path: &str) -> Vec<&'static str> {
    let fitting: Vec<_> = routes.iter().filter(|(route, _)| matches(route, path)).collect();
    let is_spelled_out = fitting.iter().any(|(route, _)| !route.ends_with('}'));
    let fitting = fitting.into_iter().filter(|(route, _)| !is_spelled_out || !route.ends_with('}'));
    let mut methods: Vec<_> = fitting.flat_map(|(_, methods)| *methods).copied().collect();
    methods.sort_unstable();
    methods.dedup();
    methods
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
    fn what_is_spelled_out_is_no_identifier() {
        let routes: &[(&str, &[&str])] = &[
            ("/users/{user_id}/keys", &["GET"]),
            ("/users/me/keys", &["POST"]),
            ("/users/me/keys/options", &["POST"]),
            ("/users/{user_id}/keys/{key_id}", &["DELETE", "PATCH"]),
        ];
        assert_eq!(methods_of(routes, "/users/me/keys"), ["GET", "POST"]);
        assert_eq!(methods_of(routes, "/users/me/keys/options"), ["POST"]);
        assert_eq!(methods_of(routes, "/users/me/keys/other"), ["DELETE", "PATCH"]);
        assert_eq!(methods_of(routes, "/users/you/keys"), ["GET"]);
    }

    #[test]
    fn parameters_match_one_segment() {
        assert!(matches("/v1/users/{user_id}", "/v1/users/me"));
        for other in ["/v1/users", "/v1/users/", "/v1/users/me/", "/v1/users/me/x", "/v2/users/me", "", "/"] {
            assert!(!matches("/v1/users/{user_id}", other), "{other}");
        }
    }
}
