//! How many entered a user's code: counted by one item, and by eight once they are
//! many. Whatever happens meanwhile, the count is exact.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use latchkey::base::config;
use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{ADMIN, App, Person, phone};
use crate::faults::Fault;
use crate::trials::trials_of;

/// How many one item counts.
const MANY: u64 = 100;

/// As if `n` had entered somebody's code, counted by a shard. They are not listed.
async fn counted(app: &App, by: &Person, shard: u32, n: u64) {
    app.setup("tests")
        .dynamodb()
        .update_item()
        .table_name(app.vars.text(config::USERS_TABLE))
        .key("pk", AttributeValue::S(format!("refs#{}#{shard}", by.id)))
        .update_expression("SET n = :n")
        .expression_attribute_values(":n", AttributeValue::N(n.to_string()))
        .send()
        .await
        .unwrap();
}

/// An attribute of an item of the users table.
async fn attribute(app: &App, key: &str, name: &str) -> Option<AttributeValue> {
    let query = app.setup("tests").dynamodb().query().table_name(app.vars.text(config::USERS_TABLE));
    let query = query.key_condition_expression("pk = :pk").consistent_read(true);
    let found = query.expression_attribute_values(":pk", AttributeValue::S(key.to_owned())).send().await;
    found.unwrap().items?.pop()?.remove(name)
}

async fn shards_of(app: &App, person: &Person) -> Option<AttributeValue> {
    attribute(app, &format!("user#{}", person.id), "referral_shards").await
}

fn number(n: u64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

async fn referrals_count(app: &App, person: &Person) -> u64 {
    app.me(person).await["referrals_count"].as_u64().unwrap()
}

/// How many keys of counts were asked for since the last look.
fn counts_read(app: &App) -> usize {
    let asked = app.faults.asked();
    asked.iter().map(|asked| asked.input["RequestItems"].to_string().matches("refs#").count()).sum()
}

#[tokio::test]
async fn a_profile_reads_one_count_until_it_is_spread() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(0)).await;
    let mut friends = Vec::new();
    for n in 1..=30 {
        friends.push(app.sign_in(&phone(n)).await);
    }
    counted(&app, &alice, 0, MANY - 2).await;
    let (before, after) = friends.split_at(2);
    for (n, friend) in before.iter().enumerate() {
        app.activate(&friend.token, &alice.invite_code).await.ok(200);
        app.faults.asked();
        assert_eq!(referrals_count(&app, &alice).await, MANY - 1 + n as u64);
        assert_eq!((counts_read(&app), shards_of(&app, &alice).await), (1, Some(number(1))));
    }
    for (n, friend) in after.iter().enumerate() {
        app.activate(&friend.token, &alice.invite_code).await.ok(200);
        assert_eq!(referrals_count(&app, &alice).await, MANY + 1 + n as u64);
    }
    assert_eq!(shards_of(&app, &alice).await, Some(number(8)));
    let mut used = 0;
    for shard in 1..8 {
        used += u32::from(attribute(&app, &format!("refs#{}#{shard}", alice.id), "n").await.is_some());
    }
    assert!(used > 3, "{used} of seven are used");

    // Whoever leaves is counted off, and the inviter leaves no count behind, only that there is none.
    assert_eq!(app.delete_user(&friends[5].token, "me").await.status, 204);
    assert_eq!(referrals_count(&app, &alice).await, MANY + 27);
    assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
    closed(&app, &alice).await;
}

/// Users who were made before the number of shards was kept have up to eight.
#[tokio::test]
async fn what_was_counted_before_still_counts() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(0)).await);
    let mut friends = Vec::new();
    for n in 1..=4 {
        friends.push(app.sign_in(&phone(n)).await);
    }
    app.set_user(&alice.id, "REMOVE referral_shards").await;
    for shard in 0..8 {
        counted(&app, &alice, shard, 10).await;
    }
    let enter = async |friend: &Person| {
        app.activate(&friend.token, &alice.invite_code).await.ok(200);
        referrals_count(&app, &alice).await
    };
    assert_eq!(referrals_count(&app, &alice).await, 80);
    assert_eq!(enter(&friends[0]).await, 81);
    let body = json!({ "max_uses": 82 });
    let path = format!("/v1/users/{}/invite", alice.id);
    assert_eq!(app.json(Method::PATCH, &path, &admin.token, &body).await.ok(200)["uses"], 81);
    assert_eq!(enter(&friends[1]).await, 82);
    app.activate(&friends[2].token, &alice.invite_code).await.problem(404, "invite_code_not_found");
    assert_eq!(app.delete_user(&friends[1].token, "me").await.status, 204);
    assert_eq!(referrals_count(&app, &alice).await, 81);

    // Whoever's first item holds many already.
    app.json(Method::PATCH, &path, &admin.token, &json!({ "max_uses": null })).await.ok(200);
    counted(&app, &alice, 0, 5 * MANY).await;
    assert_eq!(enter(&friends[2]).await, 5 * MANY + 71);
    assert_eq!(shards_of(&app, &alice).await, Some(number(8)));
}

/// Another code of somebody whose count is spread goes on so.
#[tokio::test]
async fn a_redrawn_code_adds_where_it_is_added_up() {
    let app = App::with_admin(&[]).await;
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(0)).await);
    counted(&app, &alice, 0, MANY - 5).await;
    let path = format!("/v1/users/{}/invite", alice.id);
    let mut code = alice.invite_code.clone();
    for n in 1..=20 {
        let friend = app.sign_in(&phone(n)).await;
        app.activate(&friend.token, &code).await.ok(200);
        assert_eq!(referrals_count(&app, &alice).await, MANY - 5 + u64::from(n));
        if n % 3 == 0 {
            let drawn =
                app.json(Method::PATCH, &path, &admin.token, &json!({ "redraw": true })).await.ok(200);
            assert_eq!(drawn["uses"], 0);
            drawn["invite_code"].as_str().unwrap().clone_into(&mut code);
        }
    }
}

/// Whoever reads it is told first: a count that is only half spread is exact.
#[tokio::test(start_paused = true)]
async fn a_count_is_spread_whatever_is_lost() {
    for fault in [Fault::AppliedThenTimeout, Fault::Lost, Fault::Throttled, Fault::Conflict] {
        // The user's item, the code's; once, and for good.
        for (passed, tries) in [(0, 1), (1, 1), (0, 10), (1, 10)] {
            let app = App::new().await;
            let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
            counted(&app, &alice, 0, MANY).await;
            (0..passed).for_each(|_| app.faults.next("UpdateItem", Fault::Passes));
            (0..tries).for_each(|_| app.faults.next("UpdateItem", fault));
            let answer = app.activate(&bob.token, &alice.invite_code).await;
            app.faults.forget();
            let case = format!("{fault:?} {passed} {tries}");
            assert!(answer.status == 200 || (answer.status == 503 && tries > 1), "{case}: {answer:?}");
            let entered = u64::from(answer.status == 200);
            assert_eq!(referrals_count(&app, &alice).await, MANY + entered, "{case}");
            let code = format!("invite#{}", alice.invite_code);
            let is_told = shards_of(&app, &alice).await == Some(number(8));
            assert!(is_told || attribute(&app, &code, "shards").await.is_none(), "{case}");
            app.activate(&bob.token, &alice.invite_code).await.ok(200);
            assert_eq!(referrals_count(&app, &alice).await, MANY + 1, "{case}");
        }
    }
}

/// Whoever left while a count was about to be spread is not there again.
#[tokio::test(start_paused = true)]
async fn nobody_is_made_anew_by_being_many() {
    let app = Arc::new(App::new().await);
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    counted(&app, &alice, 0, MANY).await;
    app.faults.next("UpdateItem", Fault::Throttled);
    let (door, code) = (Arc::clone(&app), alice.invite_code.clone());
    let entering = tokio::spawn(async move { door.activate(&bob.token, &code).await });
    app.faults.until_met().await;
    assert_eq!(app.delete_user(&alice.token, "me").await.status, 204);
    entering.await.unwrap().problem(404, "invite_code_not_found");
    let left = app.everything().await;
    assert!(!left.contains(&format!("user#{}", alice.id)) && !left.contains(&phone(1)));
}

/// A deletion that was drawn up before the count was spread closes all of it.
#[tokio::test(start_paused = true)]
async fn a_count_that_was_spread_meanwhile_is_closed_whole() {
    let app = Arc::new(App::new().await);
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    counted(&app, &alice, 0, MANY).await;
    app.faults.next("TransactWriteItems", Fault::Conflict);
    let (leaving, token) = (Arc::clone(&app), alice.token.clone());
    let deleting = tokio::spawn(async move { leaving.delete_user(&token, "me").await.status });
    app.faults.until_met().await;
    app.activate(&bob.token, &alice.invite_code).await.ok(200);
    assert_eq!(shards_of(&app, &alice).await, Some(number(8)));
    assert_eq!(deleting.await.unwrap(), 204);
    closed(&app, &alice).await;
}

/// Nobody is counted by any of the items, nor can be.
async fn closed(app: &App, person: &Person) {
    for shard in 0..8 {
        let key = format!("refs#{}#{shard}", person.id);
        assert_eq!(attribute(app, &key, "n").await, None);
        assert_eq!(attribute(app, &key, "counts_uses").await, Some(AttributeValue::Bool(true)));
    }
}

/// A count that is spread while its owner is deleted: nobody is added to any of its items.
#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_is_spread_at_that_moment_is_closed_whole() {
    for trial in 0..trials_of(60) {
        let app = Arc::new(App::with(&[("REVEAL_CODE", "true")]).await);
        let alice = app.sign_in(&phone(0)).await;
        counted(&app, &alice, 0, MANY - 1).await;
        let mut friends = Vec::new();
        for n in 1..9 {
            friends.push(app.sign_in(&phone(n)).await);
        }
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for friend in &friends {
            let (door, token, code) = (Arc::clone(&app), friend.token.clone(), alice.invite_code.clone());
            racers.spawn(async move { door.activate(&token, &code).await.status });
        }
        let (door, token) = (Arc::clone(&app), alice.token.clone());
        let deleting = tokio::spawn(async move { door.delete_user(&token, "me").await.status });
        let answers = racers.join_all().await;
        let deleted = deleting.await.unwrap();
        app.faults.calm();
        assert!(answers.iter().all(|status| [200, 404, 503].contains(status)), "{answers:?}");
        // Once more, where it was not known: then it is gone at the latest.
        if deleted != 204 {
            let again = app.delete_user(&alice.token, "me").await.status;
            assert!([204, 401].contains(&again), "trial {trial}: {deleted}, {again}");
        }
        let edges = async || app.everything().await.matches("\"pk\":{\"S\":\"edge#").count();
        let before = edges().await;
        for friend in &friends {
            let answer = app.activate(&friend.token, &alice.invite_code).await;
            assert!([200, 404].contains(&answer.status), "trial {trial}: {answer:?}");
        }
        assert_eq!(edges().await, before, "trial {trial}: somebody entered it after all");
    }
}

/// Whoever read a code before it was limited does not get past the limit where its
/// count is spread either.
#[tokio::test(start_paused = true)]
async fn a_limit_holds_for_all_of_a_count() {
    let app = Arc::new(App::with_admin(&[]).await);
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(0)).await);
    counted(&app, &alice, 0, MANY).await;
    app.activate(&app.sign_in(&phone(1)).await.token, &alice.invite_code).await.ok(200);
    let (mut friends, mut doors) = (Vec::new(), Vec::new());
    for n in 2..10 {
        friends.push(app.sign_in(&phone(n)).await);
    }
    for bob in friends {
        app.faults.next("TransactWriteItems", Fault::Conflict);
        let (door, code) = (Arc::clone(&app), alice.invite_code.clone());
        doors.push(tokio::spawn(async move { door.activate(&bob.token, &code).await }));
        app.faults.until_met().await;
    }
    let path = format!("/v1/users/{}/invite", alice.id);
    app.json(Method::PATCH, &path, &admin.token, &json!({ "revoked": true })).await.ok(200);
    for door in doors {
        door.await.unwrap().problem(404, "invite_code_not_found");
    }
    assert_eq!(referrals_count(&app, &alice).await, MANY + 1);
}

/// Sixty at once, among them the hundredth, with faults in half of the trials. Some
/// leave again at that moment, and an admin limits the code in some.
#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_exact_while_it_is_spread() {
    let vars = [("REVEAL_CODE", "true"), ("INVITE_GUESSES_PER_DAY", "0")];
    for trial in 0..trials_of(60).max(4) {
        let app = Arc::new(App::with_admin(&vars).await);
        let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(0)).await);
        let before = MANY - 20;
        counted(&app, &alice, 0, before).await;
        let mut friends = Vec::new();
        for n in 1..=60 {
            friends.push(app.sign_in(&phone(n)).await);
        }
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for (n, friend) in friends.into_iter().enumerate() {
            let (app, code) = (Arc::clone(&app), alice.invite_code.clone());
            racers.spawn(async move {
                let status = app.activate(&friend.token, &code).await.status;
                if n % 6 == 0 {
                    app.delete_user(&friend.token, "me").await;
                }
                status
            });
        }
        let path = format!("/v1/users/{}/invite", alice.id);
        let mut most = u64::MAX;
        if trial % 4 >= 2 {
            let body = json!({ "max_uses": before + 30 });
            let limited = app.json(Method::PATCH, &path, &admin.token, &body).await.json();
            most = limited["uses"].as_u64().map_or(u64::MAX, |uses| uses.max(before + 30));
        }
        let answers = racers.join_all().await;
        app.faults.calm();
        assert!(answers.iter().all(|status| [200, 404, 503].contains(status)), "{answers:?}");
        let listed = app.pages("/v1/users/me/referrals?limit=100", &alice.token).await.concat();
        assert_eq!(referrals_count(&app, &alice).await, before + listed.len() as u64, "trial {trial}");
        if trial % 4 == 0 {
            assert_eq!(answers.iter().filter(|status| **status == 200).count(), 60, "{answers:?}");
        }
        if trial % 4 < 2 {
            assert_eq!(shards_of(&app, &alice).await, Some(number(8)), "trial {trial}");
        }
        let uses = app.json(Method::PATCH, &path, &admin.token, &json!({})).await.ok(200)["uses"].as_u64();
        assert!(uses.is_some_and(|uses| uses <= most), "trial {trial}: {uses:?} of {most}");
    }
}
