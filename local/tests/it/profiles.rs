//! Profiles: what a person says about itself, and what others see of it.

use http::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN, App, phone};

#[tokio::test]
async fn a_profile_is_merged() {
    let app = App::sequential(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let all = json!({ "email": "alice@example.com", "city": "Санкт-Петербург", "telegram_id": "@alice" });
    let profile = app.update_user(&alice.token, "me", &all).await.ok(200);
    for field in ["email", "city", "telegram_id"] {
        assert_eq!(profile[field], all[field]);
    }
    assert_eq!((&profile["referrals"], &profile["referrals_count"]), (&json!([]), &json!(0)));
    assert_eq!(app.me(&alice).await, profile);
    // Absent keeps, null clears, unknown fields are ignored.
    let body = json!({ "city": null, "telegram_id": "12345", "phone": phone(1), "id": "x", "x": 1 });
    let profile = app.update_user(&alice.token, &alice.id, &body).await.ok(200);
    assert_eq!((&profile["email"], &profile["city"]), (&json!("alice@example.com"), &Value::Null));
    assert_eq!((&profile["telegram_id"], &profile["phone"]), (&json!("12345"), &json!(phone(1))));
    assert_eq!(app.update_user(&alice.token, "me", &json!({})).await.ok(200), profile);
    for (field, bad) in [
        ("email", json!("not an address")),
        ("email", json!("a".repeat(300) + "@example.com")),
        ("city", json!("")),
        ("city", json!("x".repeat(101))),
        ("city", json!("a\u{0}b")),
        ("telegram_id", json!("two words")),
        ("role", json!("king")),
        ("status", json!("deleted")),
    ] {
        let problem =
            app.update_user(&alice.token, "me", &json!({ field: bad })).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    assert_eq!(app.me(&alice).await, profile, "nothing of a refused change is done");
}

#[tokio::test]
async fn phones_of_others_can_be_masked() {
    let app = App::with_admin(&[("SHOW_PHONES", "masked")]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let activated = app.activate(&bob.token, &alice.invite_code).await.ok(200);
    assert_eq!(activated["referrer"]["phone"], "+7900•••0001");
    let profile = app.me(&bob).await;
    assert_eq!(
        (&profile["phone"], &profile["referrer"]["phone"]),
        (&json!(phone(2)), &json!("+7900•••0001"))
    );
    assert_eq!(app.me(&alice).await["referrals"], json!(["+7900•••0002"]));
    let listed = app.get("/v1/users/me/referrals", &alice.token).await.ok(200);
    assert_eq!(listed["items"][0]["phone"], "+7900•••0002");
    let again = app.sign_in_later(&phone(2)).await;
    assert_eq!(app.me(&again).await["referrer"]["phone"], "+7900•••0001");
    // Whoever looks after users sees whom.
    let admin = app.sign_in(ADMIN).await;
    let seen = app.get(&format!("/v1/users/{}", alice.id), &admin.token).await.ok(200);
    assert_eq!(seen["referrals"], json!([phone(2)]));
    let error = app.functions_with(&[("SHOW_PHONES", "half")]).await.err().unwrap().to_string();
    assert!(error.starts_with("SHOW_PHONES: "));
}

/// Whoever reads a profile, changes a field and sends all of it back, changes that field.
#[tokio::test]
async fn a_profile_may_be_sent_back_whole() {
    let app = App::new().await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&alice.token, &bob.invite_code).await.ok(200);
    let picture = include_bytes!("one-pixel.png").to_vec();
    app.raw(Method::PUT, "/v1/users/me/avatar", Some(&alice.token), picture).await.ok(200);
    let mut whole = app.me(&alice).await;
    for staffs in ["role", "status"] {
        whole.as_object_mut().unwrap().remove(staffs);
    }
    whole["city"] = "Omsk".into();
    let changed = app.update_user(&alice.token, "me", &whole).await.ok(200);
    assert_eq!((&changed["city"], &changed["avatar_url"]), (&whole["city"], &whole["avatar_url"]));

    for (field, other) in [
        ("phone", phone(3)),
        ("invite_code", bob.invite_code.clone()),
        ("activated_invite_code", alice.invite_code.clone()),
        ("avatar_url", whole["avatar_url"].as_str().unwrap().replace("/v1/avatars/", "/v1/avatars/x")),
    ] {
        let refused = app.update_user(&alice.token, "me", &json!({ field: other, "city": "Perm" })).await;
        assert_eq!(refused.problem(422, "invalid_request")["errors"][0]["field"], field);
    }
    let entering = json!({ "activated_invite_code": alice.invite_code });
    let refused = app.update_user(&bob.token, "me", &entering).await.problem(422, "invalid_request");
    assert_eq!(refused["errors"][0]["message"], "is entered by PUT /v1/users/me/referrer");
    assert_eq!(app.me(&alice).await, changed);
}
