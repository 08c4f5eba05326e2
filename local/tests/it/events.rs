//! Events of Lambda: of both kinds of API, of none, and such as would break what
//! reads them.

use std::sync::Arc;

use http::Method;
use lambda_http::Context;
use lambda_http::lambda_runtime::LambdaEvent;
use lambda_http::tower::Service as _;
use latchkey::endpoint::function::Handler;
use latchkey::endpoint::lambda;
use latchkey_local::functions;
use latchkey_local::gateway::Kind;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::app::App;
use crate::trials::trials;

/// What a function answers to an event, as Lambda hands both over.
pub(crate) async fn answer(handler: &Arc<Handler>, event: &Value) -> Value {
    let event = serde_json::from_str(&event.to_string()).unwrap();
    let answered =
        lambda::service(Arc::clone(handler)).call(LambdaEvent::new(event, Context::default())).await;
    serde_json::to_value(answered.unwrap()).unwrap()
}

/// A function ready to answer.
async fn function(app: &App, name: &str) -> Arc<Handler> {
    let all = functions::all();
    let function = all.iter().find(|function| function.name() == name).unwrap();
    Arc::new(function.build(&app.setup(name)).await.unwrap())
}

fn http_event(route: &str, query: &str, headers: &Value) -> Value {
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/health",
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "domainName": "api.example.com",
            "http": { "method": "GET", "path": "/health", "sourceIp": "203.0.113.77" },
            "requestId": "r1",
            "routeKey": route,
            "stage": "$default",
        },
        "isBase64Encoded": false,
    })
}

fn rest_event(resource: &str, query: &Value, headers: &Value) -> Value {
    json!({
        "resource": resource,
        "path": "/health",
        "httpMethod": "GET",
        "headers": headers,
        "multiValueQueryStringParameters": query,
        "requestContext": {
            "domainName": "api.example.com",
            "httpMethod": "GET",
            "identity": { "sourceIp": "203.0.113.77" },
            "requestId": "r1",
            "resourcePath": resource,
            "stage": "prod",
        },
        "isBase64Encoded": false,
    })
}

/// Whoever keeps an instance warm sends no request, and is no reason to die.
#[tokio::test]
async fn what_is_no_request_is_answered() {
    let app = App::new().await;
    for name in ["site", "get-user"] {
        let handler = function(&app, name).await;
        for event in [
            json!({}),
            json!({ "warmup": true }),
            json!([]),
            json!(null),
            json!("ping"),
            json!({ "Records": [] }),
            json!({ "version": "2.0" }),
            json!({ "httpMethod": "GET" }),
            json!({ "requestContext": { "elb": {} }, "httpMethod": "GE T", "path": "/" }),
        ] {
            let answer = answer(&handler, &event).await;
            assert_eq!(answer["statusCode"], 404, "{name} {event}");
        }
    }
}

/// What the library would panic on, one after another, and what an answer is then.
#[tokio::test]
async fn what_breaks_an_address_breaks_no_function() {
    let app = App::new().await;
    let site = function(&app, "site").await;
    let hosts =
        ["[::1", "a b", ":99999", "", "%", "a:b:c", "\u{e9}", "//", "x:-1", "[", "<>", "user@host", "a\\b"];
    let protos = ["", " ", "https, http", "1", "\u{e9}", "ht tp", ":", "javascript"];
    let queries = [
        "a=b c", "a=\tb", "<", ">", "\"", "a=%zz", "%", "#", "a#b", "\u{e9}", "\u{0}", "\\", "`", "{}", "|",
        "^", "a=\u{7f}",
    ];
    let plain = json!({});
    let mut events = Vec::new();
    for host in hosts {
        let headers = json!({ "host": host });
        events.extend([http_event("GET /health", "", &headers), rest_event("/health", &plain, &headers)]);
        let mut domain = http_event("GET /health", "", &plain);
        domain["requestContext"]["domainName"] = json!(host);
        let mut rest = rest_event("/health", &plain, &plain);
        rest["requestContext"]["domainName"] = json!(host);
        rest["requestContext"]["stage"] = json!(host);
        events.extend([domain, rest]);
    }
    for proto in protos {
        let headers = json!({ "host": "api.example.com", "x-forwarded-proto": proto });
        events.extend([http_event("GET /health", "", &headers), rest_event("/health", &plain, &headers)]);
    }
    for query in queries {
        events.push(http_event("GET /health", query, &plain));
        events.push(rest_event("/health", &json!({ query: [query] }), &plain));
    }
    for path in ["", "health", ":99999", "//", "/\u{0}", "/a b", "/\u{e9}", "@x", "[", "\\"] {
        let mut event = http_event("GET /health", "", &plain);
        event["rawPath"] = json!(path);
        let mut rest = rest_event("/health", &plain, &plain);
        rest["path"] = json!(path);
        events.extend([event, rest]);
    }
    for body in ["%%%", "a", "AA=A", "\u{e9}"] {
        let mut event = http_event("GET /health", "", &plain);
        (event["isBase64Encoded"], event["body"]) = (json!(true), json!(body));
        let mut rest = rest_event("/health", &plain, &plain);
        (rest["isBase64Encoded"], rest["body"]) = (json!(true), json!(body));
        events.extend([event, rest]);
    }
    for event in events {
        assert_eq!(answer(&site, &event).await["statusCode"], 200, "{event}");
    }
    // Longer than API Gateway lets pass: nothing is asked for.
    let long = http_event("GET /health", &"a".repeat(70_000), &plain);
    assert_eq!(answer(&site, &long).await["statusCode"], 404);
    let long = rest_event("/health", &json!({ "a": ["a".repeat(70_000)] }), &plain);
    assert_eq!(answer(&site, &long).await["statusCode"], 404);
}

/// Any event at all is answered, with a status below 500.
#[test]
fn any_event_is_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (site, keys) = runtime.block_on(async {
        let app = App::new().await;
        (function(&app, "site").await, function(&app, "keys").await)
    });
    let text = || prop_oneof!["\\PC{0,12}", "[a-z:/@%?#\\[\\]<>\" ]{0,12}", Just("\u{0}\t\r\n".to_owned())];
    let event = (text(), text(), text(), text(), text(), any::<bool>(), any::<bool>());
    let mut runner = TestRunner::new(Config { cases: trials(), ..Config::default() });
    runner
        .run(&event, |(host, proto, query, path, body, is_base64, is_rest)| {
            let headers = json!({ "host": host, "x-forwarded-proto": proto, "accept": path });
            let mut event = if is_rest {
                rest_event("/health", &json!({ query.clone(): [query] }), &headers)
            } else {
                http_event("GET /health", &query, &headers)
            };
            (event["rawPath"], event["path"]) = (json!(path), json!(path));
            (event["body"], event["isBase64Encoded"]) = (json!(body), json!(is_base64));
            event["requestContext"]["domainName"] = json!(host);
            event["requestContext"]["stage"] = json!(proto);
            for handler in [&site, &keys] {
                let answer = runtime.block_on(answer(handler, &event));
                prop_assert!(answer["statusCode"].as_u64().unwrap() < 500, "{event}: {answer}");
            }
            Ok(())
        })
        .unwrap();
}

/// The route stands in an event twice; either will do.
#[tokio::test]
async fn the_route_is_the_gateways() {
    let app = App::new().await;
    let site = function(&app, "site").await;
    let plain = json!({});
    let mut events = vec![http_event("GET /health", "", &plain), rest_event("/health", &plain, &plain)];
    for (mut event, names) in
        events.clone().into_iter().zip([["routeKey", "routeKey"], ["resource", "resourcePath"]])
    {
        let mut other = event.clone();
        event.as_object_mut().unwrap().remove(names[0]);
        other["requestContext"].as_object_mut().unwrap().remove(names[1]);
        events.extend([event, other]);
    }
    for event in &events {
        let answer = answer(&site, event).await;
        assert_eq!(answer["statusCode"], 200, "{event}");
        assert!(answer["body"].as_str().unwrap().contains("ok"), "{answer}");
    }
}

/// What a query says arrives as it was meant, through both kinds of API.
#[tokio::test]
async fn queries_mean_the_same_behind_both() {
    for kind in [Kind::Http, Kind::Rest] {
        let app = App::with_admin(&[]).await.behind(kind).await;
        let admin = app.sign_in(crate::app::ADMIN).await;
        let alice = app.sign_in("+79000000001").await;
        for query in ["phone=%2B79000000001", "phone=+79000000001", "phone=8%20900%20000-00-01&limit=1&x=%25"]
        {
            let found = app.get(&format!("/v1/users?{query}"), &admin.token).await.ok(200);
            assert_eq!(found["items"][0]["id"], alice.id, "{kind:?} {query}");
        }
        app.get("/v1/users?limit=0", &admin.token).await.problem(422, "invalid_request");
        let head = "x".repeat(11_000);
        let answer = app.raw(Method::GET, &format!("/health?{head}"), None, vec![]).await;
        assert_eq!(answer.status, 431, "API Gateway's own");
    }
}
