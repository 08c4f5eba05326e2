//! The inbox of the laptop: what it shows of the texts, and to whom.

use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use latchkey::base::config;
use latchkey::cloud::secrets;
use latchkey::sms::inbox::{Inbox, KEY_PREFIX};
use latchkey::tables::codes::Codes;
use latchkey_local::engine::Engine;
use latchkey_local::inbox;
use latchkey_local::texts::Texts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::{Answer, App, FREE, phone};
use crate::phone_change::moved;

/// A gateway with its inbox.
struct Laptop {
    app: App,
    inbox: Router,
}

impl Laptop {
    async fn with(vars: &[(&str, &str)]) -> Self {
        let engine = Engine::in_memory().unwrap();
        let app = App::build(&[vars, FREE].concat(), Some(engine.clone())).await;
        let setup = app.setup("inbox");
        let codes = Codes::new(&setup, secrets::pepper(&setup).await.unwrap()).unwrap();
        let texts =
            Texts::new(Inbox::new(&setup).unwrap(), codes, Arc::clone(&app.world), Some(engine.texted()));
        let inbox = inbox::router(Arc::new(texts), &app.vars).unwrap();
        Self { app, inbox }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost:3000");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.inbox.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// All texts, as programs have them.
    async fn all(&self) -> Vec<Value> {
        self.ask(Method::GET, "/local/messages", &[]).await.ok(200).as_array().unwrap().clone()
    }

    /// What the page shows of the texts to a phone: whether each code is live, the oldest first.
    async fn live(&self, phone: &str) -> Vec<bool> {
        let path = format!("/local/messages?limit=100&to={}", phone.replace('+', "%2B"));
        let shown = self.ask(Method::GET, &path, &[]).await.ok(200);
        shown.as_array().unwrap().iter().map(|text| text["is_live"].as_bool().unwrap()).collect()
    }

    async fn empty(&self, headers: &[(&str, &str)]) -> u16 {
        self.ask(Method::DELETE, "/local/messages", headers).await.status
    }

    /// Puts so many texts past the API, a second after each other, the last now.
    async fn fill(&self, count: u32) {
        let client = self.app.setup("tests").dynamodb();
        let now = self.app.world.now();
        let item = |n: u32| {
            let at = now.plus_seconds(i64::from(n) - i64::from(count) + 1);
            let attributes = [
                ("pk", AttributeValue::S(format!("{KEY_PREFIX}{n:08}"))),
                ("to", AttributeValue::S(phone(n))),
                ("body", AttributeValue::S(format!("{:04} is your code", n % 10_000))),
                ("sent_at", AttributeValue::N(at.millis().to_string())),
                ("ttl", AttributeValue::N(at.plus_seconds(86_400).seconds().to_string())),
            ];
            let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
            let put = Put::builder().table_name(self.app.vars.text(config::CODES_TABLE));
            TransactWriteItem::builder().put(put.set_item(Some(attributes)).build().unwrap()).build()
        };
        for some in (0..count).collect::<Vec<_>>().chunks(100) {
            let items = some.iter().map(|n| item(*n)).collect();
            client.transact_write_items().set_transact_items(Some(items)).send().await.unwrap();
        }
    }
}

/// Each way in which a code stops being one that can be entered.
#[tokio::test]
async fn the_page_tells_codes_that_can_still_be_entered() {
    let laptop = Laptop::with(&[]).await;
    let app = &laptop.app;
    let [entered, replaced, used_up, late, known, from, onto] = [1, 2, 3, 4, 5, 6, 7].map(phone);
    for phone in [&entered, &replaced, &used_up, &late] {
        app.request_code(phone).await.ok(202);
        assert_eq!(laptop.live(phone).await, [true], "{phone}");
    }

    app.exchange(&entered, &app.last_code(&entered).await).await.ok(200);
    assert_eq!(laptop.live(&entered).await, [false]);

    app.clock.advance_millis(1);
    app.request_code(&replaced).await.ok(202);
    assert_eq!(laptop.live(&replaced).await, [false, true]);

    let wrong = app.wrong_code(&used_up).await;
    for guess in 1..=5 {
        assert_eq!(laptop.live(&used_up).await, [true], "before guess {guess}");
        app.exchange(&used_up, &wrong).await.problem(422, "invalid_code");
    }
    assert_eq!(laptop.live(&used_up).await, [false]);

    // One of either register: a stranger voids no code of a known device.
    let code = app.code_for(&known).await;
    let device = app.exchange(&known, &code).await.ok(200)["device_token"].as_str().unwrap().to_owned();
    app.clock.advance_millis(1);
    app.post("/v1/auth/code", json!({ "phone": known, "device_token": device })).await.ok(202);
    app.clock.advance_millis(1);
    app.request_code(&known).await.ok(202);
    assert_eq!(laptop.live(&known).await, [false, true, true]);

    // For another purpose than signing in.
    let person = app.sign_in(&from).await;
    let wanted = json!({ "phone": onto, "purpose": "change_phone" });
    app.json(Method::POST, "/v1/auth/code", &person.token, &wanted).await.ok(202);
    assert_eq!(laptop.live(&onto).await, [true]);
    let code = app.last_code(&onto).await;
    let move_to = json!({ "phone": onto, "code": code });
    app.json(Method::PUT, "/v1/users/me/phone", &person.token, &move_to).await.ok(200);
    assert_eq!(laptop.live(&onto).await, [false]);

    app.clock.advance(299);
    assert_eq!(laptop.live(&late).await, [true]);
    app.clock.advance(1);
    assert_eq!(laptop.live(&late).await, [false]);
}

/// A code that was hashed under an entry of the pepper which is not the first any more.
#[tokio::test]
async fn a_rotation_takes_no_code_from_the_page() {
    let laptop = Laptop::with(&[]).await;
    laptop.app.request_code(&phone(1)).await.ok(202);
    let rotated =
        laptop.app.setup_with("inbox", &[("PEPPER_SECRET", "another-pepper-0123,pepper-of-the-tests")]);
    let codes = Codes::new(&rotated, secrets::pepper(&rotated).await.unwrap()).unwrap();
    let texts = Texts::new(Inbox::new(&rotated).unwrap(), codes, Arc::clone(&laptop.app.world), None);
    let newest = serde_json::to_value(texts.newest(1, |_| true).await.unwrap().texts).unwrap();
    assert_eq!(newest[0]["is_live"], true, "{newest}");
}

#[tokio::test]
async fn codes_are_forgotten_and_notices_stay_for_their_day() {
    let laptop = Laptop::with(&[]).await;
    let app = &laptop.app;
    let person = app.sign_in(&phone(1)).await;
    moved(app, &person.token, &phone(2)).await;

    let shown = async || {
        let answer = laptop.ask(Method::GET, "/local/messages?limit=100", &[]).await;
        let texts = answer.ok(200).as_array().unwrap().clone();
        assert_eq!(answer.header("x-total-count"), texts.len().to_string());
        texts
    };
    let all = laptop.all().await;
    assert_eq!(all.len(), 3);
    for text in &all {
        let names: Vec<_> = text.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["body", "sent_at", "to"]);
    }
    assert_eq!(shown().await.len(), 3, "greyed");
    app.clock.advance(599);
    assert_eq!(shown().await.len(), 3, "greyed for as long again as a code lives");
    app.clock.advance(1);
    let left = shown().await;
    assert_eq!(left.len(), 1, "gone");
    assert_eq!((&left[0]["to"], &left[0]["code"]), (&json!(phone(1)), &Value::Null));
    assert_eq!(laptop.all().await.len(), 3, "programs still have them");
    app.clock.advance(86_400);
    assert_eq!((shown().await.len(), laptop.all().await.len()), (0, 0));
}

#[tokio::test]
async fn a_number_is_found_however_it_is_written_and_by_a_part_of_it() {
    let laptop = Laptop::with(&[("EXTRA_NUMBER_RANGES", "+7895=11"), ("DEFAULT_REGION", "RU")]).await;
    for phone in ["+79000000001", "+79000000002", "+447911123456", "+4915123456789", "+78951234567"] {
        laptop.app.request_code(phone).await.ok(202);
    }
    for (typed, found) in [
        ("", 5),
        ("  ", 5),
        ("+79000000001", 1),
        ("8 (900) 000-00-01", 1),
        ("79000000001", 1),
        ("\u{202d}+7\u{a0}900\u{a0}000\u{2011}00\u{2011}01\u{202c}", 1),
        ("٩٠٠٠٠٠٠٠٠١", 1),
        ("9000000001", 1),
        ("0001", 1),
        ("000-00-0", 2),
        ("2", 4),
        ("07911 123456", 1),
        ("0044 7911", 1),
        ("0151 2345", 1),
        ("8 900 00", 2),
        ("+7 895 123-45-67", 1),
        ("tel:+44-7911", 1),
        ("4242", 0),
        ("Alice", 0),
    ] {
        let number = utf8_percent_encode(typed, NON_ALPHANUMERIC);
        let path = format!("/local/messages?limit=100&number={number}");
        let answer = laptop.ask(Method::GET, &path, &[]).await;
        let shown = answer.ok(200).as_array().unwrap().len();
        assert_eq!((shown, answer.header("x-total-count")), (found, &*found.to_string()), "{typed:?}");
    }
    let to = laptop.ask(Method::GET, "/local/messages?to=%2B78951234567", &[]).await.ok(200);
    assert_eq!(to.as_array().unwrap().len(), 1, "a number that the plans do not know yet");
    for path in ["limit=0", "limit=501", "limit=-1", "limit=x", "to=12"] {
        let answer = laptop.ask(Method::GET, &format!("/local/messages?{path}"), &[]).await;
        assert!(matches!(answer.status, 400 | 422), "{path}: {}", answer.status);
    }
}

/// However many there are, whoever looks again reads what came since, and of the codes those
/// that are shown.
#[tokio::test]
async fn ten_thousand_texts_are_read_once() {
    let laptop = Laptop::with(&[]).await;
    laptop.fill(10_000).await;
    let look = async |headers: &[(&str, &str)]| {
        laptop.app.faults.asked();
        let answer = laptop.ask(Method::GET, "/local/messages?limit=100", headers).await;
        (answer, laptop.app.faults.asked())
    };
    let (first, asked) = look(&[]).await;
    assert!(asked.iter().any(|asked| asked.operation == "Scan"));
    assert_eq!(first.ok(200).as_array().unwrap().len(), 100);
    // Twice a code's life of a text a second.
    assert_eq!(first.header("x-total-count"), "600");
    assert_eq!(laptop.all().await.len(), 10_000);

    let (again, asked) = look(&[("if-none-match", first.header("etag"))]).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    // The items of a hundred phones, of two registers each.
    assert!(asked.iter().all(|asked| asked.operation == "BatchGetItem"), "{asked:?}");
    assert_eq!(asked.len(), 2);

    laptop.app.request_code("+447911123456").await.ok(202);
    let (new, asked) = look(&[("if-none-match", first.header("etag"))]).await;
    assert!(asked.iter().all(|asked| asked.operation == "BatchGetItem"), "{asked:?}");
    let newest = new.ok(200).as_array().unwrap().last().unwrap().clone();
    assert_eq!((&newest["to"], &newest["is_live"]), (&json!("+447911123456"), &json!(true)));

    assert_eq!(laptop.empty(&[]).await, 204);
    assert_eq!(laptop.all().await.len(), 0);
}

#[tokio::test]
async fn emptying_takes_texts_and_no_codes_and_is_for_its_own_page() {
    let laptop = Laptop::with(&[]).await;
    let app = &laptop.app;
    app.request_code(&phone(1)).await.ok(202);
    let code = app.last_code(&phone(1)).await;
    for (headers, status) in [
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "http://localhost:8081")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", "http://localhost:3000.evil.example")], 403),
        (vec![("host", "evil.example"), ("origin", "http://evil.example")], 421),
        (vec![("host", "evil.example")], 421),
    ] {
        assert_eq!(laptop.empty(&headers).await, status, "{headers:?}");
    }
    let preflight = [("origin", "https://evil.example"), ("access-control-request-method", "DELETE")];
    let answer = laptop.ask(Method::OPTIONS, "/local/messages", &preflight).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
    assert_eq!(laptop.all().await.len(), 1);

    assert_eq!(laptop.empty(&[("origin", "http://localhost:3000")]).await, 204);
    assert_eq!(laptop.all().await.len(), 0);
    assert_eq!(app.all_texts().await, 0, "in the table, too");
    app.exchange(&phone(1), &code).await.ok(200);
    app.request_code(&phone(2)).await.ok(202);
    assert_eq!(laptop.live(&phone(2)).await, [true], "what comes afterwards shows");
    assert_eq!(laptop.empty(&[]).await, 204, "a program says no origin");
    assert_eq!(laptop.empty(&[]).await, 204, "there was nothing");
}
