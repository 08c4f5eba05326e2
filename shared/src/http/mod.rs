//! The HTTP edge: API Gateway's events in, answers and problems out.

pub mod answer;
pub mod endpoint;
pub mod function;
pub mod idempotency;
pub mod page;
pub mod problem;
pub mod request;
