//! The simulation is tested too.

use std::collections::BTreeSet;

use http::HeaderMap;
use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::run::run;
use crate::stories::{ADMIN, Action, Step, Story};
use crate::weather::Weather;
use crate::{described, dynamo, model, shrink};

/// What each route of the API is asked by: an action of a story.
const ROUTES: &[(&str, &str)] = &[
    ("POST /v1/auth/code", "Ask"),
    ("POST /v1/auth/token", "Enter"),
    ("POST /v1/auth/refresh", "Refresh"),
    ("POST /v1/auth/logout", "SignOut"),
    ("GET /v1/users/{user_id}/sessions", "SeeSessions"),
    ("DELETE /v1/users/{user_id}/sessions/{session_id}", "Revoke"),
    ("POST /v1/auth/passkey/options", "EnterPasskey"),
    ("POST /v1/auth/passkey", "EnterPasskey"),
    ("POST /v1/users/me/passkeys/options", "AddPasskey"),
    ("POST /v1/users/me/passkeys", "AddPasskey"),
    ("GET /v1/users/{user_id}/passkeys", "SeePasskeys"),
    ("PATCH /v1/users/{user_id}/passkeys/{passkey_id}", "NamePasskey"),
    ("DELETE /v1/users/{user_id}/passkeys/{passkey_id}", "RemovePasskey"),
    ("GET /v1/users/{user_id}", "See"),
    ("PATCH /v1/users/{user_id}", "Change"),
    ("DELETE /v1/users/{user_id}", "Delete"),
    ("PUT /v1/users/me/phone", "Move"),
    ("PUT /v1/users/me/avatar", "Upload"),
    ("GET /v1/avatars/{avatar_id}", "SeeAvatar"),
    ("PUT /v1/users/me/referrer", "EnterInvite"),
    ("GET /v1/users/{user_id}/referrals", "SeeReferrals"),
    ("GET /v1/users/me/export", "Export"),
    ("PATCH /v1/users/{user_id}/invite", "Manage"),
    ("GET /v1/users", "List"),
    ("GET /v1/stats", "SeeStats"),
    ("GET /v1/guard", "SeeGuard"),
    ("DELETE /v1/guard/{place}", "OpenPlace"),
    ("GET /v1/audit", "SeeAudit"),
    ("POST /v1/support/phones", "LookUp"),
    ("DELETE /v1/support/phones/limits", "Lift"),
    ("PUT /v1/users/{user_id}/recovery", "Recover"),
    ("GET /v1/users/{user_id}/recovery", "SeeRecovery"),
    ("DELETE /v1/users/{user_id}/recovery", "StopRecovery"),
    ("GET /.well-known/jwks.json", "Fetch"),
    ("GET /.well-known/openid-configuration", "Fetch"),
    ("GET /.well-known/apple-app-site-association", "Fetch"),
    ("GET /.well-known/assetlinks.json", "Fetch"),
    ("GET /health", "Fetch"),
    ("GET /openapi.json", "Fetch"),
    ("GET /docs", "Fetch"),
    ("GET /docs/{version}/{file}", "Fetch"),
    ("GET /swagger", "Fetch"),
    ("GET /redoc", "Fetch"),
    ("GET /admin", "Fetch"),
    ("GET /admin/{version}/{file}", "Fetch"),
    ("GET /i/{invite_code}", "Fetch"),
    ("GET /", "Fetch"),
];

#[test]
fn a_seed_is_one_run() {
    let story = Story::draw(7, 100);
    let (one, other) = (run(&story, true), run(&story, true));
    if one.trace != other.trace {
        let differ = one.diary.lines().zip(other.diary.lines()).find(|(one, other)| one != other);
        panic!("it is two runs: {differ:?}");
    }
    assert_ne!(run(&Story::draw(1, 20), false).trace, run(&Story::draw(2, 20), false).trace);
}

/// An action of the API without a story is one that no run ever tries.
#[test]
fn every_route_has_a_story() {
    let document: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, of)| {
            of.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let told: BTreeSet<_> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    assert_eq!(told, described);
    let drawn: BTreeSet<_> = (0..60)
        .flat_map(|seed| Story::draw(seed, 200).steps)
        .map(|step| format!("{:?}", step.action).split([' ', '{']).next().unwrap().to_owned())
        .collect();
    for (route, action) in ROUTES {
        assert!(drawn.contains(*action), "{route} is asked by {action}, which no story has");
    }
}

/// What staff may do to others is another path than what people do to themselves.
#[test]
fn what_may_be_done_to_another_is_done_to_another() {
    let name = |action: &Action| format!("{action:?}").split([' ', '{']).next().unwrap().to_owned();
    let steps: Vec<_> = (0..60).flat_map(|seed| Story::draw(seed, 200).steps).collect();
    let about_another =
        |step: &&Step| step.who == ADMIN && step.action.whom().is_some_and(|whom| whom != ADMIN);
    let drawn: BTreeSet<_> = steps.iter().filter(about_another).map(|step| name(&step.action)).collect();
    // A profile's fields are one's own, its role and status are not; nor is a passkey's name.
    let of_oneself = "PATCH /v1/users/{user_id}/passkeys/{passkey_id}";
    for (route, action) in ROUTES {
        if route.contains("{user_id}") && *route != of_oneself {
            let action = if *action == "Change" { "SetRole" } else { action };
            assert!(drawn.contains(action), "{route} is asked for oneself alone");
        }
    }
}

#[test]
fn a_story_is_cut_down_to_what_it_takes() {
    let story = Story::draw(3, 200);
    let is_ask = |action: &Action| matches!(action, Action::SignIn { .. });
    let first = story.steps.iter().position(|step| is_ask(&step.action)).unwrap();
    let breaks = |story: &Story| {
        let asks = story.steps.iter().filter(|step| is_ask(&step.action)).count();
        asks >= 2 && story.steps.iter().any(|step| step.nonce == Story::draw(3, 200).steps[first].nonce)
    };
    let short = shrink::shrink_by(&story, 1_000, breaks);
    assert_eq!(short.steps.len(), 2);
    assert!(short.weather.chances.is_empty());
}

/// What is left of a story does what it did in the whole of it.
#[test]
fn a_calm_day_breaks_nothing() {
    let story = Story { weather: Weather::calm(), ..Story::draw(5, 150) };
    let outcome = run(&story, false);
    assert_eq!(outcome.violation, None);
    assert!(outcome.requests > 50);
    let successes: u32 =
        outcome.answers.iter().filter(|(name, _)| name.contains(" 20")).map(|(_, times)| times).sum();
    assert!(successes > 25, "{:?}", outcome.answers);
}

#[test]
fn windows_are_judged_to_the_millisecond() {
    assert!(model::fits(&[0, 60, 120], 1, 60));
    assert!(!model::fits(&[0, 59], 1, 60));
    assert!(model::fits(&[0, 1, 60, 61], 2, 60));
    assert!(!model::fits(&[0, 1, 59], 2, 60));
    assert!(model::fits(&[0, 0, 0], 0, 60), "no limit");
}

#[test]
fn what_the_real_dynamodb_refuses_is_refused() {
    let update = |key: &str| json!({ "TableName": "UsersTable", "Key": { "pk": { "S": key } } });
    let of = |keys: &[String]| {
        let parts: Vec<_> = keys.iter().map(|key| json!({ "Update": update(key) })).collect();
        json!({ "ClientRequestToken": "token", "TransactItems": parts })
    };
    let refusal = |keys: &[String]| dynamo::refusal("TransactWriteItems", &of(keys));
    let keys = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(refusal(&keys(100)), None);
    assert!(refusal(&keys(101)).unwrap().contains("101 actions"));
    assert!(refusal(&["one".to_owned(), "one".to_owned()]).unwrap().contains("twice"));
    assert!(refusal(&[String::new()]).unwrap().contains("0 bytes"));
    assert!(refusal(&["x".repeat(2_049)]).unwrap().contains("2049 bytes"));

    let mut long = update("one");
    long["UpdateExpression"] = "x".repeat(4_097).into();
    assert!(dynamo::refusal("UpdateItem", &long).unwrap().contains("4097 bytes"));
    let put = |size: usize| json!({ "TableName": "UsersTable", "Item": { "pk": { "S": "one" }, "a": { "S": "x".repeat(size) } } });
    assert_eq!(dynamo::refusal("PutItem", &put(409_594)), None);
    assert!(dynamo::refusal("PutItem", &put(409_595)).unwrap().contains("409601 bytes"));
    let query = json!({
        "TableName": "UsersTable",
        "KeyConditionExpression": "created_in = :value AND created_at_key < :after",
        "ExpressionAttributeValues": { ":value": { "S": "m" }, ":after": { "S": "x".repeat(1_025) } },
    });
    assert!(dynamo::refusal("Query", &query).unwrap().contains("1025 bytes"));
}

/// Another status, media type, member or value would be found, in any build.
#[test]
fn an_answer_that_is_not_described_is_found() {
    let check = |status, media_type: &str, body: &Value| {
        let headers = HeaderMap::from_iter([("content-type".parse().unwrap(), media_type.parse().unwrap())]);
        let answer = Answer { status, headers, body: body.clone() };
        let call = Call::to("PATCH /v1/users/{user_id}/invite");
        described::check(&call, &answer).map_err(|violation| violation.rule)
    };
    let (found, json) = (Err("not_described"), "application/json");
    let invite = json!({
        "invite_code": "7Q2M4X", "max_uses": 1, "expires_at": null, "revoked": false, "uses": 0,
    });
    let with = |name: &str, value: Value| {
        let mut other = invite.clone();
        other[name] = value;
        other
    };
    assert_eq!(check(200, json, &invite), Ok(()));
    assert_eq!(check(200, json, &with("expires_at", "2026-12-31T23:59:59Z".into())), Ok(()));
    assert_eq!(check(202, json, &invite), found);
    assert_eq!(check(200, "application/problem+json", &invite), found);
    assert_eq!(check(200, json, &with("uses", "none".into())), found);
    assert_eq!(check(200, json, &with("expires_at", "tomorrow".into())), found);
    assert_eq!(check(200, json, &json!({ "invite_code": "7Q2M4X" })), found);
    let problem = json!({
        "type": "https://api.example.com/docs#user_not_found", "title": "t", "status": 404, "detail": "d",
        "code": "user_not_found", "request_id": "r",
    });
    assert_eq!(check(404, "application/problem+json", &problem), Ok(()));
    assert_eq!(check(403, "application/problem+json", &problem), found);
}
