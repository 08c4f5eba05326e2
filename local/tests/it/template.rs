//! What the template says of a deployment is what the code declares, and takes.

use std::collections::{BTreeMap, BTreeSet};

use latchkey::base::config::PARAMETERS;
use latchkey::endpoint::declaration::Declaration;
use latchkey_local::functions;
use latchkey_template::{Allowed, Route, TEMPLATE, Template};
use regex::Regex;

use crate::app::App;
use crate::policies::SENDERS;

const METRICS: &str = include_str!("../../../shared/src/base/metrics.rs");

#[test]
fn routes_in_code_and_template_are_equal() {
    let mut declared: Vec<_> = functions::all::<Declaration>()
        .iter()
        .flat_map(|function| {
            function.declarations().map(|declaration| {
                let key = declaration.route.to_string();
                let (method, path) = key.split_once(' ').unwrap_or(("", &key));
                Route {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    function: function.name().to_owned(),
                }
            })
        })
        .collect();
    declared.sort();
    assert_eq!(declared, Template::of_checkout().routes());
}

#[test]
fn every_function_is_a_package_and_in_the_template() {
    let folders: BTreeSet<_> = std::fs::read_dir("../functions")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let declared: BTreeSet<_> =
        functions::all::<Declaration>().iter().map(|function| function.name().to_owned()).collect();
    let deployed: BTreeSet<_> = Template::of_checkout().functions().into_iter().collect();
    assert_eq!(folders, declared);
    assert_eq!(folders, deployed);
}

/// `CODE_LENGTH` as the template must write it: `CodeLength`.
fn logical_id(variable: &str) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    variable.split('_').map(word).collect()
}

#[test]
fn every_parameter_is_a_variable_of_the_functions() {
    let template = Template::of_checkout();
    let names: BTreeSet<_> = PARAMETERS.iter().map(|parameter| parameter.name.to_owned()).collect();
    for function in template.functions() {
        let mut expected = names.clone();
        expected.insert("RESTART".to_owned());
        if !SENDERS.contains(&function.as_str()) {
            expected.retain(|name| !name.starts_with("SMSAERO_"));
        }
        assert_eq!(
            template.variables(&function).into_iter().collect::<BTreeSet<_>>(),
            expected,
            "{function}"
        );
    }
    let mut settable: BTreeMap<_, _> =
        template.parameters().into_iter().map(|parameter| (parameter.name.clone(), parameter)).collect();
    for parameter in PARAMETERS {
        match settable.remove(&logical_id(parameter.name)) {
            Some(of_template) => {
                // A laptop keeps its texts, a deployment sends them.
                let default = if parameter.name == "SMS_PROVIDER" { "sns" } else { parameter.default };
                assert_eq!(of_template.default.as_deref(), Some(default), "{}", parameter.name);
                assert_eq!(of_template.description, parameter.about, "{}", parameter.name);
            }
            None => assert!(SET_BY_THE_TEMPLATE.contains(&parameter.name), "{}", parameter.name),
        }
    }
    // What is left says how it is deployed.
    for parameter in settable.into_values() {
        let uses = [format!("!Ref {}", parameter.name), format!("${{{}}}", parameter.name)];
        assert!(uses.iter().any(|used| TEMPLATE.contains(used)), "{} is used nowhere", parameter.name);
        assert!(!parameter.description.is_empty());
    }
}

/// What the template lets pass, functions start with; what stops their start,
/// it refuses before anything is made.
#[tokio::test]
async fn the_template_allows_what_functions_start_with() {
    let app = App::new().await;
    let starts = async |name: &str, value: &str| {
        app.functions_with(&[("SMS_PROVIDER", "sns"), (name, value)]).await.is_ok()
    };
    let mut patterns = BTreeMap::new();
    for parameter in Template::of_checkout().parameters() {
        let of_code = PARAMETERS.iter().find(|of_code| logical_id(of_code.name) == parameter.name);
        match (of_code, parameter.allowed) {
            (_, Allowed::Anything) => panic!("{} is allowed anything", parameter.name),
            (Some(of_code), Allowed::Range(least, most)) => {
                assert!(starts(of_code.name, &least.to_string()).await, "{} {least}", of_code.name);
                assert!(starts(of_code.name, &most.to_string()).await, "{} {most}", of_code.name);
                assert!(!starts(of_code.name, &(least - 1).to_string()).await, "{}", of_code.name);
                assert!(!starts(of_code.name, &(most + 1).to_string()).await, "{}", of_code.name);
            }
            (Some(of_code), Allowed::Pattern(pattern, longest)) => {
                let pattern = Regex::new(&format!("^(?:{pattern})$")).unwrap();
                let allows = move |value: &str| pattern.is_match(value) && value.len() <= longest;
                assert!(allows(of_code.default), "{}", of_code.name);
                patterns.insert(of_code.name, allows);
            }
            _ => {}
        }
    }
    for (name, good, bad) in PATTERNS {
        let allows = patterns.remove(name).unwrap();
        for value in *good {
            assert!(allows(value) && starts(name, value).await, "{name}={value}");
        }
        for value in *bad {
            assert!(!allows(value) && !starts(name, value).await, "{name}={value}");
        }
    }
    // Of these functions take any text.
    let any = ["AUDIENCE", "ISSUER", "SMSAERO_API_KEY", "SMSAERO_EMAIL", "SMSAERO_SIGN"];
    assert_eq!(patterns.into_keys().collect::<Vec<_>>(), any);
}

/// Names, values that are good, and values that are bad.
type Examples = (&'static str, &'static [&'static str], &'static [&'static str]);

const PATTERNS: &[Examples] = &[
    ("PUMPING_MIN_RATIO", &["0", "0.25", "0.10", "1"], &["2", "-0.1", "half"]),
    ("ALLOWED_COUNTRIES", &["RU", "ru, KZ"], &["RUS", "RU;KZ"]),
    (
        "TEST_PHONES",
        &[
            "+12015550123=1234@2026-12-31",
            "8 (900) 000-00-01=00000000@2026-12-31, +12015550123=1234@2026-12-31",
        ],
        &["+12015550123", "+12015550123=123@2026-12-31", "+12015550123=1234@tomorrow"],
    ),
    (
        "ADMIN_PHONES",
        &["+79990000000", "+79990000000, 8 (900) 000-00-01"],
        &["abc", "+79990000000;+79000000001"],
    ),
    ("DEFAULT_REGION", &["US"], &["USA"]),
    (
        "PUBLIC_URL",
        &["https://api.example.com", "http://localhost:3000/dev"],
        &["api.example.com", "https://a/?b"],
    ),
    ("APP_NAME", &["Latchkey", "\u{41a}\u{43b}\u{44e}\u{447}"], &["two\nlines"]),
    ("APP_LINK_IOS", &["https://example.com/{invite_code}", "app://i/"], &["example.com", "https://a b"]),
    ("APP_LINK_ANDROID", &["market://details?id=a"], &["example.com"]),
    ("APP_LINK_WEB", &["https://example.com/i/"], &["example.com"]),
    ("IOS_APP_IDS", &["ABCDE12345.com.example.app"], &["ABCDE.com.example.app", "ABCDE12345"]),
    (
        "ANDROID_APPS",
        &[
            "com.example.app=AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA",
        ],
        &["com.example.app", "com.example.app=AA:BB"],
    ),
    ("CORS_ORIGINS", &["*", "https://example.com,http://localhost:8080"], &[]),
    ("SMS_DOMAIN", &["example.com"], &["https://example.com", "localhost"]),
    ("APP_HASHES", &["FA+9qCX9VSu, AAAAAAAAAAA"], &["short"]),
    ("SNS_SENDER_ID", &["Latchkey", "3-apps"], &["12345", "under_score", "twelve-chars"]),
    ("SNS_ORIGINATION_NUMBER", &["+12065550100", "12345"], &["12065550100", "+12"]),
    ("SNS_MAX_PRICE", &["0.10", ".5", "2"], &["cheap", "-1", "0"]),
];

/// Variables that nobody sets in a deployment: its own resources, and what is
/// for laptops alone.
const SET_BY_THE_TEMPLATE: [&str; 11] = [
    "REVEAL_CODE",
    "SMS_DELAY_MS",
    "SIGNING_SECRET",
    "SIGNING_SECRET_ARN",
    "PEPPER_SECRET",
    "PEPPER_SECRET_ARN",
    "USERS_TABLE",
    "CODES_TABLE",
    "SESSIONS_TABLE",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SNS",
];

/// An alarm on a metric that nobody writes would never go off.
#[test]
fn alarms_watch_metrics_that_are_written() {
    let mut watched = 0;
    let mut lines = TEMPLATE.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == "Namespace: Latchkey" {
            let name = lines.next().unwrap().strip_prefix("MetricName: ").unwrap();
            assert!(METRICS.contains(&format!("=> \"{name}\"")), "{name}");
            watched += 1;
        }
    }
    assert!(watched >= 5);
}
