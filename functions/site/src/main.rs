//! The Lambda binary of `site`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(site::function())
}
