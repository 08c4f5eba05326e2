//! An endpoint is a type: its declaration is read by the binary, the gateway,
//! the tests and the checks against `template.yaml`.

pub mod declaration;
pub mod function;
pub mod lambda;
pub mod needs;

use std::fmt;

use http::Method;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::access::gate::Gate;
use crate::domain::bearer::Bearer;
use crate::domain::user::Role;
use crate::endpoint::needs::Needs;
use crate::http::body::Body;
use crate::http::context::Context;
use crate::http::problem::{Code, Problem};
use crate::http::response::IntoResponse;

/// Where an endpoint is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// By a method and a path whose `{parameters}` are API Gateway's.
    Path(Method, &'static str),
    /// By all that no other route takes.
    Default,
}

impl Route {
    /// `GET path`.
    pub const fn get(path: &'static str) -> Self {
        Self::Path(Method::GET, path)
    }

    /// The same path by `HEAD`; none where all paths are taken.
    pub(crate) fn by_head(&self) -> Option<Self> {
        match self {
            Self::Path(_, path) => Some(Self::Path(Method::HEAD, path)),
            Self::Default => None,
        }
    }

    /// `POST path`.
    pub const fn post(path: &'static str) -> Self {
        Self::Path(Method::POST, path)
    }

    /// `DELETE path`.
    pub const fn delete(path: &'static str) -> Self {
        Self::Path(Method::DELETE, path)
    }

    /// `PATCH path`.
    pub const fn patch(path: &'static str) -> Self {
        Self::Path(Method::PATCH, path)
    }

    /// `PUT path`.
    pub const fn put(path: &'static str) -> Self {
        Self::Path(Method::PUT, path)
    }
}

/// The route key of API Gateway: `GET /health`, or `$default`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(method, path) => write!(f, "{method} {path}"),
            Self::Default => f.write_str("$default"),
        }
    }
}

/// One endpoint. Its name and its doc comment stand in the API's description,
/// which is what `JsonSchema` is derived for: the first paragraph is the
/// summary, the others say more.
pub trait Endpoint: JsonSchema + Send + Sync + 'static {
    /// Where it is reached.
    const ROUTE: Route;
    /// The roles that may do it to others; everybody may to themselves.
    const STAFF: &'static [Role] = &[];
    /// The problems that its own rules can answer; those of its caller, body
    /// and tables are added by [`Declaration`](declaration::Declaration).
    const PROBLEMS: &'static [Code];

    /// Who may call: [`Anyone`] or a [`Bearer`] of an access token.
    type Caller: Caller;
    /// The path's parameters.
    type Path: DeserializeOwned + JsonSchema + Send;
    /// The query's parameters.
    type Query: DeserializeOwned + JsonSchema + Send;
    /// The body.
    type Body: Body;
    /// What it answers; the type fixes the status.
    type Output: IntoResponse;
    /// What it needs, built once at the start.
    type Needs: Needs;

    /// Does it.
    ///
    /// # Errors
    /// A problem of its declaration.
    fn call(
        needs: &Self::Needs,
        request: Request<Self>,
    ) -> impl Future<Output = Result<Self::Output, Problem>> + Send;
}

/// Whether `HEAD` is answered as `GET` is: where anyone may ask, as monitors and previews of
/// links do.
pub(crate) fn answers_head<E: Endpoint>() -> bool {
    matches!(E::ROUTE, Route::Path(Method::GET, _)) && !E::Caller::NEEDS_GATE
}

/// What an endpoint is handed.
pub struct Request<E: Endpoint + ?Sized> {
    /// Who calls.
    pub caller: E::Caller,
    /// The path's parameters.
    pub path: E::Path,
    /// The query's parameters.
    pub query: E::Query,
    /// The body.
    pub body: E::Body,
    /// What the edge knows.
    pub context: Context,
}

/// Who calls, as far as the request alone tells.
pub trait Caller: Sized + Send {
    /// Whether a gate is needed to tell.
    const NEEDS_GATE: bool;
    /// The problems that telling can end in.
    const PROBLEMS: &'static [Code];

    /// Tells.
    fn tell(gate: Option<&Gate>, context: &Context) -> impl Future<Output = Result<Self, Problem>> + Send;
}

/// Anyone at all.
#[derive(Clone, Copy, Debug)]
pub struct Anyone;

impl Caller for Anyone {
    const NEEDS_GATE: bool = false;
    const PROBLEMS: &'static [Code] = &[];

    async fn tell(_: Option<&Gate>, _: &Context) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Caller for Bearer {
    const NEEDS_GATE: bool = true;
    const PROBLEMS: &'static [Code] =
        &[Code::MissingToken, Code::InvalidToken, Code::SessionEnded, Code::AccountBanned, Code::Forbidden];

    async fn tell(gate: Option<&Gate>, context: &Context) -> Result<Self, Problem> {
        match gate {
            Some(gate) => gate.bearer(context).await,
            None => Err(Code::Forbidden.into()),
        }
    }
}
