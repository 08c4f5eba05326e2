//! `latchkey import` and `latchkey export`: users in and out, here or in a deployed stack.
//!
//! docs/moving.md says how the files look and what is promised.

mod bulk;
mod export;
mod import;
mod line;
mod other;
mod plan;

use std::path::Path;
use std::sync::Arc;

use latchkey::base::config::Vars;
use latchkey::base::error::StartError;
use latchkey::base::world::{Timestamp, World};
use latchkey::cloud::error::StoreError;
use latchkey::cloud::setup::Setup;
use latchkey::cloud::transaction::Tables;
use latchkey::domain::invite_code::InviteCode;
use latchkey::domain::numbers::Numbers;
use latchkey::domain::phone::Phone;
use latchkey::domain::phone_lists::AdminPhones;
use latchkey::domain::user::{Role, User};
use latchkey::settings;
use latchkey::tables::audit::Audit;
use latchkey::tables::avatars::Avatars;
use latchkey::tables::invites::Invites;
use latchkey::tables::keyset::Keyset;
use latchkey::tables::referrals::Referrals;
use latchkey::tables::users::Users;

pub use export::{Export, export};
pub use import::{Import, import};

use crate::moving::line::UserLine;

/// What an import reads and writes, and the rules of the deployment that it keeps.
struct Rooms {
    users: Users,
    invites: Invites,
    referrals: Referrals,
    avatars: Avatars,
    keyset: Keyset,
    audit: Audit,
    tables: Tables,
    numbers: Numbers,
    admins: AdminPhones,
    world: Arc<World>,
}

impl Rooms {
    fn new(setup: &Setup) -> Result<Self, StartError> {
        Ok(Self {
            users: Users::new(setup),
            invites: Invites::new(setup),
            referrals: Referrals::new(setup),
            avatars: Avatars::new(setup),
            keyset: Keyset::new(setup),
            audit: Audit::new(setup)?,
            tables: Tables::new(setup),
            numbers: settings::numbers(&setup.vars)?,
            admins: settings::admin_phones(&setup.vars)?,
            world: Arc::clone(&setup.world),
        })
    }

    /// A number as it stands in a file; one that no text reaches is none to sign in with.
    fn phone(&self, typed: &str) -> Result<Phone, String> {
        let told = |error: latchkey::domain::phone::PhoneError| match error {
            latchkey::domain::phone::PhoneError::NotMobile(_) => "its phone is no mobile number".to_owned(),
            _ => "its phone is no number".to_owned(),
        };
        let phone = self.numbers.read(typed, None).map_err(told)?;
        self.numbers.reachable(&phone).map_err(told)?;
        Ok(phone)
    }

    fn is_tester(&self, phone: &Phone) -> bool {
        self.numbers.testers().names(phone)
    }

    /// Whether a number of `ADMIN_PHONES` is still to make an admin, which it does once.
    async fn makes_admin(&self, line: &UserLine, phone: &Phone) -> Result<bool, StoreError> {
        let is_named = !line.made_admin && self.admins.contains(phone);
        Ok(is_named && !self.users.has_made_admin(phone).await?)
    }

    /// Whether somebody's role is that of a line, or that which `ADMIN_PHONES` gave.
    fn is_role(&self, line: &UserLine, user: &User) -> bool {
        let by_number = user.role == Role::Admin && !line.made_admin && self.admins.contains(&user.phone);
        by_number || user.role == line.role.unwrap_or_default()
    }

    async fn user_of(&self, phone: &Phone) -> Result<Option<User>, StoreError> {
        match self.users.with_phone(phone).await? {
            Some(id) => self.users.get(&id).await,
            None => Ok(None),
        }
    }

    fn now(&self) -> Timestamp {
        self.world.now()
    }

    fn new_id(&self) -> String {
        self.world.new_id()
    }

    fn draw(&self) -> InviteCode {
        InviteCode::draw(&mut *self.world.rng())
    }
}

/// What is said of a file that cannot be opened.
fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> StartError {
    let path = path.display().to_string();
    move |error| StartError::new(format!("{path} cannot be read"), error)
}

/// The parameters of a laptop, or those of the environment as a stack has them.
fn parameters(vars: Vars, stack: Option<&String>) -> Vars {
    if stack.is_some() { vars } else { crate::parameters::with_defaults(vars) }
}
