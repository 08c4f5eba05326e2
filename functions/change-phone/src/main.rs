//! The Lambda binary of `change-phone`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(change_phone::function())
}
