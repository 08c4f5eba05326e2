//! The start of a Lambda binary.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::tower::util::ThenLayer;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{BadParameter, Vars};
use crate::http::function::{Function, Mount};
use crate::http::problem::Chain;
use crate::setup::Setup;
use crate::watch;
use crate::world::World;

/// Why a function cannot start: a bad parameter, or something that it needs and
/// cannot reach. In words for whoever started it.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StartError {
    what: String,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl StartError {
    /// In words, with what caused it.
    pub fn new(what: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { what: what.into(), cause: Some(cause.into()) }
    }
}

impl From<BadParameter> for StartError {
    fn from(error: BadParameter) -> Self {
        Self { what: error.to_string(), cause: None }
    }
}

/// Serves a function in Lambda until the runtime ends it. One thread: a
/// function is given one request at a time.
pub fn run(function: Function<Mount>) -> ExitCode {
    let vars = Vars::of_process();
    let name = vars.raw("AWS_LAMBDA_FUNCTION_NAME").map(str::to_owned);
    // A filter by target would bring a third of a megabyte of regular expressions.
    let log = watch::json(std::io::stdout, World::real(), name);
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
    let handler = Arc::new(function.build(&setup).await?);
    let service = service_fn(move |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, std::convert::Infallible>(handler.handle(event.payload).await) }
    });
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
