//! What the log and the metrics hold, and what they never do.

use http::Method;
use serde_json::{Value, json};

use crate::app::{App, phone};
use crate::faults::{Carrier, Fault};
use crate::log;

/// The whole story, its troubles included; gives every secret that it used.
async fn story(app: &App) -> Vec<String> {
    let mut secrets = Vec::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    app.request_code(&phone(1)).await.ok(202);
    app.request_code(&phone(1)).await.problem(429, "resend_too_soon");
    let code = app.last_code(&phone(1)).await;
    app.exchange(&phone(1), &app.wrong_code(&phone(1)).await).await.problem(422, "invalid_code");
    let alice = app.exchange(&phone(1), &code).await.ok(200);
    let bob = app.sign_in(&phone(2)).await;
    app.activate(&bob.token, alice["user"]["invite_code"].as_str().unwrap()).await.ok(200);
    app.get("/v1/users/me?email=secret%40example.com", &bob.token).await.ok(200);
    app.get("/v1/users/me/referrals", alice["access_token"].as_str().unwrap()).await.ok(200);
    let refreshed = app.refresh(&bob.refresh).await.ok(200);
    app.get("/v1/users/me", refreshed["access_token"].as_str().unwrap()).await.ok(200);
    // The code and the day's text.
    app.faults.every_try_of(2, "UpdateItem", Fault::Throttled);
    app.request_code(&phone(3)).await.problem(503, "unavailable");
    app.faults.forget();
    app.clock.advance(60);
    app.refresh(&bob.refresh).await.problem(401, "invalid_refresh_token");
    app.post_with_key("/v1/auth/code", "an idempotency key", &json!({ "phone": phone(4) })).await.ok(202);
    app.raw(Method::GET, "/v1/users/me", Some("not.a.token"), vec![]).await.problem(401, "invalid_token");
    let last = app.code_for(&phone(5)).await;
    secrets.extend([code, last, bob.token, bob.refresh, "secret@example.com".to_owned()]);
    secrets.extend(["access_token", "refresh_token"].map(|name| text(&alice[name])));
    secrets.extend(["access_token", "refresh_token"].map(|name| text(&refreshed[name])));
    secrets.extend((1..6).map(phone));
    secrets.extend(
        ["an idempotency key", "signing-secret-of-the-tests", "pepper-of-the-tests"].map(str::to_owned),
    );
    secrets
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    // Longer codes, so that none is found in a number by chance.
    let app = App::with(&[("CODE_LENGTH", "8")]).await;
    log::keep();
    let secrets = story(&app).await;
    let lines = log::kept();
    assert!(lines.len() > 20, "{}", lines.len());
    for line in &lines {
        let line = line.to_string();
        for secret in &secrets {
            assert!(!line.contains(secret), "{secret}: {line}");
            assert!(!line.contains(secret.trim_start_matches('+')), "{secret}: {line}");
        }
    }
    // The greps above can find something: what may be logged is there.
    let text = lines.iter().map(Value::to_string).collect::<String>();
    assert!(text.contains("POST /v1/auth/token") && text.contains("a replaced refresh token was used"));
}

#[tokio::test]
async fn what_sns_says_is_logged_without_the_number() {
    let app = App::with(&[("SMS_PROVIDER", "sns"), ("REVEAL_CODE", "true")]).await;
    log::keep();
    app.faults.carrier(Carrier::Refuses("Throttled", "Rate exceeded"));
    app.request_code(&phone(1)).await.problem(503, "text_not_sent");
    app.faults.carrier(Carrier::Silent);
    app.request_code(&phone(1)).await.ok(202);
    let text = log::kept().iter().map(Value::to_string).collect::<String>();
    assert!(text.contains("Rate exceeded") && text.contains("a text may have left"));
    assert!(!text.contains(phone(1).trim_start_matches('+')));
}

#[tokio::test]
async fn what_is_logged_of_a_request_carries_its_identifier() {
    let app = App::new().await;
    // The code and the day's text.
    app.faults.every_try_of(2, "UpdateItem", Fault::Throttled);
    log::keep();
    let answer = app.request_code(&phone(1)).await;
    let id = answer.problem(503, "unavailable")["request_id"].clone();
    let lines: Vec<_> = log::kept().into_iter().filter(|line| line.get("_aws").is_none()).collect();
    assert!(lines.iter().any(|line| line["message"] == "a problem inside"));
    assert!(lines.iter().any(|line| line["message"] == "answered" && line["status"] == 503));
    for line in &lines {
        assert_eq!(line["span"]["request_id"], id, "{line}");
    }
}

/// What CloudWatch's specification of the embedded format asks for, and the
/// counts of the story.
#[tokio::test]
async fn what_happens_is_counted_in_the_embedded_format() {
    let app = App::with(&[("TEST_PHONES", "+12015550123=1234@2099-12-31")]).await;
    log::keep();
    story(&app).await;
    // A test number is asked for, but neither texted nor entered.
    app.request_code("+12015550123").await.ok(202);
    app.exchange("+12015550123", "1234").await.ok(200);
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    let mut texts_of_day = Vec::new();
    for line in log::kept().iter().filter(|line| line.get("_aws").is_some()) {
        let aws = &line["_aws"];
        assert!(aws["Timestamp"].as_i64().unwrap() > 1_700_000_000_000, "milliseconds");
        let directive = &aws["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Latchkey");
        let metric = directive["Metrics"][0]["Name"].as_str().unwrap();
        assert_eq!(directive["Metrics"][0]["Unit"], "Count");
        if metric == "TextsOfDay" {
            texts_of_day.push(line[metric].as_u64().unwrap());
            continue;
        }
        assert_eq!(line[metric], 1, "the value stands at the root");
        let is_texted = ["CodesTexted", "CodesEntered"].contains(&metric);
        assert_eq!(line["Country"].as_str(), is_texted.then_some("RU"), "{line}");
        for dimension in
            directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap())
        {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{line}");
        }
        assert_eq!(directive["Dimensions"][0], json!(["FunctionName"]));
        assert_eq!(line["FunctionName"], "a-function");
        let limit = line["Limit"].as_str().map(|limit| format!(" {limit}")).unwrap_or_default();
        *counts.entry(format!("{metric}{limit}")).or_default() += 1;
    }
    let expected = [
        ("CodesAsked", 7),
        ("CodesEntered", 2),
        ("CodesTexted", 4),
        ("CodesWrong", 1),
        ("Limited cooldown", 1),
        ("RefreshThefts", 1),
        ("Refreshes", 1),
        ("SignUps", 3),
    ];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    // What the counter says: the second text was asked for too soon, and is given back.
    assert_eq!(texts_of_day, [1, 2, 2, 3, 4]);
}

/// By reason as a metric, by carrier and country in the log; whether or not a second carrier
/// took the text.
#[tokio::test]
async fn a_refused_text_is_counted_by_its_reason() {
    let of_sns = |lines: Vec<Value>| -> Vec<Value> {
        lines.into_iter().filter(|line| line.get("TextsRefused").is_some()).collect()
    };
    let app =
        App::with(&[("SMS_PROVIDER", "sns"), ("SMS_FALLBACK", "inbox"), ("RESEND_COOLDOWN", "0")]).await;
    for (code, words, reason, status) in [
        ("InvalidParameter", "Invalid parameter: PhoneNumber Reason: not valid", "bad_number", 202),
        ("OptedOut", "no", "opted_out", 422),
        ("Throttled", "Rate exceeded", "throttled", 202),
        ("LimitExceeded", "the monthly spend limit is reached", "over_budget", 202),
        ("AuthorizationError", "no", "refused", 202),
    ] {
        log::keep();
        app.faults.carrier(Carrier::Refuses(code, words));
        app.request_code(&phone(1)).await.ok(status);
        let [line] = &of_sns(log::kept())[..] else { panic!("one refusal") };
        let sets = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        assert_eq!(*sets, json!([["FunctionName"], ["FunctionName", "Reason"]]));
        let told = [&line["TextsRefused"], &line["Reason"], &line["Carrier"], &line["Country"]];
        assert_eq!(told, [&json!(1), &json!(reason), &json!("sns"), &json!("RU")]);
    }
    // What is asked and sent is none.
    log::keep();
    app.faults.carrier(Carrier::Silent);
    app.request_code(&phone(1)).await.ok(202);
    assert!(of_sns(log::kept()).is_empty());
}
