//! Refresh tokens end by use: what a lost answer costs, and what a thief gains.

use latchkey::domain::user::UserId;
use latchkey::tables::sessions::Sessions;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::app::{App, Person, phone};
use crate::faults::Fault;
use crate::trials::trials_of;

/// A pair of tokens.
#[derive(Clone)]
struct Pair {
    access: String,
    refresh: String,
}

fn pair(answer: &Value) -> Pair {
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    Pair { access: text("access_token"), refresh: text("refresh_token") }
}

async fn refreshed(app: &App, token: &str) -> Pair {
    pair(&app.refresh(token).await.ok(200))
}

async fn is_refused(app: &App, token: &str) {
    app.refresh(token).await.problem(401, "invalid_refresh_token");
}

async fn use_it(app: &App, access: &str) {
    app.get("/v1/users/me", access).await.ok(200);
}

/// Whether the device is known: then it does not meet the strangers' cooldown.
async fn is_known(app: &App, phone: &str, device_token: &Value) -> bool {
    app.clock.advance(86_400);
    app.request_code(phone).await.ok(202);
    let body = json!({ "phone": phone, "device_token": device_token });
    app.post("/v1/auth/code", body).await.status == 202
}

#[tokio::test]
async fn the_token_replaced_last_gives_the_same_new_one_until_that_is_used() {
    let app = App::with(&[("ACCESS_TTL", "7200")]).await;
    let alice = app.sign_in(&phone(1)).await;
    let new = refreshed(&app, &alice.refresh).await;
    app.clock.advance(3_599);
    let again = refreshed(&app, &alice.refresh).await;
    assert_eq!(again.refresh, new.refresh);
    // An access token of before is no use of the new ones.
    use_it(&app, &alice.token).await;
    assert_eq!(notes(&app), 0);
    use_it(&app, &again.access).await;
    assert_eq!(notes(&app), 1);
    refreshed(&app, &new.refresh).await;
}

#[tokio::test]
async fn once_the_new_one_is_used_the_old_one_is_a_repetition_for_a_moment_and_then_a_theft() {
    let app = App::new().await;
    let code = app.code_for(&phone(1)).await;
    let first = app.exchange(&phone(1), &code).await.ok(200);
    let new = refreshed(&app, &pair(&first).refresh).await;
    app.clock.advance(600);
    use_it(&app, &new.access).await;
    app.clock.advance_millis(29_999);
    assert_eq!(refreshed(&app, &pair(&first).refresh).await.refresh, new.refresh);
    app.clock.advance_millis(1);
    is_refused(&app, &pair(&first).refresh).await;
    is_refused(&app, &new.refresh).await;
    app.get("/v1/users/me", &new.access).await.problem(401, "session_ended");
    assert!(!is_known(&app, &phone(1), &first["device_token"]).await, "somebody else has it");
}

#[tokio::test]
async fn a_token_that_lapsed_ends_the_session_and_nobody_is_suspected() {
    let app = App::with(&[("REFRESH_RETRY", "7200")]).await;
    let code = app.code_for(&phone(1)).await;
    let first = app.exchange(&phone(1), &code).await.ok(200);
    let new = refreshed(&app, &pair(&first).refresh).await;
    app.clock.advance(7_200);
    is_refused(&app, &pair(&first).refresh).await;
    is_refused(&app, &new.refresh).await;
    assert!(is_known(&app, &phone(1), &first["device_token"]).await);
}

/// A widget read its token just before two others refreshed.
#[tokio::test]
async fn an_older_token_is_a_repetition_for_a_moment_after_it_was_replaced() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    let second = refreshed(&app, &alice.refresh).await;
    let mut newest = second.clone();
    for _ in 0..7 {
        newest = refreshed(&app, &newest.refresh).await;
        use_it(&app, &newest.access).await;
    }
    app.clock.advance_millis(29_999);
    for older in [&alice.refresh, &second.refresh] {
        assert_eq!(refreshed(&app, older).await.refresh, newest.refresh);
    }
    app.clock.advance_millis(1);
    is_refused(&app, &second.refresh).await;
    is_refused(&app, &newest.refresh).await;

    // The ninth of before is not known any more.
    let bob = app.sign_in(&phone(2)).await;
    let mut newest = bob.refresh.clone();
    for _ in 0..9 {
        newest = refreshed(&app, &newest).await.refresh;
    }
    is_refused(&app, &bob.refresh).await;
    is_refused(&app, &newest).await;
}

#[tokio::test]
async fn signing_out_judges_a_token_as_refreshing_does() {
    for (used, wait, scope, status) in [
        (false, 3_599, "global", 204),
        (false, 3_600, "global", 401),
        (false, 3_600, "local", 204),
        (true, 29, "others", 204),
        (true, 30, "others", 401),
        (true, 30, "local", 401),
    ] {
        let app = App::new().await;
        let alice = app.sign_in(&phone(1)).await;
        let new = refreshed(&app, &alice.refresh).await;
        if used {
            use_it(&app, &new.access).await;
        }
        app.clock.advance(wait);
        let body = json!({ "refresh_token": alice.refresh, "scope": scope });
        assert_eq!(app.post("/v1/auth/logout", body).await.status, status, "{used} {wait} {scope}");
        if status == 401 || scope != "others" {
            is_refused(&app, &new.refresh).await;
        } else {
            refreshed(&app, &new.refresh).await;
        }
    }
}

/// What the gate writes.
fn notes(app: &App) -> usize {
    let asked = app.faults.asked();
    asked.iter().filter(|asked| asked.attributes().iter().any(|name| name == "used_at")).count()
}

#[tokio::test]
async fn the_first_use_is_noted_once_and_again_where_that_was_lost() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    use_it(&app, &alice.token).await;
    assert_eq!(notes(&app), 0, "nothing was replaced by a sign-in");
    let new = refreshed(&app, &alice.refresh).await;
    notes(&app);
    for fault in [Fault::Lost, Fault::Throttled, Fault::Conflict] {
        app.faults.next("UpdateItem", fault);
        use_it(&app, &new.access).await;
        assert!(app.faults.all_met(), "{fault:?}: nobody is told");
    }
    app.clock.advance(60);
    assert_eq!(refreshed(&app, &alice.refresh).await.refresh, new.refresh, "not noted yet");
    notes(&app);
    use_it(&app, &new.access).await;
    use_it(&app, &new.access).await;
    assert_eq!(notes(&app), 1);
    let newer = refreshed(&app, &new.refresh).await;
    notes(&app);
    use_it(&app, &new.access).await;
    assert_eq!(notes(&app), 0, "of a generation that was replaced");
    use_it(&app, &newer.access).await;
    assert_eq!(notes(&app), 1);
}

/// A process of an app: it has what is stored as of when it read that last.
struct Process {
    wakes_at: i64,
    /// The token that it sent, and the answer that is still to come.
    waits_for: Option<(String, Pair)>,
    /// Until when its answers may be lost, once one was.
    loses_until: Option<i64>,
    read: Pair,
}

/// Whoever has one store, stores what comes before using it, over nothing but what was
/// traded for it, and reads it again on waking is never signed out, whatever gets lost: an app whose answers are lost for up to half
/// an hour, and a widget that sleeps at any moment.
#[tokio::test]
async fn no_session_ends_in_which_nobody_did_wrong() {
    for seed in 0..trials_of(100) {
        let app = App::new().await;
        let rng = &mut StdRng::seed_from_u64(seed.into());
        let alice = app.sign_in(&phone(1)).await;
        let mut store = Pair { access: alice.token, refresh: alice.refresh };
        let mut processes = [(); 2].map(|()| Process {
            wakes_at: 0,
            waits_for: None,
            loses_until: None,
            read: store.clone(),
        });
        let mut now = 0;
        for step in 0..200 {
            let nth = usize::from(processes[1].wakes_at < processes[0].wakes_at);
            let process = &mut processes[nth];
            app.clock.advance_millis((process.wakes_at - now).max(0));
            now = now.max(process.wakes_at);
            // An answer that comes is stored, then used; not over what another has stored
            // meanwhile.
            if let Some((_, new)) = process.waits_for.take().filter(|(sent, _)| *sent == store.refresh) {
                store = new;
            }
            process.read = store.clone();
            // What is under way meanwhile takes some seconds.
            let sends_after = rng.random_range(0..10_000);
            let answer = app.get("/v1/users/me", &process.read.access).await;
            if answer.status == 401 {
                assert_eq!(answer.json()["code"], "invalid_token", "seed {seed}, step {step}");
                let new = refreshed(&app, &process.read.refresh).await;
                // It comes some seconds later, or not: then the process asks again, and one comes
                // after half an hour at the latest.
                let loses_until = process.loses_until.unwrap_or(now + 1_800_000);
                if now >= loses_until || rng.random_ratio(2, 3) {
                    process.waits_for = Some((process.read.refresh.clone(), new));
                    process.loses_until = None;
                    process.wakes_at = now + sends_after;
                } else {
                    process.loses_until = Some(loses_until);
                    process.wakes_at = rng.random_range(now..=loses_until);
                }
            } else {
                process.wakes_at =
                    now + sends_after + rng.random_range(0..3_000_000) * rng.random_range(0..2);
            }
        }
        use_last(&app, &store).await;
    }
}

/// What plays sessions without a table (`bench/texts.rs`) goes by the domain.
#[tokio::test]
async fn the_table_moves_a_session_on_as_the_domain_does() {
    let app = App::new().await;
    let alice = app.sign_in(&phone(1)).await;
    let (sessions, user) = (Sessions::new(&app.setup("test")), UserId(alice.id.clone()));
    let mut token = alice.refresh;
    let [mut before] = sessions.of_user(&user).await.unwrap().try_into().unwrap();
    let lifetime = before.refresh_until.seconds() - before.created_at.seconds();
    for _ in 0..10 {
        app.clock.advance(60);
        let new = refreshed(&app, &token).await;
        let [after] = sessions.of_user(&user).await.unwrap().try_into().unwrap();
        before.rotate(app.world.now(), app.world.now().plus_seconds(lifetime));
        assert_eq!(after, before);
        use_it(&app, &new.access).await;
        [before] = sessions.of_user(&user).await.unwrap().try_into().unwrap();
        assert!(before.used_at.is_some());
        token = new.refresh;
    }
}

/// The store holds what is good, or what gives it.
async fn use_last(app: &App, store: &Pair) {
    let new = refreshed(app, &store.refresh).await;
    use_it(app, &new.access).await;
}

/// Somebody who copied a token is found out as soon as owner or thief presents one that
/// is older than the rule allows; until then both have what either gets.
#[tokio::test]
async fn a_thief_is_found_when_a_token_comes_too_late() {
    for seed in 0..trials_of(40) {
        let app = App::new().await;
        let rng = &mut StdRng::seed_from_u64(seed.into());
        let alice: Person = app.sign_in(&phone(1)).await;
        let mut stored = [alice.refresh.clone(), alice.refresh];
        let mut ended = false;
        for _ in 0..40 {
            app.clock.advance(rng.random_range(60..1_800));
            // Each uses what they get at once, so whoever comes second comes too late.
            let nth = rng.random_range(0..2);
            let answer = app.refresh(&stored[nth]).await;
            if answer.status == 401 {
                ended = true;
                break;
            }
            let new = pair(&answer.ok(200));
            app.clock.advance(rng.random_range(0..5));
            use_it(&app, &new.access).await;
            stored[nth] = new.refresh;
        }
        assert!(ended, "seed {seed}");
        for token in &stored {
            is_refused(&app, token).await;
        }
    }
}
