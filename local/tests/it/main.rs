//! Everything that goes through the real router: one binary, linked once.

mod app;
mod faults;

mod edge;
mod limits;
mod malformed;
mod races;
mod story;
mod tokens;
