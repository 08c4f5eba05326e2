//! What the client saw: WebAuthn's `CollectedClientData` (section 5.8.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::domain::passkey::{NotAccepted, RelyingParty};

/// Which of the two an answer is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    Create,
    Get,
}

#[derive(Debug, Deserialize)]
pub(super) struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

impl ClientData {
    pub(super) fn read(json: &[u8]) -> Result<Self, NotAccepted> {
        serde_json::from_slice(json).map_err(|_| NotAccepted::ClientData)
    }

    /// Steps 7 to 11 of 7.1, 10 to 14 of 7.2: none of our pages is inside of another's.
    pub(super) fn check(
        &self,
        ceremony: Ceremony,
        challenge: &[u8],
        of: &RelyingParty,
    ) -> Result<(), NotAccepted> {
        let kind = match ceremony {
            Ceremony::Create => "webauthn.create",
            Ceremony::Get => "webauthn.get",
        };
        if self.r#type != kind {
            return Err(NotAccepted::Ceremony);
        }
        let expected = URL_SAFE_NO_PAD.encode(challenge);
        if !bool::from(self.challenge.as_bytes().ct_eq(expected.as_bytes())) {
            return Err(NotAccepted::Challenge);
        }
        let is_known = of.origins.contains(&self.origin);
        if !is_known || self.cross_origin || self.top_origin.is_some() {
            return Err(NotAccepted::Origin);
        }
        Ok(())
    }
}
