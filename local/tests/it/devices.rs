//! Known devices: what strangers who know a number cannot keep from its owner.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{ADMIN, Answer, App, FREE, phone};
use crate::faults::Fault;
use crate::trials::trials_of;

const CODE: &str = "/v1/auth/code";
const TOKEN: &str = "/v1/auth/token";

/// Somebody who signed in, and what the device is known by.
#[derive(Clone)]
struct Owner {
    phone: String,
    id: String,
    token: String,
    refresh: String,
    device: String,
}

impl Owner {
    fn of(phone: &str, answer: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            phone: phone.to_owned(),
            id: text(&answer["user"]["id"]),
            token: text(&answer["access_token"]),
            refresh: text(&answer["refresh_token"]),
            device: text(&answer["device_token"]),
        }
    }
}

async fn sign_in(app: &App, phone: &str) -> Owner {
    let code = app.code_for(phone).await;
    Owner::of(phone, &app.exchange(phone, &code).await.ok(200))
}

async fn ask(app: &App, phone: &str, device: &str) -> Answer {
    app.post(CODE, json!({ "phone": phone, "device_token": device })).await
}

async fn enter(app: &App, phone: &str, device: &str, code: &str) -> Answer {
    app.post(TOKEN, json!({ "phone": phone, "device_token": device, "code": code })).await
}

/// Whether a device is still known: a stranger just had a text, so only a known
/// device gets another.
async fn is_known(app: &App, owner: &Owner) -> bool {
    app.clock.advance(60);
    app.request_code(&owner.phone).await.ok(202);
    ask(app, &owner.phone, &owner.device).await.status == 202
}

#[tokio::test]
async fn a_stranger_neither_voids_nor_uses_up_what_is_an_owners() {
    let app = App::with(&[("REVEAL_CODE", "true")]).await;
    let owner = sign_in(&app, &phone(1)).await;
    app.clock.advance(3_600);
    let mine = ask(&app, &owner.phone, &owner.device).await.ok(202);
    let code = mine["code"].as_str().unwrap();
    // All texts of an hour and all guesses of a day, by whoever knows the number.
    for n in 0..5 {
        let theirs = app.request_code(&owner.phone).await.ok(202);
        let right: u32 = theirs["code"].as_str().unwrap().parse().unwrap();
        let wrong = format!("{:04}", (right + 1) % 10_000);
        for _ in 0..2 {
            let answer = app.exchange(&owner.phone, &wrong).await;
            assert!(answer.problem(422, "invalid_code")["attempts_left"].is_u64(), "{n}");
        }
        app.clock.advance(60);
    }
    app.request_code(&owner.phone).await.problem(429, "too_many_codes");
    app.exchange(&owner.phone, code).await.problem(429, "too_many_guesses");
    // The owner's code is five minutes old: another one comes, and signs in.
    let mine = ask(&app, &owner.phone, &owner.device).await.ok(202);
    let code = mine["code"].as_str().unwrap();
    let again = enter(&app, &owner.phone, &owner.device, code).await.ok(200);
    assert_eq!((&again["user"]["id"], &again["is_new"]), (&json!(owner.id), &json!(false)));
    // And the other way round: strangers have what they had.
    app.clock.advance(86_400);
    for _ in 0..5 {
        ask(&app, &owner.phone, &owner.device).await;
        app.clock.advance(60);
    }
    app.request_code(&owner.phone).await.ok(202);
}

#[tokio::test]
async fn a_code_is_of_the_register_that_its_challenge_names() {
    let app = App::with(&[("REVEAL_CODE", "true")]).await;
    let owner = sign_in(&app, &phone(1)).await;
    app.clock.advance(60);
    let (mine, theirs) =
        (ask(&app, &owner.phone, &owner.device).await.ok(202), app.request_code(&owner.phone).await.ok(202));
    assert_ne!(mine["challenge_id"], theirs["challenge_id"]);
    let with = async |of: &Value, code: &Value, device: Option<&str>| {
        let mut body = json!({ "phone": owner.phone, "code": code, "challenge_id": of["challenge_id"] });
        if let Some(device) = device {
            body["device_token"] = device.into();
        }
        app.post(TOKEN, body).await
    };
    if mine["code"] != theirs["code"] {
        with(&mine, &theirs["code"], None).await.problem(422, "invalid_code");
        with(&theirs, &mine["code"], Some(&owner.device)).await.problem(422, "invalid_code");
    }
    // A code that was lent is entered elsewhere, by its challenge.
    with(&mine, &mine["code"], None).await.ok(200);
    with(&theirs, &theirs["code"], Some(&owner.device)).await.ok(200);
}

/// Garbled, of another phone, expired, or simply something: a stranger's, told apart
/// by nothing.
#[tokio::test]
async fn a_token_that_is_of_no_use_is_as_none() {
    let app = App::with(&[&[("REVEAL_CODE", "true")], FREE].concat()).await;
    let (alice, bob) = (sign_in(&app, &phone(1)).await, sign_in(&app, &phone(2)).await);
    let long = "x".repeat(5_000);
    for token in ["", "lkd", &bob.device, &alice.refresh, &alice.device[..50], &long] {
        let asked = ask(&app, &alice.phone, token).await.ok(202);
        assert!(!asked["challenge_id"].as_str().unwrap().starts_with("k-"), "{token}");
        let code = asked["code"].as_str().unwrap();
        enter(&app, &alice.phone, token, code).await.ok(200);
    }
    app.clock.advance(400 * 86_400);
    let asked = ask(&app, &alice.phone, &alice.device).await.ok(202);
    assert!(!asked["challenge_id"].as_str().unwrap().starts_with("k-"));
    app.post(CODE, json!({ "phone": phone(1), "device_token": 7 })).await.problem(422, "invalid_request");
}

#[tokio::test]
async fn what_ends_a_device_and_what_does_not() {
    for (way, stays) in [
        ("refreshed", true),
        ("signed out here", true),
        ("expired", true),
        ("signed in elsewhere", true),
        ("signed out by the others", false),
        ("signed out everywhere", false),
        ("revoked", false),
        ("stolen", false),
        ("banned", false),
        ("moved from elsewhere", false),
        ("deleted", false),
    ] {
        let app = App::with_admin(&[("SESSION_TTL", "7200"), ("REFRESH_TTL", "7200")]).await;
        let mut owner = sign_in(&app, &phone(1)).await;
        app.clock.advance(60);
        let elsewhere = sign_in(&app, &phone(1)).await;
        match way {
            "refreshed" => {
                let next = app.refresh(&owner.refresh).await.ok(200);
                next["device_token"].as_str().unwrap().clone_into(&mut owner.device);
            }
            "signed out here" => assert_eq!(app.sign_out(&owner.token, "local").await.status, 204),
            "expired" => app.clock.advance(7_200),
            "signed in elsewhere" => {}
            "signed out by the others" => {
                assert_eq!(app.sign_out(&elsewhere.token, "others").await.status, 204);
            }
            "signed out everywhere" => assert_eq!(app.sign_out(&elsewhere.token, "global").await.status, 204),
            "revoked" => {
                let sessions = app.get("/v1/users/me/sessions", &owner.token).await.ok(200);
                let items = sessions["items"].as_array().unwrap();
                let mine = items.iter().find(|session| session["current"] == true).unwrap();
                let path = format!("/v1/users/me/sessions/{}", mine["id"].as_str().unwrap());
                let revoked = app.raw(Method::DELETE, &path, Some(&elsewhere.token), vec![]).await;
                assert_eq!(revoked.status, 204);
            }
            "stolen" => app.present_stolen(&owner.refresh).await,
            "banned" => {
                let admin = app.sign_in(ADMIN).await;
                for status in ["banned", "active"] {
                    app.update_user(&admin.token, &owner.id, &json!({ "status": status })).await.ok(200);
                }
            }
            "moved from elsewhere" => {
                let body = json!({ "phone": phone(9), "purpose": "change_phone" });
                app.json(Method::POST, CODE, &elsewhere.token, &body).await.ok(202);
                let body = json!({ "phone": phone(9), "code": app.last_code(&phone(9)).await });
                let moved =
                    app.json(Method::PUT, "/v1/users/me/phone", &elsewhere.token, &body).await.ok(200);
                let device = moved["device_token"].as_str().unwrap().to_owned();
                let there = Owner { phone: phone(9), device, ..elsewhere.clone() };
                assert!(is_known(&app, &there).await, "whoever moves stays known");
            }
            "deleted" => assert_eq!(app.delete_user(&owner.token, "me").await.status, 204),
            other => panic!("{other}"),
        }
        assert_eq!(is_known(&app, &owner).await, stays, "{way}");
        if way == "signed out by the others" {
            app.clock.advance(60);
            assert!(
                is_known(&app, &elsewhere_of(&app, &elsewhere).await).await,
                "whoever signs the others out"
            );
        }
    }
}

/// The same person, as known now.
async fn elsewhere_of(app: &App, owner: &Owner) -> Owner {
    let next = app.refresh(&owner.refresh).await.ok(200);
    let text = |name: &str| next[name].as_str().unwrap().to_owned();
    Owner {
        phone: owner.phone.clone(),
        id: owner.id.clone(),
        token: text("access_token"),
        refresh: text("refresh_token"),
        device: text("device_token"),
    }
}

/// A token stays the same device's: signing in with it again lists no other.
#[tokio::test]
async fn twenty_devices_are_known_and_signing_in_again_makes_none_more() {
    let app = App::with(&[&[("REVEAL_CODE", "true")], FREE].concat()).await;
    let first = sign_in(&app, &phone(1)).await;
    for _ in 0..25 {
        app.clock.advance(1);
        let code = ask(&app, &phone(1), &first.device).await.ok(202)["code"].as_str().unwrap().to_owned();
        enter(&app, &phone(1), &first.device, &code).await.ok(200);
    }
    let device = first.device.split('.').nth(2).unwrap();
    let users = app.items(latchkey::base::config::USERS_TABLE).await;
    assert_eq!(users.matches(device).count(), 1);
    for _ in 0..20 {
        app.clock.advance(1);
        sign_in(&app, &phone(1)).await;
    }
    let users = app.items(latchkey::base::config::USERS_TABLE).await;
    assert_eq!(users.matches(device).count(), 0, "the least lately used left");
}

/// A flood takes what is the strangers', and no more.
#[tokio::test]
async fn a_flood_leaves_known_devices_their_part() {
    let app = App::with(&[("TEXTS_PER_DAY", "10"), ("TEXTS_RESERVED", "30"), ("REVEAL_CODE", "true")]).await;
    let owner = sign_in(&app, &phone(1)).await;
    for n in 2..=7 {
        app.request_code(&phone(n)).await.ok(202);
    }
    app.request_code(&phone(8)).await.problem(503, "texts_paused");
    app.clock.advance(60);
    let code = ask(&app, &owner.phone, &owner.device).await.ok(202)["code"].as_str().unwrap().to_owned();
    enter(&app, &owner.phone, &owner.device, &code).await.ok(200);
    for _ in 0..2 {
        app.clock.advance(60);
        ask(&app, &owner.phone, &owner.device).await.ok(202);
    }
    app.clock.advance(60);
    ask(&app, &owner.phone, &owner.device).await.problem(503, "texts_paused");
}

/// Rented numbers gain nothing by signing in once: two texts that nobody entered, and
/// a device is a stranger to the ceiling.
#[tokio::test]
async fn a_device_that_lets_texts_be_is_trusted_no_more_until_it_enters_one() {
    let app = App::with(&[("TEXTS_PER_DAY", "20"), ("TEXTS_RESERVED", "90"), ("REVEAL_CODE", "true")]).await;
    let owner = sign_in(&app, &phone(1)).await;
    app.request_code(&phone(2)).await.ok(202);
    app.request_code(&phone(3)).await.problem(503, "texts_paused");
    for _ in 0..2 {
        app.clock.advance(60);
        ask(&app, &owner.phone, &owner.device).await.ok(202);
    }
    let code = ask(&app, &owner.phone, &owner.device).await;
    code.problem(503, "texts_paused");
    app.clock.advance(60);
    ask(&app, &owner.phone, &owner.device).await.problem(503, "texts_paused");
    // A day later they count no more; what is entered counts at once.
    app.clock.advance(86_400);
    let code = ask(&app, &owner.phone, &owner.device).await.ok(202)["code"].as_str().unwrap().to_owned();
    app.clock.advance(60);
    let last = ask(&app, &owner.phone, &owner.device).await.ok(202)["code"].as_str().unwrap().to_owned();
    let _ = code;
    enter(&app, &owner.phone, &owner.device, &last).await.ok(200);
    app.clock.advance(60);
    ask(&app, &owner.phone, &owner.device).await.ok(202);
}

/// A key stands for what is asked, not for the token that it comes with.
#[tokio::test]
async fn another_device_token_is_no_other_body() {
    let app = App::with(&[("REVEAL_CODE", "true")]).await;
    let owner = sign_in(&app, &phone(1)).await;
    app.clock.advance(60);
    let body = |device: &str| json!({ "phone": phone(1), "device_token": device });
    let first = app.post_with_key(CODE, "k", &body(&owner.device)).await.ok(202);
    let next = app.refresh(&owner.refresh).await.ok(200);
    let newer = next["device_token"].as_str().unwrap();
    let again = app.post_with_key(CODE, "k", &body(newer)).await.ok(202);
    assert_eq!(first["challenge_id"], again["challenge_id"]);
}

/// What was taken for a device that only says to be known is given back.
#[tokio::test]
async fn a_device_that_is_known_no_more_asks_as_a_stranger_at_the_same_price() {
    let app = App::with(&[("TEXTS_PER_DAY", "3"), ("TEXTS_RESERVED", "0"), ("REVEAL_CODE", "true")]).await;
    let owner = sign_in(&app, &phone(1)).await;
    assert_eq!(app.sign_out(&owner.token, "global").await.status, 204);
    app.clock.advance(60);
    let asked = ask(&app, &owner.phone, &owner.device).await.ok(202);
    assert!(!asked["challenge_id"].as_str().unwrap().starts_with("k-"));
    enter(&app, &owner.phone, &owner.device, asked["code"].as_str().unwrap()).await.ok(200);
    app.request_code(&phone(2)).await.ok(202);
    app.request_code(&phone(3)).await.problem(503, "texts_paused");
}

/// A thousand strangers at one number while its owner signs in, with faults in half
/// of the trials.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_race_an_owner_in_vain() {
    let app = Arc::new(App::with(&[("REVEAL_CODE", "true"), ("CODES_PER_PHONE_DAY", "0")]).await);
    for trial in 0..trials_of(50) {
        let owner = sign_in(&app, &phone(trial)).await;
        app.clock.advance(3_600);
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for n in 0..24 {
            let (app, number) = (Arc::clone(&app), owner.phone.clone());
            racers.spawn(async move {
                if n % 2 == 0 { app.request_code(&number).await } else { app.exchange(&number, "0000").await }
            });
        }
        let mine = ask(&app, &owner.phone, &owner.device).await;
        if trial % 2 == 0 {
            let code = mine.ok(202)["code"].as_str().unwrap().to_owned();
            enter(&app, &owner.phone, &owner.device, &code).await.ok(200);
        }
        let answers = racers.join_all().await;
        assert!(answers.iter().all(|answer| answer.status < 500 || answer.status == 503));
        app.faults.calm();
    }
}

/// The list has one owner at a time: two devices that sign in at once are both in it.
#[tokio::test(flavor = "multi_thread")]
async fn devices_that_sign_in_at_once_are_all_known() {
    let app = Arc::new(App::with(&[&[("REVEAL_CODE", "true")], FREE].concat()).await);
    for trial in 0..trials_of(25) {
        let owner = sign_in(&app, &phone(trial)).await;
        let theirs = app.code_for(&owner.phone).await;
        let mine = ask(&app, &owner.phone, &owner.device).await.ok(202)["code"].as_str().unwrap().to_owned();
        app.faults.next("TransactWriteItems", Fault::Conflict);
        let (one, two) = (Arc::clone(&app), Arc::clone(&app));
        let (phone_one, phone_two, device) = (owner.phone.clone(), owner.phone.clone(), owner.device.clone());
        let stranger = tokio::spawn(async move { one.exchange(&phone_one, &theirs).await });
        let known = tokio::spawn(async move { enter(&two, &phone_two, &device, &mine).await });
        let (stranger, known) = (stranger.await.unwrap().ok(200), known.await.unwrap().ok(200));
        for answer in [&stranger, &known] {
            let device = answer["device_token"].as_str().unwrap();
            let asked = ask(&app, &owner.phone, device).await.ok(202);
            assert!(asked["challenge_id"].as_str().unwrap().starts_with("k-"), "trial {trial}");
        }
    }
}

/// Whose last device was taken from the list has an empty one, and signs in as before.
#[tokio::test]
async fn whose_last_device_was_revoked_signs_in_again() {
    let app = App::with(&[("REVEAL_CODE", "true")]).await;
    let owner = sign_in(&app, &phone(1)).await;
    app.present_stolen(&owner.refresh).await;
    for _ in 0..2 {
        app.clock.advance(60);
        let again = sign_in(&app, &phone(1)).await;
        assert!(is_known(&app, &again).await);
        app.clock.advance(60);
    }
}
