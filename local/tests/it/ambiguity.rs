//! Writes that take effect while their answer is lost: each write of each
//! endpoint, once with the SDK's own retry and once with none getting through.

use serde_json::{Value, json};

use crate::app::{Answer, App, Person, phone};
use crate::faults::Fault;

#[tokio::test]
async fn asking_for_a_code() {
    let app = App::new().await;
    app.faults.next("UpdateItem", Fault::AppliedThenTimeout);
    app.request_code(&phone(1)).await.ok(202);
    assert!(app.faults.all_met());
    let code = app.last_code(&phone(1)).await;
    assert_eq!(app.texts(&phone(1)).await, 1);
    app.exchange(&phone(1), &code).await.ok(200);

    // Not known: told so, nothing was texted, and the cooldown holds.
    app.faults.every_try_of(2, "UpdateItem", Fault::AppliedThenTimeout);
    app.request_code(&phone(2)).await.problem(503, "outcome_unknown");
    assert!(app.faults.all_met());
    assert_eq!(app.texts(&phone(2)).await, 0);
    app.request_code(&phone(2)).await.problem(429, "resend_too_soon");
    app.clock.advance(60);
    app.request_code(&phone(2)).await.ok(202);
    assert_eq!(app.texts(&phone(2)).await, 1);
}

#[tokio::test]
async fn giving_back_a_text_that_did_not_leave() {
    let app = App::new().await;
    app.faults.every_try("PutItem", Fault::Throttled);
    // The issue's own update comes first, the give-back second.
    app.faults.next("UpdateItem", Fault::AppliedThenTimeout);
    app.faults.next("UpdateItem", Fault::AppliedThenTimeout);
    app.request_code(&phone(1)).await.problem(503, "text_not_sent");
    assert!(app.faults.all_met());
    // Given back once: the allowances before it are as they were.
    for _ in 0..5 {
        app.request_code(&phone(1)).await.ok(202);
        app.clock.advance(60);
    }
    app.request_code(&phone(1)).await.problem(429, "too_many_codes");
}

#[tokio::test]
async fn guessing() {
    let app = App::new().await;
    let code = app.code_for(&phone(1)).await;
    let wrong = app.wrong_code(&phone(1)).await;
    // The retry finds its own count and does not count twice.
    app.faults.next("UpdateItem", Fault::AppliedThenTimeout);
    let problem = app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code");
    assert!(app.faults.all_met());
    assert_eq!(problem["attempts_left"], 4);
    app.faults.next("UpdateItem", Fault::AppliedThenTimeout);
    app.exchange(&phone(1), &code).await.ok(200);

    // Not known: counted once, and the code is still good.
    let code = app.code_for(&phone(2)).await;
    let wrong = app.wrong_code(&phone(2)).await;
    app.faults.every_try("UpdateItem", Fault::AppliedThenTimeout);
    app.exchange(&phone(2), &code).await.problem(503, "outcome_unknown");
    assert!(app.faults.all_met());
    assert_eq!(app.exchange(&phone(2), &wrong).await.problem(422, "invalid_code")["attempts_left"], 3);
    app.exchange(&phone(2), &code).await.ok(200);
}

/// Signs in with `fault` on the transaction; the person as known afterwards.
async fn sign_in_with(app: &App, phone: &str, faults: &[Fault]) -> Answer {
    let code = app.code_for(phone).await;
    for fault in faults {
        app.faults.next("TransactWriteItems", *fault);
    }
    let answer = app.exchange(phone, &code).await;
    assert!(app.faults.all_met());
    answer
}

#[tokio::test]
async fn registering_and_signing_in() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    for (trial, faults) in (0..).zip([
        &[Fault::AppliedThenTimeout][..],
        &[Fault::Conflict],
        &[Fault::Conflict, Fault::AppliedThenTimeout, Fault::Throttled],
        // A retry that meets another transaction after the first was applied.
        &[Fault::AppliedThenTimeout, Fault::Conflict],
        &[Fault::Lost],
    ]) {
        // A new user, then the same as a known one.
        for is_new in [true, false] {
            app.clock.advance(60);
            let answer = sign_in_with(&app, &phone(100 + trial), faults).await.ok(200);
            assert_eq!(answer["is_new"], is_new, "{faults:?}");
            app.get("/v1/users/me", answer["access_token"].as_str().unwrap()).await.ok(200);
        }
    }

    // Not known: the user is there, whole, and signs in with the next code.
    app.faults.every_try("TransactWriteItems", Fault::AppliedThenTimeout);
    let code = app.code_for(&phone(2)).await;
    let body = json!({ "phone": phone(2), "code": code, "invite_code": alice.invite_code });
    app.post("/v1/auth/token", body).await.problem(503, "outcome_unknown");
    assert!(app.faults.all_met());
    app.exchange(&phone(2), &code).await.problem(422, "invalid_code");
    app.clock.advance(60);
    let code = app.code_for(&phone(2)).await;
    let answer = app.exchange(&phone(2), &code).await.ok(200);
    assert_eq!((&answer["is_new"], &answer["user"]["referrer"]["id"]), (&json!(false), &json!(alice.id)));
    assert_eq!(app.me(&alice).await["referrals_count"], 1);

    // Lost on the way: nothing is spent, the same code still signs in.
    let code = app.code_for(&phone(3)).await;
    app.faults.every_try("TransactWriteItems", Fault::Lost);
    app.exchange(&phone(3), &code).await.problem(503, "outcome_unknown");
    assert_eq!(app.exchange(&phone(3), &code).await.ok(200)["is_new"], true);
}

async fn referrals_count(app: &App, person: &Person) -> Value {
    app.me(person).await["referrals_count"].clone()
}

#[tokio::test]
async fn activating_an_invite() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    for (n, fault) in
        [(2, Fault::AppliedThenTimeout), (3, Fault::Conflict), (4, Fault::Lost), (5, Fault::Throttled)]
    {
        let friend = app.sign_in(&phone(n)).await;
        app.faults.next("TransactWriteItems", fault);
        app.activate(&friend.token, &alice.invite_code).await.ok(200);
        assert!(app.faults.all_met());
        assert_eq!(referrals_count(&app, &alice).await, n - 1, "{fault:?}");
    }

    // Not known: whoever repeats is told what holds, and it is counted once.
    let friend = app.sign_in(&phone(6)).await;
    app.faults.every_try("TransactWriteItems", Fault::AppliedThenTimeout);
    app.activate(&friend.token, &alice.invite_code).await.problem(503, "outcome_unknown");
    assert!(app.faults.all_met());
    app.activate(&friend.token, &alice.invite_code).await.ok(200);
    assert_eq!(referrals_count(&app, &alice).await, 5);
}

#[tokio::test]
async fn the_rest_of_a_batch_is_asked_for_again() {
    let app = App::new().await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    for _ in 0..3 {
        app.faults.next("BatchGetItem", Fault::Partly);
    }
    assert_eq!(referrals_count(&app, &alice).await, 1);
    assert!(app.faults.all_met());
    // But not for ever: eight counts are not read one by one.
    app.set_user(&alice.id, "REMOVE referral_shards").await;
    app.faults.next("BatchGetItem", Fault::Passes);
    for _ in 0..4 {
        app.faults.next("BatchGetItem", Fault::Partly);
    }
    app.get("/v1/users/me", &alice.token).await.problem(503, "unavailable");
    assert!(app.faults.all_met());
}

#[tokio::test]
async fn a_table_that_does_not_answer_is_a_503() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    for (operation, path) in [("BatchGetItem", "/v1/users/me"), ("Query", "/v1/users/me/referrals")] {
        for fault in [Fault::Throttled, Fault::Lost] {
            app.faults.every_try(operation, fault);
            app.get(path, &alice.token).await.problem(503, "unavailable");
            app.faults.forget();
        }
    }
    app.faults.every_try("BatchGetItem", Fault::Lost);
    app.get("/.well-known/jwks.json", &alice.token).await.problem(503, "unavailable");
    app.faults.every_try_of(2, "UpdateItem", Fault::Throttled);
    app.request_code(&phone(2)).await.problem(503, "unavailable");
    app.faults.every_try("TransactWriteItems", Fault::Throttled);
    let code = app.code_for(&phone(3)).await;
    app.exchange(&phone(3), &code).await.problem(503, "unavailable");
    app.exchange(&phone(3), &code).await.ok(200);
}

/// DynamoDB refuses a write by itself while a transaction is at its item.
#[tokio::test]
async fn a_write_waits_for_a_transaction_at_its_item() {
    let app = App::new().await;
    for _ in 0..3 {
        app.faults.next("UpdateItem", Fault::Conflict);
    }
    app.request_code(&phone(1)).await.ok(202);
    assert!(app.faults.all_met());
    assert_eq!(app.texts(&phone(1)).await, 1);
    app.request_code(&phone(1)).await.problem(429, "resend_too_soon");
}

/// An attempt that may have taken effect, and others that were refused.
#[tokio::test]
async fn what_may_have_been_done_is_told_so() {
    let app = App::new().await;
    let in_doubt = |operation| {
        app.faults.next(operation, Fault::AppliedThenTimeout);
        for _ in 0..3 {
            app.faults.next(operation, Fault::Throttled);
        }
    };
    let alice = app.sign_in(&phone(1)).await;
    in_doubt("UpdateItem");
    app.sign_out(&alice.token, "local").await.problem(503, "outcome_unknown");
    app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");

    let code = app.code_for(&phone(2)).await;
    in_doubt("TransactWriteItems");
    app.exchange(&phone(2), &code).await.problem(503, "outcome_unknown");
    app.exchange(&phone(2), &code).await.problem(422, "invalid_code");

    // Done, and what is read beside it for the answer cannot be read.
    let bob = app.sign_in(&phone(3)).await;
    app.faults.every_try("BatchGetItem", Fault::Lost);
    app.refresh(&bob.refresh).await.problem(503, "outcome_unknown");
    app.refresh(&bob.refresh).await.ok(200);
    assert!(app.faults.all_met());

    // Not done, and told so: nothing was taken from the code.
    let code = app.code_for(&phone(4)).await;
    for _ in 0..8 {
        app.faults.every_try("TransactWriteItems", Fault::Throttled);
        app.exchange(&phone(4), &code).await.problem(503, "unavailable");
    }
    app.exchange(&phone(4), &code).await.ok(200);
}

/// Giving back is sent once: an answer that is lost may cost, and never gives.
#[tokio::test]
async fn what_is_given_back_is_given_back_once() {
    let app = App::with(&[("TEXTS_PER_DAY", "2")]).await;
    let code = app.code_for(&phone(1)).await;
    let wrong = app.wrong_code(&phone(1)).await;
    let body = |code: &str| json!({ "phone": phone(1), "code": code });
    app.post_with_key("/v1/auth/token", "k", &body(&wrong)).await.problem(422, "invalid_code");
    for _ in 0..10 {
        // The key, which is refused; the guess; and the guess, given back.
        for fault in [Fault::Passes, Fault::Passes, Fault::AppliedThenTimeout] {
            app.faults.next("UpdateItem", fault);
        }
        app.post_with_key("/v1/auth/token", "k", &body(&code)).await.problem(422, "idempotency_mismatch");
        assert!(app.faults.all_met());
    }
    for left in [3, 2, 1, 0, 0] {
        assert_eq!(app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code")["attempts_left"], left);
    }

    // One text of two was sent. Those refused for the cooldown are none.
    for _ in 0..10 {
        for fault in [Fault::Passes, Fault::Passes, Fault::AppliedThenTimeout] {
            app.faults.next("UpdateItem", fault);
        }
        app.request_code(&phone(1)).await.problem(429, "resend_too_soon");
        assert!(app.faults.all_met());
    }
    app.request_code(&phone(2)).await.ok(202);
    app.request_code(&phone(3)).await.problem(503, "texts_paused");
}
