//! What `openapi.json` says is what the code declares, and what it answers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use http::{HeaderMap, Method};
use jsonschema::{Draft, Validator};
use latchkey::http::problem::Code;
use latchkey_template::Template;
use matchit::Router;
use serde_json::{Value, json};

use crate::app::App;

const CHECKED_IN: &str = include_str!("../../../openapi.json");

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(CHECKED_IN).unwrap());

static PATHS: LazyLock<Router<String>> = LazyLock::new(|| {
    let mut router = Router::new();
    for path in DOCUMENT["paths"].as_object().unwrap().keys() {
        router.insert(path, path.clone()).unwrap();
    }
    router
});

/// That an answer to a request is one that is described: its status, its media
/// type, its headers and what it holds. Every answer of every test is.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, status: u16, headers: &HeaderMap, body: &[u8]) {
    let Ok(found) = PATHS.at(path) else { return };
    let operation = &DOCUMENT["paths"][found.value][method.as_str().to_lowercase()];
    // What the gateway answers by itself has a shape of its own.
    if operation.is_null() || !headers.contains_key("x-request-id") {
        return;
    }
    let called = format!("{method} {} {status}", found.value);
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{called} is not described: {}", String::from_utf8_lossy(body));
    for (name, _) in response["headers"].as_object().into_iter().flatten() {
        assert!(headers.contains_key(name.to_lowercase()), "{called} without {name}");
    }
    let media_type = headers.get("content-type").map(|of| of.to_str().unwrap().split(';').next().unwrap());
    assert_eq!(response["content"].is_object(), media_type.is_some(), "{called}");
    let Some(media_type) = media_type else { return assert!(body.is_empty(), "{called}") };
    assert!(response["content"][media_type].is_object(), "{called}: {media_type} is not described");
    if media_type.ends_with("json") && !headers.contains_key("content-encoding") {
        let place = ["paths", found.value, &method.as_str().to_lowercase(), "responses", &status.to_string()];
        let body = serde_json::from_slice(body).unwrap();
        validate(&[&place[..], &["content", media_type, "schema"]].concat(), &body, &called);
    }
}

/// Validates what a schema in the document says of a value.
#[track_caller]
fn validate(place: &[&str], value: &Value, called: &str) {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let step = |step: &&str| format!("/{}", step.replace('~', "~0").replace('/', "~1"));
    let place = place.iter().map(step).collect::<String>();
    let validator = {
        let mut validators = VALIDATORS.lock().unwrap();
        let validator = validators.entry(place).or_insert_with_key(|place| {
            let mut schema = DOCUMENT.pointer(place).unwrap().clone();
            schema["components"] = DOCUMENT["components"].clone();
            let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
            Arc::new(options.build(&schema).unwrap())
        });
        Arc::clone(validator)
    };
    let wrong: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{called}: {wrong:?} in {value}");
}

#[test]
fn the_template_has_the_same_routes() {
    let described: BTreeSet<_> =
        operations().map(|(path, method, _)| (method.to_uppercase(), path)).collect();
    let routes = Template::of_checkout().routes().into_iter();
    // HEAD is GET without its body.
    let deployed = routes
        .filter(|route| !["", "HEAD"].contains(&&*route.method))
        .map(|route| (route.method, route.path));
    assert_eq!(described, deployed.collect());
}

/// The headers that any operation takes, in small letters.
pub(crate) fn headers() -> BTreeSet<String> {
    let parameters = operations()
        .flat_map(|(_, _, operation)| operation["parameters"].as_array().cloned().unwrap_or_default());
    let headers = parameters.filter(|parameter| parameter["in"] == "header");
    headers.map(|header| header["name"].as_str().unwrap().to_ascii_lowercase()).collect()
}

fn operations() -> impl Iterator<Item = (String, String, Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(|(method, operation)| (path.clone(), method.clone(), operation.clone()))
    })
}

#[test]
fn everything_is_explained_and_every_example_fits() {
    let mut names = BTreeSet::new();
    let mut examples = 0;
    for (path, method, operation) in operations() {
        let called = format!("{method} {path}");
        assert!(
            names.insert(operation["operationId"].as_str().unwrap().to_owned()),
            "{called}: its name is taken"
        );
        assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 8), "{called} says nothing");
        let tags = DOCUMENT["tags"].as_array().unwrap();
        assert!(tags.iter().any(|tag| tag["name"] == operation["tags"][0]), "{called} has an unknown tag");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{called}: {parameter}");
        }
        let place = ["paths", &path, &method];
        let mut bodies = vec![(vec!["requestBody".to_owned()], operation["requestBody"].clone())];
        for (status, response) in operation["responses"].as_object().unwrap() {
            bodies.push((vec!["responses".to_owned(), status.clone()], response.clone()));
        }
        for (steps, body) in bodies {
            for (media_type, media) in body["content"].as_object().into_iter().flatten() {
                let steps: Vec<_> = steps.iter().map(String::as_str).collect();
                let place = [&place[..], &steps, &["content", media_type, "schema"]].concat();
                if media_type == "application/json" {
                    validate(&place, &media["example"], &called);
                    examples += 1;
                }
                for name in media["examples"].as_object().into_iter().flatten().map(|(name, _)| name) {
                    let example = &DOCUMENT["components"]["examples"][name];
                    assert!(example["description"].as_str().is_some_and(|text| text.len() > 8), "{name}");
                    validate(&place, &example["value"], &called);
                    examples += 1;
                }
            }
        }
    }
    assert!(examples > 150, "{examples}");
    let mut unexplained = Vec::new();
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        for (member, property) in schema["properties"].as_object().into_iter().flatten() {
            if !property["description"].is_string() {
                unexplained.push(format!("{name}.{member}"));
            }
        }
    }
    assert_eq!(unexplained, Vec::<String>::new());
}

/// Another code, or another member, would be found.
#[test]
#[should_panic(expected = "another")]
fn an_answer_that_is_not_described_is_found() {
    let body = json!({
        "type": "https://api.example.com/docs#another", "title": "t", "status": 404, "detail": "d",
        "code": "another", "request_id": "r",
    });
    let headers = [("content-type", "application/problem+json"), ("x-request-id", "r")];
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    check(&Method::GET, "/v1/avatars/x", 404, &headers, body.to_string().as_bytes());
}

/// As it is checked in, packed only for who says to unpack it.
#[tokio::test]
async fn the_description_is_served_plain_or_packed() {
    let app = App::new().await;
    for (accepts, packed) in [
        (None, false),
        (Some("gzip, deflate, br"), true),
        (Some("br;q=1, gzip ; q=0.5"), true),
        (Some("identity"), false),
        (Some("gzip;q=0"), false),
    ] {
        let headers: Vec<_> = accepts.map(|accepts| ("accept-encoding", accepts)).into_iter().collect();
        let answer = app.from("203.0.113.77", Method::GET, "/openapi.json", None, &headers, vec![]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-encoding"), if packed { "gzip" } else { "" }, "{accepts:?}");
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        if packed {
            assert!(answer.body.starts_with(&[0x1f, 0x8b]) && answer.body.len() * 5 < CHECKED_IN.len());
        } else {
            assert!(answer.body == CHECKED_IN.as_bytes());
        }
    }
}

/// Pages run nothing but files of ours, which are kept for ever under an
/// address that changes with them.
#[tokio::test]
async fn pages_of_documentation_name_files_of_their_version() {
    let app = App::new().await;
    let mut files = BTreeSet::new();
    for path in ["/docs", "/swagger", "/redoc"] {
        let page = app.raw(Method::GET, path, None, vec![]).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert_eq!(policy.contains("unsafe-inline"), path == "/redoc", "{policy}");
        assert_eq!(
            (page.header("cache-control"), page.header("x-content-type-options")),
            ("no-cache", "nosniff")
        );
        let html = String::from_utf8(page.body).unwrap();
        assert!(!html.contains("{version}") && !html.contains("{problems}"));
        let addresses = html.split('"').filter(|text| text.starts_with("docs/"));
        files.extend(addresses.map(|address| format!("/{address}")));
        for code in Code::ALL.iter().filter(|_| path != "/redoc") {
            assert!(html.contains(&format!("<section id=\"{}\"", code.as_str())), "{code:?}");
        }
    }
    assert_eq!(files.len(), 6, "{files:?}");
    for file in files {
        let answer = app.raw(Method::GET, &file, None, vec![]).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, "gzip"), "{file}");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        let other = file.replace("/docs/", "/docs/0");
        app.raw(Method::GET, &other, None, vec![]).await.problem(404, "not_found");
    }
}
