//! What a refusal promises: that it took nothing, and that there was a reason.

use std::collections::HashSet;

use serde_json::Value;

use super::DAY;
use crate::call::Answer;
use crate::check::{Verdict, rule};
use crate::truth::{Change, Direction, Ledger, Place, Table, Truth, live_code, number, text};
use crate::weather::Trouble;

/// What is refused takes nothing, and `unavailable` changed nothing: whatever was
/// counted on the way is given back, unless that itself met trouble.
pub(super) fn undone(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    if answer.code() == "outcome_unknown" {
        return Ok(());
    }
    let is_unavailable = answer.code() == "unavailable";
    // A refresh token that was stolen ends its session, with its device.
    let may_end = matches!(ledger.call.route, "POST /v1/auth/refresh" | "POST /v1/auth/logout");
    let may_end = may_end && !is_unavailable;
    rule!(may_end || !ledger.committed(), "done_and_refused", "a transaction of it took effect");
    let excused = |place: &Place| {
        // What others count, too, may be counted twice where an answer was lost.
        let is_counter = place.table == Table::Codes && !place.is_register();
        if is_unavailable && !is_counter {
            ledger.is_troubled_in(place, Direction::GiveBack)
        } else {
            ledger.is_troubled(place)
        }
    };
    let mut places: Vec<_> = ledger.changes().map(|change| &change.place).collect();
    places.sort();
    places.dedup();
    for place in places.into_iter().filter(|place| !excused(place)) {
        let changes: Vec<_> = ledger.changes().filter(|change| change.place == *place).collect();
        let kind = place.key.split('#').next().unwrap_or_default();
        match (place.table, kind) {
            (Table::Codes, "texts" | "codes") => {
                let taken: i64 = changes.iter().map(|change| change.grown("n")).sum();
                // When its hour or day is over, the item goes.
                let is_over = truth.item(place).is_none();
                rule!(taken == 0 || is_over, "refusal_takes", "{} grew by {taken}", place.key);
            }
            (Table::Codes, "phone" | "known") => code_is_given_back(truth, ledger, answer, place)?,
            // Addresses and invite codes are counted whatever comes of it; a key is
            // remembered; the guard may learn.
            (Table::Codes, _) => {}
            (Table::Sessions | Table::Users, _) if changes.iter().all(|change| only_notes(change)) => {}
            (Table::Sessions | Table::Users | Table::Audit, _) => {
                rule!(may_end, "refusal_takes", "{} changed", place.key);
            }
        }
    }
    Ok(())
}

/// Whether a change only says that a count is spread from now on, or that a session's
/// tokens are in use.
fn only_notes(change: &Change) -> bool {
    let rest = |item: &Value| {
        let mut item = item.clone();
        for name in ["referral_shards", "shards", "used_at", "written_by"] {
            item.as_object_mut().map(|item| item.remove(name));
        }
        item
    };
    rest(change.before()) == rest(change.after())
}

/// A code that was made live for a refused request is live no more, and a guess that
/// was not compared counts no more.
fn code_is_given_back(truth: &Truth, ledger: &Ledger, answer: &Answer, place: &Place) -> Verdict {
    let changes = || ledger.changes().filter(|change| change.place == *place);
    let id =
        |item: &Value| live_code(Some(item)).and_then(|live| text(live, "challenge_id")).map(str::to_owned);
    let issued = changes().filter_map(|change| {
        let (before, after) = (id(change.before()), id(change.after()));
        if before == after { None } else { after }
    });
    let is_own = |code: &String| truth.challenges.get(code).is_some_and(|of| of.request == Some(ledger.id));
    for code in issued.filter(is_own) {
        let is_back = changes().any(|change| {
            id(change.before()).as_ref() == Some(&code) && id(change.after()).as_ref() != Some(&code)
        });
        let is_live = truth.item(place).and_then(id) == Some(code.clone());
        rule!(is_back || !is_live, "refusal_takes", "the code {code} stays live");
    }
    let compared =
        matches!(answer.code(), "invalid_code" | "account_banned" | "phone_taken" | "session_ended");
    // With its code a guess is gone, too.
    let last = changes().last().and_then(|change| id(change.after()));
    let is_there = last.is_some() && truth.item(place).and_then(id) == last;
    if !compared && is_there {
        let guesses = counted_guesses(ledger, place);
        rule!(guesses == 0, "guess_kept", "{guesses} guesses stay counted at {}", place.key);
    }
    Ok(())
}

/// How many guesses of a request stay counted at a phone's item. An attempt that was given
/// up, and arrives once more after somebody else wrote, counts another that nobody
/// knows of: on the safe side.
fn counted_guesses(ledger: &Ledger, place: &Place) -> i64 {
    let changes = ledger.changes().filter(|change| change.place == *place);
    let mut done = HashSet::new();
    changes
        .filter(|change| {
            let (before, after) = (text(change.before(), "written_by"), text(change.after(), "written_by"));
            done.insert(after) || before == after
        })
        .filter_map(|change| {
            let (before, after) = (live_code(change.before.as_deref())?, live_code(change.after.as_deref())?);
            let is_same = text(before, "challenge_id") == text(after, "challenge_id");
            is_same.then(|| number(after, "attempts") - number(before, "attempts"))
        })
        .sum()
}

/// Whoever meets a transaction at an item waits for it to end: that alone, a few times,
/// is nobody's `unavailable`.
pub(super) fn conflicts_are_waited_for(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let only_conflicts = ledger.met.keys().all(|met| *met == Trouble::Conflict);
    let conflicts = ledger.met.get(&Trouble::Conflict).copied().unwrap_or_default();
    // Reads that several share are nobody's own.
    let has_read = !truth.troubled_reads.iter().any(|at| *at >= ledger.begun);
    rule!(
        answer.code() != "unavailable" || !only_conflicts || !(1..=3).contains(&conflicts) || !has_read,
        "conflict_not_waited_for",
        "{conflicts} conflicts"
    );
    Ok(())
}

/// A limit of a phone is told only where it was met.
pub(super) fn limit_is_met(truth: &Truth, ledger: &Ledger, answer: &Answer, phone: &str) -> Verdict {
    let mut places = truth.code_places(phone);
    if comes_from_known_device(truth, ledger, phone) {
        // Whatever strangers did is nothing to it.
        places.retain(Place::is_of_known);
    }
    let mut versions = places.iter().flat_map(|place| truth.versions(ledger, place)).flatten();
    let full = |item: &Value, name: &str, window: i64| number(item, name) > ledger.begun - window;
    let rules = &truth.rules;
    let is_met = match answer.code() {
        "resend_too_soon" => versions.any(|item| full(item, "t1", rules.cooldown * 1_000)),
        "too_many_codes" => versions.any(|item| {
            full(item, &format!("t{}", rules.per_phone_hour), 3_600_000)
                || full(item, &format!("t{}", rules.per_phone_day), DAY)
        }),
        "too_many_guesses" => versions.any(|item| full(item, &format!("g{}", rules.guesses_per_day), DAY)),
        _ => true,
    };
    rule!(is_met, "limit_not_met", "at {phone}");
    Ok(())
}

/// Whether a request carries a device token of whoever has the phone, and did so all
/// the time.
fn comes_from_known_device(truth: &Truth, ledger: &Ledger, phone: &str) -> bool {
    let Some(token) = ledger.call.field("device_token") else { return false };
    let mut parts = token.split('.').skip(1);
    let (Some(user), Some(device)) = (parts.next(), parts.next()) else { return false };
    let is_sign_in = ledger.call.field("purpose").is_none_or(|purpose| purpose == "sign_in");
    let place = Place::user(user);
    let is_listed = |item: Option<&Value>| {
        item.is_some_and(|item| {
            text(item, "phone") == Some(phone)
                && text(item, "status") == Some("active")
                && item["devices"].to_string().contains(device)
        })
    };
    is_sign_in && ledger.call.field("challenge_id").is_none() && truth.versions(ledger, &place).all(is_listed)
}
