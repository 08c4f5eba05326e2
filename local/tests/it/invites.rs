//! Invite codes under management: limited, ended, revoked, drawn anew.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use latchkey::base::config;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::invite_code::{InviteCode, Typed};
use latchkey::tables::invites::Invites;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{ADMIN, Answer, App, FREE, Person, phone};
use crate::faults::Fault;
use crate::trials::trials_of;

async fn manage(app: &App, token: &str, user: &str, body: Value) -> Answer {
    app.json(Method::PATCH, &format!("/v1/users/{user}/invite"), token, &body).await
}

#[tokio::test]
async fn an_invite_code_is_limited_ended_and_revoked() {
    let app = App::with_admin(&[("SESSION_TTL", "0")]).await;
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
    let app = App::with_admin(&[]).await;
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

/// So many sign in, and all enter a code at once, in the trouble of a trial; with what
/// status each is answered.
async fn enter_at_once(app: &Arc<App>, many: u32, code: &str, trial: u32) -> JoinSet<u16> {
    let mut friends = Vec::new();
    for n in 1..=many {
        friends.push(app.sign_in(&phone(n)).await);
    }
    app.faults.trouble(trial);
    let mut racers = JoinSet::new();
    for friend in friends {
        let (app, code) = (Arc::clone(app), code.to_owned());
        racers.spawn(async move { app.activate(&friend.token, &code).await.status });
    }
    racers
}

/// Fifty at once for a code of ten uses, with faults in half of the trials.
#[tokio::test(flavor = "multi_thread")]
async fn a_limited_code_is_used_as_often_as_it_may_be() {
    for trial in 0..trials_of(50) {
        let app =
            Arc::new(App::with_admin(&[("REVEAL_CODE", "true"), ("INVITE_GUESSES_PER_DAY", "0")]).await);
        let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(0)).await);
        manage(&app, &admin.token, &alice.id, json!({ "max_uses": 10 })).await.ok(200);
        let racers = enter_at_once(&app, 50, &alice.invite_code, trial).await;
        let answers = racers.join_all().await;
        app.faults.calm();
        assert!(answers.iter().all(|status| [200, 404, 503].contains(status)), "{answers:?}");
        let count = app.me(&alice).await["referrals_count"].as_u64().unwrap();
        let managed = manage(&app, &admin.token, &alice.id, json!({})).await.ok(200);
        assert_eq!(managed["uses"], count, "trial {trial}");
        assert!(count <= 10 && (trial % 2 == 1 || count == 10), "trial {trial}: {count}");
    }
}

/// Whoever read the code before it had a limit does not get past it.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_for_those_who_are_at_the_door() {
    for trial in 0..trials_of(50) {
        let app = Arc::new(App::with_admin(&[("REVEAL_CODE", "true")]).await);
        let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(0)).await);
        let racers = enter_at_once(&app, 12, &alice.invite_code, trial).await;
        let terms = [json!({ "max_uses": 3 }), json!({ "revoked": true }), json!({ "redraw": true })];
        let term = &terms[trial as usize % 3];
        let limited = manage(&app, &admin.token, &alice.id, term.clone()).await;
        let at_that_time = limited.json()["uses"].as_u64();
        let answers = racers.join_all().await;
        app.faults.calm();
        assert!(answers.iter().all(|status| [200, 404, 503].contains(status)), "{answers:?}");
        let count = app.me(&alice).await["referrals_count"].as_u64().unwrap();
        let managed = manage(&app, &admin.token, &alice.id, json!({})).await.ok(200);
        if limited.status == 200 && *term != terms[2] {
            assert_eq!(managed["uses"], count, "trial {trial}");
            let most = at_that_time.unwrap().max(if *term == terms[0] { 3 } else { 0 });
            assert!(count <= most, "trial {trial}: {count} of {most}");
        }
    }
}

/// The same, with the door held open: the code was read, and its transaction waits.
#[tokio::test(start_paused = true)]
async fn whoever_read_the_code_before_its_terms_reads_it_again() {
    for terms in [
        json!({ "max_uses": 0 }),
        json!({ "revoked": true }),
        json!({ "expires_at": "2026-11-21T01:25:52Z" }),
        json!({ "redraw": true }),
    ] {
        let app = Arc::new(App::with_admin(&[]).await);
        let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
        let bob = app.sign_in(&phone(2)).await;
        app.faults.next("TransactWriteItems", Fault::Conflict);
        let (door, code) = (Arc::clone(&app), alice.invite_code.clone());
        let entering = tokio::spawn(async move { door.activate(&bob.token, &code).await });
        app.faults.until_met().await;
        manage(&app, &admin.token, &alice.id, terms.clone()).await.ok(200);
        let entered = entering.await.unwrap();
        assert_eq!(entered.problem(404, "invite_code_not_found")["status"], 404, "{terms}");
        assert_eq!(app.me(&alice).await["referrals_count"], 0, "{terms}");
    }
}

/// Whoever moves to another phone while they enter a code stays signed in, and has entered it; a ban that comes in
/// between is told.
#[tokio::test(start_paused = true)]
async fn whoever_changes_while_they_enter_a_code_is_looked_at_again() {
    for is_banned in [false, true] {
        let app = Arc::new(App::with_admin(&[]).await);
        let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
        let bob = app.sign_in(&phone(2)).await;
        let wanted = json!({ "phone": phone(3), "purpose": "change_phone" });
        app.json(Method::POST, "/v1/auth/code", &bob.token, &wanted).await.ok(202);
        let moving = json!({ "phone": phone(3), "code": app.last_code(&phone(3)).await });
        app.faults.next("TransactWriteItems", Fault::Conflict);
        let (door, code, token) = (Arc::clone(&app), alice.invite_code.clone(), bob.token.clone());
        let entering = tokio::spawn(async move { door.activate(&token, &code).await });
        app.faults.until_met().await;
        if is_banned {
            app.update_user(&admin.token, &bob.id, &json!({ "status": "banned" })).await.ok(200);
        } else {
            app.json(Method::PUT, "/v1/users/me/phone", &bob.token, &moving).await.ok(200);
        }
        let entered = entering.await.unwrap();
        if is_banned {
            entered.problem(403, "account_banned");
        } else {
            assert_eq!(entered.ok(200)["activated_invite_code"], alice.invite_code);
        }
        assert_eq!(app.me(&alice).await["referrals_count"], u32::from(!is_banned));
    }
}

/// Wrong codes are counted for the phone: neither another account nor a sign-in
/// starts anew.
#[tokio::test]
async fn wrong_codes_are_counted_for_the_phone() {
    let vars = [("INVITE_GUESSES_PER_DAY", "3"), ("REVEAL_CODE", "true")];
    let app = App::with(&[&vars, FREE].concat()).await;
    let owner = app.sign_in(&phone(9)).await;
    let along = async |code: &str| {
        let texted = app.code_for(&phone(1)).await;
        let body = json!({ "phone": phone(1), "code": texted, "invite_code": code });
        app.post("/v1/auth/token", body).await.ok(200)
    };
    assert_eq!(along("ZZZZZZ").await["invite_error"], "invite_code_not_found");
    let alice = app.sign_in(&phone(1)).await;
    app.activate(&alice.token, "ZZZZZ1").await.problem(404, "invite_code_not_found");
    assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
    assert_eq!(along("ZZZZZ2").await["invite_error"], "invite_code_not_found");
    // Three were wrong: now not even a right one is told.
    let alice = app.sign_in(&phone(1)).await;
    for code in ["ZZZZZ3", &owner.invite_code] {
        app.activate(&alice.token, code).await.problem(429, "too_many_invite_guesses");
        assert_eq!(along(code).await["invite_error"], "too_many_invite_guesses");
    }
    assert_eq!(app.me(&owner).await["referrals_count"], 0);
    app.clock.advance(86_400);
    assert!(along(&owner.invite_code).await["invite_error"].is_null());
}

/// Puts aliases of somebody's code, as an import does.
pub(crate) async fn give_aliases(app: &App, person: &Person, aliases: &[&str]) {
    let (setup, tables) = (app.setup("tests"), Tables::new(&app.setup("tests")));
    let invites = Invites::new(&setup);
    let code = InviteCode::parse(&person.invite_code).unwrap();
    let mut writes = Transaction::new(app.world.new_id());
    for alias in aliases {
        let Some(Typed::Alias(alias)) = Typed::parse(alias) else { panic!("{alias} is no alias") };
        writes = writes.with((), invites.alias(&alias, &code));
    }
    assert!(matches!(writes.commit(&tables, &app.world).await.unwrap(), Committed::Done));
    let given = aliases.iter().map(|alias| AttributeValue::S((*alias).to_owned())).collect();
    setup
        .dynamodb()
        .update_item()
        .table_name(app.vars.text(config::USERS_TABLE))
        .key("pk", AttributeValue::S(format!("invite#{code}")))
        .update_expression("SET aliases = :aliases")
        .expression_attribute_values(":aliases", AttributeValue::L(given))
        .send()
        .await
        .unwrap();
}

/// A code of an earlier service counts as the one that it stands for, wherever one is entered.
#[tokio::test]
async fn an_alias_is_the_code_that_it_stands_for() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    give_aliases(&app, &alice, &["aB3xYz9", "код-12"]).await;
    app.activate(&alice.token, "aB3xYz9").await.problem(422, "own_invite_code");

    let bob = app.sign_in(&phone(2)).await;
    app.activate(&bob.token, "aB3xYz8").await.problem(404, "invite_code_not_found");
    let entered = app.activate(&bob.token, " ab3XYZ9 ").await.ok(200);
    assert_eq!(entered["activated_invite_code"], alice.invite_code);
    assert_eq!(entered["referrer"]["id"], alice.id);
    // The same code, by whichever name.
    for same in ["https://e.com/i/aB3xYz9", "Код 12", &alice.invite_code] {
        assert_eq!(app.activate(&bob.token, same).await.ok(200), entered, "{same}");
    }
    let refused = app.activate(&bob.token, "unknown").await.problem(409, "invite_already_activated");
    assert_eq!(refused["activated_invite_code"], alice.invite_code);

    // Along with a sign-in.
    let code = app.code_for(&phone(3)).await;
    let body = json!({ "phone": phone(3), "code": code, "invite_code": "КОД12" });
    let answer = app.post("/v1/auth/token", body).await.ok(200);
    assert_eq!(answer["user"]["activated_invite_code"], alice.invite_code);
    assert_eq!(app.me(&alice).await["referrals_count"], 2);
    // For whoever looks for somebody.
    for (query, found) in [("aB3xYz9", 1), ("%D0%BA%D0%BE%D0%B4-12", 1), ("aB3xYz8", 0)] {
        let listed = app.get(&format!("/v1/users?invite_code={query}"), &admin.token).await.ok(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), found, "{query}");
    }

    // Limits, and the end of the code, are those of both.
    let path = format!("/v1/users/{}/invite", alice.id);
    app.json(Method::PATCH, &path, &admin.token, &json!({ "max_uses": 2 })).await.ok(200);
    let dave = app.sign_in(&phone(4)).await;
    app.activate(&dave.token, "aB3xYz9").await.problem(404, "invite_code_not_found");
    app.json(Method::PATCH, &path, &admin.token, &json!({ "redraw": true })).await.ok(200);
    app.activate(&dave.token, "aB3xYz9").await.problem(404, "invite_code_not_found");
}

/// Codes of aliases are guessed no faster than others.
#[tokio::test]
async fn a_wrong_alias_is_counted() {
    let app = App::with(&[("INVITE_GUESSES_PER_DAY", "2")]).await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    give_aliases(&app, &alice, &["aB3xYz9"]).await;
    for wrong in ["aB3xYz7", "aB3xYz8"] {
        app.activate(&bob.token, wrong).await.problem(404, "invite_code_not_found");
    }
    app.activate(&bob.token, "aB3xYz9").await.problem(429, "too_many_invite_guesses");
}
