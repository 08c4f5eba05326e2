//! The Lambda binary of `update-user`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(update_user::function())
}
