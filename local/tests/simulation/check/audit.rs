//! What staff does is on record, together with what it does.

use serde_json::Value;

use super::users::is_own;
use super::{Verdict, ledger, rule};
use crate::truth::{Applied, Change, Ledger, Table, Truth, text};

/// Each act has its entry in the same transaction, and no entry is without its act; none is ever
/// changed, and none holds a phone.
pub(super) fn audited(truth: &mut Truth, applied: &Applied) -> Verdict {
    let Some(ledger) = ledger(truth, applied) else { return Ok(()) };
    let mut told = Vec::new();
    for change in applied.of(Table::Audit, "") {
        let (key, entry) = (&change.place.key, change.after());
        rule!(change.before.is_none() && change.after.is_some(), "entry_changed", "{key}");
        rule!(!entry.to_string().contains("+7"), "phone_on_record", "{entry}");
        // Whoever signs in has no token yet.
        let signs_in = text(entry, "target").filter(|_| text(entry, "action") == Some("recovered"));
        let actor = ledger.call.caller().map(|caller| caller.user).or(signs_in.map(str::to_owned));
        rule!(text(entry, "actor") == actor.as_deref(), "entry_of_another", "{entry}");
        told.push(format!("{} {:?}", text(entry, "action").unwrap_or_default(), text(entry, "target")));
    }
    let mut done = deeds(truth, ledger, applied);
    told.sort_unstable();
    done.sort_unstable();
    rule!(told == done, "off_the_record", "{} {}: {done:?}, told {told:?}", ledger.id, ledger.call);
    Ok(())
}

/// What of a write belongs on record.
fn deeds(truth: &Truth, ledger: &Ledger, applied: &Applied) -> Vec<String> {
    let mut deeds = Vec::new();
    let mut done = |act: &str, target: Option<&str>| deeds.push(format!("{act} {target:?}"));
    let (route, subject) = (ledger.call.route, ledger.call.subject());
    for change in applied.of(Table::Users, "user#") {
        let (before, after) = (change.before(), change.after());
        let id = text(before, "id");
        if change.before.is_none() {
            continue;
        }
        if change.after.is_none() {
            if !is_own(ledger) {
                done("deleted_user", id);
            }
            continue;
        }
        let differ = |name: &str| text(before, name) != text(after, name);
        if differ("role") {
            done("changed_role", id);
        }
        if differ("status") {
            done(if text(after, "status") == Some("banned") { "banned" } else { "unbanned" }, id);
        }
        if differ("phone") {
            done(if route == "POST /v1/auth/token" { "recovered" } else { "moved_phone" }, id);
        } else if before["recovery"] != after["recovery"] {
            done(if after["recovery"].is_null() { "stopped_recovery" } else { "began_recovery" }, id);
        }
        if differ("invite_code") {
            done("redrew_invite", id);
        }
    }
    let is_redrawn = deeds_of(applied, Table::Users, "user#", |before, after| {
        text(before, "invite_code") != text(after, "invite_code")
    });
    if route == "PATCH /v1/users/{user_id}/invite" && !is_redrawn {
        let changed =
            deeds_of(applied, Table::Users, "invite#", |before, after| terms(before) != terms(after));
        if changed {
            done("changed_invite", subject.as_deref());
        }
    }
    if route == "DELETE /v1/users/{user_id}/sessions/{session_id}" && !is_own(ledger) {
        let ended = deeds_of(applied, Table::Sessions, "", |before, after| {
            before["expires_at"] != after["expires_at"]
        });
        if ended {
            done("ended_session", subject.as_deref());
        }
    }
    let is_gone = |change: &Change| change.after.is_none();
    if route == "DELETE /v1/users/{user_id}/passkeys/{passkey_id}"
        && !is_own(ledger)
        && applied.of(Table::Users, "passkey#").any(is_gone)
    {
        done("removed_passkey", subject.as_deref());
    }
    if route == "DELETE /v1/guard/{place}" && applied.of(Table::Codes, "credit#").next().is_some() {
        done("opened_place", ledger.call.path.rsplit('/').next());
    }
    let is_register = |change: &Change| change.place.is_register();
    if route == "DELETE /v1/support/phones/limits" && applied.changes.iter().any(is_register) {
        done("lifted_limits", number_on_record(truth, ledger, applied).as_deref());
    }
    if route == "POST /v1/support/phones" && applied.of(Table::Audit, "").next().is_some() {
        done("looked_up_phone", number_on_record(truth, ledger, applied).as_deref());
    }
    deeds
}

/// What stands on record for the number that a request is about, under whichever entry of the
/// pepper.
fn number_on_record(truth: &Truth, ledger: &Ledger, applied: &Applied) -> Option<String> {
    let phone = ledger.call.field("phone")?;
    let told = applied.of(Table::Audit, "").find_map(|change| text(change.after(), "target"))?;
    let mut entries = truth.pepper().entries().iter();
    entries.any(|entry| told == format!("phone-{}", entry.key("audit", phone))).then(|| told.to_owned())
}

/// Whether something that was there, and still is, differs so.
fn deeds_of(applied: &Applied, table: Table, prefix: &str, differs: fn(&Value, &Value) -> bool) -> bool {
    let is_kept = |change: &&Change| change.before.is_some() && change.after.is_some();
    applied.of(table, prefix).filter(is_kept).any(|change| differs(change.before(), change.after()))
}

/// The terms of an invite code; that it is not revoked may be said or not.
fn terms(invite: &Value) -> (&Value, &Value, bool) {
    (&invite["max_uses"], &invite["expires_at"], invite["revoked"]["BOOL"] == true)
}
