//! The Lambda binary of `upload-avatar`.

fn main() -> std::process::ExitCode {
    latchkey::endpoint::lambda::run(upload_avatar::function())
}
