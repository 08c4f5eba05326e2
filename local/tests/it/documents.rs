//! What documents say is what the code does.

use std::collections::BTreeSet;

use latchkey::http::problem::Code;
use latchkey_local::generated;
use latchkey_template::{Route, Template};

const ENV_SAMPLE: &str = include_str!("../../../.env.sample");
const ERRORS: &str = include_str!("../../../docs/errors.md");
const COMING_FROM: &str = include_str!("../../../docs/coming-from.md");
const DEPLOY: &str = include_str!("../../../docs/deploy.md");
const INTEGRATE: &str = include_str!("../../../docs/integrate.md");
const README: &str = include_str!("../../../README.md");
const SECURITY: &str = include_str!("../../../docs/security.md");

#[test]
fn what_is_made_of_declarations_is_of_now() {
    let root = std::path::Path::new("..");
    for (file, text) in generated::files(root).unwrap() {
        let found = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(found == text, "{file} is of before: cargo run --example generate");
    }
}

#[test]
fn the_sample_lists_every_option_of_the_gateway() {
    let options = ENV_SAMPLE.split("# --- The functions").next().unwrap();
    let listed = options.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let expected = ["PORT", "HOST", "DATA_DIR", "DYNAMODB_PORT", "DYNAMODB_HOST", "LOG"];
    assert_eq!(listed.map(|(name, _)| name).collect::<Vec<_>>(), expected);
}

#[test]
fn the_table_of_problems_is_the_catalogue() {
    let rows: Vec<_> = ERRORS
        .lines()
        .filter_map(|line| line.strip_prefix("| <a id=\""))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let code = cells[0].split('`').nth(1).unwrap().to_owned();
            assert!(cells[0].starts_with(&format!("{code}\"></a>")), "the anchor of {code}");
            (cells[1].parse::<u16>().unwrap(), code, cells[2].to_owned())
        })
        .collect();
    let catalogue: Vec<_> = Code::ALL
        .iter()
        .map(|code| (code.status().as_u16(), code.as_str().to_owned(), code.title().to_owned()))
        .collect();
    assert_eq!(rows, catalogue);
}

#[test]
fn documents_name_only_paths_that_are_there() {
    let routes = Template::of_checkout().routes();
    for (document, least) in [(README, 5), (INTEGRATE, 5), (DEPLOY, 2), (COMING_FROM, 20)] {
        let mut named = 0;
        for path in document.split(|c: char| c.is_whitespace() || "`\"'()|".contains(c)) {
            let path = path.trim_start_matches("$LATCHKEY").trim_start_matches("http://127.0.0.1:3000");
            if path.starts_with("/v1/") {
                let known =
                    |route: &Route| route.path == path || route.path.replace("{user_id}", "me") == path;
                assert!(routes.iter().any(known), "{path}");
                named += 1;
            }
        }
        assert!(named >= least, "{named}");
    }
}

/// What apps are told to do about problems names problems that there are.
#[test]
fn the_guide_for_apps_names_only_problems_that_there_are() {
    let known: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let table = INTEGRATE.split("| code | what the app does |").nth(1).unwrap();
    let mut named = 0;
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        for code in row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2) {
            assert!(known.contains(code), "{code}");
            named += 1;
        }
    }
    assert!(named >= 20, "{named}");
}

/// Links between the documents lead to files, and to headings in them.
#[test]
fn links_between_documents_lead_somewhere() {
    let heading = |line: &str| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().replace(' ', "-")
    };
    let root = std::path::Path::new("..");
    let mut followed = 0;
    for document in ["README.md", "docs/coming-from.md", "docs/deploy.md", "docs/integrate.md"] {
        let path = root.join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            let found = std::fs::read(&target).unwrap_or_else(|error| panic!("{link}: {error}"));
            let found = String::from_utf8_lossy(&found);
            let mut anchors = found.lines().filter(|line| line.starts_with('#')).map(heading);
            assert!(anchor.is_empty() || anchors.any(|found| found == anchor), "{document}: {link}");
            followed += 1;
        }
    }
    assert!(followed >= 30, "{followed}");
}

/// The chances of `docs/security.md`, worked out from the limits.
#[test]
fn the_arithmetic_of_guessing_is_right() {
    for digits in [4, 6] {
        let codes = 10f64.powi(digits);
        let per_code = 5.0 / codes;
        // Ten guesses a day: five at each of two codes.
        let per_day = 1.0 - (1.0 - per_code).powi(2);
        let per_year = 1.0 - (1.0 - per_day).powi(365);
        let million = per_day * 1e6;
        let row = format!(
            "| {digits} | {:.4} % | {:.4} % | {:.2} % | {:.0} |",
            per_code * 100.0,
            per_day * 100.0,
            per_year * 100.0,
            million
        );
        assert!(SECURITY.contains(&row), "{row}");
    }
}
