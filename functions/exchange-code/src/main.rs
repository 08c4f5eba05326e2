//! The Lambda binary of `exchange-code`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(exchange_code::function())
}
