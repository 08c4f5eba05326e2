//! Writes down which methods each path of the deployment has, as
//! `template.yaml` defines them, so that a 405 can name them without this
//! package knowing any other function; packs the files of `admin/` and of the
//! pages of documentation; and makes the policy of the page behind share links.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use latchkey_template::Template;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

fn main() -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "how cargo speaks to a build script")]
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    routes(&out)?;
    admin(&out)?;
    docs(&out)?;
    share(&out)?;
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

/// The admin panel: the files of a folder, as they are.
fn admin(out: &Path) -> Result<(), Box<dyn Error>> {
    pack(out, "admin", folder("../../admin")?)
}

/// The pages of documentation: Swagger UI out of a package, Redoc out of the
/// checkout, and how they are started.
fn docs(out: &Path) -> Result<(), Box<dyn Error>> {
    let mut files = folder("docs")?;
    let mut archive = ZipArchive::new(Cursor::new(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED))?;
    for name in ["swagger-ui.css", "swagger-ui-bundle.js"] {
        let path = archive.file_names().find(|path| path.ends_with(&format!("/dist/{name}")));
        let path = path.ok_or_else(|| format!("there is no {name}"))?.to_owned();
        let mut bytes = Vec::new();
        archive.by_name(&path)?.read_to_end(&mut bytes)?;
        files.insert(name.to_owned(), bytes);
    }
    let redoc = folder("vendor/redoc")?.remove("redoc.standalone.js").ok_or("there is no Redoc")?;
    // Its one picture that would come from elsewhere.
    let redoc = String::from_utf8(redoc)?.replace("https://cdn.redoc.ly/redoc/logo-mini.svg", "data:,");
    files.insert("redoc.standalone.js".to_owned(), redoc.into_bytes());

    // "Try it out" asks for codes, too.
    println!("cargo::rerun-if-changed=../../admin/proof.js");
    files.insert("proof.js".to_owned(), fs::read("../../admin/proof.js")?);

    let openapi = fs::read("../../openapi.json")?;
    println!("cargo::rerun-if-changed=../../openapi.json");
    let problems = serde_json::from_slice::<Value>(&openapi)?["components"]["examples"].take();
    let page = files.get_mut("docs.html").ok_or("there is no docs.html")?;
    *page = String::from_utf8(page.clone())?.replace("{problems}", &explained(&problems)).into_bytes();
    let packed = out.join("openapi.json.gz");
    fs::write(&packed, gzip(&openapi)?)?;
    pack(out, "docs", files)
}

/// The style and the script that stand in the page behind share links, and the policy that
/// lets in these alone, by their hashes (Content Security Policy Level 3, section 8.4).
fn share(out: &Path) -> Result<(), Box<dyn Error>> {
    let mut code = String::new();
    let mut hash = |constant: &str, name: &str| -> Result<String, Box<dyn Error>> {
        let path = format!("share/{name}");
        println!("cargo::rerun-if-changed={path}");
        let text = fs::read_to_string(path)?;
        writeln!(code, "const {constant}: &str = {text:?};")?;
        Ok(format!("'sha256-{}'", STANDARD.encode(Sha256::digest(&text))))
    };
    let (style, script) = (hash("STYLE", "page.css")?, hash("SCRIPT", "copy.js")?);
    let policy = format!(
        "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    writeln!(code, "const POLICY: &str = {policy:?};")?;
    fs::write(out.join("share.rs"), code)?;
    Ok(())
}

/// Each problem under its code, which is where the `type` of an answer leads.
fn explained(problems: &Value) -> String {
    let mut html = String::new();
    for (code, problem) in problems.as_object().into_iter().flatten() {
        let text = |name: &str| escaped(problem[name].as_str().unwrap_or_default());
        // Every second piece of what is between backticks is code.
        let when = text("description").split('`').enumerate().fold(String::new(), |when, (at, piece)| {
            when + &if at % 2 == 1 { format!("<code>{piece}</code>") } else { piece.to_owned() }
        });
        let example = serde_json::to_string_pretty(&problem["value"]).unwrap_or_default();
        let _ = write!(
            html,
            "<section id=\"{code}\" class=\"problem\"><h2>{} <code>{code}</code></h2>\
             <p>{when}</p><pre>{}</pre></section>",
            text("summary"),
            escaped(&example),
        );
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The files of a folder by their names.
fn folder(path: &str) -> Result<BTreeMap<String, Vec<u8>>, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={path}");
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name =
            entry.file_name().into_string().map_err(|name| format!("{} is no text", name.display()))?;
        files.insert(name, fs::read(entry.path())?);
    }
    Ok(files)
}

/// Writes `<name>.rs`: the pages, with the version of all files together in the
/// place of `{version}`, and the files, which refer to each other by bare names.
fn pack(out: &Path, name: &str, files: BTreeMap<String, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    let folder = out.join(name);
    fs::create_dir_all(&folder)?;
    let (pages, files): (BTreeMap<_, _>, BTreeMap<_, _>) =
        files.into_iter().partition(|(file, _)| Path::new(file).extension().is_some_and(|of| of == "html"));
    let mut digest = Sha256::new();
    let mut code = "const FILES: &[File] = &[\n".to_owned();
    for (file, bytes) in files {
        let media_type = match Path::new(&file).extension().and_then(|extension| extension.to_str()) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => return Err(format!("{name}/{file}: of which media type?").into()),
        };
        digest.update(file.as_bytes());
        digest.update(&bytes);
        fs::write(folder.join(format!("{file}.gz")), gzip(&bytes)?)?;
        let place = format!("concat!(env!(\"OUT_DIR\"), \"/{name}/{file}.gz\")");
        writeln!(
            code,
            "File {{ name: {file:?}, media_type: {media_type:?}, gzip: include_bytes!({place}) }},"
        )?;
    }
    let version =
        digest.finalize().iter().take(6).fold(String::new(), |version, byte| format!("{version}{byte:02x}"));
    writeln!(code, "];\nconst VERSION: &str = {version:?};")?;
    for (page, html) in pages {
        fs::write(folder.join(&page), String::from_utf8(html)?.replace("{version}", &version))?;
        let constant = page.trim_end_matches(".html").to_uppercase();
        let place = format!("concat!(env!(\"OUT_DIR\"), \"/{name}/{page}\")");
        writeln!(code, "const {constant}: &str = include_str!({place});")?;
    }
    fs::write(out.join(format!("{name}.rs")), code)?;
    Ok(())
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes)?;
    packed.finish()
}
