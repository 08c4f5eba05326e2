//! The audit trail: what is on it, that neither it nor what it tells of is without the
//! other, and how it is read.

use http::Method;
use latchkey::base::config;
use serde_json::{Value, json};

use crate::app::{ADMIN, App, Person, phone};
use crate::faults::Fault;
use crate::phone_change::moved;
use crate::{log, passkeys};

/// All entries, newest first.
async fn trail(app: &App, admin: &Person, query: &str) -> Vec<Value> {
    app.pages(&format!("/v1/audit?limit=100{query}"), &admin.token).await.concat()
}

/// What a call would show of entries, without what differs from run to run.
fn told(entries: &[Value]) -> Vec<[&str; 3]> {
    entries
        .iter()
        .map(|entry| ["action", "from", "to"].map(|name| entry[name].as_str().unwrap_or("-")))
        .collect()
}

async fn delete(app: &App, path: &str, token: &str) -> u16 {
    app.raw(Method::DELETE, path, Some(token), vec![]).await.status
}

#[tokio::test]
async fn what_staff_did_is_on_record() {
    let app = App::with_admin(&[("GUARD_STOCKS", "100")]).await;
    let admin = app.sign_in(ADMIN).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    let (_, passkey) = passkeys::add(&app, &alice).await;
    let patch = async |body: Value| {
        app.clock.advance_millis(1);
        app.update_user(&admin.token, &alice.id, &body).await.ok(200)
    };
    let invite = format!("/v1/users/{}/invite", alice.id);
    let manage = async |body: Value| {
        app.clock.advance_millis(1);
        app.json(Method::PATCH, &invite, &admin.token, &body).await.ok(200)
    };
    let sessions = app.get("/v1/users/me/sessions", &bob.token).await.ok(200);
    let session = sessions["items"][0]["id"].as_str().unwrap();

    patch(json!({ "role": "moderator", "reason": "Joins support" })).await;
    patch(json!({ "role": "user", "status": "banned", "reason": "Sold codes" })).await;
    patch(json!({ "status": "active" })).await;
    manage(json!({ "max_uses": 5, "revoked": true })).await;
    let code = manage(json!({ "redraw": true })).await["invite_code"].as_str().unwrap().to_owned();
    app.clock.advance_millis(1);
    assert_eq!(delete(&app, &format!("/v1/users/{}/sessions/{session}", bob.id), &admin.token).await, 204);
    app.clock.advance_millis(1);
    assert_eq!(passkeys::remove(&app, &admin.token, &alice.id, &passkey).await.status, 204);
    app.clock.advance_millis(1);
    assert_eq!(delete(&app, "/v1/guard/block-7900000", &admin.token).await, 204);
    app.clock.advance_millis(1);
    assert_eq!(app.delete_user(&admin.token, &bob.id).await.status, 204);

    let entries = trail(&app, &admin, "").await;
    let expected = [
        ["deleted_user", "-", "-"],
        ["opened_place", "-", "-"],
        ["removed_passkey", passkey.as_str(), "-"],
        ["ended_session", session, "-"],
        ["redrew_invite", alice.invite_code.as_str(), code.as_str()],
        ["changed_invite", "-", "max_uses=5, revoked"],
        ["unbanned", "banned", "active"],
        ["banned", "active", "banned"],
        ["changed_role", "moderator", "user"],
        ["changed_role", "user", "moderator"],
    ];
    // Two of one request have one time.
    let mut shown = told(&entries);
    shown[7..9].sort_unstable();
    assert_eq!(shown, expected);
    let of = |action: &str| entries.iter().find(|entry| entry["action"] == action).unwrap();
    let banned = of("banned");
    assert_eq!(
        *banned,
        json!({
            "id": banned["id"],
            "at": "2026-11-21T01:25:52Z",
            "actor": admin.id,
            "action": "banned",
            "target": alice.id,
            "from": "active",
            "to": "banned",
            "reason": "Sold codes",
            "address": "203.0.113.0/24",
        })
    );
    assert_eq!(of("opened_place")["target"], "block-7900000");
    assert_eq!(of("deleted_user")["target"], bob.id);
    assert_eq!(of("unbanned")["reason"], json!(null));
    assert_eq!(entries.last().unwrap()["reason"], "Joins support");
}

/// Of two sessions of one device the second is ended when the device is listed no more.
#[tokio::test]
async fn each_session_that_staff_ended_is_on_record() {
    let app = App::with_admin(&[("RESEND_COOLDOWN", "0")]).await;
    let (admin, bob) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    let mut device = json!(null);
    for _ in 0..2 {
        app.clock.advance(1);
        let asked = json!({ "phone": phone(1), "device_token": device });
        app.post("/v1/auth/code", asked).await.ok(202);
        let code = app.last_code(&phone(1)).await;
        let entered = json!({ "phone": phone(1), "code": code, "device_token": device });
        device = app.post("/v1/auth/token", entered).await.ok(200)["device_token"].clone();
    }
    let path = format!("/v1/users/{}/sessions", bob.id);
    let listed = app.get(&path, &admin.token).await.ok(200);
    let sessions = listed["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    for session in sessions {
        let id = session["id"].as_str().unwrap();
        assert_eq!(delete(&app, &format!("{path}/{id}"), &admin.token).await, 204);
    }
    let ended = trail(&app, &admin, &format!("&target={}", bob.id)).await;
    assert_eq!(ended.iter().filter(|entry| entry["action"] == "ended_session").count(), 3, "{ended:?}");
}

/// Who moves their own number is on record, by the HMACs of both; what else people do to
/// themselves is not, nor what changes nothing or is refused.
#[tokio::test]
async fn what_people_do_to_themselves_is_not_but_for_a_move() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    moved(&app, &alice.token, &phone(2)).await;
    let (_, passkey) = passkeys::add(&app, &alice).await;
    assert_eq!(passkeys::remove(&app, &alice.token, "me", &passkey).await.status, 204);
    app.update_user(&alice.token, "me", &json!({ "city": "Omsk" })).await.ok(200);
    app.update_user(&admin.token, &alice.id, &json!({ "city": "Tomsk" })).await.ok(200);
    let entries = trail(&app, &admin, "").await;
    let [moved] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((&moved["action"], &moved["actor"]), (&json!("moved_phone"), &json!(alice.id)));
    assert_eq!(moved["target"], alice.id);
    let hmac = |name: &str| moved[name].as_str().unwrap();
    assert!(hmac("from").starts_with("phone-") && hmac("to").starts_with("phone-"), "{moved}");
    assert_ne!(hmac("from"), hmac("to"));

    // Nothing changes, or nobody may.
    let ban = json!({ "status": "banned", "reason": "Again" });
    app.update_user(&admin.token, &alice.id, &ban).await.ok(200);
    for body in [json!({ "status": "banned", "reason": "Again" }), json!({ "role": "user" })] {
        app.update_user(&admin.token, &alice.id, &body).await.ok(200);
    }
    let body = json!({ "reason": "Of nothing" });
    let problem = app.update_user(&admin.token, &alice.id, &body).await.problem(422, "invalid_request");
    assert_eq!(problem["errors"][0]["field"], "reason");
    for reason in [json!(""), json!("a\nb"), json!("x".repeat(301)), json!(7)] {
        let body = json!({ "status": "active", "reason": reason });
        app.update_user(&admin.token, &alice.id, &body).await.problem(422, "invalid_request");
    }
    let bob = app.sign_in(&phone(3)).await;
    app.update_user(&bob.token, &alice.id, &json!({ "status": "active" })).await.problem(403, "forbidden");
    let invite = format!("/v1/users/{}/invite", bob.id);
    for body in [json!({}), json!({ "revoked": false }), json!({ "max_uses": null })] {
        app.json(Method::PATCH, &invite, &admin.token, &body).await.ok(200);
    }
    app.clock.advance(7_201);
    let stale = app.new_token(&admin).await;
    let lift = json!({ "status": "active" });
    app.update_user(&stale, &alice.id, &lift).await.problem(403, "recent_sign_in_required");
    assert_eq!(app.delete_user(&stale, &alice.id).await.status, 403);
    let admin = app.sign_in(ADMIN).await;
    let bob = app.sign_in(&phone(3)).await;
    assert_eq!(app.delete_user(&bob.token, "me").await.status, 204);
    assert_eq!(trail(&app, &admin, "").await.len(), 2);
}

/// A lost answer writes one entry, a lost request none and nothing else.
#[tokio::test]
async fn neither_is_without_the_other() {
    let app = App::with_admin(&[("GUARD_STOCKS", "100")]).await;
    let admin = app.sign_in(ADMIN).await;
    let people: Vec<Person> = {
        let mut people = Vec::new();
        for n in 1..=6 {
            people.push(app.sign_in(&phone(n)).await);
        }
        people
    };
    let sessions = app.get("/v1/users/me/sessions", &people[3].token).await.ok(200);
    let session = sessions["items"][0]["id"].as_str().unwrap().to_owned();
    let (_, passkey) = passkeys::add(&app, &people[4]).await;
    let of = |n: usize, rest: &str| format!("/v1/users/{}{rest}", people[n].id);
    let deeds = [
        (Method::PATCH, of(0, ""), json!({ "role": "admin" })),
        (Method::PATCH, of(1, ""), json!({ "status": "banned" })),
        (Method::PATCH, of(2, "/invite"), json!({ "max_uses": 1 })),
        (Method::PATCH, of(2, "/invite"), json!({ "redraw": true })),
        (Method::DELETE, of(3, &format!("/sessions/{session}")), json!(null)),
        (Method::DELETE, of(4, &format!("/passkeys/{passkey}")), json!(null)),
        (Method::DELETE, "/v1/guard/country-RU".to_owned(), json!(null)),
        (Method::DELETE, of(5, ""), json!(null)),
    ];
    let mut entries = 0;
    for (method, path, body) in deeds {
        let ask = async || {
            let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
            app.raw(method.clone(), &path, Some(&admin.token), body).await
        };
        let before = app.items(config::USERS_TABLE).await + &app.items(config::SESSIONS_TABLE).await;
        app.faults.every_try_of(2, "TransactWriteItems", Fault::Throttled);
        assert_eq!(ask().await.status, 503, "{method} {path}");
        app.faults.forget();
        let after = app.items(config::USERS_TABLE).await + &app.items(config::SESSIONS_TABLE).await;
        assert_eq!(trail(&app, &admin, "").await.len(), entries, "{method} {path}");
        // A deletion that cannot be had closes the invite code first.
        assert!(before == after || path == of(5, ""), "{method} {path}");

        app.faults.next("TransactWriteItems", Fault::AppliedThenTimeout);
        let status = ask().await.status;
        assert!([200, 204].contains(&status) && app.faults.all_met(), "{method} {path}: {status}");
        entries += 1;
        assert_eq!(trail(&app, &admin, "").await.len(), entries, "{method} {path}");
        // Whoever repeats it without need.
        if method == Method::PATCH && body.get("redraw").is_none() {
            ask().await.ok(200);
            assert_eq!(trail(&app, &admin, "").await.len(), entries, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn it_is_found_by_whom_by_who_and_by_day_a_page_at_a_time() {
    let app = App::with_admin(&[("ACCESS_TTL", "86400")]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    for day in 0..3 {
        let admin = app.sign_in(ADMIN).await;
        for person in [&alice, &bob] {
            for role in ["moderator", "user"] {
                app.clock.advance(1);
                app.update_user(&admin.token, &person.id, &json!({ "role": role })).await.ok(200);
            }
        }
        if day < 2 {
            app.clock.advance(86_400);
        }
    }
    let admin = app.sign_in_later(ADMIN).await;
    let carol = app.sign_in(&phone(3)).await;
    app.update_user(&admin.token, &carol.id, &json!({ "role": "admin" })).await.ok(200);
    let carol = app.sign_in_later(&phone(3)).await;
    app.update_user(&carol.token, &bob.id, &json!({ "status": "banned" })).await.ok(200);

    let all = trail(&app, &admin, "").await;
    assert_eq!(all.len(), 14);
    let times: Vec<_> = all.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    for (query, count) in [
        (format!("&target={}", alice.id), 6),
        (format!("&target={}", bob.id), 7),
        (format!("&actor={}", admin.id), 13),
        (format!("&actor={}&target={}", carol.id, bob.id), 1),
        ("&day=2026-11-22".to_owned(), 4),
        ("&day=2026-11-23".to_owned(), 6),
        ("&day=2026-11-20".to_owned(), 0),
        ("&day=2020-01-31".to_owned(), 0),
        ("&day=0000-01-01".to_owned(), 0),
        ("&day=9999-12-31".to_owned(), 0),
        (format!("&day=2020-01-31&target={}", bob.id), 0),
        (format!("&day=2026-11-21&target={}", alice.id), 2),
        (format!("&day=2026-11-23&actor={}", carol.id), 1),
        ("&target=nobody".to_owned(), 0),
        ("&actor=cli".to_owned(), 0),
    ] {
        let found = trail(&app, &admin, &query).await;
        assert_eq!(found.len(), count, "{query}");
        assert!(found.iter().all(|entry| all.contains(entry)), "{query}");
        // A page of one is the same list.
        let paged = app.pages(&format!("/v1/audit?limit=1{query}"), &admin.token).await;
        assert!(paged.iter().all(|page| page.len() <= 1), "{query}");
        assert_eq!(paged.concat(), found, "{query}");
    }
    assert_eq!(app.pages("/v1/audit?limit=3", &admin.token).await.concat(), all);

    // A cursor is of its own list.
    let page = app.get(&format!("/v1/audit?limit=1&target={}", bob.id), &admin.token).await.ok(200);
    let cursor = page["cursor"].as_str().unwrap();
    for path in [
        format!("/v1/audit?cursor={cursor}"),
        format!("/v1/audit?target={}&cursor={cursor}", alice.id),
        "/v1/audit?cursor=x".to_owned(),
    ] {
        app.get(&path, &admin.token).await.problem(422, "invalid_cursor");
    }
    for query in ["day=2026-11-31", "day=today", "day=2026-11-1", "target=", "limit=0", "limit=101"] {
        app.get(&format!("/v1/audit?{query}"), &admin.token).await.problem(422, "invalid_request");
    }
    let long = "x".repeat(129);
    app.get(&format!("/v1/audit?actor={long}"), &admin.token).await.problem(422, "invalid_request");
}

/// All that is kept is listed, two months a page, down to the first.
#[tokio::test]
async fn it_ends_where_the_deployment_begins_or_where_nothing_is_kept() {
    let app = App::with_admin(&[("AUDIT_DAYS", "60")]).await;
    let alice = app.sign_in(&phone(1)).await;
    let mut roles = ["moderator", "user"].into_iter().cycle();
    for _ in 0..5 {
        let admin = app.sign_in(ADMIN).await;
        let role = roles.next().unwrap();
        app.update_user(&admin.token, &alice.id, &json!({ "role": role })).await.ok(200);
        app.clock.advance(86_400 * 30);
    }
    // 30 days ago and 60; what is a day beyond 60 is over, whether the TTL has come to it or not.
    app.clock.advance(-86_400);
    let admin = app.sign_in(ADMIN).await;
    let pages = app.pages("/v1/audit?limit=50", &admin.token).await;
    assert_eq!(pages.concat().len(), 2);
    assert!(pages.len() <= 2, "{pages:?}");
    for query in [format!("target={}", alice.id), format!("actor={}", admin.id)] {
        assert_eq!(trail(&app, &admin, &format!("&{query}")).await.len(), 2);
    }
    let items = app.items(config::AUDIT_TABLE).await;
    assert_eq!(items.matches("\"ttl\"").count(), 5);

    let for_ever = app.again_with(&[("AUDIT_DAYS", "0")]).await;
    let pages = for_ever.pages("/v1/audit?limit=50", &admin.token).await;
    assert_eq!(pages.concat().len(), 5);
    assert_eq!(pages.len(), 3, "two months each: {pages:?}");
    let bob = for_ever.sign_in(&phone(2)).await;
    for_ever.update_user(&admin.token, &bob.id, &json!({ "role": "moderator" })).await.ok(200);
    assert_eq!(for_ever.items(config::AUDIT_TABLE).await.matches("\"ttl\"").count(), 5);
}

/// A deletion leaves the entries alone, and there is nothing in them that it would have to take.
#[tokio::test]
async fn entries_outlive_whom_they_name_and_hold_no_phone() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    moved(&app, &alice.token, &phone(2)).await;
    app.update_user(&admin.token, &alice.id, &json!({ "email": "a@example.com", "role": "moderator" }))
        .await
        .ok(200);
    let before = app.items(config::AUDIT_TABLE).await;
    assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
    let after = app.items(config::AUDIT_TABLE).await;
    assert_eq!(before, after);
    for personal in [phone(1), phone(2), ADMIN.to_owned(), "a@example.com".to_owned(), "7900".to_owned()] {
        assert!(!after.contains(&personal), "{personal}: {after}");
    }
    assert_eq!(trail(&app, &admin, &format!("&target={}", alice.id)).await.len(), 2);
}

/// Each entry is a line of the log, too: identifiers alone, not what people wrote.
#[tokio::test]
async fn each_entry_is_in_the_log() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    log::keep();
    let body = json!({ "status": "banned", "reason": "Called +79000000009" });
    app.update_user(&admin.token, &alice.id, &body).await.ok(200);
    app.update_user(&admin.token, &alice.id, &body).await.ok(200);
    app.faults.every_try("TransactWriteItems", Fault::Lost);
    let lift = json!({ "status": "active" });
    app.update_user(&admin.token, &alice.id, &lift).await.problem(503, "outcome_unknown");
    app.faults.forget();
    let lines: Vec<_> = log::kept().into_iter().filter(|line| line["message"] == "audit").collect();
    let [done, unknown] = &lines[..] else { panic!("{lines:?}") };
    let fields = |line: &Value| ["action", "actor", "on", "is_done"].map(|name| line[name].clone());
    assert_eq!(fields(done), [json!("banned"), json!(admin.id), json!(alice.id), json!(true)]);
    assert_eq!(fields(unknown), [json!("unbanned"), json!(admin.id), json!(alice.id), json!(false)]);
    assert_eq!(done["entry"], trail(&app, &admin, "").await[0]["id"]);
    assert!(!lines.iter().any(|line| line.to_string().contains("9000000")), "{lines:?}");
}
