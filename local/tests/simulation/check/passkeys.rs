//! Passkeys: who adds and removes them, what they begin, and what ends with them.

use latchkey::domain::session::HOLD;
use serde_json::Value;

use super::users::signed_in_lately;
use super::{Verdict, ledger, rule};
use crate::call::id_of_passkey;
use crate::truth::{Applied, Ledger, Place, Table, Truth, Version, number, some_number, text};

/// How many a user can have.
const MOST: usize = 10;

/// How long a challenge is good.
const CHALLENGE: i64 = 300_000;

/// The list of a user's item, and each passkey with how it came there.
fn list(user: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    user.into_iter()
        .filter_map(|user| user["passkeys"]["M"].as_object())
        .flatten()
        .map(|(id, of)| (id, &of["M"]))
}

/// A passkey is added by its owner, lately signed in, with a challenge of that session;
/// whoever removes it may, and ends what it began.
pub(super) fn passkeys(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "passkey#") {
        let id = change.place.key.trim_start_matches("passkey#");
        let Some(ledger) = ledger(truth, applied) else { continue };
        let is_new = change.before.is_none();
        let item = if is_new { change.after() } else { change.before() };
        let owner = text(item, "user_id").unwrap_or_default();
        let caller = ledger.call.caller();
        let is_own = caller.as_ref().is_some_and(|caller| caller.user == owner);
        let is_listed = list(truth.item(&Place::user(owner))).any(|(listed, _)| listed == id);
        rule!(
            is_listed == change.after.is_some(),
            "passkey_not_listed",
            "{id} of {owner}: listed {is_listed}"
        );
        if is_new {
            rule!(
                ledger.call.route == "POST /v1/users/me/passkeys" && is_own,
                "passkey_by_whom",
                "{} {} adds {id} to {owner}",
                ledger.id,
                ledger.call
            );
            signed_in_lately(truth, ledger)?;
            let session = caller.map(|caller| caller.session).unwrap_or_default();
            rule!(
                truth.is_on(owner, &session, truth.seq(), applied.at),
                "passkey_by_whom",
                "{} {}: its session is over",
                ledger.id,
                ledger.call
            );
            answers_a_challenge(applied, ledger)?;
        } else if change.after.is_none() {
            let is_theft = matches!(ledger.call.route, "POST /v1/auth/refresh" | "POST /v1/auth/logout");
            let is_removal = ledger.call.route.starts_with("DELETE /v1/users/");
            rule!(
                is_theft || is_removal,
                "passkey_removed_by_whom",
                "{} {} removes {id}",
                ledger.id,
                ledger.call
            );
            if is_removal {
                signed_in_lately(truth, ledger)?;
            }
            nothing_of_it_is_on(truth, owner, id, applied.at)?;
        }
    }
    for change in applied.of(Table::Users, "user#").filter(|change| change.after.is_some()) {
        let user = text(change.after(), "id").unwrap_or_default();
        let listed: Vec<_> = list(Some(change.after())).map(|(id, _)| id.as_str()).collect();
        rule!(listed.len() <= MOST, "too_many_passkeys", "{} of {user}", listed.len());
        for id in listed {
            let item = truth.item(&Place::new(Table::Users, format!("passkey#{id}")));
            let owner = item.and_then(|item| text(item, "user_id"));
            rule!(owner == Some(user), "passkey_not_there", "{id} of {user}");
        }
    }
    Ok(())
}

/// A challenge that was given out a while ago at most, and is answered for the first time.
fn answers_a_challenge(applied: &Applied, ledger: &Ledger) -> Verdict {
    let challenge = ledger.call.field("challenge_id").unwrap_or_default();
    let key = format!("passkey-challenge#{challenge}");
    let is_first = applied.of(Table::Codes, &key).any(|change| change.before.is_none());
    rule!(is_first, "challenge_answered_twice", "{} {}", ledger.id, ledger.call);
    let given = challenge.split('.').nth(1).and_then(|at| at.parse::<i64>().ok()).unwrap_or_default();
    rule!(ledger.begun < given + CHALLENGE, "old_challenge", "{} {}", ledger.id, ledger.call);
    rule!(!ledger.call.is_forged, "forged", "{} {}", ledger.id, ledger.call);
    Ok(())
}

/// A session that a passkey begins is its owner's, and the passkey is counted for it.
pub(super) fn begins_by_passkey(truth: &Truth, applied: &Applied, session: &Value) -> Verdict {
    let Some(ledger) = ledger(truth, applied) else { return Ok(()) };
    answers_a_challenge(applied, ledger)?;
    let id = id_of_passkey(&ledger.call).unwrap_or_default();
    let place = Place::new(Table::Users, format!("passkey#{id}"));
    let used = applied.changes.iter().find(|change| change.place == place);
    let is_counted = used.is_some_and(|change| {
        change.before.is_some()
            && change.grown("uses") == 1
            && text(change.after(), "user_id") == text(session, "user_id")
    });
    rule!(
        is_counted && text(session, "passkey_id") == Some(&id),
        "session_without_passkey",
        "{} {}",
        ledger.id,
        ledger.call
    );
    Ok(())
}

/// What a passkey began that is gone is over.
fn nothing_of_it_is_on(truth: &Truth, owner: &str, id: &str, now: i64) -> Verdict {
    let of_owner = format!("{owner}/");
    let slots = truth.items(Table::Sessions, &of_owner);
    let sessions = slots.filter(|(_, session)| text(session, "passkey_id") == Some(id));
    let mut sessions = sessions.filter_map(|(_, session)| text(session, "id"));
    let left = sessions.find(|session| truth.is_on(owner, session, truth.seq(), now));
    rule!(left.is_none(), "session_of_removed_passkey", "{left:?} of {owner}");
    Ok(())
}

/// Once a token was found in two hands, nothing is left that its session added.
pub(crate) fn nothing_is_left_of(truth: &Truth, user: &str, session: &str) -> Verdict {
    let left =
        list(truth.item(&Place::user(user))).find(|(_, added)| text(added, "session_id") == Some(session));
    rule!(left.is_none(), "passkey_of_a_thief", "{left:?} of {user}");
    Ok(())
}

/// Until when the session of a request is held, by what was so after the write `seq`.
pub(crate) fn held_until(truth: &Truth, ledger: &Ledger, seq: u64) -> Option<i64> {
    let caller = ledger.call.caller()?;
    let session = truth.item_at(&Place::session(&caller.user, &caller.session), ledger.begun_seq)?;
    if text(session, "id") != Some(&caller.session) || text(session, "passkey_id").is_some() {
        return None;
    }
    let user = truth.item_at(&Place::user(&caller.user), seq)?;
    let device = text(session, "device_id")?;
    list(Some(user)).find(|(_, added)| text(added, "device_id") != Some(device))?;
    let is_listed = user["devices"]["M"][device].is_object();
    let listed = if is_listed { listed_at(truth, &caller.user, device, seq) } else { None };
    let since = listed.unwrap_or_else(|| number(session, "created_at"));
    Some(since + HOLD * 1_000)
}

/// When a device that was listed after the write `seq` was first: at the last write that listed
/// it and did not find it there.
fn listed_at(truth: &Truth, user: &str, device: &str, seq: u64) -> Option<i64> {
    let at = |version: &Version| some_number(&version.item.as_deref()?["devices"]["M"], device);
    let mut since = None;
    for version in truth.since(&Place::user(user), 0).iter().take_while(|version| version.seq <= seq) {
        since = at(version).map(|at| since.unwrap_or(at));
    }
    since
}
