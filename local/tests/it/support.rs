//! "I get no code": what is told of a number, and what is lifted.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{ADMIN, Answer, App, Person, phone};
use crate::faults::{Carrier, Fault};
use crate::trials::trials_of;

const PHONES: &str = "/v1/support/phones";
const LIMITS: &str = "/v1/support/phones/limits";

async fn look_up(app: &App, by: &Person, phone: &str) -> Value {
    app.json(Method::POST, PHONES, &by.token, &json!({ "phone": phone })).await.ok(200)
}

async fn lift(app: &App, by: &Person, phone: &str) -> Answer {
    app.json(Method::DELETE, LIMITS, &by.token, &json!({ "phone": phone })).await
}

/// What became of the texts of a register, newest first.
fn outcomes(told: &Value, register: usize) -> Vec<&str> {
    let texts = told["registers"][register]["texts"].as_array().unwrap();
    texts.iter().map(|text| text["outcome"].as_str().unwrap()).collect()
}

fn limits(told: &Value, register: usize) -> Vec<(&str, &str)> {
    let limits = told["registers"][register]["limits"].as_array().unwrap();
    limits.iter().map(|of| (of["limit"].as_str().unwrap(), of["until"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_number_is_told_as_it_is_read() {
    let app = App::with_admin(&[
        ("ALLOWED_COUNTRIES", "RU,KZ"),
        ("TEST_PHONES", "+12015550123=1234@2026-12-31"),
        ("EXTRA_NUMBER_RANGES", "+7895=11"),
    ])
    .await;
    let admin = app.sign_in(ADMIN).await;
    for (typed, read, country, kind, refusal) in [
        ("8 (900) 000-00-01", "+79000000001", json!("RU"), "mobile", json!(null)),
        ("+7 701 123-45-67", "+77011234567", json!("KZ"), "mobile", json!(null)),
        ("+7 812 123-45-67", "+78121234567", json!("RU"), "landline", json!("invalid_phone")),
        ("+7 895 000-00-01", "+78950000001", json!("RU"), "mobile", json!(null)),
        ("+44 7400 123456", "+447400123456", json!("GB"), "mobile", json!("country_not_allowed")),
        ("+1 212 555 0100", "+12125550100", json!("US"), "mobile_or_landline", json!("country_not_allowed")),
        ("+881 6 1234 5678", "+881612345678", json!(null), "mobile", json!("country_not_allowed")),
        ("+1 201 555 0123", "+12015550123", json!("US"), "mobile_or_landline", json!(null)),
    ] {
        let told = look_up(&app, &admin, typed).await;
        let seen = (&told["phone"], &told["country"], &told["kind"], &told["refusal"]);
        assert_eq!(seen, (&json!(read), &country, &json!(kind), &refusal), "{typed}");
        assert_eq!(told["is_test"], read == "+12015550123");
        assert_eq!((&told["account"], &told["places"]), (&json!(null), &json!([])));
    }
    for unread in ["+7 900", "hello", "", "8 900 000-00-01 ext. 5"] {
        app.json(Method::POST, PHONES, &admin.token, &json!({ "phone": unread }))
            .await
            .problem(422, "invalid_phone");
    }
    let account = &look_up(&app, &admin, ADMIN).await["account"];
    assert_eq!((&account["id"], &account["phone"]), (&json!(admin.id), &json!(ADMIN)));
}

#[tokio::test]
async fn what_became_of_each_text_is_told_and_never_a_code() {
    let app = App::with_admin(&[
        ("SMS_PROVIDER", "sns"),
        ("REVEAL_CODE", "true"),
        ("ACCESS_TTL", "86400"),
        ("CODES_PER_PHONE_DAY", "50"),
    ])
    .await;
    let admin = app.sign_in(ADMIN).await;
    assert_eq!(outcomes(&look_up(&app, &admin, &phone(1)).await, 0), [""; 0]);

    let code = app.code_for(&phone(1)).await;
    let told = look_up(&app, &admin, &phone(1)).await;
    let register = &told["registers"][0];
    assert_eq!(outcomes(&told, 0), ["sent"]);
    assert_eq!(
        (&register["texts"][0]["asked_at"], &register["code_expires_at"]),
        (&json!("2026-11-21T01:25:52Z"), &json!("2026-11-21T01:30:52Z"))
    );
    assert!(!told.to_string().contains(&format!("\"{code}\"")));
    let right: u32 = code.parse().unwrap();
    for n in 1..=2 {
        app.exchange(&phone(1), &format!("{:04}", (right + n) % 10_000)).await.problem(422, "invalid_code");
    }
    assert_eq!(look_up(&app, &admin, &phone(1)).await["registers"][0]["wrong_guesses"], 2);
    let signed_in = app.exchange(&phone(1), &code).await.ok(200);
    let told = look_up(&app, &admin, &phone(1)).await;
    assert_eq!(outcomes(&told, 0), ["entered"]);
    assert_eq!(told["registers"][0]["code_expires_at"], json!(null));
    assert_eq!(told["account"]["id"], signed_in["user"]["id"]);

    app.clock.advance(60);
    app.faults.carrier(Carrier::Refuses("OptedOut", "no"));
    app.request_code(&phone(1)).await.problem(422, "invalid_phone");
    app.clock.advance(1);
    app.faults.carrier(Carrier::Refuses("Throttled", "no"));
    app.request_code(&phone(1)).await.problem(503, "text_not_sent");
    app.clock.advance(1);
    app.faults.carrier(Carrier::Takes);
    app.post_with_key("/v1/auth/code", "a", &json!({ "phone": phone(1) })).await.ok(202);
    let told = look_up(&app, &admin, &phone(1)).await;
    assert_eq!(outcomes(&told, 0), ["accepted", "refused", "refused", "entered"]);
    let texts = told["registers"][0]["texts"].as_array().unwrap();
    let reasons: Vec<_> = texts.iter().map(|text| text["reason"].as_str()).collect();
    assert_eq!(reasons, [None, Some("throttled"), Some("opted_out"), None]);
    assert_eq!(outcomes(&told, 1), [""; 0]);

    // The device has a register of its own.
    let device = json!({ "phone": phone(1), "device_token": signed_in["device_token"] });
    app.post("/v1/auth/code", device).await.ok(202);
    assert_eq!(outcomes(&look_up(&app, &admin, &phone(1)).await, 1), ["sent"]);
    // Whatever happened meanwhile, the last ten are kept.
    for _ in 0..12 {
        app.clock.advance(3_600);
        app.exchange(&phone(1), &app.code_for(&phone(1)).await).await.ok(200);
    }
    assert_eq!(outcomes(&look_up(&app, &admin, &phone(1)).await, 0), ["entered"; 10]);
}

/// Another entry of the pepper finds what was kept under the one before.
#[tokio::test]
async fn a_rotation_forgets_no_fate() {
    let app = App::with_admin(&[]).await;
    let admin = app.sign_in(ADMIN).await;
    app.exchange(&phone(1), &app.code_for(&phone(1)).await).await.ok(200);
    app.clock.advance(60);
    app.code_for(&phone(1)).await;
    let rotated =
        app.again_with(&[("PEPPER_SECRET", "another-pepper-of-the-tests,pepper-of-the-tests")]).await;
    assert_eq!(outcomes(&look_up(&rotated, &admin, &phone(1)).await, 0), ["sent", "entered"]);
    rotated.exchange(&phone(1), &app.last_code(&phone(1)).await).await.ok(200);
    assert_eq!(outcomes(&look_up(&rotated, &admin, &phone(1)).await, 0), ["entered", "entered"]);
    rotated.clock.advance(60);
    rotated.request_code(&phone(1)).await.ok(202);
    assert_eq!(lift(&rotated, &admin, &phone(1)).await.status, 204);
    rotated.request_code(&phone(1)).await.ok(202);
    let told = look_up(&rotated, &admin, &phone(1)).await;
    assert_eq!(outcomes(&told, 0), ["sent", "entered", "entered"], "two of one second are one");
}

#[tokio::test]
async fn each_limit_is_told_with_its_end() {
    let limited =
        [("CODES_PER_PHONE_HOUR", "2"), ("CODES_PER_PHONE_DAY", "3"), ("GUESSES_PER_PHONE_DAY", "5")];
    let app = App::with_admin(&[&limited[..], &[("ACCESS_TTL", "86400")]].concat()).await;
    let admin = app.sign_in(ADMIN).await;
    app.request_code(&phone(1)).await.ok(202);
    let told = look_up(&app, &admin, &phone(1)).await;
    assert_eq!(limits(&told, 0), [("cooldown", "2026-11-21T01:26:52Z")]);
    app.clock.advance(60);
    let device =
        app.exchange(&phone(1), &app.code_for(&phone(1)).await).await.ok(200)["device_token"].clone();
    let told = look_up(&app, &admin, &phone(1)).await;
    assert_eq!(limits(&told, 0), [("cooldown", "2026-11-21T01:27:52Z"), ("hour", "2026-11-21T02:25:52Z")]);
    app.clock.advance(3_600);
    app.code_for(&phone(1)).await;
    for _ in 0..5 {
        app.exchange(&phone(1), &app.wrong_code(&phone(1)).await).await.problem(422, "invalid_code");
    }
    app.clock.advance(60);
    let told = look_up(&app, &admin, &phone(1)).await;
    assert_eq!(told["registers"][0]["wrong_guesses"], 5);
    assert_eq!(limits(&told, 0), [("day", "2026-11-22T01:25:52Z"), ("guesses", "2026-11-22T02:26:52Z")]);
    assert_eq!(limits(&told, 1), []);
    // Two texts to a known device whose codes nobody enters.
    for _ in 0..2 {
        app.clock.advance(3_600);
        app.post("/v1/auth/code", json!({ "phone": phone(1), "device_token": device })).await.ok(202);
    }
    let told = look_up(&app, &admin, &phone(1)).await;
    let names: Vec<_> = limits(&told, 1).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["cooldown", "unentered"]);
}

#[tokio::test]
async fn a_place_that_is_short_is_told_as_the_guard_does() {
    let app = App::with_admin(&[("GUARD_STOCKS", "100"), ("TEXTS_PER_DAY", "5000")]).await;
    let admin = app.sign_in(ADMIN).await;
    for n in 0..6 {
        app.request_code(&format!("+7900123{n:04}")).await.ok(202);
    }
    let told = look_up(&app, &admin, "+79001239999").await;
    let guard = app.get("/v1/guard", &admin.token).await.ok(200);
    assert_eq!(told["places"][0]["place"], "block-7900123");
    assert_eq!((&told["places"], &told["texts_of_day"]), (&guard["items"], &guard["texts"]));
    assert_eq!(told["texts_of_day"]["most"], 5_000);
    assert_eq!(look_up(&app, &admin, "+79001249999").await["places"], json!([]));
}

#[tokio::test]
async fn an_admin_lifts_all_that_is_of_one_number_and_nothing_else() {
    let limited = [("CODES_PER_PHONE_HOUR", "2"), ("GUESSES_PER_PHONE_DAY", "3"), ("REVEAL_CODE", "true")];
    let app = App::with_admin(&limited).await;
    let admin = app.sign_in(ADMIN).await;
    let first = app.code_for(&phone(1)).await;
    let device = app.exchange(&phone(1), &first).await.ok(200)["device_token"].clone();
    app.clock.advance(60);
    let ask = json!({ "phone": phone(1), "device_token": device });
    let known = app.post("/v1/auth/code", ask.clone()).await.ok(202);
    let code = app.code_for(&phone(1)).await;
    let right: u32 = code.parse().unwrap();
    let wrong = format!("{:04}", (right + 1) % 10_000);
    for _ in 0..3 {
        app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code");
    }
    app.exchange(&phone(1), &wrong).await.problem(429, "too_many_guesses");
    app.clock.advance(60);
    app.request_code(&phone(1)).await.problem(429, "too_many_codes");
    app.request_code(&phone(2)).await.ok(202);

    assert_eq!(lift(&app, &admin, &phone(1)).await.status, 204);
    let told = look_up(&app, &admin, &phone(1)).await;
    assert_eq!((limits(&told, 0), limits(&told, 1)), (vec![], vec![]));
    assert_eq!((outcomes(&told, 0), outcomes(&told, 1)), (vec!["sent", "entered"], vec!["sent"]));
    // The live code was guessed at three times: two are left, however often it is lifted.
    assert_eq!(app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code")["attempts_left"], 1);
    lift(&app, &admin, &phone(1)).await;
    assert_eq!(app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code")["attempts_left"], 0);
    app.exchange(&phone(1), &code).await.problem(422, "invalid_code");
    // What the device was texted is live, and it may ask at once.
    let body = json!({ "phone": phone(1), "device_token": device, "code": known["code"] });
    app.post("/v1/auth/token", body).await.ok(200);
    app.request_code(&phone(1)).await.ok(202);
    app.post("/v1/auth/code", ask).await.ok(202);
    // Others are held up as before.
    app.request_code(&phone(2)).await.problem(429, "resend_too_soon");
}

#[tokio::test]
async fn lifting_leaves_what_bounds_the_deployment() {
    let app = App::with_admin(&[("TEXTS_PER_DAY", "4"), ("TEXTS_RESERVED", "0")]).await;
    let admin = app.sign_in(ADMIN).await;
    for _ in 0..3 {
        app.request_code(&phone(1)).await.ok(202);
        assert_eq!(lift(&app, &admin, &phone(1)).await.status, 204);
    }
    app.request_code(&phone(1)).await.problem(503, "texts_paused");

    let app = App::with_admin(&[("GUARD_STOCKS", "100")]).await;
    let admin = app.sign_in(ADMIN).await;
    for _ in 0..6 {
        app.request_code("+79001230001").await.ok(202);
        assert_eq!(lift(&app, &admin, "+79001230001").await.status, 204);
    }
    app.request_code("+79001230001").await.problem(403, "proof_required");
}

/// What is lifted already writes nothing, and neither does whoever may not.
#[tokio::test]
async fn lifting_is_done_once_by_an_admin_who_signed_in_lately() {
    let app = App::with_admin(&[("ACCESS_TTL", "86400")]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    let bob = app.sign_in(&phone(2)).await;
    app.update_user(&admin.token, &bob.id, &json!({ "role": "moderator" })).await.ok(200);
    for by in [&alice, &bob] {
        lift(&app, by, &phone(1)).await.problem(403, "forbidden");
    }
    app.json(Method::POST, PHONES, &alice.token, &json!({ "phone": phone(1) }))
        .await
        .problem(403, "forbidden");
    app.clock.advance(7_201);
    app.request_code(&phone(1)).await.ok(202);
    lift(&app, &admin, &phone(1)).await.problem(403, "recent_sign_in_required");
    app.request_code(&phone(1)).await.problem(429, "resend_too_soon");
    look_up(&app, &admin, &phone(1)).await;

    app.clock.advance(1);
    let admin = app.sign_in(ADMIN).await;
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    assert_eq!(lift(&app, &admin, &phone(1)).await.status, 204);
    assert!(app.faults.all_met());
    // It is on record once, in the same transaction, and so is each look; never the number.
    let trail = app.get("/v1/audit", &admin.token).await.ok(200);
    let entries = trail["items"].as_array().unwrap();
    let acts: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(acts, ["lifted_limits", "looked_up_phone", "changed_role"]);
    let targets: Vec<_> = entries.iter().map(|entry| entry["target"].as_str().unwrap()).collect();
    assert_eq!(targets[0], targets[1]);
    assert!(targets[0].starts_with("phone-") && !trail.to_string().contains(&phone(1)[1..]));
    app.faults.asked();
    assert_eq!(lift(&app, &admin, &phone(1)).await.status, 204);
    let asked: Vec<_> = app.faults.asked().into_iter().map(|asked| asked.operation).collect();
    assert_eq!(asked, ["BatchGetItem"]);
    app.faults.next("TransactWriteItems", Fault::Conflict);
    app.request_code(&phone(1)).await.ok(202);
    assert_eq!(lift(&app, &admin, &phone(1)).await.status, 204);
    app.request_code(&phone(1)).await.ok(202);
}

/// Whoever asks at the moment at which it is lifted is counted before or after.
#[tokio::test]
async fn nothing_gets_lost_between_lifting_and_asking() {
    for _ in 0..trials_of(25) {
        let app = Arc::new(App::with_admin(&[]).await);
        let admin = app.sign_in(ADMIN).await;
        app.request_code(&phone(1)).await.ok(202);
        app.clock.tick();
        let mut all = JoinSet::new();
        for n in 0..4 {
            let (app, admin) = (Arc::clone(&app), admin.clone());
            all.spawn(async move {
                if n == 0 { lift(&app, &admin, &phone(1)).await } else { app.request_code(&phone(1)).await }
            });
        }
        let texted = all.join_all().await.iter().filter(|answer| answer.status == 202).count();
        assert!(texted <= 1, "{texted} texts within the cooldown");
        assert_eq!(app.texts(&phone(1)).await, 1 + texted);
        let told = look_up(&app, &admin, &phone(1)).await;
        assert_eq!(outcomes(&told, 0).len(), 1 + texted);
        assert_eq!(limits(&told, 0).len(), texted);
    }
}
