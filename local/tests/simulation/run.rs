//! A run: a story from its first step to its last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use latchkey_local::engine::Engine;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::deployment::{ALL_ENTRIES, Deployment};
use crate::seam::Beneath;
use crate::stories::{Action, Story};
use crate::town::{ADMIN_PHONE, TEST_PHONE, Town};
use crate::truth::{Rules, Truth, Violation};
use crate::world::{self, VirtualClock};

/// How long a run waits, at its end, for what is still under way.
const REST: Duration = Duration::from_mins(10);

/// How a run ended.
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    /// What two runs of one story have alike.
    pub(crate) trace: u64,
    pub(crate) steps: usize,
    pub(crate) requests: u64,
    pub(crate) writes: u64,
    /// How often each answer was given.
    pub(crate) answers: BTreeMap<String, u32>,
    pub(crate) diary: String,
}

/// Plays a story.
pub(crate) fn run(story: &Story, keeps_diary: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs nothing");
    runtime.block_on(play(story, keeps_diary))
}

async fn play(story: &Story, keeps_diary: bool) -> Outcome {
    fastrand::seed(story.seed);
    let clock = VirtualClock::begin();
    let mut truth = Truth::new(rules(story), ALL_ENTRIES, keeps_diary);
    truth.except.clone_from(&story.except);
    let engine = Engine::in_memory().expect("an engine in memory");
    let beneath = Beneath::new(engine, clock, story.weather.clone(), story.seed, truth);
    let mut vars = vec![
        ("ADMIN_PHONES", ADMIN_PHONE.to_owned()),
        ("TEST_PHONES", format!("{}={}@2030-12-31", TEST_PHONE.0, TEST_PHONE.1)),
    ];
    vars.extend(story.vars.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let vars: Vec<_> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let deployment = Deployment::start(Arc::clone(&beneath), &vars, story.instances).await;
    let town = Arc::new(Town::new(Arc::clone(&deployment), story.people));

    let mut steps = 0;
    let mut doing = JoinSet::new();
    for step in &story.steps {
        sleep(Duration::from_millis(step.at.saturating_sub(clock.elapsed()))).await;
        if beneath.truth().found.is_some() {
            break;
        }
        steps += 1;
        beneath.sweep();
        beneath
            .truth()
            .note(world::mix(&[step.nonce]), || format!("  {} #{} {:?}", step.at, step.who, step.action));
        while doing.try_join_next().is_some() {}
        if matches!(step.action, Action::Crash { .. } | Action::Rotate { .. }) {
            town.act(*step).await;
        } else {
            let (town, step) = (Arc::clone(&town), *step);
            doing.spawn(async move { town.act(step).await });
        }
    }
    let rest = async { while doing.join_next().await.is_some() {} };
    // What a dead instance was asked is not answered.
    let _ = timeout(REST, rest).await;

    let mut truth = beneath.truth();
    let mut answers = BTreeMap::new();
    for ledger in truth.ledgers.values() {
        let answer = ledger.answer.as_ref().map_or_else(
            || "none".to_owned(),
            |answer| format!("{} {} {}", ledger.call.route, answer.status, answer.code()),
        );
        *answers.entry(answer).or_default() += 1;
    }
    Outcome {
        violation: truth.found.take(),
        trace: truth.trace(),
        steps,
        requests: deployment.requests(),
        writes: truth.seq(),
        answers,
        diary: truth.diary().to_owned(),
    }
}

/// The limits that a story's variables give.
fn rules(story: &Story) -> Rules {
    let value = |name: &str| story.vars.iter().find(|(of, _)| *of == name).map(|(_, value)| *value);
    let number = |name: &str, default: u32| {
        value(name).map_or(default, |value| value.parse().expect("a number of a story"))
    };
    let texts = number("TEXTS_PER_DAY", 10_000);
    // `TEXTS_RESERVED` percent are kept for known devices.
    let texts_of_strangers = texts - texts * number("TEXTS_RESERVED", 20) / 100;
    Rules {
        cooldown: number("RESEND_COOLDOWN", 60).into(),
        per_phone_hour: number("CODES_PER_PHONE_HOUR", 5) as usize,
        per_phone_day: number("CODES_PER_PHONE_DAY", 10) as usize,
        guesses_per_day: number("GUESSES_PER_PHONE_DAY", 10) as usize,
        max_attempts: number("MAX_ATTEMPTS", 5),
        texts_per_day: number("TEXTS_PER_DAY", 10_000) as usize,
        texts_of_strangers: texts_of_strangers as usize,
        codes_per_address: number("CODES_PER_IP_HOUR", 60) as usize,
        guesses_per_address: number("GUESSES_PER_IP_HOUR", 60) as usize,
        code_ttl: number("CODE_TTL", 300).into(),
        invite_guesses: number("INVITE_GUESSES_PER_DAY", 20) as usize,
        grace: number("REFRESH_GRACE", 30).into(),
        retry: number("REFRESH_RETRY", 3_600).into(),
        recovery_hold: number("RECOVERY_HOLD", 259_200).into(),
        requires_challenge: value("REQUIRE_CHALLENGE") == Some("true"),
        testers: BTreeMap::from([(TEST_PHONE.0.to_owned(), TEST_PHONE.1.to_owned())]),
        admins: BTreeSet::from([ADMIN_PHONE.to_owned()]),
    }
}
