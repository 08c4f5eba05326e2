//! Cases of the rule for refresh tokens, for whoever plays the server elsewhere: stories of
//! one session, as JSON, a story a line. A step is `[at, "refresh", generation, standing]`
//! or `[at, "use", generation]`; `at` is in milliseconds, from 0. A refresh with the token
//! in use moves the session on, and any other changes nothing, whatever it would end.
//! `clients/conformance/rule.test.mjs` holds its own server against them.

use std::io::{self, Write as _};

use latchkey::base::world::Timestamp;
use latchkey::domain::session::{Repeating, Replaced, Session, SessionId, Standing};
use latchkey::domain::user::UserId;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

const STORIES: u64 = 500;
const STEPS: usize = 60;
const REPEATING: Repeating = Repeating { grace: 30, retry: 3_600 };
const LIFETIME: i64 = 365 * 86_400;

fn main() -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for seed in 0..STORIES {
        writeln!(out, "{}", Value::Array(story(&mut StdRng::seed_from_u64(seed))))?;
    }
    out.flush()
}

fn story(rng: &mut StdRng) -> Vec<Value> {
    let mut session = begun(rng);
    let mut at = 0;
    // In some stories more generations pass within the grace than are known.
    let moment = if rng.random_bool(0.5) { 10_000 } else { 500 };
    let step = |_| {
        // Mostly moments, and what stands at the edges of the rule.
        at += match rng.random_range(0..20) {
            0 => 30_000,
            1 => 29_999,
            2 => rng.random_range(0..4_000_000),
            3 => 3_599_999,
            4 => 3_600_000,
            5 => 1,
            _ => rng.random_range(0..moment),
        };
        let now = Timestamp::from_millis(at);
        let age = if rng.random_bool(0.4) { 0 } else { rng.random_range(0..12) };
        let generation = session.generation.saturating_sub(age);
        if rng.random_ratio(1, 3) {
            // As the gate notes it.
            if generation == session.generation && generation > 0 && session.used_at.is_none() {
                session.used_at = Some(now);
            }
            return json!([at, "use", generation]);
        }
        let standing = session.judge(generation, now, REPEATING);
        if standing == Standing::Current {
            session.rotate(now, now.plus_seconds(LIFETIME));
        }
        json!([at, "refresh", generation, format!("{standing:?}").to_lowercase()])
    };
    (0..STEPS).map(step).collect()
}

fn begun(rng: &mut StdRng) -> Session {
    let begins = Timestamp::from_millis(0);
    Session {
        user_id: UserId("u".to_owned()),
        id: SessionId::draw(0, 0, rng),
        device: None,
        ip: String::new(),
        created_at: begins,
        last_seen_at: begins,
        expires_at: begins.plus_seconds(10 * LIFETIME),
        generation: 0,
        pepper_entry: String::new(),
        refresh_until: begins.plus_seconds(LIFETIME),
        device_id: None,
        passkey_id: None,
        used_at: None,
        replaced: Replaced::default(),
    }
}
