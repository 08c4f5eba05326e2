//! The guard against pumping: who is paused, who is not, and for how long.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{App, phone};

/// The phone of the `n`-th neighbour: all share the prefix `+7900123`.
fn neighbour(n: u32) -> String {
    format!("+7900123{n:04}")
}

const GUARD: &[(&str, &str)] = &[("PUMPING_MIN_SENDS", "30")];

async fn ask(app: &App, phones: std::ops::Range<u32>) {
    for n in phones {
        app.request_code(&neighbour(n)).await.ok(202);
    }
}

/// A code is entered while it lives.
async fn enter(app: &App, phones: std::ops::Range<u32>) {
    for n in phones {
        let code = app.last_code(&neighbour(n)).await;
        app.exchange(&neighbour(n), &code).await.ok(200);
    }
}

#[tokio::test]
async fn a_prefix_that_enters_no_codes_is_paused() {
    let app = App::sequential(GUARD).await;
    ask(&app, 0..30).await;
    // Until the codes have run out nobody can tell an attack from a busy minute.
    app.clock.advance(300);
    ask(&app, 30..31).await;
    app.clock.advance(60);
    assert_eq!(app.request_code(&neighbour(99)).await.problem(503, "texts_paused")["retry_after"], 3_600);
    assert_eq!(app.texts(&neighbour(99)).await, 0);
    app.clock.advance(3_599);
    assert_eq!(app.request_code(&neighbour(99)).await.problem(503, "texts_paused")["retry_after"], 1);
    // Other prefixes are texted all the time.
    app.request_code(&phone(1)).await.ok(202);
    app.clock.advance(1);
    ask(&app, 40..41).await;
}

#[tokio::test]
async fn both_sides_of_the_minimum() {
    let app = App::with(GUARD).await;
    ask(&app, 0..29).await;
    app.clock.advance(330);
    ask(&app, 29..31).await;
    app.clock.advance(330);
    app.request_code(&neighbour(99)).await.problem(503, "texts_paused");
}

#[tokio::test]
async fn both_sides_of_the_share() {
    for (entered, is_paused) in [(2, true), (3, false)] {
        let app = App::with(GUARD).await;
        ask(&app, 0..30).await;
        enter(&app, 0..entered).await;
        app.clock.advance(330);
        let answer = app.request_code(&neighbour(99)).await;
        assert_eq!(answer.status == 503, is_paused, "{entered} of 30 were entered");
    }
}

/// An entered code counts for its own text, however late it is entered; one of
/// a younger text saves nothing that was sent before.
#[tokio::test]
async fn what_is_entered_counts_for_its_own_text() {
    for (late, young, is_paused) in [(3, 0, false), (0, 10, true)] {
        let app = App::with(GUARD).await;
        ask(&app, 0..30).await;
        app.clock.advance(290);
        enter(&app, 0..late).await;
        ask(&app, 50..50 + young).await;
        enter(&app, 50..50 + young).await;
        app.clock.advance(40);
        let answer = app.request_code(&neighbour(99)).await;
        assert_eq!(answer.status == 503, is_paused, "{late} late, {young} young");
    }
}

/// What was judged is not judged twice: after the pause a prefix begins anew.
#[tokio::test]
async fn after_its_pause_a_prefix_begins_anew() {
    let app = App::with(&[GUARD, &[("PUMPING_PAUSE", "60")]].concat()).await;
    ask(&app, 0..30).await;
    app.clock.advance(330);
    assert_eq!(app.request_code(&neighbour(99)).await.problem(503, "texts_paused")["retry_after"], 60);
    app.clock.advance(60);
    ask(&app, 40..69).await;
    app.clock.advance(330);
    ask(&app, 69..71).await;
    app.clock.advance(330);
    app.request_code(&neighbour(99)).await.problem(503, "texts_paused");
}

#[tokio::test]
async fn a_country_has_a_minimum_of_its_own() {
    let app = App::with(&[("PUMPING_MIN_SENDS_COUNTRY", "40")]).await;
    // Four prefixes of one country, ten each.
    for prefix in 0..4 {
        for n in 0..10 {
            app.request_code(&format!("+790012{prefix}00{n:02}")).await.ok(202);
        }
    }
    app.clock.advance(330);
    app.request_code("+79009990000").await.problem(503, "texts_paused");
    app.request_code("+77011234567").await.ok(202);
    app.request_code("+12015550123").await.ok(202);
}

/// A guard that is off reads and writes nothing.
#[tokio::test]
async fn a_guard_that_is_off_costs_nothing() {
    let app = App::new().await;
    app.faults.asked();
    app.request_code(&phone(1)).await.ok(202);
    let asked = app.faults.asked();
    assert_eq!(asked.len(), 3, "the code, its text, and the number of the day: {asked:?}");
}

/// What is in flight when a place begins to look pumped may still be sent, and
/// no more: nothing after the first refusal.
#[tokio::test(flavor = "multi_thread")]
async fn the_overshoot_is_what_is_in_flight() {
    let app = Arc::new(App::with(GUARD).await);
    ask(&app, 0..30).await;
    app.clock.advance(330);
    let mut racers = JoinSet::new();
    for n in 100..200 {
        let app = Arc::clone(&app);
        racers.spawn(async move { app.post("/v1/auth/code", json!({ "phone": neighbour(n) })).await.status });
    }
    let sent = racers.join_all().await.into_iter().filter(|status| *status == 202).count();
    assert_eq!(sent, 0, "all of them read what was there before them");
}
