//! The Lambda binary of `support`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(support::function())
}
