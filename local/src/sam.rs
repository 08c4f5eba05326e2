//! What `sam local` is told, so that its functions share this gateway's tables,
//! secrets and inbox.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use latchkey::base::config::{self, PARAMETERS, Vars};
use serde_json::{Map, Value, json};

/// The file, in the data folder.
const FILE: &str = "sam.env.json";

/// Where a container finds the machine that it runs on.
const HOST: &str = "host.docker.internal";

/// Writes the variables for `sam local --env-vars`: those of this gateway, the
/// engine at `dynamodb_port`, texts into the inbox. `sam local` hands each
/// function those that the template lists for it. The file holds secrets, so
/// its owner alone can read it.
pub fn write_env(folder: &Path, vars: &Vars, dynamodb_port: u16) -> std::io::Result<()> {
    let mut env: Map<_, _> = PARAMETERS
        .iter()
        .filter_map(|parameter| Some((parameter.name.to_owned(), Value::from(vars.raw(parameter.name)?))))
        .collect();
    let endpoint = format!("http://{HOST}:{dynamodb_port}");
    env.insert(config::AWS_ENDPOINT_URL_DYNAMODB.name.to_owned(), endpoint.into());
    // The template's default is another.
    env.insert(config::SMS_PROVIDER.name.to_owned(), vars.text(config::SMS_PROVIDER).into());
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(folder.join(FILE))?;
    writeln!(file, "{:#}", json!({ "Parameters": env }))
}
