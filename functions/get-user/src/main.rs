//! The Lambda binary of `get-user`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(get_user::function())
}
