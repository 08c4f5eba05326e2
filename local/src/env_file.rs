//! The file `.env`: what is set in it, as people write it.

use std::io;
use std::path::{Path, PathBuf};

/// Puts what `.env` sets into the environment, from this folder or the next one above that
/// has one, where the environment says nothing itself. Its names.
///
/// # Errors
/// If it cannot be read, in words that name it.
pub fn load() -> Result<Vec<String>, String> {
    let told = |error: &dyn std::fmt::Display| format!(".env: {error}");
    let Some(path) = find().map_err(|error| told(&error))? else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
    let quoted = quoted(&text);
    let pairs = dotenvy::from_read_iter(quoted.as_bytes()).collect::<Result<Vec<_>, _>>();
    let names = pairs.map_err(|error| told(&error))?.into_iter().map(|(name, _)| name).collect();
    dotenvy::from_read(quoted.as_bytes()).map_err(|error| told(&error))?;
    Ok(names)
}

fn find() -> io::Result<Option<PathBuf>> {
    let here = std::env::current_dir()?;
    Ok(here.ancestors().map(|folder: &Path| folder.join(".env")).find(|path| path.is_file()))
}

/// With each value that has no quotes in some: as the file's readers take a blank for its end,
/// and people do not. A comment begins with a blank and `#`.
fn quoted(text: &str) -> String {
    text.lines().map(|line| quoted_line(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

fn quoted_line(line: &str) -> Option<String> {
    let (name, value) = line.split_once('=').filter(|_| !line.trim_start().starts_with('#'))?;
    let (name, value) = (name.trim().trim_start_matches("export ").trim(), value.trim());
    if value.starts_with(['"', '\'']) {
        return None;
    }
    let value = value.split_once(" #").map_or(value, |(value, _)| value.trim_end());
    let value = if value.starts_with('#') { "" } else { value };
    let escaped = value.replace('\\', r"\\").replace('"', r#"\""#).replace('$', r"\$");
    Some(format!("{name}=\"{escaped}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_stand() {
        for (line, name, value) in [
            ("CODE_LENGTH=6", "CODE_LENGTH", "6"),
            (" CODE_LENGTH = 6 ", "CODE_LENGTH", "6"),
            ("export CODE_LENGTH=6", "CODE_LENGTH", "6"),
            ("APP_NAME=Our App", "APP_NAME", "Our App"),
            ("APP_NAME=Our App # of 2026", "APP_NAME", "Our App"),
            ("APP_NAME=A#1", "APP_NAME", "A#1"),
            ("APP_NAME=", "APP_NAME", ""),
            ("APP_NAME= # none", "APP_NAME", ""),
            ("APP_NAME=\"Our App\" # quoted", "APP_NAME", "Our App"),
            ("APP_NAME='Our App'", "APP_NAME", "Our App"),
            (r#"APP_NAME=The "App" of $5 \o/"#, "APP_NAME", r#"The "App" of $5 \o/"#),
            ("APP_NAME=It's ours", "APP_NAME", "It's ours"),
            (
                "TEST_PHONES=+1 (201) 555-0123=1234@2026-12-31, +44 7700 900123=1234@2026-12-31",
                "TEST_PHONES",
                "+1 (201) 555-0123=1234@2026-12-31, +44 7700 900123=1234@2026-12-31",
            ),
        ] {
            let text = format!("# A comment = none.\n\n{line}\n");
            let read: Vec<_> =
                dotenvy::from_read_iter(quoted(&text).as_bytes()).collect::<Result<_, _>>().unwrap();
            assert_eq!(read, [(name.to_owned(), value.to_owned())], "{line}");
        }
        assert!(dotenvy::from_read_iter(quoted("no line of it").as_bytes()).next().unwrap().is_err());
    }
}
