//! The Lambda binary of `upload-avatar`.

fn main() -> std::process::ExitCode {
    latchkey::lambda::run(upload_avatar::function())
}
