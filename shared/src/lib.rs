//! What every endpoint of Latchkey stands on.
//!
//! * [`domain`]: the rules, without I/O.
//! * [`tables`]: the three DynamoDB tables and what is asked of them.
//! * [`texts`]: what is texted, and who sends it.
//! * [`tokens`] and [`gate`]: who calls, and whether they may.
//! * [`guesses`]: codes that are entered, counted before they are compared.
//! * [`tally`]: what becomes of texts.
//! * [`http`]: the edge. An endpoint is a type that implements
//!   [`Endpoint`](http::endpoint::Endpoint); binary, gateway and checks read
//!   its declaration.
//! * [`metrics`] and [`watch`]: what can be seen of it all.
//! * [`setup`] and [`lambda`]: what is built once at the start, and the
//!   runtime around it; [`afterwards`]: what is done once an answer is out.

pub mod afterwards;
pub mod aws;
pub mod config;
pub mod domain;
pub mod gate;
pub mod guesses;
pub mod http;
pub mod lambda;
pub mod metrics;
pub mod secrets;
pub mod setup;
pub mod tables;
pub mod tally;
pub mod texts;
pub mod tokens;
pub mod views;
pub mod watch;
pub mod world;
