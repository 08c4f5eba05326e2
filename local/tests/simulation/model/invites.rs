//! What answers promise of invite codes.

use serde_json::Value;

use crate::call::Answer;
use crate::check::{Verdict, rule};
use crate::truth::{Ledger, Place, Truth, text};

pub(super) fn entered_invite(truth: &mut Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(caller) = ledger.call.caller() else { return Ok(()) };
    let place = Place::user(&caller.user);
    let typed = ledger.call.field("invite_code").unwrap_or_default().to_ascii_uppercase();
    let activated = |item: &Value| text(item, "activated_invite_code").map(str::to_owned);
    if answer.is_success() {
        let has_it =
            truth.versions(ledger, &place).flatten().any(|item| activated(item) == Some(typed.clone()));
        rule!(has_it, "not_activated", "{typed}");
    }
    if answer.code() == "invite_already_activated" {
        let has_one = truth.versions(ledger, &place).flatten().any(|item| activated(item).is_some());
        rule!(has_one, "not_activated", "none");
    }
    if answer.code() == "invite_code_not_found" {
        let item = truth.item_at(&place, ledger.begun_seq);
        let phone = item.and_then(|item| text(item, "phone")).map(str::to_owned);
        return phone.map_or(Ok(()), |phone| wrong_invite_is_counted(truth, ledger, &phone));
    }
    Ok(())
}

/// So many wrong invite codes a day for one phone, whatever account it has. Each is
/// counted under the phone, hashed with the entry of the pepper that is in use.
pub(super) fn wrong_invite_is_counted(truth: &mut Truth, ledger: &Ledger, phone: &str) -> Verdict {
    let counters = ledger.changes().filter(|change| change.place.key.starts_with("invites#"));
    let Some(counter) = counters.last().map(|change| change.place.key.clone()) else {
        let most = truth.rules.invite_guesses;
        rule!(most == 0, "wrong_invites", "one of {phone} is not counted");
        return Ok(());
    };
    let tries = truth.wrong_invites.entry((phone.to_owned(), counter)).or_default();
    *tries += 1;
    let (tries, most) = (*tries, truth.rules.invite_guesses);
    rule!(most == 0 || tries <= most, "wrong_invites", "{tries} of {most} by {phone}");
    Ok(())
}

pub(super) fn managed(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(caller) = ledger.call.caller().filter(|_| answer.is_success()) else { return Ok(()) };
    let place = Place::user(&caller.user);
    let was_admin = truth.versions(ledger, &place).flatten().any(|item| text(item, "role") == Some("admin"));
    rule!(was_admin, "let_in", "no admin");
    let code = answer.body["invite_code"].as_str().unwrap_or_default();
    let place = Place::invite(code);
    let is_so = |item: &Value| {
        let most = item["max_uses"]["N"].as_str().and_then(|most| most.parse::<u64>().ok());
        text(item, "owner_id").map(str::to_owned) == ledger.call.subject()
            && most == answer.body["max_uses"].as_u64()
            && item["revoked"]["BOOL"].as_bool().unwrap_or(false) == answer.body["revoked"]
    };
    rule!(truth.versions(ledger, &place).flatten().any(is_so), "not_changed", "{}", answer.body);
    Ok(())
}
