//! Limits over time, each on both sides of its edge, with the clock frozen.

use std::sync::Arc;

use latchkey::domain::code::Purpose;
use latchkey::domain::device::Asker;
use latchkey::domain::pepper::Pepper;
use latchkey::domain::phone::Phone;
use latchkey::domain::secret::Secret;
use latchkey::tables::codes::{Codes, Issue, Wanted};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Answer, App, FREE, Person, count, phone};
use crate::trials::trials_of;

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

/// Time passes while a request is answered; what it answers is as promised.
#[tokio::test]
async fn times_that_are_left_are_whole() {
    let app = App::with(&[("TEST_PHONES", "+12015550123=0000@2026-12-31")]).await;
    app.clock.tick();
    let answer = app.request_code(&phone(1)).await.ok(202);
    assert_eq!((&answer["expires_in"], &answer["resend_in"]), (&json!(300), &json!(60)));
    let answer = app.request_code("+12015550123").await.ok(202);
    assert_eq!((&answer["expires_in"], &answer["resend_in"]), (&json!(300), &json!(0)));
    assert_eq!(app.request_code(&phone(1)).await.problem(429, "resend_too_soon")["retry_after"], 60);
    let code = app.last_code(&phone(1)).await;
    let answer = app.exchange(&phone(1), &code).await.ok(200);
    assert_eq!((&answer["expires_in"], &answer["refresh_expires_in"]), (&json!(900), &json!(31_536_000)));
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

/// As many requests at once as `phones`, from one address.
async fn ask_at_once(app: &Arc<App>, ip: &'static str, phones: std::ops::Range<u32>) -> Vec<Answer> {
    let mut racers = JoinSet::new();
    for n in phones {
        let app = Arc::clone(app);
        racers.spawn(async move { app.post_from(ip, "/v1/auth/code", &json!({ "phone": phone(n) })).await });
    }
    racers.join_all().await
}

/// Twenty requests for a code of one phone, all at once: how many are texted.
async fn texted_of_20(app: &Arc<App>) -> usize {
    let mut racers = JoinSet::new();
    for _ in 0..20 {
        let app = Arc::clone(app);
        racers.spawn(async move { app.request_code(&phone(1)).await });
    }
    count(&racers.join_all().await, 202)
}

/// A millisecond before each edge none of twenty at once is texted, and at the
/// edge one: the cooldown, then the hour, then the day.
#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_phone_hold_for_twenty_at_once() {
    let app = Arc::new(App::new().await);
    assert_eq!(texted_of_20(&app).await, 1);
    let edges = |seconds: i64, times: usize| std::iter::repeat_n(seconds, times);
    // Four more fill the hour, whose first text is 240 s old then; ten the day.
    let waits = edges(60, 4).chain([3_600 - 240]).chain(edges(60, 4)).chain([86_400 - 3_840]);
    for (n, wait) in waits.enumerate() {
        app.clock.advance_millis(wait * 1_000 - 1);
        assert_eq!(texted_of_20(&app).await, 0, "edge {n}");
        app.clock.advance_millis(1);
        assert_eq!(texted_of_20(&app).await, 1, "edge {n}");
    }
    assert_eq!(app.texts(&phone(1)).await, 11);
}

/// Forty wrong guesses at once: ten are compared in a day, then ten more.
#[tokio::test(flavor = "multi_thread")]
async fn the_guesses_of_a_day_hold_for_forty_at_once() {
    let app = Arc::new(App::with(&[("MAX_ATTEMPTS", "0"), ("CODE_TTL", "3600")]).await);
    for wait in [0, 86_399, 1] {
        app.clock.advance(wait);
        app.request_code(&phone(1)).await;
        let wrong = app.wrong_code(&phone(1)).await;
        let mut racers = JoinSet::new();
        for _ in 0..40 {
            let (app, wrong) = (Arc::clone(&app), wrong.clone());
            racers.spawn(async move { app.exchange(&phone(1), &wrong).await });
        }
        let answers = racers.join_all().await;
        let compared = if wait == 86_399 { 0 } else { 10 };
        assert_eq!((count(&answers, 422), count(&answers, 429)), (compared, 40 - compared), "after {wait} s");
    }
}

/// The seconds until the next full hour and the next day: the tests begin at
/// 01:25:52.
const TO_THE_HOUR: i64 = 34 * 60 + 8;
const TO_THE_DAY: i64 = 22 * 3_600 + TO_THE_HOUR;

#[tokio::test(flavor = "multi_thread")]
async fn an_address_asks_for_60_codes_an_hour_at_most() {
    let app = Arc::new(App::with(&[("CODES_PER_IP_HOUR", "60")]).await);
    let answers = ask_at_once(&app, "203.0.113.77", 0..100).await;
    assert_eq!((count(&answers, 202), count(&answers, 429)), (60, 40));
    for refused in answers.iter().filter(|answer| answer.status == 429) {
        assert_eq!(refused.problem(429, "too_many_requests")["retry_after"], TO_THE_HOUR);
    }
    let texts = app.all_texts().await;
    assert_eq!(texts, 60, "who is refused is not texted");
    // Another address, and another household, are not concerned; the same /64 is one.
    assert_eq!(count(&ask_at_once(&app, "203.0.113.78", 100..101).await, 202), 1);
    assert_eq!(count(&ask_at_once(&app, "2001:db8:0:1::1", 200..260).await, 202), 60);
    assert_eq!(count(&ask_at_once(&app, "2001:db8:0:1::ffff", 260..261).await, 429), 1);
    assert_eq!(count(&ask_at_once(&app, "2001:db8:0:2::1", 261..262).await, 202), 1);
    app.clock.advance(TO_THE_HOUR - 1);
    assert_eq!(count(&ask_at_once(&app, "203.0.113.77", 300..301).await, 429), 1);
    app.clock.advance(1);
    assert_eq!(count(&ask_at_once(&app, "203.0.113.77", 300..301).await, 202), 1);
}

/// What a client writes about its own address changes nothing.
#[tokio::test]
async fn a_header_is_no_address() {
    let app = App::with(&[("CODES_PER_IP_HOUR", "1")]).await;
    for (n, expected) in [(1, 202), (2, 429)] {
        let headers = [
            ("x-forwarded-for", "198.51.100.9"),
            ("forwarded", "for=198.51.100.9"),
            ("x-real-ip", "198.51.100.9"),
        ];
        let body = json!({ "phone": phone(n) }).to_string().into_bytes();
        let headers = if n == 1 { &[][..] } else { &headers[..] };
        let answer = app.from("203.0.113.77", http::Method::POST, "/v1/auth/code", None, headers, body).await;
        assert_eq!(answer.status, expected);
    }
}

/// Behind the deployment's own proxy an address is what that tells, wherever one is counted
/// or kept; nobody else is believed.
#[tokio::test]
async fn a_proxy_tells_whose_address_it_is() {
    const SECRET: &str = "a-secret-of-the-proxy";
    let app = App::with(
        &[
            &[
                ("TRUSTED_PROXY", "CloudFront-Viewer-Address"),
                ("TRUSTED_PROXY_SECRET", SECRET),
                ("CODES_PER_IP_HOUR", "1"),
                ("GUESSES_PER_IP_HOUR", "2"),
            ],
            FREE,
        ]
        .concat(),
    )
    .await;
    let told = async |path: &str, body: Value, address: &str, secret: &str| {
        let headers = [("cloudfront-viewer-address", address), ("x-proxy-secret", secret)];
        let body = body.to_string().into_bytes();
        app.from("203.0.113.77", http::Method::POST, path, None, &headers, body).await
    };
    for (path, body, limit) in [
        ("/v1/auth/code", json!({ "phone": phone(1) }), 1),
        ("/v1/auth/token", json!({ "phone": phone(1), "code": "0000" }), 2),
    ] {
        for address in ["198.51.100.1:4000", "198.51.100.2:4000", "2001:db8::1:4000"] {
            for n in 0..=limit {
                let status = told(path, body.clone(), address, SECRET).await.status;
                assert_eq!(status == 429, n == limit, "{path} {address} {n}: {status}");
            }
        }
    }
    for (address, status) in [("198.51.100.1:4000", 429), ("198.51.100.4:4000", 200)] {
        assert_eq!(told("/v1/auth/passkey/options", json!({}), address, SECRET).await.status, status);
    }
    // The proxy's own address, for whoever does not know its secret: one for all of them.
    let code = || json!({ "phone": phone(2) });
    assert_eq!(told("/v1/auth/code", code(), "198.51.100.7:1", "a-guess").await.status, 202);
    assert_eq!(told("/v1/auth/code", code(), "198.51.100.8:1", "").await.status, 429);
    app.clock.advance_millis(1);
    assert_eq!(told("/v1/auth/code", code(), "198.51.100.9:1", SECRET).await.status, 202);

    let code = app.last_code(&phone(2)).await;
    let body = json!({ "phone": phone(2), "code": code });
    let session = told("/v1/auth/token", body, "198.51.100.9:1", SECRET).await.ok(200);
    let ip = async |token: &Value| {
        let sessions = app.get("/v1/users/me/sessions", token.as_str().unwrap()).await.ok(200);
        sessions["items"][0]["ip"].clone()
    };
    assert_eq!(ip(&session["access_token"]).await, "198.51.100.0/24");
    let body = json!({ "refresh_token": session["refresh_token"] });
    let session = told("/v1/auth/refresh", body, "192.0.2.9:1", SECRET).await.ok(200);
    assert_eq!(ip(&session["access_token"]).await, "192.0.2.0/24");
}

/// A refusal gives back what the other limits counted, and the code before it.
#[tokio::test]
async fn a_refusal_costs_nothing_of_the_other_limits() {
    let app = App::sequential(&[("CODES_PER_IP_HOUR", "2"), ("TEXTS_PER_DAY", "2")]).await;
    let code = app.code_for(&phone(1)).await;
    for _ in 0..5 {
        app.request_code(&phone(1)).await.problem(429, "resend_too_soon");
    }
    app.request_code(&phone(2)).await.ok(202);
    // Now the address and the day are full; the phone's own allowance stays whole.
    app.clock.advance(60);
    for _ in 0..10 {
        app.request_code(&phone(1)).await.problem(503, "texts_paused");
    }
    app.exchange(&phone(1), &code).await.ok(200);
    app.clock.advance(TO_THE_DAY);
    app.request_code(&phone(1)).await.ok(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_guesses_60_times_an_hour_at_most() {
    let app = Arc::new(App::with(&[("GUESSES_PER_IP_HOUR", "60")]).await);
    let right = app.code_for(&phone(0)).await;
    let mut racers = JoinSet::new();
    for n in 1..101 {
        let app = Arc::clone(&app);
        racers.spawn(async move { app.exchange(&phone(n), "0000").await });
    }
    let answers = racers.join_all().await;
    assert_eq!((count(&answers, 422), count(&answers, 429)), (60, 40));
    // The right code is not compared, and its guess is not counted either.
    for _ in 0..10 {
        let refused = app.exchange(&phone(0), &right).await;
        assert_eq!(refused.problem(429, "too_many_requests")["retry_after"], TO_THE_HOUR);
    }
    let body = json!({ "phone": phone(0), "code": right });
    app.post_from("203.0.113.78", "/v1/auth/token", &body).await.ok(200);
}

/// A hundred at once, with answers lost and writes throttled: the ceiling holds.
#[tokio::test(flavor = "multi_thread")]
async fn the_deployments_texts_of_a_day_are_never_exceeded() {
    for trial in 0..trials_of(100) {
        // All of them, or the strangers' part of 28.
        let ceiling = [("TEXTS_PER_DAY", "20"), ("TEXTS_RESERVED", "0")];
        let part = [("TEXTS_PER_DAY", "28"), ("TEXTS_RESERVED", "30")];
        let app = Arc::new(App::with(if trial % 4 < 2 { &ceiling } else { &part }).await);
        app.faults.trouble(trial);
        let answers = ask_at_once(&app, "203.0.113.77", 0..100).await;
        app.faults.calm();
        let sent = app.all_texts().await;
        assert!(sent <= 20, "{sent} were sent");
        if trial == 0 {
            assert_eq!((sent, count(&answers, 202), count(&answers, 503)), (20, 20, 80));
            for refused in answers.iter().filter(|answer| answer.status == 503) {
                assert_eq!(refused.problem(503, "texts_paused")["retry_after"], TO_THE_DAY);
            }
            app.clock.advance(TO_THE_DAY - 1);
            app.request_code(&phone(200)).await.problem(503, "texts_paused");
            app.clock.advance(1);
            app.request_code(&phone(200)).await.ok(202);
        }
    }
}

#[tokio::test]
async fn of_two_limits_the_longer_is_told() {
    let app = App::with(&[("CODES_PER_IP_HOUR", "1")]).await;
    app.request_code(&phone(1)).await.ok(202);
    // The cooldown is over in a minute, the hour in half an hour.
    let problem = app.request_code(&phone(1)).await.problem(429, "too_many_requests");
    assert_eq!(problem["retry_after"], TO_THE_HOUR);
    app.clock.advance(TO_THE_HOUR);
    app.request_code(&phone(1)).await.ok(202);
}

#[tokio::test]
async fn only_listed_countries_are_texted() {
    let app = App::with(&[("ALLOWED_COUNTRIES", "RU,KZ")]).await;
    app.request_code(&phone(1)).await.ok(202);
    app.request_code("+77011234567").await.ok(202);
    app.request_code("+12015550123").await.problem(422, "country_not_allowed");
    assert_eq!(app.all_texts().await, 2);
}

#[tokio::test]
async fn a_user_tries_20_wrong_invite_codes_a_day_at_most() {
    let app = App::sequential(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    for n in 0..20 {
        let wrong = if n % 2 == 0 { "ZZZZZZ" } else { "no code" };
        app.activate(&bob.token, wrong).await.problem(404, "invite_code_not_found");
    }
    let refused = app.activate(&bob.token, &alice.invite_code).await;
    assert_eq!(refused.problem(429, "too_many_invite_guesses")["retry_after"], TO_THE_DAY);
    app.activate(&alice.token, "ZZZZZZ").await.problem(404, "invite_code_not_found");
    app.clock.advance(TO_THE_DAY - 1);
    let bob = Person { token: app.new_token(&bob).await, ..bob };
    app.activate(&bob.token, &alice.invite_code).await.problem(429, "too_many_invite_guesses");
    app.clock.advance(1);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    // Whoever has activated one learns that first, however many tries there were.
    for _ in 0..25 {
        app.activate(&bob.token, "ZZZZZZ").await.problem(409, "invite_already_activated");
    }
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_invite_codes_at_once_are_counted_first() {
    let app = Arc::new(App::new().await);
    let bob = app.sign_in(&phone(1)).await;
    let mut racers = JoinSet::new();
    for _ in 0..100 {
        let (app, token) = (Arc::clone(&app), bob.token.clone());
        racers.spawn(async move { app.activate(&token, "ZZZZZZ").await });
    }
    let answers = racers.join_all().await;
    assert_eq!((count(&answers, 404), count(&answers, 429)), (20, 80));
}

#[tokio::test]
async fn a_test_number_has_its_code_until_its_day_ends() {
    let tester = "+12015550123";
    let vars = [
        ("TEST_PHONES", "+12015550123=0000@2026-11-21"),
        ("ALLOWED_COUNTRIES", "RU"),
        ("TEXTS_PER_DAY", "1"),
        ("CODES_PER_IP_HOUR", "1"),
        ("GUARD_STOCKS", "1"),
    ];
    let app = App::with(&vars).await;
    // No limits of texts, and nothing taken of those of others.
    for _ in 0..20 {
        let answer = app.request_code(tester).await.ok(202);
        assert_eq!((&answer["code_length"], &answer["resend_in"]), (&json!(4), &json!(0)));
    }
    assert_eq!(app.all_texts().await, 0, "never texted");
    app.exchange(tester, "0001").await.problem(422, "invalid_code");
    let user = app.exchange(tester, "0000").await.ok(200)["user"].clone();
    assert_eq!((&user["role"], &user["phone"]), (&json!("user"), &json!(tester)));
    app.request_code(&phone(1)).await.ok(202);

    // Guesses are limited as everywhere.
    for _ in 0..3 {
        app.request_code(tester).await.ok(202);
        for _ in 0..5 {
            app.exchange(tester, "0001").await;
        }
    }
    app.exchange(tester, "0000").await.problem(429, "too_many_guesses");
    app.clock.advance(TO_THE_DAY - 1);
    assert_eq!(app.request_code(tester).await.ok(202)["expires_in"], 1, "no longer than its day");
    app.clock.advance(1);
    app.request_code(tester).await.problem(422, "country_not_allowed");
    app.clock.advance(2 * 3_600);
    app.exchange(tester, "0000").await.problem(422, "invalid_code");
}

/// Two that asked at once and are both refused, in either order: neither's code stays live.
#[tokio::test]
async fn of_codes_that_are_taken_back_none_stays() {
    let app = App::new().await;
    let setup = app.setup_with("request-code", &[("RESEND_COOLDOWN", "0")]);
    let pepper = Pepper::new(&Secret::parse("pepper-of-the-tests").unwrap());
    let codes = Codes::new(&setup, pepper).unwrap();
    let wanted = Wanted { purpose: Purpose::SignIn, request: &[], means: None };
    for (n, order) in (1..).zip([[0, 1], [1, 0]]) {
        let phone = Phone::parse(&phone(n), "RU".parse().unwrap()).unwrap();
        let mut issued = Vec::new();
        for _ in order {
            let issue = codes.issue((Asker::Stranger, false), phone.clone(), &wanted).await.unwrap();
            let Issue::Issued(code) = issue else { panic!("{issue:?}") };
            issued.push(code);
        }
        let live = async || {
            let all: Vec<_> = issued.iter().map(|issued| (&phone, issued.code.clone())).collect();
            codes.are_live(&all).await.unwrap()
        };
        assert_eq!(live().await, [false, true]);
        codes.take_back(&issued[order[0]], None).await.unwrap();
        assert_eq!(live().await, [order[0] == 1, order[0] == 0], "{order:?}");
        codes.take_back(&issued[order[1]], None).await.unwrap();
        assert_eq!(live().await, [false, false], "{order:?}");
        // Nor by being taken back once more.
        codes.take_back(&issued[order[0]], None).await.unwrap();
        assert_eq!(live().await, [false, false], "{order:?}");
    }
}
