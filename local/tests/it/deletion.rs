//! Deleting an account: what goes, what stays, and what goes on meanwhile.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{ADMIN, App, FREE, phone};
use crate::faults::Fault;
use crate::trials::trials;

#[tokio::test]
async fn deleting_removes_everything_personal() {
    let app = App::with_admin(&[]).await;
    let (alice, bob, carol) =
        (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await, app.sign_in(&phone(3)).await);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    app.activate(&carol.token, &bob.invite_code).await.ok(200);
    app.update_user(&bob.token, "me", &json!({ "email": "bob@example.com", "city": "Bobtown" }))
        .await
        .ok(200);
    app.clock.advance(60);
    let code = app.code_for(&phone(2)).await;

    assert_eq!(app.delete_user(&bob.token, "me").await.status, 204);
    app.get("/v1/users/me", &bob.token).await.problem(401, "session_ended");
    app.refresh(&bob.refresh).await.problem(401, "invalid_refresh_token");
    app.delete_user(&bob.token, "me").await.problem(401, "session_ended");
    // Whoever invited him counts one less, whoever he invited keeps the code.
    let profile = app.me(&alice).await;
    assert_eq!((&profile["referrals"], &profile["referrals_count"]), (&json!([]), &json!(0)));
    let profile = app.me(&carol).await;
    assert_eq!(
        (&profile["referrer"], &profile["activated_invite_code"]),
        (&Value::Null, &json!(bob.invite_code))
    );
    app.activate(&carol.token, &bob.invite_code).await.ok(200);
    // Nothing of him is left: not his phone, his name, his city, his id but where it is nobody's.
    let left = app.everything().await;
    for personal in ["bob@example.com", "Bobtown"] {
        assert!(!left.contains(personal), "{personal}");
    }
    assert!(!left.contains(&format!("user#{}", bob.id)) && !left.contains(&format!("phone#{}", phone(2))));
    assert!(!left.contains(&format!("\"phone\":{{\"S\":\"{}\"}}", phone(2))), "{left}");
    assert!(!left.contains(&format!("\"user_id\":{{\"S\":\"{}\"}}", bob.id)), "no session");
    // His code is nobody's for ever, and a code that was on its way is void.
    let dave = app.sign_in(&phone(4)).await;
    app.activate(&dave.token, &bob.invite_code).await.problem(404, "invite_code_not_found");
    app.exchange(&phone(2), &code).await.problem(422, "invalid_code");
    // His send times stand; the number registers anew as somebody else.
    app.request_code(&phone(2)).await.problem(429, "resend_too_soon");
    let anew = app.sign_in_later(&phone(2)).await;
    assert_ne!(anew.id, bob.id);
    let profile = app.me(&anew).await;
    assert_eq!((&profile["email"], &profile["activated_invite_code"]), (&Value::Null, &Value::Null));
    app.activate(&anew.token, &alice.invite_code).await.ok(200);
    assert_eq!(app.me(&alice).await["referrals_count"], 1);
}

#[tokio::test]
async fn admins_delete_others_and_a_lost_answer_is_success() {
    let app = App::with_admin(&[]).await;
    let (admin, alice, bob) =
        (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.delete_user(&bob.token, &alice.id).await.problem(403, "forbidden");
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    assert_eq!(app.delete_user(&admin.token, &alice.id).await.status, 204);
    assert!(app.faults.all_met());
    app.delete_user(&admin.token, &alice.id).await.problem(404, "user_not_found");
    app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");
    // Not known, and repeated: it finds nobody left.
    app.faults.every_try("TransactWriteItems", Fault::AppliedThenTimeout);
    app.delete_user(&admin.token, &bob.id).await.problem(503, "outcome_unknown");
    app.faults.forget();
    app.delete_user(&admin.token, &bob.id).await.problem(404, "user_not_found");
}

/// A sign-in, a refresh, an activation and a deletion of one user at once, half
/// of the trials with faults: either the account is there and whole, or gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_and_all_else_at_once_leave_a_clean_state() {
    let app = Arc::new(App::with_admin(&[FREE, &[("REVEAL_CODE", "true")]].concat()).await);
    let admin = app.sign_in(ADMIN).await;
    let inviter = app.sign_in(&phone(900_000)).await;
    for trial in 0..trials() {
        let number = phone(trial);
        let alice = app.sign_in(&number).await;
        let code = app.code_for(&number).await;
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        let (one, token) = (Arc::clone(&app), alice.token.clone());
        racers.spawn(async move { one.delete_user(&token, "me").await });
        let (two, to) = (Arc::clone(&app), number.clone());
        racers.spawn(async move { two.exchange(&to, &code).await });
        let (three, refresh) = (Arc::clone(&app), alice.refresh.clone());
        racers.spawn(async move { three.refresh(&refresh).await });
        let (four, token, invite) = (Arc::clone(&app), alice.token.clone(), inviter.invite_code.clone());
        racers.spawn(async move { four.activate(&token, &invite).await });
        let answers = racers.join_all().await;
        app.faults.calm();
        assert!(answers.iter().all(|answer| answer.status < 500 || answer.status == 503));

        let found = app.get(&format!("/v1/users?phone={number}"), &admin.token).await.ok(200);
        let old = app.get(&format!("/v1/users/{}", alice.id), &admin.token).await;
        match found["items"][0]["id"].as_str() {
            Some(id) if id == alice.id => assert_eq!(old.status, 200, "trial {trial}: there, and whole"),
            _ => {
                old.problem(404, "user_not_found");
                app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");
            }
        }
        // Whoever has the phone now can sign in, once more.
        let now = app.sign_in(&number).await;
        app.me(&now).await;
    }
    let listed = app.pages("/v1/users/me/referrals?limit=100", &inviter.token).await.concat();
    for referral in &listed {
        let path = format!("/v1/users/{}", referral["id"].as_str().unwrap());
        assert_eq!(app.get(&path, &admin.token).await.status, 200, "nobody is listed who is gone");
    }
    assert_eq!(app.me(&inviter).await["referrals_count"], listed.len(), "exact after any deletion");
}

/// Whose code many enter is deleted all the same: the code is closed first.
#[tokio::test]
async fn one_whose_code_is_being_entered_is_deleted() {
    let app = App::new().await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let conflicts = |n| (0..n).for_each(|_| app.faults.next("TransactWriteItems", Fault::Conflict));
    conflicts(20);
    app.delete_user(&alice.token, "me").await.problem(503, "outcome_unknown");
    assert!(app.faults.all_met());
    app.activate(&bob.token, &alice.invite_code).await.problem(404, "invite_code_not_found");
    conflicts(10);
    assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
    app.delete_user(&alice.token, "me").await.problem(401, "session_ended");
}

/// Whoever read the code before its owner was deleted does not get to enter it: whether
/// those who did before were counted by one item or by several.
#[tokio::test(start_paused = true)]
async fn nobody_enters_the_code_of_somebody_gone() {
    for friends in [0, 1, 105] {
        let app = Arc::new(App::with(&[FREE, &[("REVEAL_CODE", "true")]].concat()).await);
        let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
        for friend in 0..friends {
            let friend = app.sign_in(&phone(100 + friend)).await;
            app.activate(&friend.token, &alice.invite_code).await.ok(200);
        }
        app.faults.next("TransactWriteItems", Fault::Conflict);
        let (door, bobs, code) = (Arc::clone(&app), bob.token.clone(), alice.invite_code.clone());
        let entering = tokio::spawn(async move { door.activate(&bobs, &code).await });
        app.faults.until_met().await;
        assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
        entering.await.unwrap().problem(404, "invite_code_not_found");
        assert_eq!(app.me(&bob).await["activated_invite_code"], Value::Null, "{friends}");
        assert!(!app.everything().await.contains(&phone(1)), "{friends}");
        // What is marked is refused as well when somebody else leaves.
        app.activate(&bob.token, &alice.invite_code).await.problem(404, "invite_code_not_found");
    }
}
