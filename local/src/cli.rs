//! The command line of the laptop.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use latchkey::base::config::{self, Vars};
use latchkey::base::error::StartError;
use latchkey::base::telemetry;
use latchkey::base::world::World;
use latchkey::cloud::secrets::pepper;
use latchkey::cloud::setup::Setup;
use latchkey::sms::inbox::Inbox;
use latchkey::tables::codes::Codes;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::engine::Engine;
use crate::folder;
use crate::folder::DataFolder;
use crate::functions::Functions;
use crate::gateway::Kind;
use crate::moving::{Export, Import};
use crate::promote::Promotion;
use crate::secrets;
use crate::stored::{engine_of, with_tables};
use crate::texts::Texts;
use crate::upgrade::Upgrade;
use crate::{gateway, inbox, parameters, sam};

/// How often items past their time are swept out of the engine.
const SWEEP_EVERY: Duration = Duration::from_mins(5);

/// What is true of all that it does.
const AFTER_HELP: &str = "\
The log goes to stderr; RUST_LOG=info (or debug, or latchkey=trace) says more in it. NO_COLOR=1 keeps it plain.
Exit status: 0 when stopped or done, 1 when it cannot, 2 when it was asked wrongly.";

/// Serves the whole Latchkey API on this machine: texts appear in the terminal
/// and at /local, data stays in a folder, nothing else is needed.
///
/// Every parameter of a deployment is a variable here too, from the
/// environment or from an .env file: see .env.sample.
#[derive(Clone, Debug, Parser)]
#[command(name = "latchkey", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Options {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The port of the API; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 3000)]
    pub port: u16,
    /// The address to listen on; others than this machine's can reach it then
    #[arg(long, env = "HOST", default_value = "127.0.0.1", value_parser = address)]
    pub host: IpAddr,
    /// Where data and secrets are kept
    #[arg(long, env = "DATA_DIR", default_value = folder::USUAL, global = true)]
    pub data_dir: PathBuf,
    /// Keep nothing: data and secrets are gone at the end
    #[arg(long)]
    pub in_memory: bool,
    /// Serve the embedded DynamoDB too, at this port, to the AWS CLI and `sam local`
    #[arg(long, env = "DYNAMODB_PORT")]
    pub dynamodb_port: Option<u16>,
    /// The address on which the embedded DynamoDB is served
    #[arg(long, env = "DYNAMODB_HOST", default_value = "127.0.0.1", value_parser = address)]
    pub dynamodb_host: IpAddr,
    /// How to log: for people, or one JSON object a line with all that a deployment logs and counts
    #[arg(long, env = "LOG", value_enum, default_value_t = Log::Text, global = true)]
    pub log: Log,
}

/// The address of a name such as `localhost`, by IPv4 where it has one.
fn address(host: &str) -> Result<IpAddr, String> {
    let found: Vec<_> = (host, 0).to_socket_addrs().map_err(|error| error.to_string())?.collect();
    let found = found.iter().find(|address| address.is_ipv4()).or_else(|| found.first());
    Ok(found.ok_or("has no address")?.ip())
}

/// How to log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Log {
    /// For people.
    Text,
    /// As a deployment does.
    Json,
}

impl Log {
    /// Logs so from now on.
    pub fn start(self) {
        let filter = |usual| EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
        match self {
            Self::Text => {
                let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                tracing_subscriber::fmt()
                    .with_env_filter(filter("warn"))
                    .with_writer(std::io::stderr)
                    .with_ansi(std::io::stderr().is_terminal() && !plain)
                    .init();
            }
            Self::Json => {
                let log = telemetry::json(std::io::stderr, World::real(), None);
                tracing_subscriber::registry().with(filter("info")).with(log).init();
            }
        }
    }
}

/// What to do instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Give somebody who has signed in a role, here or in a deployed stack
    Promote(Promotion),
    /// Bring users in from a file, here or into a deployed stack
    Import(Import),
    /// Write all users into a file, from here or from a deployed stack
    Export(Export),
    /// Bring what an older version stored up to date, here or in a deployed stack
    Upgrade(Upgrade),
}

impl Options {
    /// The variables that they can come from.
    pub fn variables() -> Vec<String> {
        let command = Self::command();
        let variables = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str());
        variables.map(str::to_owned).collect()
    }

    /// Those of the command line and the environment, where an empty variable
    /// is an unset one. Ends the process if they cannot be read.
    pub fn read() -> Self {
        let command = Self::command().mut_args(|arg| {
            let is_empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            if is_empty { arg.env(Resettable::Reset) } else { arg }
        });
        let asked: Vec<_> = std::env::args_os().collect();
        let read =
            command.clone().try_get_matches_from(&asked).and_then(|found| Self::from_arg_matches(&found));
        read.unwrap_or_else(|error| {
            if error.use_stderr() {
                eprintln!("latchkey: {}; see --help", in_one_line(&error, &command, &asked));
                std::process::exit(error.exit_code());
            }
            error.exit()
        })
    }
}

/// What was asked wrongly: clap's words without its paragraphs, and the
/// variable where it was not the command line that said it.
fn in_one_line(error: &clap::Error, command: &clap::Command, asked: &[OsString]) -> String {
    let words = error.render().to_string();
    let mut paragraphs =
        words.split("\n\n").map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let what = paragraphs.next().unwrap_or_default();
    let what = what.trim_start_matches("error: ").to_owned();
    let tip = paragraphs.next().filter(|text| text.starts_with("tip: "));
    let variable = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => command.get_arguments().find_map(|arg| {
            let flag = format!("--{}", arg.get_long()?);
            let is_it = argument.split(' ').next() == Some(&flag);
            let is_asked = asked.iter().any(|asked| asked.to_string_lossy().starts_with(&flag));
            if is_it && !is_asked { arg.get_env()?.to_str() } else { None }
        }),
        _ => None,
    };
    let beside = tip.or_else(|| Some(format!("it comes from the variable {}", variable?)));
    beside.map_or_else(|| what.clone(), |beside| format!("{what} ({beside})"))
}

/// Serves until Ctrl-C.
pub async fn serve(options: Options, vars: Vars) -> Result<(), StartError> {
    let listener = listen(options.host, options.port, "--port").await?;
    let address = listener.local_addr().map_err(|error| StartError::new("no address", error))?;
    let world = World::real();
    let taken = if options.in_memory { None } else { Some(DataFolder::take(&options.data_dir)?) };
    let folder = taken.as_ref().map(DataFolder::path);
    let vars = secrets::complete(parameters::with_defaults(vars), folder, &world).map_err(|error| {
        StartError::new(format!("secrets cannot be kept in {}", options.data_dir.display()), error)
    })?;
    let vars = match vars.optional(config::PUBLIC_URL) {
        Some(_) => vars,
        None => vars.with(config::PUBLIC_URL.name, format!("http://{}", reachable(address))),
    };
    let engine = match &taken {
        Some(taken) => engine_of(taken, &vars).await?,
        None => with_tables(Engine::in_memory()?, &vars).await?,
    };
    let with =
        |vars: &Vars| Setup::new(vars.clone(), Arc::clone(&world)).tables_through(engine.http_client());
    let setup = || with(&vars);
    let functions = build(&vars, with).await?;
    let codes = Codes::new(&setup(), pepper(&setup()).await?)?;
    // What serves the tables, too, writes to them past this engine's way in.
    let texted = options.dynamodb_port.is_none().then(|| engine.texted());
    let texts = Arc::new(Texts::new(Inbox::new(&setup())?, codes, Arc::clone(&world), texted));
    let api = gateway::router(&functions, &world, Kind::Http)?;
    let api = api.merge(inbox::router(Arc::clone(&texts), &vars)?);

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
    tokio::spawn(inbox::show_in_terminal(texts, engine.texted()));
    tokio::spawn(sweep(engine));
    axum::serve(listener, api.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(interrupted())
        .await
        .map_err(|error| StartError::new("the server ended", error))
}

/// All functions. Where parameters are bad each is told, not the first alone.
async fn build(vars: &Vars, with: impl Fn(&Vars) -> Setup) -> Result<Functions, StartError> {
    let mut vars = vars.clone();
    let mut bad = BTreeMap::new();
    loop {
        let built = Functions::build(|_| with(&vars)).await;
        match built.as_ref().err().map(|error| (error.parameter(), error.to_string())) {
            // Unset, so that what else is bad is met.
            Some((Some(name), words)) if !bad.contains_key(name) => {
                vars = vars.with(name, "");
                bad.insert(name, words);
            }
            _ if bad.is_empty() => return built,
            _ => return Err(StartError::told(bad.into_values().collect::<Vec<_>>().join("\nlatchkey: "))),
        }
    }
}

async fn listen(host: IpAddr, port: u16, flag: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind((host, port)).await.map_err(|error| {
        StartError::new(format!("{host}:{port} cannot be listened on ({flag} takes another)"), error)
    })
}

/// An address that a browser of this machine can open: by its name, since passkeys are
/// bound to names.
fn reachable(address: SocketAddr) -> String {
    let ip = address.ip();
    if ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST {
        return format!("localhost:{}", address.port());
    }
    address.to_string()
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
