//! What documents say is what the code does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use latchkey::base::config::PARAMETERS;
use latchkey::domain::invite::{Activation, Entry, InviteRefusal};
use latchkey::domain::invite_code::InviteCode;
use latchkey::domain::user::UserId;
use latchkey::http::problem::Code;
use latchkey_local::cli::Options;
use latchkey_local::generated;
use latchkey_template::Template;
use regex::Regex;
use serde_json::Value;

const ENV_SAMPLE: &str = include_str!("../../../.env.sample");
const ERRORS: &str = include_str!("../../../docs/errors.md");
const ARCHITECTURE: &str = include_str!("../../../docs/ARCHITECTURE.md");
const CONTRIBUTING: &str = include_str!("../../../CONTRIBUTING.md");
const INTEGRATE: &str = include_str!("../../../docs/integrate.md");
const PERFORMANCE: &str = include_str!("../../../docs/performance.md");
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

/// A page of the documents: where it is from the root, and what it says.
struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    /// All of ours.
    fn all() -> Vec<Self> {
        let (mut all, mut folders) = (Vec::new(), vec![PathBuf::from("..")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                if path.is_dir()
                    && !name.starts_with('.')
                    && !["node_modules", "target", "vendor"].contains(&name)
                {
                    folders.push(path);
                } else if path.extension().is_some_and(|kind| kind == "md") {
                    all.push(Self { text: std::fs::read_to_string(&path).unwrap(), path });
                }
            }
        }
        assert!(all.len() >= 40, "{}", all.len());
        all
    }

    /// What it names as code within its sentences.
    fn named(&self) -> impl Iterator<Item = &str> {
        self.text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2))
    }

    /// What it lets a shell do, one command each with the folder that the shell is in by then: each block begins at the root.
    fn typed(&self) -> Vec<(PathBuf, String)> {
        let mut typed = Vec::new();
        for block in self.text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"))
        {
            let mut folder = PathBuf::from("..");
            for command in block.replace("\\\n", " ").lines().flat_map(|line| line.split(" && ")) {
                let command = command.split(" #").next().unwrap().trim();
                if let Some(to) = command.strip_prefix("cd ") {
                    folder.push(to);
                }
                typed.push((folder.clone(), command.to_owned()));
            }
        }
        typed
    }

    /// Its lines of commands that begin with a word, one command each, without what a shell adds.
    fn commands(&self, program: &str) -> Vec<String> {
        let whole = self.text.replace("\\\n", " ");
        let commands = whole.split(['`', '\n']).flat_map(|line| line.split(" && "));
        let of = |command: &str| {
            let command = command.split(" #").next()?.trim();
            let from = command.find(program).filter(|from| command[..*from].split(' ').all(is_setting))?;
            Some(command[from..].to_owned())
        };
        commands.filter_map(of).collect()
    }
}

/// Whether a word in front of a command sets a variable for it.
fn is_setting(word: &str) -> bool {
    word.is_empty() || word.contains('=')
}

/// What each expression finds in all documents is judged by `is_so`, and there is some of it.
#[track_caller]
fn hold(
    what: &str,
    least: usize,
    found: impl Iterator<Item = (PathBuf, String)>,
    is_so: impl Fn(&str) -> bool,
) {
    let (mut held, mut broken) = (0, Vec::new());
    for (path, found) in found {
        held += 1;
        if !is_so(&found) {
            broken.push(format!("{}: {found}", path.display()));
        }
    }
    assert_eq!(broken, [""; 0], "{what}");
    assert!(held >= least, "{what}: {held}");
}

/// What an expression captures in each document.
fn captured(expression: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let expression = Regex::new(expression).unwrap();
    Document::all().into_iter().flat_map(move |document| {
        let found = expression.captures_iter(&document.text).map(|found| found[1].to_owned());
        found.map(|found| (document.path.clone(), found)).collect::<Vec<_>>()
    })
}

#[test]
fn documents_name_only_paths_that_are_there() {
    let routes = Template::of_checkout().routes();
    let is_route = |path: &str| {
        let path = path.split('?').next().unwrap().trim_end_matches(['.', '…']);
        path == "/v1/*"
            || routes.iter().any(|route| {
                let (asked, known) = (path.split('/'), route.path.split('/'));
                asked.clone().count() == known.clone().count()
                    && asked.zip(known).all(|(asked, known)| asked == known || known.starts_with('{'))
            })
    };
    hold("routes", 100, captured(r#"(/v1/[^\s`"'()|,;:]*)"#), is_route);
}

/// Files and folders of the repository that are named as such, from its root, from where the
/// document is, or from where its chapter is about.
#[test]
fn documents_name_only_files_that_are_there() {
    let file = Regex::new(r"^[\w.-]+(/[\w.-]+)*(\.(rs|mjs|py|md|json|yaml|toml|patch)|/)$").unwrap();
    let is_ours =
        |name: &str| file.is_match(name) && !name.starts_with(".latchkey") && !name.starts_with("target/");
    let named =
        Document::all().into_iter().filter(|document| !document.path.ends_with("shared/numbers/README.md"));
    let named = named.flat_map(|document| {
        let files = document.named().filter(|name| name.contains('/') && is_ours(name)).map(str::to_owned);
        files.map(|name| (document.path.clone(), name)).collect::<Vec<_>>()
    });
    let places = ["", "docs", "shared/src", "local/tests/simulation", "functions/greeting"];
    let mut missing = Vec::new();
    let mut held = 0;
    for (path, name) in named {
        held += 1;
        let mut at = places.iter().map(|place| Path::new("..").join(place).join(&name)).collect::<Vec<_>>();
        at.push(path.with_file_name(&name));
        // What a checklist has made is there for the function that it was copied from.
        at.push(Path::new("../functions/get-user").join(&name));
        if !at.iter().any(|at| at.exists()) {
            missing.push(format!("{}: {name}", path.display()));
        }
    }
    assert_eq!(missing, [""; 0]);
    assert!(held >= 100, "{held}");
}

/// Variables, and parameters that a deployment is given.
#[test]
fn documents_name_only_parameters_that_there_are() {
    let options = Options::variables();
    let known = |name: &str| {
        PARAMETERS.iter().any(|parameter| parameter.name == name)
            || options.iter().any(|option| option == name)
    };
    // Those of tests, of the log, of an app, of DynamoDB, and those that are told to be gone.
    let others = [
        "LATCHKEY_TRIALS",
        "LATCHKEY_CLIENT",
        "RUST_LOG",
        "EXPO_PUBLIC_LATCHKEY",
        "NEW_IMAGE",
        "PUMPING_PAUSE",
        "PUMPING_MIN_SENDS",
    ];
    let variable = Regex::new(r"^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(=.*)?$").unwrap();
    let named = Document::all().into_iter().flat_map(|document| {
        let variables = document.named().filter_map(|name| Some(variable.captures(name)?[1].to_owned()));
        variables.map(|name| (document.path.clone(), name)).collect::<Vec<_>>()
    });
    let is_known = |name: &str| known(name) || others.contains(&name) || name.starts_with("ERR_");
    hold("variables", 100, named, is_known);

    let template = Template::of_checkout();
    let parameters: Vec<_> = template.parameters().into_iter().map(|parameter| parameter.name).collect();
    let edge = include_str!("../../../edge.yaml");
    let is_parameter = |name: &str| {
        parameters.iter().any(|parameter| parameter == name) || edge.contains(&format!("\n  {name}:\n"))
    };
    let given = Document::all().into_iter().flat_map(|document| {
        let given = document.commands("sam").into_iter().chain(document.commands("aws"));
        let name = Regex::new(r"(?:^|\s)([A-Z][A-Za-z0-9]+)=").unwrap();
        let given =
            given.filter_map(|command| Some(command.split_once("--parameter-overrides")?.1.to_owned()));
        let parameters = given.flat_map(|given| {
            name.captures_iter(&given).map(|found| found[1].to_owned()).collect::<Vec<_>>()
        });
        parameters.map(|name| (document.path.clone(), name)).collect::<Vec<_>>()
    });
    hold("parameters of the template", 15, given, is_parameter);
}

/// A status and a code beside each other belong to each other.
#[test]
fn documents_give_each_problem_its_status() {
    // What earlier services answer has names of one word.
    let is_so = |found: &str| {
        let (status, name) = found.split_once(' ').unwrap();
        let code = Code::ALL.iter().find(|code| code.as_str() == name.trim_matches('`'));
        code.is_some_and(|code| code.status().as_str() == status)
    };
    hold("problems", 20, captured(r"\b([45]\d\d `[a-z]+(?:_[a-z]+)+`)"), is_so);
}

/// Options that are typed are options that there are; what is tested, run and measured by a
/// name has that name; steps of CI are steps.
#[test]
fn commands_of_documents_can_be_typed() {
    let (mut typed, mut wrong) = (0, Vec::new());
    let there_is = |path: &str| Path::new("..").join(path).exists();
    let steps = std::fs::read_to_string("../.ci/run").unwrap();
    let steps: BTreeSet<_> =
        steps.lines().filter_map(|line| line.strip_prefix("step ")?.split(' ').next()).collect();
    let tests = include_str!("main.rs");
    for document in Document::all() {
        for command in document.commands("cargo ") {
            let words: Vec<_> = command.split_whitespace().collect();
            let (cargo, own) =
                words.split_at(words.iter().position(|word| *word == "--").unwrap_or(words.len()));
            let after =
                |option: &str| words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1));
            let mut is_so = true;
            for (option, places) in [
                ("--example", ["local/examples/{}.rs", "local/examples/{}/main.rs"]),
                ("--bench", ["bench/{}.rs", "bench/{}/main.rs"]),
                ("--test", ["local/tests/{}/main.rs", "local/tests/{}/mod.rs"]),
                ("-p", ["functions/{}", "{}"]),
            ] {
                if let Some(name) = after(option).filter(|name| !name.starts_with('<')) {
                    let name = name.strip_prefix("latchkey-").unwrap_or(name);
                    let name = if name == "latchkey" { "shared" } else { name };
                    is_so &=
                        name == "greeting" || places.iter().any(|place| there_is(&place.replace("{}", name)));
                }
            }
            for module in own.iter().chain(cargo).filter_map(|word| word.strip_suffix("::")) {
                is_so &= tests.contains(&format!("mod {module};"));
            }
            if cargo == ["cargo", "run"] {
                let asked = own.iter().skip(1).filter(|word| !word.starts_with('<')).copied();
                let read = Options::command().try_get_matches_from(std::iter::once("latchkey").chain(asked));
                // Help is no error of ours, and some are named without what they are given.
                is_so &= read.is_ok() || ["--help", "promote"].iter().any(|end| command.ends_with(end));
            }
            typed += 1;
            if !is_so {
                wrong.push(format!("{}: {command}", document.path.display()));
            }
        }
        for command in document.commands(".ci/run ") {
            let asked = command.split_whitespace().skip(1).filter(|step| !step.starts_with(['-', '<']));
            if !asked.clone().all(|step| steps.contains(step)) {
                wrong.push(format!("{}: {command}", document.path.display()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(typed >= 40, "{typed}");

    let rows = CONTRIBUTING
        .split("| step |")
        .nth(1)
        .unwrap()
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let told: BTreeSet<_> =
        rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
    assert_eq!(told, steps, "the steps of CI");
}

/// Folders that a shell is told to go to are there, from the root of a checkout; so are programs that Node and Python are told
/// to run, and what npm is told to install and to run.
#[test]
fn commands_of_documents_find_their_files() {
    let is_there = |folder: &Path, command: &str| {
        let words: Vec<_> = command.split_whitespace().skip_while(|word| is_setting(word)).collect();
        let named = words.iter().skip(1).find(|word| !word.starts_with('-') && !word.contains('*'));
        match words[..] {
            ["cd", _] => Some(folder.is_dir()),
            ["node" | "python3", ..] => named.map(|program| folder.join(program).is_file()),
            ["npm", ref options @ ..] => {
                let at = options.iter().position(|word| *word == "--prefix");
                let package = at.map_or(folder.to_owned(), |at| folder.join(options[at + 1]));
                let mut asked = options
                    .iter()
                    .enumerate()
                    .filter(|(nth, word)| !word.starts_with('-') && at.is_none_or(|at| *nth != at + 1));
                let (_, asked_first) = asked.next()?;
                let script = match *asked_first {
                    "ci" => return Some(package.join("package-lock.json").is_file()),
                    "run" => asked.next()?.1,
                    "start" | "test" => asked_first,
                    _ => return None,
                };
                let declared = std::fs::read_to_string(package.join("package.json")).unwrap_or_default();
                let declared: Value = serde_json::from_str(&declared).unwrap_or_default();
                Some(declared["scripts"][*script].is_string())
            }
            _ => None,
        }
    };
    let (mut held, mut wrong) = (0, Vec::new());
    for document in Document::all() {
        for (folder, command) in document.typed() {
            if let Some(is_so) = is_there(&folder, &command) {
                held += 1;
                if !is_so {
                    wrong.push(format!("{}: {command} in {}", document.path.display(), folder.display()));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(held >= 20, "{held}");
}

/// The rule that a contributor is asked to break stands as it is shown, and so does what its test then says.
#[test]
fn the_rule_to_break_is_told_as_it_is() {
    let rule = include_str!("../../../shared/src/domain/invite.rs");
    let diff = CONTRIBUTING.split("```diff\n").nth(1).unwrap().split("```").next().unwrap();
    let taken: Vec<_> = diff.lines().filter_map(|line| line.strip_prefix('-')).collect();
    assert_eq!(taken.len(), 1);
    assert!(rule.lines().any(|line| line == taken[0]), "{}", taken[0]);
    let found: Result<Activation, InviteRefusal> = Ok(Activation::Activate(Entry {
        code: InviteCode::parse("BBBBBB").unwrap(),
        referrer: UserId("me".into()),
        is_counted: false,
        shards: 1,
    }));
    let wanted: Result<Activation, InviteRefusal> = Err(InviteRefusal::Own);
    let told = format!("\n  left: {found:?}\n right: {wanted:?}\n");
    assert!(CONTRIBUTING.contains(&told), "{told}");
}

/// What there is of each, wherever all are listed.
#[test]
fn lists_of_documents_are_whole() {
    let template = Template::of_checkout();
    let waves = ARCHITECTURE.split("| endpoint | waves |").nth(1).unwrap();
    for name in template.functions() {
        assert!(waves.contains(&format!("\n| {name} |")), "waves of {name}");
        let is_measured =
            [" |", " (secrets) |"].iter().any(|end| PERFORMANCE.contains(&format!("| {name}{end}")));
        assert!(is_measured || PERFORMANCE.contains(&format!("`{name}`")), "the start of {name}");
    }
    let table = README.split("\n## The API\n").nth(1).unwrap().split("\n## ").next().unwrap();
    for route in template.routes().iter().filter(|route| !route.path.ends_with("/{file}")) {
        let name = route.path.rsplit("/.well-known/").next().unwrap();
        let row = table.lines().find(|line| {
            line.starts_with(&format!("| `{}`", route.method)) && line.contains(&format!("{name}`"))
        });
        let is_said = ["", "HEAD"].contains(&route.method.as_str()) || row.is_some();
        assert!(is_said, "README: {} {}", route.method, route.path);
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
    let mut followed = 0;
    for Document { path, text } in Document::all() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let found = std::fs::read_to_string(&target).unwrap();
                let mut anchors = found.lines().filter(|line| line.starts_with('#')).map(heading);
                let is_there =
                    anchors.any(|found| found == anchor) || found.contains(&format!("<a id=\"{anchor}\">"));
                assert!(is_there, "{}: {link}", path.display());
            }
            followed += 1;
        }
    }
    assert!(followed >= 150, "{followed}");
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
