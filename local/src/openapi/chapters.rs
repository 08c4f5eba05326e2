//! The chapters of the description, in the order in which a person meets them.

use serde_json::{Value, json};

/// A chapter: a tag, what is behind it, and its operations in their order.
struct Chapter {
    name: &'static str,
    about: &'static str,
    operations: &'static [&'static str],
}

const CHAPTERS: &[Chapter] = &[
    Chapter {
        name: "Signing in",
        about: "A code by text, traded for tokens, and the next tokens.",
        operations: &["requestCode", "exchangeCode", "refreshTokens"],
    },
    Chapter {
        name: "Profile",
        about: "Who somebody is, their picture, their number, and all that is stored of them.",
        operations: &["getUser", "updateUser", "uploadAvatar", "getAvatar", "changePhone", "exportUser"],
    },
    Chapter {
        name: "Invites",
        about: "A friend's code, who entered one's own, and the link to share.",
        operations: &["activateInvite", "listReferrals", "openInvite"],
    },
    Chapter {
        name: "Passkeys",
        about: "Signing in with what a device keeps, without a text.",
        operations: &[
            "addPasskeyOptions",
            "addPasskey",
            "listPasskeys",
            "renamePasskey",
            "passkeySignInOptions",
            "passkeySignIn",
            "removePasskey",
        ],
    },
    Chapter {
        name: "Devices",
        about: "Where somebody is signed in.",
        operations: &["listSessions", "revokeSession"],
    },
    Chapter {
        name: "Leaving",
        about: "Signing out, and removing the account.",
        operations: &["signOut", "deleteUser"],
    },
    Chapter {
        name: "For moderators and admins",
        about: "Finding people, figures per day, and what only an admin may. Most of the operations above also take \
                somebody else's `user_id` from them.",
        operations: &[
            "listUsers",
            "getStats",
            "getGuard",
            "openPlace",
            "lookUpPhone",
            "liftLimits",
            "manageInvite",
            "listAudit",
            "beginRecovery",
            "getRecovery",
            "stopRecovery",
        ],
    },
    Chapter {
        name: "For other backends",
        about: "The keys by which another backend checks our access tokens.",
        operations: &["getKeys", "getIssuer"],
    },
    Chapter {
        name: "Pages and files",
        about: "What a browser, a phone and a monitor fetch.",
        operations: &[
            "showHome",
            "showDocs",
            "showSwagger",
            "showRedoc",
            "getDocsFile",
            "getDescription",
            "showAdminPanel",
            "getAdminPanelFile",
            "getAppleAssociation",
            "getAndroidAssociation",
            "getHealth",
        ],
    },
];

/// The tag of an operation.
///
/// # Panics
/// If no chapter names it.
pub(super) fn tag(operation: &str) -> &'static str {
    CHAPTERS[place(operation).0].name
}

/// Where an operation stands: in which chapter, and at which place in it.
pub(super) fn place(operation: &str) -> (usize, usize) {
    CHAPTERS
        .iter()
        .enumerate()
        .find_map(|(chapter, Chapter { operations, .. })| {
            Some((chapter, operations.iter().position(|name| *name == operation)?))
        })
        .unwrap_or_else(|| panic!("no chapter of local/src/openapi/chapters.rs names {operation}"))
}

/// All tags, between a text to begin with and one to look things up in. These two are Redoc's
/// alone: Swagger UI shows no tag without operations.
pub(super) fn tags(quick_start: &str, errors: &str) -> Vec<Value> {
    let text = |name, about| json!({ "name": name, "description": about, "x-traitTag": true });
    let chapters = CHAPTERS.iter().map(|of| json!({ "name": of.name, "description": of.about }));
    [text("Quick start", quick_start)].into_iter().chain(chapters).chain([text("Errors", errors)]).collect()
}
