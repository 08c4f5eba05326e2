//! What answers promise of sessions and their tokens.

use super::{was_always_on, was_ever_on};
use crate::call::{Answer, Caller, read_refresh};
use crate::check::{Verdict, rule};
use crate::truth::{Ledger, Place, Table, Truth, number, text};

/// A refresh token gives its one successor, for as long as it may; one that was
/// replaced before ends its session.
pub(super) fn refreshed(truth: &mut Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    let Some(sent) = ledger.call.field("refresh_token") else { return Ok(()) };
    let Some((user, session, generation)) = read_refresh(sent) else { return Ok(()) };
    let caller = Caller { user, session: session.clone(), ends_at: i64::MAX };
    let slot = Place::session(&caller.user, &session);
    let grace = truth.rules.grace * 1_000;
    let replaced_at = truth.replaced_at.get(&(session.clone(), generation)).copied();
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
            replaced_at.is_some_and(|at| ledger.begun < at + grace),
            "refreshed",
            "its token was replaced at {replaced_at:?}"
        );
        let key = (session, now_generation);
        let known = truth.successors.entry(key).or_insert_with(|| next.to_owned());
        rule!(known == next, "two_successors", "of generation {generation}");
        return Ok(());
    }
    if answer.code() == "invalid_refresh_token" {
        let was_old = replaced_at.is_some_and(|at| at + grace <= ledger.begun);
        let is_over = !truth.is_on(&caller.user, &session, truth.seq(), now);
        rule!(!was_old || is_over, "stolen", "a stolen token ends nothing");
        let was_present = truth
            .item_at(&slot, ledger.begun_seq)
            .is_some_and(|item| number(item, "generation") == i64::from(generation));
        let is_spurious = was_present
            && was_always_on(truth, ledger, &caller, now)
            && !truth.others_wrote(ledger, &slot)
            && !ledger.is_troubled(&slot);
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
    let grace = truth.rules.grace * 1_000;
    let is_old = refresh.is_some_and(|(_, _, generation)| {
        let later = truth.replaced_at.get(&(session.clone(), generation + 1)).copied();
        let replaced_at = truth.replaced_at.get(&(session.clone(), generation)).copied();
        later.is_some_and(|at| at + grace <= ledger.begun)
            || replaced_at.is_some_and(|at| at + grace <= ledger.begun)
    });
    if is_old && scope != "local" {
        // Whoever holds a token of long ago may be a thief: it ends its own session and
        // no other.
        let own = [Place::user(&user), Place::session(&user, &session)];
        let others =
            ledger.changes().any(|change| !own.contains(&change.place) || change.grown("epoch") != 0);
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
    let of = |id: &str| Caller { user: user.clone(), session: id.to_owned(), ends_at: i64::MAX };
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
