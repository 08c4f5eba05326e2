//! Limits over time, each on both sides of its edge, with the clock frozen.

use serde_json::json;

use crate::app::{App, phone};

const FREE: &[(&str, &str)] =
    &[("RESEND_COOLDOWN", "0"), ("CODES_PER_PHONE_HOUR", "0"), ("CODES_PER_PHONE_DAY", "0")];

#[tokio::test]
async fn the_cooldown_is_true_to_the_second() {
    let app = App::sequential(&[]).await;
    app.request_code(&phone(1)).await.ok(202);
    app.clock.advance_millis(1);
    assert_eq!(app.request_code(&phone(1)).await.problem(429, "resend_too_soon")["retry_after"], 60);
    app.clock.advance_millis(59_998);
    assert_eq!(app.request_code(&phone(1)).await.problem(429, "resend_too_soon")["retry_after"], 1);
    assert_eq!(app.texts(&phone(1)).await, 1, "nothing sends a second text within the cooldown");
    app.clock.advance_millis(1);
    app.request_code(&phone(1)).await.ok(202);
    assert_eq!(app.texts(&phone(1)).await, 2);
    // Another phone has its own.
    app.request_code(&phone(2)).await.ok(202);
}

#[tokio::test]
async fn an_hour_and_a_day_slide() {
    let app = App::sequential(&[]).await;
    // Five in five minutes, at 0, 60, … 240 s.
    for _ in 0..5 {
        app.request_code(&phone(1)).await.ok(202);
        app.clock.advance(60);
    }
    // The first leaves the hour at 3600 s; it is 300 s now.
    assert_eq!(app.request_code(&phone(1)).await.problem(429, "too_many_codes")["retry_after"], 3_300);
    app.clock.advance(3_300);
    app.request_code(&phone(1)).await.ok(202);
    assert_eq!(app.request_code(&phone(1)).await.problem(429, "too_many_codes")["retry_after"], 60);
    for _ in 0..4 {
        app.clock.advance(60);
        app.request_code(&phone(1)).await.ok(202);
    }
    // Ten in the day: the first leaves it at 86400 s; it is 3840 s now. The
    // hour alone would be free again sooner.
    assert_eq!(app.request_code(&phone(1)).await.problem(429, "too_many_codes")["retry_after"], 82_560);
    app.clock.advance(82_559);
    app.request_code(&phone(1)).await.problem(429, "too_many_codes");
    app.clock.advance(1);
    app.request_code(&phone(1)).await.ok(202);
    assert_eq!(app.texts(&phone(1)).await, 11);
}

#[tokio::test]
async fn a_code_is_guessed_five_times_at_most() {
    let app = App::sequential(&[]).await;
    let right = app.code_for(&phone(1)).await;
    let wrong = app.wrong_code(&phone(1)).await;
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code")["attempts_left"], left);
    }
    assert_eq!(app.exchange(&phone(1), &right).await.problem(422, "invalid_code")["attempts_left"], 0);
}

#[tokio::test]
async fn a_phone_is_guessed_ten_times_a_day_at_most() {
    let app = App::sequential(&[]).await;
    for _ in 0..2 {
        app.code_for(&phone(1)).await;
        let wrong = app.wrong_code(&phone(1)).await;
        for _ in 0..5 {
            app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code");
        }
        app.clock.advance(60);
    }
    let right = app.code_for(&phone(1)).await;
    // The first wrong guess leaves the day at 86400 s; it is 120 s now.
    assert_eq!(app.exchange(&phone(1), &right).await.problem(429, "too_many_guesses")["retry_after"], 86_280);
    app.clock.advance(86_280);
    let right = app.code_for(&phone(1)).await;
    app.exchange(&phone(1), &right).await.ok(200);
}

#[tokio::test]
async fn right_guesses_do_not_count_as_wrong_ones() {
    let app = App::sequential(FREE).await;
    for _ in 0..15 {
        app.sign_in(&phone(1)).await;
        app.clock.advance(1);
    }
    app.code_for(&phone(1)).await;
    let wrong = app.wrong_code(&phone(1)).await;
    assert_eq!(app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code")["attempts_left"], 4);
    app.clock.advance(1);
    app.sign_in(&phone(1)).await;
}

#[tokio::test]
async fn limits_of_zero_are_off() {
    let app =
        App::sequential(&[FREE, &[("MAX_ATTEMPTS", "0"), ("GUESSES_PER_PHONE_DAY", "0")]].concat()).await;
    for _ in 0..60 {
        app.request_code(&phone(1)).await.ok(202);
        app.clock.advance_millis(1);
    }
    let wrong = app.wrong_code(&phone(1)).await;
    for _ in 0..60 {
        let problem = app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code");
        assert_eq!(problem["attempts_left"], serde_json::Value::Null);
    }
    let right = app.last_code(&phone(1)).await;
    app.exchange(&phone(1), &right).await.ok(200);
}

#[tokio::test]
async fn a_code_expires_on_read() {
    let app = App::sequential(&[]).await;
    let code = app.code_for(&phone(1)).await;
    app.clock.advance_millis(299_999);
    app.exchange(&phone(1), &code).await.ok(200);
    let code = app.code_for(&phone(1)).await;
    app.clock.advance(300);
    // Not counted as a guess either: nothing is left to be guessed.
    let wrong = app.wrong_code(&phone(1)).await;
    assert_eq!(app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code")["attempts_left"], 0);
    assert_eq!(app.exchange(&phone(1), &code).await.problem(422, "invalid_code")["attempts_left"], 0);
}

#[tokio::test]
async fn a_code_is_spent_once_and_voided_by_the_next() {
    let app = App::sequential(&[]).await;
    let first = app.code_for(&phone(1)).await;
    app.clock.advance(60);
    let mut second = app.code_for(&phone(1)).await;
    while first == second {
        app.clock.advance(60);
        second = app.code_for(&phone(1)).await;
    }
    app.exchange(&phone(1), &first).await.problem(422, "invalid_code");
    app.exchange(&phone(1), &second).await.ok(200);
    let problem = app.exchange(&phone(1), &second).await.problem(422, "invalid_code");
    assert_eq!(problem["attempts_left"], 0);
    // Never sent: the same answer.
    let never = app.exchange(&phone(2), &second).await.problem(422, "invalid_code");
    for field in ["attempts_left", "code", "detail", "title", "type"] {
        assert_eq!(problem[field], never[field]);
    }
}

#[tokio::test]
async fn a_code_is_bound_to_its_phone() {
    let app = App::sequential(&[]).await;
    let alices = app.code_for(&phone(1)).await;
    let bobs = app.code_for(&phone(2)).await;
    assert_ne!(alices, bobs, "the seed draws different ones");
    app.exchange(&phone(2), &alices).await.problem(422, "invalid_code");
}

#[tokio::test]
async fn a_challenge_that_is_sent_is_that_of_the_code() {
    let app = App::sequential(&[("MAX_ATTEMPTS", "1")]).await;
    let answer = app.request_code(&phone(1)).await.ok(202);
    let code = app.last_code(&phone(1)).await;
    let entered = |challenge: &str| json!({ "phone": phone(1), "code": code, "challenge_id": challenge });
    // Refused without counting: the one attempt is still there.
    for _ in 0..3 {
        let problem = app.post("/v1/auth/token", entered("another")).await.problem(422, "invalid_code");
        assert_eq!(problem["attempts_left"], 0);
    }
    app.post("/v1/auth/token", entered(answer["challenge_id"].as_str().unwrap())).await.ok(200);
}

#[tokio::test]
async fn a_challenge_can_be_required() {
    let app = App::sequential(&[("REQUIRE_CHALLENGE", "true"), ("MAX_ATTEMPTS", "1")]).await;
    let answer = app.request_code(&phone(1)).await.ok(202);
    let code = app.last_code(&phone(1)).await;
    for _ in 0..3 {
        app.exchange(&phone(1), &code).await.problem(422, "invalid_code");
    }
    let body = json!({ "phone": phone(1), "code": code, "challenge_id": answer["challenge_id"] });
    app.post("/v1/auth/token", body).await.ok(200);
}

#[tokio::test]
async fn codes_may_be_longer() {
    let app = App::sequential(&[("CODE_LENGTH", "8")]).await;
    assert_eq!(app.request_code(&phone(1)).await.ok(202)["code_length"], 8);
    let code = app.last_code(&phone(1)).await;
    assert_eq!(code.len(), 8);
    app.exchange(&phone(1), &code).await.ok(200);
}

#[tokio::test]
async fn a_code_is_revealed_only_where_that_is_asked_for() {
    let app = App::sequential(&[("REVEAL_CODE", "true")]).await;
    let answer = app.request_code(&phone(1)).await.ok(202);
    assert_eq!(answer["code"], app.last_code(&phone(1)).await);
}
