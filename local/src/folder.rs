//! The data folder of a laptop: its owner alone reads what is in it, and one
//! gateway at a time writes to it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use latchkey::base::error::StartError;

/// What the folder is called unless somebody chooses another: then it is nobody
/// else's.
pub const USUAL: &str = ".latchkey";

/// A data folder that this process alone serves.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Released when the process ends, however it does.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where there is none, and takes it.
    ///
    /// # Errors
    /// If it cannot be written to, or another gateway has it.
    pub fn take(path: &Path) -> Result<Self, StartError> {
        let cannot = |what| {
            let path = path.display();
            move |error| StartError::new(format!("{path} cannot be {what} (--data-dir takes another)"), error)
        };
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(cannot("made"))?;
            }
            made => made.map_err(cannot("made"))?,
        }
        if path.ends_with(USUAL) {
            std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(cannot("made"))?;
        }
        let lock = private(&path.join("latchkey.lock")).map_err(cannot("written to"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(cannot("served")(Error::other("another gateway serves it"))),
            Err(TryLockError::Error(error)) => Err(cannot("locked")(error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the embedded engine can be made while there is none, until it is whole.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub(crate) fn unfinished(&self) -> Result<Option<Unfinished>, StartError> {
        let file = self.path.join(DATABASE);
        if file.exists() {
            return Ok(None);
        }
        let path = self.path.join(UNFINISHED);
        // Of one whose making was ended.
        for end in ["", "-wal", "-shm"] {
            match std::fs::remove_file(self.path.join(format!("{UNFINISHED}{end}"))) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(self.unwritable(error)),
                _ => {}
            }
        }
        private(&path).map_err(|error| self.unwritable(error))?;
        Ok(Some(Unfinished { path, file }))
    }

    /// The file of the embedded engine, which makes its others like it.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn database(&self) -> Result<PathBuf, StartError> {
        let file = self.path.join(DATABASE);
        // The engine's own words for this are many.
        private(&file).map_err(|error| self.unwritable(error))?;
        Ok(file)
    }

    fn unwritable(&self, error: Error) -> StartError {
        let path = self.path.display();
        StartError::new(format!("{path} cannot be written to (--data-dir takes another)"), error)
    }
}

/// An engine's file that is not in its place yet.
#[derive(Debug)]
pub(crate) struct Unfinished {
    /// Where it is made.
    pub(crate) path: PathBuf,
    file: PathBuf,
}

impl Unfinished {
    /// Puts it into its place, once nobody has it open.
    ///
    /// # Errors
    /// If it cannot be.
    pub(crate) fn finish(self) -> Result<(), StartError> {
        std::fs::rename(&self.path, &self.file)
            .map_err(|error| StartError::new(format!("{} cannot be made", self.file.display()), error))
    }
}

/// The file of the embedded engine.
pub const DATABASE: &str = "dynamodb.sqlite";

/// That file while it is made.
const UNFINISHED: &str = "unfinished.sqlite";

/// A file to write to, which its owner alone can read from now on.
fn private(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}
