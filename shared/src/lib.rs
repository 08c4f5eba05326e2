//! What every endpoint of Latchkey stands on, floor by floor. Whatever stands on
//! one may name what is below it, never what is above; a test holds that.
//!
//! | floor | |
//! |---|---|
//! | [`endpoint`] | the declaration, what endpoints need, functions, the start of a Lambda |
//! | [`access`] | who may: the gate, guesses, limits |
//! | [`http`] | the wire: events in, answers and problems out, how users are shown |
//! | [`tokens`], [`sms`] | access tokens; texts and who sends them |
//! | [`tables`] | what the three DynamoDB tables hold |
//! | [`cloud`] | how AWS is spoken to |
//! | [`settings`] | the rules' figures, as the variables give them |
//! | [`domain`] | the rules, without I/O |
//! | [`base`] | errors, parameters, time and chance, telemetry |

pub mod access;
pub mod base;
pub mod cloud;
pub mod domain;
pub mod endpoint;
pub mod http;
pub mod settings;
pub mod sms;
pub mod tables;
pub mod tokens;
