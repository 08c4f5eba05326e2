//! Everything that goes through the real router: one binary, linked once.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

mod app;
mod faults;
mod log;
#[path = "../solver/mod.rs"]
mod solver;
mod trials;

mod alarms;
mod ambiguity;
mod as_sent;
mod audit;
#[path = "../authenticator/mod.rs"]
mod authenticator;
mod avatars;
mod cli;
mod cloudwatch;
mod coming_from;
mod cors;
mod crash;
mod deletion;
mod devices;
mod documents;
mod edge;
mod events;
mod examples;
mod export;
mod guard;
mod guard_items;
mod idempotency;
mod inbox;
mod invites;
mod layers;
mod limits;
mod listing;
mod malformed;
mod moderation;
mod moving;
mod openapi;
mod passkeys;
mod phone_change;
mod policies;
mod profiles;
mod races;
mod recent;
mod recovery;
mod referrals;
mod refreshing;
mod released;
mod restored;
mod rotation;
mod scale;
mod secrets;
mod sessions;
mod share;
mod stats;
mod story;
mod support;
mod template;
mod texts;
mod texts_a_year;
mod tokens;
mod watching;
mod waves;
mod webauthn;
