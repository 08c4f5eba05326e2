//! A function: one or more endpoints behind one Lambda binary.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method, Response};
use http_body_util::Full;
use tracing::Instrument as _;

use crate::base::config::{self, BadParameter};
use crate::base::error::StartError;
use crate::cloud::setup::Setup;
use crate::endpoint::declaration::{Declaration, FromEndpoint};
use crate::endpoint::needs::Needs;
use crate::endpoint::{Caller, Endpoint, Request, Route, answers_head};
use crate::http::cors::Cors;
use crate::http::event::{DEFAULT_ROUTE, Incoming};
use crate::http::problem::{Code, Problem};
use crate::http::proxy::Proxy;
use crate::http::response::IntoResponse;

/// The header that carries the request's identifier back.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

type Build = fn(&Setup) -> BoxFuture<'_, Result<Arc<dyn Mounted>, StartError>>;

/// A function as declared: its name, and of each of its endpoints a `T`: a
/// [`Mount`] where it is served, a [`Declaration`] where it is described. So a
/// binary that serves links nothing that describes.
pub struct Function<T> {
    name: &'static str,
    endpoints: Vec<T>,
}

/// The function of a package: its endpoints, under the package's name.
#[macro_export]
macro_rules! function {
    ($($endpoint:path),+ $(,)?) => {
        /// The function of this package, with all its endpoints.
        pub fn function<T: $crate::endpoint::declaration::FromEndpoint>()
        -> $crate::endpoint::function::Function<T> {
            $crate::endpoint::function::Function::new(env!("CARGO_PKG_NAME"))$(.endpoint::<$endpoint>())+
        }
    };
}

/// What serves an endpoint, once what it needs is built.
pub struct Mount {
    route: Route,
    answers_head: bool,
    reads_address: bool,
    build: Build,
}

impl FromEndpoint for Mount {
    fn of<E: Endpoint>() -> Self {
        Self {
            route: E::ROUTE,
            answers_head: answers_head::<E>(),
            reads_address: E::Needs::parameters().iter().any(|of| of.name == config::TRUSTED_PROXY.name),
            build: |setup| Box::pin(mount::<E>(setup)),
        }
    }
}

impl<T: FromEndpoint> Function<T> {
    /// One without endpoints yet. The name is its package's.
    pub const fn new(name: &'static str) -> Self {
        Self { name, endpoints: Vec::new() }
    }

    /// With `E` too.
    #[must_use]
    pub fn endpoint<E: Endpoint>(mut self) -> Self {
        self.endpoints.push(T::of::<E>());
        self
    }

    /// Its name, that of its package and of its binary.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl Function<Declaration> {
    /// What its endpoints declare.
    pub fn declarations(&self) -> impl Iterator<Item = &Declaration> {
        self.endpoints.iter()
    }

    /// The names of all variables that it reads.
    pub fn variables(&self) -> BTreeSet<&'static str> {
        let of_endpoints = self.endpoints.iter().flat_map(|endpoint| endpoint.variables.iter().copied());
        of_endpoints.chain([config::PUBLIC_URL.name]).chain(Cors::PARAMETERS.map(|of| of.name)).collect()
    }
}

impl Function<Mount> {
    /// Builds what its endpoints need, once.
    pub async fn build(&self, setup: &Setup) -> Result<Handler, StartError> {
        let mut endpoints = HashMap::new();
        for Mount { route, answers_head, build, .. } in &self.endpoints {
            let endpoint = build(setup).await?;
            if let Some(head) = route.by_head().filter(|_| *answers_head) {
                endpoints.insert(head.to_string(), Arc::clone(&endpoint));
            }
            endpoints.insert(route.to_string(), endpoint);
        }
        let public_url = setup.vars.optional(config::PUBLIC_URL).map(public_url).transpose()?;
        let cors = Cors::read(&setup.vars)?;
        let reads_address = self.endpoints.iter().any(|mount| mount.reads_address);
        let proxy = if reads_address { Proxy::build(setup).await? } else { None };
        Ok(Handler { endpoints, public_url, cors, proxy })
    }
}

fn public_url(text: &str) -> Result<String, BadParameter> {
    let text = text.trim_end_matches('/');
    let is_url = (text.starts_with("https://") || text.starts_with("http://"))
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>#?".contains(&byte));
    is_url.then(|| text.to_owned()).ok_or_else(|| BadParameter {
        name: config::PUBLIC_URL.name,
        problem: format!("must be an address such as https://api.example.com, not {text:?}"),
    })
}

/// A function that is ready to answer.
pub struct Handler {
    endpoints: HashMap<String, Arc<dyn Mounted>>,
    public_url: Option<String>,
    cors: Cors,
    /// Where an endpoint needs the caller's address.
    proxy: Option<Proxy>,
}

impl Handler {
    /// The route keys that it answers.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.endpoints.keys().map(String::as_str)
    }

    /// Answers one request. All that is logged meanwhile carries the request's
    /// identifier.
    pub async fn handle(&self, request: lambda_http::Request) -> Response<Full<Bytes>> {
        let incoming = Incoming::new(request, self.public_url.as_deref(), self.proxy.as_ref());
        let span = tracing::info_span!("request", request_id = incoming.context.request_id);
        self.answer(incoming).instrument(span).await.map(Full::new)
    }

    async fn answer(&self, incoming: Incoming) -> Response<Bytes> {
        let (route_key, asked) = (incoming.route_key.clone(), incoming.context.headers.clone());
        let is_head = incoming.context.method == Method::HEAD;
        let request_id = incoming.context.request_id.clone();
        let endpoint = self.endpoints.get(&route_key).or_else(|| self.endpoints.get(DEFAULT_ROUTE));
        let mut response = match (self.cors.preflight(&incoming.context), endpoint) {
            (Some(response), _) => response,
            (None, Some(endpoint)) => endpoint.answer(incoming).await,
            (None, None) => Problem::from(Code::NotFound).into_response(&incoming.context),
        };
        tracing::info!(route = route_key, status = response.status().as_u16(), "answered");
        let headers = response.headers_mut();
        self.cors.allow(&asked, headers);
        if let Ok(request_id) = HeaderValue::try_from(request_id) {
            headers.insert(X_REQUEST_ID, request_id);
        }
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if is_head { response.map(|_| Bytes::new()) } else { response }
    }
}

/// An endpoint with its needs, its types folded away.
trait Mounted: Send + Sync {
    fn answer(&self, incoming: Incoming) -> BoxFuture<'_, Response<Bytes>>;
}

async fn mount<E: Endpoint>(setup: &Setup) -> Result<Arc<dyn Mounted>, StartError> {
    let needs = E::Needs::build(setup).await?;
    assert!(
        !E::Caller::NEEDS_GATE || needs.gate().is_some(),
        "{} asks for a token and has no gate",
        E::ROUTE
    );
    Ok(Arc::new(WithNeeds::<E>(needs)))
}

struct WithNeeds<E: Endpoint>(E::Needs);

impl<E: Endpoint> Mounted for WithNeeds<E> {
    fn answer(&self, incoming: Incoming) -> BoxFuture<'_, Response<Bytes>> {
        Box::pin(async move {
            let context = incoming.context.clone();
            match self.run(incoming).await {
                Ok(output) => output.into_response(),
                Err(problem) => {
                    debug_assert!(
                        Declaration::of::<E>().problems.contains(&problem.code()),
                        "{} answers {:?}, which it does not declare",
                        E::ROUTE,
                        problem.code()
                    );
                    problem.into_response(&context)
                }
            }
        })
    }
}

impl<E: Endpoint> WithNeeds<E> {
    /// Who calls comes first: nobody learns from a 422 what a 401 would hide.
    async fn run(&self, incoming: Incoming) -> Result<E::Output, Problem> {
        let caller = E::Caller::tell(self.0.gate(), &incoming.context).await?;
        let path = incoming.path()?;
        let query = incoming.query()?;
        let context = incoming.context.clone();
        let body = incoming.body()?;
        E::call(&self.0, Request { caller, path, query, body, context }).await
    }
}
