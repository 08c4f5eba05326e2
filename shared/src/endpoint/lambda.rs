//! The start of a Lambda binary.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_http::Adapter;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::tower::util::ThenLayer;
use lambda_runtime::tower::{Service, ServiceExt as _};
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::base::config::Vars;
use crate::base::error::{Chain, StartError};
use crate::base::telemetry;
use crate::base::world::World;
use crate::cloud::setup::Setup;
use crate::endpoint::function::{Function, Handler, Mount};
use crate::http::event::Event;

/// Serves a function in Lambda until the runtime ends it. One thread: a
/// function is given one request at a time.
pub fn run(function: Function<Mount>) -> ExitCode {
    let vars = Vars::of_process();
    let name = vars.raw("AWS_LAMBDA_FUNCTION_NAME").map(str::to_owned);
    // A filter by target would bring a third of a megabyte of regular expressions.
    let log = telemetry::json(std::io::stdout, World::real(), name);
    tracing_subscriber::registry().with(LevelFilter::INFO).with(log).init();
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::new("no runtime", error))
        .and_then(|runtime| runtime.block_on(serve(function, vars)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = %Chain(&error), "cannot start");
            ExitCode::FAILURE
        }
    }
}

async fn serve(function: Function<Mount>, vars: Vars) -> Result<(), StartError> {
    let setup = Setup::new(vars, World::real()).answering_first();
    let service = service(Arc::new(function.build(&setup).await?));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    let afterwards = setup.afterwards;
    let finish = ThenLayer::new(|answered| {
        let afterwards = Arc::clone(&afterwards);
        async move {
            afterwards.finish().await;
            answered
        }
    });
    Runtime::new(service)
        .layer(finish)
        .layer(TracingLayer::new())
        .run()
        .await
        .map_err(|error| StartError::new("the runtime ended", error))
}

/// What answers the events that Lambda hands a function, each in the words of
/// the API that it came from.
pub fn service(
    handler: Arc<Handler>,
) -> impl Service<
    LambdaEvent<Event>,
    Response = impl Serialize + Send + 'static,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ 'static {
    let answer = service_fn(move |request: lambda_http::Request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(handler.handle(request).await) }
    });
    Adapter::from(answer).map_request(|LambdaEvent { payload: Event(request), context, .. }| {
        LambdaEvent::new(request, context)
    })
}
