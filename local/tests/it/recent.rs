//! What a stolen session cannot do: whatever outlives it takes a sign-in of a moment ago.

use http::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN, Answer, App, Person, phone};

/// Somebody's tokens after so many seconds, refreshed meanwhile: that renews nothing.
async fn later(app: &App, person: &Person, seconds: i64) -> String {
    app.clock.advance(seconds - 1);
    let token = app.new_token(person).await;
    app.clock.advance(1);
    token
}

fn is_stale(answer: &Answer) -> String {
    answer.problem(403, "recent_sign_in_required")["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn deleting_ones_account_takes_a_sign_in_of_ten_minutes() {
    for (seconds, is_recent) in [(600, true), (601, false)] {
        let app = App::new().await;
        let alice = app.sign_in(&phone(1)).await;
        let token = later(&app, &alice, seconds).await;
        let answer = app.delete_user(&token, "me").await;
        if is_recent {
            assert_eq!(answer.status, 204);
            continue;
        }
        let detail = is_stale(&answer);
        assert_eq!(detail, "Sign in anew: this needs a sign-in of the last 10 minutes.");
        app.get("/v1/users/me", &token).await.ok(200);
        let anew = app.sign_in(&phone(1)).await;
        assert_eq!(app.delete_user(&anew.token, "me").await.status, 204);
    }
}

#[tokio::test]
async fn moving_takes_a_sign_in_of_ten_minutes_and_a_refusal_takes_no_guess() {
    let app = App::with(&[("MAX_ATTEMPTS", "1"), ("ACCESS_TTL", "86400")]).await;
    let alice = app.sign_in(&phone(1)).await;
    let token = later(&app, &alice, 600).await;
    let ask = async |token: &str| {
        let body = json!({ "phone": phone(2), "purpose": "change_phone" });
        app.json(Method::POST, "/v1/auth/code", token, &body).await.ok(202);
    };
    let go = async |token: &str, code: &str| {
        let body = json!({ "phone": phone(2), "code": code });
        app.json(Method::PUT, "/v1/users/me/phone", token, &body).await
    };
    ask(&token).await;
    let code = app.last_code(&phone(2)).await;
    app.clock.advance_millis(1);
    for guess in [app.wrong_code(&phone(2)).await, code.clone(), code.clone()] {
        is_stale(&go(&token, &guess).await);
    }
    // One guess is what there is, and it is there still.
    let anew = app.sign_in(&phone(1)).await;
    assert_eq!(go(&anew.token, &code).await.ok(200)["phone"], phone(2));
    // What was moved before is told, as long as the sign-in is recent.
    go(&anew.token, &code).await.ok(200);
    app.clock.advance(601);
    is_stale(&go(&anew.token, &code).await);
}

#[tokio::test]
async fn staffs_deeds_take_a_sign_in_of_two_hours() {
    for (seconds, is_recent) in [(7_200, true), (7_201, false)] {
        let app = App::with_admin(&[]).await;
        let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
        let admin = app.sign_in(ADMIN).await;
        let token = later(&app, &admin, seconds).await;
        let answers = [
            app.update_user(&token, &alice.id, &json!({ "role": "moderator" })).await,
            app.update_user(&token, &alice.id, &json!({ "status": "banned", "city": "Omsk" })).await,
            app.delete_user(&token, &bob.id).await,
        ];
        for answer in answers {
            if is_recent {
                assert!(answer.status < 300);
            } else {
                let detail = is_stale(&answer);
                assert_eq!(detail, "Sign in anew: this needs a sign-in of the last 120 minutes.");
            }
        }
        let seen = app.get(&format!("/v1/users/{}", alice.id), &token).await.ok(200);
        assert_eq!(seen["status"], if is_recent { "banned" } else { "active" });
        assert_eq!(seen["city"], if is_recent { json!("Omsk") } else { Value::Null }, "all or nothing");
    }
}

/// Whoever may not anyway is told that, and is not sent to sign in for nothing.
#[tokio::test]
async fn who_may_not_is_not_asked_for_a_sign_in() {
    let app = App::with_admin(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let admin = app.sign_in(ADMIN).await;
    let (token, admins) = (later(&app, &alice, 8_000).await, app.new_token(&admin).await);
    app.delete_user(&token, &bob.id).await.problem(403, "forbidden");
    app.update_user(&token, "me", &json!({ "role": "admin" })).await.problem(403, "forbidden");
    app.update_user(&admins, "me", &json!({ "role": "user" })).await.problem(403, "forbidden");
    app.delete_user(&admins, "01a1fbdf-98a0-7c0b-bce7-48148979ccac").await.problem(404, "user_not_found");
}

/// What does not outlive a session is nobody's trouble.
#[tokio::test]
async fn everything_else_goes_on_in_an_old_session() {
    let app = App::with_admin(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let admin = app.sign_in(ADMIN).await;
    let (token, admins) = (later(&app, &alice, 90_000).await, app.new_token(&admin).await);
    app.update_user(&token, "me", &json!({ "city": "Omsk" })).await.ok(200);
    app.update_user(&admins, &alice.id, &json!({ "city": "Tomsk" })).await.ok(200);
    let path = format!("/v1/users/{}/invite", alice.id);
    app.json(Method::PATCH, &path, &admins, &json!({ "max_uses": 3 })).await.ok(200);
    assert_eq!(app.sign_out(&token, "others").await.status, 204);
    assert_eq!(app.sign_out(&token, "global").await.status, 204);
}

/// Other backends may ask for the same: the claim of OpenID Connect.
#[tokio::test]
async fn a_token_says_when_its_session_began() {
    use base64::Engine as _;
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    let auth_time = |token: &str| {
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
        serde_json::from_slice::<Value>(&claims).unwrap()["auth_time"].as_i64().unwrap()
    };
    let began = auth_time(&alice.token);
    assert_eq!(auth_time(&later(&app, &alice, 86_400).await), began);
}
