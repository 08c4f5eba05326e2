//! What people type and phones fill in, as they send it.

use http::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN, App, FREE, phone};

async fn app() -> App {
    App::with_admin(&[FREE, &[("REVEAL_CODE", "true")]].concat()).await
}

fn in_a_query(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

/// Nothing is texted to a test number, so that one that nobody can have will do; and a
/// range is let in before the numbering plans know it, wherever numbers are read.
#[tokio::test]
async fn numbers_that_no_plan_knows_are_read_where_they_are_named() {
    let (tester, new, admin) = ("+447700900123", "+78950000001", "+78950000009");
    let app = App::with(&[
        ("TEST_PHONES", "+44 7700 900123=4321@2030-12-31, +1 555 555 5555=4321@2030-12-31"),
        ("EXTRA_NUMBER_RANGES", "+7895=11"),
        ("ADMIN_PHONES", "8 895 000-00-09"),
    ])
    .await;
    let token = app.sign_in(admin).await.token;
    for (phone, region) in [(tester, "RU"), ("07700 900123", "GB"), ("(555) 555-5555", "US")] {
        app.clock.advance(60);
        let told = app.post("/v1/auth/code", json!({ "phone": phone, "region": region })).await.ok(202);
        let body = json!({ "phone": phone, "region": region, "code": "4321" });
        assert_eq!(app.post("/v1/auth/token", body).await.ok(200)["user"]["phone"], told["phone"]);
    }
    app.sign_in(new).await;
    for (typed, e164) in [("+44 7700 900123", tester), ("8 895 000 00 01", new)] {
        let found = app.get(&format!("/v1/users?phone={}", in_a_query(typed)), &token).await.ok(200);
        assert_eq!(found["items"][0]["phone"], e164, "{typed}");
    }
    for phone in ["+447700900124", "+78960000001", "+7895000000"] {
        app.post("/v1/auth/code", json!({ "phone": phone })).await.problem(422, "invalid_phone");
    }
}

/// What a device fills in by itself bars nobody.
#[tokio::test]
async fn hints_refuse_nobody() {
    let app = app().await;
    let long = "x".repeat(10_000);
    for (name, values) in [
        ("region", vec!["001", "419", "UN", "", "UK", "AQ", "ZZ", "Russia", &long]),
        (
            "locale",
            vec![
                "",
                " ",
                "en_US@posix",
                "zh-Hans-CN-u-ca-chinese-x-very-long-and-strange-indeed",
                "\n",
                &long,
            ],
        ),
        ("app_hash", vec!["", "FA+9qCX9VSu\n", "short", &long]),
    ] {
        for value in values {
            let body = json!({ "phone": phone(1), name: value });
            assert_eq!(app.post("/v1/auth/code", body).await.ok(202)["phone"], phone(1), "{name} {value:?}");
        }
    }
    for value in [json!(7), json!(true), json!([]), json!({}), json!(null)] {
        let body = json!({ "phone": phone(1), "region": value, "locale": value, "app_hash": value });
        app.post("/v1/auth/code", body).await.ok(202);
    }
    // What is read in the deployment's region without a hint is so with one that says nothing.
    let body = json!({ "phone": "8 900 000-00-01", "region": "001" });
    assert_eq!(app.post("/v1/auth/code", body).await.ok(202)["phone"], "+79000000001");
    let body = json!({ "phone": "07911 123456", "region": "UK" });
    assert_eq!(app.post("/v1/auth/code", body).await.ok(202)["phone"], "+447911123456");

    for (sent, shown) in [
        (json!("Alice's\niPhone"), json!("Alice's iPhone")),
        (json!(""), Value::Null),
        (json!("\u{0}\n"), Value::Null),
        (json!(&long), json!("x".repeat(64))),
        (json!(7), Value::Null),
    ] {
        let code = app.code_for(&phone(1)).await;
        let body = json!({ "phone": phone(1), "code": code, "device": sent, "region": "419" });
        let answer = app.post("/v1/auth/token", body).await.ok(200);
        app.clock.advance(1);
        let token = answer["access_token"].as_str().unwrap();
        let listed = app.get("/v1/users/me/sessions", token).await.ok(200);
        let items = listed["items"].as_array().unwrap();
        let current = items.iter().find(|item| item["current"] == true).unwrap();
        assert_eq!(current["device"], shown, "{sent}");
    }
}

/// A right code in another spelling is the right one.
#[tokio::test]
async fn a_code_is_its_digits() {
    let app = app().await;
    for spelt in [
        "{0}{1} {2}{3}",
        "{0}{1}-{2}{3}",
        "{0}{1}{2}{3}.",
        "#{0}{1}{2}{3}",
        "\u{202d}{0}{1}\u{200b}{2}{3}\u{202c}",
    ] {
        let code = app.code_for(&phone(1)).await;
        let spelt =
            (0..4).fold(spelt.to_owned(), |spelt, n| spelt.replace(&format!("{{{n}}}"), &code[n..=n]));
        app.exchange(&phone(1), &spelt).await.ok(200);
    }
    for zero in ['０', '٠', '०'] {
        let digits = app.code_for(&phone(1)).await;
        let typed: String =
            digits.chars().map(|c| char::from_u32(zero as u32 + c.to_digit(10).unwrap()).unwrap()).collect();
        app.exchange(&phone(1), &typed).await.ok(200);
    }
    // What has no digit is no guess.
    let code = app.code_for(&phone(1)).await;
    for nothing in ["", "abcd", "code", "–", "\u{200b}"] {
        let problem = app.exchange(&phone(1), nothing).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "code", "{nothing:?}");
    }
    let wrong = if code == "0000" { "0001" } else { "0000" };
    assert_eq!(app.exchange(&phone(1), wrong).await.problem(422, "invalid_code")["attempts_left"], 4);
    app.exchange(&phone(1), &code).await.ok(200);
}

/// Everywhere that a number is read.
#[tokio::test]
async fn a_number_is_read_as_it_was_copied() {
    let app = app().await;
    let alice = app.sign_in(&phone(1)).await;
    let admin = app.sign_in(ADMIN).await;
    for typed in [
        "\u{202a}+7 900 000-00-01\u{202c}",
        "８９００００００００１",
        "٨٩٠٠٠٠٠٠٠٠١",
        "+79000000001;",
        "\t+79000000001\r\n",
    ] {
        assert_eq!(app.request_code(typed).await.ok(202)["phone"], phone(1), "{typed:?}");
        let code = app.code_for(typed).await;
        assert_eq!(app.exchange(typed, &code).await.ok(200)["user"]["id"], alice.id, "{typed:?}");
        let query = in_a_query(typed);
        let found = app.get(&format!("/v1/users?phone={query}"), &admin.token).await.ok(200);
        assert_eq!(found["items"][0]["id"], alice.id, "{typed:?}");
    }
    let problem = app.request_code("+12015550123 ext. 5").await.problem(422, "invalid_phone");
    assert!(problem["detail"].as_str().unwrap().contains("extension"));
    let problem = app.request_code("8 812 123-45-67").await.problem(422, "invalid_phone");
    assert!(problem["detail"].as_str().unwrap().contains("read as +78121234567"), "{problem}");
    let started = app
        .functions_with(&[("ADMIN_PHONES", "\u{202a}+7 900 000-00-01\u{202c}, ８９００００００００２")])
        .await;
    assert!(started.is_ok());
}

#[tokio::test]
async fn an_invite_code_comes_in_its_wrapping() {
    let app = app().await;
    let alice = app.sign_in(&phone(1)).await;
    let admin = app.sign_in(ADMIN).await;
    let code = &alice.invite_code;
    let (start, end) = code.split_at(3);
    let wide: String = code.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
    for (n, typed) in (2..).zip([
        format!("https://api.example.com/i/{code}"),
        format!("https://api.example.com/i/{code}?utm_source=chat#top"),
        format!("Join me: https://api.example.com/i/{code}/"),
        format!("https://api.example.com/i/{code} see you there"),
        format!("https://api.example.com/i/{start}%2D{end}"),
        format!("{code}."),
        format!("({code})"),
        format!("«{}»!", code.to_lowercase()),
        format!("http://localhost:3000/i/{code}#top"),
        format!("<https://example.com/i/{code}/?utm_source=chat>"),
        format!("{start}-{end}"),
        format!("{start} {end}\n"),
        format!("\u{200b}{start}\u{ad}{end}\u{feff}"),
        wide,
    ]) {
        let friend = app.sign_in(&phone(n)).await;
        let answer = app.activate(&friend.token, &typed).await.ok(200);
        assert_eq!(answer["activated_invite_code"], *code, "{typed:?}");
        let query = in_a_query(&typed);
        let found = app.get(&format!("/v1/users?invite_code={query}"), &admin.token).await.ok(200);
        assert_eq!(found["items"][0]["id"], alice.id, "{typed:?}");
    }
    let body = json!({ "phone": phone(90), "code": app.code_for(&phone(90)).await, "invite_code": format!("{code}!") });
    assert_eq!(app.post("/v1/auth/token", body).await.ok(200)["user"]["activated_invite_code"], *code);
    assert_eq!(app.raw(Method::GET, &format!("/i/{start}-{end}."), None, vec![]).await.status, 200);
}

/// What is wrong is said in our words, by the name of the field.
#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = app().await;
    let alice = app.sign_in(&phone(1)).await;
    let said = |problem: &Value| {
        let error = &problem["errors"][0];
        (error["field"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
    };
    for (path, body, field, message) in [
        ("/v1/auth/code", json!({}), "phone", "must be given"),
        ("/v1/auth/code", json!({ "phone": 79 }), "phone", "must be a string"),
        (
            "/v1/auth/code",
            json!({ "phone": "+79000000001", "purpose": "x" }),
            "purpose",
            "must be sign_in or change_phone",
        ),
        ("/v1/auth/token", json!({ "phone": "+79000000001" }), "code", "must be given"),
        ("/v1/auth/refresh", json!({}), "refresh_token", "must be given"),
    ] {
        let problem = app.post(path, body).await.problem(422, "invalid_request");
        assert_eq!(said(&problem), (field.to_owned(), message.to_owned()), "{path}");
    }
    let answer = app.raw(Method::POST, "/v1/auth/code", None, vec![]).await;
    let detail = answer.problem(400, "malformed_json")["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail, "There is no body: send a JSON object.");

    for (name, other) in [("phone", "+79000000009"), ("invite_code", "ZZZZZZ")] {
        let problem = app.update_user(&alice.token, "me", &json!({ name: other })).await;
        assert_eq!(said(&problem.problem(422, "invalid_request")).0, name);
    }
    let same = json!({ "phone": phone(1), "invite_code": alice.invite_code, "unknown": 1, "city": "Omsk" });
    assert_eq!(app.update_user(&alice.token, "me", &same).await.ok(200)["city"], "Omsk");
    let body = json!({ "telegram_id": "https://t.me/latch_key" });
    assert_eq!(app.update_user(&alice.token, "me", &body).await.ok(200)["telegram_id"], "latch_key");

    let headers = [("authorization", "Token abc")];
    let answer = app.from("203.0.113.77", Method::GET, "/v1/users/me", None, &headers, vec![]).await;
    assert!(answer.problem(401, "invalid_token")["detail"].as_str().unwrap().contains("Bearer"));
    let refused = app.get("/v1/users", &alice.token).await.problem(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("moderators and admins"));
    let refused = app.delete_user(&alice.token, "somebody").await.problem(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("admins"));
    let slash = app.get("/v1/users/me/", &alice.token).await.problem(404, "not_found");
    assert_eq!(slash["detail"], "There is no slash at the end: /v1/users/me.");
    let headers = [("content-type", "multipart/form-data; boundary=x")];
    let request = http::Request::put("/v1/users/me/avatar")
        .header("authorization", format!("Bearer {}", alice.token))
        .header(headers[0].0, headers[0].1);
    let answer = app.send(request.body(axum::body::Body::from("--x\r\n")).unwrap()).await;
    assert!(answer.problem(422, "invalid_image")["detail"].as_str().unwrap().contains("bare image"));
}
