//! An endpoint is a type: its declaration is read by the binary, the gateway,
//! the tests and the checks against `template.yaml`.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::problem::{Code, Problem};
use super::request::{Body, Context};
use crate::domain::user::Role;
use crate::gate::{Bearer, Gate};
use crate::lambda::StartError;
use crate::setup::Setup;
use crate::world::World;

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
    /// and tables are added by [`Declaration::of`].
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
    type Output: Answer;
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

/// What an endpoint needs: tables, a sender, keys. Several are a tuple; what
/// reads parameters of its own is a struct beside the endpoint.
pub trait Needs: Sized + Send + Sync + 'static {
    /// The problems that using it can end in.
    const PROBLEMS: &'static [Code] = &[Code::Unavailable, Code::OutcomeUnknown];

    /// Builds it. Only what is built here is linked into the binary.
    fn build(setup: &Setup) -> impl Future<Output = Result<Self, StartError>> + Send;

    /// The gate that its callers pass; none where anyone may call.
    fn gate(&self) -> Option<&Gate> {
        None
    }
}

/// Needs nothing.
impl Needs for () {
    const PROBLEMS: &'static [Code] = &[];

    async fn build(_: &Setup) -> Result<Self, StartError> {
        Ok(())
    }
}

/// Time and chance.
impl Needs for Arc<World> {
    const PROBLEMS: &'static [Code] = &[];

    async fn build(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self::clone(&setup.world))
    }
}

macro_rules! several_needs {
    ($($part:ident)+) => {
        /// Several needs at once.
        impl<$($part: Needs),+> Needs for ($($part,)+) {
            async fn build(setup: &Setup) -> Result<Self, StartError> {
                Ok(($($part::build(setup).await?,)+))
            }

            #[expect(non_snake_case, reason = "each part under the name of its type")]
            fn gate(&self) -> Option<&Gate> {
                let ($($part,)+) = self;
                None$(.or_else(|| $part.gate()))+
            }
        }
    };
}

several_needs!(A B);
several_needs!(A B C);
several_needs!(A B C D);

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

/// What can be made of any endpoint.
pub trait OfEndpoint: Sized {
    /// That of `E`.
    fn of<E: Endpoint>() -> Self;
}

/// An endpoint's declaration, as checks and documents read it.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// Where it is reached.
    pub route: Route,
    /// Whether callers need an access token.
    pub needs_token: bool,
    /// The roles that may do it to others.
    pub staff: &'static [Role],
    /// The status when it does as asked.
    pub status: StatusCode,
    /// The media types of its body; none where it takes none.
    pub media_types: &'static [&'static str],
    /// Every problem that it can answer, sorted.
    pub problems: Vec<Code>,
    /// What goes in and out, in words and schemas.
    pub describe: fn(&mut Schemas) -> Description,
}

/// The schemas of what comes in and of what goes out; they collect those that
/// have a name.
pub struct Schemas {
    /// Of paths, queries and bodies, as they are read.
    pub input: SchemaGenerator,
    /// Of answers, as they are written.
    pub output: SchemaGenerator,
}

/// What goes in and out of an endpoint.
pub struct Description {
    /// The name of its type.
    pub name: String,
    /// What its doc comment says.
    pub text: String,
    /// An object with the path's parameters.
    pub path: Schema,
    /// An object with the query's parameters.
    pub query: Schema,
    /// An object with the headers that are read.
    pub headers: Schema,
    /// The body; none where it takes none.
    pub body: Option<Schema>,
    /// Whether the body may not be left out.
    pub needs_body: bool,
    /// The media types of what it answers, each with its schema.
    pub answers: Vec<(&'static str, Schema)>,
}

impl Description {
    fn of<E: Endpoint>(schemas: &mut Schemas) -> Self {
        let text = E::json_schema(&mut schemas.input);
        let text = text.get("description").and_then(|text| text.as_str()).unwrap_or_default();
        Self {
            name: E::schema_name().into_owned(),
            text: text.to_owned(),
            path: E::Path::json_schema(&mut schemas.input),
            query: E::Query::json_schema(&mut schemas.input),
            headers: <E::Body as Body>::headers(&mut schemas.input),
            body: <E::Body as Body>::schema(&mut schemas.input),
            needs_body: <E::Body as Body>::IS_REQUIRED,
            answers: <E::Output as Answer>::schemas(&mut schemas.output),
        }
    }
}

impl OfEndpoint for Declaration {
    fn of<E: Endpoint>() -> Self {
        let mut problems: Vec<_> = [
            E::PROBLEMS,
            <E::Caller as Caller>::PROBLEMS,
            <E::Body as Body>::PROBLEMS,
            <E::Needs as Needs>::PROBLEMS,
        ]
        .concat();
        problems.sort_unstable();
        problems.dedup();
        Self {
            route: E::ROUTE,
            needs_token: <E::Caller as Caller>::NEEDS_GATE,
            staff: E::STAFF,
            status: <E::Output as Answer>::STATUS,
            media_types: <E::Body as Body>::MEDIA_TYPES,
            problems,
            describe: Description::of::<E>,
        }
    }
}
