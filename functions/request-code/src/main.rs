//! The Lambda binary of `request-code`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(request_code::function())
}
