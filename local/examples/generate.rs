//! Writes anew what is made from what the endpoints declare: `openapi.json`,
//! the functions' variables and routes in `template.yaml`, the lists of
//! functions, `.env.sample`, and with node the Postman collection.

#![allow(clippy::print_stdout, reason = "it says what it wrote")]

use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::process::{Command, ExitCode};

use latchkey_local::generated::{FUNCTIONS, files};

fn main() -> ExitCode {
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Result<()> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut is_complete = true;
    for (file, text) in files(root)? {
        if std::fs::read_to_string(root.join(file))? != text {
            std::fs::write(root.join(file), text)?;
            println!("wrote {file}");
            is_complete &= file != FUNCTIONS;
        }
    }
    if !is_complete {
        // What a new function declares is known once it is built in.
        return run(root, env!("CARGO"), &["run", "--example", "generate"]);
    }
    match run(root, "node", &["postman/generate.mjs"]) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("without node the Postman collection stays as it is");
            Ok(())
        }
        done => done,
    }
}

fn run(root: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program).args(arguments).current_dir(root).status()?;
    status.success().then_some(()).ok_or_else(|| Error::other(format!("{program} ended with {status}")))
}
