//! The secrets of a laptop: made once, kept in the data folder.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use latchkey::base::config::{self, Vars};
use latchkey::base::world::World;
use rand::RngExt;
use rand::distr::Alphanumeric;

/// `vars` with the secrets that they lack: from files of `folder`, or made up
/// where there is no folder.
pub fn complete(mut vars: Vars, folder: Option<&Path>, world: &World) -> std::io::Result<Vars> {
    for (parameter, file) in
        [(config::SIGNING_SECRET, "signing.secret"), (config::PEPPER_SECRET, "pepper.secret")]
    {
        if vars.optional(parameter).is_none() {
            let secret = match folder {
                Some(folder) => kept(&folder.join(file), world)?,
                None => made_up(world),
            };
            vars = vars.with(parameter.name, secret);
        }
    }
    Ok(vars)
}

/// The secret of a file that its owner alone can read; made if there is none.
fn kept(path: &Path, world: &World) -> std::io::Result<String> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let secret = made_up(world);
            file.write_all(secret.as_bytes())?;
            file.sync_all()?;
            Ok(secret)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let (mut file, mut secret) = (File::open(path)?, String::new());
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.read_to_string(&mut secret)?;
            Ok(secret)
        }
        Err(error) => Err(error),
    }
}

fn made_up(world: &World) -> String {
    (&mut **world.rng()).sample_iter(Alphanumeric).take(64).map(char::from).collect()
}
