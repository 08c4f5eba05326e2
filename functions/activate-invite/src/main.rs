//! The Lambda binary of `activate-invite`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(activate_invite::function())
}
