//! Users, their phones and their sessions.

use latchkey::domain::code::Purpose;
use latchkey::domain::user::UserId;
use serde_json::Value;

use super::codes::spends;
use super::passkeys::{begins_by_passkey, held_until};
use super::{Verdict, ledger, rule};
use crate::truth::{
    Applied, Begun, Change, Ledger, Place, Table, Truth, Violation, number, some_number, text,
};

/// How many sessions a user has at most.
const SLOTS: usize = 20;

fn begins(change: &Change) -> bool {
    let id = |item: &Value| text(item, "id").map(str::to_owned);
    change.after.is_some() && id(change.before()) != id(change.after())
}

/// A session begins with a code of the user's present phone, and in a slot.
pub(super) fn sessions(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Sessions, "") {
        let after = change.after();
        if !begins(change) {
            used(truth, applied, change)?;
            let (before, now) = (number(change.before(), "generation"), number(after, "generation"));
            rule!(change.after.is_none() || now >= before, "generation_fell", "{}", change.place.key);
            if now > before {
                let id = text(after, "id").unwrap_or_default().to_owned();
                let generation = u32::try_from(before).unwrap_or_default();
                truth.replaced_at.insert((id, generation), applied.at);
            }
            continue;
        }
        let (user, id) = (text(after, "user_id").unwrap_or_default(), text(after, "id").unwrap_or_default());
        let Some(item) = truth.item(&Place::user(user)) else {
            return Err(Violation { rule: "session_of_nobody", seen: id.to_owned() });
        };
        let phone = text(item, "phone").unwrap_or_default().to_owned();
        rule!(text(item, "status") == Some("active"), "session_of_banned", "{user} {id}");
        let Some(ledger) = ledger(truth, applied) else { continue };
        let begun = Begun { request: ledger.id, user: user.to_owned() };
        let id = id.to_owned();
        if ledger.call.route == "POST /v1/auth/passkey" {
            begins_by_passkey(truth, applied, after)?;
            truth.sessions.insert(id, begun);
            continue;
        }
        let asked = ledger.call.field("phone").unwrap_or_default();
        rule!(
            ledger.call.route == "POST /v1/auth/token" && asked == phone,
            "session_of_another",
            "{} {} begins one of {user} with {phone}",
            ledger.id,
            ledger.call
        );
        rule!(
            truth.items(Table::Sessions, &format!("{user}/")).count() <= SLOTS,
            "too_many_sessions",
            "of {user}"
        );
        rule!(text(after, "passkey_id").is_none(), "session_without_passkey", "{id}");
        spends(truth, applied, &phone, &Purpose::SignIn)?;
        truth.sessions.insert(id, begun);
    }
    Ok(())
}

/// Tokens of a session are in use from when one of its present generation was let in.
fn used(truth: &Truth, applied: &Applied, change: &Change) -> Verdict {
    let [before, after] = [change.before(), change.after()].map(|item| some_number(item, "used_at"));
    let Some(at) = after.filter(|_| before != after) else { return Ok(()) };
    let Some(ledger) = ledger(truth, applied) else { return Ok(()) };
    let caller = ledger.call.caller();
    let is_its_own = caller.as_ref().is_some_and(|caller| {
        text(change.after(), "id") == Some(&caller.session)
            && caller.generation == Some(number(change.after(), "generation"))
    });
    rule!(
        before.is_none() && is_its_own && (ledger.begun..=applied.at).contains(&at),
        "used_by_whom",
        "{} {}: {} is used at {at}",
        ledger.id,
        ledger.call,
        change.place.key
    );
    Ok(())
}

/// How long ago a request's sign-in may be that does what outlives its session, in
/// milliseconds.
pub(crate) fn recent(ledger: &Ledger) -> i64 {
    if is_own(ledger) { 600_000 } else { 7_200_000 }
}

/// Whether a request is about whoever asks.
pub(super) fn is_own(ledger: &Ledger) -> bool {
    ledger.call.caller().map(|caller| caller.user) == ledger.call.subject()
}

/// When the session of a request began.
pub(crate) fn signed_in_at(truth: &Truth, ledger: &Ledger) -> Option<i64> {
    let caller = ledger.call.caller()?;
    let session = truth.item_at(&Place::session(&caller.user, &caller.session), ledger.begun_seq)?;
    (text(session, "id") == Some(&caller.session)).then(|| number(session, "created_at"))
}

/// What outlives a session takes a recent sign-in.
pub(super) fn signed_in_lately(truth: &Truth, ledger: &Ledger) -> Verdict {
    let at = signed_in_at(truth, ledger);
    rule!(
        at.is_none_or(|at| ledger.begun <= at + recent(ledger)),
        "stale_sign_in",
        "{} {}: signed in at {at:?}",
        ledger.id,
        ledger.call
    );
    // What it did itself may have changed that.
    let until = held_until(truth, ledger, ledger.begun_seq).filter(|_| is_own(ledger));
    let is_free = truth.others_wrote(ledger, &Place::user(&ledger.call.subject().unwrap_or_default()));
    rule!(
        is_free || until.is_none_or(|until| ledger.begun >= until - 1_000),
        "held",
        "{} {}: until {until:?}",
        ledger.id,
        ledger.call
    );
    Ok(())
}

/// An account moves with a code that was texted to its new phone for that.
pub(super) fn moves(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "user#") {
        let (before, after) = (text(change.before(), "phone"), text(change.after(), "phone"));
        let (Some(before), Some(after)) = (before, after) else { continue };
        if before == after {
            continue;
        }
        let user = text(change.after(), "id").unwrap_or_default();
        let Some(ledger) = ledger(truth, applied) else { continue };
        if ledger.call.route == "POST /v1/auth/token" {
            recovers(truth, applied, change)?;
            continue;
        }
        let mover = ledger.call.caller().map(|caller| caller.user);
        rule!(
            ledger.call.route == "PUT /v1/users/me/phone" && mover.as_deref() == Some(user),
            "moved_by_another",
            "{} {} moves {user}",
            ledger.id,
            ledger.call
        );
        signed_in_lately(truth, ledger)?;
        spends(truth, applied, after, &Purpose::ChangePhone(UserId(user.to_owned())))?;
    }
    Ok(())
}

/// A sign-in moves an account to the phone that an admin named, once the hold is over, and ends
/// its sessions.
fn recovers(truth: &Truth, applied: &Applied, change: &Change) -> Verdict {
    let begun = &change.before()["recovery"]["M"];
    let user = text(change.after(), "id").unwrap_or_default();
    let is_named = text(begun, "phone") == text(change.after(), "phone");
    rule!(is_named, "moved_by_another", "{user} to a phone that nobody named");
    let ready = number(begun, "begun_at") + truth.rules.recovery_hold * 1_000;
    rule!(applied.at >= ready - 1_000, "recovered_early", "{user} {} ms early", ready - applied.at);
    rule!(change.grown("epoch") > 0, "recovered_without_end", "{user}");
    rule!(change.after()["recovery"].is_null(), "recovered_again", "{user}");
    Ok(())
}

pub(super) fn users(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "user#") {
        let (before, after) = (change.before(), change.after());
        if change.after.is_none() {
            continue;
        }
        let id = text(after, "id").unwrap_or_default();
        let (phone, role) =
            (text(after, "phone").unwrap_or_default(), text(after, "role").unwrap_or_default());
        rule!(
            role == "user" || !truth.rules.testers.contains_key(phone),
            "tester_with_role",
            "{id} with {phone} is {role}"
        );
        let owner = |place: Place| truth.item(&place).and_then(|item| text(item, "owner_id"));
        rule!(owner(Place::phone(phone)) == Some(id), "phone_not_owned", "{phone} of {id}");
        let code = text(after, "invite_code").unwrap_or_default();
        rule!(owner(Place::invite(code)) == Some(id), "invite_not_owned", "{code} of {id}");
        if change.before.is_none() {
            let has_session = applied.of(Table::Sessions, "").any(begins);
            rule!(has_session, "user_without_session", "{id}");
            let is_admin = role == "admin" && truth.rules.admins.contains(phone);
            rule!(role == "user" || is_admin, "role_from_nowhere", "{id} is {role}");
            let phone = phone.to_owned();
            truth.sign_ups += 1;
            if is_admin {
                let made = truth.admins_made.entry(phone.clone()).or_default();
                *made += 1;
                rule!(*made == 1, "admin_again", "{phone} made an admin {made} times");
            }
            continue;
        }
        rule!(change.grown("epoch") >= 0, "epoch_fell", "of {id}");
        let activated = text(before, "activated_invite_code");
        rule!(
            activated.is_none() || activated == text(after, "activated_invite_code"),
            "activation_changed",
            "of {id}"
        );
        for name in ["role", "status"] {
            if text(before, name) != text(after, name) {
                staff_only(truth, applied, id, name)?;
            }
        }
        let is_banned = text(before, "status") == Some("active") && text(after, "status") == Some("banned");
        rule!(!is_banned || change.grown("epoch") > 0, "ban_without_end", "of {id}");
    }
    Ok(())
}

/// Roles and statuses are changed by admins, and by nobody of themselves.
fn staff_only(truth: &Truth, applied: &Applied, id: &str, name: &str) -> Verdict {
    let Some(ledger) = ledger(truth, applied) else { return Ok(()) };
    let Some(caller) = ledger.call.caller() else {
        return Err(Violation { rule: "role_from_nowhere", seen: format!("{name} of {id}") });
    };
    let place = Place::user(&caller.user);
    let was_admin = truth.versions(ledger, &place).flatten().any(|item| text(item, "role") == Some("admin"));
    rule!(
        was_admin && caller.user != id,
        "role_by_whom",
        "{} {} changes {name} of {id}",
        ledger.id,
        ledger.call
    );
    signed_in_lately(truth, ledger)
}

/// A phone is the user's who has it.
pub(super) fn phones(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "phone#") {
        let phone = change.place.key.trim_start_matches("phone#");
        let Some(owner) = text(change.after(), "owner_id") else { continue };
        let user = truth.item(&Place::user(owner));
        rule!(
            user.is_some_and(|user| text(user, "phone") == Some(phone)),
            "phone_of_another",
            "{phone} is said to be of {owner}"
        );
    }
    Ok(())
}

/// Whoever is deleted is gone: nothing names the phone, and only what others have a
/// right to names the user.
pub(super) fn deletions(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "user#").filter(|change| change.after.is_none()) {
        let (id, phone) = (text(change.before(), "id"), text(change.before(), "phone"));
        let (id, phone) = (id.unwrap_or_default(), phone.unwrap_or_default());
        if let Some(ledger) = ledger(truth, applied) {
            signed_in_lately(truth, ledger)?;
        }
        for (place, item) in truth.everything() {
            let words = item.to_string();
            rule!(
                !place.key.contains(phone) && !words.contains(phone),
                "phone_left_behind",
                "{phone} in {}",
                place.key
            );
            // Friends know who invited them; what is remembered of a request ends by itself; what staff
            // did stays on record; a count is marked to be nobody's for ever.
            let is_others = ["edge#", "user#"].iter().any(|of| place.key.starts_with(of))
                || matches!(place.table, Table::Codes | Table::Audit);
            let is_closed = place.key.starts_with("refs#") && item["n"].is_null();
            rule!(
                is_others || is_closed || !(place.key.contains(id) || words.contains(id)),
                "user_left_behind",
                "{id} in {}",
                place.key
            );
        }
    }
    Ok(())
}
