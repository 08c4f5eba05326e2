//! What a carrier is: who takes a text and brings it to a phone.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::domain::phone::Phone;
use crate::sms::refusal::NotSent;

/// How long one text may take to be accepted.
pub(super) const TIMEOUT: Duration = Duration::from_secs(4);

/// A text, as a carrier is handed it. It holds a code: nothing prints it.
#[derive(Clone, Serialize)]
pub struct Text {
    /// Of this text alone, so that it can be told from another with the same words.
    pub id: String,
    /// To whom.
    pub to: Phone,
    /// What it says.
    #[serde(rename = "text")]
    pub body: String,
    /// The language that it is in: `ru`.
    pub locale: &'static str,
    /// What it is for.
    pub kind: Kind,
}

/// What a text is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It brings a code.
    #[default]
    Code,
    /// It tells a number that its account left it.
    PhoneChanged,
    /// It tells a number that its account is to leave it.
    RecoveryBegun,
}

/// Who takes texts.
pub trait Carrier: Send + Sync {
    /// Sends a text. One whose answer is lost or makes no sense, or that ends in an error
    /// of the service itself, counts as sent: it may have left.
    ///
    /// # Errors
    /// If it is refused, or the service was never reached, so that it is known not to have
    /// left.
    fn send<'a>(&'a self, text: &'a Text) -> BoxFuture<'a, Result<(), NotSent>>;
}
