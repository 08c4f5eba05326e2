//! Passkeys: added once proved by a text, used to sign in, listed, named, removed.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use latchkey::base::config;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{ADMIN, Answer, App, FREE, Person, count, phone};
use crate::authenticator::{BE, BS, Credential, base64url};
use crate::faults::Fault;
use crate::races::only;
use crate::trials::{trials, trials_of};

const SITE: &str = "https://api.example.com";
const LIST: &str = "/v1/users/me/passkeys";

/// Seconds after which a device is no longer new.
const HOLD: i64 = 72 * 3_600;

/// Options, as the API gave them.
pub(crate) struct Options {
    challenge_id: String,
    challenge: Vec<u8>,
    public_key: Value,
}

pub(crate) fn options(answer: &Answer) -> Options {
    let answer = answer.ok(200);
    let challenge = answer["public_key"]["challenge"].as_str().unwrap();
    Options {
        challenge_id: answer["challenge_id"].as_str().unwrap().to_owned(),
        challenge: URL_SAFE_NO_PAD.decode(challenge).unwrap(),
        public_key: answer["public_key"].clone(),
    }
}

async fn add_options(app: &App, token: &str) -> Answer {
    app.raw(Method::POST, "/v1/users/me/passkeys/options", Some(token), vec![]).await
}

/// What a person's device makes: a passkey that its platform syncs.
pub(crate) fn device_of(person: &Person) -> Credential {
    Credential::new("api.example.com", SITE, person.id.as_bytes())
}

pub(crate) fn addition(options: &Options, credential: &Credential) -> Value {
    let made = credential.made(&options.challenge).json();
    json!({ "challenge_id": options.challenge_id, "credential": made, "name": "Phone" })
}

pub(crate) async fn add_with(app: &App, token: &str, credential: &Credential) -> Answer {
    let options = options(&add_options(app, token).await);
    app.json(Method::POST, LIST, token, &addition(&options, credential)).await
}

/// Adds one to whoever has just signed in; the passkey, and what the API calls it.
pub(crate) async fn add(app: &App, person: &Person) -> (Credential, String) {
    let credential = device_of(person);
    let added = add_with(app, &person.token, &credential).await.ok(201);
    (credential, added["id"].as_str().unwrap().to_owned())
}

pub(crate) async fn sign_in_options(app: &App) -> Options {
    options(&app.raw(Method::POST, "/v1/auth/passkey/options", None, vec![]).await)
}

pub(crate) fn sign_in_body(options: &Options, credential: &Credential) -> Value {
    let used = credential.sign(&credential.used(&options.challenge));
    json!({ "challenge_id": options.challenge_id, "credential": used })
}

pub(crate) async fn sign_in(app: &App, credential: &Credential) -> Answer {
    let options = sign_in_options(app).await;
    app.post("/v1/auth/passkey", sign_in_body(&options, credential)).await
}

/// Signs in by a text on a device that did before.
async fn sign_in_by_text(app: &App, phone: &str, device_token: &Value) -> Value {
    let mut body = json!({ "phone": phone, "device_token": device_token });
    let asked = app.post("/v1/auth/code", body.clone()).await.ok(202);
    body["code"] = asked["code"].clone();
    app.post("/v1/auth/token", body).await.ok(200)
}

fn person(answer: &Value) -> Person {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Person {
        id: text(&answer["user"]["id"]),
        invite_code: text(&answer["user"]["invite_code"]),
        token: text(&answer["access_token"]),
        refresh: text(&answer["refresh_token"]),
    }
}

async fn list(app: &App, token: &str) -> Vec<Value> {
    app.get(LIST, token).await.ok(200)["items"].as_array().unwrap().clone()
}

pub(crate) async fn remove(app: &App, token: &str, user: &str, passkey: &str) -> Answer {
    app.raw(Method::DELETE, &format!("/v1/users/{user}/passkeys/{passkey}"), Some(token), vec![]).await
}

/// One with an admin, for people who sign in often.
async fn app(vars: &[(&str, &str)]) -> App {
    let own = [("GUESSES_PER_IP_HOUR", "0"), ("REVEAL_CODE", "true")];
    App::with_admin(&[FREE, &own, vars].concat()).await
}

#[tokio::test]
async fn a_person_adds_one_and_signs_in_with_it() {
    let app = app(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let asked = options(&add_options(&app, &alice.token).await);
    let public_key = &asked.public_key;
    assert_eq!(public_key["rp"], json!({ "id": "api.example.com", "name": "Latchkey" }));
    let owner = json!({ "id": base64url(alice.id.as_bytes()), "name": phone(1), "displayName": phone(1) });
    assert_eq!(public_key["user"], owner);
    assert_eq!(public_key["pubKeyCredParams"], json!([{ "type": "public-key", "alg": -7 }]));
    assert_eq!((&public_key["attestation"], &public_key["timeout"]), (&json!("none"), &json!(300_000)));
    assert_eq!(public_key["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(public_key["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(public_key["excludeCredentials"], json!([]));

    let credential = device_of(&alice);
    let added = app.json(Method::POST, LIST, &alice.token, &addition(&asked, &credential)).await.ok(201);
    assert_eq!((&added["name"], &added["synced"]), (&json!("Phone"), &json!(true)));
    assert_eq!(
        (&added["created_at"], &added["last_used_at"]),
        (&json!("2026-11-21T01:25:52Z"), &Value::Null)
    );
    let again = options(&add_options(&app, &alice.token).await);
    let excluded = json!([{ "type": "public-key", "id": base64url(&credential.id) }]);
    assert_eq!(again.public_key["excludeCredentials"], excluded, "no second one on that device");

    app.clock.advance(86_400);
    let texts = app.all_texts().await;
    let asked = sign_in_options(&app).await;
    assert_eq!(asked.public_key["rpId"], "api.example.com");
    assert_eq!(asked.public_key["userVerification"], "required");
    assert_eq!(asked.public_key.get("allowCredentials"), None, "nobody is named");
    let mut body = sign_in_body(&asked, &credential);
    body["device"] = "New phone".into();
    let answer = app.post("/v1/auth/passkey", body).await.ok(200);
    assert_eq!((&answer["is_new"], &answer["user"]["id"]), (&json!(false), &json!(alice.id)));
    assert_eq!(app.all_texts().await, texts, "without a text");
    let anew = person(&answer);
    let sessions = app.get("/v1/users/me/sessions", &anew.token).await.ok(200);
    assert_eq!(sessions["items"][0]["device"], "New phone");
    let listed = list(&app, &anew.token).await;
    assert_eq!((listed.len(), &listed[0]["last_used_at"]), (1, &json!("2026-11-22T01:25:52Z")));
    assert_eq!(listed[0]["id"], added["id"]);
    app.refresh(&anew.refresh).await.ok(200);
}

/// The answer is one, whatever was wrong, and nothing comes of it.
#[tokio::test]
async fn what_is_wrong_is_told_alike() {
    let app = app(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let (credential, id) = add(&app, &alice).await;
    let (of_bob, _) = add(&app, &bob).await;
    let unknown = device_of(&alice);
    let garbled = |credential: &Credential, options: &Options| {
        let mut body = sign_in_body(options, credential);
        body["credential"]["response"]["signature"] = "=".into();
        body
    };
    let asked = sign_in_options(&app).await;
    let posing = Credential { user_handle: bob.id.clone().into_bytes(), ..device_of(&bob) };
    let posing = Credential { id: of_bob.id.clone(), ..posing };
    let to_add = options(&add_options(&app, &alice.token).await);
    let bodies = [
        sign_in_body(&asked, &unknown),
        sign_in_body(&asked, &posing),
        garbled(&credential, &asked),
        json!({ "challenge_id": asked.challenge_id, "credential": {} }),
        // Of the other purpose.
        sign_in_body(&to_add, &credential),
        sign_in_body(
            &Options { challenge_id: "lkc.1.2.3".to_owned(), ..sign_in_options(&app).await },
            &credential,
        ),
        // Another's challenge, under one's own name.
        sign_in_body(&Options { challenge: sign_in_options(&app).await.challenge, ..asked }, &credential),
    ];
    let mut told = Vec::new();
    for body in bodies {
        let mut problem = app.post("/v1/auth/passkey", body).await.problem(422, "passkey_not_accepted");
        problem.as_object_mut().unwrap().remove("request_id");
        told.push(problem);
    }
    assert!(told.iter().all(|problem| *problem == told[0]), "{told:?}");
    for bad in [json!(1), json!(null), json!("x")] {
        let body = json!({ "challenge_id": "x", "credential": bad });
        app.post("/v1/auth/passkey", body).await.problem(422, "invalid_request");
    }
    assert_eq!(list(&app, &alice.token).await[0]["last_used_at"], Value::Null);
    assert_eq!(remove(&app, &alice.token, "me", &id).await.status, 204);
    sign_in(&app, &credential).await.problem(422, "passkey_not_accepted");

    // One kind of challenge never serves the other, nor another session.
    let asked = sign_in_options(&app).await;
    let not_accepted = async |token: &str, body: &Value| {
        app.json(Method::POST, LIST, token, body).await.problem(422, "passkey_not_accepted");
    };
    not_accepted(&alice.token, &addition(&asked, &device_of(&alice))).await;
    let mine = options(&add_options(&app, &alice.token).await);
    not_accepted(&bob.token, &addition(&mine, &device_of(&bob))).await;
    let other = app.sign_in_later(&phone(1)).await;
    not_accepted(&other.token, &addition(&mine, &device_of(&alice))).await;
    // Somebody else's, by its name.
    let mine = options(&add_options(&app, &other.token).await);
    not_accepted(&other.token, &addition(&mine, &of_bob)).await;
    assert_eq!(list(&app, &other.token).await.len(), 0);
}

#[tokio::test]
async fn a_challenge_is_answered_once_within_five_minutes() {
    let app = app(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let (credential, _) = add(&app, &alice).await;
    let body = sign_in_body(&sign_in_options(&app).await, &credential);
    app.clock.advance(299);
    app.post("/v1/auth/passkey", body.clone()).await.ok(200);
    app.post("/v1/auth/passkey", body).await.problem(422, "passkey_not_accepted");
    let body = sign_in_body(&sign_in_options(&app).await, &credential);
    app.clock.advance(300);
    app.post("/v1/auth/passkey", body).await.problem(422, "passkey_not_accepted");
    let asked = options(&add_options(&app, &alice.token).await);
    let body = addition(&asked, &device_of(&alice));
    app.json(Method::POST, LIST, &alice.token, &body).await.ok(201);
    // Neither is one that added a passkey, whatever becomes of that.
    app.json(Method::POST, LIST, &alice.token, &addition(&asked, &device_of(&alice)))
        .await
        .problem(422, "passkey_not_accepted");
    let removed = list(&app, &alice.token).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(remove(&app, &alice.token, "me", &removed).await.status, 204);
    app.json(Method::POST, LIST, &alice.token, &body).await.problem(422, "passkey_not_accepted");
    let bob = app.sign_in(&phone(2)).await;
    let late = addition(&options(&add_options(&app, &bob.token).await), &device_of(&bob));
    app.clock.advance(300);
    app.json(Method::POST, LIST, &bob.token, &late).await.problem(422, "passkey_not_accepted");
}

/// A lost answer is asked for again, and finds what was done.
#[tokio::test]
async fn a_repeated_request_finds_what_was_done() {
    let app = app(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let (asked, credential) = (options(&add_options(&app, &alice.token).await), device_of(&alice));
    let body = addition(&asked, &credential);
    let first = app.json(Method::POST, LIST, &alice.token, &body).await.ok(201);
    app.clock.advance(700);
    let again = app.json(Method::POST, LIST, &alice.token, &body).await.ok(201);
    assert_eq!(first, again, "long after, too");
    assert_eq!(list(&app, &alice.token).await.len(), 1);

    let body = sign_in_body(&sign_in_options(&app).await, &credential);
    let key = "01a1fbdf-98a0-7c0b-bce7-48148979ccac";
    let first = app.post_with_key("/v1/auth/passkey", key, &body).await.ok(200);
    let again = app.post_with_key("/v1/auth/passkey", key, &body).await.ok(200);
    assert_eq!(first["refresh_token"], again["refresh_token"]);
    let body = sign_in_body(&sign_in_options(&app).await, &credential);
    app.post_with_key("/v1/auth/passkey", key, &body).await.problem(422, "idempotency_mismatch");
}

#[tokio::test]
async fn lost_answers_of_the_tables_change_nothing() {
    for fault in [Fault::AppliedThenTimeout, Fault::Lost] {
        let app = app(&[]).await;
        let alice = app.sign_in(&phone(1)).await;
        let asked = options(&add_options(&app, &alice.token).await);
        let credential = device_of(&alice);
        app.faults.next("TransactWriteItems", fault);
        app.json(Method::POST, LIST, &alice.token, &addition(&asked, &credential)).await.ok(201);
        let body = sign_in_body(&sign_in_options(&app).await, &credential);
        app.faults.next("TransactWriteItems", fault);
        app.post("/v1/auth/passkey", body).await.ok(200);
        assert!(app.faults.all_met());
        let id = list(&app, &alice.token).await[0]["id"].as_str().unwrap().to_owned();
        app.faults.next("TransactWriteItems", fault);
        assert_eq!(remove(&app, &alice.token, "me", &id).await.status, 204);
        assert!(app.faults.all_met());
        assert_eq!(list(&app, &alice.token).await.len(), 0);
    }
}

#[tokio::test]
async fn a_ban_is_told_after_a_right_answer_alone() {
    let app = app(&[]).await;
    let (alice, admin) = (app.sign_in(&phone(1)).await, app.sign_in(ADMIN).await);
    let (credential, id) = add(&app, &alice).await;
    app.update_user(&admin.token, &alice.id, &json!({ "status": "banned" })).await.ok(200);
    sign_in(&app, &credential).await.problem(403, "account_banned");
    let forged = Credential { id: credential.id.clone(), ..device_of(&alice) };
    sign_in(&app, &forged).await.problem(422, "passkey_not_accepted");
    // Admins see and remove what somebody banned has.
    let path = format!("/v1/users/{}/passkeys", alice.id);
    assert_eq!(app.get(&path, &admin.token).await.ok(200)["items"][0]["id"], id);
    assert_eq!(remove(&app, &admin.token, &alice.id, &id).await.status, 204);
    app.update_user(&admin.token, &alice.id, &json!({ "status": "active" })).await.ok(200);
    sign_in(&app, &credential).await.problem(422, "passkey_not_accepted");
}

#[tokio::test]
async fn passkeys_are_named_listed_and_removed() {
    let app = app(&[]).await;
    let (alice, bob, admin) =
        (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await, app.sign_in(ADMIN).await);
    let (first, first_id) = add(&app, &alice).await;
    app.clock.advance(1);
    let (_, second_id) = add(&app, &alice).await;
    let ids: Vec<_> = list(&app, &alice.token).await.into_iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [json!(second_id), json!(first_id)], "newest first");

    let path = format!("{LIST}/{first_id}");
    let renamed = app.json(Method::PATCH, &path, &alice.token, &json!({ "name": "Old phone" })).await.ok(200);
    assert_eq!((&renamed["name"], &renamed["id"]), (&json!("Old phone"), &json!(first_id)));
    for bad in [json!({}), json!({ "name": "" }), json!({ "name": null }), json!({ "name": "x".repeat(65) })]
    {
        app.json(Method::PATCH, &path, &alice.token, &bad).await.problem(422, "invalid_request");
    }
    let name = json!({ "name": "Mine" });
    app.json(Method::PATCH, &path, &bob.token, &name).await.problem(404, "passkey_not_found");
    let of_alice = format!("/v1/users/{}/passkeys", alice.id);
    for other in [&bob.token, &admin.token] {
        let path = format!("{of_alice}/{first_id}");
        app.json(Method::PATCH, &path, other, &name).await.problem(403, "forbidden");
    }
    app.get(&of_alice, &bob.token).await.problem(403, "forbidden");
    remove(&app, &bob.token, &alice.id, &first_id).await.problem(403, "forbidden");
    remove(&app, &bob.token, "me", &first_id).await.problem(404, "passkey_not_found");
    remove(&app, &alice.token, "me", "me").await.problem(404, "passkey_not_found");
    app.get("/v1/users/nobody/passkeys", &admin.token).await.problem(404, "user_not_found");

    // Its sessions end with it, and no others.
    let by_first = person(&sign_in(&app, &first).await.ok(200));
    assert_eq!(remove(&app, &alice.token, "me", &first_id).await.status, 204);
    app.get("/v1/users/me", &by_first.token).await.problem(401, "session_ended");
    app.get("/v1/users/me", &alice.token).await.ok(200);
    remove(&app, &alice.token, "me", &first_id).await.problem(404, "passkey_not_found");
    assert_eq!(list(&app, &alice.token).await.len(), 1);
    // The device may be asked again.
    add_with(&app, &alice.token, &first).await.ok(201);
}

#[tokio::test]
async fn ten_are_what_there_can_be() {
    let app = app(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    for _ in 0..9 {
        add(&app, &alice).await;
    }
    let spare = options(&add_options(&app, &alice.token).await);
    add(&app, &alice).await;
    let body = addition(&spare, &device_of(&alice));
    app.json(Method::POST, LIST, &alice.token, &body).await.problem(409, "too_many_passkeys");
    add_options(&app, &alice.token).await.problem(409, "too_many_passkeys");
    let id = list(&app, &alice.token).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(remove(&app, &alice.token, "me", &id).await.status, 204);
    app.json(Method::POST, LIST, &alice.token, &body).await.ok(201);
}

#[tokio::test]
async fn a_count_that_goes_back_is_refused_and_ends_nothing() {
    let app = app(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let mut credential = Credential { backup: 0, counter: 5, ..device_of(&alice) };
    assert_eq!(add_with(&app, &alice.token, &credential).await.ok(201)["synced"], false);
    credential.counter = 6;
    let began = person(&sign_in(&app, &credential).await.ok(200));
    for counter in [6, 5, 0] {
        credential.counter = counter;
        sign_in(&app, &credential).await.problem(422, "passkey_not_accepted");
    }
    app.get("/v1/users/me", &began.token).await.ok(200);
    credential.counter = 7;
    sign_in(&app, &credential).await.ok(200);
}

#[tokio::test]
async fn synced_is_what_it_was_at_the_last_sign_in() {
    let app = app(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let mut credential = Credential { backup: BE, ..device_of(&alice) };
    assert_eq!(add_with(&app, &alice.token, &credential).await.ok(201)["synced"], false);
    for (backup, synced) in [(BE | BS, true), (BE, false)] {
        credential.backup = backup;
        sign_in(&app, &credential).await.ok(200);
        assert_eq!(list(&app, &alice.token).await[0]["synced"], synced);
    }
    credential.backup = 0;
    sign_in(&app, &credential).await.problem(422, "passkey_not_accepted");
}

#[tokio::test]
async fn both_routes_count_as_guesses_of_the_address() {
    let app = App::with(&[("GUESSES_PER_IP_HOUR", "4")]).await;
    let alice = app.sign_in(&phone(1)).await;
    let (credential, _) = add(&app, &alice).await;
    sign_in(&app, &credential).await.ok(200);
    let asked = sign_in_options(&app).await;
    let body = sign_in_body(&asked, &credential);
    let refused = app.post("/v1/auth/passkey", body.clone()).await;
    refused.problem(429, "too_many_requests");
    let answer = app.raw(Method::POST, "/v1/auth/passkey/options", None, vec![]).await;
    answer.problem(429, "too_many_requests");
    // Another address is another's, and the challenge was not used up.
    app.post_from("198.51.100.7", "/v1/auth/passkey", &body).await.ok(200);
}

#[tokio::test]
async fn a_known_device_stays_the_same() {
    let app = app(&[]).await;
    let code = app.code_for(&phone(1)).await;
    let first = app.exchange(&phone(1), &code).await.ok(200);
    let (credential, _) = add(&app, &person(&first)).await;
    let device = |token: &Value| token.as_str().unwrap().split('.').nth(2).unwrap().to_owned();
    let mut body = sign_in_body(&sign_in_options(&app).await, &credential);
    body["device_token"] = first["device_token"].clone();
    let same = app.post("/v1/auth/passkey", body).await.ok(200);
    assert_eq!(device(&same["device_token"]), device(&first["device_token"]));
    let other = sign_in(&app, &credential).await.ok(200);
    assert_ne!(device(&other["device_token"]), device(&first["device_token"]));
}

#[tokio::test]
async fn an_invite_code_comes_along() {
    let app = app(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let (credential, _) = add(&app, &bob).await;
    let mut body = sign_in_body(&sign_in_options(&app).await, &credential);
    body["invite_code"] = alice.invite_code.clone().into();
    let answer = app.post("/v1/auth/passkey", body).await.ok(200);
    assert_eq!(answer["user"]["referrer"]["id"], alice.id);
}

#[tokio::test]
async fn where_the_site_has_no_domain_it_is_told() {
    for (vars, id) in [
        (vec![("PUBLIC_URL", "https://a1b2.execute-api.eu-central-1.amazonaws.com")], None),
        (vec![("PUBLIC_URL", "http://127.0.0.1:3000")], None),
        (vec![("PUBLIC_URL", "http://localhost:3000")], Some("localhost")),
        (
            vec![
                ("PUBLIC_URL", "https://a1b2.execute-api.eu-central-1.amazonaws.com"),
                ("PASSKEY_RP_ID", "example.com"),
            ],
            Some("example.com"),
        ),
    ] {
        let app = app(&vars).await;
        let alice = app.sign_in(&phone(1)).await;
        let adding = add_options(&app, &alice.token).await;
        let signing_in = app.raw(Method::POST, "/v1/auth/passkey/options", None, vec![]).await;
        let Some(id) = id else {
            for answer in [adding, signing_in] {
                let problem = answer.problem(409, "passkeys_not_configured");
                assert!(problem["detail"].as_str().unwrap().contains("PASSKEY_RP_ID"));
            }
            continue;
        };
        assert_eq!(options(&adding).public_key["rp"]["id"], id);
        assert_eq!(options(&signing_in).public_key["rpId"], id);
    }
}

/// Pages and apps of the same domain take part, and no others.
#[tokio::test]
async fn passkeys_are_used_where_the_deployment_says() {
    let print = ["AB"; 32].join(":");
    let apps = format!("com.example.app={print}");
    let vars = [
        ("PASSKEY_RP_ID", "example.com"),
        ("PASSKEY_ORIGINS", "https://app.example.com"),
        ("ANDROID_APPS", apps.as_str()),
    ];
    let app = app(&vars).await;
    let alice = app.sign_in(&phone(1)).await;
    let android = format!("android:apk-key-hash:{}", base64url(&[0xab; 32]));
    let at = |origin: &str| Credential::new("example.com", origin, alice.id.as_bytes());
    // That of the domain itself is an iPhone's app's.
    for origin in [SITE, "https://example.com", "https://app.example.com", &android] {
        let credential = at(origin);
        add_with(&app, &alice.token, &credential).await.ok(201);
        sign_in(&app, &credential).await.ok(200);
    }
    let elsewhere = ["http://example.com", "http://api.example.com", "https://app.example.com.evil.example"];
    for origin in elsewhere {
        add_with(&app, &alice.token, &at(origin)).await.problem(422, "passkey_not_accepted");
    }
}

/// What outlives a session takes a sign-in of a moment ago.
#[tokio::test]
async fn adding_and_removing_takes_a_sign_in_of_ten_minutes() {
    let app = app(&[]).await;
    let (alice, admin) = (app.sign_in(&phone(1)).await, app.sign_in(ADMIN).await);
    let (credential, id) = add(&app, &alice).await;
    app.clock.advance(600);
    let spare = options(&add_options(&app, &alice.token).await);
    app.clock.advance(1);
    add_options(&app, &alice.token).await.problem(403, "recent_sign_in_required");
    app.json(Method::POST, LIST, &alice.token, &addition(&spare, &device_of(&alice)))
        .await
        .problem(403, "recent_sign_in_required");
    remove(&app, &alice.token, "me", &id).await.problem(403, "recent_sign_in_required");
    // Refreshing renews nothing.
    let refreshed = app.new_token(&alice).await;
    add_options(&app, &refreshed).await.problem(403, "recent_sign_in_required");
    // To name one does not outlive anything.
    let path = format!("{LIST}/{id}");
    app.json(Method::PATCH, &path, &alice.token, &json!({ "name": "Phone" })).await.ok(200);
    let anew = person(&sign_in(&app, &credential).await.ok(200));
    add_options(&app, &anew.token).await.ok(200);
    let admins = async |seconds: i64| {
        app.clock.advance(seconds);
        app.new_token(&admin).await
    };
    let token = admins(7_200).await;
    remove(&app, &token, &alice.id, &id).await.problem(403, "recent_sign_in_required");
    let admin = app.sign_in(ADMIN).await;
    app.clock.advance(800);
    assert_eq!(remove(&app, &admin.token, &alice.id, &id).await.status, 204);
}

/// What is sent to the table once more, after its session was ended, comes to nothing.
#[tokio::test(start_paused = true)]
async fn nothing_is_added_by_a_session_that_was_ended_meanwhile() {
    let app = Arc::new(app(&[]).await);
    let alice = app.sign_in(&phone(1)).await;
    let asked = options(&add_options(&app, &alice.token).await);
    app.faults.next("TransactWriteItems", Fault::Lost);
    let (adding, token) = (Arc::clone(&app), alice.token.clone());
    let body = addition(&asked, &device_of(&alice));
    let added = tokio::spawn(async move { adding.json(Method::POST, LIST, &token, &body).await });
    app.faults.until_met().await;
    app.clock.advance(1);
    assert_eq!(app.sign_out(&alice.token, "local").await.status, 204);
    added.await.unwrap().problem(401, "session_ended");
    let anew = app.sign_in(&phone(1)).await;
    assert_eq!(list(&app, &anew.token).await.len(), 0);
}

/// Whoever gets a number that was somebody else's.
#[tokio::test]
async fn a_text_on_a_new_device_does_not_take_an_account_with_passkeys_over() {
    let app = app(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let (credential, id) = add(&app, &alice).await;
    // The device that added it goes on as before.
    let (_, second) = add(&app, &alice).await;
    assert_eq!(remove(&app, &alice.token, "me", &second).await.status, 204);

    let first = app.exchange(&phone(1), &app.code_for(&phone(1)).await).await.ok(200);
    let (device, newcomer) = (first["device_token"].clone(), person(&first));
    let moves = async |token: &str| {
        let body = json!({ "phone": phone(9), "purpose": "change_phone" });
        app.json(Method::POST, "/v1/auth/code", token, &body).await.ok(202);
        let body = json!({ "phone": phone(9), "code": app.last_code(&phone(9)).await });
        app.json(Method::PUT, "/v1/users/me/phone", token, &body).await
    };
    for answer in [
        add_options(&app, &newcomer.token).await,
        remove(&app, &newcomer.token, "me", &id).await,
        app.delete_user(&newcomer.token, "me").await,
        moves(&newcomer.token).await,
    ] {
        let problem = answer.problem(403, "recent_sign_in_required");
        assert_eq!(problem["retry_after"], HOLD, "{problem}");
    }
    app.get("/v1/users/me", &newcomer.token).await.ok(200);

    // Signing in anew on the same device does not begin it anew.
    app.clock.advance(HOLD - 1);
    let again = person(&sign_in_by_text(&app, &phone(1), &device).await);
    add_options(&app, &again.token).await.problem(403, "recent_sign_in_required");
    app.clock.advance(1);
    add_options(&app, &again.token).await.ok(200);

    // A passkey proves more, on whatever device: that is how a number that was lost is left.
    let with_passkey = person(&sign_in(&app, &credential).await.ok(200));
    moves(&with_passkey.token).await.ok(200);
    assert_eq!(list(&app, &with_passkey.token).await.len(), 1, "moving keeps passkeys");
    assert_eq!(app.sign_out(&with_passkey.token, "global").await.status, 204);
    sign_in(&app, &credential).await.ok(200);
}

/// What a thief added goes with the session that was stolen.
#[tokio::test]
async fn a_theft_takes_along_what_the_session_added() {
    let app = app(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let (own, _) = add(&app, &alice).await;
    // On a second device, which is no longer new.
    let first = app.exchange(&phone(1), &app.code_for(&phone(1)).await).await.ok(200);
    app.clock.advance(HOLD);
    let stolen = person(&sign_in_by_text(&app, &phone(1), &first["device_token"]).await);
    let (thiefs, _) = add(&app, &stolen).await;
    let began = person(&sign_in(&app, &thiefs).await.ok(200));
    let (seconds, _) = add(&app, &began).await;
    // That the session in between is over saves nothing of it.
    assert_eq!(app.sign_out(&began.token, "local").await.status, 204);
    let began_by_that = person(&sign_in(&app, &seconds).await.ok(200));
    let owners = person(&sign_in(&app, &own).await.ok(200));
    app.present_stolen(&stolen.refresh).await;
    for token in [&stolen.token, &began.token, &began_by_that.token] {
        app.get("/v1/users/me", token).await.problem(401, "session_ended");
    }
    for credential in [&thiefs, &seconds] {
        sign_in(&app, credential).await.problem(422, "passkey_not_accepted");
    }
    assert_eq!(list(&app, &owners.token).await.len(), 1);
    sign_in(&app, &own).await.ok(200);
    let everything = app.items(config::USERS_TABLE).await;
    assert_eq!(everything.matches("passkey#").count(), 1);
}

/// Whatever there can be of an account at most, one transaction takes it away.
#[tokio::test]
async fn an_account_that_has_everything_is_deleted_at_once() {
    let app = app(&[]).await;
    let inviter = app.sign_in(&phone(1)).await;
    let alice = app.sign_in(&phone(2)).await;
    app.activate(&alice.token, &inviter.invite_code).await.ok(200);
    let picture = include_bytes!("one-pixel.png").to_vec();
    app.raw(Method::PUT, "/v1/users/me/avatar", Some(&alice.token), picture).await.ok(200);
    let mut last = None;
    for _ in 0..10 {
        last = Some(add(&app, &alice).await.0);
    }
    // Its referrals are counted in all the shards that there can be.
    app.set_user(&alice.id, "REMOVE referral_shards").await;
    for friend in 0..8 {
        let friend = app.sign_in(&phone(100 + friend)).await;
        app.activate(&friend.token, &alice.invite_code).await.ok(200);
    }
    for _ in 0..19 {
        app.sign_in(&phone(2)).await;
    }
    app.request_code(&phone(2)).await.ok(202);
    let alice = person(&sign_in(&app, &last.unwrap()).await.ok(200));
    app.faults.asked();
    assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
    let asked = app.faults.asked();
    let deletion = asked.iter().find(|asked| asked.operation == "TransactWriteItems").unwrap();
    let actions = deletion.input["TransactItems"].as_array().unwrap().len();
    assert!((46..=100).contains(&actions), "{actions}");
    let everything = app.everything().await;
    for gone in [phone(2).as_str(), "passkey#"] {
        assert!(!everything.contains(gone), "{gone}");
    }
}

#[tokio::test]
async fn one_challenge_answered_twice_at_once_signs_in_once() {
    let app = Arc::new(app(&[]).await);
    let alice = app.sign_in(&phone(1)).await;
    let (credential, _) = add(&app, &alice).await;
    for trial in 0..trials() {
        app.faults.trouble(trial);
        let body = loop {
            let answer = app.raw(Method::POST, "/v1/auth/passkey/options", None, vec![]).await;
            if answer.status == 200 {
                break sign_in_body(&options(&answer), &credential);
            }
        };
        let twice = tokio::join!(
            app.post("/v1/auth/passkey", body.clone()),
            app.post("/v1/auth/passkey", body.clone())
        );
        let answers = [twice.0, twice.1];
        app.faults.calm();
        let allowed =
            [(200, ""), (422, "passkey_not_accepted"), (503, "outcome_unknown"), (503, "unavailable")];
        only(&answers, &allowed);
        assert!(count(&answers, 200) <= 1, "{answers:?}");
    }
}

#[tokio::test]
async fn eleven_at_once_add_ten() {
    for _ in 0..trials_of(22) {
        let app = Arc::new(app(&[]).await);
        let alice = app.sign_in(&phone(1)).await;
        let mut bodies = Vec::new();
        for _ in 0..11 {
            let asked = options(&add_options(&app, &alice.token).await);
            bodies.push(addition(&asked, &device_of(&alice)));
        }
        let add = |body: &Value| {
            let (app, token, body) = (Arc::clone(&app), alice.token.clone(), body.clone());
            async move { app.json(Method::POST, LIST, &token, &body).await }
        };
        let answers = bodies.iter().map(add).collect::<JoinSet<_>>().join_all().await;
        only(&answers, &[(201, ""), (409, "too_many_passkeys"), (503, "unavailable")]);
        assert_eq!(list(&app, &alice.token).await.len(), count(&answers, 201));
        assert!(count(&answers, 201) <= 10);
        // Whoever was turned away by the others alone asks again; the others find it done.
        for body in &bodies {
            add(body).await;
        }
        assert_eq!(list(&app, &alice.token).await.len(), 10);
    }
}

/// Whichever is first: a session that a removed passkey began is over.
#[tokio::test]
async fn of_a_removal_and_a_sign_in_at_once_no_session_is_left() {
    for trial in 0..trials_of(4) {
        let app = Arc::new(app(&[]).await);
        let alice = app.sign_in(&phone(1)).await;
        let (credential, id) = add(&app, &alice).await;
        let body = sign_in_body(&sign_in_options(&app).await, &credential);
        app.faults.trouble(trial);
        let (signed_in, removed) =
            tokio::join!(app.post("/v1/auth/passkey", body), remove(&app, &alice.token, "me", &id));
        app.faults.calm();
        if removed.status == 503 {
            let again = remove(&app, &alice.token, "me", &id).await.status;
            assert!(matches!(again, 204 | 404), "{again}");
        }
        if signed_in.status == 200 {
            let token = signed_in.json()["access_token"].as_str().unwrap().to_owned();
            app.get("/v1/users/me", &token).await.problem(401, "session_ended");
        }
        let sessions = app.get("/v1/users/me/sessions", &alice.token).await.ok(200);
        assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "{sessions}");
        sign_in(&app, &credential).await.problem(422, "passkey_not_accepted");
    }
}

#[tokio::test]
async fn of_a_ban_and_a_sign_in_at_once_no_session_is_left() {
    for trial in 0..trials_of(4) {
        let app = Arc::new(app(&[]).await);
        let (alice, admin) = (app.sign_in(&phone(1)).await, app.sign_in(ADMIN).await);
        let (credential, _) = add(&app, &alice).await;
        let body = sign_in_body(&sign_in_options(&app).await, &credential);
        let ban = json!({ "status": "banned" });
        app.faults.trouble(trial);
        let (signed_in, banned) =
            tokio::join!(app.post("/v1/auth/passkey", body), app.update_user(&admin.token, &alice.id, &ban));
        app.faults.calm();
        if banned.status == 503 {
            app.update_user(&admin.token, &alice.id, &ban).await.ok(200);
        }
        if signed_in.status == 200 {
            let token = signed_in.json()["access_token"].as_str().unwrap().to_owned();
            app.get("/v1/users/me", &token).await.problem(403, "account_banned");
        }
        app.update_user(&admin.token, &alice.id, &json!({ "status": "active" })).await.ok(200);
        let path = format!("/v1/users/{}/sessions", alice.id);
        assert_eq!(app.get(&path, &admin.token).await.ok(200)["items"], json!([]));
    }
}
