//! The Lambda binary of `request-code`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(request_code::function())
}
