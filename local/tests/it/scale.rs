//! What an endpoint costs does not grow with what it lists.

use std::time::Instant;

use http::Method;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::invite_code::InviteCode;
use latchkey::domain::phone::Phone;
use latchkey::domain::user::{User, UserId};
use latchkey::tables::referrals::Referrals;
use serde_json::json;

use crate::app::{Answer, App, Person, phone};
use crate::passkeys;

const DEPLOY: &str = include_str!("../../../docs/deploy.md");
const HOUR: i64 = 3_600;

/// What one answer cost: items and bytes read, for each request in order.
#[derive(Debug, PartialEq)]
struct Cost {
    requests: Vec<(String, usize, usize)>,
    answered: usize,
}

async fn cost(app: &App, path: &str, person: &Person) -> Cost {
    app.faults.asked();
    let answer = app.get(path, &person.token).await;
    let items = answer.ok(200)["items"].as_array().map_or(10, Vec::len);
    assert_eq!(items, 10);
    let mut requests: Vec<_> =
        app.faults.asked().into_iter().map(|asked| (asked.operation, asked.items, asked.bytes)).collect();
    requests.sort();
    Cost { requests, answered: answer.body.len() }
}

/// `count` referrals of `person`, as activating leaves them.
async fn invite(app: &App, person: &Person, from: u32, count: u32) {
    let (setup, referrer) = (app.setup("test"), UserId(person.id.clone()));
    let (referrals, tables) = (Referrals::new(&setup), Tables::new(&setup));
    for start in (from..from + count).step_by(40) {
        let mut links = Transaction::new(app.world.new_id());
        for n in start..(start + 40).min(from + count) {
            app.clock.advance_millis(1);
            let number = Phone::parse(&phone(n), "RU".parse().unwrap()).unwrap();
            let code = InviteCode::draw(&mut *app.world.rng());
            let friend = User::new(UserId(app.world.new_id()), number, code, app.world.now());
            links = links.with((), referrals.link(&friend, &referrer, app.world.now()));
        }
        assert!(matches!(links.commit(&tables, &app.world).await.unwrap(), Committed::Done));
    }
}

#[tokio::test]
async fn the_first_page_of_10_000_referrals_costs_what_that_of_10_does() {
    let app = App::with(&[("ACCESS_TTL", "86400")]).await;
    let (few, many) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    // One more than a page: each page ends in a cursor.
    invite(&app, &few, 1_000, 11).await;
    invite(&app, &many, 10_000, 10_000).await;

    let path = "/v1/users/me/referrals?limit=10";
    let (of_few, of_many) = (cost(&app, path, &few).await, cost(&app, path, &many).await);
    assert_eq!(of_few, of_many);

    // Time is reported, never asserted.
    for person in [&few, &many] {
        let start = Instant::now();
        for _ in 0..100 {
            app.get(path, &person.token).await;
        }
        println!("a page of referrals, mean of 100: {:?}", start.elapsed() / 100);
    }
}

/// What a request is charged, in units of DynamoDB.
#[derive(Clone, Copy, Debug, Default)]
struct Charge {
    writes: f64,
    writes_of_codes: f64,
    reads: f64,
}

/// The text itself is the inbox's, and left out.
async fn charge(app: &App, request: impl Future<Output = Answer>) -> (Charge, Answer) {
    app.faults.asked();
    let answer = request.await;
    assert!(answer.status < 300, "{}", String::from_utf8_lossy(&answer.body));
    let mut charge = Charge::default();
    for asked in app.faults.asked().iter().filter(|asked| !asked.is_text()) {
        for (table, units) in &asked.units {
            if matches!(asked.operation.as_str(), "BatchGetItem" | "Query") {
                charge.reads += units;
                continue;
            }
            charge.writes += units;
            if table == "CodesTable" {
                charge.writes_of_codes += units;
            }
        }
    }
    (charge, answer)
}

/// The engine charges as DynamoDB does: by size, double in transactions, once
/// more for each index, and for items that are not there.
#[tokio::test]
async fn requests_are_charged_what_the_guide_says() {
    // The limits that a deployment has and a laptop has not.
    let app = App::with(&[
        ("CODES_PER_IP_HOUR", "60"),
        ("GUESSES_PER_IP_HOUR", "60"),
        ("TEXTS_PER_DAY", "10000"),
        ("GUARD_STOCKS", "1000"),
    ])
    .await;
    let alice = app.sign_in(&phone(2)).await;
    app.faults.meter();
    let check = |name: &str, charge: Charge| {
        let Charge { writes, writes_of_codes, reads } = charge;
        let row = format!("| {name} | {writes} | {writes_of_codes} | {reads} |");
        assert!(DEPLOY.contains(&row), "{row}");
    };

    let (asking, _) = charge(&app, app.request_code(&phone(1))).await;
    check("asking for a code", asking);
    let code = app.last_code(&phone(1)).await;
    let (entering, _) = charge(&app, app.exchange(&phone(1), &code)).await;
    check("entering it, a new user", entering);
    // Until the phone's item holds all the times that it ever does.
    for _ in 0..8 {
        app.clock.advance(HOUR);
        app.request_code(&phone(1)).await.ok(202);
        app.exchange(&phone(1), &app.last_code(&phone(1)).await).await.ok(200);
    }
    app.clock.advance(24 * HOUR);
    let body = json!({ "phone": phone(1) });
    let (asking, _) = charge(&app, app.post_with_key("/v1/auth/code", "a", &body)).await;
    check("asking for a code, with an `Idempotency-Key`", asking);
    let body = json!({ "phone": phone(1), "code": app.last_code(&phone(1)).await });
    let (entering, answer) = charge(&app, app.post_with_key("/v1/auth/token", "a", &body)).await;
    check("entering it, a known user, with an `Idempotency-Key`", entering);

    // From a device that signed in before, no place and no address is asked.
    let device = &answer.ok(200)["device_token"];
    app.clock.advance(HOUR);
    let body = json!({ "phone": phone(1), "device_token": device });
    let (asking, _) = charge(&app, app.post_with_key("/v1/auth/code", "c", &body)).await;
    check("asking for a code, a known device, with an `Idempotency-Key`", asking);
    let body = json!({ "phone": phone(1), "code": app.last_code(&phone(1)).await, "device_token": device });
    let (entering, _) = charge(&app, app.post_with_key("/v1/auth/token", "c", &body)).await;
    check("entering it, a known user and device, with an `Idempotency-Key`", entering);
    for (what, units) in [("write", asking.writes + entering.writes), ("read", asking.reads + entering.reads)]
    {
        let row = format!("| DynamoDB, {what} units | {units} |");
        assert!(DEPLOY.contains(&row), "{row}");
    }

    app.clock.advance(24 * HOUR);
    let (asking, _) = charge(&app, app.request_code(&phone(1))).await;
    check("asking for a code", asking);
    let code = app.last_code(&phone(1)).await;
    let (entering, answer) = charge(&app, app.exchange(&phone(1), &code)).await;
    check("entering it, a known user", entering);
    let tokens = answer.json();
    let (refreshing, new) = charge(&app, app.refresh(tokens["refresh_token"].as_str().unwrap())).await;
    let new = new.json();
    check("refreshing", refreshing);
    let token = tokens["access_token"].as_str().unwrap();
    let (activating, _) = charge(&app, app.activate(token, &alice.invite_code)).await;
    check("entering an invite code", activating);
    // Each instance reads the public keys every five minutes.
    app.get("/v1/users/me", token).await.ok(200);
    let (profile, _) = charge(&app, app.get("/v1/users/me", token)).await;
    check("a profile", profile);
    let (used, _) = charge(&app, app.get("/v1/users/me", new["access_token"].as_str().unwrap())).await;
    check("a profile, the first request with the tokens of a refresh", used);

    let body = json!({ "phone": phone(3) });
    app.post_with_key("/v1/auth/code", "b", &body).await.ok(202);
    let body = json!({ "phone": phone(3), "code": app.last_code(&phone(3)).await });
    let (entering, _) = charge(&app, app.post_with_key("/v1/auth/token", "b", &body)).await;
    check("entering it, a new user, with an `Idempotency-Key`", entering);

    let carol = app.sign_in(&phone(4)).await;
    let (credential, _) = passkeys::add(&app, &carol).await;
    let (asking, answer) =
        charge(&app, app.raw(Method::POST, "/v1/auth/passkey/options", None, vec![])).await;
    check("asking to sign in with a passkey", asking);
    let mut body = passkeys::sign_in_body(&passkeys::options(&answer), &credential);
    let (entering, answer) = charge(&app, app.post("/v1/auth/passkey", body)).await;
    check("signing in with it, on a new device", entering);
    body = passkeys::sign_in_body(&passkeys::sign_in_options(&app).await, &credential);
    body["device_token"] = answer.ok(200)["device_token"].clone();
    let (entering, _) = charge(&app, app.post_with_key("/v1/auth/passkey", "d", &body)).await;
    check("signing in with it, a known device, with an `Idempotency-Key`", entering);
}

/// Each line of the bill is what it is made of, and their sum stands below.
#[test]
fn the_bill_of_the_guide_adds_up() {
    let bill = DEPLOY.split("| a million sign-ins").nth(1).unwrap();
    let (mut sum, mut lines) = (0.0, 0);
    for line in bill.lines().skip(2) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let cell = |at: usize| cells[at].parse::<f64>();
        // Half a cent is rounded up, as a bill does.
        let cents = |usd: f64| format!("{:.2}", usd + 1e-9);
        if let (Ok(units), Ok(price), Ok(usd)) = (cell(2), cell(3), cell(4)) {
            assert_eq!(cents(units * price), cents(usd), "{line}");
            sum += usd;
            lines += 1;
        } else {
            assert_eq!(cells[1], "together, without texts");
            assert_eq!(cents(sum), cents(cell(4).unwrap()), "{line}");
            break;
        }
    }
    assert_eq!(lines, 6);
}
