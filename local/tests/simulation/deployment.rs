//! The functions, in several instances over one engine, and the way to them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use http_body_util::BodyExt;
use latchkey::base::config::Vars;
use latchkey::base::world::World;
use latchkey::cloud::setup::Setup;
use latchkey_local::functions::Functions;
use latchkey_local::gateway::Kind;
use latchkey_local::{gateway, tables};
use serde_json::Value;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::call::{Answer, Call};
use crate::model;
use crate::seam::Beneath;
use crate::weather::Trouble;
use crate::world::{self, ChanceOfRequests, REQUEST, Scope};

/// Both secrets, step by step as docs/rotating-secrets.md has it, but for the last:
/// what the old entry made is still out when a run ends.
const ENTRIES: [&str; 3] = [
    "the-first-entry-of-a-run",
    "the-first-entry-of-a-run,the-second-entry-of-a-run",
    "the-second-entry-of-a-run,the-first-entry-of-a-run",
];

/// All entries that an instance may ever know.
pub(crate) const ALL_ENTRIES: &str = ENTRIES[1];

/// How long a client waits for an answer that is lost.
const CLIENT_WAITS: Duration = Duration::from_secs(10);

/// Tells the clients of one run from those of another: the SDK keeps what it may
/// spend on retries by region, for as long as the process lives.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// The API as it is deployed.
pub(crate) struct Deployment {
    pub(crate) beneath: Arc<Beneath>,
    vars: Mutex<Vars>,
    stage: AtomicU64,
    instances: Mutex<Vec<Instance>>,
    requests: AtomicU64,
}

/// One instance of every function.
struct Instance {
    router: Router,
    running: Vec<AbortHandle>,
}

impl Deployment {
    /// Creates the tables and starts the instances.
    pub(crate) async fn start(beneath: Arc<Beneath>, vars: &[(&str, &str)], instances: u8) -> Arc<Self> {
        let mut all = Vars::from_iter([
            ("PUBLIC_URL", "https://api.example.com"),
            ("SMS_PROVIDER", "sns"),
            ("AWS_REGION", &*format!("sim-{}", RUNS.fetch_add(1, Ordering::SeqCst))),
        ]);
        for (name, value) in vars {
            all = all.with(*name, *value);
        }
        let deployment = Arc::new(Self {
            beneath,
            vars: Mutex::new(all),
            stage: AtomicU64::new(0),
            instances: Mutex::default(),
            requests: AtomicU64::new(1),
        });
        let starting = Arc::new(AtomicBool::new(true));
        let world = World::new(deployment.beneath.clock, world::rng(&[deployment.beneath.seed, 3]));
        let setup = deployment.setup(&starting, &world);
        tables::create(&setup.dynamodb(), &setup.vars).await.unwrap();
        for index in 0..instances {
            let router = deployment.build(u64::from(index)).await;
            deployment.instances.lock().unwrap().push(Instance { router, running: Vec::new() });
        }
        deployment
    }

    fn setup(&self, starting: &Arc<AtomicBool>, world: &Arc<World>) -> Setup {
        let vars = self.vars.lock().unwrap().clone();
        let entries = ENTRIES[usize::try_from(self.stage.load(Ordering::SeqCst)).unwrap_or(0)];
        let vars = vars.with("SIGNING_SECRET", entries).with("PEPPER_SECRET", entries);
        Setup::new(vars, Arc::clone(world)).through(self.beneath.http_client(starting))
    }

    async fn build(&self, salt: u64) -> Router {
        let starting = Arc::new(AtomicBool::new(true));
        let chance = world::rng(&[self.beneath.seed, 4, salt, self.beneath.clock.elapsed()]);
        let world = World::new(self.beneath.clock, ChanceOfRequests::new(chance));
        let functions = Functions::build(|_| self.setup(&starting, &world)).await.unwrap();
        starting.store(false, Ordering::SeqCst);
        gateway::router(&functions, &world, Kind::Http).unwrap()
    }

    /// An instance dies with all that it was doing, and another starts.
    pub(crate) async fn crash(&self, which: u8) {
        let index = {
            let mut instances = self.instances.lock().unwrap();
            let index = usize::from(which) % instances.len();
            for running in std::mem::take(&mut instances[index].running) {
                running.abort();
            }
            index
        };
        self.restart(index).await;
    }

    /// The next step of a rotation: each instance starts anew with other secrets, and
    /// what is being answered is finished. Between the first and the others `meanwhile`
    /// happens.
    pub(crate) async fn rotate(&self, meanwhile: impl Future<Output = ()>) {
        let last = ENTRIES.len() as u64 - 1;
        if self.stage.load(Ordering::SeqCst) == last {
            return;
        }
        self.stage.fetch_add(1, Ordering::SeqCst);
        let all = self.instances.lock().unwrap().len();
        self.restart(0).await;
        meanwhile.await;
        for index in 1..all {
            self.restart(index).await;
        }
    }

    async fn restart(&self, index: usize) {
        let router = self.build(100 + index as u64).await;
        self.instances.lock().unwrap()[index].router = router;
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst) - 1
    }

    /// Sends a request, and waits for its answer; `None` where that never comes. All
    /// chance that it meets follows from `nonce`.
    pub(crate) async fn send(self: &Arc<Self>, call: Call, nonce: u64) -> Option<Answer> {
        let mut chance = world::rng(&[nonce, 5]);
        let id = self.requests.fetch_add(1, Ordering::SeqCst);
        let is_lost = self.beneath.weather.meets(Trouble::AnswerLost, &mut chance);
        let task = {
            let mut instances = self.instances.lock().unwrap();
            let index = usize::try_from(nonce >> 7).unwrap_or(0) % instances.len();
            let (router, this, request) = (instances[index].router.clone(), Arc::clone(self), call.request());
            self.beneath.truth().begin(id, call, self.beneath.clock.millis());
            let answering = async move {
                let response = router.oneshot(request).await.unwrap();
                let (parts, body) = response.into_parts();
                let bytes = body.collect().await.unwrap().to_bytes();
                let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
                this.answered(id, &answer);
                answer
            };
            let task = tokio::spawn(REQUEST.scope(Scope::new(id, nonce), answering));
            instances[index].running.retain(|running| !running.is_finished());
            instances[index].running.push(task.abort_handle());
            task
        };
        match task.await {
            Ok(_) if is_lost => {
                sleep(CLIENT_WAITS).await;
                None
            }
            Ok(answer) => Some(answer),
            Err(error) if error.is_panic() => {
                let mut truth = self.beneath.truth();
                let call = truth.ledgers.get(&id).map(|ledger| ledger.call.to_string()).unwrap_or_default();
                truth.violated("panic", format!("{id} {call}"));
                None
            }
            Err(_) => {
                sleep(CLIENT_WAITS).await;
                None
            }
        }
    }

    fn answered(&self, id: u64, answer: &Answer) {
        let (now, elapsed) = (self.beneath.clock.millis(), self.beneath.clock.elapsed());
        let mut truth = self.beneath.truth();
        let traced = world::mix(&[id, elapsed, answer.status.into(), world::digest(answer.code())]);
        truth.note(traced, || format!("    {id} < {answer} at {elapsed}"));
        model::judge(&mut truth, id, answer, now);
    }
}
