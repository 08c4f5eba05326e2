//! What is known of a phone number, for those who are asked why it gets no code.
//!
//! Tests: local/tests/it/support.rs.

mod lift;
mod look_up;

use schemars::JsonSchema;
use serde::Deserialize;

latchkey::function!(look_up::LookUpPhone, lift::LiftLimits);

/// Which number.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PhoneToLookUp")]
pub(crate) struct Wanted {
    /// The number: in E.164, or as a person of the deployment's region types it.
    #[schemars(extend("format" = "phone"), example = &"+79000000001")]
    phone: String,
}
