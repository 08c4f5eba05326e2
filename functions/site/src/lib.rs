//! What needs no data: health, the share link and the files that let apps open
//! it, the admin panel, the API described, and 404 and 405 for all that no other route takes.

mod admin;
mod association;
mod docs;
mod fallback;
mod files;
mod health;
mod share;

use latchkey::http::endpoint::OfEndpoint;
use latchkey::http::function::Function;

/// The function.
pub fn function<T: OfEndpoint>() -> Function<T> {
    Function::new(env!("CARGO_PKG_NAME"))
        .endpoint::<health::Health>()
        .endpoint::<share::ShareLink>()
        .endpoint::<admin::Panel>()
        .endpoint::<admin::PanelFile>()
        .endpoint::<docs::GetDescription>()
        .endpoint::<docs::ShowDocs>()
        .endpoint::<docs::ShowSwagger>()
        .endpoint::<docs::ShowRedoc>()
        .endpoint::<docs::GetDocsFile>()
        .endpoint::<association::Apple>()
        .endpoint::<association::Android>()
        .endpoint::<fallback::Fallback>()
}
