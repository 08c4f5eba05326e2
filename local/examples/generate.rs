//! Writes `openapi.json` anew, from what the endpoints declare.

fn main() -> std::io::Result<()> {
    let text = serde_json::to_string_pretty(&latchkey_local::openapi::document())?;
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json"), text + "\n")
}
