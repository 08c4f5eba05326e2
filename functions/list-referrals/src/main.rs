//! The Lambda binary of `list-referrals`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(list_referrals::function())
}
