//! The Lambda binary of `refresh-token`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(refresh_token::function())
}
