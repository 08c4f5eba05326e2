//! What holds under any interleaving: on the embedded engine, with faults
//! between it and the functions, and without.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::app::{Answer, App, count, phone};
use crate::log;
use crate::trials::trials;

/// One whose answers hold the codes: an inbox of thousands is slow to read.
async fn app(vars: &[(&str, &str)]) -> Arc<App> {
    Arc::new(App::with(&[vars, &[("REVEAL_CODE", "true")]].concat()).await)
}

/// A 503 is honest, never a 500; nothing else but `allowed`.
#[track_caller]
pub(crate) fn only(answers: &[Answer], allowed: &[(u16, &str)]) {
    for answer in answers {
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        let expected = allowed.contains(&(answer.status, code.as_str()))
            || (answer.status == 503 && ["unavailable", "outcome_unknown"].contains(&code.as_str()));
        assert!(expected, "{} {code}", answer.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_code_verified_by_8_at_once_signs_in_once() {
    let app = app(&[("MAX_ATTEMPTS", "8"), ("GUESSES_PER_PHONE_DAY", "0")]).await;
    for trial in 0..trials() {
        let phone = phone(trial);
        let code = app.code_for(&phone).await;
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for _ in 0..8 {
            let (app, phone, code) = (Arc::clone(&app), phone.clone(), code.clone());
            racers.spawn(async move { app.exchange(&phone, &code).await });
        }
        let answers = racers.join_all().await;
        only(&answers, &[(200, ""), (422, "invalid_code")]);
        let wins = count(&answers, 200);
        // With an answer lost the winner may be told 503, never two win.
        assert!(wins == 1 || (wins == 0 && count(&answers, 503) > 0), "trial {trial}: {wins} won");
        app.faults.calm();
        if wins == 0 {
            // Spent, or still good: whoever repeats does no harm.
            only(&[app.exchange(&phone, &code).await], &[(200, ""), (422, "invalid_code")]);
        }
        assert_eq!(app.exchange(&phone, &code).await.status, 422, "trial {trial}: spent once only");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_first_sign_ins_of_one_phone_make_one_user() {
    // Eight codes of one phone, each void after the next: whoever is fast
    // enough registers, everybody else is refused or the same user.
    let vars = ["RESEND_COOLDOWN", "CODES_PER_PHONE_HOUR", "CODES_PER_PHONE_DAY", "GUESSES_PER_PHONE_DAY"];
    let app = app(&vars.map(|name| (name, "0"))).await;
    for trial in 0..trials() {
        let phone = phone(trial);
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for _ in 0..8 {
            let (app, phone) = (Arc::clone(&app), phone.clone());
            racers.spawn(async move {
                let asked = app.request_code(&phone).await;
                // A refusal has a `code` as well, which is a word.
                let code = if asked.status == 202 { asked.json()["code"].clone() } else { "0000".into() };
                app.exchange(&phone, code.as_str().unwrap_or_default()).await
            });
        }
        let answers = racers.join_all().await;
        only(&answers, &[(200, ""), (422, "invalid_code")]);
        let signed_in: Vec<Value> =
            answers.iter().filter(|answer| answer.status == 200).map(Answer::json).collect();
        let new = signed_in.iter().filter(|answer| answer["is_new"] == true).count();
        assert!(new <= 1, "trial {trial}: {new} users");
        let ids: std::collections::BTreeSet<_> =
            signed_in.iter().map(|answer| answer["user"]["id"].to_string()).collect();
        assert!(ids.len() <= 1, "trial {trial}: {ids:?}");
        // Whatever happened, the phone is one user's now.
        app.faults.calm();
        app.clock.advance(1);
        let person = app.sign_in(&phone).await;
        assert!(ids.is_empty() || ids.contains(&format!("\"{}\"", person.id)), "trial {trial}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_20_activations_at_once_one_holds() {
    // A lost answer may count a try twice.
    let app = app(&[("INVITE_GUESSES_PER_DAY", "0")]).await;
    let mut inviters = Vec::new();
    for n in 0..20 {
        inviters.push(app.sign_in(&phone(100_000 + n)).await);
    }
    for trial in 0..trials() {
        let bob = app.sign_in(&phone(trial)).await;
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for inviter in &inviters {
            let (app, token, code) = (Arc::clone(&app), bob.token.clone(), inviter.invite_code.clone());
            racers.spawn(async move { app.activate(&token, &code).await });
        }
        let answers = racers.join_all().await;
        only(&answers, &[(200, ""), (409, "invite_already_activated")]);
        let wins = count(&answers, 200);
        assert!(wins == 1 || (wins == 0 && count(&answers, 503) > 0), "trial {trial}: {wins} hold");
        app.faults.calm();
        let activated = app.me(&bob).await["activated_invite_code"].clone();
        for answer in answers.iter().filter(|answer| answer.status != 503) {
            assert_eq!(answer.json()["activated_invite_code"], activated, "trial {trial}: all see the same");
        }
    }
    // Each activation is listed once and counted once.
    let mut listed = 0;
    for inviter in &inviters {
        let own = app.pages("/v1/users/me/referrals?limit=100", &inviter.token).await.concat().len();
        assert_eq!(app.me(inviter).await["referrals_count"], own);
        listed += own;
    }
    let trials = trials() as usize;
    assert!(listed <= trials && listed > trials * 9 / 10, "{listed} of {trials}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_invite_each_other_at_once_one_holds() {
    let app = app(&[]).await;
    for trial in 0..trials() {
        let alice = app.sign_in(&phone(2 * trial)).await;
        let bob = app.sign_in(&phone(2 * trial + 1)).await;
        app.faults.trouble(trial);
        let (one, other) = tokio::join!(
            app.activate(&alice.token, &bob.invite_code),
            app.activate(&bob.token, &alice.invite_code)
        );
        app.faults.calm();
        let answers = [one, other];
        only(&answers, &[(200, ""), (409, "invite_loop")]);
        assert!(count(&answers, 200) <= 1, "trial {trial}");
        let of = [app.me(&alice).await, app.me(&bob).await];
        let holding = of.iter().filter(|profile| !profile["activated_invite_code"].is_null()).count();
        assert!(holding <= 1, "trial {trial}");
        if trial % 2 == 0 {
            assert_eq!((count(&answers, 200), holding), (1, 1), "trial {trial}");
        }
        let counted: u64 = of.iter().map(|profile| profile["referrals_count"].as_u64().unwrap()).sum();
        assert_eq!(counted, holding as u64, "trial {trial}");
    }
}

/// On one thread, so that every comparison is counted on it; the engine answers
/// on others, so that guesses still overtake one another.
#[tokio::test]
async fn of_10_000_guesses_64_at_a_time_5_are_compared() {
    log::keep();
    // All there are where there is time; the right one is guessed last.
    let guesses = (10 * trials()).clamp(128, 10_000);
    let app = Arc::new(App::new().await);
    let right: u32 = app.code_for(&phone(1)).await.parse().unwrap();
    let first = right + 1 + 10_000 - guesses;

    let next = Arc::new(AtomicU32::new(0));
    let mut racers = JoinSet::new();
    for _ in 0..64 {
        let (app, next) = (Arc::clone(&app), Arc::clone(&next));
        racers.spawn(async move {
            let mut answers = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::SeqCst);
                if n >= guesses {
                    return answers;
                }
                answers.push(app.exchange(&phone(1), &format!("{:04}", (first + n) % 10_000)).await);
            }
        });
    }
    let answers: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
    assert_eq!(answers.len(), guesses as usize);
    only(&answers, &[(422, "invalid_code"), (200, "")]);
    let is_comparison = |line: &Value| line["message"] == "a guess is compared";
    assert_eq!(log::kept().into_iter().filter(is_comparison).count(), 5);
    assert_eq!(count(&answers, 200), 0);
}
