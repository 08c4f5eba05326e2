//! Who sends the texts.

use crate::base::config::{self, BadParameter, Parameter};
use crate::base::error::StartError;
use crate::cloud::setup::Setup;
use crate::domain::code::OneTimeCode;
use crate::domain::phone::Phone;
use crate::sms::inbox::Inbox;
use crate::sms::refusal::NotSent;
use crate::sms::smsaero::SmsAero;
use crate::sms::sns::Sns;
use crate::sms::wording::{Wish, Wording};

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
    /// The parameters that [`Sender::build`] reads, whoever sends.
    pub fn parameters() -> Vec<&'static Parameter> {
        let others = [Wording::PARAMETERS, Sns::PARAMETERS, SmsAero::PARAMETERS, &[config::SMS_PROVIDER]];
        [Inbox::PARAMETERS, &others].concat().concat()
    }

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
