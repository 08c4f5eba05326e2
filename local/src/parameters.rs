//! Parameters whose default differs on a laptop, so that its tests are not
//! taken for an attack.

use latchkey::base::config::{self, Parameter, Vars};

/// What they are here where nobody sets them.
pub const DEFAULTS: &[(&Parameter, &str)] = &[
    (config::CODES_PER_IP_HOUR, "0"),
    (config::GUESSES_PER_IP_HOUR, "0"),
    (config::TEXTS_PER_DAY, "0"),
    (config::GUARD_STOCKS, "0"),
];

/// Variables that were parameters once, and what took their place.
const GONE: &[(&str, &str)] = &[
    ("PUMPING_MIN_SENDS", "GUARD_STOCKS"),
    ("PUMPING_MIN_SENDS_COUNTRY", "GUARD_STOCKS"),
    ("PUMPING_MIN_RATIO", "GUARD_STOCKS"),
    ("PUMPING_PAUSE", "GUARD_STOCKS"),
];

/// Warns of each variable that is set and does nothing any more.
pub fn warn_of_gone(vars: &Vars) {
    for (name, instead) in GONE.iter().filter(|(name, _)| vars.raw(name).is_some()) {
        tracing::warn!("{name} is set and does nothing any more: {instead} took its place");
    }
}

/// `vars` with the laptop's defaults where they set nothing.
#[must_use]
pub fn with_defaults(vars: Vars) -> Vars {
    DEFAULTS.iter().fold(vars, |vars, (parameter, default)| match vars.raw(parameter.name) {
        Some(_) => vars,
        None => vars.with(parameter.name, *default),
    })
}
