//! The Lambda binary of `keys`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(keys::function())
}
