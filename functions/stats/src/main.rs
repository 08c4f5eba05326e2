//! The Lambda binary of `stats`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(stats::function())
}
