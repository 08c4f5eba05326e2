//! Amazon SNS: texts for real.

use aws_sdk_sns::Client;
use aws_sdk_sns::config::BehaviorVersion;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::types::MessageAttributeValue;
use futures_util::future::BoxFuture;

use crate::base::config::{self, BadParameter, Parameter, Vars};
use crate::base::error::Chain;
use crate::cloud::setup::Setup;
use crate::domain::fate::Why;
use crate::sms::carrier::{Carrier, TIMEOUT, Text};
use crate::sms::refusal::{NotSent, is_unreached};

/// The sender.
pub struct Sns {
    client: Client,
    attributes: Vec<(&'static str, MessageAttributeValue)>,
}

impl Sns {
    /// The parameters that [`Sns::new`] reads.
    pub const PARAMETERS: &[&Parameter] = &[
        config::SNS_SENDER_ID,
        config::SNS_ORIGINATION_NUMBER,
        config::SNS_MAX_PRICE,
        config::AWS_ENDPOINT_URL_SNS,
    ];

    /// With retries off: a text that may have left is not sent again.
    pub fn new(setup: &Setup) -> Result<Self, BadParameter> {
        let vars = &setup.vars;
        let shared = crate::cloud::clients::shared_config(vars);
        let builder = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(shared.region)
            .credentials_provider(shared.credentials)
            .http_client(setup.http_client())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).build());
        let config = match vars.optional(config::AWS_ENDPOINT_URL_SNS) {
            Some(url) => builder.endpoint_url(url),
            None => builder,
        };
        Ok(Self { client: Client::from_conf(config.build()), attributes: attributes(vars)? })
    }

    async fn publish(&self, text: &Text) -> Result<(), NotSent> {
        let mut publish = self.client.publish().phone_number(text.to.as_str()).message(&text.body);
        for (name, value) in &self.attributes {
            publish = publish.message_attributes(*name, value.clone());
        }
        match publish.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.raw().status().is_client_error() => {
                let error = error.into_err();
                Err(NotSent::new(why(error.code(), error.message()), error))
            }
            Err(error @ SdkError::ConstructionFailure(_)) => Err(NotSent::new(Why::Refused, error)),
            Err(error) if is_unreached(&error) => Err(NotSent::new(Why::Refused, error)),
            Err(error) => {
                tracing::warn!(cause = %Chain(&error), "a text may have left, its answer is lost");
                Ok(())
            }
        }
    }
}

impl Carrier for Sns {
    fn send<'a>(&'a self, text: &'a Text) -> BoxFuture<'a, Result<(), NotSent>> {
        Box::pin(self.publish(text))
    }
}

/// Why SNS refuses a text. Its codes are few (API reference, `Publish`), so
/// that some of it is in its words only; and much it finds out later and tells
/// the delivery log alone.
fn why(code: Option<&str>, message: Option<&str>) -> Why {
    let message = message.unwrap_or_default().to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match code.unwrap_or_default() {
        "OptedOut" | "OptedOutException" => Why::OptedOut,
        "Throttled" | "ThrottledException" | "Throttling" | "ThrottlingException" => Why::Throttled,
        _ if says(&["opted out"]) => Why::OptedOut,
        _ if says(&["spend", "quota"]) => Why::OverBudget,
        _ if says(&["sandbox", "verified"]) => Why::Refused,
        "InvalidParameter" | "InvalidParameterValue" | "ParameterValueInvalid" | "ValidationException"
            if says(&["phone"]) =>
        {
            Why::BadNumber
        }
        _ => Why::Refused,
    }
}

/// The attributes that SNS knows for texts (SNS Developer Guide, "Sending SMS
/// messages"): codes are Transactional, so that they go first.
fn attributes(vars: &Vars) -> Result<Vec<(&'static str, MessageAttributeValue)>, BadParameter> {
    let value = |kind: &str, text: &str| {
        MessageAttributeValue::builder()
            .data_type(kind)
            .string_value(text)
            .build()
            .expect("an attribute has a type")
    };
    let mut all = vec![("AWS.SNS.SMS.SMSType", value("String", "Transactional"))];
    if let Some(id) = vars.optional(config::SNS_SENDER_ID) {
        let fits = (1..=11).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && id.bytes().any(|byte| byte.is_ascii_alphabetic());
        if !fits {
            let problem =
                format!("must be 1 to 11 letters, digits and hyphens, a letter among them, not {id:?}");
            return Err(BadParameter { name: config::SNS_SENDER_ID.name, problem });
        }
        all.push(("AWS.SNS.SMS.SenderID", value("String", id)));
    }
    if let Some(number) = vars.optional(config::SNS_ORIGINATION_NUMBER) {
        // SNS Developer Guide, "Dedicated short codes": three to seven digits.
        let (digits, lengths) = number.strip_prefix('+').map_or((number, 3..=7), |digits| (digits, 5..=15));
        if !lengths.contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let problem = format!("must be a number in E.164 or a short code, not {number:?}");
            return Err(BadParameter { name: config::SNS_ORIGINATION_NUMBER.name, problem });
        }
        all.push(("AWS.MM.SMS.OriginationNumber", value("String", number)));
    }
    if let Some(price) = vars.optional(config::SNS_MAX_PRICE) {
        if !price.parse::<f64>().is_ok_and(|price| price.is_finite() && price > 0.0) {
            let problem = format!("must be a price in USD such as 0.10, not {price:?}");
            return Err(BadParameter { name: config::SNS_MAX_PRICE.name, problem });
        }
        all.push(("AWS.SNS.SMS.MaxPrice", value("Number", price)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_its_code_and_words() {
        for (code, message, expected) in [
            ("OptedOut", "", Why::OptedOut),
            (
                "InvalidParameter",
                "Invalid parameter: PhoneNumber Reason: phone number is opted out",
                Why::OptedOut,
            ),
            ("Throttled", "Rate exceeded", Why::Throttled),
            (
                "InvalidParameter",
                "Invalid parameter: PhoneNumber Reason: not valid to publish to",
                Why::BadNumber,
            ),
            ("InvalidParameter", "phone number is not verified in the SMS sandbox", Why::Refused),
            ("LimitExceeded", "No quota left for account", Why::OverBudget),
            ("InvalidParameter", "Invalid parameter: MaxPrice", Why::Refused),
            ("AuthorizationError", "not authorized to perform: SNS:Publish", Why::Refused),
        ] {
            assert_eq!(why(Some(code), Some(message)), expected, "{code} {message}");
        }
        assert_eq!(why(None, None), Why::Refused);
    }

    #[test]
    fn bad_parameters_are_named() {
        for (name, value) in [
            ("SNS_SENDER_ID", "twelve-chars"),
            ("SNS_SENDER_ID", "12345"),
            ("SNS_ORIGINATION_NUMBER", "12065550100"),
            ("SNS_MAX_PRICE", "cheap"),
            ("SNS_MAX_PRICE", "-1"),
        ] {
            let error = attributes(&Vars::from_iter([(name, value)])).unwrap_err();
            assert_eq!(error.name, name);
        }
    }
}
