//! The guard against pumping: who is asked for a proof, who is paused, for how long,
//! and who opens it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;
use latchkey::base::config;
use latchkey::domain::credit::{Account, Answer, Credit, Means, Place, Width};
use latchkey::domain::phone::Phone;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{ADMIN, Answer as Answered, App, count, phone};
use crate::faults::Fault;
use crate::solver::solve;
use crate::trials::trials_of;

const CODE: &str = "/v1/auth/code";

/// The guard as a deployment has it, with proofs that tests have the time for.
const GUARD: &[(&str, &str)] = &[("GUARD_STOCKS", "100"), ("PROOF_COST", "1"), ("REVEAL_CODE", "true")];

/// From when the tests begin to the end of that day.
const TO_THE_DAY: i64 = 81_248;

/// The phone of the `n`-th neighbour: all share the block `+7900123`.
fn neighbour(n: u32) -> String {
    format!("+7900123{n:04}")
}

/// One of the `n`-th block of the range `+79001`.
fn in_block(n: u32, of: u32) -> String {
    format!("+79001{n:02}{of:04}")
}

async fn with_guard(vars: &[(&str, &str)]) -> App {
    App::with_admin(&[GUARD, vars].concat()).await
}

async fn prove(app: &App, phone: &str) -> Answered {
    let challenge = app.request_code(phone).await.problem(403, "proof_required")["challenge"].clone();
    app.post(CODE, json!({ "phone": phone, "proof": solve(&challenge) })).await
}

async fn enter(app: &App, phone: &str, asked: &Value) {
    app.exchange(phone, asked["code"].as_str().unwrap()).await.ok(200);
}

/// No update succeeds from now on.
fn throttle(app: &App) {
    for _ in 0..100 {
        app.faults.next("UpdateItem", Fault::Throttled);
    }
}

/// As many texts as a block has for whoever asks.
async fn run_short(app: &App) {
    for n in 0..6 {
        app.request_code(&neighbour(n)).await.ok(202);
    }
}

/// As many as it has for proofs as well, and it is closed.
async fn spend(app: &App) {
    run_short(app).await;
    for n in 6..8 {
        prove(app, &neighbour(n)).await.ok(202);
    }
    app.request_code(&neighbour(8)).await.problem(503, "texts_paused");
}

#[tokio::test]
async fn a_block_that_enters_no_codes_is_asked_for_proofs_and_then_paused_until_midnight() {
    let app = with_guard(&[]).await;
    spend(&app).await;
    let paused = app.request_code(&neighbour(8)).await.problem(503, "texts_paused");
    assert_eq!(paused["retry_after"], TO_THE_DAY);
    assert_eq!((app.all_texts().await, app.texts(&neighbour(8)).await), (8, 0));
    // Other blocks are texted all the time.
    app.request_code(&phone(1)).await.ok(202);
    app.clock.advance(TO_THE_DAY - 1);
    app.request_code(&neighbour(8)).await.problem(503, "texts_paused");
    app.clock.advance(1);
    // It begins with half.
    for n in 20..23 {
        app.request_code(&neighbour(n)).await.ok(202);
    }
    prove(&app, &neighbour(23)).await.ok(202);
    // Spent again, it is closed for the next day, too.
    let paused = app.request_code(&neighbour(24)).await.problem(503, "texts_paused");
    assert_eq!(paused["retry_after"], 2 * 86_400);
    app.clock.advance(86_400);
    assert_eq!(app.request_code(&neighbour(24)).await.problem(503, "texts_paused")["retry_after"], 86_400);
    app.clock.advance(86_400);
    app.request_code(&neighbour(24)).await.ok(202);
}

#[tokio::test]
async fn a_range_and_a_country_that_are_short_ask_for_proofs_and_refuse_nobody() {
    let app = with_guard(&[]).await;
    for n in 0..15 {
        app.request_code(&in_block(n, 1)).await.ok(202);
    }
    prove(&app, &in_block(20, 1)).await.ok(202);
    app.request_code("+79007654321").await.ok(202);
    // Abroad a country has 25.
    for n in 0..25 {
        app.request_code(&format!("+7701{n:02}34567")).await.ok(202);
    }
    prove(&app, "+77019934567").await.ok(202);
}

#[tokio::test]
async fn codes_that_are_entered_fill_a_block_again_once_a_phone_and_day() {
    let app = with_guard(&[("CODES_PER_PHONE_HOUR", "5")]).await;
    for n in 0..30 {
        let asked = app.request_code(&neighbour(n)).await.ok(202);
        enter(&app, &neighbour(n), &asked).await;
    }
    // It has 20 now, for its most was reached; the same phone gives nothing more.
    let left = async || {
        let items = app.items(config::CODES_TABLE).await;
        let block = items.lines().find(|line| line.contains("credit#block#+7900123")).unwrap().to_owned();
        let left = block.split("texts_left").nth(1).unwrap();
        left.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect::<String>()
    };
    let before: u32 = left().await.parse().unwrap();
    assert!((20..=21).contains(&before), "{before}");
    app.clock.advance(60);
    let asked = app.request_code(&neighbour(0)).await.ok(202);
    enter(&app, &neighbour(0), &asked).await;
    assert_eq!(left().await.parse::<u32>().unwrap(), before - 1);
}

#[tokio::test]
async fn a_proof_is_good_once_and_its_repetition_is_one() {
    let app = with_guard(&[]).await;
    run_short(&app).await;
    let challenge = app.request_code(&neighbour(6)).await.problem(403, "proof_required")["challenge"].clone();
    let body = json!({ "phone": neighbour(6), "proof": solve(&challenge) });
    let first = app.post(CODE, body.clone()).await.ok(202);
    let again = app.post(CODE, body.clone()).await.ok(202);
    assert_eq!((&first["challenge_id"], app.texts(&neighbour(6)).await), (&again["challenge_id"], 1));
    app.clock.advance(60);
    let again = app.post(CODE, body.clone()).await.ok(202);
    assert_eq!(first["challenge_id"], again["challenge_id"], "as long as its code lives");
    enter(&app, &neighbour(6), &first).await;
    app.post(CODE, body.clone()).await.problem(403, "proof_required");
    app.clock.advance(600);
    app.post(CODE, body).await.problem(403, "proof_required");
}

#[tokio::test]
async fn a_proof_of_another_phone_or_none_at_all_is_as_none() {
    let app = with_guard(&[]).await;
    run_short(&app).await;
    let challenge = app.request_code(&neighbour(6)).await.problem(403, "proof_required")["challenge"].clone();
    let proof = solve(&challenge);
    for (phone, proof) in [(neighbour(7), proof.as_str()), (neighbour(6), "e30="), (neighbour(6), "")] {
        app.post(CODE, json!({ "phone": phone, "proof": proof })).await.problem(403, "proof_required");
    }
    assert_eq!(app.all_texts().await, 6);
    app.post(CODE, json!({ "phone": neighbour(6), "proof": proof })).await.ok(202);
}

/// A refusal takes nothing: neither the proof, nor of any place.
#[tokio::test]
async fn a_proof_that_came_to_nothing_is_good_still() {
    let app = with_guard(&[("RESEND_COOLDOWN", "60")]).await;
    run_short(&app).await;
    let challenge = app.request_code(&neighbour(0)).await;
    challenge.problem(429, "resend_too_soon");
    app.clock.advance(59);
    // Nothing but a proof would help, once the cooldown is over.
    let challenge = app.request_code(&neighbour(7)).await.problem(403, "proof_required")["challenge"].clone();
    let proof = solve(&challenge);
    app.request_code(&phone(1)).await.ok(202);
    let body = json!({ "phone": neighbour(7), "proof": proof });
    throttle(&app);
    app.post(CODE, body.clone()).await.problem(503, "unavailable");
    app.faults.forget();
    app.post(CODE, body).await.ok(202);
}

#[tokio::test]
async fn a_key_stands_for_what_is_asked_not_for_its_proof() {
    let app = with_guard(&[]).await;
    run_short(&app).await;
    let body = json!({ "phone": neighbour(6) });
    let asked = app.post_with_key(CODE, "k", &body).await;
    let challenge = asked.problem(403, "proof_required")["challenge"].clone();
    let body = json!({ "phone": neighbour(6), "proof": solve(&challenge) });
    let first = app.post_with_key(CODE, "k", &body).await.ok(202);
    let again = app.post_with_key(CODE, "k", &json!({ "phone": neighbour(6) })).await.ok(202);
    assert_eq!(first["challenge_id"], again["challenge_id"]);
}

#[tokio::test]
async fn a_known_device_meets_no_place() {
    let app = with_guard(&[]).await;
    let asked = app.request_code(&neighbour(100)).await.ok(202);
    let tokens = app.exchange(&neighbour(100), asked["code"].as_str().unwrap()).await.ok(200);
    app.clock.advance(60);
    for n in 0..7 {
        app.request_code(&neighbour(n)).await.ok(202);
    }
    for n in 7..9 {
        prove(&app, &neighbour(n)).await.ok(202);
    }
    app.request_code(&neighbour(100)).await.problem(503, "texts_paused");
    let body = json!({ "phone": neighbour(100), "device_token": tokens["device_token"] });
    app.faults.asked();
    app.post(CODE, body).await.ok(202);
    let keys = format!("{:?}", app.faults.asked());
    assert!(!keys.contains("credit#"), "{keys}");
}

/// A proof costs more the more of them the day took, and nobody is asked for one that
/// it has no text for.
#[tokio::test]
async fn proofs_have_a_part_of_the_day_and_grow_harder() {
    let app = with_guard(&[("TEXTS_PER_DAY", "40"), ("TEXTS_RESERVED", "20")]).await;
    // 32 for strangers, 16 by proof; a country abroad has 25.
    let abroad = |n: u32| format!("+7701{n:03}4567");
    for n in 0..15 {
        app.request_code(&abroad(n)).await.ok(202);
    }
    let mut costs = Vec::new();
    for n in 15..31 {
        let asked = app.request_code(&abroad(n)).await.problem(403, "proof_required");
        costs.push(asked["challenge"]["parameters"]["cost"].as_i64().unwrap());
        app.post(CODE, json!({ "phone": abroad(n), "proof": solve(&asked["challenge"]) })).await.ok(202);
    }
    assert_eq!(costs, [1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8]);
    app.clock.advance_millis(1_000);
    let paused = app.request_code(&abroad(40)).await.problem(503, "texts_paused");
    assert_eq!(paused["retry_after"], TO_THE_DAY - 1);
    app.request_code(&phone(1)).await.ok(202);
}

#[tokio::test]
async fn staff_see_what_is_short_and_why_and_admins_open_it() {
    let app = with_guard(&[("TEXTS_PER_DAY", "1000")]).await;
    let admin = app.sign_in(ADMIN).await;
    let user = app.sign_in(&phone(1)).await;
    app.get("/v1/guard", &user.token).await.problem(403, "forbidden");
    let guard = app.get("/v1/guard", &admin.token).await.ok(200);
    assert_eq!(
        (&guard["is_on"], &guard["items"], &guard["cursor"]),
        (&json!(true), &json!([]), &Value::Null)
    );
    assert_eq!(guard["texts"]["to_strangers"], 2);
    let most = ["most", "most_to_strangers", "most_by_proof"].map(|name| guard["texts"][name].clone());
    assert_eq!(most, [json!(1_000), json!(800), json!(400)]);

    for n in 0..9 {
        app.request_code(&in_block(1, n)).await;
    }
    spend(&app).await;
    let guard = app.get("/v1/guard", &admin.token).await.ok(200);
    let seen: Vec<_> = guard["items"].as_array().unwrap().iter().collect();
    let of = |name: &str| {
        let place =
            seen.iter().find(|place| place["place"] == name).unwrap_or_else(|| panic!("{name}: {seen:?}"));
        (
            place["state"].as_str().unwrap(),
            place["reason"].as_str().unwrap(),
            place["texts_sent"].as_u64().unwrap(),
        )
    };
    assert_eq!(of("block-7900101"), ("proof_required", "unentered", 6));
    assert_eq!(of("block-7900123"), ("paused", "spent", 8));
    assert_eq!(guard["items"].as_array().unwrap().len(), 2);
    assert_eq!(seen[0]["opens_at"], "2026-11-22T00:00:00Z");
    // A page at a time.
    let pages = app.pages("/v1/guard?limit=1", &admin.token).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    app.get("/v1/guard?cursor=abc", &admin.token).await.problem(422, "invalid_cursor");

    let open = async |token: &str, place: &str| {
        app.raw(Method::DELETE, &format!("/v1/guard/{place}"), Some(token), Vec::new()).await
    };
    open(&user.token, "block-7900123").await.problem(403, "forbidden");
    for nowhere in ["block", "block-x", "country-ru", "town-1"] {
        open(&admin.token, nowhere).await.problem(404, "not_found");
    }
    for _ in 0..2 {
        assert_eq!(open(&admin.token, "block-7900123").await.status, 204);
    }
    assert_eq!(open(&admin.token, "range-79001").await.status, 204);
    // What an instance remembers is over in a second.
    app.clock.advance_millis(1_000);
    for n in 30..50 {
        app.request_code(&neighbour(n)).await.ok(202);
    }
    app.request_code(&neighbour(50)).await.problem(503, "texts_paused");
    let guard = app.get("/v1/guard", &admin.token).await.ok(200);
    let full = guard["items"].as_array().unwrap().iter().find(|place| place["place"] == "block-7900123");
    assert_eq!(full.unwrap()["reason"], "full", "it had all that a block gets in a day");

    app.update_user(&admin.token, &user.id, &json!({ "role": "moderator" })).await.ok(200);
    app.get("/v1/guard", &user.token).await.ok(200);
    open(&user.token, "block-7900123").await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_block_that_was_spent_before_says_so() {
    let app = with_guard(&[]).await;
    spend(&app).await;
    app.clock.advance(86_400);
    for n in 20..23 {
        app.request_code(&neighbour(n)).await.ok(202);
    }
    prove(&app, &neighbour(23)).await.ok(202);
    app.request_code(&neighbour(24)).await.problem(503, "texts_paused");
    app.clock.advance(86_400);
    let admin = app.sign_in(ADMIN).await;
    let place = app.get("/v1/guard", &admin.token).await.ok(200)["items"][0].clone();
    assert_eq!((&place["state"], &place["reason"]), (&json!("paused"), &json!("spent_before")));
    assert_eq!(place["opens_at"], "2026-11-24T00:00:00Z");
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

/// Where the table does not answer, nothing is texted.
#[tokio::test]
async fn a_guard_that_cannot_ask_refuses() {
    let app = with_guard(&[]).await;
    throttle(&app);
    app.request_code(&neighbour(0)).await.problem(503, "unavailable");
    app.faults.forget();
    assert_eq!(app.all_texts().await, 0);
}

/// What comes in the second after a refusal writes nothing to what everybody shares.
#[tokio::test]
async fn a_flood_writes_once_a_second_to_what_is_everybodys() {
    let app = with_guard(&[("TEXTS_PER_DAY", "1000")]).await;
    spend(&app).await;
    app.clock.advance_millis(1_000);
    let shared = async |phones: std::ops::Range<u32>| {
        app.faults.asked();
        for n in phones {
            app.request_code(&neighbour(n)).await.problem(503, "texts_paused");
        }
        let asked = app.faults.asked();
        let keys =
            asked.iter().map(|asked| asked.input["Key"]["pk"]["S"].as_str().unwrap_or_default().to_owned());
        keys.filter(|key| key.starts_with("texts#") || key.starts_with("credit#")).collect::<Vec<_>>()
    };
    assert_eq!(shared(100..101).await.len(), 7, "taken and given back, but from what is spent");
    assert_eq!(shared(101..150).await, Vec::<String>::new());
    app.clock.advance_millis(1_000);
    assert_eq!(shared(150..151).await.len(), 7);

    let app = with_guard(&[("TEXTS_PER_DAY", "1")]).await;
    app.request_code(&phone(1)).await.ok(202);
    app.faults.asked();
    for n in 2..50 {
        app.request_code(&phone(n)).await.problem(503, "texts_paused");
    }
    let asked = format!("{:?}", app.faults.asked());
    assert_eq!(asked.matches("\"texts#").count(), 1, "the first of them");
}

/// Many at once, with faults in half of the trials, on a block's first day and on one
/// that has to be begun anew: of its stock nothing is sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocks_stock_is_never_exceeded() {
    for trial in 0..trials_of(40) {
        let app = Arc::new(with_guard(&[]).await);
        let begins_anew = trial / 2 % 2 == 1;
        if begins_anew {
            app.request_code(&neighbour(90)).await.ok(202);
            app.clock.advance(86_400);
        }
        let sent_before = app.all_texts().await;
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for n in 0..40 {
            let app = Arc::clone(&app);
            racers.spawn(async move { app.request_code(&neighbour(n)).await });
        }
        let answers = racers.join_all().await;
        app.faults.calm();
        let sent = app.all_texts().await - sent_before;
        assert!(sent <= 6, "{sent} were sent");
        if trial % 2 == 0 {
            assert!(count(&answers, 202) <= 6);
            assert!(count(&answers, 403) + count(&answers, 503) >= 34);
        }
    }
}

/// One proof at many requests at once: one text.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_races_itself_in_vain() {
    for trial in 0..trials_of(16) {
        let app = Arc::new(with_guard(&[("RESEND_COOLDOWN", "0")]).await);
        run_short(&app).await;
        let asked = app.request_code(&neighbour(6)).await.problem(403, "proof_required");
        let proof = solve(&asked["challenge"]);
        app.faults.trouble(trial);
        let mut racers = JoinSet::new();
        for _ in 0..8 {
            let (app, proof) = (Arc::clone(&app), proof.clone());
            racers
                .spawn(async move { app.post(CODE, json!({ "phone": neighbour(6), "proof": proof })).await });
        }
        let answers = racers.join_all().await;
        app.faults.calm();
        assert!(
            app.texts(&neighbour(6)).await <= 1,
            "{:?}",
            answers.iter().map(|a| a.status).collect::<Vec<_>>()
        );
    }
}

/// What the table does is what the domain says, text by text, over days.
#[tokio::test]
async fn the_table_counts_as_the_domain_does() {
    let credit = Credit::of(0, 5, Some("RU".parse().unwrap()));
    for seed in 0..u64::from(trials_of(150)) {
        let app = App::sequential(GUARD).await;
        let rng = &mut StdRng::seed_from_u64(seed);
        let mut accounts = BTreeMap::<Place, Account>::new();
        let (mut day, mut open) = (20_778, Vec::new());
        let mut credited = BTreeSet::new();
        for step in 0..150 {
            if rng.random_ratio(1, 40) {
                let days = rng.random_range(1..4);
                app.clock.advance(days * 86_400);
                (day, open) = (day + days, Vec::new());
            }
            // What an instance remembers is over.
            app.clock.advance_millis(1_000);
            let country = if rng.random_ratio(1, 4) { "+7701" } else { "+7900" };
            let to = format!("{country}00{}{:04}", rng.random_range(0..2), rng.random_range(0..40));
            let number = Phone::parse(&to, "RU".parse().unwrap()).unwrap();
            let places = credit.places(&number);
            let on = |accounts: &BTreeMap<Place, Account>, place: &Place| {
                credit.on(place, accounts.get(place).copied(), day)
            };
            let judged = |means: Means, accounts: &BTreeMap<Place, Account>| {
                let of = |place: &&Place| means.widths().contains(&place.width);
                let is_short = |place: &Place| !credit.has(place.width, &on(accounts, place), means);
                if places.iter().filter(of).any(is_short) {
                    credit.refusal(&on(accounts, &places[0]), means)
                } else {
                    Answer::Open
                }
            };
            let (mut means, asked) = (Means::Request, app.request_code(&to).await);
            if asked.status == 429 {
                continue;
            }
            let told = |asked: &Answered| match asked.status {
                202 => "open",
                403 => "proof",
                _ => "paused",
            };
            let said = |answer: Answer| match answer {
                Answer::Open => "open",
                Answer::ProofRequired => "proof",
                Answer::Paused { .. } => "paused",
            };
            let mut answer = judged(means, &accounts);
            assert_eq!(told(&asked), said(answer), "seed {seed}, step {step}: {to}");
            let mut asked = asked;
            if answer == Answer::ProofRequired {
                means = Means::Proof;
                answer = judged(means, &accounts);
                let proof = solve(&asked.json()["challenge"]);
                asked = app.post(CODE, json!({ "phone": to, "proof": proof })).await;
                assert_eq!(told(&asked), said(answer), "seed {seed}, step {step}: {to} with a proof");
            }
            match answer {
                Answer::Open => {
                    for place in places.iter().filter(|place| means.widths().contains(&place.width)) {
                        let account = credit.taken(place.width, on(&accounts, place), means);
                        accounts.insert(place.clone(), account);
                    }
                    open.push((to.clone(), means, asked.ok(202)["code"].as_str().unwrap().to_owned()));
                }
                Answer::Paused { is_spent: true } => {
                    let closed = credit.closed(&places[0], on(&accounts, &places[0]));
                    accounts.insert(places[0].clone(), closed);
                }
                Answer::Paused { .. } | Answer::ProofRequired => {}
            }
            if rng.random_ratio(1, 2)
                && let Some((to, means, code)) = open.pop()
                && app.exchange(&to, &code).await.status == 200
                && credited.insert((to.clone(), day))
            {
                let number = Phone::parse(&to, "RU".parse().unwrap()).unwrap();
                for place in credit.places(&number) {
                    let account = credit.entered(place.width, on(&accounts, &place), means);
                    accounts.insert(place, account);
                }
            }
        }
        let blocks = accounts.keys().filter(|place| place.width == Width::Block).count();
        assert!(blocks >= 3, "{blocks}");
    }
}
