//! `GET /i/{invite_code}`: shows an invite code and sends on to the app. It
//! never says whether the code exists.
//!
//! Tests: below, local/tests/it/share.rs and browser/share.test.mjs.

mod page;

use latchkey::base::config::{self, BadParameter, Parameter, Vars};
use latchkey::base::error::StartError;
use latchkey::cloud::setup::Setup;
use latchkey::domain::invite_code::InviteCode;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::context::Context;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::{HtmlOrJson, Json};
use latchkey::settings;
use latchkey::sms::languages::Language;
use latchkey::sms::wording::Wording;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shows an invite code and sends on to the app.
///
/// Answers with a page, or with JSON if `Accept` asks for it. The page is in the language that
/// `Accept-Language` prefers, with the link for the phone that `User-Agent` names. It never says whether the code
/// exists.
#[derive(JsonSchema)]
#[schemars(rename = "OpenInvite")]
pub(crate) struct ShareLink;

/// The app's name, and where its people are sent.
pub(crate) struct App {
    name: String,
    country: String,
    ios: Option<String>,
    android: Option<String>,
    web: Option<String>,
}

impl Needs for App {
    const PROBLEMS: &'static [Code] = &[];

    fn parameters() -> Vec<&'static Parameter> {
        let own =
            [config::APP_LINK_IOS, config::APP_LINK_ANDROID, config::APP_LINK_WEB, config::DEFAULT_REGION];
        [Wording::PARAMETERS, &own].concat()
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        Ok(Self {
            name: Wording::read(vars)?.app().to_owned(),
            country: settings::region(vars)?.to_string(),
            ios: link(vars, config::APP_LINK_IOS)?,
            android: link(vars, config::APP_LINK_ANDROID)?,
            web: link(vars, config::APP_LINK_WEB)?,
        })
    }
}

impl App {
    /// The language of whoever asks; what fetches a preview for a messenger often says none,
    /// and is answered in that of the deployment's region.
    fn language(&self, context: &Context) -> &'static Language {
        Language::of(context.header("accept-language"), Some(&self.country))
    }

    /// Where to go with a code.
    fn links(&self, code: &InviteCode) -> Links {
        let to = |link: &Option<String>| Some(link.as_ref()?.replace(PLACE, code.as_str()));
        Links { ios: to(&self.ios), android: to(&self.android), web: to(&self.web) }
    }

    /// A problem with the path of a share link, for people as a page: with the code, if it can
    /// be read all the same.
    pub(crate) fn told(&self, problem: Problem, context: &Context) -> Problem {
        if !context.wants_page() {
            return problem;
        }
        problem.page(match InviteCode::parse(&context.path) {
            Some(code) => page::invitation(self, &code, &self.links(&code), context),
            None => page::broken(self, context),
        })
    }

    /// Words with the app's name and a code filled in.
    fn fill(&self, words: &str, code: &str) -> String {
        words.replace("{code}", code).replace("{app}", &self.name)
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
        let context = &request.context;
        let Some(invite_code) = InviteCode::parse(&request.path.invite_code) else {
            return Err(app.told(Code::InviteCodeNotFound.into(), context));
        };
        let links = app.links(&invite_code);
        Ok(if context.prefers_json() {
            HtmlOrJson::Json(Json(Share { invite_code, links }))
        } else {
            HtmlOrJson::Html(page::invitation(app, &invite_code, &links, context))
        })
    }
}

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
