//! What an endpoint declares, as checks and documents read it.

use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::domain::user::Role;
use crate::endpoint::needs::Needs;
use crate::endpoint::{Caller, Endpoint, Route, answers_head};
use crate::http::body::Body;
use crate::http::problem::Code;
use crate::http::response::IntoResponse;

/// What can be made of any endpoint.
pub trait FromEndpoint: Sized {
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
    /// Whether `HEAD` is answered, too, as `GET` is and without the body.
    pub answers_head: bool,
    /// The roles that may do it to others.
    pub staff: &'static [Role],
    /// The status when it does as asked.
    pub status: StatusCode,
    /// The media types of its body; none where it takes none.
    pub media_types: &'static [&'static str],
    /// Every problem that it can answer, sorted.
    pub problems: Vec<Code>,
    /// The names of all variables that its function reads for it, sorted.
    pub variables: Vec<&'static str>,
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
            answers: <E::Output as IntoResponse>::schemas(&mut schemas.output),
        }
    }
}

impl FromEndpoint for Declaration {
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
        let mut variables: Vec<_> = E::Needs::parameters().iter().map(|parameter| parameter.name).collect();
        variables.sort_unstable();
        variables.dedup();
        Self {
            route: E::ROUTE,
            needs_token: <E::Caller as Caller>::NEEDS_GATE,
            answers_head: answers_head::<E>(),
            staff: E::STAFF,
            status: <E::Output as IntoResponse>::STATUS,
            media_types: <E::Body as Body>::MEDIA_TYPES,
            problems,
            variables,
            describe: Description::of::<E>,
        }
    }
}
