//! Roles, bans, and who may do what to whom.

use std::collections::BTreeSet;

use http::Method;
use latchkey::domain::user::Role;
use latchkey::endpoint::declaration::Declaration;
use serde_json::{Value, json};

use crate::app::{ADMIN, App, Person, phone};
use crate::faults::Fault;

#[tokio::test]
async fn the_first_admins_are_named_and_make_others() {
    let app = App::with_admin(&[("TEST_PHONES", "+12015550123=0000@2026-12-31")]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    assert_eq!(app.me(&admin).await["role"], "admin");
    assert_eq!(app.me(&alice).await["role"], "user");
    for body in
        [json!({ "role": "admin" }), json!({ "status": "active" }), json!({ "city": "Omsk", "role": "user" })]
    {
        app.update_user(&alice.token, "me", &body).await.problem(403, "forbidden");
    }
    assert_eq!(app.me(&alice).await["city"], Value::Null);
    let promoted = app.update_user(&admin.token, &alice.id, &json!({ "role": "moderator" })).await.ok(200);
    assert_eq!(promoted["role"], "moderator");
    // At once, with the token of before: the item decides.
    app.get(&format!("/v1/users/{}", admin.id), &alice.token).await.ok(200);
    app.update_user(&alice.token, &admin.id, &json!({ "city": "Omsk" })).await.problem(403, "forbidden");
    app.update_user(&admin.token, &alice.id, &json!({ "role": "user" })).await.ok(200);
    app.get(&format!("/v1/users/{}", admin.id), &alice.token).await.problem(403, "forbidden");
    app.update_user(&admin.token, "nobody", &json!({ "role": "user" })).await.problem(404, "user_not_found");

    app.request_code("+12015550123").await.ok(202);
    let tester =
        app.exchange("+12015550123", "0000").await.ok(200)["user"]["id"].as_str().unwrap().to_owned();
    let refused = app.update_user(&admin.token, &tester, &json!({ "role": "admin" })).await;
    assert_eq!(refused.problem(422, "invalid_request")["errors"][0]["field"], "role");
}

/// A number of `ADMIN_PHONES` makes an admin once, whoever has it then.
#[tokio::test]
async fn a_number_makes_an_admin_once() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    app.update_user(&admin.token, &alice.id, &json!({ "role": "admin" })).await.ok(200);
    app.update_user(&alice.token, &admin.id, &json!({ "role": "user" })).await.ok(200);
    assert_eq!(app.delete_user(&admin.token, "me").await.status, 204);
    let again = app.sign_in_later(ADMIN).await;
    assert_eq!(app.me(&again).await["role"], "user");
    assert!(!app.everything().await.contains("79990000000\"}},\"made"), "what remembers it names no number");

    // One who was an admin before anything was remembered.
    let app = App::new().await;
    let admin = app.sign_in(ADMIN).await;
    app.set_user(&admin.id, "SET #role = :admin, staff_role = :admin").await;
    let named = app.again_with(&[("ADMIN_PHONES", ADMIN)]).await;
    app.clock.advance(60);
    let admin = named.sign_in(ADMIN).await;
    assert_eq!(app.delete_user(&admin.token, "me").await.status, 204);
    assert_eq!(app.me(&named.sign_in_later(ADMIN).await).await["role"], "user");
}

#[tokio::test]
async fn a_ban_ends_everything_until_it_is_lifted() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    let banned = app.update_user(&admin.token, &alice.id, &json!({ "status": "banned" })).await.ok(200);
    assert_eq!(banned["status"], "banned");
    app.get("/v1/users/me", &alice.token).await.problem(403, "account_banned");
    app.refresh(&alice.refresh).await.problem(403, "account_banned");
    app.clock.advance(60);
    let code = app.code_for(&phone(1)).await;
    app.exchange(&phone(1), "0001").await.problem(422, "invalid_code");
    app.exchange(&phone(1), &code).await.problem(403, "account_banned");

    app.update_user(&admin.token, &alice.id, &json!({ "status": "active" })).await.ok(200);
    // The sessions of before stay over.
    app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");
    app.refresh(&alice.refresh).await.problem(401, "invalid_refresh_token");
    app.clock.advance(60);
    assert_eq!(app.sign_in(&phone(1)).await.id, alice.id);
}

#[tokio::test]
async fn a_lost_answer_of_a_ban_raises_the_epoch_once() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    let banned = app.update_user(&admin.token, &alice.id, &json!({ "status": "banned" })).await.ok(200);
    assert!(app.faults.all_met());
    assert_eq!(banned["status"], "banned");
    app.update_user(&admin.token, &alice.id, &json!({ "status": "active" })).await.ok(200);
    let again = app.sign_in_later(&phone(1)).await;
    let sessions = app.get("/v1/users/me/sessions", &again.token).await.ok(200);
    assert!(sessions["items"][0]["id"].as_str().unwrap().split('-').nth(1) == Some("1"), "{sessions}");
}

/// Who may do what to whom: each role at each endpoint that takes a token, to
/// oneself and to another.
#[tokio::test]
async fn permissions_are_one_table() {
    let own = "200 204 404 422 401";
    // Self, another as user, as moderator, as admin; 403 where it is not allowed.
    let table: &[(&str, [bool; 4])] = &[
        ("GET /v1/users", [false, false, true, true]),
        ("GET /v1/users/{user_id}", [true, false, true, true]),
        ("PATCH /v1/users/{user_id}", [true, false, false, true]),
        ("DELETE /v1/users/{user_id}", [true, false, false, true]),
        ("GET /v1/users/{user_id}/referrals", [true, false, true, true]),
        ("GET /v1/users/{user_id}/sessions", [true, false, false, true]),
        ("DELETE /v1/users/{user_id}/sessions/{session_id}", [true, false, false, true]),
        ("GET /v1/users/{user_id}/passkeys", [true, false, false, true]),
        ("PATCH /v1/users/{user_id}/passkeys/{passkey_id}", [true, false, false, false]),
        ("DELETE /v1/users/{user_id}/passkeys/{passkey_id}", [true, false, false, true]),
        ("POST /v1/users/me/passkeys/options", [true, true, true, true]),
        ("POST /v1/users/me/passkeys", [true, true, true, true]),
        ("GET /v1/stats", [false, false, true, true]),
        ("GET /v1/guard", [false, false, true, true]),
        ("DELETE /v1/guard/{place}", [false, false, false, true]),
        ("GET /v1/audit", [false, false, false, true]),
        ("POST /v1/support/phones", [false, false, true, true]),
        ("DELETE /v1/support/phones/limits", [false, false, false, true]),
        ("PATCH /v1/users/{user_id}/invite", [false, false, false, true]),
        ("GET /v1/users/me/export", [true, true, true, true]),
        ("PUT /v1/users/{user_id}/recovery", [false, false, false, true]),
        ("GET /v1/users/{user_id}/recovery", [true, false, false, true]),
        ("DELETE /v1/users/{user_id}/recovery", [true, false, false, true]),
        ("PUT /v1/users/me/avatar", [true, true, true, true]),
        ("PUT /v1/users/me/phone", [true, true, true, true]),
        ("PUT /v1/users/me/referrer", [true, true, true, true]),
    ];
    let declared: BTreeSet<_> = latchkey_local::functions::all::<Declaration>()
        .iter()
        .flat_map(|function| {
            function
                .declarations()
                .filter(|of| of.needs_token)
                .map(|of| of.route.to_string())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        declared,
        table.iter().map(|(route, _)| (*route).to_owned()).collect(),
        "every endpoint is a row"
    );

    let app = App::with_admin(&[("INVITE_GUESSES_PER_DAY", "0")]).await;
    let admin = app.sign_in(ADMIN).await;
    let mut n = 0;
    for (route, allowed) in table {
        for (column, role) in [Role::User, Role::User, Role::Moderator, Role::Admin].into_iter().enumerate() {
            n += 2;
            let (caller, other) = (app.sign_in(&phone(n)).await, app.sign_in(&phone(n + 1)).await);
            app.update_user(&admin.token, &caller.id, &json!({ "role": role })).await.ok(200);
            let target: &Person = if column == 0 { &caller } else { &other };
            let (method, path) = route.split_once(' ').unwrap();
            let path = path.replace("{user_id}", &target.id).replace("{session_id}", "00-0-0");
            let body = match *route {
                "PUT /v1/users/me/phone" => json!({ "phone": phone(999_999), "code": "0000" }).to_string(),
                "PUT /v1/users/me/referrer" => json!({ "invite_code": "ZZZZZZ" }).to_string(),
                "PUT /v1/users/{user_id}/recovery" => json!({ "phone": phone(900_000 + n) }).to_string(),
                "PATCH /v1/users/{user_id}" => json!({ "city": "Omsk" }).to_string(),
                "POST /v1/support/phones" | "DELETE /v1/support/phones/limits" => {
                    json!({ "phone": phone(999_999) }).to_string()
                }
                "PATCH /v1/users/{user_id}/invite" => json!({ "revoked": false }).to_string(),
                "PATCH /v1/users/{user_id}/passkeys/{passkey_id}" => json!({ "name": "Mine" }).to_string(),
                "POST /v1/users/me/passkeys" => json!({ "challenge_id": "x", "credential": {} }).to_string(),
                _ => String::new(),
            };
            let answer =
                app.raw(method.parse().unwrap(), &path, Some(&caller.token), body.into_bytes()).await;
            if allowed[column] {
                assert!(
                    own.contains(&answer.status.to_string()),
                    "{route} {role:?} {column}: {}",
                    answer.status
                );
            } else {
                answer.problem(403, "forbidden");
            }
        }
    }
}

/// Whoever is refused has had us read two items: the caller's user and session.
#[tokio::test]
async fn a_refusal_reads_no_more_than_who_asks() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    for path in [
        "/v1/stats?days=90",
        "/v1/users",
        "/v1/users?role=admin",
        "/v1/users?status=banned",
        "/v1/users?phone_prefix=1",
        "/v1/users?country=RU",
        "/v1/audit",
    ] {
        app.faults.asked();
        app.get(path, &alice.token).await.problem(403, "forbidden");
        let asked = app.faults.asked();
        let operations: Vec<_> = asked.iter().map(|asked| asked.operation.as_str()).collect();
        assert_eq!((operations, asked[0].items), (vec!["BatchGetItem"], 2), "{path}");
    }
}

#[tokio::test]
async fn nobody_changes_their_own_role_or_status() {
    let app = App::with_admin(&[]).await;
    let admin = app.sign_in(ADMIN).await;
    for path in ["/v1/users/me".to_owned(), format!("/v1/users/{}", admin.id)] {
        for body in [
            json!({ "role": "user" }),
            json!({ "status": "banned" }),
            json!({ "role": "admin", "city": "Omsk" }),
        ] {
            app.json(Method::PATCH, &path, &admin.token, &body).await.problem(403, "forbidden");
        }
    }
    let profile = app.me(&admin).await;
    assert_eq!(
        (&profile["role"], &profile["status"], &profile["city"]),
        (&json!("admin"), &json!("active"), &json!(null))
    );
}
