//! The Lambda binary of `guard`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(guard::function())
}
