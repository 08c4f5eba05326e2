//! What phones fetch to open links of this host in the app: the share link, passkeys, and
//! on iPhones the filling in of codes.
//!
//! Tests: local/tests/it/story.rs.

use latchkey::base::config::{self, Parameter};
use latchkey::base::error::StartError;
use latchkey::cloud::setup::Setup;
use latchkey::endpoint::needs::Needs;
use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Cached;
use latchkey::settings;
use schemars::JsonSchema;
use serde::Serialize;

/// Lets apps for iPhones open share links, fill in codes and use passkeys.
///
/// The file that Apple describes under "Supporting associated domains".
#[derive(JsonSchema)]
#[schemars(rename = "GetAppleAssociation")]
pub(crate) struct Apple;

/// Lets apps for Android open share links and use passkeys.
///
/// The file that Google describes under "Digital Asset Links".
#[derive(JsonSchema)]
#[schemars(rename = "GetAndroidAssociation")]
pub(crate) struct Android;

/// The apps for iPhones: `<team>.<bundle>`.
pub(crate) struct AppleApps(Vec<String>);

impl Needs for AppleApps {
    const PROBLEMS: &'static [Code] = &[];

    fn parameters() -> Vec<&'static Parameter> {
        vec![config::IOS_APP_IDS]
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self(settings::apple_apps(&setup.vars)?))
    }
}

/// The apps for Android: fingerprints of certificates by package.
pub(crate) struct AndroidApps(settings::AndroidApps);

impl Needs for AndroidApps {
    const PROBLEMS: &'static [Code] = &[];

    fn parameters() -> Vec<&'static Parameter> {
        vec![config::ANDROID_APPS]
    }

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self(settings::android_apps(&setup.vars)?))
    }
}

/// What iPhones read of the apps that belong to this host.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AppleFile {
    /// Which addresses of this host open in which apps.
    applinks: AppLinks,
    /// The apps into which iPhones fill codes that name this host, and that use its passkeys.
    webcredentials: WebCredentials,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AppLinks {
    /// A single rule, which holds for all apps.
    details: [Detail; 1],
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AppLinkDetail")]
struct Detail {
    #[serde(rename = "appIDs")]
    /// The apps, each as `<team>.<bundle>`.
    #[schemars(example = ["ABCDE12345.com.example.app"])]
    app_ids: Vec<String>,
    /// The paths that open in the apps.
    components: [Component; 1],
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AppLinkComponent")]
struct Component {
    #[serde(rename = "/")]
    /// The pattern of the path: all share links.
    #[schemars(extend("const" = "/i/*"))]
    path: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct WebCredentials {
    /// The apps, each as `<team>.<bundle>`.
    #[schemars(example = ["ABCDE12345.com.example.app"])]
    apps: Vec<String>,
}

impl Endpoint for Apple {
    const ROUTE: Route = Route::get("/.well-known/apple-app-site-association");
    const PROBLEMS: &'static [Code] = &[Code::NotFound];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Cached<AppleFile>;
    type Needs = AppleApps;

    async fn call(AppleApps(apps): &AppleApps, _: Request<Self>) -> Result<Cached<AppleFile>, Problem> {
        if apps.is_empty() {
            return Err(Problem::from(Code::NotFound).detail("No app for iPhones is set."));
        }
        let detail = Detail { app_ids: apps.clone(), components: [Component { path: "/i/*" }] };
        Ok(Cached(AppleFile {
            applinks: AppLinks { details: [detail] },
            webcredentials: WebCredentials { apps: apps.clone() },
        }))
    }
}

/// What apps for Android may do here.
const RELATIONS: [&str; 2] =
    ["delegate_permission/common.handle_all_urls", "delegate_permission/common.get_login_creds"];

/// A statement that an app for Android belongs to this host.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AssetStatement")]
pub(crate) struct Statement {
    /// What the app may do: open all addresses of this host, and use its passkeys.
    #[schemars(example = RELATIONS)]
    relation: [&'static str; 2],
    /// The app that the statement is about.
    target: Target,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AssetTarget")]
struct Target {
    /// The kind of app: Android.
    #[schemars(extend("const" = "android_app"))]
    namespace: &'static str,
    /// The app's package name.
    #[schemars(example = &"com.example.app")]
    package_name: String,
    /// SHA-256 fingerprints of the certificates that the app may be signed with.
    #[schemars(example = ["14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5"])]
    sha256_cert_fingerprints: Vec<String>,
}

impl Endpoint for Android {
    const ROUTE: Route = Route::get("/.well-known/assetlinks.json");
    const PROBLEMS: &'static [Code] = &[Code::NotFound];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Cached<Vec<Statement>>;
    type Needs = AndroidApps;

    async fn call(
        AndroidApps(apps): &AndroidApps,
        _: Request<Self>,
    ) -> Result<Cached<Vec<Statement>>, Problem> {
        if apps.is_empty() {
            return Err(Problem::from(Code::NotFound).detail("No app for Android is set."));
        }
        let statements = apps.iter().map(|(package, fingerprints)| Statement {
            relation: RELATIONS,
            target: Target {
                namespace: "android_app",
                package_name: package.clone(),
                sha256_cert_fingerprints: fingerprints.clone(),
            },
        });
        Ok(Cached(statements.collect()))
    }
}
