//! The Lambda binary of `passkey-sign-in`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(passkey_sign_in::function())
}
