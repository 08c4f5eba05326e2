//! Texts: what they say, and who sends them.

pub mod inbox;
pub mod sns;

use std::error::Error;

use crate::config::{self, BadParameter, Vars};
use crate::domain::code::OneTimeCode;
use crate::domain::phone::Phone;
use crate::lambda::StartError;
use crate::setup::Setup;

use inbox::Inbox;
use sns::Sns;

/// One SMS segment in the GSM 7-bit alphabet, in characters (3GPP TS 23.038).
const SEGMENT: usize = 160;

/// A text that did not leave, as its provider says.
#[derive(Debug, thiserror::Error)]
#[error("the text was refused")]
pub struct NotSent(#[source] pub Box<dyn Error + Send + Sync>);

/// Who sends the texts, and in whose name.
pub struct Sender {
    app_name: String,
    provider: Provider,
}

enum Provider {
    Inbox(Inbox),
    Sns(Sns),
}

impl Sender {
    /// The one that `SMS_PROVIDER` names.
    ///
    /// # Errors
    /// If a parameter is bad, or the inbox is asked for in a deployment.
    pub fn build(setup: &Setup) -> Result<Self, StartError> {
        let vars = &setup.vars;
        let provider = match vars.text(config::SMS_PROVIDER) {
            "inbox" if vars.is_deployed() => {
                let problem = "inbox sends nothing, and a deployed function has people to text".to_owned();
                return Err(BadParameter { name: config::SMS_PROVIDER.name, problem }.into());
            }
            "inbox" => Provider::Inbox(Inbox::new(setup)?),
            "sns" => Provider::Sns(Sns::new(setup)?),
            other => {
                let problem = format!("is to be sns or inbox, not {other:?}");
                return Err(BadParameter { name: config::SMS_PROVIDER.name, problem }.into());
            }
        };
        Ok(Self { app_name: app_name(vars)?, provider })
    }

    /// Texts a code.
    ///
    /// # Errors
    /// If the text is known not to have left.
    pub async fn send_code(&self, to: &Phone, code: &OneTimeCode) -> Result<(), NotSent> {
        let body = code_text(code.as_str(), &self.app_name);
        match &self.provider {
            Provider::Inbox(inbox) => inbox.send(to, body).await,
            Provider::Sns(sns) => sns.send(to, body).await,
        }
    }
}

/// The code comes first, where a lock screen shows it.
fn code_text(code: &str, app_name: &str) -> String {
    format!("{code} is your {app_name} code. Tell it to nobody.")
}

/// `APP_NAME`, checked to fit one segment with the longest code.
///
/// # Errors
/// If it does not, or a text cannot hold it.
pub fn app_name(vars: &Vars) -> Result<String, BadParameter> {
    let name = vars.text(config::APP_NAME);
    let problem = if name.chars().any(|c| !matches!(c, ' '..='~') || "`^{}[]~|\\".contains(c)) {
        "is to be of plain Latin letters, digits and punctuation, as texts are".to_owned()
    } else if code_text("12345678", name).len() > SEGMENT {
        format!("is too long: the text is to fit {SEGMENT} characters")
    } else {
        return Ok(name.to_owned());
    };
    Err(BadParameter { name: config::APP_NAME.name, problem })
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

    #[test]
    fn a_name_that_does_not_fit_a_text_is_refused() {
        let name = |text: &str| app_name(&Vars::from_iter([("APP_NAME", text)]));
        assert_eq!(name("Latchkey").unwrap(), "Latchkey");
        for bad in ["Ключ", "a\nb", "tilde~", &"x".repeat(130)] {
            assert!(name(bad).unwrap_err().to_string().starts_with("APP_NAME: "), "{bad:?}");
        }
    }
}
