//! What people do, as data: a story is a list of steps, and each step means the same
//! whatever steps stand before it, so that a story can be cut down.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::weather::Weather;
use crate::world;

/// Who plays: the first is an admin, the fifth a test number.
pub(crate) const ADMIN: u8 = 0;
pub(crate) const TESTER: u8 = 4;

/// How many phones nobody begins with.
pub(crate) const SPARE: u8 = 2;

/// Which code is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    /// That of the last text.
    Right,
    /// That of the text before.
    Before,
    /// Another.
    Wrong,
}

/// Which invite code is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invite {
    /// Of this person.
    Of(u8),
    /// Of nobody.
    Unknown,
    /// No invite code at all.
    Nonsense,
}

/// What ends when somebody signs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Local,
    Others,
    Global,
}

/// What an admin does to an invite code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    MaxUses(u8),
    Unlimited,
    EndsSoon,
    EndsAtTheEndOfTime,
    Revoked(bool),
    Redraw,
}

/// What is changed in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    City(u8),
    NoCity,
    Email(u8),
    Telegram(u8),
    OwnRole,
}

/// What is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    Small,
    Noisy,
    Broken,
}

/// What somebody does at the moment at which they sign in on another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    Move { phone: u8 },
    Delete,
    SignOut,
    EnterInvite { of: u8 },
}

/// Which page of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    First,
    Next,
    Nonsense,
    Long,
}

/// One thing that somebody does. Phones and people are numbers; what is not there
/// makes it nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Asks for a code, waits for the text, enters the code: as an app does.
    SignIn {
        phone: u8,
        invite: Option<Invite>,
    },
    /// Asks for a code.
    Ask {
        phone: u8,
        keyed: bool,
    },
    /// Enters a code.
    Enter {
        phone: u8,
        guess: Guess,
        invite: Option<Invite>,
        keyed: bool,
        challenge: bool,
    },
    /// Enters a code many times at once.
    Flood {
        phone: u8,
        times: u8,
        right: bool,
    },
    /// Sends a request with a key that was used before: the same, or another body.
    Repeat {
        by: u8,
        other_body: bool,
    },
    /// Sends another body under a key at the moment at which the key is forgotten.
    RepeatLate {
        by: u8,
    },
    /// Trades a refresh token: the newest, or one of before.
    Refresh {
        back: u8,
        twice: bool,
    },
    SignOut {
        scope: Scope,
        by_refresh: Option<u8>,
    },
    /// Asks for a code that proves another phone.
    AskMove {
        phone: u8,
    },
    /// Moves the account to another phone.
    Move {
        phone: u8,
        guess: Guess,
    },
    /// Both, as an app does.
    MoveWhole {
        phone: u8,
    },
    /// Signs in on another device and does something else at once.
    Meet {
        meeting: Meeting,
        after: u8,
    },
    /// Everybody enters one invite code at once, and so does somebody new, while an
    /// admin limits it.
    Rush {
        of: u8,
        most: u8,
    },
    Delete {
        whom: u8,
    },
    EnterInvite {
        invite: Invite,
    },
    Manage {
        whom: u8,
        terms: Terms,
    },
    SetRole {
        whom: u8,
        role: u8,
    },
    SetStatus {
        whom: u8,
        banned: bool,
    },
    Change {
        field: Field,
    },
    Upload {
        picture: Picture,
    },
    RemoveAvatar,
    SeeAvatar {
        of: u8,
    },
    See {
        whom: u8,
    },
    SeeSessions {
        whom: u8,
    },
    Revoke {
        whom: u8,
        nth: u8,
    },
    SeeReferrals {
        whom: u8,
        page: Page,
    },
    List {
        by: u8,
        page: Page,
    },
    SeeStats {
        days: u8,
    },
    Fetch {
        nth: u8,
    },
    /// An instance dies between two of its requests to a table.
    Crash {
        instance: u8,
    },
    /// The next step of rotating both secrets.
    Rotate,
}

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
    let all: [(&str, &[&str]); 12] = [
        ("CODES_PER_PHONE_HOUR", &["5", "5", "2"]),
        ("CODES_PER_PHONE_DAY", &["10", "10", "4"]),
        ("GUESSES_PER_PHONE_DAY", &["10", "10", "4"]),
        ("MAX_ATTEMPTS", &["5", "5", "3"]),
        ("TEXTS_PER_DAY", &["10000", "10000", "30", "8"]),
        ("CODES_PER_IP_HOUR", &["60", "60", "10", "3"]),
        ("GUESSES_PER_IP_HOUR", &["60", "1000", "10"]),
        ("INVITE_GUESSES_PER_DAY", &["20", "3"]),
        ("REFRESH_GRACE", &["30", "30", "5", "300"]),
        ("REQUIRE_CHALLENGE", &["false", "true"]),
        ("GUARD_STOCKS", &["0", "0", "100", "1000"]),
        ("SHOW_PHONES", &["full", "masked"]),
    ];
    all.iter().map(|(name, values)| (*name, values[rng.random_range(0..values.len())])).collect()
}

/// How often each kind of thing is done in a run, and by how many people.
struct Plan {
    people: u8,
    weights: Vec<(u32, Kind)>,
    total: u32,
}

type Kind = fn(&Draw, &mut StdRng) -> Action;

/// Whom and what an action may name.
struct Draw {
    people: u8,
    who: u8,
}

impl Draw {
    fn person(&self, rng: &mut StdRng) -> u8 {
        rng.random_range(0..self.people)
    }

    /// Mostly one's own.
    fn phone(&self, rng: &mut StdRng) -> u8 {
        if rng.random_bool(0.8) { self.who } else { rng.random_range(0..self.people + SPARE) }
    }

    /// Mostly another.
    fn other_phone(&self, rng: &mut StdRng) -> u8 {
        match rng.random_range(0..10) {
            0..6 => self.people + rng.random_range(0..SPARE),
            6..8 => TESTER,
            _ => rng.random_range(0..self.people + SPARE),
        }
    }

    fn invite(&self, rng: &mut StdRng) -> Invite {
        match rng.random_range(0..10) {
            0..7 => Invite::Of(self.person(rng)),
            7..9 => Invite::Unknown,
            _ => Invite::Nonsense,
        }
    }

    fn maybe_invite(&self, rng: &mut StdRng) -> Option<Invite> {
        rng.random_bool(0.4).then(|| self.invite(rng))
    }
}

fn guess(rng: &mut StdRng) -> Guess {
    match rng.random_range(0..10) {
        0..5 => Guess::Right,
        5 => Guess::Before,
        _ => Guess::Wrong,
    }
}

fn meeting(draw: &Draw, rng: &mut StdRng) -> Meeting {
    match rng.random_range(0..6) {
        0..3 => Meeting::Move { phone: draw.other_phone(rng) },
        3 => Meeting::Delete,
        4 => Meeting::SignOut,
        _ => Meeting::EnterInvite { of: draw.person(rng) },
    }
}

fn page(rng: &mut StdRng) -> Page {
    [Page::First, Page::First, Page::Next, Page::Nonsense, Page::Long][rng.random_range(0..5)]
}

fn terms(rng: &mut StdRng) -> Terms {
    match rng.random_range(0..10) {
        0..4 => Terms::MaxUses(rng.random_range(0..4)),
        4 => Terms::Unlimited,
        5 => Terms::EndsSoon,
        6 => Terms::EndsAtTheEndOfTime,
        7..9 => Terms::Revoked(rng.random_bool(0.4)),
        _ => Terms::Redraw,
    }
}

fn field(rng: &mut StdRng) -> Field {
    match rng.random_range(0..8) {
        0..3 => Field::City(rng.random_range(0..9)),
        3 => Field::NoCity,
        4..6 => Field::Email(rng.random_range(0..9)),
        6 => Field::Telegram(rng.random_range(0..9)),
        _ => Field::OwnRole,
    }
}

/// Everything that is done, and how often where nothing else is said.
const KINDS: &[(u32, Kind)] = &[
    (40, |draw, rng| Action::SignIn { phone: draw.phone(rng), invite: draw.maybe_invite(rng) }),
    (14, |draw, rng| Action::Ask { phone: draw.phone(rng), keyed: rng.random_bool(0.5) }),
    (24, |draw, rng| Action::Enter {
        phone: draw.phone(rng),
        guess: guess(rng),
        invite: draw.maybe_invite(rng),
        keyed: rng.random_bool(0.5),
        challenge: rng.random_bool(0.8),
    }),
    (3, |draw, rng| Action::Flood {
        phone: draw.phone(rng),
        times: rng.random_range(2..9),
        right: rng.random_bool(0.5),
    }),
    (12, |draw, rng| Action::Repeat { by: draw.person(rng), other_body: rng.random_bool(0.5) }),
    (6, |draw, rng| Action::RepeatLate { by: draw.person(rng) }),
    (20, |_, rng| Action::Refresh {
        back: [0, 0, 0, 0, 1, 1, 2, 3][rng.random_range(0..8)],
        twice: rng.random_bool(0.2),
    }),
    (10, |_, rng| Action::SignOut {
        scope: [Scope::Local, Scope::Local, Scope::Others, Scope::Global][rng.random_range(0..4)],
        by_refresh: rng.random_bool(0.5).then(|| rng.random_range(0..4)),
    }),
    (4, |draw, rng| Action::AskMove { phone: draw.other_phone(rng) }),
    (5, |draw, rng| Action::Move { phone: draw.other_phone(rng), guess: guess(rng) }),
    (10, |draw, rng| Action::MoveWhole { phone: draw.other_phone(rng) }),
    (10, |draw, rng| Action::Meet { meeting: meeting(draw, rng), after: rng.random_range(0..60) }),
    (4, |draw, rng| Action::Rush { of: draw.person(rng), most: rng.random_range(1..4) }),
    (6, |draw, rng| Action::Delete { whom: if rng.random_bool(0.8) { draw.who } else { draw.person(rng) } }),
    (14, |draw, rng| Action::EnterInvite { invite: draw.invite(rng) }),
    (12, |draw, rng| Action::Manage { whom: draw.person(rng), terms: terms(rng) }),
    (6, |draw, rng| Action::SetRole { whom: draw.person(rng), role: rng.random_range(0..3) }),
    (6, |draw, rng| Action::SetStatus { whom: draw.person(rng), banned: rng.random_bool(0.4) }),
    (10, |_, rng| Action::Change { field: field(rng) }),
    (4, |_, rng| Action::Upload {
        picture: [Picture::Small, Picture::Small, Picture::Noisy, Picture::Broken][rng.random_range(0..4)],
    }),
    (2, |_, _| Action::RemoveAvatar),
    (2, |draw, rng| Action::SeeAvatar { of: draw.person(rng) }),
    (12, |draw, rng| Action::See { whom: if rng.random_bool(0.6) { draw.who } else { draw.person(rng) } }),
    (4, |draw, rng| Action::SeeSessions {
        whom: if rng.random_bool(0.6) { draw.who } else { draw.person(rng) },
    }),
    (5, |draw, rng| Action::Revoke { whom: draw.who, nth: rng.random_range(0..4) }),
    (5, |draw, rng| Action::SeeReferrals { whom: draw.who, page: page(rng) }),
    (5, |_, rng| Action::List { by: rng.random_range(0..8), page: page(rng) }),
    (3, |_, rng| Action::SeeStats { days: [1, 30, 90][rng.random_range(0..3)] }),
    (2, |_, rng| Action::Fetch { nth: rng.random_range(0..64) }),
    (3, |_, rng| Action::Crash { instance: rng.random_range(0..3) }),
    (2, |_, _| Action::Rotate),
];

impl Plan {
    fn draw(people: u8, rng: &mut StdRng) -> Self {
        let often = |rng: &mut StdRng| [0, 1, 1, 2, 4][rng.random_range(0..5)];
        let mut weights: Vec<_> = KINDS.iter().map(|(weight, kind)| (weight * often(rng), *kind)).collect();
        // Without anybody signed in nothing happens.
        weights[0].0 = weights[0].0.max(KINDS[0].0);
        let total = weights.iter().map(|(weight, _)| weight).sum();
        Self { people, weights, total }
    }

    fn next(&self, rng: &mut StdRng) -> (u8, Action) {
        // Few do most, so that they meet themselves.
        let who = rng.random_range(0..self.people).min(rng.random_range(0..self.people));
        let mut left = rng.random_range(0..self.total);
        for (weight, kind) in &self.weights {
            if left < *weight {
                let draw = Draw { people: self.people, who };
                // What only an admin may is mostly tried by one.
                let action = kind(&draw, rng);
                let is_staffs = matches!(
                    action,
                    Action::Manage { .. }
                        | Action::SetRole { .. }
                        | Action::SetStatus { .. }
                        | Action::List { .. }
                        | Action::SeeStats { .. }
                );
                let who = if is_staffs && rng.random_bool(0.8) { ADMIN } else { who };
                return (who, action);
            }
            left -= weight;
        }
        (ADMIN, Action::Rotate)
    }
}
