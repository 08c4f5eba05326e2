//! What must hold after every write and every text, whoever asked for it.

mod audit;
mod codes;
mod invites;
mod lifts;
mod passkeys;
mod texts;
mod users;

use self::audit::audited;
use self::codes::codes;
pub(crate) use self::codes::is_hash;
use self::invites::{activations, invites, sums};
use self::lifts::lifts;
use self::passkeys::passkeys;
pub(crate) use self::passkeys::{held_until, nothing_is_left_of};
pub(crate) use self::texts::handed;
use self::users::{deletions, moves, phones, sessions, users};
pub(crate) use self::users::{recent, signed_in_at};
use crate::truth::{Applied, Ledger, Table, Truth, Violation, number, text};

/// That a rule holds, or how it was broken.
pub(crate) type Verdict = Result<(), Violation>;

/// Returns from the function with a violation unless the condition holds.
macro_rules! rule {
    ($condition:expr, $rule:literal, $($seen:tt)+) => {
        if !$condition {
            return Err($crate::truth::Violation { rule: $rule, seen: format!($($seen)+) });
        }
    };
}
pub(crate) use rule;

/// Holds what took effect against the rules.
pub(crate) fn applied(truth: &mut Truth, applied: &Applied) {
    for check in [
        attributed,
        nothing_late,
        codes,
        lifts,
        sessions,
        moves,
        users,
        phones,
        passkeys,
        invites,
        activations,
        keys,
        counters,
        sums,
        deletions,
        audited,
    ] {
        if let Err(violation) = check(truth, applied) {
            truth.violated(violation.rule, violation.seen);
        }
    }
}

fn ledger<'a>(truth: &'a Truth, applied: &Applied) -> Option<&'a Ledger> {
    truth.ledgers.get(&applied.request?)
}

/// Only instances that start write without a request, and they publish keys.
fn attributed(_: &mut Truth, applied: &Applied) -> Verdict {
    let other = applied.changes.iter().find(|change| change.place.key != "keyset");
    rule!(applied.request.is_some() || other.is_none(), "unattributed", "{other:?}");
    Ok(())
}

/// What was refused stays undone: whatever was told as not done takes no effect
/// later, either.
fn nothing_late(truth: &mut Truth, applied: &Applied) -> Verdict {
    let Some(ledger) = ledger(truth, applied) else { return Ok(()) };
    let Some(answer) = &ledger.answer else { return Ok(()) };
    // A refresh token that was stolen ends its session, with its device.
    let ends = matches!(ledger.call.route, "POST /v1/auth/refresh" | "POST /v1/auth/logout");
    let is_refusal = answer.status >= 400 && answer.code() != "outcome_unknown" && !ends;
    rule!(!(is_refusal && applied.is_deed()), "late_effect", "{} {} -> {answer}", ledger.id, ledger.call);
    let is_kept = applied.changes.iter().any(|change| change.place.table == Table::Users);
    rule!(
        !(answer.code() == "unavailable" && is_kept),
        "late_effect",
        "{} {} -> {answer}",
        ledger.id,
        ledger.call
    );
    Ok(())
}

/// A key that came with one body is not taken over by another while it is remembered.
fn keys(_: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Codes, "request#") {
        let (before, after) = (change.before(), change.after());
        let is_alive = number(before, "expires_at") > applied.at;
        rule!(
            !is_alive || text(before, "request_body") == text(after, "request_body"),
            "key_taken_over",
            "{}",
            change.place.key
        );
    }
    Ok(())
}

/// No counter passes its limit or falls below nothing.
fn counters(truth: &mut Truth, applied: &Applied) -> Verdict {
    let rules = &truth.rules;
    let limits = [
        ("texts#", rules.texts_per_day),
        ("codes#", rules.codes_per_address),
        ("guesses#", rules.guesses_per_address),
        ("invites#", rules.invite_guesses),
    ];
    for (prefix, most) in limits {
        for change in applied.of(Table::Codes, prefix) {
            let (n, most) = (number(change.after(), "n"), i64::try_from(most).unwrap_or(i64::MAX));
            rule!((0..=most).contains(&n), "counter", "{} is {n} of {most}", change.place.key);
        }
    }
    Ok(())
}
