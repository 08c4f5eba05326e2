//! Rotating the two secrets, step by step, with instances that started before
//! each step; and the keys as others see them.

use std::pin::Pin;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{ADMIN, Answer, App, FREE, Person, phone};
use crate::faults::Fault;
use crate::trials::trials_of;

async fn jwks(app: &App) -> Vec<Value> {
    let answer = app.raw(Method::GET, "/.well-known/jwks.json", None, vec![]).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    answer.ok(200)["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_keys_are_published_for_others() {
    let app = App::new().await;
    let keys = jwks(&app).await;
    assert_eq!(keys.len(), 1);
    let key = &keys[0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("EC"), &json!("P-256")));
    assert_eq!((&key["alg"], &key["use"]), (&json!("ES256"), &json!("sig")));
    assert_eq!(key.as_object().unwrap().len(), 7, "nothing private: {key}");

    let answer = app.raw(Method::GET, "/.well-known/openid-configuration", None, vec![]).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let found = answer.ok(200);
    assert_eq!(found["issuer"], "https://api.example.com");
    assert_eq!(found["jwks_uri"], "https://api.example.com/.well-known/jwks.json");
    let named = app.again_with(&[("ISSUER", "https://id.example.com")]).await;
    let answer = named.raw(Method::GET, "/.well-known/openid-configuration", None, vec![]).await;
    assert_eq!(answer.ok(200)["issuer"], "https://id.example.com");
}

/// The documented procedure with both secrets: append last, move first, remove.
/// At each step instances of before and after answer side by side, and every
/// token of either is good at both.
#[tokio::test]
async fn both_secrets_are_rotated_without_anybody_noticing() {
    let step = |signing, pepper| [("SIGNING_SECRET", signing), ("PEPPER_SECRET", pepper)];
    let app = App::with(FREE).await;
    let old = app.again_with(&step("one-0123456789abcdef", "pepper1-0123456789abcdef")).await;
    let appended = old
        .again_with(&step(
            "one-0123456789abcdef,two-0123456789abcdef",
            "pepper1-0123456789abcdef,pepper2-0123456789abcdef",
        ))
        .await;
    let moved = old
        .again_with(&step(
            "two-0123456789abcdef,one-0123456789abcdef",
            "pepper2-0123456789abcdef,pepper1-0123456789abcdef",
        ))
        .await;
    let removed = async || old.again_with(&step("two-0123456789abcdef", "pepper2-0123456789abcdef")).await;

    let alice = old.sign_in(&phone(1)).await;
    assert_eq!(jwks(&old).await.len(), 2);

    side_by_side(&old, &appended).await;
    old.clock.advance(300);
    side_by_side(&appended, &moved).await;

    // A session of the first entry moves to the second at its next use.
    let first = moved.refresh(&alice.refresh).await.ok(200);
    let after = removed().await;
    let second = after.refresh(first["refresh_token"].as_str().unwrap()).await.ok(200);
    after.get("/v1/users/me", second["access_token"].as_str().unwrap()).await.ok(200);
    assert_eq!(jwks(&after).await.len(), 1);
    side_by_side(&moved, &after).await;

    // What the removed entry made is worth nothing, at once where it is gone …
    let late = appended.sign_in(&phone(7)).await;
    after.refresh(&late.refresh).await.problem(401, "invalid_refresh_token");
    after.get("/v1/users/me", &late.token).await.problem(401, "invalid_token");
    // … and within five minutes at instances that knew it.
    moved.me(&late).await;
    old.clock.advance(300);
    moved.get("/v1/users/me", &late.token).await.problem(401, "invalid_token");
}

/// Instances of two steps: what one gives, the other takes.
async fn side_by_side(one: &App, other: &App) {
    // New keys are looked for at most every five seconds.
    one.clock.advance(5);
    for (n, (one, other)) in (2..).zip([(one, other), (other, one)]) {
        // A code asked for here is entered there.
        let code = one.code_for(&phone(n)).await;
        let answer = other.exchange(&phone(n), &code).await.ok(200);
        let access = answer["access_token"].as_str().unwrap();
        one.get("/v1/users/me", access).await.ok(200);
        other.get("/v1/users/me", access).await.ok(200);
        // A refresh is repeated at the other, and goes on there.
        let refresh = answer["refresh_token"].as_str().unwrap();
        let here = one.refresh(refresh).await.ok(200);
        let there = other.refresh(refresh).await.ok(200);
        assert_eq!(here["refresh_token"], there["refresh_token"]);
        let next = other.refresh(here["refresh_token"].as_str().unwrap()).await.ok(200);
        one.get("/v1/users/me", next["access_token"].as_str().unwrap()).await.ok(200);
    }
}

/// What the guide does in a hurry: the new entry alone, at once.
#[tokio::test]
async fn a_leaked_entry_is_gone_in_one_step() {
    let step = |signing, pepper| [("SIGNING_SECRET", signing), ("PEPPER_SECRET", pepper)];
    let app = App::with(&step("leaked-0123456789abcdef", "leaked-0123456789abcdef")).await;
    let alice = app.sign_in(&phone(1)).await;
    let signing = app.again_with(&step("new-0123456789abcdef", "leaked-0123456789abcdef")).await;
    signing.get("/v1/users/me", &alice.token).await.problem(401, "invalid_token");
    let refreshed = signing.refresh(&alice.refresh).await.ok(200);
    signing.get("/v1/users/me", refreshed["access_token"].as_str().unwrap()).await.ok(200);

    app.clock.advance(60);
    let code = signing.code_for(&phone(1)).await;
    let both = app.again_with(&step("new-0123456789abcdef", "new-0123456789abcdef")).await;
    both.exchange(&phone(1), &code).await.problem(422, "invalid_code");
    let refresh = refreshed["refresh_token"].as_str().unwrap();
    both.refresh(refresh).await.problem(401, "invalid_refresh_token");
    app.clock.advance(60);
    assert_eq!(both.sign_in(&phone(1)).await.id, alice.id);
}

/// A guess is counted once, whichever entry its code is of.
#[tokio::test]
async fn guesses_are_counted_across_a_rotation() {
    let app = App::with(&[("PEPPER_SECRET", "one-0123456789abcdef")]).await;
    let right = app.code_for(&phone(1)).await;
    let wrong = app.wrong_code(&phone(1)).await;
    let moved = app.again_with(&[("PEPPER_SECRET", "two-0123456789abcdef,one-0123456789abcdef")]).await;
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(
            moved.exchange(&phone(1), &wrong).await.problem(422, "invalid_code")["attempts_left"],
            left
        );
    }
    moved.exchange(&phone(1), &right).await.problem(422, "invalid_code");
}

/// A rotation of the pepper begins nothing anew: neither cooldown nor caps, nor a
/// second live code beside the first.
#[tokio::test]
async fn a_rotation_leaves_one_code_and_all_that_was_counted() {
    let [one, two] = ["one-0123456789abcdef", "two-0123456789abcdef"];
    let (first, moved) = (format!("{one},{two}"), format!("{two},{one}"));
    let app = App::with(&[("PEPPER_SECRET", &first)]).await;
    let moved = app.again_with(&[("PEPPER_SECRET", &moved)]).await;
    let old = app.code_for(&phone(1)).await;
    moved.request_code(&phone(1)).await.problem(429, "resend_too_soon");
    app.clock.advance(60);
    let wrong = app.wrong_code(&phone(1)).await;
    moved.exchange(&phone(1), &wrong).await.problem(422, "invalid_code");
    let new = moved.code_for(&phone(1)).await;
    for instance in [&app, &moved, &app] {
        if old != new {
            instance.exchange(&phone(1), &old).await.problem(422, "invalid_code");
        }
    }
    app.exchange(&phone(1), &new).await.ok(200);
    // Two of five were texted; the rest of the hour's are the same everywhere.
    for instance in [&moved, &app, &moved] {
        app.clock.advance(60);
        instance.request_code(&phone(1)).await.ok(202);
    }
    app.clock.advance(60);
    for instance in [&app, &moved] {
        instance.request_code(&phone(1)).await.problem(429, "too_many_codes");
    }
}

/// While instances disagree on which entry is the first, and move a phone's item away
/// under each other's hands, one is texted of those who ask at once, and a code signs in once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_disagree_text_one_and_sign_in_one() {
    let [one, two] = ["one-0123456789abcdef", "two-0123456789abcdef"];
    let (first, moved) = (format!("{one},{two}"), format!("{two},{one}"));
    let app = App::with(&[("PEPPER_SECRET", &first), ("REVEAL_CODE", "true")]).await;
    let moved = Arc::new(app.again_with(&[("PEPPER_SECRET", &moved)]).await);
    let app = Arc::new(app);
    let at_both = async |ask: fn(Arc<App>, String, String) -> Asking, phone: &str, code: &str| {
        let mut racers = JoinSet::new();
        for n in 0..6 {
            let instance = Arc::clone([&app, &moved][n % 2]);
            racers.spawn(ask(instance, phone.to_owned(), code.to_owned()));
        }
        racers.join_all().await
    };
    for trial in 0..trials_of(20) {
        let phone = phone(trial);
        app.faults.trouble(trial);
        let answers =
            at_both(|app, phone, _| Box::pin(async move { app.request_code(&phone).await }), &phone, "")
                .await;
        app.faults.calm();
        let texted: Vec<_> = answers.iter().filter(|answer| answer.status == 202).collect();
        let unknown = answers.iter().filter(|answer| answer.status == 503).count();
        assert!(
            texted.len() == 1 || (texted.is_empty() && unknown > 0),
            "trial {trial}: {} texted",
            texted.len()
        );
        let Some(code) = texted.first().map(|answer| answer.json()["code"].as_str().unwrap().to_owned())
        else {
            continue;
        };
        app.faults.trouble(trial);
        let answers = at_both(
            |app, phone, code| Box::pin(async move { app.exchange(&phone, &code).await }),
            &phone,
            &code,
        )
        .await;
        app.faults.calm();
        let mut entered = answers.iter().filter(|answer| answer.status == 200).count();
        for instance in [&app, &moved] {
            entered += usize::from(instance.exchange(&phone, &code).await.status == 200);
        }
        assert!(entered <= 1, "trial {trial}: {entered} signed in");
        assert!(entered == 1 || trial % 2 == 1, "trial {trial}: nobody signed in");
    }
}

/// Whoever looked for the item before another instance made it under another entry does not
/// make a second.
#[tokio::test(start_paused = true)]
async fn an_item_is_begun_under_one_entry() {
    let [one, two] = ["one-0123456789abcdef", "two-0123456789abcdef"];
    let (first, moved) = (format!("{one},{two}"), format!("{two},{one}"));
    let app = Arc::new(App::with(&[("PEPPER_SECRET", &first)]).await);
    let moved = app.again_with(&[("PEPPER_SECRET", &moved)]).await;
    for is_known_already in [false, true] {
        let phone = phone(u32::from(is_known_already));
        if is_known_already {
            app.code_for(&phone).await;
            app.clock.advance(60);
        }
        app.faults.next("TransactWriteItems", Fault::Conflict);
        let (asking, number) = (Arc::clone(&app), phone.clone());
        let asked = tokio::spawn(async move { asking.request_code(&number).await });
        app.faults.until_met().await;
        moved.request_code(&phone).await.ok(202);
        asked.await.unwrap().problem(429, "resend_too_soon");
    }
}

/// What was taken from a phone's item is found again where another instance moved the item
/// meanwhile: a guess is given back there, and a right code is not told to be a wrong one.
#[tokio::test(start_paused = true)]
async fn what_was_taken_is_followed_to_where_its_item_was_moved() {
    let [one, two] = ["one-0123456789abcdef", "two-0123456789abcdef"];
    let (first, moved) = (format!("{one},{two}"), format!("{two},{one}"));
    let app = Arc::new(App::with_admin(&[("PEPPER_SECRET", first.as_str())]).await);
    let moved = app.again_with(&[("PEPPER_SECRET", &moved)]).await;
    let alice = app.sign_in(&phone(1)).await;
    let admin = app.sign_in(ADMIN).await;
    for is_banned in [false, true] {
        app.clock.advance(60);
        if is_banned {
            app.update_user(&admin.token, &alice.id, &json!({ "status": "banned" })).await.ok(200);
        }
        let code = app.code_for(&phone(1)).await;
        let wrong = app.wrong_code(&phone(1)).await;
        // The guess is counted, and its sessions are read again.
        app.faults.next("Query", Fault::Throttled);
        let (asking, right) = (Arc::clone(&app), code.clone());
        let entering = tokio::spawn(async move { asking.exchange(&phone(1), &right).await });
        app.faults.until_met().await;
        let left = async || {
            moved.exchange(&phone(1), &wrong).await.problem(422, "invalid_code")["attempts_left"].clone()
        };
        assert_eq!(left().await, 3, "the guess that is under way counts");
        let answer = entering.await.unwrap();
        if is_banned {
            answer.problem(403, "account_banned");
            assert_eq!(left().await, 3, "and was given back");
        } else {
            answer.problem(503, "outcome_unknown");
            app.exchange(&phone(1), &code).await.ok(200);
        }
    }
}

/// A request that is repeated at an instance of the next step has the outcome that it had.
#[tokio::test]
async fn a_repeated_request_is_known_across_a_rotation() {
    let [one, two] = ["one-0123456789abcdef", "two-0123456789abcdef"];
    let (first, moved) = (format!("{one},{two}"), format!("{two},{one}"));
    for steps in [[one, &first], [&first, &moved], [&moved, two]] {
        let here = App::with(&[("PEPPER_SECRET", steps[0])]).await;
        let there = here.again_with(&[("PEPPER_SECRET", steps[1])]).await;
        for (n, [asked, repeated]) in (1..).zip([[&here, &there], [&there, &here]]) {
            let body = json!({ "phone": phone(n) });
            let code = asked.post_with_key("/v1/auth/code", "code", &body).await.ok(202);
            for later in [0, 60] {
                repeated.clock.advance(later);
                let again = repeated.post_with_key("/v1/auth/code", "code", &body).await.ok(202);
                assert_eq!(again["challenge_id"], code["challenge_id"], "{steps:?}, {later} seconds later");
            }
            assert_eq!(here.texts(&phone(n)).await, 1);
            let other = json!({ "phone": phone(9) });
            repeated
                .post_with_key("/v1/auth/code", "code", &other)
                .await
                .problem(422, "idempotency_mismatch");

            let body = json!({ "phone": phone(n), "code": here.last_code(&phone(n)).await });
            let entered = asked.post_with_key("/v1/auth/token", "token", &body).await.ok(200);
            let again = repeated.post_with_key("/v1/auth/token", "token", &body).await.ok(200);
            assert_eq!(again["refresh_token"], entered["refresh_token"], "{steps:?}");
            here.clock.advance(300);
        }
    }
}

/// A request that is under way at an instance.
type Asking = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A slow instance of an older version of the secret undoes no rotation.
#[tokio::test]
async fn an_older_version_never_takes_the_place_of_a_later_one() {
    use latchkey::base::world::Timestamp;
    use latchkey::domain::public_key::PublicKey;
    use latchkey::tables::keyset::Keyset;

    let app = App::new().await;
    let keyset = Keyset::new(&app.setup("tests"));
    let keys = |kid: &str| vec![PublicKey { kid: kid.to_owned(), x: String::new(), y: String::new() }];
    let at = |millis| Some(Timestamp::from_millis(millis));
    let publish = async |kid, version_at| {
        let published = keyset.published().await.unwrap();
        keyset.publish(&published, &keys(kid), version_at).await.unwrap();
    };
    publish("new", at(2_000)).await;
    publish("old", at(1_000)).await;
    assert_eq!(keyset.read().await.unwrap()[0].kid, "new");
    publish("newer", at(2_001)).await;
    assert_eq!(keyset.read().await.unwrap()[0].kid, "newer");
}

#[tokio::test]
async fn a_person_signed_in_before_a_rotation_stays_signed_in() {
    let app =
        App::with(&[("SIGNING_SECRET", "one-0123456789abcdef"), ("PEPPER_SECRET", "one-0123456789abcdef")])
            .await;
    let alice: Person = app.sign_in(&phone(1)).await;
    let moved = app
        .again_with(&[
            ("SIGNING_SECRET", "two-0123456789abcdef,one-0123456789abcdef"),
            ("PEPPER_SECRET", "two-0123456789abcdef,one-0123456789abcdef"),
        ])
        .await;
    let me = moved.me(&alice).await;
    assert_eq!(me["id"], alice.id);
    moved.refresh(&alice.refresh).await.ok(200);
}
