//! Malformed input at every endpoint that takes a body: 4xx, never 5xx.

use http::Method;
use latchkey::endpoint::declaration::Declaration;
use latchkey::endpoint::function::Function;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::app::{App, Person, phone};
use crate::trials::trials;

/// The one endpoint that needs no body and no field; it comes last, since what
/// it understands it does.
const SIGN_OUT: &str = "/v1/auth/logout";

/// Every endpoint that takes a body, with a body that it would take.
fn endpoints(person: &Person) -> Vec<(Method, &'static str, Option<&str>, Value)> {
    let token = Some(person.token.as_str());
    let response = json!({ "clientDataJSON": "e30", "attestationObject": "oA", "signature": "" });
    let credential = json!({ "id": "AA", "rawId": "AA", "type": "public-key", "response": response });
    let passkey = json!({ "challenge_id": "lkc.1.2.3", "credential": credential });
    let known = vec![
        (Method::POST, "/v1/auth/code", None, json!({ "phone": phone(9) })),
        (Method::POST, "/v1/auth/token", None, json!({ "phone": phone(9), "code": "0000" })),
        (Method::POST, "/v1/auth/refresh", None, json!({ "refresh_token": "lkr.x" })),
        (Method::PUT, "/v1/users/me/referrer", token, json!({ "invite_code": "ZZZZZZ" })),
        (Method::PUT, "/v1/users/me/phone", token, json!({ "phone": phone(9), "code": "0000" })),
        (
            Method::PATCH,
            "/v1/users/me",
            token,
            json!({ "email": "a@example.com", "city": "Omsk", "telegram_id": "@alice" }),
        ),
        (Method::PUT, "/v1/users/me/recovery", token, json!({ "phone": phone(9) })),
        (
            Method::PATCH,
            "/v1/users/me/invite",
            token,
            json!({ "max_uses": 1, "expires_at": "2030-01-01T00:00:00Z", "revoked": false, "redraw": false }),
        ),
        (Method::POST, "/v1/auth/passkey", None, passkey.clone()),
        (Method::POST, "/v1/users/me/passkeys", token, passkey),
        (Method::PATCH, "/v1/users/me/passkeys/mV0Jx3YkQ2e1yq0TgH5b7A", token, json!({ "name": "Phone" })),
        (Method::POST, "/v1/support/phones", token, json!({ "phone": phone(9) })),
        (Method::DELETE, "/v1/support/phones/limits", token, json!({ "phone": phone(9) })),
        (Method::POST, SIGN_OUT, token, json!({ "scope": "local" })),
    ];
    let declared = latchkey_local::functions::all::<Declaration>();
    let with_body =
        declared.iter().flat_map(Function::declarations).filter(|of| of.media_types == ["application/json"]);
    assert_eq!(with_body.count(), known.len(), "an endpoint with a body is missing here");
    known
}

#[tokio::test]
async fn the_bodies_that_broke_what_came_before() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    for (method, path, token, _) in endpoints(&alice) {
        let send = |body: Vec<u8>| app.raw(method.clone(), path, token, body);
        if path != SIGN_OUT {
            send(Vec::new()).await.problem(400, "malformed_json");
        }
        for not_json in ["{", "nul", "{\"phone\":}", "\u{feff}{}", "{}{}", "[1,]", "'x'"] {
            let answer = send(not_json.as_bytes().to_vec()).await;
            answer.problem(400, "malformed_json");
        }
        send(vec![0xff, 0xfe]).await.problem(400, "malformed_json");
        send("[".repeat(60_000).into_bytes()).await.problem(400, "malformed_json");
        send("[".repeat(100_000).into_bytes()).await.problem(413, "body_too_large");
        send(format!("{{\"phone\":{}", "[".repeat(60_000)).into_bytes()).await.problem(400, "malformed_json");
        for not_an_object in ["[]", "null", "\"str\"", "1", "true", "[{}]"] {
            let problem = send(not_an_object.as_bytes().to_vec()).await.problem(422, "invalid_request");
            assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
        }
        if path != SIGN_OUT && method != Method::PATCH {
            send(b"{}".to_vec()).await.problem(422, "invalid_request");
        }
        for size in [5_000_000, 10_000_000] {
            let body = format!("{{\"phone\":\"{}\"}}", "9".repeat(size));
            send(body.into_bytes()).await.problem(413, "body_too_large");
        }
    }
}

#[tokio::test]
async fn every_field_of_another_kind_is_named() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    for (method, path, token, body) in endpoints(&alice) {
        for field in body.as_object().unwrap().keys() {
            for value in
                [json!(79_000_000_001_u64), json!(null), json!([]), json!({}), json!(true), json!(1e308)]
            {
                let clears = value.is_null() && method == Method::PATCH;
                let is_its_kind = (value.is_boolean() && body[field].is_boolean())
                    || (value.is_object() && body[field].is_object())
                    || (value.is_u64() && field == "telegram_id");
                if clears || is_its_kind {
                    continue;
                }
                let mut body = body.clone();
                body[field] = value;
                let answer = app.raw(method.clone(), path, token, body.to_string().into_bytes()).await;
                let problem = answer.problem(422, "invalid_request");
                assert_eq!(problem["errors"][0]["field"], *field, "{path} {body}");
            }
        }
    }
}

/// JSON of any shape, our own field names among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        "[+0-9 ()-]{0,20}".prop_map(Value::from),
        "[0-9A-Za-z]{6}".prop_map(Value::from),
        Just(json!(phone(9))),
        Just(json!("a\u{0}b\r\n")),
    ];
    let key = prop_oneof![
        3 => prop::sample::select(vec![
            "phone", "code", "region", "purpose", "challenge_id", "invite_code", "device", "locale", "app_hash",
            "refresh_token", "scope", "email", "city", "telegram_id", "role", "status", "name", "credential",
            "response"
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            4 => prop::collection::btree_map(key.clone(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn no_json_and_no_bytes_give_a_500() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Without cooldown and caps, so that more than the limits is reached.
    let off = [
        "RESEND_COOLDOWN",
        "CODES_PER_PHONE_HOUR",
        "CODES_PER_PHONE_DAY",
        "MAX_ATTEMPTS",
        "GUESSES_PER_PHONE_DAY",
    ];
    let (app, alice) = runtime.block_on(async {
        let app = App::with(&off.map(|name| (name, "0"))).await;
        let alice = app.sign_in(&phone(1)).await;
        (app, alice)
    });
    let check = |body: Vec<u8>| {
        for (method, path, token, _) in endpoints(&alice) {
            let answer = runtime.block_on(app.raw(method, path, token, body.clone()));
            prop_assert!(answer.status < 500, "{path}: {}", answer.status);
            if answer.status >= 400 {
                answer.check_problem();
            }
        }
        Ok(())
    };
    let mut runner =
        TestRunner::new(Config { cases: trials(), failure_persistence: None, ..Config::default() });
    runner.run(&any_json(), |value| check(value.to_string().into_bytes())).unwrap();
    runner.run(&prop::collection::vec(any::<u8>(), 0..200), check).unwrap();
}

#[tokio::test]
async fn no_path_no_query_and_no_header_give_a_500() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    for path in [
        "/v1/users/%00",
        "/v1/users/%ff%fe",
        "/v1/users/..%2f..",
        "/v1/users/%F0%9F%94%91/referrals",
        "/v1/users/%00/sessions",
        "/v1/users/me/referrals?limit",
        "/v1/users/me/referrals?cursor=%ff",
        "/v1/users/me/referrals?&&==",
        "/v1/users/me/referrals?limit=1&limit=2",
        "/i/%00",
        "/i/%F0%9F%94%91",
        "/%",
        "/%zz",
    ] {
        let answer = app.get(path, &alice.token).await;
        assert!((400..500).contains(&answer.status) || answer.status == 200, "{path}: {}", answer.status);
    }
    let long = format!("/v1/users/{}", "x".repeat(5_000));
    app.get(&long, &alice.token).await.problem(403, "forbidden");
    let request = http::Request::get("/v1/users/me")
        .header("authorization", http::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap());
    let answer = app.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 401);
}
