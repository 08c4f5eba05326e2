//! Moving an account to another phone.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{ADMIN, Answer, App, FREE, phone};
use crate::faults::Fault;
use crate::trials::trials;

async fn ask_to_move(app: &App, token: &str, phone: &str) -> Answer {
    let body = json!({ "phone": phone, "purpose": "change_phone" });
    app.json(Method::POST, "/v1/auth/code", token, &body).await
}

async fn move_to(app: &App, token: &str, phone: &str, code: &str) -> Answer {
    app.json(Method::PUT, "/v1/users/me/phone", token, &json!({ "phone": phone, "code": code })).await
}

/// Moves somebody to another number, with the code that it is texted.
pub(crate) async fn moved(app: &App, token: &str, phone: &str) {
    ask_to_move(app, token, phone).await.ok(202);
    move_to(app, token, phone, &app.last_code(phone).await).await.ok(200);
}

#[tokio::test]
async fn an_account_moves_to_a_number_that_proved_itself() {
    let app = App::with_admin(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&alice.token, &bob.invite_code).await.ok(200);
    // The old number was just texted, and is not texted again so soon.
    app.clock.advance(60);
    ask_to_move(&app, &alice.token, &phone(9)).await.ok(202);
    let code = app.last_code(&phone(9)).await;
    let profile = move_to(&app, &alice.token, &phone(9), &code).await.ok(200);
    assert_eq!((&profile["phone"], &profile["id"]), (&json!(phone(9)), &json!(alice.id)));
    assert_eq!(profile["referrer"]["id"], bob.id);
    // The same once more: that answer may have been lost.
    assert_eq!(move_to(&app, &alice.token, &phone(9), &code).await.ok(200)["phone"], phone(9));
    // The tokens stay good, the old number is told, and free.
    assert_eq!(app.me(&alice).await["phone"], phone(9));
    app.refresh(&alice.refresh).await.ok(200);
    assert!(app.last_text(&phone(1)).await.contains("изменён"));
    assert_eq!(app.me(&bob).await["referrals"], json!([phone(9)]));
    assert_eq!(app.sign_in_later(&phone(9)).await.id, alice.id);
    assert_ne!(app.sign_in_later(&phone(1)).await.id, alice.id);
}

/// Who moves to two numbers at once ends nobody's session: one waits, and is told to try again.
#[tokio::test(start_paused = true)]
async fn a_move_that_meets_another_is_tried_again() {
    let app = Arc::new(App::new().await);
    let alice = app.sign_in(&phone(1)).await;
    let mut codes = Vec::new();
    for number in [phone(8), phone(9)] {
        ask_to_move(&app, &alice.token, &number).await.ok(202);
        codes.push(app.last_code(&number).await);
    }
    app.faults.next("TransactWriteItems", Fault::Conflict);
    let (moving, token, code) = (Arc::clone(&app), alice.token.clone(), codes[0].clone());
    let first = tokio::spawn(async move { move_to(&moving, &token, &phone(8), &code).await });
    app.faults.until_met().await;
    move_to(&app, &alice.token, &phone(9), &codes[1]).await.ok(200);
    first.await.unwrap().problem(503, "unavailable");
    assert_eq!(app.me(&alice).await["phone"], phone(9));
    // Nothing was taken: the code is good as before.
    move_to(&app, &alice.token, &phone(8), &codes[0]).await.ok(200);
    assert_eq!(app.me(&alice).await["phone"], phone(8));
}

#[tokio::test]
async fn a_code_for_one_purpose_is_none_for_the_other() {
    let app = App::with_admin(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.post("/v1/auth/code", json!({ "phone": phone(9), "purpose": "change_phone" }))
        .await
        .problem(401, "missing_token");
    ask_to_move(&app, "nonsense", &phone(9)).await.problem(401, "invalid_token");
    assert_eq!(app.texts(&phone(9)).await, 0);
    ask_to_move(&app, &alice.token, &phone(9)).await.ok(202);
    let code = app.last_code(&phone(9)).await;
    app.exchange(&phone(9), &code).await.problem(422, "invalid_code");
    move_to(&app, &bob.token, &phone(9), &code).await.problem(422, "invalid_code");
    let wrong = app.wrong_code(&phone(9)).await;
    assert_eq!(
        move_to(&app, &alice.token, &phone(9), &wrong).await.problem(422, "invalid_code")["attempts_left"],
        4
    );
    move_to(&app, &alice.token, &phone(9), &code).await.ok(200);

    let code = app.code_for(&phone(8)).await;
    move_to(&app, &alice.token, &phone(8), &code).await.problem(422, "invalid_code");
    assert_eq!(app.me(&alice).await["phone"], phone(9));
}

#[tokio::test]
async fn a_taken_number_is_told_only_after_its_code() {
    let app = App::with_admin(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.clock.advance(60);
    let free = ask_to_move(&app, &alice.token, &phone(9)).await.ok(202);
    let taken = ask_to_move(&app, &alice.token, &phone(2)).await.ok(202);
    assert_eq!(free.as_object().unwrap().len(), taken.as_object().unwrap().len());
    let wrong = app.wrong_code(&phone(2)).await;
    move_to(&app, &alice.token, &phone(2), &wrong).await.problem(422, "invalid_code");
    let code = app.last_code(&phone(2)).await;
    move_to(&app, &alice.token, &phone(2), &code).await.problem(409, "phone_taken");
    assert_eq!(
        (app.me(&alice).await["phone"].clone(), app.me(&bob).await["phone"].clone()),
        (json!(phone(1)), json!(phone(2)))
    );
    assert!(!app.last_text(&phone(1)).await.contains("изменён"), "nothing happened");
}

/// Whether a number that was left is told, after what was done before.
async fn is_told(app: &App) -> bool {
    let alice = app.sign_in(&phone(1)).await;
    app.clock.advance(60);
    let before = app.texts(&phone(1)).await;
    ask_to_move(app, &alice.token, &phone(9)).await.ok(202);
    move_to(app, &alice.token, &phone(9), &app.last_code(&phone(9)).await).await.ok(200);
    app.texts(&phone(1)).await > before
}

/// What tells the old number is a text like any other.
#[tokio::test]
async fn the_notice_keeps_to_the_limits_of_texts() {
    assert!(is_told(&App::new().await).await);
    for vars in [
        // Two a day, and one of them to the new number; one an hour; other countries.
        &[("TEXTS_PER_DAY", "2")][..],
        &[("CODES_PER_PHONE_HOUR", "1")],
        &[("CODES_PER_PHONE_DAY", "1")],
        &[("RESEND_COOLDOWN", "61")],
    ] {
        assert!(!is_told(&App::with(vars).await).await, "{vars:?}");
    }
    // Signed in where the country was allowed, and left where it is not any more.
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    app.clock.advance(60);
    let narrowed = app.again_with(&[("ALLOWED_COUNTRIES", "US")]).await;
    ask_to_move(&app, &alice.token, "+12015550199").await.ok(202);
    let code = app.last_code("+12015550199").await;
    move_to(&narrowed, &alice.token, "+12015550199", &code).await.ok(200);
    assert_eq!(app.texts(&phone(1)).await, 1);
    // It counts: the number that was left has its cooldown.
    let app = App::new().await;
    assert!(is_told(&app).await);
    app.request_code(&phone(1)).await.problem(429, "resend_too_soon");
}

/// A number whose code everybody knows never holds a role.
#[tokio::test]
async fn staff_never_move_to_a_test_number() {
    let tester = "+12015550123";
    let app = App::with_admin(&[("TEST_PHONES", "+12015550123=1234@2026-12-31")]).await;
    let admin = app.sign_in(ADMIN).await;
    ask_to_move(&app, &admin.token, tester).await.ok(202);
    for _ in 0..6 {
        let refused = move_to(&app, &admin.token, tester, "1234").await.problem(422, "invalid_request");
        assert_eq!(refused["errors"][0]["field"], "phone", "and no guess is lost by it");
    }
    // A moderator whose number became a test number signs in no more.
    let alice = app.sign_in(&phone(1)).await;
    app.update_user(&admin.token, &alice.id, &json!({ "role": "moderator" })).await.ok(200);
    let listed = format!("{}=1234@2026-12-31", phone(1));
    let later = app.again_with(&[("TEST_PHONES", &listed)]).await;
    app.clock.advance(60);
    later.request_code(&phone(1)).await.ok(202);
    later.exchange(&phone(1), "1234").await.problem(403, "forbidden");
    app.update_user(&admin.token, &alice.id, &json!({ "role": "user" })).await.ok(200);
    later.exchange(&phone(1), "1234").await.ok(200);
}

/// Two users and a newcomer want one number, half of the trials with faults: it
/// is one's, and the others keep theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_several_want_is_one_owners() {
    let app = Arc::new(App::with_admin(&[FREE, &[("REVEAL_CODE", "true")]].concat()).await);
    let admin = app.sign_in(ADMIN).await;
    for trial in 0..trials() {
        let (one, two, wanted) = (phone(3 * trial), phone(3 * trial + 1), phone(3 * trial + 2));
        let (alice, bob) = (app.sign_in(&one).await, app.sign_in(&two).await);
        let code =
            ask_to_move(&app, &alice.token, &wanted).await.ok(202)["code"].as_str().unwrap().to_owned();
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for person in [&alice, &alice, &bob] {
            let (app, token, wanted, code) =
                (Arc::clone(&app), person.token.clone(), wanted.clone(), code.clone());
            racers.spawn(async move { move_to(&app, &token, &wanted, &code).await });
        }
        let answers = racers.join_all().await;
        app.faults.calm();
        assert!(answers.iter().all(|answer| answer.status < 500 || answer.status == 503));
        let mut owners = BTreeMap::new();
        for number in [&one, &two, &wanted] {
            let found = app.get(&format!("/v1/users?phone={number}"), &admin.token).await.ok(200);
            if let Some(id) = found["items"][0]["id"].as_str() {
                assert_eq!(found["items"][0]["phone"], **number, "trial {trial}");
                assert!(
                    owners.insert(id.to_owned(), number.clone()).is_none(),
                    "trial {trial}: one number each"
                );
            }
        }
        assert_eq!(owners.len(), 2, "trial {trial}");
        assert_eq!(owners[&bob.id], two, "a code is bound to who asked");
    }
}

/// A code proves the phone that it was texted to: while the account moves away from
/// it, it signs in to the account as it was, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_the_old_number_opens_no_account_that_moved() {
    let app = Arc::new(App::with(&[FREE, &[("REVEAL_CODE", "true")]].concat()).await);
    for trial in 0..trials() {
        let (old, new) = (phone(1_000 + 2 * trial), phone(1_001 + 2 * trial));
        let alice = app.sign_in(&old).await;
        let old_code = app.code_for(&old).await;
        let new_code =
            ask_to_move(&app, &alice.token, &new).await.ok(202)["code"].as_str().unwrap().to_owned();
        let (signs_in, moves) = (Arc::clone(&app), Arc::clone(&app));
        let (token, old_too, new_too) = (alice.token.clone(), old.clone(), new.clone());
        let signing = tokio::spawn(async move { signs_in.exchange(&old_too, &old_code).await });
        let moving = tokio::spawn(async move { move_to(&moves, &token, &new_too, &new_code).await });
        let (answer, move_answer) = (signing.await.unwrap(), moving.await.unwrap());
        assert!([200, 503].contains(&move_answer.status), "trial {trial}: {move_answer:?}");
        if answer.status == 200 {
            assert_eq!(answer.json()["user"]["phone"], old, "trial {trial}");
        }
    }
}
