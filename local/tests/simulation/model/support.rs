//! What those who look a phone up are told.

use latchkey::base::world::Rfc3339;
use serde_json::Value;

use crate::call::Answer;
use crate::check::{Verdict, rule};
use crate::truth::{Challenge, Ledger, Place, Table, Truth, text};

/// Staff are told what became of each text: entered where its code was spent, and refused
/// where no carrier has it.
pub(super) fn looked_up(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    if !answer.is_success() {
        return Ok(());
    }
    let caller = ledger.call.caller().map(|caller| Place::user(&caller.user));
    let is_staff = caller.is_some_and(|place| {
        let role = |item| text(item, "role").is_some_and(|role| role != "user");
        truth.versions(ledger, &place).flatten().any(role)
    });
    rule!(is_staff, "looked_up_by_whom", "{}", ledger.call);
    let is_on_record = ledger.changes().any(|change| change.place.table == Table::Audit);
    rule!(is_on_record, "off_the_record", "{}", ledger.call);
    let phone = answer.body["phone"].as_str().unwrap_or_default();
    if truth.rules.testers.contains_key(phone) {
        return Ok(());
    }
    for register in answer.body["registers"].as_array().into_iter().flatten() {
        let is_known = register["register"] == "known_devices";
        let mut places = truth.code_places(phone);
        places.retain(|place| place.is_of_known() == is_known);
        // Whoever asks or enters meanwhile may or may not be seen.
        if places.iter().any(|place| truth.others_wrote(ledger, place)) {
            continue;
        }
        for told in register["texts"].as_array().into_iter().flatten() {
            fate_is_true(truth, &places, told)?;
        }
    }
    Ok(())
}

fn fate_is_true(truth: &Truth, places: &[Place], told: &Value) -> Verdict {
    let at: Rfc3339 = serde_json::from_value(told["asked_at"].clone()).expect("a time, as described");
    let at = at.0.seconds();
    let of_then = |challenge: &&Challenge| {
        places.contains(&challenge.place) && challenge.sent_at.div_euclid(1_000) == at
    };
    let challenges: Vec<_> = truth.challenges.values().filter(of_then).collect();
    let is_spent = challenges.iter().any(|challenge| challenge.is_spent);
    let is_texted = challenges.iter().any(|challenge| challenge.texted.is_some());
    match told["outcome"].as_str() {
        Some("entered") => rule!(is_spent, "fate_told", "{told}: no code was spent"),
        Some("refused") => rule!(!is_texted || challenges.len() > 1, "fate_told", "{told}: a carrier has it"),
        // A notice has no code.
        _ => rule!(!is_spent || challenges.len() > 1, "fate_told", "{told}: its code was spent"),
    }
    Ok(())
}
