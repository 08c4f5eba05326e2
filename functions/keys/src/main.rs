//! The Lambda binary of `keys`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(keys::function())
}
