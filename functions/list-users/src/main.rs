//! The Lambda binary of `list-users`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(list_users::function())
}
