//! What an endpoint costs among 1,000,000 users, beside what it costs among
//! 1,000: `cargo bench --bench scale`. Another number of users is an argument,
//! after `--`; a tenth of them entered one user's invite code.
//!
//! Two whole APIs, each on an embedded engine in a file. Both are taken through
//! the same story, in turn. Waves, requests and items must be the same, or
//! this fails; bytes and times are printed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]
#![allow(dead_code, reason = "the harness of the tests, of which this uses a part")]

#[path = "../local/tests/it/app.rs"]
mod app;
#[path = "../local/tests/it/faults.rs"]
mod faults;

/// Tests hold every answer to its description, and every request to its function's policy; here
/// that would be timed too.
mod openapi {
    pub(crate) fn check(_: &http::Method, _: &str, _: u16, _: &http::HeaderMap, _: &[u8]) {}
}

mod policies {
    pub(crate) const fn forbidden(_: &crate::faults::Asked) -> Option<String> {
        None
    }
}

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use dynoxide::types::Item as DynamoItem;
use dynoxide::{Database, ImportOptions};
use http::Method;
use latchkey::cloud::transaction::{Committed, Tables, Transaction};
use latchkey::domain::invite::Entry;
use latchkey::domain::invite_code::InviteCode;
use latchkey::domain::phone::Phone;
use latchkey::domain::user::{REFERRAL_SHARDS, User, UserId};
use latchkey::tables::invites::Invites;
use latchkey::tables::referrals::Referrals;
use latchkey::tables::users::Users;
use latchkey_local::engine::Engine;
use serde_json::{Value, json};

use crate::app::{Answer, App, Person, phone};

/// How often each endpoint is timed on each side.
const ROUNDS: u32 = 300;

/// The simulated latency that counts waves.
const LATENCY: Duration = Duration::from_millis(100);

const DAY_MILLIS: i64 = 86_400_000;

const ADMIN: &str = "+79990000000";
const INVITER: &str = "+79990000001";
const AVATAR: &[u8] = include_bytes!("../local/tests/it/one-pixel.png");

/// The limits of an hour and a day would end the benchmark; production's
/// counters stay on, far away, since they are part of the cost.
const PARAMETERS: [(&str, &str); 10] = [
    ("ADMIN_PHONES", ADMIN),
    ("REVEAL_CODE", "true"),
    ("RESEND_COOLDOWN", "0"),
    ("CODES_PER_PHONE_HOUR", "0"),
    ("CODES_PER_PHONE_DAY", "0"),
    ("CODES_PER_IP_HOUR", "1000000"),
    ("GUESSES_PER_IP_HOUR", "1000000"),
    ("TEXTS_PER_DAY", "1000000"),
    ("GUARD_STOCKS", "10000"),
    ("ACCESS_TTL", "86400"),
];

/// One deployment with many users or few.
struct Side {
    app: App,
    users: u32,
    referrals: u32,
    admin: Person,
    inviter: Person,
    /// Whether requests are counted, under simulated latency, or timed.
    counts: bool,
    measured: BTreeMap<&'static str, Measured>,
}

/// What an endpoint cost, each time it was asked.
#[derive(Default)]
struct Measured {
    /// Waves, and what was asked and came back: operation, items.
    shape: Option<(u128, Vec<(String, usize)>)>,
    /// Bytes that came back from the tables.
    bytes: usize,
    times: Vec<Duration>,
}

impl Side {
    async fn new(folder: &std::path::Path, users: u32) -> Self {
        let referrals = users / 10;
        let engine = Engine::in_file(&folder.join(format!("{users}.db"))).unwrap();
        engine.database().enable_bulk_loading().unwrap();
        let app = App::build(&PARAMETERS, Some(engine.clone())).await;
        app.sign_in(ADMIN).await;
        let inviter = app.sign_in(INVITER).await;
        let entry = Entry {
            code: InviteCode::parse(&inviter.invite_code).unwrap(),
            referrer: UserId(inviter.id),
            is_counted: false,
            shards: REFERRAL_SHARDS,
        };
        fill(&app, &engine, users, referrals, &entry).await;
        engine.database().disable_bulk_loading().unwrap();
        Referrals::new(&app.setup("bench")).spread(&entry).await.unwrap();
        // Both sides go on at midnight, so that counters of hours and days begin alike.
        app.clock.advance_millis(DAY_MILLIS - app.world.now().millis() % DAY_MILLIS);
        let (admin, inviter) = (app.sign_in(ADMIN).await, app.sign_in(INVITER).await);
        Self { app, users, referrals, admin, inviter, counts: false, measured: BTreeMap::new() }
    }

    /// One request, as part of what is measured under `name`.
    async fn ask(&mut self, name: &'static str, request: impl AsyncFnOnce(&App) -> Answer) -> Answer {
        self.app.faults.asked();
        let (real, simulated) = (Instant::now(), tokio::time::Instant::now());
        let answer = request(&self.app).await;
        let (real, simulated) = (real.elapsed(), simulated.elapsed());
        assert!(answer.status < 300, "{name}: {}", String::from_utf8_lossy(&answer.body));

        let asked = self.app.faults.asked();
        let measured = self.measured.entry(name).or_default();
        if self.counts {
            let waves = simulated.as_millis() / LATENCY.as_millis();
            let mut requests: Vec<_> =
                asked.iter().map(|asked| (asked.operation.clone(), asked.items)).collect();
            requests.sort();
            measured.shape = Some((waves, requests));
            measured.bytes = asked.iter().map(|asked| asked.bytes).sum();
        } else {
            measured.times.push(real);
        }
        answer
    }

    /// Every endpoint once, by and about the `n`-th of the users whom nobody
    /// invited, spread over all of them.
    async fn story(&mut self, n: u32) {
        let stranger = self.referrals + n * ((self.users - self.referrals) / (ROUNDS + 10));
        let (number, other, fresh) = (phone(stranger), phone(20_000_000 + n), phone(30_000_000 + n));
        let (admin, inviter) = (self.admin.clone(), self.inviter.clone());
        let body = |value: Value| value.to_string().into_bytes();

        let code = self.ask("request-code", async |app| app.request_code(&number).await).await.ok(202);
        let code = code["code"].as_str().unwrap().to_owned();
        let name = "exchange-code, a known user";
        let signed_in = self.ask(name, async |app| app.exchange(&number, &code).await).await.ok(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (token, refresh) = (text(&signed_in["access_token"]), text(&signed_in["refresh_token"]));
        let (id, invite_code) = (text(&signed_in["user"]["id"]), text(&signed_in["user"]["invite_code"]));

        self.ask("get-user", async |app| app.get("/v1/users/me", &token).await).await;
        self.ask("get-user, of many referrals", async |app| app.get("/v1/users/me", &inviter.token).await)
            .await;
        let name = "get-user, by an admin";
        self.ask(name, async |app| app.get(&format!("/v1/users/{id}"), &admin.token).await).await;
        let change = async |app: &App| {
            app.raw(Method::PATCH, "/v1/users/me", Some(&token), body(json!({ "city": "Omsk" }))).await
        };
        self.ask("update-user", change).await;
        let put = async |app: &App| {
            app.raw(Method::PUT, "/v1/users/me/avatar", Some(&token), AVATAR.to_vec()).await
        };
        let avatar = self.ask("upload-avatar", put).await.ok(200);
        let avatar = text(&avatar["avatar_url"]).replace("https://api.example.com", "");
        self.ask("get-avatar", async |app| app.raw(Method::GET, &avatar, None, vec![]).await).await;
        let name = "activate-invite";
        self.ask(name, async |app| app.activate(&token, &inviter.invite_code).await).await;
        let path = "/v1/users/me/referrals";
        self.ask("list-referrals", async |app| app.get(path, &inviter.token).await).await;
        let path = "/v1/users/me/export";
        self.ask("export-user", async |app| app.get(path, &inviter.token).await).await;
        self.ask("list-referrals, of nobody", async |app| app.get(path, &token).await).await;

        for (name, path) in [
            ("list-users", "/v1/users".to_owned()),
            ("list-users?phone=", format!("/v1/users?phone={number}")),
            ("list-users?invite_code=", format!("/v1/users?invite_code={invite_code}")),
            ("list-users?role=", "/v1/users?role=admin".to_owned()),
            ("stats", "/v1/stats?days=1".to_owned()),
            ("audit", "/v1/audit".to_owned()),
            ("audit?target=", format!("/v1/audit?target={id}")),
        ] {
            self.ask(name, async |app| app.get(&path, &admin.token).await).await;
        }
        let invite = async |app: &App| {
            let of = format!("/v1/users/{id}/invite");
            app.raw(Method::PATCH, &of, Some(&admin.token), body(json!({ "max_uses": 100 }))).await
        };
        self.ask("manage-invite", invite).await;

        let refreshed = self.ask("refresh-token", async |app| app.refresh(&refresh).await).await.ok(200);
        let token = text(&refreshed["access_token"]);
        let sessions = async |app: &App| app.get("/v1/users/me/sessions", &token).await;
        self.ask("list-sessions", sessions).await;
        let ask = body(json!({ "phone": other, "purpose": "change_phone" }));
        let ask = async |app: &App| app.raw(Method::POST, "/v1/auth/code", Some(&token), ask).await;
        let code = self.ask("request-code, another phone", ask).await.ok(202);
        let code = json!({ "phone": other, "code": code["code"] });
        let put =
            async |app: &App| app.raw(Method::PUT, "/v1/users/me/phone", Some(&token), body(code)).await;
        self.ask("change-phone", put).await;

        let second = self.app.sign_in(&other).await;
        let listed = self.app.get("/v1/users/me/sessions", &token).await.ok(200);
        let listed = listed["items"].as_array().unwrap();
        let second = listed.iter().find(|session| session["current"] == false).unwrap_or_else(|| {
            panic!("{} is signed in twice: {listed:?}", second.id);
        });
        let path = format!("/v1/users/me/sessions/{}", text(&second["id"]));
        let revoke = async |app: &App| app.raw(Method::DELETE, &path, Some(&token), vec![]).await;
        self.ask("revoke-session", revoke).await;
        self.ask("sign-out", async |app| app.sign_out(&token, "local").await).await;

        let code = self.app.code_for(&fresh).await;
        let name = "exchange-code, a new user";
        let made = self.ask(name, async |app| app.exchange(&fresh, &code).await).await.ok(200);
        let made = text(&made["access_token"]);
        self.app.activate(&made, &inviter.invite_code).await.ok(200);
        let delete = async |app: &App| app.raw(Method::DELETE, "/v1/users/me", Some(&made), vec![]).await;
        self.ask("delete-user", delete).await;

        for (name, path) in [("keys", "/.well-known/jwks.json"), ("site", "/i/K5J3RW")] {
            self.ask(name, async |app| app.raw(Method::GET, path, None, vec![]).await).await;
        }
    }
}

/// `users` users, one every 30 seconds, as signing in leaves them; the first
/// `referrals` of them as having made this `entry`. The tables write
/// them as ever, and [`Loader`] takes what they write into `engine` in bulk.
async fn fill(app: &App, engine: &Engine, users: u32, referrals: u32, entry: &Entry) {
    let loader = Loader::new(engine);
    let setup = app.setup("bench").tables_through(SharedHttpClient::new(loader.clone()));
    let (table, tables) = (Users::new(&setup), Tables::new(&setup));
    let (codes, all) = (Invites::new(&setup), Referrals::new(&setup));
    let region = "RU".parse().unwrap();
    for start in (0..users).step_by(25) {
        let mut writes = Transaction::new(app.world.new_id());
        for n in start..(start + 25).min(users) {
            app.clock.advance(30);
            let number = Phone::parse(&phone(n), region).unwrap();
            let mut user = User::new(UserId(app.world.new_id()), number, nth_code(n), app.world.now());
            if n < referrals {
                user.referrer_id = Some(entry.referrer.clone());
                user.activated_invite_code = Some(nth_code(users));
                writes = writes
                    .with((), all.link(&user, &entry.referrer, app.world.now()))
                    .with((), all.count_one(entry));
            }
            writes = writes.with_all((), table.insert(&user)).with((), codes.claim(&user));
        }
        assert!(matches!(writes.commit(&tables, &app.world).await.unwrap(), Committed::Done));
        if start % 100_000 == 0 {
            println!("{start} of {users} users");
        }
    }
    loader.finish();
}

/// Answers transactions of new items and of counters, and imports them: one at
/// a time they would take an hour.
#[derive(Clone)]
struct Loader {
    database: Database,
    state: Arc<Mutex<Loaded>>,
}

#[derive(Default)]
struct Loaded {
    items: Vec<DynamoItem>,
    /// What counters come to, by key.
    sums: HashMap<String, i64>,
    table: String,
}

impl Loader {
    fn new(engine: &Engine) -> Self {
        Self { database: engine.database().clone(), state: Arc::default() }
    }

    fn load(&self, transaction: &Value) {
        let mut state = self.state.lock().unwrap();
        for write in transaction["TransactItems"].as_array().unwrap() {
            if let Some(item) = write["Put"].get("Item") {
                write["Put"]["TableName"].as_str().unwrap().clone_into(&mut state.table);
                state.items.push(serde_json::from_value(item.clone()).unwrap());
            } else {
                let update = &write["Update"];
                assert_eq!(update["UpdateExpression"], "ADD #n :add_n");
                let change = update["ExpressionAttributeValues"][":add_n"]["N"].as_str().unwrap();
                let key = update["Key"]["pk"]["S"].as_str().unwrap().to_owned();
                *state.sums.entry(key).or_default() += change.parse::<i64>().unwrap();
            }
        }
        if state.items.len() >= 50_000 {
            self.import(&mut state);
        }
    }

    fn import(&self, state: &mut Loaded) {
        let items = std::mem::take(&mut state.items);
        self.database.import_items(&state.table, items, ImportOptions::default()).unwrap();
    }

    fn finish(&self) {
        let mut state = self.state.lock().unwrap();
        let counters = std::mem::take(&mut state.sums).into_iter().map(|(key, n)| {
            serde_json::from_value(json!({ "pk": { "S": key }, "n": { "N": n.to_string() } })).unwrap()
        });
        state.items.extend(counters);
        self.import(&mut state);
    }
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loader")
    }
}

impl HttpClient for Loader {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Loader {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.load(&serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from("{}"))))
    }
}

/// Codes that do not meet one another: a draw of a million would.
fn nth_code(n: u32) -> InviteCode {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    // An odd factor permutes the numbers of 30 bits.
    let scattered = n.wrapping_mul(0x9E37_79B1);
    let code: String = (0..6).map(|at| char::from(ALPHABET[(scattered >> (5 * at)) as usize & 31])).collect();
    InviteCode::parse(&code).unwrap()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("scale");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let users = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let mut few = Side::new(&folder, 1_000).await;
    let mut many = Side::new(&folder, users).await;

    // What is timed, in turn.
    for n in 1..=ROUNDS {
        let sides = if n % 2 == 0 { [&mut few, &mut many] } else { [&mut many, &mut few] };
        for side in sides {
            side.story(n).await;
        }
    }

    // What is counted, under simulated latency. Last, so that each shard of every
    // counter is there.
    tokio::time::pause();
    for side in [&mut few, &mut many] {
        side.counts = true;
        side.app.faults.latency(LATENCY);
        side.story(0).await;
    }

    println!(
        "| | waves | requests | items | bytes, among 1,000 | among {users} | p50, among 1,000 | among {users} | ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, few) in &mut few.measured {
        let many = many.measured.get_mut(name).unwrap();
        assert_eq!(few.shape, many.shape, "{name}");
        let (waves, requests) = few.shape.as_ref().unwrap();
        let items: usize = requests.iter().map(|(_, items)| items).sum();
        let (one, other) = (median(&mut few.times), median(&mut many.times));
        println!(
            "| {name} | {waves} | {} | {items} | {} | {} | {} µs | {} µs | {:.2} |",
            requests.len(),
            few.bytes,
            many.bytes,
            one.as_micros(),
            other.as_micros(),
            other.as_secs_f64() / one.as_secs_f64(),
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
