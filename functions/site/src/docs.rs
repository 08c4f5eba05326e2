//! `GET /openapi.json` and the pages that show it: Swagger UI, which also calls
//! the API, and Redoc.
//!
//! Tests: local/tests/it/openapi.rs, browser/docs.test.mjs.

use latchkey::endpoint::{Anyone, Endpoint, Request, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::{ApiDescription, Asset, Screen};
use schemars::JsonSchema;

use crate::files::{File, FilePath};

include!(concat!(env!("OUT_DIR"), "/docs.rs"));

/// Of Swagger UI: nothing from elsewhere and nothing in the page itself, but
/// pictures that are part of its styles.
const SWAGGER_UI: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                          connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Of Redoc, which writes its styles while it draws, and searches in a worker
/// that it makes itself.
const REDOC_ITSELF: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                            img-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; \
                            form-action 'none'; frame-ancestors 'none'";

/// Gives this description of the API.
///
/// OpenAPI 3.1, as JSON; compressed with gzip if `Accept-Encoding` names it. It may be cached for five minutes.
#[derive(JsonSchema)]
pub(crate) struct GetDescription;

impl Endpoint for GetDescription {
    const ROUTE: Route = Route::get("/openapi.json");
    const PROBLEMS: &'static [Code] = &[];

    type Caller = Anyone;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = ApiDescription;
    type Needs = ();

    async fn call((): &(), request: Request<Self>) -> Result<ApiDescription, Problem> {
        Ok(if request.context.takes_gzip() {
            ApiDescription::Packed(include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz")))
        } else {
            ApiDescription::Plain(include_str!("../../../openapi.json"))
        })
    }
}

macro_rules! pages {
    ($($(#[$about:meta])* $name:ident $path:literal $html:ident $policy:ident;)*) => {
        $(
            $(#[$about])*
            #[derive(JsonSchema)]
            pub(crate) struct $name;

            impl Endpoint for $name {
                const ROUTE: Route = Route::get($path);
                const PROBLEMS: &'static [Code] = &[];

                type Caller = Anyone;
                type Path = Nothing;
                type Query = Nothing;
                type Body = Nothing;
                type Output = Screen;
                type Needs = ();

                async fn call((): &(), _: Request<Self>) -> Result<Screen, Problem> {
                    Ok(Screen { html: $html, policy: $policy })
                }
            }
        )*
    };
}

pages! {
    /// Shows this description in Swagger UI.
    ///
    /// The page can also call the API: give "Authorize" an access token. `/docs#` and the code of a problem leads to
    /// its explanation.
    ShowDocs "/docs" DOCS SWAGGER_UI;
    /// Shows this description in Swagger UI, as `/docs` does.
    ShowSwagger "/swagger" DOCS SWAGGER_UI;
    /// Shows this description in Redoc, for reading.
    ShowRedoc "/redoc" REDOC REDOC_ITSELF;
}

/// Serves a file of the documentation's pages.
///
/// Always compressed with gzip. The file under an address never changes, so it may be cached for ever.
#[derive(JsonSchema)]
pub(crate) struct GetDocsFile;

impl Endpoint for GetDocsFile {
    const ROUTE: Route = Route::get("/docs/{version}/{file}");
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
