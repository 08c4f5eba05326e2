//! Numbers of a day.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{ADMIN, App, phone};
use crate::faults::Fault;

#[tokio::test]
async fn numbers_are_counted_per_day() {
    let app = App::with_admin(&[
        ("SESSION_TTL", "0"),
        ("REFRESH_TTL", "0"),
        ("TEST_PHONES", "+12015550123=0000@2026-12-31"),
    ])
    .await;
    let admin = app.sign_in(ADMIN).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    let code = app.code_for(&phone(3)).await;
    let body = json!({ "phone": phone(3), "code": code, "invite_code": alice.invite_code });
    app.post("/v1/auth/token", body).await.ok(200);
    app.request_code(&phone(4)).await.ok(202);
    app.request_code(&phone(4)).await.problem(429, "resend_too_soon");
    app.exchange(&phone(4), "0000").await;
    // A test number is an account; its texts are none.
    app.sign_in_tester("+12015550123", "0000").await;

    app.clock.advance(2 * 86_400);
    app.sign_in(&phone(1)).await;
    let token = app.new_token(&admin).await;
    let stats = app.get("/v1/stats?days=4", &token).await.ok(200);
    let day = |date: &str, sign_ups: u32, texted: u32, entered: u32, referrals: u32| {
        json!({
            "date": date, "sign_ups": sign_ups, "codes_texted": texted, "codes_entered": entered,
            "referrals": referrals,
        })
    };
    assert_eq!(
        stats,
        json!({
            "items": [
                day("2026-11-23", 0, 1, 1, 0),
                day("2026-11-22", 0, 0, 0, 0),
                day("2026-11-21", 5, 5, 4, 2),
                day("2026-11-20", 0, 0, 0, 0),
            ],
            "cursor": null,
        })
    );
    assert_eq!(app.get("/v1/stats", &token).await.ok(200)["items"].as_array().unwrap().len(), 30);
    assert_eq!(app.get("/v1/stats?days=90", &token).await.ok(200)["items"].as_array().unwrap().len(), 90);
    for bad in ["0", "91", "x", ""] {
        app.get(&format!("/v1/stats?days={bad}"), &token).await.problem(422, "invalid_request");
    }
}

/// What is made is counted exactly, whatever is lost on the way.
#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_are_counted_exactly() {
    let app = Arc::new(App::with_admin(&[("REVEAL_CODE", "true")]).await);
    let admin = app.sign_in(ADMIN).await;
    let mut racers = JoinSet::new();
    app.faults.trouble(7);
    for n in 0..100 {
        let app = Arc::clone(&app);
        racers.spawn(async move {
            let Some(code) = app.request_code(&phone(n)).await.json()["code"].as_str().map(str::to_owned)
            else {
                return;
            };
            app.exchange(&phone(n), &code).await;
        });
    }
    racers.join_all().await;
    app.faults.calm();
    let users = app.pages("/v1/users?limit=100", &admin.token).await.concat().len();
    let stats = app.get("/v1/stats?days=1", &admin.token).await.ok(200);
    assert!(users > 50, "{users}");
    assert_eq!(stats["items"][0]["sign_ups"], users);
}

/// A code counts as entered once it is, and once.
#[tokio::test]
async fn a_code_that_was_tried_in_vain_is_entered_once() {
    let app = App::with_admin(&[]).await;
    let admin = app.sign_in(ADMIN).await;
    let code = app.code_for(&phone(1)).await;
    for _ in 0..8 {
        app.faults.every_try("TransactWriteItems", Fault::Throttled);
        app.exchange(&phone(1), &code).await.problem(503, "unavailable");
        assert!(app.faults.all_met(), "and none of these guesses is counted");
    }
    app.exchange(&phone(1), &code).await.ok(200);
    app.exchange(&phone(1), &code).await.problem(422, "invalid_code");
    let today = &app.get("/v1/stats?days=1", &admin.token).await.ok(200)["items"][0];
    assert_eq!((&today["codes_texted"], &today["codes_entered"]), (&json!(2), &json!(2)));
}
