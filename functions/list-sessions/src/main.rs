//! The Lambda binary of `list-sessions`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(list_sessions::function())
}
