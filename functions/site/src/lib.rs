//! What needs no data: the first page, health, the share link and the files that let apps open
//! it, the admin panel, the API described, and 404 and 405 for all that no other route takes.
//!
//! Tests: local/tests/it/story.rs, edge.rs, openapi.rs.

mod admin;
mod association;
mod docs;
mod fallback;
mod files;
mod health;
mod home;
mod share;

latchkey::function!(
    health::Health,
    home::Home,
    share::ShareLink,
    admin::Panel,
    admin::PanelFile,
    docs::GetDescription,
    docs::ShowDocs,
    docs::ShowSwagger,
    docs::ShowRedoc,
    docs::GetDocsFile,
    association::Apple,
    association::Android,
    fallback::Fallback
);
