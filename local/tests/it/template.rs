//! What the template says of a deployment is what the code declares, and takes.

use std::collections::{BTreeMap, BTreeSet};

use latchkey::base::config::PARAMETERS;
use latchkey::endpoint::declaration::Declaration;
use latchkey_local::functions;
use latchkey_template::{Allowed, Route, TEMPLATE, Template, logical_id};
use regex::Regex;
use serde_json::Value;

use crate::app::App;

const METRICS: &str = include_str!("../../../shared/src/base/metrics.rs");
const REASONS: &str = include_str!("../../../shared/src/domain/fate.rs");
const LIMITS: &str = include_str!("../../../shared/src/domain/limits.rs");

#[test]
fn routes_in_code_and_template_are_equal() {
    let mut declared: Vec<_> = functions::all::<Declaration>()
        .iter()
        .flat_map(|function| {
            function.declarations().flat_map(|declaration| {
                let key = declaration.route.to_string();
                let (method, path) = key.split_once(' ').unwrap_or(("", &key));
                let route = |method: &str| Route {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    function: function.name().to_owned(),
                };
                let head = declaration.answers_head.then(|| route("HEAD"));
                [route(method)].into_iter().chain(head).collect::<Vec<_>>()
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

/// What a function declares to read is what it reads at its start, whoever
/// sends the texts, and what the template gives it; the one to start it anew
/// is read by nobody.
#[tokio::test]
async fn functions_are_given_the_variables_that_they_read() {
    let app = App::new().await;
    let mut read = BTreeMap::<_, BTreeSet<_>>::new();
    for provider in ["inbox", "sns", "smsaero", "webhook"] {
        let carrier = [
            ("SMS_PROVIDER", provider),
            ("SMSAERO_EMAIL", "latchkey@example.com"),
            ("SMSAERO_API_KEY", "key"),
            ("SMSAERO_SIGN", "Latchkey"),
            ("SMS_WEBHOOK_URL", "https://example.com/texts"),
            ("TRUSTED_PROXY", "CloudFront-Viewer-Address"),
            ("TRUSTED_PROXY_SECRET", "a-secret-of-the-proxy"),
            ("SMS_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ];
        for function in functions::all() {
            let mut setup = app.setup_with(function.name(), &carrier);
            setup.vars = setup.vars.remembering();
            function.build(&setup).await.unwrap();
            read.entry(function.name()).or_default().extend(setup.vars.asked());
        }
    }
    let template = Template::of_checkout();
    let mut all = BTreeSet::new();
    for function in functions::all::<Declaration>() {
        let (name, declared) = (function.name(), function.variables());
        assert_eq!(read[name], declared, "{name} reads, and declares to read");
        let given = template.variables(name).into_iter().collect::<BTreeSet<_>>();
        let expected = declared.iter().chain([&"RESTART"]).map(ToString::to_string).collect();
        assert_eq!(given, expected, "{name} is given, and needs: cargo run --example generate");
        all.extend(declared);
    }
    assert_eq!(all, PARAMETERS.iter().map(|parameter| parameter.name).collect(), "what somebody reads");
}

/// Lambda takes 4 KB of variables a function. With everything set, each to what
/// a large deployment would set it to, there is an eighth to spare.
#[test]
fn a_large_deployment_has_room_for_its_variables() {
    let values = large();
    let size = |name: &String| name.len() + values[name.as_str()].len() + PUNCTUATION;
    let template = Template::of_checkout();
    let sizes = template.functions().into_iter().map(|function| {
        let bytes: usize = template.variables(&function).iter().map(size).sum();
        (bytes, function)
    });
    let (bytes, function) = sizes.max().unwrap();
    println!("{function} is given the most: {bytes} bytes of variables");
    assert!(bytes < 3_584, "{function} is given {bytes} bytes");
}

/// Quotes, separators and blanks beside a name and its value, if they count.
const PUNCTUATION: usize = 8;

/// A flood of anything else keeps nobody from signing in.
#[test]
fn routes_of_signing_in_have_a_throttle_of_their_own() {
    let template = Template::of_checkout();
    let of_auth = |route: &Route| route.path.starts_with("/v1/auth/");
    let routes = template.routes().into_iter().filter(of_auth);
    let routes: BTreeSet<_> = routes.map(|route| format!("{} {}", route.method, route.path)).collect();
    assert!(routes.len() >= 6, "{routes:?}");
    assert_eq!(template.throttled(), routes);
}

/// Under this prefix CloudWatch lets services write by one pattern; elsewhere each log group is
/// listed in a policy of 5,120 characters that the whole account shares, until it is full.
#[test]
fn logs_are_where_no_policy_grows() {
    let template = Template::of_checkout();
    let groups: BTreeMap<_, _> = template
        .resources_of("AWS::Logs::LogGroup")
        .map(|(name, group)| (name, group["LogGroupName"].as_str().unwrap_or_default()))
        .collect();
    assert!(groups.len() >= 2, "{groups:?}");
    for (group, name) in &groups {
        assert!(name.starts_with("/aws/vendedlogs/${AWS::StackName}/"), "{group}: {name:?}");
    }
    let queries: Vec<_> = template.resources_of("AWS::Logs::QueryDefinition").collect();
    assert!(queries.len() >= 6, "{queries:?}");
    for (query, asked) in queries {
        for group in asked["LogGroupNames"].as_array().unwrap() {
            assert!(groups.contains_key(group.as_str().unwrap()), "{query} asks {group}");
        }
    }
}

/// Those that a flood of anything else must not starve, each by a parameter of its own.
#[test]
fn instances_are_kept_for_signing_in_alone() {
    let template = Template::of_checkout();
    let kept: BTreeMap<_, _> = template
        .resources_of("AWS::Serverless::Function")
        .map(|(name, function)| (name, &function["ReservedConcurrentExecutions"]))
        .filter(|(_, reserved)| !reserved.is_null())
        .collect();
    let expected = ["ExchangeCode", "RefreshToken", "RequestCode"].map(|name| {
        let reserved =
            serde_json::json!([format!("Reserves{name}"), format!("{name}Concurrency"), "AWS::NoValue"]);
        (format!("{name}Function"), reserved)
    });
    assert_eq!(kept.len(), expected.len(), "{kept:?}");
    for (name, reserved) in &expected {
        assert_eq!(kept.get(name.as_str()), Some(&reserved), "{name}");
    }
}

/// What the guide says is paid whatever is used: of what the template makes, at the prices that
/// stand there.
#[test]
fn the_guide_counts_what_is_paid_whatever_is_used() {
    let template = Template::of_checkout();
    let guide = include_str!("../../../docs/deploy.md");
    let row = |what: &str| -> Vec<f64> {
        let line = guide.lines().find(|line| line.starts_with(&format!("| {what}")));
        let cells = line.unwrap_or_else(|| panic!("{what} is not in the guide")).split('|');
        cells.filter_map(|cell| cell.trim().parse().ok()).collect()
    };
    let secrets = template.resources_of("AWS::SecretsManager::Secret").count();
    let watched: usize = template
        .resources_of("AWS::CloudWatch::Alarm")
        .map(|(_, alarm)| alarm.to_string().matches("\"MetricStat\"").count().max(1))
        .sum();
    assert!(watched > 20, "{watched}");
    let rows = ["secrets |", "metrics of our own", "metrics that the alarms watch"].map(row);
    assert_eq!(rows[0][0].to_string(), secrets.to_string());
    let most: usize = rows[2][0].to_string().parse().unwrap();
    assert!(watched <= most, "alarms watch {watched} metrics, the guide says {most} at most");
    let cents = |usd: f64| format!("{usd:.2}");
    for row in &rows {
        assert_eq!(cents(row[0] * row[1]), cents(row[2]), "{row:?}");
    }
    let sum = cents(rows.iter().map(|row| row[2]).sum());
    assert_eq!(row("together |").last().map(|usd| cents(*usd)), Some(sum.clone()));
    assert!(row("what is paid whatever is used").iter().all(|usd| cents(*usd) == sum));
}

/// CloudFront hands on what the functions read: what OpenAPI names, what pages of other
/// origins and browsers send by themselves, and who the caller is.
#[test]
fn what_stands_in_front_hands_on_what_is_read() {
    let edge = include_str!("../../../edge.yaml");
    let mut read: BTreeSet<String> = crate::openapi::headers();
    assert!(read.contains("idempotency-key"), "{read:?}");
    let by_themselves =
        ["accept", "accept-language", "authorization", "content-type", "origin", "user-agent"];
    let of_cors = ["access-control-request-headers", "access-control-request-method"];
    read.extend(
        [&by_themselves[..], &of_cors, &["cloudfront-viewer-address"]]
            .concat()
            .into_iter()
            .map(str::to_owned),
    );
    let lines = edge.lines().map(str::trim);
    let handed_on: BTreeSet<_> = lines
        .filter_map(|line| line.strip_prefix("- "))
        .filter(|item| read.contains(*item))
        .map(str::to_owned)
        .collect();
    assert_eq!(handed_on, read);
    assert!(edge.contains(&format!("HeaderName: {}", latchkey::http::proxy::PROXY_SECRET)));
    // API Gateway answers to its own host alone.
    assert!(!edge.lines().any(|line| line.trim() == "- host"));
}

/// Every variable with a long value that the template takes.
fn large() -> BTreeMap<&'static str, String> {
    let several =
        |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<Vec<_>>().join(",");
    let link = |store: &str| format!("https://{store}.example.com/app/latchkey?referrer={{invite_code}}");
    let table = |name: &str| format!("latchkey-production-{name}-1A2B3C4D5E6F7");
    let secret = |name: &str| {
        format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-1a2b3c4d5e6f-AbCdEf")
    };
    let fingerprint = ["AB"; 32].join(":");
    let mut values = BTreeMap::from([
        ("ADMIN_PHONES", several(10, &|n| format!("+79990{n:06}"))),
        ("ALLOWED_COUNTRIES", several(30, &|_| "RU".to_owned())),
        ("ANDROID_APPS", several(5, &|n| format!("com.example.latchkey.app{n}={fingerprint}"))),
        ("APP_HASHES", several(5, &|_| "FA+9qCX9VSu".to_owned())),
        ("APP_LINK_ANDROID", link("play")),
        ("APP_LINK_IOS", link("apps")),
        ("APP_LINK_WEB", link("www")),
        ("APP_NAME", "Latchkey for people with keys".to_owned()),
        ("AUDIENCE", "https://backend.example.com".to_owned()),
        ("AUDIT_TABLE", table("AuditTable")),
        ("CODES_TABLE", table("CodesTable")),
        ("CORS_ORIGINS", several(10, &|n| format!("https://app{n}.example.com"))),
        ("EXTRA_NUMBER_RANGES", several(10, &|n| format!("+7995{n}=11"))),
        ("IOS_APP_IDS", several(5, &|n| format!("ABCDE12345.com.example.latchkey.app{n}"))),
        ("ISSUER", "https://auth.example.com".to_owned()),
        ("PASSKEY_ORIGINS", several(5, &|n| format!("https://app{n}.example.com"))),
        ("PASSKEY_RP_ID", "example.com".to_owned()),
        ("PEPPER_SECRET_ARN", secret("PepperSecret")),
        ("PUBLIC_URL", "https://auth.example.com".to_owned()),
        ("RESTART", "2026-11-21T01:25:52Z".to_owned()),
        ("SESSIONS_TABLE", table("SessionsTable")),
        ("SIGNING_SECRET_ARN", secret("SigningSecret")),
        ("SMSAERO_API_KEY_ARN", secret("SmsaeroApiKey")),
        ("SMSAERO_EMAIL", "latchkey-production@example.com".to_owned()),
        ("SMSAERO_SIGN", "Latchkey".to_owned()),
        ("SMS_DOMAIN", "auth.example.com".to_owned()),
        ("SMS_WEBHOOK_SECRET_ARN", secret("SmsWebhookSecret")),
        ("SMS_WEBHOOK_URL", "https://texts.example.com/latchkey/production".to_owned()),
        ("SNS_MAX_PRICE", "0.125".to_owned()),
        ("SNS_ORIGINATION_NUMBER", "+120655501000000".to_owned()),
        ("SNS_SENDER_ID", "Latchkey-ID".to_owned()),
        ("TEST_PHONES", several(10, &|n| format!("+12015550{n:03}=12345678@2026-12-31"))),
        ("TRUSTED_PROXY", "CloudFront-Viewer-Address".to_owned()),
        ("TRUSTED_PROXY_SECRET_ARN", secret("TrustedProxySecret")),
        ("USERS_TABLE", table("UsersTable")),
    ]);
    let template = Template::of_checkout();
    for parameter in PARAMETERS {
        let allowed = template.parameters().into_iter().find(|of| of.name == logical_id(parameter.name));
        let set = values.get(parameter.name);
        let longest = match allowed.map(|parameter| parameter.allowed) {
            Some(Allowed::Range(_, most)) => most.to_string(),
            Some(Allowed::Values(all)) => all.into_iter().max_by_key(String::len).unwrap(),
            Some(Allowed::Pattern(pattern, most)) => {
                let value = set.map_or(parameter.default, String::as_str).to_owned();
                let fits = Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(&value);
                assert!(!value.is_empty() && fits && value.len() <= most, "{}={value}", parameter.name);
                value
            }
            _ => set.map_or(parameter.default, String::as_str).to_owned(),
        };
        values.insert(parameter.name, longest);
    }
    values
}

#[test]
fn parameters_are_what_the_code_says_of_them() {
    let template = Template::of_checkout();
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
    let any = [
        "AUDIENCE",
        "ISSUER",
        "SMSAERO_API_KEY_ARN",
        "SMSAERO_EMAIL",
        "SMSAERO_SIGN",
        "SMS_WEBHOOK_SECRET_ARN",
        "SMS_WEBHOOK_URL",
        "TRUSTED_PROXY",
        "TRUSTED_PROXY_SECRET_ARN",
    ];
    assert_eq!(patterns.into_keys().collect::<Vec<_>>(), any);
}

/// Names, values that are good, and values that are bad.
type Examples = (&'static str, &'static [&'static str], &'static [&'static str]);

const PATTERNS: &[Examples] = &[
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
    ("EXTRA_NUMBER_RANGES", &["+7995=11", "+7 995=11, +49 (1512)=13"], &["7995", "+7995", "+7995=ten"]),
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
    (
        "PASSKEY_RP_ID",
        &["example.com", "localhost", "xn--e1afmkfd.example"],
        &["https://example.com", "192.0.2.7"],
    ),
    (
        "PASSKEY_ORIGINS",
        &["https://app.example.com", "https://a.example.com:8443, http://localhost:8080"],
        &["app.example.com", "http://example.com", "https://example.com/", "https://example.com:0"],
    ),
    (
        "CORS_ORIGINS",
        &["*", "https://example.com,http://localhost:8080", "capacitor://localhost, ionic://localhost"],
        &["example.com", "https://example.com/"],
    ),
    ("SMS_DOMAIN", &["example.com"], &["https://example.com", "localhost"]),
    ("APP_HASHES", &["FA+9qCX9VSu, AAAAAAAAAAA"], &["short"]),
    ("SNS_SENDER_ID", &["Latchkey", "3-apps"], &["12345", "under_score", "twelve-chars"]),
    ("SNS_ORIGINATION_NUMBER", &["+12065550100", "12345"], &["12065550100", "+12"]),
    ("SNS_MAX_PRICE", &["0.10", ".5", "2"], &["cheap", "-1", "0"]),
];

/// Variables that nobody sets in a deployment: its own resources, and what is
/// for laptops alone.
const SET_BY_THE_TEMPLATE: [&str; 15] = [
    "SMSAERO_API_KEY",
    "SMS_WEBHOOK_SECRET",
    "TRUSTED_PROXY_SECRET",
    "REVEAL_CODE",
    "SMS_DELAY_MS",
    "SIGNING_SECRET",
    "SIGNING_SECRET_ARN",
    "PEPPER_SECRET",
    "PEPPER_SECRET_ARN",
    "USERS_TABLE",
    "CODES_TABLE",
    "SESSIONS_TABLE",
    "AUDIT_TABLE",
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

/// What the dashboard shows is written, by dimensions that it has: none of its lines is empty
/// for ever.
#[test]
fn the_dashboard_shows_metrics_that_are_written() {
    let template = Template::of_checkout();
    let (_, dashboard) = template.resources_of("AWS::CloudWatch::Dashboard").next().unwrap();
    let body = dashboard["DashboardBody"][0].as_str().unwrap();
    let references = Regex::new(r"\$\{([A-Za-z:]+)\}").unwrap();
    let body: Value = serde_json::from_str(&references.replace_all(body, "$1")).unwrap();
    let functions: Vec<_> =
        template.functions().iter().map(|function| logical_id(function) + "Function").collect();
    let mut shown = 0;
    for widget in body["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let words: Vec<_> = metric.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let ["Latchkey", name, "FunctionName", function, by @ ..] = &words[..] else { continue };
            assert!(METRICS.contains(&format!("=> \"{name}\"")), "{name}");
            assert!(functions.contains(&(*function).to_owned()), "{function}");
            match by {
                [] => {}
                ["Reason", reason] => assert!(REASONS.contains(&format!("=> \"{reason}\"")), "{reason}"),
                ["Limit", limit] => assert!(LIMITS.contains(&format!("=> \"{limit}\"")), "{limit}"),
                other => panic!("{other:?} is no dimension"),
            }
            shown += 1;
        }
    }
    assert!(shown > 30, "{shown}");
}
