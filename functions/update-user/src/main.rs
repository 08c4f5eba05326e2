//! The Lambda binary of `update-user`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(update_user::function())
}
