//! Every arrow points down: what each file of `shared/src` names of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// The floors, the lowest first. Those of one line stand side by side.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["domain"],
    &["settings"],
    &["cloud"],
    &["tables"],
    &["tokens", "sms"],
    &["http"],
    &["access"],
    &["endpoint"],
];

/// A file's module, such as `tables::users`, and the modules that it names.
type Names = BTreeMap<String, BTreeSet<String>>;

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, all) } else { all.push(path) }
    }
}

/// What names what, by `use crate::…` and by paths in the code; tests at the end of a
/// file are left out.
fn read() -> Names {
    let source = Path::new("../shared/src");
    let mut all = Vec::new();
    files(source, &mut all);
    let module = |path: &Path| {
        let path = path.strip_prefix(source).unwrap().with_extension("");
        let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
        parts.join("::").trim_end_matches("::mod").to_owned()
    };
    let modules: BTreeSet<_> = all.iter().map(|path| module(path)).collect();
    let uses = Regex::new(r"crate::((?:[a-z_]+::)*)(\{[^;]*?\}|[A-Za-z_]+)").unwrap();
    let mut names = Names::new();
    for path in &all {
        let me = module(path);
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let code: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        assert!(!code.contains("super::"), "{me} names a neighbour by super");
        let mine = names.entry(me.clone()).or_default();
        for name in uses.captures_iter(&code) {
            for item in name[2].trim_matches(['{', '}']).split(',') {
                let path = format!("{}{}", &name[1], item.trim());
                // The module that something is in, or a module itself.
                let mut path = path.as_str();
                while !modules.contains(path) && !path.is_empty() {
                    path = path.rsplit_once("::").map_or("", |(parent, _)| parent);
                }
                if !path.is_empty() && path != me {
                    mine.insert(path.to_owned());
                }
            }
        }
    }
    names.retain(|module, _| module != "lib");
    names
}

fn floor(module: &str) -> usize {
    let folder = module.split("::").next().unwrap();
    FLOORS.iter().position(|floor| floor.contains(&folder)).unwrap_or_else(|| panic!("{module} has no floor"))
}

#[test]
fn no_import_climbs() {
    let names = read();
    assert!(names.values().map(BTreeSet::len).sum::<usize>() > 200, "they were read");
    for (module, named) in &names {
        for other in named {
            let beside = module.split("::").next() == other.split("::").next();
            assert!(
                beside || floor(other) < floor(module),
                "{module} names {other}, which stands above it or beside it"
            );
        }
    }
}

#[test]
fn no_files_name_each_other_in_a_circle() {
    let mut names = read();
    loop {
        let free: Vec<_> =
            names.iter().filter(|(_, named)| named.is_empty()).map(|(name, _)| name.clone()).collect();
        if free.is_empty() {
            break;
        }
        names.retain(|name, _| !free.contains(name));
        for named in names.values_mut() {
            named.retain(|name| !free.contains(name));
        }
    }
    assert!(names.is_empty(), "in a circle, or above one: {names:#?}");
}

/// The rules name neither HTTP nor AWS nor the deployment's variables, nor do they log.
#[test]
fn the_domain_does_no_io() {
    let mut all = Vec::new();
    files(Path::new("../shared/src/domain"), &mut all);
    assert!(all.len() > 10);
    let foreign = Regex::new(
        r"\b(http|aws_[a-z_]+|lambda_[a-z]+|tokio|hyper|reqwest|tracing|metrics|telemetry)::|crate::base::config|\bVars\b|std::(env|fs|net|process)",
    )
    .unwrap();
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(!foreign.is_match(line), "{}: {line}", path.display());
        }
    }
}
