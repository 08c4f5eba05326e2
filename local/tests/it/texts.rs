//! Texts: what they say, what SNS and SMS Aero are asked, and what their answers
//! mean.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, StatusCode};
use latchkey::base::config::Vars;
use latchkey::base::world::World;
use latchkey::cloud::setup::Setup;
use latchkey::domain::fate::Why;
use latchkey::domain::phone::Phone;
use latchkey::sms::carrier::{Carrier as _, Kind, Text};
use latchkey::sms::refusal::NotSent;
use latchkey::sms::smsaero::SmsAero;
use latchkey::sms::sns::Sns;
use latchkey::sms::webhook::Webhook;
use latchkey_local::parameters;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::app::{ADMIN, App, phone};
use crate::faults::Carrier;

const SNS: &[(&str, &str)] = &[("SMS_PROVIDER", "sns"), ("REVEAL_CODE", "true")];

/// The fields of a request of the Query protocol.
fn fields(body: &str) -> BTreeMap<String, String> {
    serde_html_form::from_str::<Vec<(String, String)>>(body).unwrap().into_iter().collect()
}

#[tokio::test]
async fn sns_is_asked_for_a_transactional_text() {
    let more = [
        ("SNS_SENDER_ID", "Latchkey"),
        ("SNS_ORIGINATION_NUMBER", "+12065550100"),
        ("SNS_MAX_PRICE", "0.10"),
    ];
    let app = App::with(&[SNS, &more].concat()).await;
    let code = app.code_for(&phone(1)).await;
    let texts = app.faults.texts();
    assert_eq!(texts.len(), 1);
    let fields = fields(&texts[0]);
    assert_eq!((&*fields["Action"], &*fields["PhoneNumber"]), ("Publish", &*phone(1)));
    assert_eq!(fields["Message"], format!("{code} — код Latchkey. Никому не говорите."));
    let attributes: BTreeMap<_, _> = (1..=4)
        .map(|n| {
            let of = |what: &str| fields[&format!("MessageAttributes.entry.{n}.{what}")].as_str();
            (of("Name"), (of("Value.DataType"), of("Value.StringValue")))
        })
        .collect();
    assert_eq!(
        attributes,
        BTreeMap::from([
            ("AWS.SNS.SMS.SMSType", ("String", "Transactional")),
            ("AWS.SNS.SMS.SenderID", ("String", "Latchkey")),
            ("AWS.MM.SMS.OriginationNumber", ("String", "+12065550100")),
            ("AWS.SNS.SMS.MaxPrice", ("Number", "0.10")),
        ])
    );
    app.exchange(&phone(1), &code).await.ok(200);
}

/// What each of SNS's refusals means to whoever asked, and that it costs
/// nothing: the next text leaves at once.
#[tokio::test]
async fn a_text_that_sns_refuses_costs_nothing() {
    let limits = [("TEXTS_PER_DAY", "1"), ("CODES_PER_IP_HOUR", "1"), ("CODES_PER_PHONE_DAY", "1")];
    let app = App::with(&[SNS, &limits].concat()).await;
    for (code, words, status, problem) in [
        ("InvalidParameter", "Invalid parameter: PhoneNumber Reason: not valid", 422, "invalid_phone"),
        ("OptedOut", "no", 422, "invalid_phone"),
        ("Throttled", "Rate exceeded", 503, "text_not_sent"),
        ("InvalidParameter", "the phone number is not verified in the sandbox", 503, "text_not_sent"),
        ("AuthorizationError", "no", 503, "text_not_sent"),
        ("LimitExceeded", "the monthly spend limit is reached", 503, "texts_paused"),
    ] {
        app.faults.carrier(Carrier::Refuses(code, words));
        app.request_code(&phone(1)).await.problem(status, problem);
        assert_eq!(app.faults.texts().len(), 1, "{code}: retries are off");
    }
    app.faults.carrier(Carrier::Takes);
    app.code_for(&phone(1)).await;
    app.request_code(&phone(2)).await.problem(503, "texts_paused");
}

/// Taking back a text that did not leave leaves everything as it was, the code
/// of the text before it too.
#[tokio::test]
async fn a_refused_text_leaves_the_code_before_it_live() {
    let app = App::with(SNS).await;
    let code = app.code_for(&phone(1)).await;
    app.clock.advance(60);
    app.faults.carrier(Carrier::Refuses("Throttled", "no"));
    app.request_code(&phone(1)).await.problem(503, "text_not_sent");
    app.exchange(&phone(1), &code).await.ok(200);
}

/// It is no text of the day, and none whose code nobody enters.
#[tokio::test]
async fn a_refused_text_is_not_counted() {
    let app = App::with_admin(&[SNS, &[("GUARD_STOCKS", "1")]].concat()).await;
    app.faults.carrier(Carrier::Refuses("Throttled", "no"));
    app.request_code(&phone(1)).await.problem(503, "text_not_sent");
    app.faults.carrier(Carrier::Takes);
    // Its places have one text each.
    app.request_code(&phone(1)).await.ok(202);
    let admin = app.sign_in(ADMIN).await;
    let stats = app.get("/v1/stats?days=1", &admin.token).await.ok(200);
    assert_eq!(stats["items"][0]["codes_texted"], 2);
}

#[tokio::test]
async fn a_text_that_may_have_left_counts_as_sent() {
    for (n, carrier) in [(1, Carrier::Silent), (2, Carrier::Breaks)] {
        let app = App::with(SNS).await;
        app.faults.carrier(carrier);
        let code = app.code_for(&phone(n)).await;
        assert_eq!(app.faults.texts().len(), 1, "{carrier:?}: retries are off");
        app.request_code(&phone(n)).await.problem(429, "resend_too_soon");
        app.exchange(&phone(n), &code).await.ok(200);
    }
}

/// Where nobody listens, nothing was handed over: all of it is given back.
#[tokio::test]
async fn a_text_that_reached_nobody_was_not_sent() {
    let app = App::with(&[SNS, &[("TEXTS_PER_DAY", "1"), ("CODES_PER_PHONE_DAY", "1")]].concat()).await;
    app.faults.carrier(Carrier::Unreached);
    let body = json!({ "phone": phone(1) });
    app.post_with_key("/v1/auth/code", "k", &body).await.problem(503, "text_not_sent");
    app.faults.carrier(Carrier::Takes);
    app.post_with_key("/v1/auth/code", "k", &body).await.ok(202);

    // As the SDK's own client says it.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    let vars = Vars::from_iter([("AWS_ENDPOINT_URL_SNS", url.as_str())]);
    let sns = Sns::new(&Setup::new(parameters::with_defaults(vars), World::real())).unwrap();
    assert_eq!(sns.send(&a_text()).await.unwrap_err().why, Why::Refused);
}

/// A text as a carrier is handed it.
fn a_text() -> Text {
    let to = Phone::parse(&phone(1), "RU".parse().unwrap()).unwrap();
    let (id, body) = ("01a1fbb5-b500-78e8-8807-ea5c102a0bcf".to_owned(), "1234 — код".to_owned());
    Text { id, to, body, locale: "ru", kind: Kind::Code }
}

/// A text that was asked for with these fields and this header.
async fn text(app: &App, to: &str, fields: Value, accept_language: &str) -> String {
    app.clock.advance_millis(1);
    let mut body = json!({ "phone": to });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let headers = [("accept-language", accept_language)];
    let answer = app
        .from("203.0.113.77", Method::POST, "/v1/auth/code", None, &headers, body.to_string().into_bytes())
        .await;
    answer.ok(202);
    app.last_text(to).await
}

#[tokio::test]
async fn the_language_is_the_apps_then_the_systems_then_the_countrys() {
    let app = App::with(&[("RESEND_COOLDOWN", "0"), ("CODES_PER_PHONE_HOUR", "0")]).await;
    let (russian, american) = (phone(1), "+12015550123");
    assert!(text(&app, &russian, json!({}), "").await.contains("код"));
    assert!(text(&app, american, json!({}), "").await.contains("code"));
    assert!(text(&app, &russian, json!({}), "en-GB, ru;q=0.5").await.contains("code"));
    assert!(text(&app, american, json!({ "locale": "ru-RU" }), "en").await.contains("код"));
    assert!(text(&app, american, json!({ "locale": "tlh" }), "xx").await.contains("code"));
}

#[tokio::test]
async fn the_last_line_fills_the_code_in() {
    let vars = [("RESEND_COOLDOWN", "0"), ("SMS_DOMAIN", "example.com"), ("APP_HASHES", "FA+9qCX9VSu")];
    let app = App::with(&vars).await;
    let ios = text(&app, &phone(1), json!({}), "").await;
    let code = app.last_code(&phone(1)).await;
    assert_eq!(ios.lines().last().unwrap(), format!("@example.com #{code}"));
    let android = text(&app, &phone(1), json!({ "app_hash": "FA+9qCX9VSu" }), "").await;
    assert_eq!(android.lines().last().unwrap(), "FA+9qCX9VSu");
    let foreign = text(&app, &phone(1), json!({ "app_hash": "0000000000x" }), "").await;
    assert!(foreign.lines().last().unwrap().starts_with("@example.com #"));
}

/// A carrier on a port of its own: keeps what it was asked, and answers what it is told to.
struct Stub {
    url: String,
    asked: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stub {
    async fn new(status: u16, answer: &str) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (keep, answer) = (Arc::clone(&asked), answer.to_owned());
        let send = move |headers: HeaderMap, body: String| async move {
            keep.lock().unwrap().push((headers, body));
            if status == 0 {
                // Nothing else is going on: the clock goes to the end of the wait.
                tokio::time::pause();
                std::future::pending::<()>().await;
            }
            (StatusCode::from_u16(status).unwrap(), answer)
        };
        let router = axum::Router::new()
            .route("/v2/sms/send", axum::routing::post(send.clone()))
            .route("/texts", axum::routing::post(send));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, asked, server }
    }

    /// By SMS Aero's sender.
    async fn send(&self) -> Result<(), NotSent> {
        send_by(&self.url).await
    }

    /// By the webhook's.
    async fn post(&self) -> Result<(), NotSent> {
        let vars = Vars::from_iter([
            ("SMS_WEBHOOK_URL", format!("{}/texts", self.url)),
            ("SMS_WEBHOOK_SECRET", KEYS.to_owned()),
        ]);
        Webhook::build(&Setup::new(vars, World::real())).await.unwrap().send(&a_text()).await
    }

    fn asked(&self) -> Vec<(HeaderMap, String)> {
        self.asked.lock().unwrap().clone()
    }
}

async fn send_by(url: &str) -> Result<(), NotSent> {
    let vars = Vars::from_iter([
        ("SMSAERO_EMAIL", "team@example.com"),
        ("SMSAERO_API_KEY", "secret"),
        ("SMSAERO_SIGN", "Latchkey"),
    ]);
    SmsAero::at(url, &Setup::new(vars, World::real())).await.unwrap().send(&a_text()).await
}

#[tokio::test]
async fn sms_aero_is_asked_as_its_documentation_says() {
    let accepted = r#"{"success":true,"data":{"id":1,"from":"Latchkey","number":"79000000001",
        "text":"1234","status":8,"extendStatus":"moderation","channel":"FREE SIGN","cost":4.49},"message":null}"#;
    let stub = Stub::new(200, accepted).await;
    stub.send().await.unwrap();
    let [(headers, body)] = &stub.asked()[..] else { panic!("{:?}", stub.asked()) };
    // team@example.com:secret
    assert_eq!(headers["authorization"], "Basic dGVhbUBleGFtcGxlLmNvbTpzZWNyZXQ=");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({ "number": "79000000001", "text": "1234 — код", "sign": "Latchkey" }));
}

#[tokio::test]
async fn what_sms_aero_refuses_has_not_left() {
    let bad_number = r#"{"success":false,"data":{"number":["Номер абонента указан неверно"]},"message":"Validation error."}"#;
    let bad_sign = r#"{"success":false,"data":{"sign":["Validation error."]},"message":"Validation error."}"#;
    let bad_key =
        r#"{"success":false,"data":null,"message":"Your request was made with invalid credentials."}"#;
    let no_money = r#"{"success":false,"data":null,"message":"Not enough money."}"#;
    for (status, answer, why) in [
        (400, bad_number, Why::BadNumber),
        (400, bad_sign, Why::Refused),
        (401, bad_key, Why::Refused),
        (402, no_money, Why::OverBudget),
        (429, "", Why::Throttled),
        (200, bad_sign, Why::Refused),
    ] {
        let stub = Stub::new(status, answer).await;
        assert_eq!(stub.send().await.unwrap_err().why, why, "{status} {answer}");
        assert_eq!(stub.asked().len(), 1, "sent once");
    }
    // Nobody listens there: the port was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(send_by(&format!("http://{free}")).await.unwrap_err().why, Why::Refused);
}

#[tokio::test]
async fn what_sms_aero_does_not_answer_may_have_left() {
    for (status, answer) in [(500, "{}"), (503, "<html>"), (200, "<html>"), (0, "")] {
        let stub = Stub::new(status, answer).await;
        stub.send().await.unwrap_or_else(|refused| panic!("{status}: {refused:?}"));
        assert_eq!(stub.asked().len(), 1, "sent once");
    }
}

/// Two entries of a webhook's secret: the first is that of the standard's own example.
const KEYS: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, bmV4dCBrZXksIG9mIDI0IGJ5dGVzIG9yIG1vcmU=";

#[tokio::test]
async fn a_webhook_is_asked_as_the_standard_says() {
    let stub = Stub::new(204, "").await;
    stub.post().await.unwrap();
    let [(headers, body)] = &stub.asked()[..] else { panic!("{:?}", stub.asked()) };
    let id = "01a1fbb5-b500-78e8-8807-ea5c102a0bcf";
    let sent: Value = serde_json::from_str(body).unwrap();
    let text =
        json!({ "id": id, "to": "+79000000001", "text": "1234 — код", "locale": "ru", "kind": "code" });
    assert_eq!((sent, headers["webhook-id"].to_str().unwrap()), (text, id));
    assert_eq!(headers["content-type"], "application/json");
    let timestamp = headers["webhook-timestamp"].to_str().unwrap();
    let signed = format!("{id}.{timestamp}.{body}");
    let expected: Vec<_> = KEYS
        .split(", ")
        .map(|key| {
            let key = STANDARD.decode(key.trim_start_matches("whsec_")).unwrap();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
            format!("v1,{}", STANDARD.encode(ring::hmac::sign(&key, signed.as_bytes())))
        })
        .collect();
    assert_eq!(headers["webhook-signature"], expected.join(" "));
}

#[tokio::test]
async fn what_a_webhook_refuses_has_not_left_and_what_it_loses_may_have() {
    for (status, answer, why) in [
        (400, r#"{"reason":"bad_number"}"#, Why::BadNumber),
        (400, r#"{"reason":"opted_out"}"#, Why::OptedOut),
        (400, r#"{"reason":"throttled"}"#, Why::Throttled),
        (400, r#"{"reason":"over_budget"}"#, Why::OverBudget),
        (422, r#"{"reason":"the moon is full"}"#, Why::Refused),
        (401, "<html>", Why::Refused),
        (402, "", Why::OverBudget),
        (429, "", Why::Throttled),
        (410, "", Why::Refused),
        (307, "", Why::Refused),
    ] {
        let stub = Stub::new(status, answer).await;
        assert_eq!(stub.post().await.unwrap_err().why, why, "{status} {answer}");
        assert_eq!(stub.asked().len(), 1, "sent once");
    }
    for status in [200, 201, 202, 204, 408, 500, 503, 0] {
        let stub = Stub::new(status, "").await;
        stub.post().await.unwrap_or_else(|refused| panic!("{status}: {refused:?}"));
        assert_eq!(stub.asked().len(), 1, "sent once");
    }
}

/// Where SNS is asked first, and a webhook that answers this after it.
async fn with_fallback(status: u16) -> (App, Stub) {
    let stub = Stub::new(status, "").await;
    let url = format!("{}/texts", stub.url);
    let fallback = [("SMS_FALLBACK", "webhook"), ("SMS_WEBHOOK_URL", &url), ("SMS_WEBHOOK_SECRET", KEYS)];
    (App::with(&[SNS, &fallback].concat()).await, stub)
}

/// The second carrier is asked where the first is known not to have sent the text, and
/// never where it may have left, or its owner wants none.
#[tokio::test]
async fn the_second_carrier_is_asked_where_the_first_refused() {
    for (first, status, texts, second) in [
        (Carrier::Takes, 200, 1, 0),
        (Carrier::Refuses("Throttled", "no"), 200, 1, 1),
        (Carrier::Refuses("InvalidParameter", "phone"), 200, 1, 1),
        (Carrier::Unreached, 200, 1, 1),
        (Carrier::Silent, 200, 1, 0),
        (Carrier::Breaks, 200, 1, 0),
        (Carrier::Refuses("Throttled", "no"), 500, 1, 1),
    ] {
        let (app, stub) = with_fallback(status).await;
        app.faults.carrier(first);
        let code = app.code_for(&phone(1)).await;
        assert_eq!((app.faults.texts().len(), stub.asked().len()), (texts, second), "{first:?}");
        if let Some((_, body)) = stub.asked().first() {
            assert!(body.contains(&code), "{body}");
        }
        app.exchange(&phone(1), &code).await.ok(200);
    }
    for (first, status, answer, problem) in [
        (Carrier::Refuses("OptedOut", "no"), 204, 422, "invalid_phone"),
        (Carrier::Refuses("Throttled", "no"), 400, 503, "text_not_sent"),
    ] {
        let (app, _stub) = with_fallback(status).await;
        app.faults.carrier(first);
        app.request_code(&phone(1)).await.problem(answer, problem);
        app.faults.carrier(Carrier::Takes);
        app.code_for(&phone(1)).await;
    }
}

#[tokio::test]
async fn who_sends_is_named_and_complete() {
    let webhook = |url, secret| {
        vec![("SMS_PROVIDER", "webhook"), ("SMS_WEBHOOK_URL", url), ("SMS_WEBHOOK_SECRET", secret)]
    };
    let app = App::new().await;
    for (vars, named) in [
        (vec![("SMS_PROVIDER", "pigeon")], "SMS_PROVIDER"),
        (vec![("SMS_PROVIDER", "smsaero")], "SMSAERO_EMAIL"),
        (
            vec![("SMS_PROVIDER", "smsaero"), ("SMSAERO_EMAIL", "a@b.c"), ("SMSAERO_API_KEY", "k")],
            "SMSAERO_SIGN",
        ),
        (
            vec![("SMS_PROVIDER", "smsaero"), ("SMSAERO_EMAIL", "a@b.c"), ("SMSAERO_SIGN", "s")],
            "SMSAERO_API_KEY",
        ),
        (vec![("SMS_PROVIDER", "webhook")], "SMS_WEBHOOK_URL"),
        (vec![("SMS_PROVIDER", "webhook"), ("SMS_WEBHOOK_URL", "https://a.b/c")], "SMS_WEBHOOK_SECRET"),
        (webhook("http://example.com", KEYS), "SMS_WEBHOOK_URL"),
        (webhook("ftp://localhost", KEYS), "SMS_WEBHOOK_URL"),
        (webhook("/texts", KEYS), "SMS_WEBHOOK_URL"),
        (webhook("https://example.com", "whsec_c2hvcnQ="), "SMS_WEBHOOK_SECRET"),
        (webhook("https://example.com", "no base64 at all, is it?"), "SMS_WEBHOOK_SECRET"),
        (vec![("SMS_FALLBACK", "inbox")], "SMS_FALLBACK"),
        (vec![("SMS_FALLBACK", "pigeon")], "SMS_FALLBACK"),
        (vec![("SMS_FALLBACK", "smsaero")], "SMSAERO_EMAIL"),
        (vec![("AWS_LAMBDA_FUNCTION_NAME", "f"), ("SMS_PROVIDER", "inbox")], "SMS_PROVIDER"),
        (
            vec![("AWS_LAMBDA_FUNCTION_NAME", "f"), ("SMS_PROVIDER", "sns"), ("REVEAL_CODE", "true")],
            "REVEAL_CODE",
        ),
    ] {
        let error = app.functions_with(&vars).await.err().unwrap().to_string();
        assert!(error.starts_with(&format!("{named}: ")), "{error}");
    }
}
