//! What everything stands on: errors, parameters, time and chance, telemetry,
//! and what is done after an answer.

pub mod afterwards;
pub mod config;
pub mod error;
pub mod hidden;
pub mod lately;
pub mod list;
pub mod metrics;
pub mod telemetry;
pub mod world;
