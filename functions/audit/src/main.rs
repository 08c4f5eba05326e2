//! The Lambda binary of `audit`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(audit::function())
}
