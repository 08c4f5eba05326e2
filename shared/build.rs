//! Makes one table of the files in `languages/`, so that adding a language is
//! adding a file; and one of where in `numbers/metadata.bin` each plan is, so
//! that no start has to look.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use prost::Message;
use serde::Deserialize;

/// A file of `languages/`, named by its tag (RFC 5646).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    countries: Vec<String>,
    code: String,
    phone_changed: String,
    recovery_begun: String,
    share: BTreeMap<String, String>,
}

/// A `PhoneMetadataCollection`, its entries unread.
#[derive(Message)]
struct Collection {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    entries: Vec<Bytes>,
}

/// What tells one `PhoneMetadata` from the others.
#[derive(Message)]
struct Entry {
    #[prost(string, required, tag = "9")]
    region: String,
    #[prost(int32, required, tag = "10")]
    calling_code: i32,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=languages");
    println!("cargo::rerun-if-changed=numbers/metadata.bin");
    #[expect(clippy::disallowed_methods, reason = "how cargo speaks to a build script")]
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("languages.rs"), languages()?)?;
    std::fs::write(Path::new(&out).join("plans.rs"), plans()?)?;
    Ok(())
}

fn plans() -> Result<String, Box<dyn Error>> {
    let metadata = Bytes::from(std::fs::read("numbers/metadata.bin")?);
    let mut plans = BTreeMap::<_, Vec<(String, Range<usize>)>>::new();
    for bytes in Collection::decode(metadata.clone())?.entries {
        let start = bytes.as_ptr() as usize - metadata.as_ptr() as usize;
        let Entry { region, calling_code } = Entry::decode(bytes.clone())?;
        plans.entry(calling_code).or_default().push((region, start..start + bytes.len()));
    }
    let mut code = format!("#[allow(clippy::unreadable_literal)] static PLANS: [Plan; {}] = [", plans.len());
    for (calling_code, entries) in plans {
        writeln!(code, "Plan::new({calling_code}, &{entries:?}),")?;
    }
    code.push_str("];");
    Ok(code)
}

fn languages() -> Result<String, Box<dyn Error>> {
    let mut files: Vec<_> = std::fs::read_dir("languages")?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut code = String::from("&[");
    for file in files {
        let path = file.path();
        let tag = path.file_stem().and_then(|tag| tag.to_str()).ok_or("a file without a name")?;
        let Language { countries, code: text, phone_changed, recovery_begun, share } =
            serde_json::from_slice(&std::fs::read(&path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
        writeln!(
            code,
            "Language {{ tag: {tag:?}, countries: &{countries:?}, code: {text:?}, \
             phone_changed: {phone_changed:?}, recovery_begun: {recovery_begun:?}, share: Share {{"
        )?;
        for (name, text) in share {
            writeln!(code, "{name}: {text:?},")?;
        }
        code.push_str("} },");
    }
    code.push(']');
    Ok(code)
}
