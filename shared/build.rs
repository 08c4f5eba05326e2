//! Makes one table of the files in `languages/`, so that adding a language is
//! adding a file.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

/// A file of `languages/`, named by its tag (RFC 5646).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    countries: Vec<String>,
    code: String,
    phone_changed: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=languages");
    let mut files: Vec<_> = std::fs::read_dir("languages")?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut code = String::from("&[");
    for file in files {
        let path = file.path();
        let tag = path.file_stem().and_then(|tag| tag.to_str()).ok_or("a file without a name")?;
        let Language { countries, code: text, phone_changed } =
            serde_json::from_slice(&std::fs::read(&path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
        writeln!(
            code,
            "Language {{ tag: {tag:?}, countries: &{countries:?}, code: {text:?}, phone_changed: {phone_changed:?} }},"
        )?;
    }
    code.push(']');
    #[expect(clippy::disallowed_methods, reason = "how cargo speaks to a build script")]
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("languages.rs"), code)?;
    Ok(())
}
