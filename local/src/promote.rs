//! `latchkey promote <phone>`: gives somebody a role, here or in a deployed
//! stack.

use std::path::Path;

use clap::{Args, ValueEnum};
use latchkey::base::config::Vars;
use latchkey::base::error::StartError;
use latchkey::cloud::transaction::Tables;
use latchkey::domain::audit::{Act, Actor, Deed};
use latchkey::domain::user::{Role, Status};
use latchkey::settings;
use latchkey::tables::audit::Audit;
use latchkey::tables::users::{UserChange, Users};

use crate::stored;

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
    let setup = stored::of(promotion.stack.as_deref(), folder, vars).await?;
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
