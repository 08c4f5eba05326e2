//! Texts: what they say, and who sends them.

pub mod inbox;
pub mod smsaero;
pub mod sns;
pub mod wording;

use std::error::Error;

use crate::config::{self, BadParameter, Vars};
use crate::domain::code::OneTimeCode;
use crate::domain::phone::Phone;
use crate::lambda::StartError;
use crate::setup::Setup;

use inbox::Inbox;
use smsaero::SmsAero;
use sns::Sns;
use wording::{Wish, Wording};

/// A text that did not leave, as its provider says.
#[derive(Debug, thiserror::Error)]
#[error("the text was refused ({why:?})")]
pub struct NotSent {
    /// Why, as far as it makes a difference.
    pub why: Why,
    #[source]
    cause: Box<dyn Error + Send + Sync>,
}

/// Why a text did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The provider does not take the number.
    BadNumber,
    /// Its owner asked for no more texts.
    OptedOut,
    /// Too many at once.
    Throttled,
    /// The money that may be spent on texts is spent.
    OverBudget,
    /// Anything else: a bad key, a sandbox, a sender that is not agreed.
    Refused,
}

impl NotSent {
    /// Why, with the provider's own words for the log.
    pub fn new(why: Why, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { why, cause: cause.into() }
    }
}

/// Who sends the texts, and what they say.
pub struct Sender {
    wording: Wording,
    provider: Provider,
}

enum Provider {
    Inbox(Inbox),
    SmsAero(Box<SmsAero>),
    Sns(Sns),
}

impl Sender {
    /// The one that `SMS_PROVIDER` names.
    ///
    /// # Errors
    /// If a parameter is bad, or the inbox is asked for in a deployment.
    pub fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let bad = |problem: String| BadParameter { name: config::SMS_PROVIDER.name, problem };
        let provider = match vars.text(config::SMS_PROVIDER) {
            "inbox" if vars.is_deployed() => {
                return Err(
                    bad("inbox sends nothing, and a deployed function has people to text".to_owned()).into(),
                );
            }
            "inbox" => Provider::Inbox(Inbox::new(setup)?),
            "smsaero" => Provider::SmsAero(Box::new(SmsAero::new(vars)?)),
            "sns" => Provider::Sns(Sns::new(setup)?),
            other => return Err(bad(format!("must be sns, smsaero or inbox, not {other:?}")).into()),
        };
        Ok(Self { wording: Wording::read(vars)?, provider })
    }

    /// Texts a code.
    ///
    /// # Errors
    /// If the text is known not to have left.
    pub async fn send_code(&self, to: &Phone, code: &OneTimeCode, wish: Wish<'_>) -> Result<(), NotSent> {
        self.send(to, self.wording.code(to, code, wish)).await
    }

    /// Tells the old number that its account left it.
    ///
    /// # Errors
    /// If the text is known not to have left.
    pub async fn send_phone_changed(&self, to: &Phone, wish: Wish<'_>) -> Result<(), NotSent> {
        self.send(to, self.wording.phone_changed(to, wish)).await
    }

    async fn send(&self, to: &Phone, body: String) -> Result<(), NotSent> {
        match &self.provider {
            Provider::Inbox(inbox) => inbox.send(to, body).await,
            Provider::SmsAero(smsaero) => smsaero.send(to, body).await,
            Provider::Sns(sns) => sns.send(to, body).await,
        }
    }
}

/// Whether `REVEAL_CODE` puts the code into the answer.
///
/// # Errors
/// If it is set in a deployment, where it would let anybody sign in as anybody.
pub fn reveals_code(vars: &Vars) -> Result<bool, BadParameter> {
    let reveals = vars.flag(config::REVEAL_CODE)?;
    if reveals && vars.is_deployed() {
        let problem = "would let anybody sign in as anybody: never in a deployed function".to_owned();
        return Err(BadParameter { name: config::REVEAL_CODE.name, problem });
    }
    Ok(reveals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployed() -> Vars {
        Vars::from_iter([("AWS_LAMBDA_FUNCTION_NAME", "request-code")])
    }

    #[test]
    fn a_deployed_function_reveals_no_code() {
        let vars = deployed().with("REVEAL_CODE", "true");
        assert!(reveals_code(&vars).unwrap_err().to_string().starts_with("REVEAL_CODE: "));
        for local in [("AWS_SAM_LOCAL", "true"), ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000")] {
            assert_eq!(reveals_code(&vars.clone().with(local.0, local.1)), Ok(true));
        }
    }
}
