//! `GET /`: what is where.
//!
//! Tests: local/tests/it/edge.rs.

use latchkey::base::config::Parameter;
use latchkey::base::error::StartError;
use latchkey::cloud::setup::Setup;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Html;
use maud::{DOCTYPE, Markup, html};
use schemars::JsonSchema;

/// Shows what is where.
#[derive(JsonSchema)]
#[schemars(rename = "ShowHome")]
pub(crate) struct Home;

/// Whether there is an inbox, which a deployment has none of.
pub(crate) struct HasInbox(bool);

impl Needs for HasInbox {
    const PROBLEMS: &'static [Code] = &[];

    fn parameters() -> Vec<&'static Parameter> {
        Vec::new()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self(!setup.vars.is_deployed()))
    }
}

impl Endpoint for Home {
    const ROUTE: Route = Route::get("/");
    const PROBLEMS: &'static [Code] = &[];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Html;
    type Needs = HasInbox;

    async fn call(HasInbox(has_inbox): &HasInbox, _: Request<Self>) -> Result<Html, Problem> {
        Ok(Html(page(*has_inbox).into_string()))
    }
}

fn page(has_inbox: bool) -> Markup {
    let places = [
        ("docs", "Swagger UI", "the API, to read and to try out"),
        ("redoc", "Redoc", "the same to read: a quick start, samples, all errors"),
        ("openapi.json", "openapi.json", "the same for programs (OpenAPI 3.1)"),
        ("admin", "Admin panel", "for moderators and admins"),
        ("health", "Health", "says that the API is up"),
    ];
    let inbox = has_inbox.then_some(("local", "Inbox", "the texts that would be sent, with their codes"));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { "Latchkey" }
                style { (STYLE) }
            }
            body {
                main {
                    h1 { "Latchkey" }
                    p { "Phone-number sign-in and invites. The API is below " code { "/v1" } "." }
                    dl {
                        @for (address, name, about) in inbox.into_iter().chain(places) {
                            dt { a href=(address) { (name) } }
                            dd { (about) }
                        }
                    }
                }
            }
        }
    }
}

const STYLE: &str = "\
body{margin:0;font:1.05rem/1.5 system-ui,sans-serif;color:#1b1b1f;background:#f4f4f7}\
main{box-sizing:border-box;max-width:34rem;margin:0 auto;padding:3rem 1.5rem}\
dt{margin-top:1rem;font-weight:600}dd{margin:0}a{color:#2b4fd8}\
@media(prefers-color-scheme:dark){body{color:#ececf1;background:#17171a}a{color:#9db2ff}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_has_no_inbox() {
        assert!(page(true).into_string().contains("href=\"local\""));
        assert!(!page(false).into_string().contains("local"));
    }
}
