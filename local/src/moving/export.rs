//! `latchkey export`: all users as lines that an import takes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use latchkey::base::config::Vars;
use latchkey::base::error::StartError;
use latchkey::base::world::Timestamp;
use latchkey::cloud::setup::Setup;
use latchkey::domain::invite::Invite;
use latchkey::domain::invite_code::InviteCode;
use latchkey::domain::user::{User, UserId};
use latchkey::tables::avatars::Avatars;
use latchkey::tables::census::{Census, Stored};
use latchkey::tables::users::Users;

use crate::moving::line::{
    AvatarText, Line, MadeAdminLine, Moment, Referrer, RetiredLine, TelegramText, Terms, UserLine,
};
use crate::moving::parameters;
use crate::moving::plan::unanswered;
use crate::stored;

/// What to write, and from where.
#[derive(Clone, Debug, Args)]
pub struct Export {
    /// The file to write, which its owner alone can read; without it, to the standard output
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// A deployed stack, by your AWS credentials and region; without it, this machine's data
    #[arg(long)]
    stack: Option<String>,
    /// With the avatars
    #[arg(long)]
    avatars: bool,
}

/// Does it.
///
/// # Errors
/// If the table does not answer, or the file cannot be written.
pub async fn export(export: &Export, folder: &Path, vars: Vars) -> Result<(), StartError> {
    let vars = parameters(vars, export.stack.as_ref());
    let setup = stored::of(export.stack.as_deref(), folder, vars).await?;
    let out: Box<dyn Write> = if let Some(path) = &export.output {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        Box::new(file.map_err(unwritten)?)
    } else {
        Box::new(std::io::stdout())
    };
    let mut out = BufWriter::new(out);
    write(&setup, export.avatars, &mut out).await?;
    out.flush().map_err(unwritten)
}

/// What is told of users by items of their own.
#[derive(Default)]
struct Beside {
    users: HashSet<UserId>,
    invites: HashMap<InviteCode, Invite>,
    retired: BTreeMap<String, Vec<String>>,
    activated: HashMap<UserId, Timestamp>,
    made_admin: HashSet<String>,
}

/// Reads the table twice: first what is beside users, then the users.
async fn write(setup: &Setup, avatars: bool, out: &mut impl Write) -> Result<(), StartError> {
    let census = Census::new(setup);
    let mut beside = Beside::default();
    each(&census, async |stored| {
        beside.keep(stored);
        Ok(())
    })
    .await?;
    let pictures = avatars.then(|| Avatars::new(setup));
    each(&census, async |stored| {
        let Stored::User(user) = stored else { return Ok(()) };
        let avatar = match (&pictures, &user.avatar_id) {
            (Some(avatars), Some(id)) => {
                let avatar = avatars.get(id).await.map_err(unanswered)?;
                avatar.map(|avatar| AvatarText::of(id, &avatar))
            }
            _ => None,
        };
        put(out, &Line::User(Box::new(beside.line(*user, avatar))))
    })
    .await?;
    for (retired_invite_code, aliases) in std::mem::take(&mut beside.retired) {
        put(out, &Line::Retired(RetiredLine { retired_invite_code, aliases }))?;
    }
    let mut hashes: Vec<_> = beside.made_admin.into_iter().collect();
    hashes.sort_unstable();
    for made_admin_hash in hashes {
        put(out, &Line::MadeAdmin(MadeAdminLine { made_admin_hash }))?;
    }
    Ok(())
}

/// Hands over all that is stored, once through.
async fn each(
    census: &Census,
    mut take: impl AsyncFnMut(Stored) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let mut from = None;
    loop {
        let (stored, next) = census.page(from).await.map_err(unanswered)?;
        for stored in stored {
            take(stored).await?;
        }
        from = next;
        if from.is_none() {
            return Ok(());
        }
    }
}

fn put(out: &mut impl Write, line: &Line) -> Result<(), StartError> {
    serde_json::to_writer(&mut *out, line).map_err(std::io::Error::from).map_err(unwritten)?;
    out.write_all(b"\n").map_err(unwritten)
}

fn unwritten(error: std::io::Error) -> StartError {
    StartError::new("the export cannot be written", error)
}

impl Beside {
    fn keep(&mut self, stored: Stored) {
        match stored {
            Stored::User(user) => _ = self.users.insert(user.id),
            Stored::Invite(code, Invite { owner_id: None, aliases, .. }) => {
                self.retired.insert(code.as_str().to_owned(), aliases);
            }
            Stored::Invite(code, invite) => {
                let is_plain = invite == Invite { owner_id: invite.owner_id.clone(), ..Invite::default() };
                if !is_plain {
                    self.invites.insert(code, invite);
                }
            }
            Stored::Edge { user, activated_at } => _ = self.activated.insert(user, activated_at),
            Stored::MadeAdmin(hash) => _ = self.made_admin.insert(hash),
        }
    }

    fn line(&mut self, user: User, avatar: Option<AvatarText>) -> UserLine {
        let invite = self.invites.remove(&user.invite_code).unwrap_or_default();
        let is_limited = invite.max_uses.is_some() || invite.uses.is_some() || invite.expires_at.is_some();
        let terms = (is_limited || invite.revoked).then(|| Terms {
            max_uses: invite.max_uses,
            uses: invite.uses,
            expires_at: invite.expires_at.map(Moment),
            revoked: invite.revoked,
        });
        // Null says that whoever it was is gone.
        let friend = user.referrer_id.filter(|id| self.users.contains(id));
        let activated_at = self.activated.remove(&user.id).filter(|_| friend.is_some());
        let person = |id| Referrer::Person { id: Some(id), phone: None };
        let referrer = user.activated_invite_code.as_ref().map(|_| friend.map(person));
        UserLine {
            made_admin: self.made_admin.remove(&Users::admin_hash(&user.phone)),
            phone: user.phone.as_str().to_owned(),
            id: Some(user.id),
            created_at: Some(Moment(user.created_at)),
            invite_code: Some(user.invite_code.as_str().to_owned()),
            aliases: invite.aliases,
            invite: terms,
            activated_invite_code: user.activated_invite_code.map(|code| code.as_str().to_owned()),
            activated_at: activated_at.map(Moment),
            referrer,
            email: user.email,
            city: user.city,
            telegram_id: user.telegram_id.map(|id| TelegramText(id.into())),
            role: Some(user.role),
            status: Some(user.status),
            avatar,
        }
    }
}
