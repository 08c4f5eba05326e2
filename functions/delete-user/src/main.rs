//! The Lambda binary of `delete-user`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(delete_user::function())
}
