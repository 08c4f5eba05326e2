//! What is made from what the functions declare, and from their names:
//! `cargo run --example generate` writes it.

use std::io;
use std::path::Path;

use latchkey::base::config::PARAMETERS;
use latchkey::endpoint::Route;
use latchkey::endpoint::declaration::Declaration;
use latchkey::endpoint::function::Function;
use latchkey_template::{Template, logical_id};

use crate::parameters::DEFAULTS;
use crate::{functions, openapi};

/// The list of functions that the gateway is built with: what they declare is
/// known once it is.
pub const FUNCTIONS: &str = "local/src/functions.rs";

/// The line above a list that is made; an empty line or one further left ends it.
const MARK: &str = "By `cargo run --example generate`:";

/// The line in the sample below which all is made.
const SAMPLE_MARK: &str = "# --- The functions (by `cargo run --example generate`) ---\n";

/// Every file that holds what is made, with the text that it is to have. Their
/// other parts are kept as they stand in the checkout, whose folder is `root`.
///
/// # Errors
/// If a file cannot be read, or what marks a part of it is not there.
pub fn files(root: &Path) -> io::Result<Vec<(&'static str, String)>> {
    let functions = functions::all::<Declaration>();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join("functions"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_by_key(|name| (!signs(name, &functions), name.clone()));
    let with = |file, change: &dyn Fn(&str) -> Option<String>| {
        let text = std::fs::read_to_string(root.join(file))?;
        let text = change(&text).ok_or_else(|| io::Error::other(format!("{file} has lost its mark")))?;
        Ok::<_, io::Error>((file, text))
    };
    let list = |file, line: &dyn Fn(&String) -> String, is_sorted: bool| {
        let mut lines: Vec<_> = names.iter().map(line).collect();
        if is_sorted {
            lines.sort_unstable();
        }
        with(file, &|text| with_list(text, &lines))
    };
    let document = serde_json::to_string_pretty(&openapi::document())? + "\n";
    Ok(vec![
        list("Cargo.toml", &|name| format!("{name} = {{ path = \"functions/{name}\" }}"), true)?,
        list("local/Cargo.toml", &|name| format!("{name}.workspace = true"), true)?,
        list(FUNCTIONS, &|name| format!("{}::function(),", name.replace('-', "_")), false)?,
        with("template.yaml", &|text| template(text, &functions))?,
        with(".env.sample", &sample)?,
        ("openapi.json", document),
    ])
}

/// Whether a function signs tokens: these start first, since the others look
/// for their keys.
fn signs(name: &str, functions: &[Function<Declaration>]) -> bool {
    functions
        .iter()
        .any(|function| function.name() == name && function.variables().contains("SIGNING_SECRET"))
}

fn with_list(text: &str, list: &[String]) -> Option<String> {
    let mut lines = text.lines();
    let mut made = Vec::new();
    let indent = loop {
        let line = lines.next()?;
        made.push(line.to_owned());
        if line.ends_with(MARK) {
            break line.len() - line.trim_start().len();
        }
    };
    made.extend(list.iter().map(|line| " ".repeat(indent) + line));
    let is_in_list = |line: &&str| !line.is_empty() && line.len() - line.trim_start().len() >= indent;
    made.extend(lines.skip_while(is_in_list).map(str::to_owned));
    Some(made.join("\n") + "\n")
}

/// The template with what each function reads and where it is reached, which
/// end its block. A function that is not in it yet is added, without a policy.
fn template(text: &str, functions: &[Function<Declaration>]) -> Option<String> {
    let template = Template::parse(text);
    let mut made = text.to_owned();
    for function in functions {
        let name = function.name();
        let head = format!("  {}Function:\n", logical_id(name));
        let is_new = !made.contains(&head);
        let start = made.find(&head).unwrap_or(end_of_block(&made, made.rfind(KIND)?)? + 1);
        let (end, own) = if is_new {
            (start, format!("{head}{KIND}{BUILD}{name}\n    Properties:\n      CodeUri: functions/{name}\n"))
        } else {
            let end = end_of_block(&made, start)?;
            (end, made[start..end].split(ENVIRONMENT).next()?.to_owned())
        };
        let block = own + &environment(function, &template) + &events(function);
        made.replace_range(start..end, &(block + if is_new { "\n" } else { "" }));
    }
    Some(made)
}

const KIND: &str = "    Type: AWS::Serverless::Function\n";
const BUILD: &str =
    "    Metadata:\n      BuildMethod: rust-cargolambda\n      BuildProperties:\n        Binary: ";
const ENVIRONMENT: &str = "      Environment:\n";

/// Where the block that begins at `start` ends: at the empty line behind it.
fn end_of_block(text: &str, start: usize) -> Option<usize> {
    Some(start + text[start..].find("\n\n")? + 1)
}

fn environment(function: &Function<Declaration>, template: &Template) -> String {
    let parameters: Vec<_> = template.parameters().into_iter().map(|parameter| parameter.name).collect();
    let tables: Vec<_> = template.tables().into_iter().map(|table| table.logical_id).collect();
    let variables = function.variables().into_iter().map(|name| {
        let id = logical_id(name);
        let made = name.strip_suffix("_ARN").map_or_else(|| id.clone(), logical_id);
        let existing = format!("Existing{id}");
        let value = if parameters.contains(&existing) {
            format!("!If [Makes{made}, !Ref {made}, !Ref {existing}]")
        } else if parameters.contains(&id) || tables.contains(&id) {
            format!("!Ref {id}")
        } else {
            let parameter = PARAMETERS.iter().find(|parameter| parameter.name == name);
            format!("{:?}", parameter.map_or("", |parameter| parameter.default))
        };
        format!("          {name}: {value}\n")
    });
    format!("{ENVIRONMENT}        Variables:\n{}", variables.collect::<String>())
}

fn events(function: &Function<Declaration>) -> String {
    let mut schemas = openapi::schemas();
    let events = function.declarations().map(|declaration| {
        let name = (declaration.describe)(&mut schemas).name;
        let event = format!(
            "        {name}:\n          Type: HttpApi\n          Properties:\n            ApiId: !Ref Api\n"
        );
        match &declaration.route {
            Route::Path(method, path) => {
                let path = format!("            Path: {path}\n");
                let head = declaration.answers_head.then(|| {
                    let event = event.replacen(&name, &format!("{name}Head"), 1);
                    format!("{event}            Method: HEAD\n{path}")
                });
                format!("{event}            Method: {method}\n{path}{}", head.unwrap_or_default())
            }
            Route::Default => {
                format!(
                    "        # Neither path nor method: $default, which all other requests take.\n{event}"
                )
            }
        }
    });
    format!("      Events:\n{}", events.collect::<String>())
}

/// The sample with every parameter and what it is on a laptop.
fn sample(text: &str) -> Option<String> {
    let (options, _) = text.split_once(SAMPLE_MARK)?;
    let parameters = PARAMETERS.iter().map(|parameter| {
        let laptops = DEFAULTS.iter().find(|(differs, _)| differs.name == parameter.name);
        let (note, default) = match laptops {
            Some((_, default)) => (format!("# (A deployment has {}.)\n", parameter.default), *default),
            None => (String::new(), parameter.default),
        };
        format!("# {}\n{note}#{}={default}\n", parameter.about, parameter.name)
    });
    Some(format!("{options}{SAMPLE_MARK}\n{}", parameters.collect::<String>()))
}
