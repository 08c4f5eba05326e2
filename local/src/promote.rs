//! `latchkey promote <phone>`: gives somebody a role, here or in a deployed
//! stack.

use std::path::Path;
use std::process::Command;

use clap::{Args, ValueEnum};
use latchkey::base::config::{self, Vars};
use latchkey::base::error::StartError;
use latchkey::base::world::World;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::Tables;
use latchkey::domain::audit::{Act, Actor, Deed};
use latchkey::domain::user::{Role, Status};
use latchkey::settings;
use latchkey::tables::audit::Audit;
use latchkey::tables::users::{UserChange, Users};

use crate::engine::Engine;
use crate::folder::DATABASE;

/// The output of the template that names the users table.
const USERS_TABLE_OUTPUT: &str = "UsersTableName";

/// The output that names the table of the audit trail.
const AUDIT_TABLE_OUTPUT: &str = "AuditTableName";

/// Whom to give which role, and where.
#[derive(Clone, Debug, Args)]
pub struct Promotion {
    /// The phone, as a person of DEFAULT_REGION types it
    phone: String,
    /// The role
    #[arg(long, value_enum, default_value_t = RoleName::Admin)]
    role: RoleName,
    /// A deployed stack, by your AWS credentials and region; without it, this machine's data
    #[arg(long)]
    stack: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    User,
    Moderator,
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::User => Self::User,
            RoleName::Moderator => Self::Moderator,
            RoleName::Admin => Self::Admin,
        }
    }
}

/// Does it; what was done, in words.
pub async fn promote(promotion: &Promotion, folder: &Path, vars: Vars) -> Result<String, StartError> {
    let cannot = |what: String| StartError::new(format!("{} cannot be promoted", promotion.phone), what);
    let numbers = settings::numbers(&vars)?;
    let phone = numbers.read(&promotion.phone, None).map_err(|error| cannot(error.to_string()))?;
    if numbers.testers().names(&phone) {
        return Err(cannot("a test number never gets a role".to_owned()));
    }
    let setup = match &promotion.stack {
        Some(stack) => of_stack(stack, vars).await?,
        None => of_folder(folder, vars)?,
    };
    let users = Users::new(&setup);
    let failed = |error| StartError::new("the table does not answer", error);
    let nobody = || cannot("nobody has signed in with this number yet".to_owned());
    let id = users.with_phone(&phone).await.map_err(failed)?.ok_or_else(nobody)?;
    let user = users.get(&id).await.map_err(failed)?.ok_or_else(nobody)?;
    if user.status == Status::Banned {
        return Err(cannot("the account is banned: an admin lifts that first".to_owned()));
    }
    let role = Role::from(promotion.role);
    let change = UserChange { role: Some(role), ..UserChange::default() };
    let deed =
        Deed::new(Act::ChangedRole, &id).from(user.role.as_str().to_owned()).to(role.as_str().to_owned());
    let record = Audit::new(&setup)?.entry(&Actor::command_line(), deed);
    let records = if user.role == role { Vec::new() } else { vec![record] };
    let changed = users.change(&Tables::new(&setup), &user, &change, records).await.map_err(failed)?;
    let meanwhile = || cannot("the account changed meanwhile: try again".to_owned());
    let user = changed.ok_or_else(meanwhile)?;
    Ok(format!("{} is {} now", phone.as_str(), user.role.as_str()))
}

/// This machine's data.
pub(crate) fn of_folder(folder: &Path, vars: Vars) -> Result<Setup, StartError> {
    let file = folder.join(DATABASE);
    if !file.exists() {
        let none = format!("{} has no data yet: run the gateway and sign in first", folder.display());
        return Err(StartError::new("nobody can be promoted here", none));
    }
    Ok(Setup::new(vars, World::real()).tables_through(Engine::in_file(&file)?.http_client()))
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
