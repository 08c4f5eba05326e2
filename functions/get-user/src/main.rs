//! The Lambda binary of `get-user`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(get_user::function())
}
