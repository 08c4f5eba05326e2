//! `cargo run`.

use std::io::Write;
use std::process::ExitCode;

use latchkey::base::config::Vars;
use latchkey::base::error::Chain;
use latchkey_local::cli::{Command, Options, serve};
use latchkey_local::moving::{export, import};
use latchkey_local::promote::promote;
use latchkey_local::upgrade::upgrade;
use latchkey_local::{env_file, parameters};

fn say(done: &str) {
    let _ = writeln!(std::io::stdout(), "{done}");
}

fn main() -> ExitCode {
    // Before the first thread, and never over what the environment says.
    let in_file = match env_file::load() {
        Ok(names) => names,
        Err(error) => {
            eprintln!("latchkey: {error}");
            return ExitCode::FAILURE;
        }
    };
    let options = Options::read();
    options.log.start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("latchkey: {error}");
            return ExitCode::FAILURE;
        }
    };
    let vars = Vars::of_process();
    parameters::warn_of_unknown(&in_file, &vars, &Options::variables());
    let done = match &options.command {
        None => runtime.block_on(serve(options, vars)),
        Some(Command::Promote(promotion)) => {
            runtime.block_on(promote(promotion, &options.data_dir, vars)).map(|done| say(&done))
        }
        Some(Command::Import(wanted)) => {
            runtime.block_on(import(wanted, &options.data_dir, vars)).map(|done| say(&done))
        }
        Some(Command::Upgrade(wanted)) => {
            runtime.block_on(upgrade(wanted, &options.data_dir, vars)).map(|done| say(&done))
        }
        Some(Command::Export(wanted)) => runtime.block_on(export(wanted, &options.data_dir, vars)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latchkey: {}", Chain(&error));
            ExitCode::FAILURE
        }
    }
}
