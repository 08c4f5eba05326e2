//! Sessions: refreshing, signing out, devices, and what ends at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use latchkey::endpoint::declaration::Declaration;
use latchkey::endpoint::function::Function;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Answer, App, FREE, Person, phone};
use crate::faults::Fault;
use crate::trials::trials_of;

async fn sessions(app: &App, token: &str) -> Vec<Value> {
    let answer = app.get("/v1/users/me/sessions", token).await.ok(200);
    assert_eq!(answer["cursor"], Value::Null);
    answer["items"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Another device of somebody who is signed in already.
async fn another_device(app: &App, phone: &str, device: &str) -> Person {
    app.clock.advance(60);
    let code = app.code_for(phone).await;
    let body = json!({ "phone": phone, "code": code, "device": device });
    let answer = app.post("/v1/auth/token", body).await.ok(200);
    Person {
        id: text(&answer["user"]["id"]),
        invite_code: text(&answer["user"]["invite_code"]),
        token: text(&answer["access_token"]),
        refresh: text(&answer["refresh_token"]),
    }
}

async fn revoke(app: &App, token: &str, user: &str, session: &str) -> Answer {
    app.raw(Method::DELETE, &format!("/v1/users/{user}/sessions/{session}"), Some(token), vec![]).await
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair() {
    let app = App::new().await;
    let code = app.code_for(&phone(1)).await;
    let first = app.exchange(&phone(1), &code).await.ok(200);
    assert_eq!((&first["expires_in"], &first["refresh_expires_in"]), (&json!(900), &json!(31_536_000)));
    app.clock.advance(3_600);
    let second = app.refresh(first["refresh_token"].as_str().unwrap()).await.ok(200);
    assert_eq!(second["token_type"], "Bearer");
    assert_eq!((&second["expires_in"], &second["refresh_expires_in"]), (&json!(900), &json!(31_536_000)));
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert!(second.get("user").is_none() && second.get("is_new").is_none());
    app.get("/v1/users/me", second["access_token"].as_str().unwrap()).await.ok(200);
}

/// Fifty at once, half of the trials with lost answers: one new token. To refresh is
/// cheap, so there are as many trials as of twenty.
#[tokio::test(flavor = "multi_thread")]
async fn of_50_refreshes_at_once_all_get_one_new_token() {
    let app = Arc::new(App::with(&[("REVEAL_CODE", "true")]).await);
    for trial in 0..trials_of(20) {
        let alice = app.sign_in(&phone(trial)).await;
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for _ in 0..50 {
            let (app, token) = (Arc::clone(&app), alice.refresh.clone());
            racers.spawn(async move { app.refresh(&token).await });
        }
        let answers = racers.join_all().await;
        app.faults.calm();
        let mut new = BTreeSet::new();
        for answer in answers.iter().filter(|answer| answer.status != 503) {
            new.insert(text(&answer.ok(200)["refresh_token"]));
        }
        assert!(new.len() <= 1, "trial {trial}: {} tokens", new.len());
        assert!(trial % 2 == 1 || answers.iter().all(|answer| answer.status == 200), "trial {trial}");
        if let Some(new) = new.first() {
            app.refresh(new).await.ok(200);
        }
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_refresh_is_found_again() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    app.faults.next("UpdateItem", Fault::AppliedThenTimeout);
    let new = text(&app.refresh(&alice.refresh).await.ok(200)["refresh_token"]);
    assert!(app.faults.all_met());
    app.refresh(&new).await.ok(200);
    // Not known at all: asking again gets the one new token.
    app.faults.every_try("UpdateItem", Fault::AppliedThenTimeout);
    app.refresh(&new).await.problem(503, "outcome_unknown");
    app.faults.forget();
    let repeated = text(&app.refresh(&new).await.ok(200)["refresh_token"]);
    app.refresh(&repeated).await.ok(200);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_refreshed_and_at_its_absolute_end() {
    let app = App::with(&[("REFRESH_TTL", "1000"), ("SESSION_TTL", "2500")]).await;
    let alice = app.sign_in(&phone(1)).await;
    app.clock.advance(999);
    let answer = app.refresh(&alice.refresh).await.ok(200);
    assert_eq!(answer["refresh_expires_in"], 1_000);
    app.clock.advance(999);
    let answer = app.refresh(answer["refresh_token"].as_str().unwrap()).await.ok(200);
    assert_eq!(answer["refresh_expires_in"], 502, "no longer than the session");
    app.clock.advance(502);
    app.refresh(answer["refresh_token"].as_str().unwrap()).await.problem(401, "invalid_refresh_token");
    app.get("/v1/users/me", answer["access_token"].as_str().unwrap()).await.problem(401, "session_ended");

    let bob = app.sign_in(&phone(2)).await;
    app.clock.advance(1_000);
    app.refresh(&bob.refresh).await.problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn lifetimes_of_zero_are_for_ever() {
    let app = App::with(&[("REFRESH_TTL", "0"), ("SESSION_TTL", "0")]).await;
    let alice = app.sign_in(&phone(1)).await;
    app.clock.advance(10 * 365 * 86_400);
    app.refresh(&alice.refresh).await.ok(200);
    let error = app.functions_with(&[("REFRESH_TTL", "899")]).await.err().unwrap().to_string();
    assert!(error.starts_with("REFRESH_TTL: "), "{error}");
}

#[tokio::test]
async fn nothing_stored_can_be_played_back() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    app.refresh(&alice.refresh).await.ok(200);
    let secret = alice.refresh.rsplit('.').next().unwrap();
    let written = app.faults.asked();
    assert!(written.iter().any(|asked| asked.operation == "UpdateItem"));
    for asked in written {
        assert!(!asked.input.to_string().contains(secret), "{}", asked.operation);
    }
}

#[tokio::test]
async fn devices_are_listed_and_one_is_current() {
    let app = App::new().await;
    let alice = another_device(&app, &phone(1), "Alice’s phone").await;
    let tablet = another_device(&app, &phone(1), "tablet").await;
    app.clock.advance(10);
    let body = json!({ "refresh_token": alice.refresh });
    let token =
        text(&app.post_from("2001:db8:aa:bb::1", "/v1/auth/refresh", &body).await.ok(200)["access_token"]);
    let listed = sessions(&app, &token).await;
    assert_eq!(listed.len(), 2);
    let (newest, own) = (&listed[0], &listed[1]);
    assert_eq!((&newest["device"], &newest["current"]), (&json!("tablet"), &json!(false)));
    assert_eq!((&own["device"], &own["current"]), (&json!("Alice’s phone"), &json!(true)));
    assert_eq!((&newest["ip"], &own["ip"]), (&json!("203.0.113.0/24"), &json!("2001:db8:aa::/48")));
    assert_eq!(newest["created_at"], newest["last_seen_at"]);
    assert_eq!(own["created_at"], "2026-11-21T01:26:52Z");
    assert_eq!(own["last_seen_at"], "2026-11-21T01:28:02Z");
    assert!(own["id"].is_string());

    // The other is revoked by its id, once.
    let id = text(&newest["id"]);
    assert_eq!(revoke(&app, &token, "me", &id).await.status, 204);
    revoke(&app, &token, "me", &id).await.problem(404, "session_not_found");
    app.get("/v1/users/me", &tablet.token).await.problem(401, "session_ended");
    app.refresh(&tablet.refresh).await.problem(401, "invalid_refresh_token");
    assert_eq!(sessions(&app, &token).await.len(), 1);
    for unknown in ["", "x", "00-0-0", "07-0-ab", "%00"] {
        let answer = revoke(&app, &token, "me", unknown).await;
        assert_eq!(answer.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_revocation_is_success() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    another_device(&app, &phone(1), "tablet").await;
    let id = text(&sessions(&app, &alice.token).await[0]["id"]);
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    assert_eq!(revoke(&app, &alice.token, "me", &id).await.status, 204);
    assert!(app.faults.all_met());
}

#[tokio::test]
async fn admins_look_after_the_sessions_of_others() {
    let app = App::new().await;
    let (alice, admin) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let path = format!("/v1/users/{}/sessions", alice.id);
    app.get(&path, &admin.token).await.problem(403, "forbidden");
    for (role, status) in [(":moderator", 403), (":admin", 200)] {
        app.set_user(&admin.id, &format!("SET #role = {role}")).await;
        assert_eq!(app.get(&path, &admin.token).await.status, status);
    }
    let listed = app.get(&path, &admin.token).await.ok(200);
    assert_eq!(listed["items"][0]["current"], false);
    let id = text(&listed["items"][0]["id"]);
    let bob = app.sign_in(&phone(3)).await;
    revoke(&app, &bob.token, &alice.id, &id).await.problem(403, "forbidden");
    app.set_user(&bob.id, "SET #role = :moderator").await;
    revoke(&app, &bob.token, &alice.id, &id).await.problem(403, "forbidden");
    assert_eq!(revoke(&app, &admin.token, &alice.id, &id).await.status, 204);
    app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");
    app.get("/v1/users/nobody/sessions", &admin.token).await.problem(404, "user_not_found");
    revoke(&app, &admin.token, "nobody", &id).await.problem(404, "user_not_found");
    revoke(&app, &alice.token, &admin.id, &id).await.problem(401, "session_ended");
}

#[tokio::test]
async fn a_21st_device_displaces_the_one_least_lately_seen() {
    let app = App::with(FREE).await;
    let mut devices = Vec::new();
    for n in 0..20 {
        devices.push(another_device(&app, &phone(1), &n.to_string()).await);
    }
    assert_eq!(sessions(&app, &devices[19].token).await.len(), 20);
    app.clock.advance(1);
    app.refresh(&devices[0].refresh).await.ok(200);
    let last = another_device(&app, &phone(1), "one too many").await;
    let names: BTreeSet<_> =
        sessions(&app, &last.token).await.iter().map(|session| text(&session["device"])).collect();
    assert_eq!(names.len(), 20);
    assert!(!names.contains("1") && names.contains("0"), "{names:?}");
    app.refresh(&devices[1].refresh).await.problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn signing_out_is_for_this_device_the_others_or_all() {
    let app = App::with(&[("RESEND_COOLDOWN", "0"), ("CODES_PER_PHONE_HOUR", "0")]).await;
    let one = app.sign_in(&phone(1)).await;
    let two = another_device(&app, &phone(1), "two").await;
    let three = another_device(&app, &phone(1), "three").await;
    let is_on = async |person: &Person| app.get("/v1/users/me", &person.token).await.status == 200;

    // Without a body: this one. Once more: it is over, as was asked.
    for _ in 0..2 {
        assert_eq!(app.raw(Method::POST, "/v1/auth/logout", Some(&one.token), vec![]).await.status, 204);
    }
    assert!(!is_on(&one).await && is_on(&two).await && is_on(&three).await);
    app.refresh(&one.refresh).await.problem(401, "invalid_refresh_token");

    for _ in 0..2 {
        assert_eq!(app.sign_out(&two.token, "others").await.status, 204);
    }
    assert!(is_on(&two).await && !is_on(&three).await);
    // Of the same epoch, and over: it ends nobody else.
    app.sign_out(&three.token, "global").await.problem(401, "session_ended");
    assert!(is_on(&two).await);

    let four = another_device(&app, &phone(1), "four").await;
    for _ in 0..2 {
        assert_eq!(app.sign_out(&two.token, "global").await.status, 204);
    }
    assert!(!is_on(&two).await && !is_on(&four).await);
    app.refresh(&four.refresh).await.problem(401, "invalid_refresh_token");

    // Whoever was signed out signs nobody out.
    let five = another_device(&app, &phone(1), "five").await;
    for scope in ["others", "global"] {
        app.sign_out(&three.token, scope).await;
        app.sign_out(&four.token, scope).await;
        assert!(is_on(&five).await, "{scope}");
    }
    app.sign_out(&three.token, "others").await.problem(401, "session_ended");
}

#[tokio::test]
async fn a_refresh_token_signs_out_where_the_access_token_has_expired() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    app.clock.advance(1_000);
    app.sign_out(&alice.token, "local").await.problem(401, "invalid_token");
    app.post("/v1/auth/logout", json!({})).await.problem(401, "missing_token");
    app.post("/v1/auth/logout", json!({ "refresh_token": "lkr.x" }))
        .await
        .problem(401, "invalid_refresh_token");
    let body = json!({ "refresh_token": alice.refresh });
    for _ in 0..2 {
        assert_eq!(app.post("/v1/auth/logout", body.clone()).await.status, 204);
    }
    app.refresh(&alice.refresh).await.problem(401, "invalid_refresh_token");
    app.post("/v1/auth/logout", json!({ "scope": "galaxy" })).await.problem(422, "invalid_request");
}

#[tokio::test]
async fn a_lost_answer_of_signing_out_is_success() {
    let app = App::new().await;
    for (scope, operation) in
        [("local", "UpdateItem"), ("others", "TransactWriteItems"), ("global", "TransactWriteItems")]
    {
        let alice = another_device(&app, &phone(1), "one").await;
        let other = another_device(&app, &phone(1), "two").await;
        app.faults.next(operation, Fault::AppliedThenTimeout);
        assert_eq!(app.sign_out(&alice.token, scope).await.status, 204, "{scope}");
        assert!(app.faults.all_met());
        let on = async |person: &Person| app.get("/v1/users/me", &person.token).await;
        assert_eq!(on(&alice).await.status == 200, scope == "others");
        assert_eq!(on(&other).await.status == 200, scope == "local");
        app.clock.advance(3_600);
    }
}

/// Guarantee 7, as one table: each way to be shut out, at each endpoint that
/// takes an access token, with every read that is not consistent finding
/// nothing of the last write.
#[tokio::test]
async fn who_is_shut_out_is_shut_out_everywhere_at_once() {
    let app = App::new().await;
    app.faults.stale_reads();
    let admin = app.sign_in(&phone(1)).await;
    app.set_user(&admin.id, "SET #role = :admin").await;
    let mut cells = 0;
    let ways = ["revoked", "signed out", "signed out everywhere", "stolen", "banned", "deleted"];
    for (n, way) in (2..).zip(ways) {
        let out = app.sign_in(&phone(n)).await;
        app.me(&out).await;
        let mut expected = (401, "session_ended");
        match way {
            "revoked" => {
                let id = text(&sessions(&app, &out.token).await[0]["id"]);
                assert_eq!(revoke(&app, &admin.token, &out.id, &id).await.status, 204);
            }
            "signed out" => assert_eq!(app.sign_out(&out.token, "local").await.status, 204),
            "signed out everywhere" => assert_eq!(app.sign_out(&out.token, "global").await.status, 204),
            "stolen" => app.present_stolen(&out.refresh).await,
            "banned" => {
                app.set_user(&out.id, "SET #status = :banned, epoch = epoch + :one").await;
                expected = (403, "account_banned");
            }
            _ => app.lose_user(&out.id).await,
        }
        for function in latchkey_local::functions::all::<Declaration>() {
            for declaration in function.declarations().filter(|declaration| declaration.needs_token) {
                let answer = call(&app, &out.token, &declaration.route.to_string()).await;
                answer.problem(expected.0, expected.1);
                cells += 1;
            }
        }
        let refreshed = app.refresh(&out.refresh).await;
        if way == "banned" {
            refreshed.problem(403, "account_banned");
        } else {
            refreshed.problem(401, "invalid_refresh_token");
        }
        // Signing out is no way back in: it tells what is so, and does nothing.
        let all_are_over = !matches!(way, "revoked" | "signed out" | "stolen");
        let others = if way == "banned" { 403 } else { 401 };
        for (scope, status) in
            [("local", 204), ("others", others), ("global", if all_are_over { 204 } else { 401 })]
        {
            assert_eq!(app.sign_out(&out.token, scope).await.status, status, "{way}, {scope}");
        }
        app.me(&admin).await;
    }
    let declared = latchkey_local::functions::all::<Declaration>();
    let with_token = declared.iter().flat_map(Function::declarations).filter(|of| of.needs_token).count();
    assert!(with_token >= 5);
    assert_eq!(cells, ways.len() * with_token);
}

/// A call of a route that would be let in: about oneself, with a good body.
pub(crate) async fn call(app: &App, token: &str, route: &str) -> Answer {
    let (method, path) = route.split_once(' ').unwrap();
    let path = path.replace("{user_id}", "me").replace("{session_id}", "00-0-0");
    let body = match route {
        "PUT /v1/users/me/referrer" => json!({ "invite_code": "ZZZZZZ" }).to_string().into_bytes(),
        "PUT /v1/users/me/phone" => {
            json!({ "phone": "+79009999999", "code": "0000" }).to_string().into_bytes()
        }
        "PUT /v1/users/{user_id}/recovery" => json!({ "phone": "+79009999999" }).to_string().into_bytes(),
        "PATCH /v1/users/{user_id}/invite" => b"{}".to_vec(),
        "POST /v1/support/phones" | "DELETE /v1/support/phones/limits" => {
            json!({ "phone": "+79009999999" }).to_string().into_bytes()
        }
        "PATCH /v1/users/{user_id}/passkeys/{passkey_id}" => {
            json!({ "name": "Mine" }).to_string().into_bytes()
        }
        "POST /v1/users/me/passkeys" => {
            json!({ "challenge_id": "x", "credential": {} }).to_string().into_bytes()
        }
        "PATCH /v1/users/{user_id}" => json!({ "city": "Omsk" }).to_string().into_bytes(),
        _ => Vec::new(),
    };
    app.raw(method.parse().unwrap(), &path, Some(token), body).await
}

/// A refresh token is judged alike wherever it is taken.
#[tokio::test]
async fn a_token_whose_successor_is_in_use_signs_out_nobody_else() {
    for scope in ["global", "others", "local"] {
        let app = App::new().await;
        let (alice, other) = (app.sign_in(&phone(1)).await, app.sign_in_later(&phone(1)).await);
        let sign_out = async |token: &str| {
            app.post("/v1/auth/logout", json!({ "scope": scope, "refresh_token": token })).await
        };
        let next = app.new_token(&alice).await;
        app.get("/v1/users/me", &next).await.ok(200);
        app.clock.advance(31);
        sign_out(&alice.refresh).await.problem(401, "invalid_refresh_token");
        // It is in two hands, so its session is over; the other is not.
        app.get("/v1/users/me", &next).await.problem(401, "session_ended");
        app.me(&other).await;

        // The one replaced a moment ago still may, as it may refresh.
        let third = app.sign_in_later(&phone(1)).await;
        app.refresh(&third.refresh).await.ok(200);
        assert_eq!(sign_out(&third.refresh).await.status, 204, "{scope}");
        let ended = app.get("/v1/users/me", &other.token).await.status;
        assert_eq!(ended, if scope == "local" { 200 } else { 401 }, "{scope}");
    }
}
