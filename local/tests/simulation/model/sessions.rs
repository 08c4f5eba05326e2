//! What answers promise of sessions and their tokens.

use serde_json::Value;

use super::{was_always_on, was_ever_on};
use crate::call::{Answer, Caller, read_refresh};
use crate::check::{Verdict, nothing_is_left_of, rule};
use crate::truth::{Change, Ledger, Place, Table, Truth, number, some_number, text};

/// Whether a refresh token that was replaced may come again: its successor was not used,
/// or just now, or it was itself replaced just now.
fn may_come_again(truth: &Truth, ledger: &Ledger, slot: &Place, session: &str, generation: u32) -> bool {
    let Some(at) = truth.replaced_at.get(&(session.to_owned(), generation)) else { return false };
    let (grace, retry) = (truth.rules.grace * 1_000, truth.rules.retry * 1_000);
    let is_next = |item: &Value| {
        let used_at = some_number(item, "used_at");
        number(item, "generation") == i64::from(generation) + 1
            && ledger.begun < at + retry
            && used_at.is_none_or(|at| ledger.begun < at + grace)
    };
    let was_just_replaced = ledger.begun < at + grace;
    let mut versions = truth.versions(ledger, slot).flatten();
    was_just_replaced || versions.any(|item| text(item, "id") == Some(session) && is_next(item))
}

/// A refresh token gives its one successor, for as long as it may; one that was
/// replaced before ends its session.
pub(super) fn refreshed(truth: &mut Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    let Some(sent) = ledger.call.field("refresh_token") else { return Ok(()) };
    let Some((user, session, generation)) = read_refresh(sent) else { return Ok(()) };
    let caller = Caller { user, session: session.clone(), ends_at: i64::MAX, generation: None };
    let slot = Place::session(&caller.user, &session);
    let replaced_at = truth.replaced_at.get(&(session.clone(), generation)).copied();
    let may_come_again = may_come_again(truth, ledger, &slot, &session, generation);
    if answer.is_success() {
        rule!(was_ever_on(truth, ledger, &caller), "refreshed", "the session was over");
        let next = answer.body["refresh_token"].as_str().unwrap_or_default();
        let (of, now_generation) = match read_refresh(next) {
            Some((_, of, now_generation)) => (of, now_generation),
            None => (String::new(), 0),
        };
        rule!(of == session, "refreshed", "a token of another session");
        rule!(now_generation > generation, "refreshed", "no newer token");
        rule!(
            replaced_at.is_some_and(|at| ledger.begun <= at) || may_come_again,
            "refreshed",
            "its token was replaced at {replaced_at:?}"
        );
        let key = (session, now_generation);
        let known = truth.successors.entry(key).or_insert_with(|| next.to_owned());
        rule!(known == next, "two_successors", "of generation {generation}");
        return Ok(());
    }
    if answer.code() == "invalid_refresh_token" {
        let was_old = replaced_at.is_some_and(|at| at < ledger.begun) && !may_come_again;
        let is_over = !truth.is_on(&caller.user, &session, truth.seq(), now);
        rule!(!was_old || is_over, "stolen", "a stolen token ends nothing");
        let is_stolen =
            was_old && ledger.committed() && !truth.others_wrote(ledger, &Place::user(&caller.user));
        if is_stolen {
            nothing_is_left_of(truth, &caller.user, &session)?;
        }
        let of = |item: &Value| number(item, "generation") - i64::from(generation);
        let present = truth.item_at(&slot, ledger.begun_seq);
        let was_present = present.is_some_and(|item| of(item) == 0);
        // Nobody used what replaced it, and that was lately enough.
        let is_due = |at: i64| now < at + truth.rules.retry * 1_000;
        let was_unused = present.is_some_and(|item| of(item) == 1 && item["used_at"].is_null())
            && replaced_at.is_some_and(is_due);
        // The request may have ended it itself.
        let was_on = truth.is_on(&caller.user, &session, ledger.begun_seq, now);
        let is_own =
            [&slot, &Place::user(&caller.user)].iter().all(|place| !truth.others_wrote(ledger, place));
        let is_spurious = (was_present || was_unused) && was_on && is_own && !ledger.is_troubled(&slot);
        rule!(!is_spurious, "kept_out", "its token was good");
    }
    Ok(())
}

/// A 204 promises that what was to end is over.
pub(super) fn signed_out(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    let refresh = ledger.call.field("refresh_token").and_then(read_refresh);
    let scope = ledger.call.field("scope").unwrap_or("local");
    let (user, session) = match (&refresh, ledger.call.caller()) {
        (Some((user, session, _)), _) => (user.clone(), session.clone()),
        (None, Some(caller)) => (caller.user, caller.session),
        (None, None) => return Ok(()),
    };
    let slot = Place::session(&user, &session);
    let is_old = refresh.is_some_and(|(_, _, generation)| {
        let replaced_at = truth.replaced_at.get(&(session.clone(), generation));
        replaced_at.is_some_and(|at| *at < ledger.begun)
            && !may_come_again(truth, ledger, &slot, &session, generation)
    });
    if is_old && scope != "local" {
        // Whoever holds a token of long ago may be a thief: it ends its own session and
        // no other.
        // What came through that goes with it.
        let own = [Place::user(&user), Place::session(&user, &session)];
        let gone: Vec<_> =
            ledger.changes().filter_map(|change| change.place.key.strip_prefix("passkey#")).collect();
        let came_through = |change: &Change| {
            change.place.key.starts_with("passkey#")
                || text(change.before(), "passkey_id").is_some_and(|by| gone.contains(&by))
        };
        let others = ledger.changes().any(|change| {
            !(own.contains(&change.place) || came_through(change)) || change.grown("epoch") != 0
        });
        rule!(!others, "signed_out_by_old_token", "{scope}");
    }
    if !answer.is_success() || is_old {
        return Ok(());
    }
    let is_on = |id: &str| truth.is_on(&user, id, truth.seq(), now);
    if scope == "local" {
        rule!(!is_on(&session), "still_signed_in", "{session}");
    }
    // Whoever was out before gets a 204, too, and does nothing for those who are in.
    let was_on = truth.is_on(&user, &session, ledger.begun_seq, ledger.begun);
    if scope != "local" && was_on {
        let prefix = format!("{user}/");
        let slots: Vec<_> = truth.items(Table::Sessions, &prefix).map(|(place, _)| place.clone()).collect();
        for place in slots {
            let Some(before) = truth.item_at(&place, ledger.begun_seq).and_then(|item| text(item, "id"))
            else {
                continue;
            };
            let is_kept = scope == "others" && before == session;
            rule!(is_kept || !is_on(before), "still_signed_in", "{before}");
        }
    }
    Ok(())
}

pub(super) fn revoked(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    let Some(user) = ledger.call.subject() else { return Ok(()) };
    let session = ledger.call.path.rsplit('/').next().unwrap_or_default();
    if answer.is_success() {
        rule!(!truth.is_on(&user, session, truth.seq(), now), "still_signed_in", "{session}");
    }
    Ok(())
}

/// A list of devices has all sessions that were on all the time, and none that was
/// over.
pub(super) fn sessions_are_shown(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    let Some(user) = ledger.call.subject().filter(|_| answer.is_success()) else { return Ok(()) };
    let shown = answer.body["items"].as_array().into_iter().flatten();
    let shown: Vec<_> = shown.filter_map(|item| item["id"].as_str()).collect();
    let of =
        |id: &str| Caller { user: user.clone(), session: id.to_owned(), ends_at: i64::MAX, generation: None };
    for id in &shown {
        rule!(was_ever_on(truth, ledger, &of(id)), "sessions_shown", "{id} was over");
    }
    let prefix = format!("{user}/");
    for (_, item) in truth.items(Table::Sessions, &prefix) {
        let id = text(item, "id").unwrap_or_default();
        let is_missing = !shown.contains(&id) && was_always_on(truth, ledger, &of(id), now);
        rule!(!is_missing, "sessions_shown", "{id} is on");
    }
    Ok(())
}
