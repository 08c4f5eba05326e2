//! The wire: events in, answers and problems out.

pub mod body;
pub mod context;
pub mod cors;
pub mod event;
pub mod idempotency;
pub mod page;
pub mod path;
pub mod places;
pub mod problem;
pub mod proxy;
pub mod response;
pub mod texts;
pub mod views;
