//! Which answers were possible. Nothing here asks anybody: it goes by what was so
//! while the request was under way, and says what an answer promised and did not
//! keep.

mod codes;
mod invites;
mod passkeys;
mod refusals;
mod sessions;
mod support;
mod users;

use self::codes::{asked_for_code, entered_once, exchanged, guess_is_counted};
use self::invites::{entered_invite, managed};
use self::passkeys::{added_passkey, entered_passkey, passkeys_are_shown, removed_passkey};
use self::refusals::{conflicts_are_waited_for, undone};
use self::sessions::{refreshed, revoked, sessions_are_shown, signed_out};
use self::support::looked_up;
use self::users::{deleted, exported, moved, patched, pictured, referrals_are_counted, shown};
use crate::call::{Answer, Caller};
use crate::check::{Verdict, held_until, recent, rule, signed_in_at};
use crate::described;
use crate::truth::{Ledger, Place, Truth};

const DAY: i64 = 86_400_000;

/// For how many seconds after its end a token is good, for clocks that differ.
const LEEWAY: i64 = 60;

/// Whether no window holds more than `most` of these times, which are in order.
pub(crate) fn fits(times: &[i64], most: usize, window: i64) -> bool {
    most == 0 || times.iter().zip(times.iter().skip(most)).all(|(first, one_more)| one_more - first >= window)
}

/// Judges the answer to a request at the moment at which it leaves.
pub(crate) fn judge(truth: &mut Truth, id: u64, answer: &Answer, now: i64) {
    let Some(ledger) = truth.ledgers.remove(&id) else { return };
    let verdict = judged(truth, &ledger, answer, now);
    truth.ledgers.insert(id, Ledger { answer: Some(answer.clone()), ..ledger });
    if let Err(violation) = verdict {
        let ledger = &truth.ledgers[&id];
        let seen = format!("{id} {} -> {answer}: {}", ledger.call, violation.seen);
        truth.violated(violation.rule, seen);
    }
}

fn judged(truth: &mut Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    well_formed(answer)?;
    described::check(&ledger.call, answer)?;
    admitted(truth, ledger, answer, now)?;
    if !answer.is_success() {
        undone(truth, ledger, answer)?;
    }
    entered_once(ledger, answer)?;
    read_once_admitted(truth, ledger, answer)?;
    conflicts_are_waited_for(truth, ledger, answer)?;
    match ledger.call.route {
        "POST /v1/auth/code" => asked_for_code(truth, ledger, answer),
        "POST /v1/auth/token" => {
            guess_is_counted(truth, ledger, answer)?;
            exchanged(truth, ledger, answer, now)
        }
        "PUT /v1/users/me/phone" => {
            guess_is_counted(truth, ledger, answer)?;
            moved(truth, ledger, answer)
        }
        "POST /v1/auth/passkey" => entered_passkey(truth, ledger, answer, now),
        "POST /v1/users/me/passkeys" => added_passkey(truth, ledger, answer),
        "GET /v1/users/{user_id}/passkeys" => passkeys_are_shown(truth, ledger, answer),
        "DELETE /v1/users/{user_id}/passkeys/{passkey_id}" => removed_passkey(truth, ledger, answer),
        "POST /v1/auth/refresh" => refreshed(truth, ledger, answer, now),
        "POST /v1/auth/logout" => signed_out(truth, ledger, answer, now),
        "DELETE /v1/users/{user_id}" => deleted(truth, ledger, answer),
        "DELETE /v1/users/{user_id}/sessions/{session_id}" => revoked(truth, ledger, answer, now),
        "PATCH /v1/users/{user_id}" => patched(truth, ledger, answer),
        "GET /v1/users/{user_id}" => {
            referrals_are_counted(truth, ledger, answer)?;
            shown(truth, ledger, answer)
        }
        "GET /v1/users/{user_id}/sessions" => sessions_are_shown(truth, ledger, answer, now),
        "GET /v1/users/me/export" => exported(truth, ledger, answer),
        "PUT /v1/users/me/referrer" => entered_invite(truth, ledger, answer),
        "PATCH /v1/users/{user_id}/invite" => managed(truth, ledger, answer),
        "PUT /v1/users/me/avatar" => pictured(truth, ledger, answer),
        "POST /v1/support/phones" => looked_up(truth, ledger, answer),
        _ => Ok(()),
    }
}

/// No answer is a failure of ours, and each problem says what it has to.
fn well_formed(answer: &Answer) -> Verdict {
    rule!(answer.status < 500 || answer.status == 503, "status", "{}", answer.body);
    if answer.status < 400 {
        return Ok(());
    }
    let code = latchkey::http::problem::Code::ALL.iter().find(|code| code.as_str() == answer.code());
    rule!(
        code.is_some_and(|code| code.status().as_u16() == answer.status),
        "problem",
        "{} {}",
        answer.status,
        answer.body
    );
    if matches!(answer.status, 429 | 503) {
        let seconds = answer.body["retry_after"].as_u64();
        rule!(seconds.is_some_and(|seconds| seconds > 0), "retry_after", "{}", answer.body);
        let header = answer.headers.get("retry-after").and_then(|of| of.to_str().ok()?.parse().ok());
        rule!(header == seconds, "retry_after", "{header:?} and {seconds:?}");
    }
    Ok(())
}

/// The places that decide whether a caller is let in.
fn of_caller(caller: &Caller) -> [Place; 2] {
    [Place::user(&caller.user), Place::session(&caller.user, &caller.session)]
}

/// Whether a session was on at some time since the request began.
fn was_ever_on(truth: &Truth, ledger: &Ledger, caller: &Caller) -> bool {
    let moments = truth.moments(ledger, &of_caller(caller));
    moments.iter().any(|seq| truth.is_on(&caller.user, &caller.session, *seq, ledger.begun))
}

/// Whether it was on all the time.
fn was_always_on(truth: &Truth, ledger: &Ledger, caller: &Caller, now: i64) -> bool {
    let moments = truth.moments(ledger, &of_caller(caller));
    moments.iter().all(|seq| truth.is_on(&caller.user, &caller.session, *seq, now))
}

/// Nobody gets in whose session was over when the request began, and nobody is kept
/// out whose session was on all the time.
fn admitted(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    // Signing out is open to those who are signed out; see there.
    if ledger.call.route == "POST /v1/auth/logout" {
        return Ok(());
    }
    let Some(caller) = ledger.call.caller() else {
        let is_known =
            ledger.call.token.is_none() || matches!(answer.code(), "invalid_token" | "outcome_unknown");
        let is_open = OPEN.contains(&ledger.call.route);
        rule!(is_known || is_open || answer.status >= 400, "let_in", "without a token");
        return Ok(());
    };
    if OPEN.contains(&ledger.call.route) {
        return Ok(());
    }
    if answer.is_success() {
        rule!(was_ever_on(truth, ledger, &caller), "let_in", "its session was over");
        rule!((caller.ends_at + LEEWAY) * 1_000 > ledger.begun, "let_in", "its token was over");
    }
    match answer.code() {
        "session_ended" | "account_banned" | "user_not_found"
            if ledger.call.subject() == Some(caller.user.clone()) =>
        {
            // What the request did itself may have ended it.
            let own = ledger.changes().any(|change| of_caller(&caller).contains(&change.place));
            rule!(
                own || !was_always_on(truth, ledger, &caller, now),
                "kept_out",
                "its session was on all the time"
            );
        }
        "recent_sign_in_required" => {
            let at = signed_in_at(truth, ledger);
            let user = Place::user(&caller.user);
            let moments = truth.moments(ledger, std::slice::from_ref(&user));
            let mut held = moments.iter().filter_map(|seq| held_until(truth, ledger, *seq));
            let is_held = held.any(|until| ledger.begun < until);
            rule!(
                is_held || at.is_none_or(|at| at + recent(ledger) < now),
                "kept_out",
                "signed in at {at:?}"
            );
        }
        "invalid_token" => {
            rule!(caller.ends_at * 1_000 <= now, "kept_out", "its token was good");
        }
        _ => {}
    }
    Ok(())
}

/// Routes that read no access token.
const OPEN: [&str; 6] = [
    "POST /v1/auth/token",
    "POST /v1/auth/passkey/options",
    "POST /v1/auth/passkey",
    "POST /v1/auth/refresh",
    "GET /v1/avatars/{avatar_id}",
    "GET /i/{invite_code}",
];

/// Nobody has much read who is not let in.
fn read_once_admitted(truth: &mut Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let is_refused = matches!(answer.status, 401 | 403);
    let mut is_for_nobody = false;
    for asking in &mut truth.much_read {
        if asking.contains(&ledger.id) && !is_refused {
            asking.clear();
        } else if asking.remove(&ledger.id) {
            is_for_nobody |= asking.is_empty();
        }
    }
    truth.much_read.retain(|asking| !asking.is_empty());
    rule!(!is_for_nobody, "read_before_admitted", "the numbers of all days");
    Ok(())
}
