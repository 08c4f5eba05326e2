//! The Lambda binary of `change-phone`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(change_phone::function())
}
