//! The whole API in a test: its own store, a frozen clock, a seeded generator.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use latchkey::base::afterwards::Afterwards;
use latchkey::base::config::{self, Parameter, Vars};
use latchkey::base::error::StartError;
use latchkey::base::world::{Clock, Timestamp, World};
use latchkey::cloud::setup::Setup;
use latchkey::domain::pepper::Pepper;
use latchkey::domain::secret::Secret;
use latchkey::settings;
use latchkey::sms::inbox::Inbox;
use latchkey_local::engine::Engine;
use latchkey_local::functions::Functions;
use latchkey_local::gateway::Kind;
use latchkey_local::{gateway, parameters, tables};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::faults::Faults;
use crate::openapi;

/// The clock of a test: it stands still until it is told.
#[derive(Clone)]
pub(crate) struct FrozenClock {
    millis: Arc<AtomicI64>,
    tick: Arc<AtomicI64>,
}

impl Clock for FrozenClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.fetch_add(self.tick.load(Ordering::SeqCst), Ordering::SeqCst))
    }
}

impl FrozenClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.advance_millis(seconds * 1_000);
    }

    pub(crate) fn advance_millis(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// From now on a millisecond passes each time somebody looks.
    pub(crate) fn tick(&self) {
        self.tick.store(1, Ordering::SeqCst);
    }
}

/// Tells the tables of one test from those of another.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// 2026-11-21T01:25:52Z.
const START: i64 = 1_795_224_352_000;

/// The limits of a phone off, for whoever asks for many codes.
pub(crate) const FREE: &[(&str, &str)] =
    &[("RESEND_COOLDOWN", "0"), ("CODES_PER_PHONE_HOUR", "0"), ("CODES_PER_PHONE_DAY", "0")];

/// The phone of the first admin, where there is one.
pub(crate) const ADMIN: &str = "+79990000000";

pub(crate) struct App {
    router: Router,
    pub(crate) clock: FrozenClock,
    pub(crate) faults: Faults,
    pub(crate) world: Arc<World>,
    pub(crate) vars: Vars,
    engine: Option<Engine>,
    inbox: Inbox,
    afterwards: Vec<Arc<Afterwards>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The JSON of an answer that is to have this status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The problem that an answer is to be, checked for what all problems have.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.ok(status);
        assert_eq!(problem["code"], code, "{problem}");
        self.check_problem();
        problem
    }

    #[track_caller]
    pub(crate) fn check_problem(&self) {
        let problem = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], self.status);
        let code = problem["code"].as_str().unwrap();
        assert!(problem["type"].as_str().unwrap().ends_with(&format!("/docs#{code}")), "{problem}");
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        if matches!(self.status, 429 | 503) {
            assert_eq!(self.header("retry-after"), problem["retry_after"].to_string());
            assert!(problem["retry_after"].as_u64().is_some_and(|seconds| seconds > 0), "{problem}");
        }
        assert_eq!(self.status == 401, self.headers.contains_key("www-authenticate"));
    }
}

/// How many answers have this status.
pub(crate) fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) invite_code: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

impl App {
    /// One in memory, with the defaults.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// One in memory.
    pub(crate) async fn with(vars: &[(&str, &str)]) -> Self {
        Self::build(vars, Some(Engine::in_memory().unwrap())).await
    }

    /// One in memory, where whoever has the phone [`ADMIN`] is an admin.
    pub(crate) async fn with_admin(vars: &[(&str, &str)]) -> Self {
        Self::with(&[&[("ADMIN_PHONES", ADMIN)], vars].concat()).await
    }

    /// One on the engine that `LATCHKEY_TEST_DYNAMODB` names, if it names one.
    /// For tests that ask for nothing at the same time.
    pub(crate) async fn sequential(vars: &[(&str, &str)]) -> Self {
        #[expect(clippy::disallowed_methods, reason = "chosen by whoever runs the tests")]
        let Ok(url) = std::env::var("LATCHKEY_TEST_DYNAMODB") else { return Self::with(vars).await };
        let unique = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        let names = ["USERS_TABLE", "CODES_TABLE", "SESSIONS_TABLE", "AUDIT_TABLE"]
            .map(|name| (name, format!("{name}-{unique}")));
        let mut all = vec![("AWS_ENDPOINT_URL_DYNAMODB", url.as_str())];
        all.extend(names.iter().map(|(name, value)| (*name, value.as_str())));
        all.extend(vars);
        Self::build(&all, None).await
    }

    pub(crate) async fn build(vars: &[(&str, &str)], engine: Option<Engine>) -> Self {
        let clock = FrozenClock { millis: Arc::new(AtomicI64::new(START)), tick: Arc::default() };
        let world = World::new(clock.clone(), StdRng::seed_from_u64(42));
        let mut all = Vars::from_iter([
            ("PUBLIC_URL", "https://api.example.com"),
            ("SIGNING_SECRET", "signing-secret-of-the-tests"),
            ("PEPPER_SECRET", "pepper-of-the-tests"),
        ]);
        for (name, value) in vars {
            all = all.with(*name, *value);
        }
        let vars = parameters::with_defaults(all);
        let faults = Faults::default();
        let setup = |function: &str| setup(&vars, &world, &faults, engine.as_ref(), function);
        tables::create(&setup("tables").dynamodb(), &vars).await.unwrap();
        let functions = Functions::build(&setup).await.unwrap();
        let router = gateway::router(&functions, &world, Kind::Http).unwrap();
        let inbox = Inbox::new(&setup("inbox")).unwrap();
        faults.keep_start();
        Self { router, clock, faults, world, vars, engine, inbox, afterwards: Vec::new() }
    }

    /// What a function would be built from; its requests count as `function`'s.
    pub(crate) fn setup(&self, function: &str) -> Setup {
        setup(&self.vars, &self.world, &self.faults, self.engine.as_ref(), function)
    }

    /// The same with other parameters.
    pub(crate) fn setup_with(&self, function: &str, vars: &[(&str, &str)]) -> Setup {
        let vars = vars.iter().fold(self.vars.clone(), |all, (name, value)| all.with(*name, *value));
        setup(&vars, &self.world, &self.faults, self.engine.as_ref(), function)
    }

    /// The functions over the same store with other parameters.
    pub(crate) async fn functions_with(&self, vars: &[(&str, &str)]) -> Result<Functions, StartError> {
        Functions::build(|function| self.setup_with(function, vars)).await
    }

    /// Other instances over the same store, with other parameters.
    pub(crate) async fn again_with(&self, vars: &[(&str, &str)]) -> Self {
        let functions = self.functions_with(vars).await.unwrap();
        Self {
            router: gateway::router(&functions, &self.world, Kind::Http).unwrap(),
            clock: self.clock.clone(),
            faults: self.faults.clone(),
            world: Arc::clone(&self.world),
            vars: self.vars.clone(),
            engine: self.engine.clone(),
            inbox: Inbox::new(&self.setup("inbox")).unwrap(),
            afterwards: Vec::new(),
        }
    }

    /// The same, where what can wait is done after the answer, as in Lambda: by
    /// [`App::finish`].
    pub(crate) async fn answering_first(self) -> Self {
        let afterwards = Mutex::new(Vec::new());
        let setup = |function: &str| {
            let setup = self.setup(function).answering_first();
            afterwards.lock().unwrap().push(Arc::clone(&setup.afterwards));
            setup
        };
        let functions = Functions::build(setup).await.unwrap();
        let router = gateway::router(&functions, &self.world, Kind::Http).unwrap();
        Self { router, afterwards: afterwards.into_inner().unwrap(), ..self }
    }

    /// Does what could wait.
    pub(crate) async fn finish(&self) {
        for afterwards in &self.afterwards {
            afterwards.finish().await;
        }
    }

    /// The same behind an API of this kind.
    pub(crate) async fn behind(self, kind: Kind) -> Self {
        let functions = self.functions_with(&[]).await.unwrap();
        Self { router: gateway::router(&functions, &self.world, kind).unwrap(), ..self }
    }

    /// Whether the store is the embedded engine, behind the faults.
    pub(crate) const fn is_embedded(&self) -> bool {
        self.engine.is_some()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        self.faults.nothing_forbidden();
        openapi::check(&method, &path, parts.status.as_u16(), &parts.headers, &body);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// A request with a body of any bytes, as JSON.
    pub(crate) async fn raw(&self, method: Method, path: &str, token: Option<&str>, body: Vec<u8>) -> Answer {
        self.from("203.0.113.77", method, path, token, &[], body).await
    }

    /// The same from an address, with headers.
    pub(crate) async fn from(
        &self,
        ip: &str,
        method: Method,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "api.example.com");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer = SocketAddr::new(ip.parse().unwrap(), 1234);
        self.send(request.extension(ConnectInfo(peer)).body(Body::from(body)).unwrap()).await
    }

    /// A POST with an `Idempotency-Key`.
    pub(crate) async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> Answer {
        let headers = [("idempotency-key", key)];
        self.from("203.0.113.77", Method::POST, path, None, &headers, body.to_string().into_bytes()).await
    }

    /// A POST from another address.
    pub(crate) async fn post_from(&self, ip: &str, path: &str, body: &Value) -> Answer {
        self.from(ip, Method::POST, path, None, &[], body.to_string().into_bytes()).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/v1/auth/refresh", json!({ "refresh_token": refresh_token })).await
    }

    /// Signs out with an access token; `scope` as in the API.
    pub(crate) async fn sign_out(&self, token: &str, scope: &str) -> Answer {
        self.json(Method::POST, "/v1/auth/logout", token, &json!({ "scope": scope })).await
    }

    /// Sets attributes of an item of the users table, past the API.
    pub(crate) async fn set_user(&self, id: &str, update: &str) {
        let names: HashMap<_, _> = [("#status", "status"), ("#role", "role")]
            .into_iter()
            .filter(|(name, _)| update.contains(name))
            .map(|(name, attribute)| (name.to_owned(), attribute.to_owned()))
            .collect();
        self.setup("tests")
            .dynamodb()
            .update_item()
            .table_name(self.vars.text(config::USERS_TABLE))
            .key("pk", AttributeValue::S(format!("user#{id}")))
            .update_expression(update)
            .set_expression_attribute_names((!names.is_empty()).then_some(names))
            .set_expression_attribute_values(values(update))
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.raw(Method::GET, path, Some(token), Vec::new()).await
    }

    /// Every page of a list, from a path with its query.
    pub(crate) async fn pages(&self, path: &str, token: &str) -> Vec<Vec<Value>> {
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{cursor}"), token).await.ok(200);
            pages.push(page["items"].as_array().unwrap().clone());
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return pages,
            }
        }
    }

    /// A request with a token and JSON.
    pub(crate) async fn json(&self, method: Method, path: &str, token: &str, body: &Value) -> Answer {
        self.raw(method, path, Some(token), body.to_string().into_bytes()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.raw(Method::POST, path, None, body.to_string().into_bytes()).await
    }

    pub(crate) async fn request_code(&self, phone: &str) -> Answer {
        self.post("/v1/auth/code", json!({ "phone": phone })).await
    }

    pub(crate) async fn exchange(&self, phone: &str, code: &str) -> Answer {
        self.post("/v1/auth/token", json!({ "phone": phone, "code": code })).await
    }

    pub(crate) async fn activate(&self, token: &str, invite_code: &str) -> Answer {
        self.json(Method::PUT, "/v1/users/me/referrer", token, &json!({ "invite_code": invite_code })).await
    }

    pub(crate) async fn update_user(&self, token: &str, user: &str, body: &Value) -> Answer {
        self.json(Method::PATCH, &format!("/v1/users/{user}"), token, body).await
    }

    pub(crate) async fn delete_user(&self, token: &str, user: &str) -> Answer {
        self.raw(Method::DELETE, &format!("/v1/users/{user}"), Some(token), vec![]).await
    }

    /// Takes an item of the users table away, past the API.
    pub(crate) async fn lose_user(&self, id: &str) {
        self.setup("tests")
            .dynamodb()
            .delete_item()
            .table_name(self.vars.text(config::USERS_TABLE))
            .key("pk", AttributeValue::S(format!("user#{id}")))
            .send()
            .await
            .unwrap();
    }

    /// A new access token of somebody's session.
    pub(crate) async fn new_token(&self, person: &Person) -> String {
        let answer = self.refresh(&person.refresh).await.ok(200);
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A refresh token is in two hands: what replaced it is in use, and it comes again.
    pub(crate) async fn present_stolen(&self, refresh_token: &str) {
        let new = self.refresh(refresh_token).await.ok(200);
        self.get("/v1/users/me", new["access_token"].as_str().unwrap()).await.ok(200);
        self.clock.advance(30);
        self.refresh(refresh_token).await.problem(401, "invalid_refresh_token");
    }

    /// How many texts there are.
    pub(crate) async fn all_texts(&self) -> usize {
        self.inbox.list().await.unwrap().len()
    }

    /// How many texts there are to a phone.
    pub(crate) async fn texts(&self, phone: &str) -> usize {
        self.messages(phone).await.len()
    }

    async fn messages(&self, phone: &str) -> Vec<String> {
        let phone = settings::numbers(&self.vars).unwrap().read(phone, None).unwrap();
        let messages = self.inbox.list().await.unwrap();
        messages.into_iter().filter(|message| message.to == phone).map(|message| message.body).collect()
    }

    /// The last text to a phone.
    pub(crate) async fn last_text(&self, phone: &str) -> String {
        self.messages(phone).await.pop().expect("a text was sent")
    }

    /// The code in the last text to a phone.
    pub(crate) async fn last_code(&self, phone: &str) -> String {
        self.last_text(phone).await.chars().take_while(char::is_ascii_digit).collect()
    }

    /// A code that was just texted to a phone: from the answer where it is
    /// revealed, which many trials need, else from the inbox.
    pub(crate) async fn code_for(&self, phone: &str) -> String {
        let answer = self.request_code(phone).await.ok(202);
        match answer["code"].as_str() {
            Some(revealed) => revealed.to_owned(),
            None => self.last_code(phone).await,
        }
    }

    /// A code that is not the one that was texted.
    pub(crate) async fn wrong_code(&self, phone: &str) -> String {
        let right: u32 = self.last_code(phone).await.parse().unwrap();
        format!("{:04}", (right + 1) % 10_000)
    }

    pub(crate) async fn sign_in(&self, phone: &str) -> Person {
        let code = self.code_for(phone).await;
        let answer = self.exchange(phone, &code).await.ok(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Person {
            id: text(&answer["user"]["id"]),
            invite_code: text(&answer["user"]["invite_code"]),
            token: text(&answer["access_token"]),
            refresh: text(&answer["refresh_token"]),
        }
    }

    /// Signs in with a test number.
    pub(crate) async fn sign_in_tester(&self, phone: &str, code: &str) {
        self.request_code(phone).await.ok(202);
        self.exchange(phone, code).await.ok(200);
    }

    /// Signs in again, after the cooldown.
    pub(crate) async fn sign_in_later(&self, phone: &str) -> Person {
        self.clock.advance(60);
        self.sign_in(phone).await
    }

    /// Every item of all tables but the inbox's, as text.
    pub(crate) async fn everything(&self) -> String {
        let mut all = String::new();
        for table in [config::USERS_TABLE, config::CODES_TABLE, config::SESSIONS_TABLE, config::AUDIT_TABLE] {
            all += &self.items(table).await;
        }
        all
    }

    /// Every item of a table but the inbox's, as text.
    pub(crate) async fn items(&self, table: &Parameter) -> String {
        self.all_items(table).await.iter().map(Value::to_string).collect()
    }

    /// Every item of a table but the inbox's, as DynamoDB's JSON has them.
    pub(crate) async fn all_items(&self, table: &Parameter) -> Vec<Value> {
        self.faults.asked();
        self.setup("tests").dynamodb().scan().table_name(self.vars.text(table)).send().await.unwrap();
        let is_text = |item: &Value| item["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("inbox#"));
        let asked = self.faults.asked();
        let items = asked.iter().flat_map(|asked| asked.output["Items"].as_array().unwrap());
        items.filter(|item| !is_text(item)).cloned().collect()
    }

    /// What stands for a phone in the keys of the codes table: under `kind`.
    pub(crate) fn key_of(&self, kind: &str, phone: &str) -> String {
        let secret = Secret::parse(self.vars.text(config::PEPPER_SECRET)).unwrap();
        Pepper::new(&secret).first().key(kind, phone)
    }

    /// The caller's own profile.
    pub(crate) async fn me(&self, person: &Person) -> Value {
        self.get("/v1/users/me", &person.token).await.ok(200)
    }
}

/// The values that updates of tests name.
fn values(update: &str) -> Option<HashMap<String, AttributeValue>> {
    let text = |name: &str| AttributeValue::S(name.to_owned());
    let all = [
        (":banned", text("banned")),
        (":admin", text("admin")),
        (":moderator", text("moderator")),
        (":one", AttributeValue::N("1".to_owned())),
    ];
    let used: HashMap<_, _> = all
        .into_iter()
        .filter(|(name, _)| update.contains(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    (!used.is_empty()).then_some(used)
}

/// What `function` is built from: over `engine` and past the faults, else over the network;
/// however long that takes, as an emulator is slow where the machine is busy.
fn setup(vars: &Vars, world: &Arc<World>, faults: &Faults, engine: Option<&Engine>, function: &str) -> Setup {
    let setup = Setup::new(vars.clone(), Arc::clone(world));
    let http = engine.map_or_else(|| setup.http_client(), |engine| faults.http_client(function, engine));
    setup.through(http.clone()).tables_through(http)
}

/// The phone of the `n`-th person: `+79000000001` and so on.
pub(crate) fn phone(n: u32) -> String {
    format!("+790{n:08}")
}
