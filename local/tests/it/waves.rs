//! The budget of sequential round trips. A wave is what is asked together and
//! awaited together: with every request taking the same virtual time, the time
//! an answer takes counts its waves.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::app::{ADMIN, Answer, App, phone};
use crate::faults::Asked;
use crate::invites;
use crate::passkeys;

const LATENCY: Duration = Duration::from_millis(100);

/// Waves of the tables, the text itself left out: that trip is the provider's.
async fn waves(app: &App, request: impl Future<Output = Answer>) -> (u32, Answer, Vec<Asked>) {
    app.faults.asked();
    app.faults.latency(LATENCY);
    let start = Instant::now();
    let answer = request.await;
    let elapsed = start.elapsed();
    app.faults.latency(Duration::ZERO);
    let asked = app.faults.asked();
    app.finish().await;
    let texts = asked.iter().filter(|asked| asked.is_text()).count();
    let waves = u32::try_from(elapsed.as_millis() / LATENCY.as_millis()).unwrap();
    (waves - u32::try_from(texts).unwrap(), answer, asked)
}

#[tokio::test(start_paused = true)]
async fn every_endpoint_keeps_its_budget() {
    let app = App::new().await.answering_first().await;
    let alice = app.sign_in(&phone(1)).await;
    let bob = app.sign_in(&phone(2)).await;
    let carol = app.sign_in(&phone(3)).await;
    app.clock.advance(60);

    let (count, answer, _) = waves(&app, app.request_code(&phone(9))).await;
    answer.ok(202);
    assert_eq!(count, 1, "request-code");
    let (count, answer, _) = waves(&app, app.request_code(&phone(9))).await;
    answer.problem(429, "resend_too_soon");
    assert_eq!(count, 2, "request-code, refused: the day's text is given back");

    let wrong = app.wrong_code(&phone(9)).await;
    let (count, answer, _) = waves(&app, app.exchange(&phone(9), &wrong)).await;
    answer.problem(422, "invalid_code");
    assert_eq!(count, 1, "exchange-code, a wrong code");
    let code = app.last_code(&phone(9)).await;
    let body = json!({ "phone": phone(9), "code": code, "invite_code": alice.invite_code });
    let (count, answer, _) = waves(&app, app.post("/v1/auth/token", body)).await;
    assert_eq!(answer.ok(200)["is_new"], true);
    assert_eq!(count, 2, "exchange-code, a new user");
    let code = app.code_for(&phone(2)).await;
    let (count, answer, _) = waves(&app, app.exchange(&phone(2), &code)).await;
    assert_eq!(answer.ok(200)["is_new"], false);
    assert_eq!(count, 3, "exchange-code, a known user");

    let (count, answer, _) = waves(&app, app.activate(&bob.token, &alice.invite_code)).await;
    answer.ok(200);
    assert_eq!(count, 2, "activate-invite");
    for (invite_code, most) in [(&alice.invite_code, 2), (&carol.invite_code, 1)] {
        let (count, _, _) = waves(&app, app.activate(&bob.token, invite_code)).await;
        assert_eq!(count, most, "activate-invite again");
    }
    invites::give_aliases(&app, &carol, &["aB3xYz9"]).await;
    let dave = app.sign_in(&phone(4)).await;
    let (count, answer, _) = waves(&app, app.activate(&dave.token, "aB3xYz9")).await;
    answer.ok(200);
    assert_eq!(count, 3, "activate-invite, an alias");
    let (count, answer, _) = waves(&app, app.get("/v1/users/me", &bob.token)).await;
    answer.ok(200);
    assert_eq!(count, 2, "get-user");
    let erin = app.sign_in(&phone(5)).await;
    let (count, answer, asked) = waves(&app, app.get("/v1/users/me", &erin.token)).await;
    answer.ok(200);
    // Reads by key travel together; who invited nobody is not asked whom.
    assert_eq!((count, asked.len()), (1, 1), "get-user without referrer and referrals");
    let (count, answer, asked) = waves(&app, app.get("/v1/users/me", &alice.token)).await;
    answer.ok(200);
    assert_eq!((count, asked.len()), (2, 2), "get-user with referrals");
    let (count, answer, _) = waves(&app, app.get("/v1/users/me/referrals", &alice.token)).await;
    answer.ok(200);
    assert_eq!(count, 1, "list-referrals");
    let (count, answer, _) = waves(&app, app.get("/v1/users/me/export?limit=1", &alice.token)).await;
    let cursor = answer.ok(200)["cursor"].as_str().unwrap().to_owned();
    assert_eq!(count, 2, "export-user");
    let path = format!("/v1/users/me/export?cursor={cursor}");
    let (count, answer, _) = waves(&app, app.get(&path, &alice.token)).await;
    answer.ok(200);
    assert_eq!(count, 1, "export-user, further pages");
    for path in ["/health", "/i/AAAAAA", "/nothing"] {
        let (count, _, asked) = waves(&app, app.raw(Method::GET, path, None, vec![])).await;
        assert_eq!((count, asked.len()), (0, 0), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_keep_their_budget() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    app.clock.advance(60);
    let other = app.sign_in(&phone(1)).await;
    let (count, answer, _) = waves(&app, app.refresh(&alice.refresh)).await;
    let new = answer.ok(200);
    assert_eq!(count, 1, "refresh-token");
    let (count, answer, _) = waves(&app, app.refresh(&alice.refresh)).await;
    answer.ok(200);
    assert_eq!(count, 1, "refresh-token, repeated");
    let (count, answer, asked) = waves(&app, app.refresh("lkr.made.up")).await;
    answer.problem(401, "invalid_refresh_token");
    assert_eq!((count, asked.len()), (0, 0), "refresh-token, made up");
    app.clock.advance(30);
    let (count, answer, _) = waves(&app, app.refresh(&other.refresh)).await;
    app.get("/v1/users/me", answer.ok(200)["access_token"].as_str().unwrap()).await.ok(200);
    app.clock.advance(30);
    assert_eq!(count, 1);
    let (count, answer, _) = waves(&app, app.refresh(&other.refresh)).await;
    answer.problem(401, "invalid_refresh_token");
    // The passkeys that it may have added are looked up, then their sessions.
    assert_eq!(count, 4, "refresh-token, stolen");

    let token = new["access_token"].as_str().unwrap();
    app.get("/v1/users/me", token).await.ok(200);
    let (count, answer, _) = waves(&app, app.get("/v1/users/me/sessions", token)).await;
    let id = answer.ok(200)["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(count, 1, "list-sessions");
    for (scope, expected) in [("others", 2), ("global", 1), ("local", 1)] {
        let (count, answer, _) = waves(&app, app.sign_out(token, scope)).await;
        assert_eq!((answer.status, count), (204, expected), "sign-out, {scope}");
    }
    let bob = app.sign_in(&phone(2)).await;
    app.clock.advance(60);
    let other = app.sign_in(&phone(2)).await;
    let listed = app.get("/v1/users/me/sessions", &bob.token).await.ok(200);
    let mut listed = listed["items"].as_array().unwrap().iter();
    let theirs = listed.find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
    let path = format!("/v1/users/me/sessions/{theirs}");
    let (count, answer, _) = waves(&app, app.raw(Method::DELETE, &path, Some(&bob.token), vec![])).await;
    assert_eq!((answer.status, count), (204, 2), "revoke-session");
    app.get("/v1/users/me", &other.token).await.problem(401, "session_ended");
    let path = format!("/v1/users/me/sessions/{id}");
    let (count, answer, _) = waves(&app, app.raw(Method::DELETE, &path, Some(&bob.token), vec![])).await;
    answer.problem(404, "session_not_found");
    assert_eq!(count, 1, "revoke-session, of another");
    for (path, expected) in [("/.well-known/jwks.json", 1), ("/.well-known/openid-configuration", 0)] {
        let (count, answer, _) = waves(&app, app.raw(Method::GET, path, None, vec![])).await;
        answer.ok(200);
        assert_eq!(count, expected, "{path}");
    }
    // The keyset is read again beside the other reads.
    app.clock.advance(400);
    let (count, answer, asked) = waves(&app, app.get("/v1/users/me", &bob.token)).await;
    answer.ok(200);
    assert!(asked.iter().any(|asked| asked.input.to_string().contains("\"keyset\"")), "{asked:?}");
    assert_eq!(count, 1, "get-user with an old keyset");
}

#[tokio::test(start_paused = true)]
async fn people_keep_their_budget() {
    let app = App::with_admin(&[("TEXTS_PER_DAY", "100")]).await.answering_first().await;
    let admin = app.sign_in(ADMIN).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&alice.token, &bob.invite_code).await.ok(200);
    let body = json!({ "city": "Omsk" });
    let (count, answer, _) = waves(&app, app.update_user(&alice.token, "me", &body)).await;
    answer.ok(200);
    assert_eq!(count, 2, "update-user");
    for (query, expected) in [
        ("", 2),
        ("?role=admin", 2),
        ("?phone=+79000000001", 2),
        ("?phone_prefix=7900", 2),
        ("?country=US", 2),
        ("?created_on=2026-11-21", 2),
    ] {
        let (count, answer, _) = waves(&app, app.get(&format!("/v1/users{query}"), &admin.token)).await;
        answer.ok(200);
        assert_eq!(count, expected, "list-users{query}");
    }
    let picture = include_bytes!("one-pixel.png").to_vec();
    let put = app.raw(Method::PUT, "/v1/users/me/avatar", Some(&alice.token), picture);
    let (count, answer, _) = waves(&app, put).await;
    let url = answer.ok(200)["avatar_url"].as_str().unwrap().replace("https://api.example.com", "");
    assert_eq!(count, 2, "upload-avatar");
    let (count, answer, _) = waves(&app, app.raw(Method::GET, &url, None, vec![])).await;
    assert_eq!((answer.status, count), (200, 1), "get-avatar");
    for (method, path, expected) in
        [(Method::POST, "/v1/support/phones", 200), (Method::DELETE, "/v1/support/phones/limits", 204)]
    {
        let body = json!({ "phone": phone(2) });
        let ask = app.json(method, path, &admin.token, &body);
        let (count, answer, _) = waves(&app, ask).await;
        assert_eq!((answer.status, count), (expected, 2), "{path}");
    }
    let (count, answer, _) = waves(&app, app.get("/v1/stats?days=90", &admin.token)).await;
    answer.ok(200);
    assert_eq!(count, 2, "stats");
    let (count, answer, _) = waves(&app, app.get("/v1/audit", &admin.token)).await;
    answer.ok(200);
    assert_eq!(count, 2, "audit");
    let ban = json!({ "status": "banned" });
    let (count, answer, _) = waves(&app, app.update_user(&admin.token, &bob.id, &ban)).await;
    answer.ok(200);
    assert_eq!(count, 3, "update-user, on record");
    let body = json!({ "phone": phone(9), "purpose": "change_phone" });
    let ask = app.json(Method::POST, "/v1/auth/code", &alice.token, &body);
    let (count, answer, _) = waves(&app, ask).await;
    answer.ok(202);
    assert_eq!(count, 1, "request-code, another phone");
    let code = app.last_code(&phone(9)).await;
    let body = json!({ "phone": phone(9), "code": code });
    app.clock.advance(60);
    let put = app.json(Method::PUT, "/v1/users/me/phone", &alice.token, &body);
    let (count, answer, _) = waves(&app, put).await;
    answer.ok(200);
    assert_eq!(count, 2, "change-phone");
    let (count, answer, _) = waves(&app, app.delete_user(&alice.token, "me")).await;
    assert_eq!((answer.status, count), (204, 2), "delete-user");
}

#[tokio::test(start_paused = true)]
async fn the_guard_keeps_its_budget() {
    let app = App::with_admin(&[("GUARD_STOCKS", "100"), ("TEXTS_PER_DAY", "1000")]).await;
    let admin = app.sign_in(ADMIN).await;
    for (name, texts, expected) in [("nothing is short", 0, 2), ("a block is", 7, 3)] {
        for n in 0..texts {
            app.request_code(&format!("+7900123{n:04}")).await;
        }
        let (count, answer, _) = waves(&app, app.get("/v1/guard", &admin.token)).await;
        assert_eq!(answer.ok(200)["items"].as_array().unwrap().is_empty(), texts == 0, "{name}");
        assert_eq!(count, expected, "{name}");
    }
    let open = app.raw(Method::DELETE, "/v1/guard/block-7900123", Some(&admin.token), vec![]);
    let (count, answer, _) = waves(&app, open).await;
    assert_eq!((answer.status, count), (204, 2), "opening one");
}

#[tokio::test(start_paused = true)]
async fn passkeys_keep_their_budget() {
    let app = App::with(&[("GUESSES_PER_IP_HOUR", "1000")]).await.answering_first().await;
    let alice = app.sign_in(&phone(1)).await;
    let post = async |path: &str, body: Value| app.json(Method::POST, path, &alice.token, &body).await;
    let (count, answer, _) = waves(&app, post("/v1/users/me/passkeys/options", json!({}))).await;
    assert_eq!(count, 1, "options of a first one");
    let credential = passkeys::device_of(&alice);
    let body = passkeys::addition(&passkeys::options(&answer), &credential);
    let (count, answer, _) = waves(&app, post("/v1/users/me/passkeys", body)).await;
    let id = answer.ok(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(count, 2, "adding it");
    let (count, answer, _) = waves(&app, post("/v1/users/me/passkeys/options", json!({}))).await;
    answer.ok(200);
    assert_eq!(count, 2, "options of another");
    let (count, answer, _) = waves(&app, post("/v1/auth/passkey/options", json!({}))).await;
    assert_eq!(count, 1, "options to sign in");
    let body = passkeys::sign_in_body(&passkeys::options(&answer), &credential);
    let (count, answer, asked) = waves(&app, app.post_with_key("/v1/auth/passkey", "a", &body)).await;
    answer.ok(200);
    // Counting, the key, the reads by key and the query; then the transaction.
    assert_eq!((count, asked.len()), (2, 5), "signing in");
    let (count, answer, _) = waves(&app, app.get("/v1/users/me/passkeys", &alice.token)).await;
    answer.ok(200);
    assert_eq!(count, 2, "listing");
    let path = format!("/v1/users/me/passkeys/{id}");
    let name = json!({ "name": "Phone" });
    let (count, answer, _) = waves(&app, app.json(Method::PATCH, &path, &alice.token, &name)).await;
    answer.ok(200);
    assert_eq!(count, 2, "naming");
    let (count, answer, _) = waves(&app, passkeys::remove(&app, &alice.token, "me", &id)).await;
    assert_eq!((answer.status, count), (204, 3), "removing: its sessions are read once it is");
}

/// With every limit on and a key, too: one wave, and one more to give back.
#[tokio::test(start_paused = true)]
async fn limits_and_keys_cost_no_wave() {
    let limits = [
        ("CODES_PER_IP_HOUR", "1000"),
        ("GUESSES_PER_IP_HOUR", "1000"),
        ("TEXTS_PER_DAY", "3"),
        ("GUARD_STOCKS", "100"),
    ];
    let app = App::with(&limits).await.answering_first().await;
    let ask = async |key: &'static str, n: u32| {
        let body = json!({ "phone": phone(n) });
        waves(&app, app.post_with_key("/v1/auth/code", key, &body)).await
    };
    // What is counted of a text is counted after the answer, and its own trip is left out.
    let (count, answer, _) = ask("a", 1).await;
    answer.ok(202);
    assert_eq!(count, 1, "request-code");
    let (count, answer, _) = ask("a", 1).await;
    answer.ok(202);
    assert_eq!(count, 2, "repeated: what was counted is given back");
    for (key, n, problem) in [("a", 2, "idempotency_mismatch"), ("b", 1, "resend_too_soon")] {
        let (count, answer, _) = ask(key, n).await;
        assert_eq!((count, answer.json()["code"].as_str()), (2, Some(problem)));
    }
    let code = app.last_code(&phone(1)).await;
    let body = json!({ "phone": phone(1), "code": code });
    let (count, answer, _) = waves(&app, app.post_with_key("/v1/auth/token", "c", &body)).await;
    answer.ok(200);
    assert_eq!(count, 2, "exchange-code, a new user");
    let (count, answer, _) = waves(&app, app.post_with_key("/v1/auth/token", "c", &body)).await;
    answer.ok(200);
    assert_eq!(count, 2, "exchange-code, repeated");
    ask("d", 2).await.1.ok(202);
    let (count, answer, _) = ask("e", 3).await;
    answer.ok(202);
    assert_eq!(count, 1, "a place that is stored");
    app.clock.advance(600);
    let (count, answer, _) = ask("f", 4).await;
    answer.problem(503, "texts_paused");
    assert_eq!(count, 2, "request-code, the day is full");
}

#[tokio::test(start_paused = true)]
async fn many_referrals_cost_no_wave_of_their_own() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    for n in 2..60 {
        let friend = app.sign_in(&phone(n)).await;
        app.activate(&friend.token, &alice.invite_code).await.ok(200);
    }
    let (count, answer, _) = waves(&app, app.get("/v1/users/me", &alice.token)).await;
    assert_eq!(answer.ok(200)["referrals"].as_array().unwrap().len(), 50);
    assert_eq!(count, 2);
}

/// With every inconsistent read finding nothing, the whole story still comes
/// out right: only lists, which may lag, are read that way.
#[tokio::test]
async fn every_deciding_read_is_consistent() {
    let app = App::new().await;
    app.faults.stale_reads();
    let alice = app.sign_in(&phone(1)).await;
    let bob = app.sign_in(&phone(2)).await;
    app.clock.advance(60);
    assert_eq!(app.sign_in(&phone(1)).await.id, alice.id);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    app.activate(&alice.token, &bob.invite_code).await.problem(409, "invite_loop");
    let profile = app.me(&alice).await;
    assert_eq!((&profile["referrals_count"], &profile["referrals"]), (&json!(1), &json!([])));
    assert_eq!(app.me(&bob).await["referrer"]["id"], alice.id);

    let stale: Vec<_> = app.faults.asked().into_iter().filter(Asked::is_stale_read).collect();
    assert!(!stale.is_empty(), "the fault was met");
    for asked in stale {
        assert!(["referrals", "created"].contains(&asked.input["IndexName"].as_str().unwrap()), "{asked:?}");
    }
}
