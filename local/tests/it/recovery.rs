//! A lost number: an account moves to a new one by an admin's word, a time, and a sign-in.

use http::Method;
use latchkey::base::config;
use serde_json::{Value, json};

use crate::app::{ADMIN, Answer, App, Person, phone};
use crate::faults::Fault;
use crate::passkeys;

/// As long as a device must be known, in seconds.
const DAYS: i64 = 72 * 3_600;

fn place(person: &Person) -> String {
    format!("/v1/users/{}/recovery", person.id)
}

async fn begin(app: &App, admin: &Person, whom: &Person, number: &str) -> Answer {
    app.json(Method::PUT, &place(whom), &admin.token, &json!({ "phone": number })).await
}

async fn stop(app: &App, token: &str, whom: &Person) -> Answer {
    app.raw(Method::DELETE, &place(whom), Some(token), vec![]).await
}

async fn acts(app: &App, admin: &Person) -> Vec<String> {
    let page = app.get("/v1/audit", &admin.token).await.ok(200);
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_account_moves_at_the_first_sign_in_after_the_hold() {
    let app = App::with_admin(&[("RECOVERY_HOLD", "120")]).await;
    let (admin, alice, bob) =
        (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&alice.token, &bob.invite_code).await.ok(200);
    app.get(&place(&alice), &alice.token).await.problem(404, "not_found");

    app.clock.advance(60);
    let begun = begin(&app, &admin, &alice, &phone(5)).await.ok(200);
    let expected = json!({
        "phone": phone(5),
        "begun_at": "2026-11-21T01:26:52Z",
        "ready_at": "2026-11-21T01:28:52Z",
    });
    assert_eq!(begun, expected);
    // The same again changes nothing; both see it, others do not.
    assert_eq!(begin(&app, &admin, &alice, &phone(5)).await.ok(200), expected);
    for token in [&admin.token, &alice.token] {
        assert_eq!(app.get(&place(&alice), token).await.ok(200), expected);
    }
    app.get(&place(&alice), &bob.token).await.problem(403, "forbidden");
    assert!(app.last_text(&phone(1)).await.contains("Номер"), "the old number is told");
    assert_eq!(app.texts(&phone(1)).await, 2, "once");

    // Whoever has no code is told what everybody is told.
    app.request_code(&phone(5)).await.ok(202);
    let (wrong, code) = (app.wrong_code(&phone(5)).await, app.last_code(&phone(5)).await);
    app.exchange(&phone(5), &wrong).await.problem(422, "invalid_code");
    for _ in 0..7 {
        // However often, the code is not used up by it, and neither are its guesses.
        let refused = app.exchange(&phone(5), &code).await;
        let problem = refused.problem(409, "phone_reserved");
        assert_eq!(problem["reserved_until"], "2026-11-21T01:28:52Z");
        assert_eq!(refused.json().get("retry_after"), None);
    }
    app.me(&alice).await;

    app.clock.advance(119);
    app.exchange(&phone(5), &code).await.problem(409, "phone_reserved");
    app.clock.advance(1);
    let moved = app.exchange(&phone(5), &code).await.ok(200);
    assert_eq!((&moved["user"]["id"], &moved["is_new"]), (&json!(alice.id), &json!(false)));
    assert_eq!(moved["user"]["phone"], phone(5));
    let token = moved["access_token"].as_str().unwrap();
    assert_eq!(app.get("/v1/users/me", token).await.ok(200)["phone"], phone(5));
    // What was signed in before is over, and the old number is somebody else's to have.
    app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");
    app.refresh(&alice.refresh).await.problem(401, "invalid_refresh_token");
    app.get(&place(&alice), token).await.problem(404, "not_found");
    let referrals = app.get("/v1/users/me/referrals", &bob.token).await.ok(200);
    assert_eq!(referrals["items"][0]["phone"], phone(5));
    assert_ne!(app.sign_in(&phone(1)).await.id, alice.id);
    assert_eq!(app.sign_in_later(&phone(5)).await.id, alice.id);
    assert_eq!(acts(&app, &admin).await, ["recovered", "began_recovery"]);
    let everything = app.items(config::AUDIT_TABLE).await;
    assert!(!everything.contains("7900"), "{everything}");
}

#[tokio::test]
async fn who_may_begin_it_and_to_which_number() {
    let vars = [("TEST_PHONES", "+12015550123=1234@2099-12-31"), ("ALLOWED_COUNTRIES", "RU")];
    let app = App::with_admin(&vars).await;
    let (admin, alice, bob) =
        (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    begin(&app, &alice, &alice, &phone(5)).await.problem(403, "forbidden");
    begin(&app, &bob, &alice, &phone(5)).await.problem(403, "forbidden");
    begin(&app, &admin, &admin, &phone(5)).await.problem(403, "forbidden");
    for number in [phone(2), phone(1), ADMIN.to_owned()] {
        begin(&app, &admin, &alice, &number).await.problem(409, "phone_taken");
    }
    begin(&app, &admin, &alice, "12").await.problem(422, "invalid_phone");
    begin(&app, &admin, &alice, "+77011230000").await.problem(422, "country_not_allowed");
    let body = json!({ "phone": phone(5) });
    let path = "/v1/users/nobody/recovery";
    app.json(Method::PUT, path, &admin.token, &body).await.problem(404, "user_not_found");
    begin(&app, &admin, &alice, &phone(5)).await.ok(200);
    // Two accounts for one number.
    begin(&app, &admin, &bob, &phone(5)).await.problem(409, "phone_reserved");
    // Another number begins anew, and frees the one before.
    begin(&app, &admin, &alice, &phone(6)).await.ok(200);
    begin(&app, &admin, &bob, &phone(5)).await.ok(200);
    // A test number never holds a role, and an admin is recovered by another alone.
    app.update_user(&admin.token, &bob.id, &json!({ "role": "admin" })).await.ok(200);
    begin(&app, &admin, &bob, "+12015550123").await.problem(422, "invalid_request");
    begin(&app, &admin, &bob, &phone(7)).await.ok(200);
    app.clock.advance(7_201);
    let stale = Person { token: app.new_token(&admin).await, ..app.sign_in(&phone(9)).await };
    begin(&app, &stale, &alice, &phone(8)).await.problem(403, "recent_sign_in_required");
    stop(&app, &stale.token, &alice).await.problem(403, "recent_sign_in_required");
}

/// Somebody's session, a refresh later.
async fn later(app: &App, person: &Person) -> Person {
    let pair = app.refresh(&person.refresh).await.ok(200);
    let text = |name: &str| pair[name].as_str().unwrap().to_owned();
    let (id, invite_code) = (person.id.clone(), person.invite_code.clone());
    Person { id, invite_code, token: text("access_token"), refresh: text("refresh_token") }
}

/// A device or a passkey of before stops it; a text to the old number does not.
#[tokio::test]
async fn devices_and_passkeys_of_before_stop_it_and_a_text_does_not() {
    let app = App::with_admin(&[("RECOVERY_HOLD", "2592000")]).await;
    let (old, carol) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(3)).await);
    let (credential, _) = passkeys::add(&app, &carol).await;
    app.clock.advance(DAYS - 1);
    let admin = app.sign_in(ADMIN).await;
    begin(&app, &admin, &old, &phone(5)).await.ok(200);
    begin(&app, &admin, &carol, &phone(6)).await.ok(200);
    // A second short of three days.
    let old = later(&app, &old).await;
    stop(&app, &old.token, &old).await.problem(403, "forbidden");
    // Whoever gets texts to the old number, however long ago that is.
    let thief = app.sign_in_later(&phone(1)).await;
    assert_eq!(thief.id, old.id);
    stop(&app, &thief.token, &old).await.problem(403, "forbidden");
    app.clock.advance(DAYS + 1);
    let (old, thief) = (later(&app, &old).await, later(&app, &thief).await);
    stop(&app, &thief.token, &old).await.problem(403, "forbidden");
    assert_eq!(stop(&app, &old.token, &old).await.status, 204);
    stop(&app, &old.token, &old).await.problem(404, "not_found");
    // A passkey on a device that nobody knows.
    let by_passkey = passkeys::sign_in(&app, &credential).await.ok(200);
    assert_eq!(stop(&app, by_passkey["access_token"].as_str().unwrap(), &carol).await.status, 204);

    // What was stopped stays so: the number is anybody's.
    app.clock.advance(2_592_000);
    let (five, six) = (app.sign_in(&phone(5)).await, app.sign_in(&phone(6)).await);
    assert!(five.id != old.id && six.id != carol.id);
    assert_eq!(app.sign_in(&phone(1)).await.id, old.id);
    let admin = app.sign_in(ADMIN).await;
    begin(&app, &admin, &old, &phone(7)).await.ok(200);
    app.clock.advance(1);
    assert_eq!(stop(&app, &admin.token, &old).await.status, 204);
    assert_eq!(acts(&app, &admin).await[..2], ["stopped_recovery", "began_recovery"]);
}

/// What becomes of it when the account itself goes on.
#[tokio::test]
async fn an_account_that_moves_goes_or_is_banned_meanwhile() {
    let app = App::with_admin(&[("RECOVERY_HOLD", "0")]).await;
    let admin = app.sign_in(ADMIN).await;
    let people = [1, 2, 3, 4].map(phone);
    let mut all = Vec::new();
    for (n, number) in people.iter().enumerate() {
        let person = app.sign_in(number).await;
        begin(&app, &admin, &person, &phone(10 + u32::try_from(n).unwrap())).await.ok(200);
        all.push(person);
    }
    let go = async |person: &Person, number: &str| {
        app.clock.advance(60);
        let body = json!({ "phone": number, "purpose": "change_phone" });
        app.json(Method::POST, "/v1/auth/code", &person.token, &body).await.ok(202);
        let body = json!({ "phone": number, "code": app.last_code(number).await });
        app.json(Method::PUT, "/v1/users/me/phone", &person.token, &body).await
    };
    // To another number, by oneself: what was begun is over.
    assert_eq!(go(&all[0], &phone(20)).await.ok(200)["phone"], phone(20));
    app.get(&place(&all[0]), &all[0].token).await.problem(404, "not_found");
    assert_ne!(app.sign_in(&phone(10)).await.id, all[0].id);
    // To the reserved one, which is one's own to move to, and nobody else's.
    go(&all[3], &phone(11)).await.problem(409, "phone_reserved");
    assert_eq!(go(&all[1], &phone(11)).await.ok(200)["phone"], phone(11));
    assert_eq!(app.sign_in_later(&phone(11)).await.id, all[1].id);
    // Deleted: nothing is left of the reservation.
    assert_eq!(app.delete_user(&all[2].token, "me").await.status, 204);
    let left = app.items(config::USERS_TABLE).await;
    assert!(!left.contains(&phone(12)), "{left}");
    // Banned: nobody signs in, with the new number either.
    app.update_user(&admin.token, &all[3].id, &json!({ "status": "banned" })).await.ok(200);
    let code = app.code_for(&phone(13)).await;
    app.exchange(&phone(13), &code).await.problem(403, "account_banned");
    app.update_user(&admin.token, &all[3].id, &json!({ "status": "active" })).await.ok(200);
    assert_eq!(app.exchange(&phone(13), &code).await.ok(200)["user"]["id"], all[3].id);
}

/// Each by itself, or not at all.
#[tokio::test]
async fn lost_answers_and_refused_transactions_leave_no_half() {
    let app = App::with_admin(&[("RECOVERY_HOLD", "0")]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    app.faults.every_try("TransactWriteItems", Fault::Throttled);
    begin(&app, &admin, &alice, &phone(5)).await.problem(503, "unavailable");
    app.faults.forget();
    app.get(&place(&alice), &admin.token).await.problem(404, "not_found");
    assert_eq!(app.texts(&phone(1)).await, 1, "nobody is told of what was not done");
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    begin(&app, &admin, &alice, &phone(5)).await.ok(200);
    app.clock.advance(1);
    let code = app.code_for(&phone(5)).await;
    app.faults.every_try("TransactWriteItems", Fault::Throttled);
    app.exchange(&phone(5), &code).await.problem(503, "unavailable");
    app.faults.forget();
    app.me(&alice).await;
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    assert_eq!(app.exchange(&phone(5), &code).await.ok(200)["user"]["id"], alice.id);
    assert_eq!(acts(&app, &admin).await, ["recovered", "began_recovery"]);
}

/// It is completed or stopped; it is begun for one, or the number is somebody's.
#[tokio::test]
async fn of_two_at_once_one_is_done() {
    for trial in 0..crate::trials::trials() {
        let app = App::with_admin(&[("RECOVERY_HOLD", "0"), ("REVEAL_CODE", "true")]).await;
        let (admin, alice, bob) =
            (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
        let code = app.code_for(&phone(5)).await;
        let number = phone(5);
        // Two for one number, and whoever registers with it.
        let (one, other, newcomer) = tokio::join!(
            begin(&app, &admin, &alice, &number),
            begin(&app, &admin, &bob, &number),
            app.exchange(&number, &code),
        );
        let is_new = newcomer.status == 200 && newcomer.json()["is_new"] == true;
        let done = [one.status == 200, other.status == 200, is_new];
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{trial}: {done:?}");
        if is_new {
            continue;
        }
        let whom = if done[0] { &alice } else { &bob };
        if newcomer.status == 200 {
            assert_eq!(newcomer.json()["user"]["id"], whom.id);
            continue;
        }
        let (stopped, moved) =
            tokio::join!(stop(&app, &admin.token, whom), async { app.exchange(&number, &code).await });
        let moved: Value = moved.ok(200);
        assert_eq!(stopped.status == 204, moved["user"]["id"] != whom.id, "{trial}");
    }
}
