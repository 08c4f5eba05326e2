//! `latchkey upgrade`: brings what an older version stored up to date, here or in a deployed
//! stack.

use std::path::Path;

use clap::Args;
use futures_util::future::try_join_all;
use latchkey::base::config::Vars;
use latchkey::base::error::StartError;
use latchkey::cloud::error::StoreError;
use latchkey::domain::phone::Phone;
use latchkey::domain::user::UserId;
use latchkey::tables::census::Census;
use latchkey::tables::users::Users;

use crate::pace::Pace;
use crate::parameters::with_defaults;
use crate::progress::Progress;
use crate::stored;

/// How many users are written at once.
const AT_ONCE: usize = 32;

/// What to bring up to date.
#[derive(Clone, Debug, Args)]
pub struct Upgrade {
    /// A deployed stack, by your AWS credentials and region; without it, this machine's data
    #[arg(long)]
    stack: Option<String>,
    /// How many users of a stack to write a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
}

/// Does it; what was done, in words. It may be killed at any moment and run again, while people
/// go on: whoever is up to date is left alone.
///
/// # Errors
/// If the table does not answer.
pub async fn upgrade(upgrade: &Upgrade, folder: &Path, vars: Vars) -> Result<String, StartError> {
    let stack = upgrade.stack.as_deref();
    let vars = if stack.is_some() { vars } else { with_defaults(vars) };
    let setup = stored::of(stack, folder, vars).await?;
    let rate = stack.map(|_| upgrade.rate);
    let failed = |error| StartError::new("the table does not answer; run it again for the rest", error);
    let old = unnumbered(&Census::new(&setup)).await.map_err(failed)?;
    let users = Users::new(&setup);
    let progress = Progress::new("Bringing them up to date", old.len());
    let mut pace = Pace::new(rate);
    for some in old.chunks(AT_ONCE) {
        for _ in some {
            pace.next().await;
        }
        let writes = some.iter().map(async |(id, phone)| {
            users.number(id, phone).await?;
            progress.one_more();
            Ok(())
        });
        try_join_all(writes).await.map_err(failed)?;
    }
    drop(progress);
    Ok(match old.len() {
        0 => "All is up to date".to_owned(),
        1 => "1 user is listed by number now".to_owned(),
        count => format!("{count} users are listed by number now"),
    })
}

/// Users whom the index by number does not have.
async fn unnumbered(census: &Census) -> Result<Vec<(UserId, Phone)>, StoreError> {
    let (mut all, mut from) = (Vec::new(), None);
    loop {
        let (users, next) = census.unnumbered(from).await?;
        all.extend(users.into_iter().map(|user| (user.id, user.phone)));
        from = next;
        if from.is_none() {
            return Ok(all);
        }
    }
}
