//! `cargo run`: the whole API on a laptop. The functions of the deployment
//! behind a gateway that speaks API Gateway's events, an embedded DynamoDB,
//! and an inbox for the texts.

pub mod cli;
pub mod engine;
pub mod env_file;
mod events;
pub mod folder;
pub mod functions;
pub mod gateway;
pub mod generated;
pub mod inbox;
pub mod moving;
pub mod openapi;
mod pace;
pub mod parameters;
mod progress;
pub mod promote;
pub mod sam;
pub mod secrets;
mod stored;
pub mod tables;
pub mod texts;
pub mod upgrade;
