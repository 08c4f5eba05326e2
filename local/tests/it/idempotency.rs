//! `Idempotency-Key`: the same request has the same outcome, once.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Answer, App, phone};
use crate::faults::Fault;
use crate::trials::trials_of;

const CODE: &str = "/v1/auth/code";
const TOKEN: &str = "/v1/auth/token";

#[tokio::test]
async fn the_same_request_for_a_code_is_texted_once() {
    let app = App::sequential(&[("TEXTS_PER_DAY", "2"), ("CODES_PER_IP_HOUR", "2")]).await;
    let body = json!({ "phone": phone(1), "region": "RU" });
    let first = app.post_with_key(CODE, "key 1", &body).await.ok(202);
    app.clock.advance(20);
    for _ in 0..5 {
        let again = app.post_with_key(CODE, "key 1", &body).await.ok(202);
        assert_eq!(again["challenge_id"], first["challenge_id"]);
        assert_eq!((&again["expires_in"], &again["resend_in"]), (&json!(280), &json!(40)));
    }
    // Other white space and another order are no other body.
    let headers = [("idempotency-key", "key 1")];
    let same = format!("{{ \"region\": \"RU\",\n\"phone\": \"{}\" }}", phone(1));
    let again = app.from("203.0.113.77", Method::POST, CODE, None, &headers, same.into_bytes()).await.ok(202);
    assert_eq!(again["challenge_id"], first["challenge_id"]);
    assert_eq!(app.texts(&phone(1)).await, 1);
    // Another key is another request.
    app.post_with_key(CODE, "key 2", &body).await.problem(429, "resend_too_soon");
    // Nothing of the limits was taken meanwhile.
    app.request_code(&phone(2)).await.ok(202);
    app.exchange(&phone(1), &app.last_code(&phone(1)).await).await.ok(200);
}

/// After the cooldown and without one, the same key still sends no second text.
#[tokio::test]
async fn a_repetition_sends_nothing_though_it_might() {
    let app = App::with(&[("RESEND_COOLDOWN", "0")]).await;
    let body = json!({ "phone": phone(1) });
    let first = app.post_with_key(CODE, "k", &body).await.ok(202);
    app.clock.advance(299);
    assert_eq!(app.post_with_key(CODE, "k", &body).await.ok(202)["challenge_id"], first["challenge_id"]);
    assert_eq!(app.texts(&phone(1)).await, 1);
    // The code's life is over, and with it what the key stood for.
    app.clock.advance(1);
    assert_ne!(app.post_with_key(CODE, "k", &body).await.ok(202)["challenge_id"], first["challenge_id"]);
    assert_eq!(app.texts(&phone(1)).await, 2);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_costs_nothing() {
    let app = App::sequential(&[]).await;
    app.post_with_key(CODE, "k", &json!({ "phone": phone(1) })).await.ok(202);
    let other = json!({ "phone": phone(2) });
    for _ in 0..3 {
        app.post_with_key(CODE, "k", &other).await.problem(422, "idempotency_mismatch");
    }
    assert_eq!(app.texts(&phone(2)).await, 0);
    app.request_code(&phone(2)).await.ok(202);

    let code = app.last_code(&phone(1)).await;
    let wrong = app.wrong_code(&phone(1)).await;
    let body = |code: &str| json!({ "phone": phone(1), "code": code });
    app.post_with_key(TOKEN, "k", &body(&wrong)).await.problem(422, "invalid_code");
    for _ in 0..10 {
        app.post_with_key(TOKEN, "k", &body(&code)).await.problem(422, "idempotency_mismatch");
    }
    // Not counted as guesses, since they were not compared.
    app.post_with_key(TOKEN, "another", &body(&code)).await.ok(200);
    // Once the code's life is over, so is what the key stood for.
    app.clock.advance(300);
    app.post_with_key(CODE, "k", &json!({ "phone": phone(3) })).await.ok(202);
}

#[tokio::test]
async fn the_same_request_for_tokens_gets_the_same_session() {
    let app = App::sequential(&[]).await;
    let alice = app.sign_in(&phone(9)).await;
    let code = app.code_for(&phone(1)).await;
    let body = json!({ "phone": phone(1), "code": code, "invite_code": "ZZZZZZ", "device": "phone" });
    let first = app.post_with_key(TOKEN, "k", &body).await.ok(200);
    for _ in 0..3 {
        let again = app.post_with_key(TOKEN, "k", &body).await.ok(200);
        for same in ["refresh_token", "user", "is_new", "invite_error", "expires_in"] {
            assert_eq!(again[same], first[same], "{same}");
        }
        app.get("/v1/users/me", again["access_token"].as_str().unwrap()).await.ok(200);
    }
    let token = first["access_token"].as_str().unwrap();
    let listed = app.get("/v1/users/me/sessions", token).await.ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    // Without the key the code is spent.
    app.exchange(&phone(1), body["code"].as_str().unwrap()).await.problem(422, "invalid_code");
    // A session that is over is not given again.
    assert_eq!(app.sign_out(token, "local").await.status, 204);
    app.post_with_key(TOKEN, "k", &body).await.problem(422, "invalid_code");
    app.me(&alice).await;
}

#[tokio::test]
async fn a_session_whose_answer_was_lost_is_found_by_its_key() {
    let app = App::new().await;
    let code = app.code_for(&phone(1)).await;
    let body = json!({ "phone": phone(1), "code": code });
    app.faults.every_try("TransactWriteItems", Fault::AppliedThenTimeout);
    app.post_with_key(TOKEN, "k", &body).await.problem(503, "outcome_unknown");
    app.faults.forget();
    let found = app.post_with_key(TOKEN, "k", &body).await.ok(200);
    assert_eq!(found["is_new"], true);
    app.refresh(found["refresh_token"].as_str().unwrap()).await.ok(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_at_once_has_one_outcome() {
    let app = Arc::new(App::new().await);
    for trial in 0..trials_of(16) {
        let send = async |path: &'static str, body: Value| {
            let mut racers = JoinSet::new();
            for _ in 0..8 {
                let (app, body) = (Arc::clone(&app), body.clone());
                racers.spawn(async move { app.post_with_key(path, &format!("{trial}"), &body).await });
            }
            racers.join_all().await
        };
        let asked = send(CODE, json!({ "phone": phone(trial) })).await;
        // Told as texted, or, before that is known, that it is not known.
        let (told, untold): (Vec<_>, Vec<_>) = asked.iter().partition(|answer| answer.status == 202);
        let challenges: BTreeSet<_> =
            told.iter().map(|answer| answer.json()["challenge_id"].to_string()).collect();
        for answer in untold {
            assert_eq!(answer.problem(503, "outcome_unknown")["retry_after"], 60);
        }
        assert_eq!((challenges.len(), app.texts(&phone(trial)).await), (1, 1), "trial {trial}");
        let code = app.last_code(&phone(trial)).await;
        // Five attempts at one code: the eight are one request, and one session.
        let entered = send(TOKEN, json!({ "phone": phone(trial), "code": code })).await;
        let sessions: BTreeSet<_> = entered
            .iter()
            .filter(|answer| answer.status == 200)
            .map(|answer| answer.json()["refresh_token"].to_string())
            .collect();
        assert_eq!(sessions.len(), 1, "trial {trial}");
        for answer in entered.iter().filter(|answer| answer.status != 200) {
            answer.problem(422, "invalid_code");
        }
        let body = json!({ "phone": phone(trial), "code": code });
        let again = app.post_with_key(TOKEN, &format!("{trial}"), &body).await;
        assert!(sessions.contains(&again.ok(200)["refresh_token"].to_string()));
    }
}

/// A right code is on its way into a transaction, and another signs in with it first:
/// whoever repeats that request is given its session, anybody else nothing.
#[tokio::test(start_paused = true)]
async fn of_two_at_the_door_the_same_request_is_answered_alike() {
    let app = Arc::new(App::new().await);
    let mut n = 0;
    for (key, other, same) in
        [(Some("k"), Some("k"), true), (Some("a"), Some("b"), false), (None, None, false)]
    {
        n += 1;
        let body = json!({ "phone": phone(n), "code": app.code_for(&phone(n)).await });
        let send = |key: Option<&'static str>| {
            let (app, body) = (Arc::clone(&app), body.clone());
            async move {
                match key {
                    Some(key) => app.post_with_key(TOKEN, key, &body).await,
                    None => app.post(TOKEN, body).await,
                }
            }
        };
        app.faults.next("TransactWriteItems", Fault::Conflict);
        let at_the_door = tokio::spawn(send(key));
        app.faults.until_met().await;
        let first = send(other).await.ok(200);
        let second = at_the_door.await.unwrap();
        if same {
            assert_eq!(second.ok(200)["refresh_token"], first["refresh_token"]);
            assert_eq!(second.json()["is_new"], true);
        } else {
            second.problem(422, "invalid_code");
        }
    }
}

/// Between the end of what a key stood for and the end of the session that it began
/// lie milliseconds.
#[tokio::test]
async fn a_key_with_another_body_never_gets_the_session_of_the_first() {
    let app = App::with(&[("CODE_TTL", "30")]).await;
    let code = app.code_for(&phone(1)).await;
    app.clock.tick();
    let body = json!({ "phone": phone(1), "code": code });
    app.post_with_key(TOKEN, "k", &body).await.ok(200);
    let other = json!({ "phone": phone(1), "code": "0000" });
    let refused = |answer: &Answer| {
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        assert!(["idempotency_mismatch", "invalid_code"].contains(&&*code), "{answer:?}");
    };
    // Each look at the clock takes a millisecond, so some of these fall between.
    app.clock.advance_millis(29_900);
    for _ in 0..40 {
        refused(&app.post_with_key(TOKEN, "k", &other).await);
    }
}

/// A key is its caller's, where a token says who calls.
#[tokio::test]
async fn what_a_key_stands_for_is_its_callers() {
    let app = App::new().await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let body = json!({ "phone": phone(9), "purpose": "change_phone" }).to_string().into_bytes();
    let headers = [("idempotency-key", "k")];
    let ask = async |token: &str| {
        app.from("203.0.113.77", Method::POST, CODE, Some(token), &headers, body.clone()).await
    };
    let first = ask(&alice.token).await.ok(202);
    ask(&bob.token).await.problem(429, "resend_too_soon");
    assert_eq!(ask(&alice.token).await.ok(202)["challenge_id"], first["challenge_id"]);
}

/// What was not handed to a carrier is not told as sent.
#[tokio::test]
async fn a_text_that_was_begun_and_not_sent_is_not_told_as_sent() {
    let app = App::new().await;
    let body = json!({ "phone": phone(1) });
    // The key is claimed; the code is made live, and its answer lost each time, as is the day's text's.
    app.faults.next("UpdateItem", Fault::Passes);
    app.faults.every_try_of(2, "UpdateItem", Fault::AppliedThenTimeout);
    app.post_with_key(CODE, "k", &body).await.problem(503, "outcome_unknown");
    app.faults.forget();
    app.clock.advance(20);
    let untold = app.post_with_key(CODE, "k", &body).await.problem(503, "outcome_unknown");
    assert_eq!((untold["retry_after"].as_u64(), app.texts(&phone(1)).await), (Some(40), 0));
    app.clock.advance(40);
    let texted = app.post_with_key(CODE, "k", &body).await.ok(202);
    assert_eq!(app.texts(&phone(1)).await, 1);
    assert_eq!(app.post_with_key(CODE, "k", &body).await.ok(202)["challenge_id"], texted["challenge_id"]);
    assert_eq!(app.texts(&phone(1)).await, 1);
    app.exchange(&phone(1), &app.last_code(&phone(1)).await).await.ok(200);
}

/// Sent, and not remembered as sent: nobody is told what is not known.
#[tokio::test]
async fn a_text_that_was_sent_and_not_remembered_is_texted_anew() {
    let app = App::with(&[("TEXTS_PER_DAY", "0"), ("CODES_PER_IP_HOUR", "0")]).await;
    let body = json!({ "phone": phone(1) });
    // The key, the code, the numbers of the day, and then that it was handed over.
    for _ in 0..3 {
        app.faults.next("UpdateItem", Fault::Passes);
    }
    app.faults.every_try("UpdateItem", Fault::Throttled);
    app.post_with_key(CODE, "k", &body).await.ok(202);
    assert!(app.faults.all_met());
    app.post_with_key(CODE, "k", &body).await.problem(503, "outcome_unknown");
    app.clock.advance(60);
    app.post_with_key(CODE, "k", &body).await.ok(202);
    assert_eq!(app.texts(&phone(1)).await, 2);
}

#[tokio::test]
async fn a_key_has_1_to_255_characters() {
    let app = App::new().await;
    let body = json!({ "phone": phone(1) });
    app.post_with_key(CODE, &"k".repeat(255), &body).await.ok(202);
    for bad in [String::new(), "k".repeat(256), "ключ".to_owned()] {
        let problem = app.post_with_key(CODE, &bad, &body).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
    }
}
