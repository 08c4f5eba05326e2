//! The Lambda binary of `passkeys`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(passkeys::function())
}
