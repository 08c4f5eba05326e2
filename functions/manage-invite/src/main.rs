//! The Lambda binary of `manage-invite`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(manage_invite::function())
}
