//! Everything that goes through the real router: one binary, linked once.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

mod app;
mod faults;

mod ambiguity;
mod crash;
mod documents;
mod edge;
mod limits;
mod malformed;
mod races;
mod scale;
mod story;
mod texts;
mod tokens;
mod waves;
