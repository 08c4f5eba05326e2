//! What answers promise of passkeys.

use std::collections::BTreeSet;

use serde_json::Value;

use super::codes::{answered_again, begun_by_this};
use crate::call::{Answer, id_of_passkey};
use crate::check::{Verdict, rule};
use crate::truth::{Ledger, Place, Table, Truth, text};

fn place(id: &str) -> Place {
    Place::new(Table::Users, format!("passkey#{id}"))
}

/// A 200 promises a session of whoever has the passkey; one that was there all the time,
/// with a challenge that was not answered before, is never refused.
pub(super) fn entered_passkey(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    rule!(!(answer.is_success() && ledger.call.is_forged), "forged", "it is let in");
    if answer.is_success() {
        if begun_by_this(truth, ledger, answer)? {
            let id = id_of_passkey(&ledger.call).unwrap_or_default();
            let place = place(&id);
            let owner = truth.versions(ledger, &place).flatten().find_map(|item| text(item, "user_id"));
            rule!(owner == answer.body["user"]["id"].as_str(), "tokens", "of another's passkey {id}");
        }
        rule!(answer.body["is_new"] == false, "tokens", "a passkey makes no account");
        return Ok(());
    }
    answered_again(truth, ledger, answer, now)?;
    if answer.code() == "passkey_not_accepted" {
        return good_passkey_is_taken(truth, ledger, now);
    }
    Ok(())
}

fn good_passkey_is_taken(truth: &Truth, ledger: &Ledger, now: i64) -> Verdict {
    let id = id_of_passkey(&ledger.call).unwrap_or_default();
    let challenge = ledger.call.field("challenge_id").unwrap_or_default();
    let spent = Place::new(Table::Codes, format!("passkey-challenge#{challenge}"));
    let given = challenge.split('.').nth(1).and_then(|at| at.parse::<i64>().ok()).unwrap_or_default();
    let is_fresh = truth.versions(ledger, &spent).all(|item| item.is_none()) && now < given + 300_000;
    let is_there = truth.versions(ledger, &place(&id)).all(|item| item.is_some());
    // An instance that started before the entry was added cannot tell that it is ours.
    let entry = challenge.split('.').nth(3).unwrap_or_default();
    let is_of_first = truth.pepper().entries().first().is_some_and(|first| first.id() == entry);
    let is_good = is_there && is_fresh && is_of_first && !ledger.call.is_forged;
    rule!(!is_good, "good_passkey_refused", "{id}");
    Ok(())
}

/// A 201 promises that the passkey is there, by this request or by the same before.
pub(super) fn added_passkey(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    if !answer.is_success() {
        return Ok(());
    }
    let id = answer.body["id"].as_str().unwrap_or_default();
    rule!(Some(id) == id_of_passkey(&ledger.call).as_deref(), "passkey_added", "another: {id}");
    let owner = ledger.call.caller().map(|caller| caller.user);
    let was_there =
        truth.versions(ledger, &place(id)).flatten().any(|item| text(item, "user_id") == owner.as_deref());
    rule!(was_there, "passkey_added", "{id} was never there");
    Ok(())
}

/// A 204 promises that it is gone.
pub(super) fn removed_passkey(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let id = ledger.call.path.rsplit('/').next().unwrap_or_default();
    if answer.is_success() {
        let was_gone = truth.versions(ledger, &place(id)).any(|item| item.is_none());
        rule!(was_gone, "passkey_removed", "{id} is there");
    }
    if answer.code() == "passkey_not_found" {
        let owner = ledger.call.subject();
        let is_theirs =
            |item: Option<&Value>| item.is_some_and(|item| text(item, "user_id") == owner.as_deref());
        rule!(!truth.versions(ledger, &place(id)).all(is_theirs), "passkey_removed", "{id} was there");
    }
    Ok(())
}

/// A list has all passkeys that were there all the time, and none that never was.
pub(super) fn passkeys_are_shown(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(user) = ledger.call.subject().filter(|_| answer.is_success()) else { return Ok(()) };
    let shown = answer.body["items"].as_array().into_iter().flatten();
    let shown: BTreeSet<_> = shown.filter_map(|item| item["id"].as_str()).collect();
    let is_theirs = |item: Option<&Value>| item.is_some_and(|item| text(item, "user_id") == Some(&user));
    for id in &shown {
        rule!(truth.versions(ledger, &place(id)).any(is_theirs), "passkeys_shown", "{id} was never there");
    }
    let all: Vec<_> = truth.items(Table::Users, "passkey#").map(|(place, _)| place.clone()).collect();
    for place in all {
        let id = place.key.trim_start_matches("passkey#");
        let was_there = truth.versions(ledger, &place).all(is_theirs);
        rule!(!was_there || shown.contains(id), "passkeys_shown", "{id} is not shown");
    }
    Ok(())
}
