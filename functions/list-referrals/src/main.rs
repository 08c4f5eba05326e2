//! The Lambda binary of `list-referrals`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(list_referrals::function())
}
