//! What is done in a run, by whom and how often.

use rand::RngExt;
use rand::rngs::StdRng;

use super::{ADMIN, Action, End, Field, Guess, Invite, Meeting, Page, Picture, SPARE, Scope, TESTER, Terms};

/// How often each kind of thing is done in a run, and by how many people.
pub(super) struct Plan {
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

    /// Oneself, or anybody.
    fn whom(&self, rng: &mut StdRng) -> u8 {
        if rng.random_bool(0.6) { self.who } else { self.person(rng) }
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

fn end(rng: &mut StdRng) -> End {
    if rng.random_bool(0.4) { End::Owner } else { End::Limit(rng.random_range(1..4)) }
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
        killed: rng.random_bool(0.15),
    }),
    (10, |_, rng| Action::SignOut {
        scope: [Scope::Local, Scope::Local, Scope::Others, Scope::Global][rng.random_range(0..4)],
        by_refresh: rng.random_bool(0.5).then(|| rng.random_range(0..4)),
    }),
    (4, |draw, rng| Action::AskMove { phone: draw.other_phone(rng) }),
    (5, |draw, rng| Action::Move { phone: draw.other_phone(rng), guess: guess(rng) }),
    (10, |draw, rng| Action::MoveWhole { phone: draw.other_phone(rng) }),
    (10, |draw, rng| Action::Meet { meeting: meeting(draw, rng), after: rng.random_range(0..60) }),
    (5, |draw, rng| Action::Rush { of: draw.person(rng), end: end(rng) }),
    (6, |draw, rng| Action::Delete { whom: draw.whom(rng) }),
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
    (12, |draw, rng| Action::See { whom: draw.whom(rng) }),
    (4, |_, rng| Action::Export { page: page(rng) }),
    (4, |draw, rng| Action::SeeSessions { whom: draw.whom(rng) }),
    (5, |draw, rng| Action::Revoke { whom: draw.whom(rng), nth: rng.random_range(0..4) }),
    (12, |_, _| Action::AddPasskey),
    (16, |draw, rng| Action::EnterPasskey {
        back: [0, 0, 0, 1, 2][rng.random_range(0..5)],
        invite: draw.maybe_invite(rng),
        keyed: rng.random_bool(0.5),
        forged: rng.random_bool(0.2),
    }),
    (6, |_, rng| Action::MeetPasskey {
        back: [0, 0, 1][rng.random_range(0..3)],
        after: rng.random_range(0..60),
    }),
    (4, |draw, rng| Action::SeePasskeys { whom: draw.whom(rng) }),
    (2, |_, rng| Action::NamePasskey { back: rng.random_range(0..3) }),
    (5, |draw, rng| Action::RemovePasskey { whom: draw.whom(rng), back: rng.random_range(0..3) }),
    (5, |draw, rng| Action::SeeReferrals { whom: draw.whom(rng), page: page(rng) }),
    (5, |_, rng| Action::List { by: rng.random_range(0..8), page: page(rng) }),
    (3, |_, rng| Action::SeeStats { days: [1, 30, 90][rng.random_range(0..3)] }),
    (3, |_, rng| Action::SeeGuard { page: page(rng) }),
    (3, |_, rng| Action::SeeAudit { by: rng.random_range(0..5), page: page(rng) }),
    (5, |draw, rng| Action::Recover { whom: draw.person(rng), phone: draw.other_phone(rng) }),
    (2, |draw, rng| Action::SeeRecovery { whom: draw.person(rng) }),
    (2, |draw, rng| Action::StopRecovery { whom: draw.person(rng) }),
    (2, |_, rng| Action::OpenPlace { which: rng.random_range(0..4) }),
    (5, |draw, rng| Action::LookUp { phone: draw.phone(rng) }),
    (5, |draw, rng| Action::Lift { phone: draw.phone(rng) }),
    (2, |_, rng| Action::Fetch { nth: rng.random_range(0..64) }),
    (3, |_, rng| Action::Crash { instance: rng.random_range(0..3) }),
    (3, |draw, rng| Action::Rotate { phone: draw.other_phone(rng) }),
];

impl Plan {
    pub(super) fn draw(people: u8, rng: &mut StdRng) -> Self {
        let often = |rng: &mut StdRng| [0, 1, 1, 2, 4][rng.random_range(0..5)];
        let mut weights: Vec<_> = KINDS.iter().map(|(weight, kind)| (weight * often(rng), *kind)).collect();
        // Without anybody signed in nothing happens.
        weights[0].0 = weights[0].0.max(KINDS[0].0);
        let total = weights.iter().map(|(weight, _)| weight).sum();
        Self { people, weights, total }
    }

    pub(super) fn next(&self, rng: &mut StdRng) -> (u8, Action) {
        // Few do most, so that they meet themselves.
        let who = rng.random_range(0..self.people).min(rng.random_range(0..self.people));
        let mut left = rng.random_range(0..self.total);
        for (weight, kind) in &self.weights {
            if left < *weight {
                let draw = Draw { people: self.people, who };
                let action = kind(&draw, rng);
                // What only staff may do is mostly tried by an admin.
                let is_staffs = action.whom().is_some_and(|whom| whom != who)
                    || matches!(
                        action,
                        Action::Manage { .. }
                            | Action::SetRole { .. }
                            | Action::SetStatus { .. }
                            | Action::List { .. }
                            | Action::SeeStats { .. }
                            | Action::SeeGuard { .. }
                            | Action::SeeAudit { .. }
                            | Action::Recover { .. }
                            | Action::SeeRecovery { .. }
                            | Action::StopRecovery { .. }
                            | Action::OpenPlace { .. }
                            | Action::LookUp { .. }
                            | Action::Lift { .. }
                    );
                let who = if is_staffs && rng.random_bool(0.8) { ADMIN } else { who };
                return (who, action);
            }
            left -= weight;
        }
        (ADMIN, Action::Crash { instance: 0 })
    }
}
