//! The Lambda binary of `revoke-session`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(revoke_session::function())
}
