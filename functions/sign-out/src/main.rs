//! The Lambda binary of `sign-out`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(sign_out::function())
}
