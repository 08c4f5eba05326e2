//! The Lambda binary of `list-users`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(list_users::function())
}
