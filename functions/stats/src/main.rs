//! The Lambda binary of `stats`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(stats::function())
}
