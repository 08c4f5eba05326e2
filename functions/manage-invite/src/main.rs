//! The Lambda binary of `manage-invite`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(manage_invite::function())
}
