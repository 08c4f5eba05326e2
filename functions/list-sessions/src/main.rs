//! The Lambda binary of `list-sessions`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(list_sessions::function())
}
