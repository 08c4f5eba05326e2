//! `GET /admin`: the admin panel, and the files of which it is made. It holds no
//! data: what it shows it asks the API for, by the token of whoever signed in.
//!
//! Tests: browser/admin.test.mjs.

use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::{ALL_OUR_OWN, Asset, Screen};
use schemars::JsonSchema;

use crate::files::{File, FilePath};

include!(concat!(env!("OUT_DIR"), "/admin.rs"));

/// Shows the admin panel.
///
/// The page itself holds no data: it asks this API, with the access token of whoever signed in to it.
#[derive(JsonSchema)]
#[schemars(rename = "ShowAdminPanel")]
pub(crate) struct Panel;

impl Endpoint for Panel {
    const ROUTE: Route = Route::get("/admin");
    const PROBLEMS: &'static [Code] = &[];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Screen;
    type Needs = ();

    async fn call((): &(), _: Request<Self>) -> Result<Screen, Problem> {
        Ok(Screen { html: INDEX, policy: ALL_OUR_OWN })
    }
}

/// Serves a file of the admin panel.
///
/// Always compressed with gzip. The file under an address never changes, so it may be cached for ever.
#[derive(JsonSchema)]
#[schemars(rename = "GetAdminPanelFile")]
pub(crate) struct PanelFile;

impl Endpoint for PanelFile {
    const ROUTE: Route = Route::get("/admin/{version}/{file}");
    const PROBLEMS: &'static [Code] = &[Code::NotFound];

    type Caller = Anyone;
    type Path = FilePath;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Asset;
    type Needs = ();

    async fn call((): &(), request: Request<Self>) -> Result<Asset, Problem> {
        request.path.among(FILES, VERSION)
    }
}
