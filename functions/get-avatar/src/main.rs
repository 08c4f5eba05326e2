//! The Lambda binary of `get-avatar`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(get_avatar::function())
}
