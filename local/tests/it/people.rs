//! People: profiles, roles, lists, deletion, another phone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;
use latchkey::domain::user::Role;
use latchkey::http::endpoint::Declaration;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Answer, App, Person, phone};
use crate::faults::Fault;
use crate::trials::trials;

/// The phone of the first admin.
const ADMIN: &str = "+79990000000";

async fn app(vars: &[(&str, &str)]) -> App {
    App::with(&[&[("ADMIN_PHONES", ADMIN)], vars].concat()).await
}

async fn patch(app: &App, token: &str, user: &str, body: Value) -> Answer {
    app.raw(Method::PATCH, &format!("/v1/users/{user}"), Some(token), body.to_string().into_bytes()).await
}

async fn delete(app: &App, token: &str, user: &str) -> Answer {
    app.raw(Method::DELETE, &format!("/v1/users/{user}"), Some(token), vec![]).await
}

async fn ask_to_move(app: &App, token: &str, phone: &str) -> Answer {
    let body = json!({ "phone": phone, "purpose": "change_phone" }).to_string().into_bytes();
    app.raw(Method::POST, "/v1/auth/code", Some(token), body).await
}

async fn move_to(app: &App, token: &str, phone: &str, code: &str) -> Answer {
    let body = json!({ "phone": phone, "code": code }).to_string().into_bytes();
    app.raw(Method::PUT, "/v1/users/me/phone", Some(token), body).await
}

/// Every page of a list.
async fn pages(app: &App, token: &str, query: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/v1/users?{query}{cursor}"), token).await.ok(200);
        pages.push(page["items"].as_array().unwrap().clone());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_profile_is_merged() {
    let app = App::sequential(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    let all = json!({ "email": "alice@example.com", "city": "Санкт-Петербург", "telegram_id": "@alice" });
    let profile = patch(&app, &alice.token, "me", all.clone()).await.ok(200);
    for field in ["email", "city", "telegram_id"] {
        assert_eq!(profile[field], all[field]);
    }
    assert_eq!((&profile["referrals"], &profile["referrals_count"]), (&json!([]), &json!(0)));
    assert_eq!(app.me(&alice).await, profile);
    // Absent keeps, null clears, unknown fields are ignored.
    let body = json!({ "city": null, "telegram_id": "12345", "phone": "+79009999999", "id": "x", "x": 1 });
    let profile = patch(&app, &alice.token, &alice.id, body).await.ok(200);
    assert_eq!((&profile["email"], &profile["city"]), (&json!("alice@example.com"), &Value::Null));
    assert_eq!((&profile["telegram_id"], &profile["phone"]), (&json!("12345"), &json!(phone(1))));
    assert_eq!(patch(&app, &alice.token, "me", json!({})).await.ok(200), profile);
    for (field, bad) in [
        ("email", json!("not an address")),
        ("email", json!("a".repeat(300) + "@example.com")),
        ("city", json!("")),
        ("city", json!("x".repeat(101))),
        ("city", json!("a\u{0}b")),
        ("telegram_id", json!("two words")),
        ("role", json!("king")),
        ("status", json!("deleted")),
    ] {
        let problem =
            patch(&app, &alice.token, "me", json!({ field: bad })).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    assert_eq!(app.me(&alice).await, profile, "nothing of a refused change is done");
}

#[tokio::test]
async fn the_first_admins_are_named_and_make_others() {
    let app = app(&[("TEST_PHONES", "+12015550123=0000@2026-12-31")]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    assert_eq!(app.me(&admin).await["role"], "admin");
    assert_eq!(app.me(&alice).await["role"], "user");
    for body in
        [json!({ "role": "admin" }), json!({ "status": "active" }), json!({ "city": "Omsk", "role": "user" })]
    {
        patch(&app, &alice.token, "me", body).await.problem(403, "forbidden");
    }
    assert_eq!(app.me(&alice).await["city"], Value::Null);
    let promoted = patch(&app, &admin.token, &alice.id, json!({ "role": "moderator" })).await.ok(200);
    assert_eq!(promoted["role"], "moderator");
    // At once, with the token of before: the item decides.
    app.get(&format!("/v1/users/{}", admin.id), &alice.token).await.ok(200);
    patch(&app, &alice.token, &admin.id, json!({ "city": "Omsk" })).await.problem(403, "forbidden");
    patch(&app, &admin.token, &alice.id, json!({ "role": "user" })).await.ok(200);
    app.get(&format!("/v1/users/{}", admin.id), &alice.token).await.problem(403, "forbidden");
    patch(&app, &admin.token, "nobody", json!({ "role": "user" })).await.problem(404, "user_not_found");

    app.request_code("+12015550123").await.ok(202);
    let tester =
        app.exchange("+12015550123", "0000").await.ok(200)["user"]["id"].as_str().unwrap().to_owned();
    let refused = patch(&app, &admin.token, &tester, json!({ "role": "admin" })).await;
    assert_eq!(refused.problem(422, "invalid_request")["errors"][0]["field"], "role");
}

#[tokio::test]
async fn a_ban_ends_everything_until_it_is_lifted() {
    let app = app(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    let banned = patch(&app, &admin.token, &alice.id, json!({ "status": "banned" })).await.ok(200);
    assert_eq!(banned["status"], "banned");
    app.get("/v1/users/me", &alice.token).await.problem(403, "account_banned");
    app.refresh(&alice.refresh).await.problem(403, "account_banned");
    app.clock.advance(60);
    let code = app.code_for(&phone(1)).await;
    app.exchange(&phone(1), "0001").await.problem(422, "invalid_code");
    app.exchange(&phone(1), &code).await.problem(403, "account_banned");

    patch(&app, &admin.token, &alice.id, json!({ "status": "active" })).await.ok(200);
    // The sessions of before stay over.
    app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");
    app.refresh(&alice.refresh).await.problem(401, "invalid_refresh_token");
    app.clock.advance(60);
    assert_eq!(app.sign_in(&phone(1)).await.id, alice.id);
}

#[tokio::test]
async fn a_lost_answer_of_a_ban_raises_the_epoch_once() {
    let app = app(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    app.faults.next("UpdateItem", Fault::AppliedThenTimeout);
    let banned = patch(&app, &admin.token, &alice.id, json!({ "status": "banned" })).await.ok(200);
    assert!(app.faults.all_met());
    assert_eq!(banned["status"], "banned");
    patch(&app, &admin.token, &alice.id, json!({ "status": "active" })).await.ok(200);
    let again = app.sign_in_later(&phone(1)).await;
    let sessions = app.get("/v1/users/me/sessions", &again.token).await.ok(200);
    assert!(sessions["items"][0]["id"].as_str().unwrap().split('-').nth(1) == Some("1"), "{sessions}");
}

#[tokio::test]
async fn users_are_listed_newest_first_in_stable_pages() {
    let app = app(&[]).await;
    let admin = app.sign_in(ADMIN).await;
    let mut people = vec![admin.clone()];
    for n in 1..=24 {
        app.clock.advance_millis(i64::from(n % 3 != 0));
        people.push(app.sign_in(&phone(n)).await);
    }
    let all = pages(&app, &admin.token, "limit=100").await.concat();
    assert_eq!(all.len(), 25);
    let times: Vec<_> = all.iter().map(|item| item["created_at"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted_by(|one, other| one >= other));
    assert_eq!(
        ids(&all).into_iter().collect::<BTreeSet<_>>(),
        people.iter().map(|person| person.id.clone()).collect()
    );
    for absent in ["referrals", "referrals_cursor", "referrals_count", "referrer"] {
        assert!(all[0].get(absent).is_none(), "{absent}");
    }
    // In pages of seven the same, although people come in between.
    let first = app.get("/v1/users?limit=7", &admin.token).await.ok(200);
    app.sign_in(&phone(99)).await;
    let mut listed = ids(first["items"].as_array().unwrap());
    let mut cursor = first["cursor"].as_str().unwrap().to_owned();
    loop {
        let page = app.get(&format!("/v1/users?limit=7&cursor={cursor}"), &admin.token).await.ok(200);
        listed.extend(ids(page["items"].as_array().unwrap()));
        match page["cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(listed, ids(&all));

    for bad in ["limit=0", "limit=101", "limit=x", "role=king", "status=x"] {
        app.get(&format!("/v1/users?{bad}"), &admin.token).await.problem(422, "invalid_request");
    }
    let other = app.get("/v1/users/me/referrals?limit=1", &admin.token).await.ok(200);
    assert_eq!(other["cursor"], Value::Null);
    for bad in ["x", &format!("{cursor}x"), "bm90aGluZw"] {
        app.get(&format!("/v1/users?cursor={bad}"), &admin.token).await.problem(422, "invalid_cursor");
    }
    // A cursor belongs to its filter.
    app.get(&format!("/v1/users?role=user&cursor={cursor}"), &admin.token)
        .await
        .problem(422, "invalid_cursor");
    app.get(&format!("/v1/users?role=admin&cursor={cursor}"), &admin.token)
        .await
        .problem(422, "invalid_cursor");
}

#[tokio::test]
async fn the_list_goes_back_to_the_first_month() {
    let app = app(&[("SESSION_TTL", "0"), ("REFRESH_TTL", "0")]).await;
    let old = app.sign_in(&phone(1)).await;
    // Over two turns of the year, with empty months between.
    app.clock.advance(200 * 86_400);
    let middle = app.sign_in(&phone(2)).await;
    app.clock.advance(250 * 86_400);
    let admin = app.sign_in(ADMIN).await;
    let pages = pages(&app, &admin.token, "").await;
    assert_eq!(ids(&pages.concat()), [admin.id, middle.id, old.id]);
    assert!(pages.len() <= 16, "one for each month: {}", pages.len());
}

#[tokio::test]
async fn users_are_found_by_phone_code_role_and_status() {
    let app = app(&[]).await;
    let admin = app.sign_in(ADMIN).await;
    let (alice, bob, carol) =
        (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await, app.sign_in(&phone(3)).await);
    patch(&app, &admin.token, &alice.id, json!({ "role": "moderator" })).await.ok(200);
    patch(&app, &admin.token, &bob.id, json!({ "status": "banned" })).await.ok(200);
    let found = async |query: &str| ids(&pages(&app, &alice.token, query).await.concat());
    assert_eq!(found(&format!("phone={}", phone(2))).await, [&*bob.id], "a plus that became a blank");
    assert_eq!(found(&format!("phone={}", phone(2).replace('+', "%2B"))).await, [&*bob.id]);
    assert_eq!(found("phone=+79001111111").await, [""; 0]);
    assert_eq!(found(&format!("invite_code={}", carol.invite_code.to_lowercase())).await, [&*carol.id]);
    assert_eq!(found("invite_code=nonsense").await, [""; 0]);
    assert_eq!(found(&format!("phone={}&invite_code={}", phone(3), carol.invite_code)).await, [&*carol.id]);
    assert_eq!(found(&format!("phone={}&invite_code={}", phone(2), carol.invite_code)).await, [""; 0]);
    assert_eq!(found("role=admin").await, [&*admin.id]);
    assert_eq!(found("role=moderator").await, [&*alice.id]);
    assert_eq!(found("status=banned").await, [&*bob.id]);
    assert_eq!(found("role=moderator&status=banned").await, [""; 0]);
    assert_eq!(found(&format!("phone={}&role=admin", phone(2))).await, [""; 0]);
    let users: BTreeSet<_> = found("role=user").await.into_iter().collect();
    assert_eq!(users, [bob.id.clone(), carol.id.clone()].into());
    assert!(!found("status=active").await.contains(&bob.id));
    app.get("/v1/users?phone=abc", &alice.token).await.problem(422, "invalid_phone");
    // Out of the lists again.
    patch(&app, &admin.token, &bob.id, json!({ "status": "active" })).await.ok(200);
    patch(&app, &admin.token, &alice.id, json!({ "role": "user" })).await.ok(200);
    assert_eq!(ids(&pages(&app, &admin.token, "status=banned").await.concat()), [""; 0]);
    assert_eq!(ids(&pages(&app, &admin.token, "role=moderator").await.concat()), [""; 0]);
    // Nor do the indexes hold them any more.
    app.faults.asked();
    pages(&app, &admin.token, "status=banned").await;
    pages(&app, &admin.token, "role=moderator").await;
    assert!(
        app.faults.asked().iter().filter(|asked| asked.operation == "Query").all(|asked| asked.items == 0)
    );
    assert!(
        app.faults
            .asked()
            .iter()
            .filter(|asked| asked.function != "inbox")
            .all(|asked| asked.operation != "Scan")
    );
}

#[tokio::test]
async fn phones_of_others_can_be_masked() {
    let app = app(&[("SHOW_PHONES", "masked")]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let activated = app.activate(&bob.token, &alice.invite_code).await.ok(200);
    assert_eq!(activated["referrer"]["phone"], "+7900•••0001");
    let profile = app.me(&bob).await;
    assert_eq!(
        (&profile["phone"], &profile["referrer"]["phone"]),
        (&json!(phone(2)), &json!("+7900•••0001"))
    );
    assert_eq!(app.me(&alice).await["referrals"], json!(["+7900•••0002"]));
    let listed = app.get("/v1/users/me/referrals", &alice.token).await.ok(200);
    assert_eq!(listed["items"][0]["phone"], "+7900•••0002");
    let again = app.sign_in_later(&phone(2)).await;
    assert_eq!(app.me(&again).await["referrer"]["phone"], "+7900•••0001");
    // Whoever looks after users sees whom.
    let admin = app.sign_in(ADMIN).await;
    let seen = app.get(&format!("/v1/users/{}", alice.id), &admin.token).await.ok(200);
    assert_eq!(seen["referrals"], json!([phone(2)]));
    let error = app.functions_with(&[("SHOW_PHONES", "half")]).await.err().unwrap().to_string();
    assert!(error.starts_with("SHOW_PHONES: "));
}

#[tokio::test]
async fn deleting_removes_everything_personal() {
    let app = app(&[]).await;
    let (alice, bob, carol) =
        (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await, app.sign_in(&phone(3)).await);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    app.activate(&carol.token, &bob.invite_code).await.ok(200);
    patch(&app, &bob.token, "me", json!({ "email": "bob@example.com", "city": "Bobtown" })).await.ok(200);
    app.clock.advance(60);
    let code = app.code_for(&phone(2)).await;

    assert_eq!(delete(&app, &bob.token, "me").await.status, 204);
    app.get("/v1/users/me", &bob.token).await.problem(401, "session_ended");
    app.refresh(&bob.refresh).await.problem(401, "invalid_refresh_token");
    delete(&app, &bob.token, "me").await.problem(401, "session_ended");
    // Whoever invited him counts one less, whoever he invited keeps the code.
    let profile = app.me(&alice).await;
    assert_eq!((&profile["referrals"], &profile["referrals_count"]), (&json!([]), &json!(0)));
    let profile = app.me(&carol).await;
    assert_eq!(
        (&profile["referrer"], &profile["activated_invite_code"]),
        (&Value::Null, &json!(bob.invite_code))
    );
    app.activate(&carol.token, &bob.invite_code).await.ok(200);
    // Nothing of him is left: not his phone, his name, his city, his id but where it is nobody's.
    let left = app.everything().await;
    for personal in ["bob@example.com", "Bobtown"] {
        assert!(!left.contains(personal), "{personal}");
    }
    assert!(!left.contains(&format!("user#{}", bob.id)) && !left.contains(&format!("phone#{}", phone(2))));
    assert!(!left.contains(&format!("\"phone\":{{\"S\":\"{}\"}}", phone(2))), "{left}");
    assert!(!left.contains(&format!("\"user_id\":{{\"S\":\"{}\"}}", bob.id)), "no session");
    // His code is nobody's for ever, and a code that was on its way is void.
    let dave = app.sign_in(&phone(4)).await;
    app.activate(&dave.token, &bob.invite_code).await.problem(404, "invite_code_not_found");
    app.exchange(&phone(2), &code).await.problem(422, "invalid_code");
    // His send times stand; the number registers anew as somebody else.
    app.request_code(&phone(2)).await.problem(429, "resend_too_soon");
    let anew = app.sign_in_later(&phone(2)).await;
    assert_ne!(anew.id, bob.id);
    let profile = app.me(&anew).await;
    assert_eq!((&profile["email"], &profile["activated_invite_code"]), (&Value::Null, &Value::Null));
    app.activate(&anew.token, &alice.invite_code).await.ok(200);
    assert_eq!(app.me(&alice).await["referrals_count"], 1);
}

#[tokio::test]
async fn admins_delete_others_and_a_lost_answer_is_success() {
    let app = app(&[]).await;
    let (admin, alice, bob) =
        (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    delete(&app, &bob.token, &alice.id).await.problem(403, "forbidden");
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    assert_eq!(delete(&app, &admin.token, &alice.id).await.status, 204);
    assert!(app.faults.all_met());
    delete(&app, &admin.token, &alice.id).await.problem(404, "user_not_found");
    app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");
    // Not known, and repeated: it finds nobody left.
    app.faults.every_try("TransactWriteItems", Fault::AppliedThenTimeout);
    delete(&app, &admin.token, &bob.id).await.problem(503, "outcome_unknown");
    app.faults.forget();
    delete(&app, &admin.token, &bob.id).await.problem(404, "user_not_found");
}

/// A sign-in, a refresh, an activation and a deletion of one user at once, half
/// of the trials with faults: either the account is there and whole, or gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_and_all_else_at_once_leave_a_clean_state() {
    let free = [
        ("RESEND_COOLDOWN", "0"),
        ("REVEAL_CODE", "true"),
        ("CODES_PER_PHONE_HOUR", "0"),
        ("CODES_PER_PHONE_DAY", "0"),
    ];
    let app = Arc::new(app(&free).await);
    let admin = app.sign_in(ADMIN).await;
    let inviter = app.sign_in(&phone(900_000)).await;
    for trial in 0..trials() {
        let number = phone(trial);
        let alice = app.sign_in(&number).await;
        let code = app.code_for(&number).await;
        if trial % 2 == 1 {
            app.faults.at_random(u64::from(trial), 0.05);
        }
        let mut racers = JoinSet::new();
        let (one, token) = (Arc::clone(&app), alice.token.clone());
        racers.spawn(async move { delete(&one, &token, "me").await });
        let (two, to) = (Arc::clone(&app), number.clone());
        racers.spawn(async move { two.exchange(&to, &code).await });
        let (three, refresh) = (Arc::clone(&app), alice.refresh.clone());
        racers.spawn(async move { three.refresh(&refresh).await });
        let (four, token, invite) = (Arc::clone(&app), alice.token.clone(), inviter.invite_code.clone());
        racers.spawn(async move { four.activate(&token, &invite).await });
        let answers = racers.join_all().await;
        app.faults.at_random(0, 0.0);
        assert!(answers.iter().all(|answer| answer.status < 500 || answer.status == 503));

        let found = app.get(&format!("/v1/users?phone={number}"), &admin.token).await.ok(200);
        let old = app.get(&format!("/v1/users/{}", alice.id), &admin.token).await;
        match found["items"][0]["id"].as_str() {
            Some(id) if id == alice.id => assert_eq!(old.status, 200, "trial {trial}: there, and whole"),
            _ => {
                old.problem(404, "user_not_found");
                app.get("/v1/users/me", &alice.token).await.problem(401, "session_ended");
            }
        }
        // Whoever has the phone now can sign in, once more.
        let now = app.sign_in(&number).await;
        app.me(&now).await;
    }
    let profile = app.me(&inviter).await;
    let mut listed = 0;
    let mut cursor = String::new();
    loop {
        let page =
            app.get(&format!("/v1/users/me/referrals?limit=100{cursor}"), &inviter.token).await.ok(200);
        for referral in page["items"].as_array().unwrap() {
            let path = format!("/v1/users/{}", referral["id"].as_str().unwrap());
            assert_eq!(app.get(&path, &admin.token).await.status, 200, "nobody is listed who is gone");
            listed += 1;
        }
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(profile["referrals_count"], listed, "exact after any deletion");
}

#[tokio::test]
async fn an_account_moves_to_a_number_that_proved_itself() {
    let app = app(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&alice.token, &bob.invite_code).await.ok(200);
    ask_to_move(&app, &alice.token, &phone(9)).await.ok(202);
    let code = app.last_code(&phone(9)).await;
    let profile = move_to(&app, &alice.token, &phone(9), &code).await.ok(200);
    assert_eq!((&profile["phone"], &profile["id"]), (&json!(phone(9)), &json!(alice.id)));
    assert_eq!(profile["referrer"]["id"], bob.id);
    // The same once more: that answer may have been lost.
    assert_eq!(move_to(&app, &alice.token, &phone(9), &code).await.ok(200)["phone"], phone(9));
    // The tokens stay good, the old number is told, and free.
    assert_eq!(app.me(&alice).await["phone"], phone(9));
    app.refresh(&alice.refresh).await.ok(200);
    assert!(app.last_text(&phone(1)).await.contains("изменён"));
    assert_eq!(app.me(&bob).await["referrals"], json!([phone(9)]));
    assert_eq!(app.sign_in_later(&phone(9)).await.id, alice.id);
    assert_ne!(app.sign_in_later(&phone(1)).await.id, alice.id);
}

#[tokio::test]
async fn a_code_for_one_purpose_is_none_for_the_other() {
    let app = app(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.post("/v1/auth/code", json!({ "phone": phone(9), "purpose": "change_phone" }))
        .await
        .problem(401, "missing_token");
    ask_to_move(&app, "nonsense", &phone(9)).await.problem(401, "invalid_token");
    assert_eq!(app.texts(&phone(9)).await, 0);
    ask_to_move(&app, &alice.token, &phone(9)).await.ok(202);
    let code = app.last_code(&phone(9)).await;
    app.exchange(&phone(9), &code).await.problem(422, "invalid_code");
    move_to(&app, &bob.token, &phone(9), &code).await.problem(422, "invalid_code");
    let wrong = app.wrong_code(&phone(9)).await;
    assert_eq!(
        move_to(&app, &alice.token, &phone(9), &wrong).await.problem(422, "invalid_code")["attempts_left"],
        4
    );
    move_to(&app, &alice.token, &phone(9), &code).await.ok(200);

    let code = app.code_for(&phone(8)).await;
    move_to(&app, &alice.token, &phone(8), &code).await.problem(422, "invalid_code");
    assert_eq!(app.me(&alice).await["phone"], phone(9));
}

#[tokio::test]
async fn a_taken_number_is_told_only_after_its_code() {
    let app = app(&[]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.clock.advance(60);
    let free = ask_to_move(&app, &alice.token, &phone(9)).await.ok(202);
    let taken = ask_to_move(&app, &alice.token, &phone(2)).await.ok(202);
    assert_eq!(free.as_object().unwrap().len(), taken.as_object().unwrap().len());
    let wrong = app.wrong_code(&phone(2)).await;
    move_to(&app, &alice.token, &phone(2), &wrong).await.problem(422, "invalid_code");
    let code = app.last_code(&phone(2)).await;
    move_to(&app, &alice.token, &phone(2), &code).await.problem(409, "phone_taken");
    assert_eq!(
        (app.me(&alice).await["phone"].clone(), app.me(&bob).await["phone"].clone()),
        (json!(phone(1)), json!(phone(2)))
    );
    assert!(!app.last_text(&phone(1)).await.contains("изменён"), "nothing happened");
}

/// Two users and a newcomer want one number, half of the trials with faults: it
/// is one's, and the others keep theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_several_want_is_one_owners() {
    let free = [
        ("RESEND_COOLDOWN", "0"),
        ("REVEAL_CODE", "true"),
        ("CODES_PER_PHONE_HOUR", "0"),
        ("CODES_PER_PHONE_DAY", "0"),
    ];
    let app = Arc::new(app(&free).await);
    let admin = app.sign_in(ADMIN).await;
    for trial in 0..trials() {
        let (one, two, wanted) = (phone(3 * trial), phone(3 * trial + 1), phone(3 * trial + 2));
        let (alice, bob) = (app.sign_in(&one).await, app.sign_in(&two).await);
        let code =
            ask_to_move(&app, &alice.token, &wanted).await.ok(202)["code"].as_str().unwrap().to_owned();
        if trial % 2 == 1 {
            app.faults.at_random(u64::from(trial), 0.05);
        }
        let mut racers = JoinSet::new();
        for person in [&alice, &alice, &bob] {
            let (app, token, wanted, code) =
                (Arc::clone(&app), person.token.clone(), wanted.clone(), code.clone());
            racers.spawn(async move { move_to(&app, &token, &wanted, &code).await });
        }
        let answers = racers.join_all().await;
        app.faults.at_random(0, 0.0);
        assert!(answers.iter().all(|answer| answer.status < 500 || answer.status == 503));
        let mut owners = BTreeMap::new();
        for number in [&one, &two, &wanted] {
            let found = app.get(&format!("/v1/users?phone={number}"), &admin.token).await.ok(200);
            if let Some(id) = found["items"][0]["id"].as_str() {
                assert_eq!(found["items"][0]["phone"], **number, "trial {trial}");
                assert!(
                    owners.insert(id.to_owned(), number.clone()).is_none(),
                    "trial {trial}: one number each"
                );
            }
        }
        assert_eq!(owners.len(), 2, "trial {trial}");
        assert_eq!(owners[&bob.id], two, "a code is bound to who asked");
    }
}

async fn manage(app: &App, token: &str, user: &str, body: Value) -> Answer {
    let path = format!("/v1/users/{user}/invite");
    app.raw(Method::PATCH, &path, Some(token), body.to_string().into_bytes()).await
}

#[tokio::test]
async fn an_invite_code_is_limited_ended_and_revoked() {
    let app = app(&[("SESSION_TTL", "0")]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    let enter = async |n: u32| {
        let friend = app.sign_in(&phone(n)).await;
        app.activate(&friend.token, &alice.invite_code).await
    };
    enter(11).await.ok(200);
    let now = manage(&app, &admin.token, &alice.id, json!({})).await.ok(200);
    let expected = json!({
        "invite_code": alice.invite_code, "max_uses": null, "expires_at": null, "revoked": false, "uses": 1,
    });
    assert_eq!(now, expected);
    // What was used before the limit counts.
    let limited = manage(&app, &admin.token, &alice.id, json!({ "max_uses": 3 })).await.ok(200);
    assert_eq!((&limited["max_uses"], &limited["uses"]), (&json!(3), &json!(1)));
    enter(12).await.ok(200);
    let code = app.code_for(&phone(13)).await;
    let body = json!({ "phone": phone(13), "code": code, "invite_code": alice.invite_code });
    assert!(app.post("/v1/auth/token", body).await.ok(200)["user"]["referrer"].is_object());
    enter(14).await.problem(404, "invite_code_not_found");
    let code = app.code_for(&phone(15)).await;
    let body = json!({ "phone": phone(15), "code": code, "invite_code": alice.invite_code });
    assert_eq!(app.post("/v1/auth/token", body).await.ok(200)["invite_error"], "invite_code_not_found");
    let free = manage(&app, &admin.token, &alice.id, json!({ "max_uses": null })).await.ok(200);
    assert_eq!((&free["max_uses"], &free["uses"]), (&Value::Null, &json!(3)));
    enter(16).await.ok(200);

    let end =
        manage(&app, &admin.token, &alice.id, json!({ "expires_at": "2026-11-21T03:25:53+02:00" })).await;
    assert_eq!(end.ok(200)["expires_at"], "2026-11-21T01:25:53Z");
    enter(17).await.ok(200);
    app.clock.advance(1);
    enter(18).await.problem(404, "invite_code_not_found");
    manage(&app, &admin.token, &alice.id, json!({ "expires_at": null, "revoked": true })).await.ok(200);
    enter(19).await.problem(404, "invite_code_not_found");
    manage(&app, &admin.token, &alice.id, json!({ "revoked": false })).await.ok(200);
    enter(20).await.ok(200);
    assert_eq!(app.me(&alice).await["referrals_count"], 6);

    for (field, bad) in [
        ("max_uses", json!(-1)),
        ("max_uses", json!("3")),
        ("expires_at", json!("tomorrow")),
        ("revoked", json!("yes")),
        ("redraw", json!(1)),
    ] {
        let answer = manage(&app, &admin.token, &alice.id, json!({ field: bad })).await;
        assert_eq!(answer.problem(422, "invalid_request")["errors"][0]["field"], field);
    }
    manage(&app, &admin.token, "nobody", json!({})).await.problem(404, "user_not_found");
}

#[tokio::test]
async fn a_redrawn_code_leaves_its_referrals_and_is_nobodys_for_ever() {
    let app = app(&[]).await;
    let (admin, alice, bob) =
        (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    let drawn = manage(&app, &admin.token, &alice.id, json!({ "redraw": true, "max_uses": 1 })).await.ok(200);
    let new = drawn["invite_code"].as_str().unwrap();
    assert_ne!(new, alice.invite_code);
    assert_eq!((&drawn["uses"], &drawn["max_uses"]), (&json!(0), &json!(1)));
    let profile = app.me(&alice).await;
    assert_eq!((&profile["invite_code"], &profile["referrals_count"]), (&json!(new), &json!(1)));
    let (carol, dave) = (app.sign_in(&phone(3)).await, app.sign_in(&phone(4)).await);
    app.activate(&carol.token, &alice.invite_code).await.problem(404, "invite_code_not_found");
    app.activate(&carol.token, new).await.ok(200);
    app.activate(&dave.token, new).await.problem(404, "invite_code_not_found");
    // Counted since it was drawn, not anew from all referrals.
    let more = manage(&app, &admin.token, &alice.id, json!({ "max_uses": 5 })).await.ok(200);
    assert_eq!((&more["uses"], &app.me(&alice).await["referrals_count"]), (&json!(1), &json!(2)));
    // Whoever entered the old one may say so again.
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    manage(&app, &admin.token, &alice.id, json!({ "redraw": true })).await.ok(200);
    assert!(app.faults.all_met());
}

/// Fifty at once for a code of ten uses, with faults in half of the trials.
#[tokio::test(flavor = "multi_thread")]
async fn a_limited_code_is_used_as_often_as_it_may_be() {
    for trial in 0..trials() {
        let app = Arc::new(app(&[("REVEAL_CODE", "true"), ("INVITE_GUESSES_PER_DAY", "0")]).await);
        let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(0)).await);
        manage(&app, &admin.token, &alice.id, json!({ "max_uses": 10 })).await.ok(200);
        let mut friends = Vec::new();
        for n in 1..=50 {
            friends.push(app.sign_in(&phone(n)).await);
        }
        if trial % 2 == 1 {
            app.faults.at_random(u64::from(trial), 0.05);
        }
        let mut racers = JoinSet::new();
        for friend in friends {
            let (app, code) = (Arc::clone(&app), alice.invite_code.clone());
            racers.spawn(async move { app.activate(&friend.token, &code).await.status });
        }
        let answers = racers.join_all().await;
        app.faults.at_random(0, 0.0);
        assert!(answers.iter().all(|status| [200, 404, 503].contains(status)), "{answers:?}");
        let count = app.me(&alice).await["referrals_count"].as_u64().unwrap();
        let managed = manage(&app, &admin.token, &alice.id, json!({})).await.ok(200);
        assert_eq!(managed["uses"], count, "trial {trial}");
        assert!(count <= 10 && (trial % 2 == 1 || count == 10), "trial {trial}: {count}");
    }
}

/// A PNG of one colour.
fn png(red: u8) -> Vec<u8> {
    let picture = image::RgbImage::from_pixel(600, 300, image::Rgb([red, 0, 0]));
    let mut bytes = Vec::new();
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

async fn upload(app: &App, token: &str, bytes: Vec<u8>) -> Answer {
    let headers = [("content-type", "image/png")];
    app.from("203.0.113.77", Method::PUT, "/v1/users/me/avatar", Some(token), &headers, bytes).await
}

fn path(url: &Value) -> String {
    url.as_str().unwrap().strip_prefix("https://api.example.com").unwrap().to_owned()
}

#[tokio::test]
async fn an_avatar_is_uploaded_served_replaced_and_removed() {
    let app = app(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    let first = path(&upload(&app, &alice.token, png(200)).await.ok(200)["avatar_url"]);
    assert_eq!(path(&app.me(&alice).await["avatar_url"]), first);
    let served = app.raw(Method::GET, &first, None, vec![]).await;
    assert_eq!((served.status, served.header("content-type")), (200, "image/jpeg"));
    assert_eq!(served.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(served.header("x-content-type-options"), "nosniff");
    let picture = image::load_from_memory(&served.body).unwrap();
    assert_eq!((picture.width(), picture.height()), (512, 256));

    let second = path(&upload(&app, &alice.token, png(100)).await.ok(200)["avatar_url"]);
    assert_ne!(first, second);
    app.raw(Method::GET, &first, None, vec![]).await.problem(404, "avatar_not_found");
    let listed = app.get(&format!("/v1/users?phone={}", phone(1)), &admin.token).await.ok(200);
    assert_eq!(path(&listed["items"][0]["avatar_url"]), second);
    // A lost answer: stored once, under the name that is told.
    app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
    let third = path(&upload(&app, &alice.token, png(50)).await.ok(200)["avatar_url"]);
    assert!(app.faults.all_met());
    assert_eq!(app.raw(Method::GET, &third, None, vec![]).await.status, 200);
    app.raw(Method::GET, &second, None, vec![]).await.problem(404, "avatar_not_found");

    let set = patch(&app, &alice.token, "me", json!({ "avatar_url": "https://example.com/x.png" })).await;
    assert_eq!(set.problem(422, "invalid_request")["errors"][0]["field"], "avatar_url");
    let cleared =
        patch(&app, &alice.token, "me", json!({ "avatar_url": null, "city": "Omsk" })).await.ok(200);
    assert_eq!((&cleared["avatar_url"], &cleared["city"]), (&Value::Null, &json!("Omsk")));
    app.raw(Method::GET, &third, None, vec![]).await.problem(404, "avatar_not_found");
    patch(&app, &alice.token, "me", json!({ "avatar_url": null })).await.ok(200);

    let last = path(&upload(&app, &alice.token, png(1)).await.ok(200)["avatar_url"]);
    assert_eq!(delete(&app, &alice.token, "me").await.status, 204);
    app.raw(Method::GET, &last, None, vec![]).await.problem(404, "avatar_not_found");
    assert!(!app.everything().await.contains("avatar#"));
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    let app = app(&[]).await;
    let alice = app.sign_in(&phone(1)).await;
    for junk in [Vec::new(), b"hello".to_vec(), b"GIF89a".to_vec(), png(1)[..200].to_vec()] {
        upload(&app, &alice.token, junk).await.problem(422, "invalid_image");
    }
    upload(&app, &alice.token, vec![0; 256 * 1024]).await.problem(422, "invalid_image");
    upload(&app, &alice.token, vec![0; 256 * 1024 + 1]).await.problem(413, "body_too_large");
    upload(&app, "nonsense", png(1)).await.problem(401, "invalid_token");
    for id in ["x", "..%2f", &"0".repeat(32), &"F".repeat(32)] {
        let answer = app.raw(Method::GET, &format!("/v1/avatars/{id}"), None, vec![]).await;
        answer.problem(404, "avatar_not_found");
    }
    assert_eq!(app.me(&alice).await["avatar_url"], Value::Null);
}

/// Uploads and a deletion at once leave one avatar or none.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_at_once_leave_one_avatar() {
    let app = Arc::new(app(&[("REVEAL_CODE", "true")]).await);
    for trial in 0..trials() {
        let alice = app.sign_in(&phone(trial)).await;
        if trial % 2 == 1 {
            app.faults.at_random(u64::from(trial), 0.05);
        }
        let mut racers = JoinSet::new();
        for red in 0..6 {
            let (app, token) = (Arc::clone(&app), alice.token.clone());
            racers.spawn(async move {
                if red == 5 && trial % 3 == 0 {
                    delete(&app, &token, "me").await
                } else {
                    upload(&app, &token, png(red)).await
                }
            });
        }
        let answers = racers.join_all().await;
        app.faults.at_random(0, 0.0);
        assert!(answers.iter().all(|answer| answer.status < 500 || answer.status == 503));
        let left = app.everything().await.matches("\"avatar#").count();
        let me = app.get("/v1/users/me", &alice.token).await;
        let shown = usize::from(me.status == 200 && me.json()["avatar_url"].is_string());
        assert_eq!(left, shown, "trial {trial}");
        if me.status == 200 {
            assert_eq!(delete(&app, &alice.token, "me").await.status, 204);
        }
    }
}

#[tokio::test]
async fn numbers_are_counted_per_day() {
    let app =
        app(&[("SESSION_TTL", "0"), ("REFRESH_TTL", "0"), ("TEST_PHONES", "+12015550123=0000@2026-12-31")])
            .await;
    let admin = app.sign_in(ADMIN).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    let code = app.code_for(&phone(3)).await;
    let body = json!({ "phone": phone(3), "code": code, "invite_code": alice.invite_code });
    app.post("/v1/auth/token", body).await.ok(200);
    app.request_code(&phone(4)).await.ok(202);
    app.request_code(&phone(4)).await.problem(429, "resend_too_soon");
    app.exchange(&phone(4), "0000").await;
    // A test number is an account; its texts are none.
    app.sign_in_tester("+12015550123", "0000").await;

    app.clock.advance(2 * 86_400);
    app.sign_in(&phone(1)).await;
    let token = app.new_token(&admin).await;
    let stats = app.get("/v1/stats?days=4", &token).await.ok(200);
    let day = |date: &str, sign_ups: u32, texted: u32, entered: u32, referrals: u32| {
        json!({
            "date": date, "sign_ups": sign_ups, "codes_texted": texted, "codes_entered": entered,
            "referrals": referrals,
        })
    };
    assert_eq!(
        stats,
        json!({
            "items": [
                day("2026-11-23", 0, 1, 1, 0),
                day("2026-11-22", 0, 0, 0, 0),
                day("2026-11-21", 5, 5, 4, 2),
                day("2026-11-20", 0, 0, 0, 0),
            ],
            "cursor": null,
        })
    );
    assert_eq!(app.get("/v1/stats", &token).await.ok(200)["items"].as_array().unwrap().len(), 30);
    assert_eq!(app.get("/v1/stats?days=90", &token).await.ok(200)["items"].as_array().unwrap().len(), 90);
    for bad in ["0", "91", "x", ""] {
        app.get(&format!("/v1/stats?days={bad}"), &token).await.problem(422, "invalid_request");
    }
}

/// What is made is counted exactly, whatever is lost on the way.
#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_are_counted_exactly() {
    let app = Arc::new(app(&[("REVEAL_CODE", "true")]).await);
    let admin = app.sign_in(ADMIN).await;
    let mut racers = JoinSet::new();
    app.faults.at_random(7, 0.05);
    for n in 0..100 {
        let app = Arc::clone(&app);
        racers.spawn(async move {
            let Some(code) = app.request_code(&phone(n)).await.json()["code"].as_str().map(str::to_owned)
            else {
                return;
            };
            app.exchange(&phone(n), &code).await;
        });
    }
    racers.join_all().await;
    app.faults.at_random(0, 0.0);
    let users = pages(&app, &admin.token, "limit=100").await.concat().len();
    let stats = app.get("/v1/stats?days=1", &admin.token).await.ok(200);
    assert!(users > 50, "{users}");
    assert_eq!(stats["items"][0]["sign_ups"], users);
}

/// Who may do what to whom: each role at each endpoint that takes a token, to
/// oneself and to another.
#[tokio::test]
async fn permissions_are_one_table() {
    let own = "200 204 404 422 401";
    // Self, another as user, as moderator, as admin; 403 where it is not allowed.
    let table: &[(&str, [bool; 4])] = &[
        ("GET /v1/users", [false, false, true, true]),
        ("GET /v1/users/{user_id}", [true, false, true, true]),
        ("PATCH /v1/users/{user_id}", [true, false, false, true]),
        ("DELETE /v1/users/{user_id}", [true, false, false, true]),
        ("GET /v1/users/{user_id}/referrals", [true, false, true, true]),
        ("GET /v1/users/{user_id}/sessions", [true, false, false, true]),
        ("DELETE /v1/users/{user_id}/sessions/{session_id}", [true, false, false, true]),
        ("GET /v1/stats", [false, false, true, true]),
        ("PATCH /v1/users/{user_id}/invite", [false, false, false, true]),
        ("PUT /v1/users/me/avatar", [true, true, true, true]),
        ("PUT /v1/users/me/phone", [true, true, true, true]),
        ("PUT /v1/users/me/referrer", [true, true, true, true]),
    ];
    let declared: BTreeSet<_> = latchkey_local::functions::all::<Declaration>()
        .iter()
        .flat_map(|function| {
            function
                .declarations()
                .filter(|of| of.needs_token)
                .map(|of| of.route.to_string())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        declared,
        table.iter().map(|(route, _)| (*route).to_owned()).collect(),
        "every endpoint is a row"
    );

    let app = app(&[("INVITE_GUESSES_PER_DAY", "0")]).await;
    let admin = app.sign_in(ADMIN).await;
    let mut n = 0;
    for (route, allowed) in table {
        for (column, role) in [Role::User, Role::User, Role::Moderator, Role::Admin].into_iter().enumerate() {
            n += 2;
            let (caller, other) = (app.sign_in(&phone(n)).await, app.sign_in(&phone(n + 1)).await);
            patch(&app, &admin.token, &caller.id, json!({ "role": role })).await.ok(200);
            let target: &Person = if column == 0 { &caller } else { &other };
            let (method, path) = route.split_once(' ').unwrap();
            let path = path.replace("{user_id}", &target.id).replace("{session_id}", "00-0-0");
            let body = match *route {
                "PUT /v1/users/me/phone" => json!({ "phone": phone(999_999), "code": "0000" }).to_string(),
                "PUT /v1/users/me/referrer" => json!({ "invite_code": "ZZZZZZ" }).to_string(),
                "PATCH /v1/users/{user_id}" => json!({ "city": "Omsk" }).to_string(),
                "PATCH /v1/users/{user_id}/invite" => json!({ "revoked": false }).to_string(),
                _ => String::new(),
            };
            let answer =
                app.raw(method.parse().unwrap(), &path, Some(&caller.token), body.into_bytes()).await;
            if allowed[column] {
                assert!(
                    own.contains(&answer.status.to_string()),
                    "{route} {role:?} {column}: {}",
                    answer.status
                );
            } else {
                answer.problem(403, "forbidden");
            }
        }
    }
}
