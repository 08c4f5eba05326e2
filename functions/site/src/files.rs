//! Files that are part of the program, as `build.rs` packs them.

use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::Asset;
use schemars::JsonSchema;
use serde::Deserialize;

/// One of them.
pub(crate) struct File {
    /// Its name in the address.
    pub(crate) name: &'static str,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// What it holds, packed with gzip.
    pub(crate) gzip: &'static [u8],
}

/// Of which version, and which.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct FilePath {
    /// The version of the page's files, as the page names it.
    #[schemars(example = &"0123456789ab")]
    version: String,
    /// The name of the file.
    #[schemars(example = &"main.js")]
    file: String,
}

impl FilePath {
    /// It, among the files of a page and their version.
    pub(crate) fn among(&self, files: &[File], version: &str) -> Result<Asset, Problem> {
        let found = files.iter().filter(|_| self.version == version).find(|file| self.file == file.name);
        let File { media_type, gzip, .. } = found.ok_or(Code::NotFound)?;
        Ok(Asset { media_type, gzip })
    }
}
