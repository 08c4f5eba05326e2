//! Writes down which methods each path of the deployment has, as
//! `template.yaml` defines them, so that a 405 can name them without this
//! package knowing any other function.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use latchkey_template::Template;

fn main() -> Result<(), Box<dyn Error>> {
    let mut methods = BTreeMap::<_, Vec<_>>::new();
    for route in Template::of_checkout().routes() {
        if !route.method.is_empty() {
            methods.entry(route.path).or_default().push(route.method);
        }
    }
    let code = format!("{:?}", methods.into_iter().collect::<Vec<_>>());
    // A literal of slices, where `Debug` of vectors writes `[...]` without `&`.
    let code = code.replace('[', "&[");
    #[expect(clippy::disallowed_methods, reason = "how cargo speaks to a build script")]
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("routes.rs"), code)?;
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
