//! Texts, which is what people call an SMS: what they say, and who sends them.

pub mod carrier;
mod https;
pub mod inbox;
pub mod languages;
pub mod refusal;
pub mod sender;
pub mod smsaero;
pub mod sns;
pub mod webhook;
pub mod wording;

use crate::base::config::{self, BadParameter, Parameter, Vars};

/// A parameter that a carrier cannot do without.
fn required<'a>(vars: &'a Vars, parameter: &Parameter, carrier: &str) -> Result<&'a str, BadParameter> {
    vars.optional(parameter).ok_or_else(|| unset(parameter, carrier))
}

fn unset(parameter: &Parameter, carrier: &str) -> BadParameter {
    let (first, second) = (config::SMS_PROVIDER.name, config::SMS_FALLBACK.name);
    BadParameter {
        name: parameter.name,
        problem: format!("must be set where {first} or {second} is {carrier}"),
    }
}
