//! Each alarm of the template, replayed on the metrics that the functions write when that
//! happens which it tells of. What AWS itself counts is put beside them.

use std::collections::BTreeMap;

use latchkey::base::world::{Clock, Timestamp};
use latchkey_template::{Template, logical_id};

use crate::app::{App, FREE, Person, phone};
use crate::authenticator::Credential;
use crate::cloudwatch::{Alarm, Metrics};
use crate::faults::{Carrier, Fault};
use crate::log;
use crate::passkeys;
use crate::solver::solve;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// Ten sign-ins a day.
const BETWEEN: i64 = 24 * HOUR / 10;

/// A deployment and its metrics.
struct Replay {
    app: App,
    metrics: Metrics,
    template: Template,
    parameters: BTreeMap<String, String>,
}

impl Replay {
    /// One that texts by SNS, and has the guard and the ceiling that a deployment has.
    async fn with(vars: &[(&str, &str)]) -> Self {
        let deployed = [
            ("SMS_PROVIDER", "sns"),
            ("REVEAL_CODE", "true"),
            ("GUARD_STOCKS", "100"),
            ("PROOF_COST", "1"),
            ("TEXTS_PER_DAY", "10000"),
        ];
        let vars = [&deployed, vars].concat();
        let template = Template::of_checkout();
        let defaults = template.parameters().into_iter();
        let mut parameters: BTreeMap<_, _> =
            defaults.map(|parameter| (parameter.name, parameter.default.unwrap_or_default())).collect();
        parameters.extend(vars.iter().map(|(name, value)| (logical_id(name), (*value).to_owned())));
        let app = App::with(&vars).await;
        log::keep();
        Self { app, metrics: Metrics::default(), template, parameters }
    }

    /// Writes what was counted until now to the metrics.
    fn write(&mut self) {
        self.metrics.take(self.app.clock.now(), &log::kept());
        log::keep();
    }

    fn wait(&mut self, seconds: i64) {
        self.write();
        self.app.clock.advance(seconds);
    }

    /// Somebody who signs in.
    async fn sign_in(&mut self, phone: &str) -> Person {
        let person = self.app.sign_in(phone).await;
        self.write();
        person
    }

    /// What AWS counts, now.
    fn put(&mut self, metric: (&str, &str), dimensions: &[(&str, &str)], value: f64) {
        self.metrics.put(self.app.clock.now(), metric, dimensions, value);
    }

    fn are_on(&self, now: i64) -> Vec<&str> {
        let alarms = Alarm::all(&self.template, &self.parameters);
        alarms.into_iter().filter(|alarm| alarm.is_on(&self.metrics, now)).map(|alarm| alarm.name).collect()
    }

    /// The alarms that are on in some minute from `since` to a quarter of an hour from now,
    /// by when each was first, in seconds since `since`.
    fn told(&mut self, since: Timestamp) -> BTreeMap<&str, i64> {
        self.write();
        let mut told = BTreeMap::new();
        let until = self.app.clock.now().seconds() + 15 * MINUTE;
        for now in (since.seconds()..=until).step_by(60) {
            for alarm in self.are_on(now) {
                told.entry(alarm).or_insert(now - since.seconds());
            }
        }
        told
    }

    /// One alarm tells, within a quarter of an hour.
    #[track_caller]
    fn tells(&mut self, alarm: &str, since: Timestamp) {
        let told = self.told(since);
        assert_eq!(told.keys().copied().collect::<Vec<_>>(), [alarm], "one alarm a cause: {told:?}");
        assert!(told[alarm] <= 15 * MINUTE, "{told:?}");
    }
}

/// A day of ten people, one after the other, each in a block of numbers of its own.
async fn ten_a_day() -> Replay {
    let mut replay = Replay::with(&[]).await;
    for n in 0..10 {
        replay.sign_in(&apart(n)).await;
        replay.wait(BETWEEN);
    }
    replay
}

fn apart(n: u32) -> String {
    format!("+790{n:02}000001")
}

#[tokio::test]
async fn a_small_day_as_it_should_be_raises_none() {
    let mut replay = Replay::with(&[]).await;
    let start = replay.app.clock.now();
    for n in 0..10 {
        // Three of ten never enter theirs, one types it wrong, one number is none.
        replay.app.request_code(&apart(n)).await.ok(202);
        if n % 3 != 1 {
            replay.app.clock.advance(MINUTE);
            replay.sign_in(&apart(n)).await;
        }
        replay.wait(BETWEEN);
    }
    replay.app.faults.carrier(Carrier::Refuses("OptedOut", "no"));
    replay.app.request_code(&apart(11)).await.problem(422, "invalid_phone");
    assert_eq!(replay.told(start), BTreeMap::new());
}

/// Money that is used up, of SNS or in advance.
#[tokio::test]
async fn a_text_that_nobody_pays_for_is_told() {
    for words in ["the monthly spend limit is reached", "No quota left for account"] {
        let mut replay = ten_a_day().await;
        let since = replay.app.clock.now();
        replay.app.faults.carrier(Carrier::Refuses("LimitExceeded", words));
        replay.app.request_code(&apart(11)).await.problem(503, "texts_paused");
        replay.tells("TextsOverBudgetAlarm", since);
    }
}

/// The same where a second carrier takes the text, and nobody is told no.
#[tokio::test]
async fn a_balance_that_is_empty_is_told_although_the_second_carrier_is_not() {
    let mut replay = Replay::with(&[("SMS_FALLBACK", "inbox")]).await;
    replay.sign_in(&apart(1)).await;
    replay.wait(BETWEEN);
    let since = replay.app.clock.now();
    replay.app.faults.carrier(Carrier::Refuses("LimitExceeded", "the monthly spend limit is reached"));
    replay.sign_in(&apart(2)).await;
    replay.tells("TextsOverBudgetAlarm", since);
}

#[tokio::test]
async fn a_wrong_sender_is_told_by_the_first_text() {
    let refusals = [
        Carrier::Refuses("InvalidParameter", "Invalid parameter: SenderID"),
        Carrier::Refuses("AuthorizationError", "not authorized to perform: SNS:Publish"),
        Carrier::Unreached,
    ];
    for refusal in refusals {
        let mut replay = ten_a_day().await;
        let since = replay.app.clock.now();
        replay.app.faults.carrier(refusal);
        // Who is refused tries again.
        replay.app.request_code(&apart(11)).await.problem(503, "text_not_sent");
        replay.app.request_code(&apart(11)).await.problem(503, "text_not_sent");
        replay.tells("TextsRefusedAlarm", since);
    }
}

/// Among many texts one that is refused says nothing yet.
#[tokio::test]
async fn a_refusal_in_ten_is_not_told_and_three_are() {
    let mut replay = Replay::with(&[]).await;
    let start = replay.app.clock.now();
    for n in 0..9 {
        replay.sign_in(&apart(n)).await;
    }
    replay.app.faults.carrier(Carrier::Refuses("InvalidParameter", "Invalid parameter: SenderID"));
    for n in 10..12 {
        replay.app.request_code(&apart(n)).await.problem(503, "text_not_sent");
        replay.write();
    }
    assert_eq!(replay.told(start), BTreeMap::new(), "2 of 11");
    replay.app.request_code(&apart(12)).await.problem(503, "text_not_sent");
    replay.tells("TextsRefusedAlarm", start);
}

#[tokio::test]
async fn texts_that_are_too_many_at_once_are_told() {
    let mut replay = ten_a_day().await;
    let since = replay.app.clock.now();
    replay.app.faults.carrier(Carrier::Refuses("Throttled", "Rate exceeded"));
    replay.app.request_code(&apart(11)).await.problem(503, "text_not_sent");
    replay.tells("TextsThrottledAlarm", since);
}

/// A new account may spend 1 USD a month.
#[tokio::test]
async fn money_that_is_nearly_spent_is_told() {
    let mut replay = ten_a_day().await;
    let spent = ("AWS/SNS", "SMSMonthToDateSpentUSD");
    let start = replay.app.clock.now();
    replay.put(spent, &[], 0.79);
    assert_eq!(replay.told(start), BTreeMap::new());
    replay.wait(BETWEEN);
    let since = replay.app.clock.now();
    replay.put(spent, &[], 0.81);
    replay.tells("SpendingAlarm", since);
}

/// By its counter: what was texted yesterday evening is not in it.
#[tokio::test]
async fn a_ceiling_that_is_near_is_told_and_midnight_ends_it() {
    let mut replay =
        Replay::with(&[&[("TEXTS_PER_DAY", "10"), ("TEXTS_RESERVED", "0")], FREE].concat()).await;
    let start = replay.app.clock.now();
    for _ in 0..7 {
        replay.sign_in(&apart(1)).await;
    }
    assert_eq!(replay.told(start), BTreeMap::new());
    replay.wait(HOUR);
    let since = replay.app.clock.now();
    replay.sign_in(&apart(2)).await;
    replay.tells("TextsCeilingAlarm", since);
    let to_midnight = 24 * HOUR - since.seconds() % (24 * HOUR);
    replay.wait(to_midnight + MINUTE);
    let next_day = replay.app.clock.now();
    for _ in 0..7 {
        replay.sign_in(&apart(1)).await;
    }
    assert_eq!(replay.told(next_day), BTreeMap::new(), "fifteen in 24 hours, seven today");
}

#[tokio::test]
async fn texts_that_nobody_enters_are_told_within_hours() {
    let mut replay = ten_a_day().await;
    let since = replay.app.clock.now();
    for n in 20..25 {
        replay.app.request_code(&apart(n)).await.ok(202);
        replay.wait(HOUR);
    }
    replay.app.clock.advance(-HOUR);
    let told = replay.told(since);
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), ["ConversionAlarm"], "{told:?}");
    assert!(told["ConversionAlarm"] <= 5 * HOUR, "{told:?}");
}

/// The guard asks for proofs, then closes the block; nothing else is to tell of it.
#[tokio::test]
async fn somebody_who_pumps_is_told_once() {
    let mut replay = ten_a_day().await;
    let since = replay.app.clock.now();
    for n in 0..20 {
        let body = serde_json::json!({ "phone": format!("+7900123{n:04}") });
        let answer = replay.app.post("/v1/auth/code", body.clone()).await;
        if answer.status == 403 {
            let mut proved = body;
            proved["proof"] = solve(&answer.json()["challenge"]).into();
            replay.app.post("/v1/auth/code", proved).await;
        }
        replay.write();
    }
    replay.tells("PumpingAlarm", since);
}

#[tokio::test]
async fn what_fails_inside_is_told_by_the_second_answer() {
    let mut replay = ten_a_day().await;
    let since = replay.app.clock.now();
    for n in 0..2 {
        replay.app.faults.every_try_of(8, "UpdateItem", Fault::Throttled);
        replay.app.request_code(&apart(20 + n)).await.problem(503, "unavailable");
        replay.app.faults.forget();
        assert_eq!(replay.told(since).is_empty(), n == 0, "one may be chance");
    }
    replay.tells("ServerErrorsAlarm", since);
}

#[tokio::test]
async fn tokens_that_come_back_are_told() {
    let mut replay = Replay::with(FREE).await;
    let since = replay.app.clock.now();
    for n in 0..5 {
        assert_eq!(replay.told(since), BTreeMap::new(), "{n} are lost phones");
        let person = replay.sign_in(&apart(n)).await;
        replay.app.present_stolen(&person.refresh).await;
    }
    replay.tells("RefreshTheftAlarm", since);
}

#[tokio::test]
async fn a_passkey_that_was_copied_is_told() {
    let mut replay = Replay::with(FREE).await;
    let alice = replay.sign_in(&phone(1)).await;
    // One that no platform syncs: only such a one counts.
    let mut credential = Credential { backup: 0, counter: 5, ..passkeys::device_of(&alice) };
    passkeys::add_with(&replay.app, &alice.token, &credential).await.ok(201);
    credential.counter = 6;
    passkeys::sign_in(&replay.app, &credential).await.ok(200);
    let since = replay.app.clock.now();
    assert_eq!(replay.told(since), BTreeMap::new());
    credential.counter = 5;
    passkeys::sign_in(&replay.app, &credential).await.problem(422, "passkey_not_accepted");
    replay.tells("PasskeyClonedAlarm", since);
}

#[tokio::test]
async fn slow_answers_are_told_where_there_are_enough_of_them() {
    let latency = ("AWS/ApiGateway", "Latency");
    for (answers, told) in [(999, false), (1_000, true)] {
        let mut replay = Replay::with(&[]).await;
        let since = replay.app.clock.now();
        for _ in 0..3 {
            replay.app.clock.advance(5 * MINUTE);
            (0..answers)
                .for_each(|n| replay.put(latency, &[("ApiId", "Api")], if n < 20 { 2_500.0 } else { 90.0 }));
        }
        assert_eq!(replay.told(since).contains_key("LatencyAlarm"), told, "{answers}");
    }
}

/// What AWS alone counts: instances and tables that are too busy.
#[tokio::test]
async fn what_turns_requests_away_is_told() {
    let throttled = ("AWS/DynamoDB", "WriteThrottleEvents");
    let by_index = [("TableName", "UsersTable"), ("GlobalSecondaryIndexName", "created")];
    for (alarm, metric, dimensions, count) in [
        ("ThrottlesAlarm", ("AWS/Lambda", "Throttles"), &[][..], 1.0),
        ("TableThrottlesAlarm", throttled, &by_index[..1], 10.0),
        ("IndexThrottlesAlarm", throttled, &by_index[..], 10.0),
    ] {
        let mut replay = Replay::with(&[]).await;
        let since = replay.app.clock.now();
        replay.put(metric, dimensions, count);
        replay.tells(alarm, since);
    }
}

#[test]
fn every_alarm_is_replayed() {
    let (template, parameters) = (Template::of_checkout(), BTreeMap::new());
    let replays = include_str!("alarms.rs");
    for alarm in Alarm::all(&template, &parameters) {
        assert!(replays.contains(&format!("\"{}\"", alarm.name)), "{}", alarm.name);
    }
}
