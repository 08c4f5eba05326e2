//! The HTTP edge: what comes from `site`, from the handlers and from the
//! gateway itself.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request};
use latchkey::endpoint::declaration::{Declaration, FromEndpoint as _};
use latchkey::endpoint::function::{Function, Mount};
use latchkey::endpoint::{Anyone, Endpoint, Route};
use latchkey::http::body::Nothing;
use latchkey::http::problem::{Code, Problem};
use latchkey::http::response::NoContent;
use serde_json::json;

use crate::app::{App, phone};
use crate::events::answer;
use crate::faults::Fault;

#[tokio::test]
async fn paths_that_are_not_there_are_404_and_methods_405() {
    let app = App::new().await;
    for path in [
        "//",
        "/nothing",
        "/v1",
        "/v1/auth/code/",
        "/v1//auth/code",
        "/V1/auth/code",
        "/health/x",
        "/i",
        "/i/",
    ] {
        app.raw(Method::GET, path, None, vec![]).await.problem(404, "not_found");
    }
    for (method, path, allow) in [
        ("GET", "/v1/auth/code", "POST"),
        ("DELETE", "/v1/auth/token", "POST"),
        ("POST", "/v1/users/me", "DELETE, GET, PATCH"),
        ("PATCH", "/v1/users/me/referrer", "PUT"),
        ("HEAD", "/v1/auth/code", "POST"),
        ("HEAD", "/v1/users", "GET"),
        ("PUT", "/health", "GET, HEAD"),
        ("OPTIONS", "/v1/auth/code", "POST"),
        ("BREW", "/i/AAAAAA", "GET, HEAD"),
    ] {
        let answer = app.raw(method.parse().unwrap(), path, None, vec![]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{method} {path}");
    }
}

#[tokio::test]
async fn every_answer_says_which_request_it_answers() {
    let app = App::new().await;
    let mut seen = std::collections::BTreeSet::new();
    for path in ["/health", "/nothing", "/v1/users/me", "/i/AAAAAA"] {
        let answer = app.raw(Method::GET, path, None, vec![]).await;
        assert!(seen.insert(answer.header("x-request-id").to_owned()));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    assert!(!seen.contains(""));
}

/// What a page may send without asking, a browser sends: so no JSON without its type.
#[tokio::test]
async fn json_says_that_it_is_json() {
    let app = App::new().await;
    let body = json!({ "phone": phone(1) }).to_string();
    for media_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("")] {
        let mut request = Request::post("/v1/auth/code");
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        let answer = app.send(request.body(Body::from(body.clone())).unwrap()).await;
        answer.problem(415, "unsupported_media_type");
    }
    assert_eq!(app.all_texts().await, 0);
    // Nothing at all needs no type.
    let alice = app.sign_in(&phone(1)).await;
    let request = Request::post("/v1/auth/logout").header("authorization", format!("Bearer {}", alice.token));
    assert_eq!(app.send(request.body(Body::empty()).unwrap()).await.status, 204);
}

#[tokio::test]
async fn bodies_are_bounded_and_typed() {
    let app = App::new().await;
    let (alice, post, put) = (app.sign_in(&phone(1)).await, Method::POST, Method::PUT);
    for (method, path, token) in [
        (post.clone(), "/v1/auth/code", None),
        (post, "/v1/auth/token", None),
        (put, "/v1/users/me/referrer", Some(alice.token.as_str())),
    ] {
        // Exactly 64 KiB is read, one byte more is not.
        let body = |length: usize| format!("{{\"x\":\"{}\"}}", "9".repeat(length - 8)).into_bytes();
        app.raw(method.clone(), path, token, body(64 * 1024)).await.problem(422, "invalid_request");
        app.raw(method.clone(), path, token, body(64 * 1024 + 1)).await.problem(413, "body_too_large");
        app.raw(method.clone(), path, token, body(5 * 1024 * 1024)).await.problem(413, "body_too_large");
        // Beyond 10 MB API Gateway itself answers, in its own shape.
        let answer = app.raw(method.clone(), path, token, body(11 * 1024 * 1024)).await;
        assert_eq!((answer.status, answer.json()), (413, json!({ "message": "Request Entity Too Large" })));

        for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"] {
            let mut request =
                Request::builder().method(&method).uri(path).header("content-type", content_type);
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let answer = app.send(request.body(Body::from("{}")).unwrap()).await;
            answer.problem(415, "unsupported_media_type");
        }
    }
}

#[tokio::test]
async fn a_body_in_another_wrapping_is_the_same_body() {
    let app = App::new().await;
    // API Gateway hands over bodies of types that it does not know in base64.
    let request = Request::post("/v1/auth/code").header("content-type", "application/vnd.api+json");
    let body = json!({ "phone": phone(1) }).to_string();
    app.send(request.body(Body::from(body)).unwrap()).await.ok(202);
}

#[tokio::test]
async fn only_numbers_that_a_text_can_reach_are_texted() {
    let app = App::new().await;
    for typed in [
        "abc",
        "-1",
        "",
        "0000000000",
        "+7900000000",
        "+7900\n0000001",
        "+7900000000¹",
        "+7 812 123-45-67",
        "+1 800 356 9377",
        "112",
    ] {
        app.request_code(typed).await.problem(422, "invalid_phone");
    }
    for not_text in [json!(79_000_000_001_u64), json!(null), json!(["+79000000001"]), json!({}), json!(true)]
    {
        app.post("/v1/auth/code", json!({ "phone": not_text })).await.problem(422, "invalid_request");
    }
    assert!(app.faults.asked().iter().all(|asked| asked.operation != "UpdateItem"), "none cost a write");
    let answer =
        app.post("/v1/auth/code", json!({ "phone": "(201) 555-0123", "region": "us" })).await.ok(202);
    assert_eq!(answer["phone"], "+12015550123");
}

#[tokio::test]
async fn a_text_that_did_not_leave_costs_nothing() {
    let app = App::new().await;
    // The inbox refuses: the put fails as often as the SDK tries.
    app.faults.every_try("PutItem", Fault::Throttled);
    app.request_code(&phone(1)).await.problem(503, "text_not_sent");
    assert!(app.faults.all_met());
    assert_eq!(app.texts(&phone(1)).await, 0);
    // Neither cooldown nor allowance was used up.
    for _ in 0..5 {
        app.request_code(&phone(1)).await.ok(202);
        app.clock.advance(60);
    }
    app.request_code(&phone(1)).await.problem(429, "too_many_codes");
}

#[tokio::test]
async fn a_bad_parameter_stops_the_start_and_is_named() {
    for (name, value) in [
        ("CODE_LENGTH", "3"),
        ("CODE_LENGTH", "four"),
        ("CODES_PER_PHONE_DAY", "51"),
        ("ACCESS_TTL", "-1"),
        ("REQUIRE_CHALLENGE", "yes"),
        ("DEFAULT_REGION", "RUS"),
        ("TRUSTED_PROXY", "X-Forwarded-For"),
        ("TRUSTED_PROXY", "no header"),
        ("EXTRA_NUMBER_RANGES", "+7995"),
        ("PUBLIC_URL", "example.com"),
        ("APP_LINK_WEB", "not an address"),
        ("SMS_PROVIDER", "pigeon"),
        ("SMS_DELAY_MS", "soon"),
        ("PEPPER_SECRET", " , "),
        ("PEPPER_SECRET", "x"),
        ("SIGNING_SECRET", "pretty-long-enough,too-short"),
    ] {
        let app = App::new().await;
        let Err(error) = app.functions_with(&[(name, value)]).await else { panic!("{name}={value} starts") };
        assert!(error.to_string().starts_with(name), "{name}={value}: {error}");
    }
}

/// An endpoint with nothing to say, as signing out will be.
#[derive(schemars::JsonSchema)]
struct Quiet;

impl Endpoint for Quiet {
    const ROUTE: Route = Route::post("/quiet/{name}");
    const PROBLEMS: &'static [Code] = &[];

    type Caller = Anyone;
    type Path = Named;
    type Query = Nothing;
    type Body = Nothing;
    type Output = NoContent;
    type Needs = ();

    async fn call((): &(), request: latchkey::endpoint::Request<Self>) -> Result<NoContent, Problem> {
        assert_eq!(request.path.name, "a name");
        Ok(NoContent)
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Named {
    name: String,
}

#[tokio::test]
async fn an_endpoint_may_have_nothing_to_say() {
    let declared = Declaration::of::<Quiet>();
    assert_eq!((declared.status.as_u16(), declared.needs_token), (204, false));
    assert!(declared.media_types.is_empty());
    assert_eq!(declared.problems, []);

    let app = App::new().await;
    let function = Function::<Mount>::new("quiet").endpoint::<Quiet>();
    let handler = function.build(&app.setup("quiet")).await.unwrap();
    let route = declared.route.to_string();
    let event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/quiet/a name",
        "pathParameters": { "name": "a name" },
        "requestContext": {
            "requestId": "r1",
            "routeKey": route,
            "http": { "method": "POST", "sourceIp": "203.0.113.77" },
        },
    });
    let answer = answer(&Arc::new(handler), &event).await;
    assert_eq!((&answer["statusCode"], answer["body"].as_str().unwrap_or_default()), (&json!(204), ""));
    assert_eq!(answer["headers"]["x-request-id"], "r1");
    assert!(app.faults.asked().is_empty());
}

/// A data folder of another version is told apart, before anything goes wrong.
#[tokio::test]
async fn tables_of_another_version_stop_the_start() {
    let app = App::new().await;
    let client = app.setup("tests").dynamodb();
    // There already, and as they should be.
    latchkey_local::tables::create(&client, &app.vars).await.unwrap();
    let vars = app.vars.clone().with("USERS_TABLE", "SessionsTable");
    let error = latchkey_local::tables::create(&client, &vars).await.unwrap_err();
    let words = latchkey::base::error::Chain(&error).to_string();
    assert!(words.starts_with("UsersTable has other indexes: ") && words.contains("--data-dir"), "{words}");
}

/// Each address on the first page answers, and what people type with a slash leads to its page.
#[tokio::test]
async fn the_first_page_says_what_is_where() {
    let app = App::new().await;
    let page = app.raw(Method::GET, "/", None, vec![]).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let html = String::from_utf8(page.body).unwrap();
    let places: Vec<_> = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(places, ["local", "docs", "redoc", "openapi.json", "admin", "health"]);
    // The inbox is the laptop's, and no route of the functions.
    for place in &places[1..] {
        let answer = app.raw(Method::GET, &format!("/{place}"), None, vec![]).await;
        assert_eq!(answer.status, 200, "{place}");
    }
    for page in ["docs", "swagger", "redoc", "admin"] {
        let moved = app.raw(Method::GET, &format!("/{page}/"), None, vec![]).await;
        assert_eq!((moved.status, moved.header("location")), (308, &*format!("../{page}")));
        app.raw(Method::GET, &format!("/{page}//"), None, vec![]).await.problem(404, "not_found");
        let posted = app.raw(Method::POST, &format!("/{page}/"), None, vec![]).await;
        posted.problem(404, "not_found");
    }
}

/// Monitors and previews of links ask by HEAD, and are told what GET would tell.
#[tokio::test]
async fn what_anyone_may_get_is_answered_to_head() {
    let app = App::with(&[("IOS_APP_IDS", "ABCDE12345.com.example.app")]).await;
    let alice = app.sign_in(&phone(1)).await;
    let picture = include_bytes!("one-pixel.png").to_vec();
    let put = app.raw(Method::PUT, "/v1/users/me/avatar", Some(&alice.token), picture).await.ok(200);
    let avatar = put["avatar_url"].as_str().unwrap().replace("https://api.example.com", "");
    for path in [
        "/",
        "/health",
        "/admin",
        "/docs",
        "/docs/",
        "/openapi.json",
        "/i/K5J3RW",
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/.well-known/apple-app-site-association",
        "/v1/avatars/none",
        &avatar,
    ] {
        let get = app.raw(Method::GET, path, None, vec![]).await;
        let head = app.raw(Method::HEAD, path, None, vec![]).await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in ["content-type", "cache-control", "content-security-policy", "location"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}
