//! Texts by SNS, at the request: what it is asked, and what its answers mean.

use std::collections::BTreeMap;

use crate::app::{App, phone};
use crate::faults::Carrier;

const SNS: &[(&str, &str)] = &[("SMS_PROVIDER", "sns"), ("REVEAL_CODE", "true")];

/// The fields of a request of the Query protocol.
fn fields(body: &str) -> BTreeMap<String, String> {
    serde_html_form::from_str::<Vec<(String, String)>>(body).unwrap().into_iter().collect()
}

#[tokio::test]
async fn sns_is_asked_for_a_transactional_text() {
    let more = [
        ("SNS_SENDER_ID", "Latchkey"),
        ("SNS_ORIGINATION_NUMBER", "+12065550100"),
        ("SNS_MAX_PRICE", "0.10"),
    ];
    let app = App::with(&[SNS, &more].concat()).await;
    let code = app.code_for(&phone(1)).await;
    let texts = app.faults.texts();
    assert_eq!(texts.len(), 1);
    let fields = fields(&texts[0]);
    assert_eq!((&*fields["Action"], &*fields["PhoneNumber"]), ("Publish", &*phone(1)));
    assert_eq!(fields["Message"], format!("{code} is your Latchkey code. Tell it to nobody."));
    let attributes: BTreeMap<_, _> = (1..=4)
        .map(|n| {
            let of = |what: &str| fields[&format!("MessageAttributes.entry.{n}.{what}")].as_str();
            (of("Name"), (of("Value.DataType"), of("Value.StringValue")))
        })
        .collect();
    assert_eq!(
        attributes,
        BTreeMap::from([
            ("AWS.SNS.SMS.SMSType", ("String", "Transactional")),
            ("AWS.SNS.SMS.SenderID", ("String", "Latchkey")),
            ("AWS.MM.SMS.OriginationNumber", ("String", "+12065550100")),
            ("AWS.SNS.SMS.MaxPrice", ("Number", "0.10")),
        ])
    );
    app.exchange(&phone(1), &code).await.ok(200);
}

#[tokio::test]
async fn a_text_that_sns_refuses_costs_nothing() {
    let app = App::with(SNS).await;
    for code in ["InvalidParameter", "OptedOut", "Throttled", "AuthorizationError", "ValidationException"] {
        app.faults.carrier(Carrier::Refuses(code));
        app.request_code(&phone(1)).await.problem(503, "text_not_sent");
        assert_eq!(app.faults.texts().len(), 1, "{code}: retries are off");
    }
    app.faults.carrier(Carrier::Takes);
    app.code_for(&phone(1)).await;
}

#[tokio::test]
async fn a_text_that_may_have_left_counts_as_sent() {
    for (n, carrier) in [(1, Carrier::Silent), (2, Carrier::Breaks)] {
        let app = App::with(SNS).await;
        app.faults.carrier(carrier);
        let code = app.code_for(&phone(n)).await;
        assert_eq!(app.faults.texts().len(), 1, "{carrier:?}: retries are off");
        app.request_code(&phone(n)).await.problem(429, "resend_too_soon");
        app.exchange(&phone(n), &code).await.ok(200);
    }
}
