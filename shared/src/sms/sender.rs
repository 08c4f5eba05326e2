//! Who sends the texts, and what they say.

use std::sync::Arc;

use crate::base::config::{self, BadParameter, Parameter};
use crate::base::error::{Chain, StartError};
use crate::base::metrics::{Metric, count_text};
use crate::base::world::World;
use crate::cloud::setup::Setup;
use crate::domain::code::OneTimeCode;
use crate::domain::fate::Why;
use crate::domain::phone::Phone;
use crate::sms::carrier::{Carrier, Kind, Text};
use crate::sms::inbox::Inbox;
use crate::sms::refusal::NotSent;
use crate::sms::smsaero::SmsAero;
use crate::sms::sns::Sns;
use crate::sms::webhook::Webhook;
pub use crate::sms::wording::Notice;
use crate::sms::wording::{Wish, Wording, Words};

/// Who sends the texts, and what they say.
pub struct Sender {
    wording: Wording,
    first: Named,
    fallback: Option<Named>,
    world: Arc<World>,
}

/// A carrier, by the name that parameters have for it.
struct Named {
    name: String,
    carrier: Box<dyn Carrier>,
}

impl Named {
    /// Sends a text; a refusal is counted.
    async fn send(&self, text: &Text) -> Result<(), NotSent> {
        let sent = self.carrier.send(text).await;
        if let Err(refused) = &sent {
            count_text(Metric::TextsRefused(refused.why.name()), text.to.country(), Some(&self.name));
        }
        sent
    }
}

impl Sender {
    /// The parameters that [`Sender::build`] reads, whoever sends.
    pub fn parameters() -> Vec<&'static Parameter> {
        let own: &[&Parameter] = &[config::SMS_PROVIDER, config::SMS_FALLBACK];
        let others = [Wording::PARAMETERS, Sns::PARAMETERS, SmsAero::PARAMETERS, Webhook::PARAMETERS, own];
        [Inbox::PARAMETERS, &others].concat().concat()
    }

    /// The one that `SMS_PROVIDER` names, and the one that `SMS_FALLBACK` does.
    ///
    /// # Errors
    /// If a parameter is bad, a secret cannot be fetched, or the inbox is asked for in a
    /// deployment.
    pub async fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let wording = Wording::read(vars)?;
        let first = vars.text(config::SMS_PROVIDER);
        let carrier = carrier(config::SMS_PROVIDER, first, setup).await?;
        let fallback = match vars.optional(config::SMS_FALLBACK) {
            Some(second) if second == first => {
                let problem = format!("must be another than {}", config::SMS_PROVIDER.name);
                return Err(BadParameter { name: config::SMS_FALLBACK.name, problem }.into());
            }
            Some(second) => Some(self::carrier(config::SMS_FALLBACK, second, setup).await?),
            None => None,
        };
        Ok(Self { wording, first: carrier, fallback, world: Arc::clone(&setup.world) })
    }

    /// Texts a code.
    ///
    /// # Errors
    /// If the text is known not to have left.
    pub async fn send_code(&self, to: &Phone, code: &OneTimeCode, wish: Wish<'_>) -> Result<(), NotSent> {
        self.send(to, Kind::Code, self.wording.code(to, code, wish)).await
    }

    /// Tells the old number what becomes of its account.
    ///
    /// # Errors
    /// If the text is known not to have left.
    pub async fn send_notice(&self, to: &Phone, notice: Notice, wish: Wish<'_>) -> Result<(), NotSent> {
        let kind = match notice {
            Notice::PhoneChanged => Kind::PhoneChanged,
            Notice::RecoveryBegun => Kind::RecoveryBegun,
        };
        self.send(to, kind, self.wording.notice(to, notice, wish)).await
    }

    /// Asks the second carrier only where the first is known not to have sent the text, and
    /// never for somebody who asked for no more of them.
    async fn send(&self, to: &Phone, kind: Kind, words: Words) -> Result<(), NotSent> {
        let id = self.world.new_id();
        let text = Text { id, to: to.clone(), body: words.body, locale: words.language, kind };
        match (self.first.send(&text).await, &self.fallback) {
            (Err(refused), Some(fallback)) if refused.why != Why::OptedOut => {
                tracing::warn!(cause = %Chain(&refused), "the first carrier refused a text, the second is asked");
                fallback.send(&text).await
            }
            (sent, _) => sent,
        }
    }
}

/// The carrier that a parameter names.
async fn carrier(parameter: &Parameter, name: &str, setup: &Setup) -> Result<Named, StartError> {
    let bad = |problem: String| BadParameter { name: parameter.name, problem };
    let carrier: Box<dyn Carrier> = match name {
        "inbox" if setup.vars.is_deployed() => {
            let problem = "inbox sends nothing, and a deployed function has people to text";
            return Err(bad(problem.to_owned()).into());
        }
        "inbox" => Box::new(Inbox::new(setup)?),
        "smsaero" => Box::new(SmsAero::build(setup).await?),
        "sns" => Box::new(Sns::new(setup)?),
        "webhook" => Box::new(Webhook::build(setup).await?),
        other => return Err(bad(format!("must be sns, smsaero, webhook or inbox, not {other:?}")).into()),
    };
    Ok(Named { name: name.to_owned(), carrier })
}
