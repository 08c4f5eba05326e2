//! The Lambda binary of `add-passkey`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(add_passkey::function())
}
