//! Everything that goes through the real router: one binary, linked once.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

mod app;
mod faults;
mod log;
mod trials;

mod ambiguity;
mod cli;
mod crash;
mod documents;
mod edge;
mod idempotency;
mod limits;
mod malformed;
mod openapi;
mod people;
mod pumping;
mod races;
mod rotation;
mod scale;
mod sessions;
mod story;
mod texts;
mod tokens;
mod watching;
mod waves;
