//! `GET /i/{invite_code}`: shows an invite code and sends on to the app. It
//! never says whether the code exists.
//!
//! Tests: below, and local/tests/it/story.rs.

use latchkey::base::config::{self, BadParameter, Parameter, Vars};
use latchkey::base::error::StartError;
use latchkey::cloud::setup::Setup;
use latchkey::domain::invite_code::InviteCode;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::{Html, HtmlOrJson, Json};
use latchkey::sms::wording::Wording;
use maud::{DOCTYPE, Markup, html};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shows an invite code and sends on to the app.
///
/// Answers with a page, or with JSON if `Accept` asks for it. It never says whether the code exists.
#[derive(JsonSchema)]
#[schemars(rename = "OpenInvite")]
pub(crate) struct ShareLink;

/// The app's name, and where its people are sent.
pub(crate) struct App {
    name: String,
    ios: Option<String>,
    android: Option<String>,
    web: Option<String>,
}

impl Needs for App {
    const PROBLEMS: &'static [Code] = &[];

    fn parameters() -> Vec<&'static Parameter> {
        let links = [config::APP_LINK_IOS, config::APP_LINK_ANDROID, config::APP_LINK_WEB];
        [Wording::PARAMETERS, &links].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        Ok(Self {
            name: Wording::read(vars)?.app().to_owned(),
            ios: link(vars, config::APP_LINK_IOS)?,
            android: link(vars, config::APP_LINK_ANDROID)?,
            web: link(vars, config::APP_LINK_WEB)?,
        })
    }
}

/// An address, with `{invite_code}` where the code goes; an App Store's has no such place.
fn link(vars: &Vars, parameter: &Parameter) -> Result<Option<String>, BadParameter> {
    let Some(text) = vars.optional(parameter) else { return Ok(None) };
    let scheme = text.split_once("://").map(|(scheme, _)| scheme).unwrap_or_default();
    let is_address = !scheme.is_empty()
        && !scheme.eq_ignore_ascii_case("javascript")
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_address {
        let problem = format!("must be an address such as https://example.com/i/{PLACE}, not {text:?}");
        return Err(BadParameter { name: parameter.name, problem });
    }
    Ok(Some(text.to_owned()))
}

const PLACE: &str = "{invite_code}";

/// The code in the path.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct InvitePath {
    /// The invite code: six digits and letters. Case does not matter; I and L are read as 1, O as 0.
    #[schemars(example = &"K5J3RW")]
    invite_code: String,
}

/// An invite code, and the links that take it to the app.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Share")]
pub(crate) struct Share {
    /// The invite code in its normal form.
    invite_code: InviteCode,
    /// Where to go with the code, by platform.
    links: Links,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Links {
    /// The link for iPhones; null if the deployment has none.
    #[schemars(example = &"https://apps.example.com/ios?invite=K5J3RW")]
    ios: Option<String>,
    /// The link for Android; null if the deployment has none.
    #[schemars(example = &"https://apps.example.com/android?invite=K5J3RW")]
    android: Option<String>,
    /// The link for all else; null if the deployment has none.
    #[schemars(example = &"https://www.example.com/join?invite=K5J3RW")]
    web: Option<String>,
}

impl Endpoint for ShareLink {
    const ROUTE: Route = Route::get("/i/{invite_code}");
    const PROBLEMS: &'static [Code] = &[Code::InviteCodeNotFound];

    type Caller = Anyone;
    type Path = InvitePath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = HtmlOrJson<Share>;
    type Needs = App;

    async fn call(app: &App, request: Request<Self>) -> Result<HtmlOrJson<Share>, Problem> {
        let invite_code = InviteCode::parse(&request.path.invite_code).ok_or(Code::InviteCodeNotFound)?;
        let to = |link: &Option<String>| Some(link.as_ref()?.replace(PLACE, invite_code.as_str()));
        let links = Links { ios: to(&app.ios), android: to(&app.android), web: to(&app.web) };
        Ok(if request.context.prefers_json() {
            HtmlOrJson::Json(Json(Share { invite_code, links }))
        } else {
            HtmlOrJson::Html(Html(page(&app.name, &invite_code, &links).into_string()))
        })
    }
}

fn page(app: &str, code: &InviteCode, links: &Links) -> Markup {
    let choices = [
        ("Open on iPhone", &links.ios),
        ("Open on Android", &links.android),
        ("Open in the browser", &links.web),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { "An invitation to " (app) }
                style { (STYLE) }
            }
            body {
                main {
                    p { "You are invited to " strong { (app) } ". Your friend’s code:" }
                    p.code { (code) }
                    @for (name, link) in choices {
                        @if let Some(link) = link {
                            a href=(link) { (name) }
                        }
                    }
                    @if choices.iter().all(|(_, link)| link.is_none()) {
                        p { "Enter it in the app." }
                    }
                }
            }
        }
    }
}

const STYLE: &str = "\
body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.1rem/1.5 system-ui,sans-serif;\
color:#1b1b1f;background:#f4f4f7}\
main{box-sizing:border-box;width:min(26rem,100%);padding:2rem;text-align:center}\
.code{font:700 2.6rem/1.2 ui-monospace,monospace;letter-spacing:.15em;user-select:all}\
a{display:block;margin:.75rem 0;padding:.8rem;border-radius:.75rem;background:#2b4fd8;color:#fff;text-decoration:none}\
@media(prefers-color-scheme:dark){body{color:#ececf1;background:#17171a}}";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<String>, BadParameter> {
        link(&Vars::from_iter([("APP_LINK_WEB", text)]), config::APP_LINK_WEB)
    }

    #[test]
    fn a_link_may_have_a_place_for_the_code() {
        assert_eq!(read(""), Ok(None));
        for good in ["https://apps.apple.com/app/id123", "https://e.com/?c=", "app://i/{invite_code}/go"] {
            assert_eq!(read(good), Ok(Some(good.to_owned())));
        }
        for bad in ["e.com", "https://e.com/ x", "javascript://%0aalert(1)", "://x", "ключ://x"] {
            assert!(read(bad).unwrap_err().to_string().starts_with("APP_LINK_WEB: "), "{bad}");
        }
    }
}
