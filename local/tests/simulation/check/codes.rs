//! Codes: none is compared too often, and each is spent once, by whoever had its text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey::domain::code::{OneTimeCode, Purpose};
use latchkey::domain::phone::Phone;

use super::{Verdict, ledger, rule};
use crate::truth::{Applied, Challenge, Truth, Violation, live_code, number, text};

/// Codes are registered as they become live; none is compared too often.
pub(super) fn codes(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.changes.iter().filter(|change| change.place.is_register()) {
        let Some(live) = live_code(change.after.as_deref()) else { continue };
        let id = text(live, "challenge_id").unwrap_or_default();
        if !truth.challenges.contains_key(id) {
            let challenge = Challenge {
                place: change.place.clone(),
                request: applied.request,
                sent_at: number(live, "sent_at"),
                purpose: text(live, "purpose").unwrap_or_default().to_owned(),
                hash: live["code_hash"]["B"].as_str().unwrap_or_default().to_owned(),
                texted: None,
                is_spent: false,
                compared: 0,
            };
            truth.challenges.insert(id.to_owned(), challenge);
        }
        let (attempts, most) = (number(live, "attempts"), i64::from(truth.rules.max_attempts));
        rule!(
            most == 0 || (0..=most).contains(&attempts),
            "attempts",
            "{attempts} of {most} at {}",
            change.place.key
        );
        rule!(!truth.challenges[id].is_spent, "spent_code_revived", "{id}");
    }
    Ok(())
}

/// Whether a hash is that of a code of a phone for a purpose.
pub(crate) fn is_hash(truth: &Truth, hash: &str, phone: &str, purpose: &Purpose, code: &str) -> bool {
    let Ok(phone) = Phone::parse(phone, "RU".parse().expect("a region")) else { return false };
    let (Ok(hash), code) = (STANDARD.decode(hash), OneTimeCode::typed(code)) else { return false };
    truth.pepper().entries().iter().any(|entry| entry.is_code(&hash, &phone, purpose, &code))
}

/// The code of `phone` that this transaction spends, which must be the one that was
/// typed, texted there, live, and never spent before.
pub(super) fn spends(truth: &mut Truth, applied: &Applied, phone: &str, purpose: &Purpose) -> Verdict {
    let Some(ledger) = ledger(truth, applied) else { return Ok(()) };
    let places = truth.code_places(phone);
    let spent = applied.changes.iter().find_map(|change| {
        let live = live_code(change.before.as_deref())?;
        (places.contains(&change.place) && live_code(change.after.as_deref()).is_none()).then_some(live)
    });
    let Some(live) = spent else {
        return Err(Violation {
            rule: "no_code_spent",
            seen: format!("{} {}: no code of {phone} is spent", ledger.id, ledger.call),
        });
    };
    let id = text(live, "challenge_id").unwrap_or_default().to_owned();
    let typed = ledger.call.field("code").unwrap_or_default();
    let hash = live["code_hash"]["B"].as_str().unwrap_or_default();
    rule!(is_hash(truth, hash, phone, purpose, typed), "wrong_code", "{} {}", ledger.id, ledger.call);
    rule!(
        number(live, "expires_at") > ledger.begun,
        "expired_code",
        "{} {}: {id} had expired",
        ledger.id,
        ledger.call
    );
    let challenge = &truth.challenges[&id];
    rule!(!challenge.is_spent, "code_spent_twice", "{} {}: {id}", ledger.id, ledger.call);
    let is_texted = challenge.texted.as_ref().is_some_and(|(to, code)| to == phone && code == typed);
    let is_tester = truth.rules.testers.get(phone).is_some_and(|code| code == typed);
    rule!(is_texted || is_tester, "code_never_texted", "{} {}: {id}", ledger.id, ledger.call);
    if let Some(challenge) = truth.challenges.get_mut(&id) {
        challenge.is_spent = true;
    }
    Ok(())
}
