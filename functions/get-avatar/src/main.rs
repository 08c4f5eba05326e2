//! The Lambda binary of `get-avatar`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(get_avatar::function())
}
