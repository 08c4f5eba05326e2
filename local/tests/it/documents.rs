//! What documents and the template say is what the code does.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use latchkey::config::PARAMETERS;
use latchkey::http::endpoint::Declaration;
use latchkey::http::function::Mount;
use latchkey::http::problem::Code;
use latchkey_local::functions;
use latchkey_local::parameters::DEFAULTS;
use latchkey_template::{Allowed, Route, TEMPLATE, Template};
use regex::Regex;
use serde_json::json;

use crate::app::{App, phone};

const ENV_SAMPLE: &str = include_str!("../../../.env.sample");
const ERRORS: &str = include_str!("../../../docs/errors.md");
const METRICS: &str = include_str!("../../../shared/src/metrics.rs");
const DEPLOY: &str = include_str!("../../../docs/deploy.md");
const INTEGRATE: &str = include_str!("../../../docs/integrate.md");
const README: &str = include_str!("../../../README.md");
const SECURITY: &str = include_str!("../../../docs/security.md");

/// The functions that text.
const SENDERS: [&str; 2] = ["change-phone", "request-code"];

/// The phone of an admin.
const ADMIN: &str = "+79990000000";

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

/// A function that starts without a secret has no use for it.
#[tokio::test]
async fn secrets_are_read_by_those_alone_who_need_them() {
    let app = App::new().await;
    let template = Template::of_checkout();
    let mut readers = BTreeMap::<_, BTreeSet<_>>::new();
    for (variable, secret) in [("SIGNING_SECRET", "SigningSecret"), ("PEPPER_SECRET", "PepperSecret")] {
        for function in functions::all() {
            let needed = function.build(&app.setup_with(function.name(), &[(variable, "")])).await.is_err();
            let read = ("secretsmanager:GetSecretValue".to_owned(), secret.to_owned());
            assert_eq!(
                template.allowed(function.name()).contains(&read),
                needed,
                "{} {secret}",
                function.name()
            );
            if needed {
                readers.entry(secret).or_default().insert(function.name());
            }
        }
    }
    assert_eq!(readers["SigningSecret"], ["exchange-code", "refresh-token"].into());
}

/// Functions that read how texts are sent may send them; all others may not.
#[tokio::test]
async fn those_alone_may_text_who_do_and_to_no_topic() {
    let app = App::new().await;
    let template = Template::of_checkout();
    let publish = |resource: &str| ("sns:Publish".to_owned(), resource.to_owned());
    let mut senders = BTreeSet::new();
    for function in functions::all() {
        let name = function.name();
        let texts = function.build(&app.setup_with(name, &[("SMS_PROVIDER", "pigeon")])).await.is_err();
        let of_sns = |all: Vec<(String, String)>| -> Vec<_> {
            all.into_iter().filter(|(action, _)| action.starts_with("sns:")).collect()
        };
        let (allowed, denied) = (of_sns(template.allowed(name)), of_sns(template.denied(name)));
        if texts {
            assert_eq!(allowed, [publish("*")], "{name}");
            assert_eq!(denied, [publish("arn:${AWS::Partition}:sns:*:*:*")], "{name}");
            senders.insert(name);
        } else {
            assert_eq!((allowed, denied), (vec![], vec![]), "{name}");
        }
    }
    assert_eq!(senders, SENDERS.into());
}

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

/// Each function does nothing that its policy forbids, and its policy allows
/// nothing that it does not do.
#[tokio::test]
async fn policies_are_as_narrow_as_what_is_called() {
    // As a deployment has it, every limit on.
    let limits = [
        ("ADMIN_PHONES", ADMIN),
        ("CODES_PER_IP_HOUR", "60"),
        ("GUESSES_PER_IP_HOUR", "60"),
        ("TEXTS_PER_DAY", "60"),
        ("PUMPING_MIN_SENDS", "30"),
        ("PUMPING_MIN_SENDS_COUNTRY", "30"),
    ];
    let app = App::with(&limits).await;
    let started = app.faults.asked_at_start();
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    let code = app.code_for(&phone(3)).await;
    let body = json!({ "phone": phone(3), "code": code, "invite_code": alice.invite_code });
    app.post("/v1/auth/token", body).await.ok(200);
    app.clock.advance(60);
    app.sign_in(&phone(1)).await;
    app.me(&bob).await;
    app.get("/v1/users/me/referrals", &alice.token).await.ok(200);
    app.refresh(&bob.refresh).await.ok(200);
    let sessions = app.get("/v1/users/me/sessions", &alice.token).await.ok(200);
    let other =
        sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/v1/users/me/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(app.raw(Method::DELETE, &path, Some(&alice.token), vec![]).await.status, 204);
    for scope in ["others", "local"] {
        assert_eq!(app.sign_out(&alice.token, scope).await.status, 204);
    }
    assert_eq!(app.sign_out(&bob.token, "global").await.status, 204);
    app.raw(Method::GET, "/.well-known/jwks.json", None, vec![]).await.ok(200);
    let admin = app.sign_in(ADMIN).await;
    for query in ["", "?role=admin", "?status=banned", "?phone=+79000000001"] {
        app.get(&format!("/v1/users{query}"), &admin.token).await.ok(200);
    }
    app.get("/v1/stats", &admin.token).await.ok(200);
    for body in ["{}", r#"{"redraw": true}"#, r#"{"max_uses": 9}"#] {
        let path = format!("/v1/users/{}/invite", alice.id);
        app.raw(Method::PATCH, &path, Some(&admin.token), body.as_bytes().to_vec()).await.ok(200);
    }
    let carol = app.sign_in(&phone(4)).await;
    app.activate(&carol.token, &bob.invite_code).await.ok(200);
    let picture = include_bytes!("one-pixel.png").to_vec();
    for _ in 0..2 {
        app.raw(Method::PUT, "/v1/users/me/avatar", Some(&carol.token), picture.clone()).await.ok(200);
    }
    let avatar = app.me(&carol).await["avatar_url"].as_str().unwrap().replace("https://api.example.com", "");
    assert_eq!(app.raw(Method::GET, &avatar, None, vec![]).await.status, 200);
    let body = json!({ "city": "Omsk", "avatar_url": null }).to_string().into_bytes();
    app.raw(Method::PATCH, "/v1/users/me", Some(&carol.token), body).await.ok(200);
    let body = json!({ "phone": phone(5), "purpose": "change_phone" }).to_string().into_bytes();
    app.raw(Method::POST, "/v1/auth/code", Some(&carol.token), body).await.ok(202);
    let body = json!({ "phone": phone(5), "code": app.last_code(&phone(5)).await }).to_string().into_bytes();
    app.raw(Method::PUT, "/v1/users/me/phone", Some(&carol.token), body).await.ok(200);
    assert_eq!(app.raw(Method::DELETE, "/v1/users/me", Some(&carol.token), vec![]).await.status, 204);

    // Whichever starts first after a rotation publishes the keys.
    for function in functions::all::<Mount>() {
        let setup = app.setup_with(function.name(), &[("SIGNING_SECRET", function.name())]);
        function.build(&setup).await.unwrap();
    }

    let mut called = BTreeMap::<String, BTreeSet<_>>::new();
    for asked in started.into_iter().chain(app.faults.asked()) {
        // The inbox is a laptop's own.
        if asked.operation != "PutItem" || !matches!(&*asked.function, "request-code" | "change-phone") {
            called.entry(asked.function.clone()).or_default().extend(asked.needs());
        }
    }
    let template = Template::of_checkout();
    for function in template.functions() {
        let tables = |(action, _): &(String, String)| action.starts_with("dynamodb:");
        let allowed: BTreeSet<_> = template.allowed(&function).into_iter().filter(tables).collect();
        assert_eq!(called.remove(&function).unwrap_or_default(), allowed, "{function}");
    }
}

#[test]
fn the_sample_lists_every_parameter() {
    let mut listed = BTreeMap::new();
    for line in ENV_SAMPLE.lines().filter_map(|line| line.strip_prefix('#')) {
        if let Some((name, value)) = line.split_once('=')
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        {
            assert!(listed.insert(name, value).is_none(), "{name} is listed twice");
        }
    }
    for parameter in PARAMETERS {
        let laptops = DEFAULTS.iter().find(|(differs, _)| differs.name == parameter.name);
        let default = laptops.map_or(parameter.default, |(_, default)| default);
        assert_eq!(listed.remove(parameter.name), Some(default), "{}", parameter.name);
        assert!(ENV_SAMPLE.contains(&format!("# {}\n", parameter.about)), "{}", parameter.name);
    }
    let options = ["PORT", "HOST", "DATA_DIR", "DYNAMODB_PORT", "DYNAMODB_HOST", "LOG"];
    assert_eq!(listed.into_keys().collect::<BTreeSet<_>>(), BTreeSet::from(options));
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
    for (document, least) in [(README, 5), (INTEGRATE, 5), (DEPLOY, 2)] {
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
    for document in ["README.md", "docs/deploy.md", "docs/integrate.md"] {
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
