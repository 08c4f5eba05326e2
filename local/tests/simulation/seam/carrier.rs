//! A carrier, as SNS answers for it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use percent_encoding::percent_decode_str;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::weather::Trouble;

/// What a carrier answers.
pub(super) fn carrier(trouble: Option<Trouble>, chance: &mut StdRng) -> HttpResponse {
    let error = |code: &str, words: &str| {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error></ErrorResponse>"
        )
    };
    let (status, body) = match trouble {
        Some(Trouble::CarrierRefuses) => {
            let (code, words) = [
                ("OptedOut", "phone number is opted out"),
                ("Throttled", "Rate exceeded"),
                ("InvalidParameter", "Invalid parameter: PhoneNumber Reason: not valid to publish to"),
                ("LimitExceeded", "No quota left for account"),
                ("AuthorizationError", "not authorized to perform: SNS:Publish"),
            ][chance.random_range(0..5)];
            (400, error(code, words))
        }
        Some(Trouble::CarrierBreaks) => (500, error("InternalFailure", "")),
        _ => {
            let taken = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                         <MessageId>m</MessageId></PublishResult></PublishResponse>";
            (200, taken.to_owned())
        }
    };
    HttpResponse::new(u16::try_into(status).unwrap(), SdkBody::from(body))
}

/// A field of `application/x-www-form-urlencoded`.
pub(super) fn form_field(form: &str, name: &str) -> String {
    let fields = form.split('&').filter_map(|field| field.split_once('='));
    let value = fields.filter(|(of, _)| *of == name).map(|(_, value)| value.replace('+', " ")).next();
    percent_decode_str(&value.unwrap_or_default()).decode_utf8_lossy().into_owned()
}
