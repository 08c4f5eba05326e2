//! Parameters whose default differs on a laptop, so that its tests are not
//! taken for an attack.

use latchkey::base::config::{self, Parameter, Vars};

/// What they are here where nobody sets them.
pub const DEFAULTS: &[(&Parameter, &str)] = &[
    (config::CODES_PER_IP_HOUR, "0"),
    (config::GUESSES_PER_IP_HOUR, "0"),
    (config::TEXTS_PER_DAY, "0"),
    (config::PUMPING_MIN_SENDS, "0"),
    (config::PUMPING_MIN_SENDS_COUNTRY, "0"),
];

/// `vars` with the laptop's defaults where they set nothing.
#[must_use]
pub fn with_defaults(vars: Vars) -> Vars {
    DEFAULTS.iter().fold(vars, |vars, (parameter, default)| match vars.raw(parameter.name) {
        Some(_) => vars,
        None => vars.with(parameter.name, *default),
    })
}
