//! The Lambda binary of `delete-user`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(delete_user::function())
}
