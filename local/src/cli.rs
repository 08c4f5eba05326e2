//! The command line of the laptop.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use latchkey::config::{self, Vars};
use latchkey::lambda::StartError;
use latchkey::setup::Setup;
use latchkey::texts::inbox::Inbox;
use latchkey::world::World;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::engine::Engine;
use crate::functions::Functions;
use crate::promote::Promotion;
use crate::{gateway, inbox, parameters, sam, secrets, tables};

/// How often items past their time are swept out of the engine.
const SWEEP_EVERY: Duration = Duration::from_mins(5);

/// Serves the whole Latchkey API on this machine: texts appear in the terminal
/// and at /local, data stays in a folder, nothing else is needed.
///
/// Every parameter of a deployment is a variable here too, from the
/// environment or from an .env file: see .env.sample.
#[derive(Clone, Debug, Parser)]
#[command(name = "latchkey", version, max_term_width = 100)]
pub struct Options {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The port of the API; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 3000)]
    pub port: u16,
    /// The address to listen on; others than this machine's can reach it then
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Where data and secrets are kept
    #[arg(long, env = "DATA_DIR", default_value = ".latchkey", global = true)]
    pub data_dir: PathBuf,
    /// Keep nothing: data and secrets are gone at the end
    #[arg(long)]
    pub in_memory: bool,
    /// Serve the embedded DynamoDB too, at this port, to the AWS CLI and `sam local`
    #[arg(long, env = "DYNAMODB_PORT")]
    pub dynamodb_port: Option<u16>,
    /// The address on which the embedded DynamoDB is served
    #[arg(long, env = "DYNAMODB_HOST", default_value = "127.0.0.1")]
    pub dynamodb_host: IpAddr,
}

/// What to do instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Give somebody who has signed in a role, here or in a deployed stack
    Promote(Promotion),
}

impl Options {
    /// Those of the command line and the environment, where an empty variable
    /// is an unset one. Ends the process if they cannot be read.
    pub fn read() -> Self {
        let command = Self::command().mut_args(|arg| {
            let is_empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            if is_empty { arg.env(Resettable::Reset) } else { arg }
        });
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }
}

/// Serves until Ctrl-C.
///
/// # Errors
/// Whatever keeps it from starting, in words for whoever started it.
pub async fn serve(options: Options, vars: Vars) -> Result<(), StartError> {
    let listener = listen(options.host, options.port, "--port").await?;
    let address = listener.local_addr().map_err(|error| StartError::new("no address", error))?;
    let world = World::real();
    let folder = (!options.in_memory).then_some(options.data_dir.as_path());
    let engine = open(folder)?;
    let vars = secrets::complete(parameters::with_defaults(vars), folder, &world).map_err(|error| {
        StartError::new(format!("secrets cannot be kept in {}", options.data_dir.display()), error)
    })?;
    let vars = match vars.optional(config::PUBLIC_URL) {
        Some(_) => vars,
        None => vars.with(config::PUBLIC_URL.name, format!("http://{}", reachable(address))),
    };
    let region = vars.parsed(config::DEFAULT_REGION)?;

    let setup = || Setup::new(vars.clone(), Arc::clone(&world)).tables_through(engine.http_client());
    tables::create(&setup().dynamodb(), &vars).await?;
    let functions = Functions::build(|_| setup()).await?;
    let inbox = Arc::new(Inbox::new(&setup())?);
    let api = gateway::router(&functions, &world, &vars)?.merge(inbox::router(Arc::clone(&inbox), region));

    let dynamodb = match options.dynamodb_port {
        Some(port) => Some(listen(options.dynamodb_host, port, "--dynamodb-port").await?),
        None => None,
    };
    say_hello(address, dynamodb.as_ref(), folder);
    if let Some(listener) = dynamodb {
        if let (Some(folder), Ok(address)) = (folder, listener.local_addr()) {
            sam::write_env(folder, &vars, address.port())
                .map_err(|error| StartError::new("what `sam local` is told cannot be written", error))?;
        }
        tokio::spawn(dynoxide::server::serve_on(listener, engine.database().clone()));
    }
    tokio::spawn(inbox::show_in_terminal(inbox, engine.clone()));
    tokio::spawn(sweep(engine));
    axum::serve(listener, api.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(interrupted())
        .await
        .map_err(|error| StartError::new("the server ended", error))
}

async fn listen(host: IpAddr, port: u16, flag: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind((host, port)).await.map_err(|error| {
        StartError::new(format!("{host}:{port} cannot be listened on ({flag} takes another)"), error)
    })
}

fn open(folder: Option<&Path>) -> Result<Engine, StartError> {
    let Some(folder) = folder else { return Engine::in_memory() };
    std::fs::create_dir_all(folder).map_err(|error| {
        StartError::new(format!("{} cannot be made (--data-dir takes another)", folder.display()), error)
    })?;
    Engine::in_file(&folder.join("dynamodb.sqlite"))
}

/// An address that a browser of this machine can open.
fn reachable(address: SocketAddr) -> SocketAddr {
    let any = address.ip().is_unspecified();
    SocketAddr::new(if any { IpAddr::from([127, 0, 0, 1]) } else { address.ip() }, address.port())
}

fn say_hello(address: SocketAddr, dynamodb: Option<&TcpListener>, folder: Option<&Path>) {
    let url = format!("http://{}", reachable(address));
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "Latchkey is at {url}");
    let _ = writeln!(out, "  inbox   {url}/local (and below)");
    let _ = writeln!(out, "  admin   {url}/admin");
    let _ = writeln!(out, "  docs    {url}/docs");
    match folder {
        Some(folder) => _ = writeln!(out, "  data    {}", folder.display()),
        None => _ = writeln!(out, "  data    in memory, gone at the end"),
    }
    if let Some(address) = dynamodb.and_then(|listener| listener.local_addr().ok()) {
        let _ = writeln!(out, "  tables  http://{address}");
    }
    if !address.ip().is_loopback() {
        let _ =
            writeln!(out, "  Careful: others on your network can reach this, the inbox with its codes too.");
    }
    let _ = writeln!(
        out,
        "Try it:\n  curl {url}/v1/auth/code --json '{{\"phone\": \"+79000000001\"}}'\nCtrl-C stops it.\n"
    );
    let _ = out.flush();
}

async fn sweep(engine: Engine) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let database = engine.database().clone();
        let _ = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
    }
}

async fn interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => _ = terminated.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
