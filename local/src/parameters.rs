//! Parameters whose default differs on a laptop, so that its tests are not
//! taken for an attack.

use latchkey::base::config::{self, PARAMETERS, Parameter, Vars};

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

/// Warns of each variable that is set and does nothing: one that was a parameter once, any
/// of the file `.env` that is none, and any of the environment that looks like a misspelt one.
/// `options` are the gateway's own.
pub fn warn_of_unknown(in_file: &[String], vars: &Vars, options: &[String]) {
    for name in vars.names() {
        if let Some((_, instead)) = GONE.iter().find(|(gone, _)| *gone == name) {
            tracing::warn!("{name} is set and does nothing any more: {instead} took its place");
            continue;
        }
        let nearest = match nearest(name, options) {
            Nearest::Misspelt(known) => format!("; {known} is one"),
            Nearest::None if in_file.iter().any(|of| of == name) => String::new(),
            Nearest::Itself | Nearest::None => continue,
        };
        tracing::warn!("{name} is set and no parameter{nearest}: see .env.sample");
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Nearest {
    Itself,
    Misspelt(String),
    None,
}

/// What a variable's name seems to mean.
fn nearest(name: &str, options: &[String]) -> Nearest {
    let options = options.iter().map(String::as_str);
    let known: Vec<_> = PARAMETERS.iter().map(|parameter| parameter.name).chain(options).collect();
    // The AWS SDK's, and those that others than we read.
    if known.contains(&name) || name.starts_with("AWS_") || ["NO_COLOR", "RUST_LOG"].contains(&name) {
        return Nearest::Itself;
    }
    let written = name.to_ascii_uppercase().replace('-', "_");
    let by_distance = known.into_iter().map(|known| (strsim::damerau_levenshtein(known, &written), known));
    match by_distance.min().filter(|(distance, known)| *distance <= known.len() / 5) {
        Some((_, known)) => Nearest::Misspelt(known.to_owned()),
        None => Nearest::None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(name: &str) -> Nearest {
        super::nearest(name, &["PORT", "HOST", "DATA_DIR", "LOG"].map(str::to_owned))
    }

    #[test]
    fn a_misspelt_name_is_recognised() {
        for (name, meant) in [
            ("CODE_LENGHT", "CODE_LENGTH"),
            ("CODES_LENGTH", "CODE_LENGTH"),
            ("code_length", "CODE_LENGTH"),
            ("TEST_PHONE", "TEST_PHONES"),
            ("CORS_ORIGIN", "CORS_ORIGINS"),
            ("DATA-DIR", "DATA_DIR"),
            ("RESEND_COOLDWON", "RESEND_COOLDOWN"),
        ] {
            assert_eq!(nearest(name), Nearest::Misspelt(meant.to_owned()), "{name}");
        }
        for name in ["CODE_LENGTH", "PORT", "LOG", "RUST_LOG", "AWS_REGION"] {
            assert_eq!(nearest(name), Nearest::Itself, "{name}");
        }
        for name in ["PATH", "HOME", "LANG", "HOSTNAME", "SHELL", "LOGNAME", "USER", "PWD", "TERM", "OLDPWD"]
        {
            assert_eq!(nearest(name), Nearest::None, "{name}");
        }
    }
}
