//! Public keys, as they are published.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The public half of a signing key, as JWKS shows it (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublicKey {
    /// The key's identifier: its thumbprint (RFC 7638).
    #[schemars(example = &"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    pub kid: String,
    /// The first coordinate of the key's point, in base64url.
    #[schemars(example = &"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")]
    pub x: String,
    /// The second coordinate of the key's point, in base64url.
    #[schemars(example = &"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")]
    pub y: String,
}
