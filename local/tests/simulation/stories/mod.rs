//! What people do, as data: a story is a list of steps, and each step means the same
//! whatever steps stand before it, so that a story can be cut down.

mod actions;
mod plan;

use rand::RngExt;
use rand::rngs::StdRng;

pub(crate) use self::actions::{Action, End, Field, Guess, Invite, Meeting, Page, Picture, Scope, Terms};
use self::plan::Plan;
use crate::weather::Weather;
use crate::world;

/// Who plays: the first is an admin, the fifth a test number.
pub(crate) const ADMIN: u8 = 0;
pub(crate) const TESTER: u8 = 4;

/// How many phones nobody begins with.
pub(crate) const SPARE: u8 = 2;

/// What is fetched without any data behind it: route and path.
pub(crate) const FETCHED: &[(&str, &str)] = &[
    ("GET /.well-known/jwks.json", "/.well-known/jwks.json"),
    ("GET /.well-known/openid-configuration", "/.well-known/openid-configuration"),
    ("GET /.well-known/apple-app-site-association", "/.well-known/apple-app-site-association"),
    ("GET /.well-known/assetlinks.json", "/.well-known/assetlinks.json"),
    ("GET /health", "/health"),
    ("GET /openapi.json", "/openapi.json"),
    ("GET /docs", "/docs"),
    ("GET /docs/{version}/{file}", "/docs/none/swagger-ui.css"),
    ("GET /swagger", "/swagger"),
    ("GET /redoc", "/redoc"),
    ("GET /admin", "/admin"),
    ("GET /admin/{version}/{file}", "/admin/none/api.js"),
    ("GET /i/{invite_code}", "/i/K5J3RW"),
    ("GET /", "/"),
];

/// One step of a story.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// When, in milliseconds since the run began.
    pub(crate) at: u64,
    pub(crate) who: u8,
    pub(crate) action: Action,
    /// What all chance of the step follows from.
    pub(crate) nonce: u64,
}

/// All of a run.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    pub(crate) weather: Weather,
    pub(crate) vars: Vec<(&'static str, &'static str)>,
    pub(crate) people: u8,
    pub(crate) instances: u8,
    pub(crate) steps: Vec<Step>,
    /// Rules that may be broken.
    pub(crate) except: Vec<String>,
}

impl Story {
    /// The story of a seed.
    pub(crate) fn draw(seed: u64, length: usize) -> Self {
        let mut rng = world::rng(&[seed, 0]);
        let people = rng.random_range(5..=11);
        let plan = Plan::draw(people, &mut rng);
        let (weather, vars) = (Weather::draw(&mut rng), draw_vars(&mut rng));
        let pace = [0.2, 1.0, 1.0, 3.0][rng.random_range(0..4)];
        let instances = rng.random_range(1..=3);
        let mut at = 1_000;
        let steps = (0..length as u64)
            .map(|index| {
                let nonce = world::mix(&[seed, 1, index]);
                let mut rng = world::rng(&[nonce, 0]);
                at += pause(pace, &mut rng);
                let (who, action) = plan.next(&mut rng);
                Step { at, who, action, nonce }
            })
            .collect();
        Self { seed, weather, vars, people, instances, steps, except: Vec::new() }
    }

    /// The same with other steps.
    #[must_use]
    pub(crate) fn with(&self, steps: Vec<Step>) -> Self {
        Self { steps, ..self.clone() }
    }
}

/// How long nothing happens before a step: mostly a moment, so that requests meet;
/// at times an hour or more, so that limits open again.
fn pause(pace: f64, rng: &mut StdRng) -> u64 {
    let most = match rng.random_range(0..100) {
        0..65 => 900,
        65..82 => 20_000,
        82..95 => 120_000,
        95..99 => 4_000_000,
        _ => 40_000_000,
    };
    let millis: f64 = f64::from(rng.random_range(0..most)) * pace;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a pause is short and not negative"
    )]
    let millis = millis as u64;
    millis
}

fn draw_vars(rng: &mut StdRng) -> Vec<(&'static str, &'static str)> {
    let all: [(&str, &[&str]); 15] = [
        ("CODES_PER_PHONE_HOUR", &["5", "5", "2"]),
        ("CODES_PER_PHONE_DAY", &["10", "10", "4"]),
        ("GUESSES_PER_PHONE_DAY", &["10", "10", "4"]),
        ("MAX_ATTEMPTS", &["5", "5", "3"]),
        ("TEXTS_PER_DAY", &["10000", "10000", "30", "8"]),
        ("CODES_PER_IP_HOUR", &["60", "60", "10", "3"]),
        ("GUESSES_PER_IP_HOUR", &["60", "1000", "10"]),
        ("INVITE_GUESSES_PER_DAY", &["20", "3"]),
        ("REFRESH_GRACE", &["30", "30", "5", "300"]),
        ("REFRESH_RETRY", &["3600", "3600", "60", "0"]),
        ("REQUIRE_CHALLENGE", &["false", "true"]),
        ("GUARD_STOCKS", &["0", "100", "200", "1000"]),
        ("PROOF_COST", &["1"]),
        ("SHOW_PHONES", &["full", "masked"]),
        ("RECOVERY_HOLD", &["259200", "3600", "600", "0"]),
    ];
    all.iter().map(|(name, values)| (*name, values[rng.random_range(0..values.len())])).collect()
}
