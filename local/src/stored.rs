//! What a command works on: this machine's data, or the tables of a deployed stack.

use std::path::Path;
use std::process::Command;

use latchkey::base::config::{self, Vars};
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::setup::Setup;

use crate::engine::Engine;
use crate::folder::{DATABASE, DataFolder};
use crate::tables;

/// The output of the template that names the users table.
const USERS_TABLE_OUTPUT: &str = "UsersTableName";

/// The output that names the table of the audit trail.
const AUDIT_TABLE_OUTPUT: &str = "AuditTableName";

/// A stack's, where one is named, else this machine's.
///
/// # Errors
/// If there is no such stack, or nobody has run the gateway here.
pub(crate) async fn of(stack: Option<&str>, folder: &Path, vars: Vars) -> Result<Setup, StartError> {
    match stack {
        Some(stack) => of_stack(stack, vars).await,
        None => of_folder(folder, vars),
    }
}

/// This machine's data.
fn of_folder(folder: &Path, vars: Vars) -> Result<Setup, StartError> {
    let file = folder.join(DATABASE);
    if !file.exists() {
        let none = format!("{} has no data yet: run the gateway and sign in first", folder.display());
        return Err(StartError::new("there is nothing here", none));
    }
    Ok(Setup::new(vars, World::real()).tables_through(Engine::in_file(&file)?.http_client()))
}

/// The engine of a folder, with all tables. The first one is made aside: whoever ends it
/// meanwhile leaves none that lacks something.
///
/// # Errors
/// If the folder cannot be written to, or another version made the tables.
pub(crate) async fn engine_of(taken: &DataFolder, vars: &Vars) -> Result<Engine, StartError> {
    if let Some(unfinished) = taken.unfinished()? {
        drop(with_tables(Engine::in_file(&unfinished.path)?, vars).await?);
        unfinished.finish()?;
    }
    with_tables(Engine::in_file(&taken.database()?)?, vars).await
}

/// An engine that has all tables.
///
/// # Errors
/// If another version made them.
pub(crate) async fn with_tables(engine: Engine, vars: &Vars) -> Result<Engine, StartError> {
    let setup = Setup::new(vars.clone(), World::real()).tables_through(engine.http_client());
    tables::create(&setup.dynamodb(), vars).await?;
    Ok(engine)
}

/// The tables of a deployed stack, by the credentials of whoever runs this.
pub(crate) async fn of_stack(stack: &str, vars: Vars) -> Result<Setup, StartError> {
    let shared = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .http_client(latchkey::cloud::clients::https_client_of_machine())
        .load()
        .await;
    let client = aws_sdk_dynamodb::Client::new(&shared);
    let vars = vars
        .with(config::USERS_TABLE.name, output_of(stack, USERS_TABLE_OUTPUT)?)
        .with(config::AUDIT_TABLE.name, output_of(stack, AUDIT_TABLE_OUTPUT)?);
    Ok(Setup::new(vars, World::real()).with_dynamodb(client))
}

/// An output of a deployed stack, which the AWS CLI reads. Names of tables would not do: one
/// that was retained begins like the one that is used.
fn output_of(stack: &str, output: &str) -> Result<String, StartError> {
    let cannot = |what: String| StartError::new(format!("the outputs of {stack} cannot be read"), what);
    let query = format!("Stacks[0].Outputs[?OutputKey=='{output}'].OutputValue");
    let asked = Command::new("aws")
        .args([
            "cloudformation",
            "describe-stacks",
            "--stack-name",
            stack,
            "--output",
            "text",
            "--query",
            &query,
        ])
        .output()
        .map_err(|error| cannot(format!("the AWS CLI does not start: {error}")))?;
    if !asked.status.success() {
        return Err(cannot(String::from_utf8_lossy(&asked.stderr).trim().to_owned()));
    }
    let value = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    if value.is_empty() {
        return Err(cannot(format!("it has no {output}, so it is no stack of Latchkey")));
    }
    Ok(value)
}
