//! The whole story, one thing after another: also on another engine, where
//! `LATCHKEY_TEST_DYNAMODB` names one.

use http::Method;
use latchkey_local::gateway::Kind;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::app::{App, FREE, phone};

#[tokio::test]
async fn two_phones_sign_in_and_one_invites_the_other() {
    main_story(App::sequential(&[]).await).await;
}

#[tokio::test]
async fn the_story_is_the_same_behind_a_rest_api() {
    main_story(App::sequential(&[]).await.behind(Kind::Rest).await).await;
}

async fn main_story(app: App) {
    let texted =
        app.post("/v1/auth/code", json!({ "phone": "8 (900) 000-00-01", "region": "RU" })).await.ok(202);
    assert_eq!(texted["phone"], "+79000000001");
    assert_eq!(
        (&texted["expires_in"], &texted["resend_in"], &texted["code_length"]),
        (&json!(300), &json!(60), &json!(4))
    );
    assert!(texted["challenge_id"].is_string());
    assert_eq!(texted.get("code"), None);

    let code = app.last_code(&phone(1)).await;
    assert_eq!(code.len(), 4);
    let body = json!({ "phone": phone(1), "code": code, "device": "Alice’s phone", "unknown": [1] });
    let signed_in = app.post("/v1/auth/token", body).await;
    assert_eq!(signed_in.header("cache-control"), "no-store");
    let signed_in = signed_in.ok(200);
    assert_eq!(signed_in["token_type"], "Bearer");
    assert_eq!(signed_in["expires_in"], 900);
    assert_eq!(signed_in["is_new"], true);
    let user = &signed_in["user"];
    assert_eq!(user["phone"], phone(1));
    assert_eq!(user["role"], "user");
    assert_eq!(user["status"], "active");
    assert_eq!(user["created_at"], "2026-11-21T01:25:52Z");
    for absent in ["referrals", "referrals_cursor", "referrals_count"] {
        assert_eq!(user.get(absent), None, "{absent}");
    }
    for null in ["activated_invite_code", "referrer", "email", "city", "telegram_id", "avatar_url"] {
        assert_eq!(user.get(null), Some(&Value::Null), "{null}");
    }
    let alice_code = user["invite_code"].as_str().unwrap();
    assert_eq!(alice_code.len(), 6);

    let bob = app.sign_in(&phone(2)).await;
    app.clock.advance(5);
    let activated = app.activate(&bob.token, &alice_code.to_lowercase()).await.ok(200);
    assert_eq!(activated["activated_invite_code"], alice_code);
    assert_eq!(activated["referrer"], json!({ "id": user["id"], "phone": phone(1) }));

    let profile = app.me(&bob).await;
    assert_eq!(profile["activated_invite_code"], alice_code);
    assert_eq!(profile["referrer"]["phone"], phone(1));
    assert_eq!((&profile["referrals"], &profile["referrals_count"]), (&json!([]), &json!(0)));

    let token = signed_in["access_token"].as_str().unwrap();
    let profile = app.get(&format!("/v1/users/{}", user["id"].as_str().unwrap()), token).await.ok(200);
    assert_eq!(profile["referrals"], json!([phone(2)]));
    assert_eq!((&profile["referrals_count"], &profile["referrals_cursor"]), (&json!(1), &Value::Null));
    let list = app.get("/v1/users/me/referrals", token).await.ok(200);
    let item = json!({ "id": bob.id, "phone": phone(2), "activated_at": "2026-11-21T01:25:57Z" });
    assert_eq!(list, json!({ "items": [item], "cursor": null }));
}

#[tokio::test]
async fn a_phone_that_signs_in_again_is_the_same_user() {
    let app = App::sequential(&[]).await;
    let first = app.sign_in(&phone(1)).await;
    app.clock.advance(60);
    let code = app.code_for("8 900 000 00 01").await;
    let again = app.exchange("79000000001", &code).await.ok(200);
    assert_eq!(again["is_new"], false);
    assert_eq!(again["user"]["id"], first.id);
    assert_eq!(again["user"]["invite_code"], first.invite_code);
    // Both sessions are on.
    app.me(&first).await;
    app.get("/v1/users/me", again["access_token"].as_str().unwrap()).await.ok(200);
}

#[tokio::test]
async fn a_user_exists_only_once_the_phone_is_proved() {
    let app = App::sequential(&[]).await;
    app.request_code(&phone(1)).await.ok(202);
    let wrong = app.wrong_code(&phone(1)).await;
    app.exchange(&phone(1), &wrong).await.problem(422, "invalid_code");
    let users = latchkey::tables::users::Users::new(&app.setup("test"));
    let number = latchkey::domain::phone::Phone::parse(&phone(1), "RU".parse().unwrap()).unwrap();
    assert_eq!(users.with_phone(&number).await.unwrap(), None);
}

#[tokio::test]
async fn invites_are_answered_in_the_promised_order() {
    let app = App::sequential(&[]).await;
    let (alice, bob, carol) =
        (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await, app.sign_in(&phone(3)).await);

    app.activate(&alice.token, &alice.invite_code).await.problem(422, "own_invite_code");
    app.activate(&alice.token, "ZZZZZZ").await.problem(404, "invite_code_not_found");
    app.activate(&alice.token, "").await.problem(404, "invite_code_not_found");
    app.activate(&alice.token, "no code at all").await.problem(404, "invite_code_not_found");

    app.activate(&alice.token, &bob.invite_code).await.ok(200);
    let again = app.activate(&alice.token, &format!(" {} ", bob.invite_code.to_lowercase())).await.ok(200);
    assert_eq!(again["referrer"]["id"], bob.id);
    for other in [&carol.invite_code, &alice.invite_code, "ZZZZZZ", "malformed"] {
        let problem = app.activate(&alice.token, other).await.problem(409, "invite_already_activated");
        assert_eq!(problem["activated_invite_code"], bob.invite_code);
    }
    app.activate(&bob.token, &alice.invite_code).await.problem(409, "invite_loop");
    // A refused activation left nothing behind.
    assert_eq!(app.me(&bob).await["activated_invite_code"], Value::Null);
    assert_eq!(app.me(&alice).await["referrals_count"], 0);
    assert_eq!(app.me(&bob).await["referrals_count"], 1);
    // A longer circle is no two people inviting each other.
    app.activate(&bob.token, &carol.invite_code).await.ok(200);
    app.activate(&carol.token, &alice.invite_code).await.ok(200);
}

#[tokio::test]
async fn an_invite_code_may_come_with_the_code() {
    let app = App::sequential(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let code = app.code_for(&phone(2)).await;
    let body = json!({ "phone": phone(2), "code": code, "invite_code": alice.invite_code });
    let bob = app.post("/v1/auth/token", body).await.ok(200);
    assert_eq!(bob.get("invite_error"), None);
    assert_eq!(bob["user"]["activated_invite_code"], alice.invite_code);
    assert_eq!(bob["user"]["referrer"], json!({ "id": alice.id, "phone": phone(1) }));
    assert_eq!(app.me(&alice).await["referrals"], json!([phone(2)]));

    // A bad one never blocks a sign-in.
    let bobs_code = bob["user"]["invite_code"].as_str().unwrap().to_owned();
    for (n, invite_code, error) in [
        (3, "ZZZZZZ", Some("invite_code_not_found")),
        (4, "?", Some("invite_code_not_found")),
        (1, alice.invite_code.as_str(), Some("own_invite_code")),
        (1, bobs_code.as_str(), Some("invite_loop")),
        (2, alice.invite_code.as_str(), None),
        (2, "ZZZZZZ", Some("invite_already_activated")),
    ] {
        app.clock.advance(60);
        let code = app.code_for(&phone(n)).await;
        let body = json!({ "phone": phone(n), "code": code, "invite_code": invite_code });
        let answer = app.post("/v1/auth/token", body).await.ok(200);
        assert_eq!(answer.get("invite_error").and_then(Value::as_str), error, "{n} {invite_code}");
    }
    // A known user may bring one too.
    app.clock.advance(60);
    let code = app.code_for(&phone(3)).await;
    let body = json!({ "phone": phone(3), "code": code, "invite_code": alice.invite_code });
    let carol = app.post("/v1/auth/token", body).await.ok(200);
    assert_eq!((&carol["is_new"], &carol["user"]["referrer"]["id"]), (&json!(false), &json!(alice.id)));
    assert_eq!(app.me(&alice).await["referrals_count"], 2);
}

#[tokio::test]
async fn referrals_are_listed_newest_first_a_page_at_a_time() {
    let app = App::sequential(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    for n in 2..=8 {
        let friend = app.sign_in(&phone(n)).await;
        // Three at a time in the same millisecond.
        if n % 3 == 0 {
            app.clock.advance_millis(1);
        }
        app.activate(&friend.token, &alice.invite_code).await.ok(200);
    }
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/users/me/referrals?limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = app.get(&path, &alice.token).await.ok(200);
        pages += 1;
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["phone"].as_str().unwrap().to_owned()),
        );
        match page["cursor"].as_str() {
            Some(cursor) => path = format!("/v1/users/me/referrals?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    // Within a millisecond any order will do, as long as it stays.
    for (range, phones) in [(0..3, vec![6, 7, 8]), (3..6, vec![3, 4, 5]), (6..7, vec![2])] {
        let group = &mut seen[range];
        group.sort();
        assert_eq!(group, phones.into_iter().map(phone).collect::<Vec<_>>());
    }

    // A page that is just full ends the list.
    let page = app.get("/v1/users/me/referrals?limit=7", &alice.token).await.ok(200);
    assert_eq!((page["items"].as_array().unwrap().len(), &page["cursor"]), (7, &Value::Null));
}

#[tokio::test]
async fn cursors_belong_to_their_list() {
    let app = App::sequential(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    for n in 3..=5 {
        let friend = app.sign_in(&phone(n)).await;
        app.activate(&friend.token, &alice.invite_code).await.ok(200);
    }
    let page = app.get("/v1/users/me/referrals?limit=2", &alice.token).await.ok(200);
    let cursor = page["cursor"].as_str().unwrap();
    app.get(&format!("/v1/users/me/referrals?cursor={cursor}"), &alice.token).await.ok(200);
    app.get(&format!("/v1/users/me/referrals?cursor={cursor}"), &bob.token)
        .await
        .problem(422, "invalid_cursor");
    for malformed in ["", "x", "%00", "AAAA", &cursor[1..], &"A".repeat(5_000)] {
        let path = format!("/v1/users/me/referrals?cursor={malformed}");
        app.get(&path, &alice.token).await.problem(422, "invalid_cursor");
    }
    for limit in ["0", "101", "-1", "x", "1.5", "", "99999999999999999999"] {
        let path = format!("/v1/users/me/referrals?limit={limit}");
        let problem = app.get(&path, &alice.token).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "limit", "{limit}");
    }
}

#[tokio::test]
async fn what_is_anothers_is_forbidden_whether_or_not_it_exists() {
    let app = App::sequential(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    for id in [bob.id.as_str(), "nobody", "01a1fbdf-98ba-7dc4-8155-d845ecfa1dc5", "%20", "a#b"] {
        let id = id.replace('#', "%23");
        for path in [format!("/v1/users/{id}"), format!("/v1/users/{id}/referrals")] {
            app.get(&path, &alice.token).await.problem(403, "forbidden");
        }
    }
}

#[tokio::test]
async fn a_drawn_invite_code_that_is_taken_is_drawn_again() {
    let app = App::sequential(&[]).await;
    let seeded = || Box::new(StdRng::seed_from_u64(7));
    *app.world.rng() = seeded();
    let alice = app.sign_in(&phone(1)).await;
    // The same chance at another time: Bob is somebody else, with Alice's code.
    app.clock.advance(1);
    *app.world.rng() = seeded();
    app.faults.asked();
    let bob = app.sign_in(&phone(2)).await;
    assert_ne!(bob.invite_code, alice.invite_code);
    assert_eq!(app.me(&bob).await["invite_code"], bob.invite_code);
    assert_eq!(app.me(&alice).await["invite_code"], alice.invite_code);
    if app.is_embedded() {
        let asked = app.faults.asked();
        let drawn = asked.iter().filter(|asked| asked.operation == "TransactWriteItems").count();
        assert_eq!(drawn, 2, "the collision was forced");
    }
}

#[tokio::test]
async fn the_21st_session_ends_the_oldest() {
    let app = App::sequential(FREE).await;
    let mut people = Vec::new();
    for _ in 0..21 {
        app.clock.advance(1);
        people.push(app.sign_in(&phone(1)).await);
    }
    app.get("/v1/users/me", &people[0].token).await.problem(401, "session_ended");
    for person in &people[1..] {
        app.me(person).await;
    }
}

#[tokio::test]
async fn the_share_link_never_says_whether_the_code_exists() {
    let app =
        App::sequential(&[("APP_LINK_IOS", "https://e.com/ios?c={invite_code}"), ("APP_NAME", "A<b>&co")])
            .await;
    let alice = app.sign_in(&phone(1)).await;
    for code in [alice.invite_code.to_lowercase(), "zzzzzz".to_owned()] {
        let upper = code.to_uppercase();
        let page = app.raw(Method::GET, &format!("/i/{code}"), None, vec![]).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        let html = String::from_utf8(page.body.clone()).unwrap();
        assert!(html.contains(&upper) && html.contains(&format!("https://e.com/ios?c={upper}")));
        assert!(html.contains("A&lt;b&gt;&amp;co") && !html.contains("A<b>"), "names are escaped");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        let request = http::Request::get(format!("/i/{code}")).header("accept", "application/json");
        let json = app.send(request.body(axum::body::Body::empty()).unwrap()).await.ok(200);
        let links = json!({ "ios": format!("https://e.com/ios?c={upper}"), "android": null, "web": null });
        assert_eq!(json, json!({ "invite_code": upper, "links": links }));
    }
    app.raw(Method::GET, "/i/no-such-code", None, vec![]).await.problem(404, "invite_code_not_found");
}

#[tokio::test]
async fn apps_are_let_open_the_share_link() {
    let get = async |app: &App, path: &str| app.raw(Method::GET, path, None, vec![]).await;
    let (apple, android) = ("/.well-known/apple-app-site-association", "/.well-known/assetlinks.json");
    let none = App::new().await;
    get(&none, apple).await.problem(404, "not_found");
    get(&none, android).await.problem(404, "not_found");
    let print = ["AB"; 32].join(":");
    let packages = format!("com.example.app={print}");
    let app =
        App::with(&[("IOS_APP_IDS", "ABCDE12345.com.example.app"), ("ANDROID_APPS", packages.as_str())])
            .await;
    let file = get(&app, apple).await;
    assert_eq!(file.header("content-type"), "application/json");
    let file = file.ok(200);
    assert_eq!(file["applinks"]["details"][0]["appIDs"], json!(["ABCDE12345.com.example.app"]));
    assert_eq!(file["applinks"]["details"][0]["components"], json!([{ "/": "/i/*" }]));
    assert_eq!(file["webcredentials"]["apps"], json!(["ABCDE12345.com.example.app"]));
    let file = get(&app, android).await.ok(200);
    assert_eq!(file[0]["target"]["package_name"], "com.example.app");
    assert_eq!(file[0]["target"]["sha256_cert_fingerprints"], json!([print]));
}
