//! The Lambda binary of `site`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(site::function())
}
