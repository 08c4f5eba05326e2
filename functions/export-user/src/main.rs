//! The Lambda binary of `export-user`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(export_user::function())
}
