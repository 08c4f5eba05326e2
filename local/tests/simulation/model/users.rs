//! What answers promise of users and their profiles.

use serde_json::Value;

use crate::call::Answer;
use crate::check::{Verdict, rule};
use crate::truth::{Ledger, Place, Table, Truth, text};

pub(super) fn moved(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let (Some(caller), Some(phone)) = (ledger.call.caller(), ledger.call.field("phone")) else {
        return Ok(());
    };
    if answer.is_success() {
        let place = Place::phone(phone);
        let is_theirs = truth
            .versions(ledger, &place)
            .flatten()
            .any(|item| text(item, "owner_id") == Some(&*caller.user));
        rule!(is_theirs, "not_moved", "{phone} is not theirs");
    }
    if answer.code() == "phone_taken" {
        let place = Place::phone(phone);
        let is_taken = truth.versions(ledger, &place).flatten().count() > 0;
        rule!(is_taken, "not_taken", "{phone} is free");
    }
    Ok(())
}

pub(super) fn deleted(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(user) = ledger.call.subject() else { return Ok(()) };
    if answer.is_success() {
        rule!(truth.item(&Place::user(&user)).is_none(), "not_deleted", "{user} is there");
    }
    Ok(())
}

/// What a 200 says was set is what the user was at some time meanwhile.
pub(super) fn patched(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let (Some(user), Some(wanted)) = (ledger.call.subject(), &ledger.call.json) else { return Ok(()) };
    if !answer.is_success() {
        return Ok(());
    }
    let place = Place::user(&user);
    let fits = |item: &Value| {
        ["email", "city", "telegram_id", "role", "status"].into_iter().all(|name| match wanted.get(name) {
            None => true,
            Some(Value::Null) => text(item, name).is_none(),
            Some(value) => text(item, name) == value.as_str(),
        })
    };
    rule!(truth.versions(ledger, &place).flatten().any(fits), "not_changed", "{wanted}");
    shown(truth, ledger, answer)
}

/// A profile is what the user was at some time meanwhile.
pub(super) fn shown(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(user) = ledger.call.subject().filter(|_| answer.is_success()) else { return Ok(()) };
    let place = Place::user(&user);
    let is_it = |item: &Value| {
        ["id", "phone", "invite_code", "role", "status", "email", "city", "telegram_id"]
            .into_iter()
            .all(|name| text(item, name) == answer.body[name].as_str())
    };
    rule!(truth.versions(ledger, &place).flatten().any(is_it), "not_shown", "{}", answer.body);
    Ok(())
}

/// An export's first page holds the account as it was at some time meanwhile, and every session
/// that was stored all the time; each page of what is on record, what was done to whoever asks.
pub(super) fn exported(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(caller) = ledger.call.caller().filter(|_| answer.is_success()) else { return Ok(()) };
    for act in answer.body["acts"].as_array().into_iter().flatten() {
        let mut entries = truth.items(Table::Audit, "");
        let entry = entries.find(|(_, entry)| text(entry, "id") == act["id"].as_str());
        let is_theirs = entry.is_some_and(|(_, entry)| text(entry, "target") == Some(&caller.user));
        rule!(is_theirs, "act_of_another", "{act}");
    }
    let account = &answer.body["account"];
    if account.is_null() {
        return Ok(());
    }
    let names = ["id", "phone", "invite_code", "role", "status", "email", "city", "telegram_id"];
    let is_it = |item: &Value| names.iter().all(|name| text(item, name) == account[*name].as_str());
    let place = Place::user(&caller.user);
    rule!(truth.versions(ledger, &place).flatten().any(is_it), "not_exported", "{account}");
    let shown: Vec<_> = account["sessions"].as_array().into_iter().flatten().map(|of| &of["id"]).collect();
    for (place, item) in truth.items(Table::Sessions, &format!("{}/", caller.user)) {
        let id = text(item, "id").unwrap_or_default();
        let is_old = truth.moments(ledger, std::slice::from_ref(place)).len() == 1;
        rule!(!is_old || shown.iter().any(|shown| **shown == id), "not_exported", "session {id}");
    }
    Ok(())
}

/// A profile's count of referrals is how many there are.
pub(super) fn referrals_are_counted(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(user) = ledger.call.subject().filter(|_| answer.is_success()) else { return Ok(()) };
    let shards: Vec<_> = (0..8).map(|n| Place::new(Table::Users, format!("refs#{user}#{n}"))).collect();
    if truth.moments(ledger, &shards).len() > 1 {
        return Ok(());
    }
    let edges = truth.edges_of(&user, ledger.begun_seq);
    rule!(answer.body["referrals_count"] == edges, "referrals_shown", "{edges} are there");
    Ok(())
}

pub(super) fn pictured(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(caller) = ledger.call.caller().filter(|_| answer.is_success()) else { return Ok(()) };
    let url = answer.body["avatar_url"].as_str().unwrap_or_default();
    let id = url.rsplit('/').next().unwrap_or_default();
    let place = Place::user(&caller.user);
    let has_it = truth.versions(ledger, &place).flatten().any(|item| text(item, "avatar_id") == Some(id));
    rule!(has_it, "not_pictured", "{id}");
    Ok(())
}
