//! Reads phone numbers as the API does: a region and what was typed there a line, as JSON
//! (`["RU", "8 900 …"]`), in; what it is in E.164, or nothing, out. `local/tests/phones.py`
//! compares that with another port of libphonenumber.

use std::io::{self, BufRead as _, Write as _};

use latchkey::domain::phone::Phone;

fn main() -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let (region, typed): (String, String) = serde_json::from_str(&line?)?;
        let region = region.parse().map_err(io::Error::other)?;
        let read = Phone::parse(&typed, region);
        writeln!(out, "{}", read.as_ref().map_or("", Phone::as_str))?;
    }
    out.flush()
}
