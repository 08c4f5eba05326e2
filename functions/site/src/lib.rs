//! What needs no data: health, the share link, and 404 and 405 for all that no
//! other route takes.

mod fallback;
mod health;
mod share;

use latchkey::http::function::Function;

/// The function.
pub fn function() -> Function {
    Function::new(env!("CARGO_PKG_NAME"))
        .endpoint::<health::Health>()
        .endpoint::<share::ShareLink>()
        .endpoint::<fallback::Fallback>()
}
