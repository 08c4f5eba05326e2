//! Writes down which methods each path of the deployment has, as
//! `template.yaml` defines them, so that a 405 can name them without this
//! package knowing any other function; and packs the files of `admin/`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use latchkey_template::Template;
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "how cargo speaks to a build script")]
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    routes(&out)?;
    admin(&out)?;
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

fn routes(out: &Path) -> Result<(), Box<dyn Error>> {
    let mut methods = BTreeMap::<_, Vec<_>>::new();
    for route in Template::of_checkout().routes() {
        if !route.method.is_empty() {
            methods.entry(route.path).or_default().push(route.method);
        }
    }
    let code = format!("{:?}", methods.into_iter().collect::<Vec<_>>());
    // A literal of slices, where `Debug` of vectors writes `[...]` without `&`.
    let code = code.replace('[', "&[");
    fs::write(out.join("routes.rs"), code)?;
    Ok(())
}

/// The page, with the version of all files together in the place of
/// `{version}`, and the files, which refer to each other by bare names.
fn admin(out: &Path) -> Result<(), Box<dyn Error>> {
    const FOLDER: &str = "../../admin";
    const PAGE: &str = "index.html";
    println!("cargo::rerun-if-changed={FOLDER}");
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(FOLDER)? {
        let entry = entry?;
        let name =
            entry.file_name().into_string().map_err(|name| format!("{} is no text", name.display()))?;
        files.insert(name, fs::read(entry.path())?);
    }
    let page = String::from_utf8(files.remove(PAGE).ok_or("admin/index.html is missing")?)?;

    let mut digest = Sha256::new();
    let mut code = "const FILES: &[(&str, &str, &[u8])] = &[\n".to_owned();
    for (name, bytes) in files {
        let media_type = match Path::new(&name).extension().and_then(|extension| extension.to_str()) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => return Err(format!("admin/{name}: of which media type?").into()),
        };
        digest.update(name.as_bytes());
        digest.update(&bytes);
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&bytes)?;
        fs::write(out.join(format!("{name}.gz")), packed.finish()?)?;
        writeln!(
            code,
            "({name:?}, {media_type:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.gz\"))),"
        )?;
    }
    let version =
        digest.finalize().iter().take(6).fold(String::new(), |version, byte| format!("{version}{byte:02x}"));
    fs::write(out.join(PAGE), page.replace("{version}", &version))?;
    writeln!(code, "];\nconst VERSION: &str = {version:?};")?;
    writeln!(code, "const PAGE: &str = include_str!(concat!(env!(\"OUT_DIR\"), \"/{PAGE}\"));")?;
    fs::write(out.join("admin.rs"), code)?;
    Ok(())
}
