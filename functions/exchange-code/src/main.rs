//! The Lambda binary of `exchange-code`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(exchange_code::function())
}
