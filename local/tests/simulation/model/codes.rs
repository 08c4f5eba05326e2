//! What answers promise of codes: those that are asked for, and those that are entered.

use latchkey::domain::code::Purpose;
use serde_json::Value;

use super::invites::wrong_invite_is_counted;
use super::refusals::limit_is_met;
use super::{DAY, fits, was_always_on, was_ever_on};
use crate::call::{Answer, Call, Caller};
use crate::check::{self, Verdict, rule};
use crate::truth::{Ledger, Place, Truth, Violation, live_code, number, text};

/// Codes that are entered are counted once, and only where they were spent.
pub(super) fn entered_once(ledger: &Ledger, answer: &Answer) -> Verdict {
    let sent = || ledger.changes().filter(|change| change.place.key.starts_with("sent#"));
    if sent().any(|change| ledger.is_troubled(&change.place)) || answer.code() == "outcome_unknown" {
        return Ok(());
    }
    let entered: i64 = sent().map(|change| change.grown("codes_entered")).sum();
    let most = i64::from(ledger.committed());
    rule!(entered <= most, "entered", "{entered} codes are counted as entered, {most} were");
    Ok(())
}

/// A 202 promises that its code is with a carrier, whether or not that answered; any
/// refusal that no carrier has it.
pub(super) fn asked_for_code(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let phone = ledger.call.field("phone").unwrap_or_default();
    if !answer.is_success() {
        let is_clear = answer.code() != "outcome_unknown";
        rule!(!(is_clear && ledger.handed > 0), "texted_and_refused", "a carrier has the text");
        return limit_is_met(truth, ledger, answer, phone);
    }
    let id = answer.body["challenge_id"].as_str().unwrap_or_default();
    let Some(challenge) = truth.challenges.get(id) else {
        rule!(false, "no_challenge", "{id} was never live");
        return Ok(());
    };
    rule!(truth.code_places(phone).contains(&challenge.place), "no_challenge", "{id} is of another phone");
    rule!(answer.body["phone"] == phone, "no_challenge", "of another phone");
    let is_tester = truth.rules.testers.contains_key(phone);
    let is_texted = challenge.texted.as_ref().is_some_and(|(to, _)| to == phone);
    rule!(is_tester || is_texted, "never_texted", "no carrier has the code of {id}");
    rule!(ledger.handed <= 1, "texted_twice", "{} texts", ledger.handed);
    not_texted_again(truth, ledger, challenge.place.is_of_known())?;
    if challenge.request != Some(ledger.id) {
        let first = challenge.request.and_then(|id| truth.ledgers.get(&id));
        rule!(first.is_some_and(|first| is_same_request(first, ledger)), "challenge_of_another", "{id}");
    }
    Ok(())
}

/// Who repeats a request that was answered is not texted again, as long as its code is
/// the live one; a device that was unlisted meanwhile asks in another register. Of a known
/// device no proof is asked, so that without a key each request is another.
fn not_texted_again(truth: &Truth, ledger: &Ledger, is_of_known: bool) -> Verdict {
    if ledger.handed == 0 || (is_of_known && ledger.call.key.is_none()) {
        return Ok(());
    }
    let phone = ledger.call.field("phone").unwrap_or_default();
    let mut places = truth.code_places(phone);
    places.retain(|place| place.is_of_known() == is_of_known);
    for place in &places {
        let Some(live) = live_code(truth.item_at(place, ledger.begun_seq)) else { continue };
        let first = text(live, "challenge_id").and_then(|id| truth.challenges.get(id)?.request);
        let Some(first) = first.and_then(|id| truth.ledgers.get(&id)) else { continue };
        let is_answered = first.answer.as_ref().is_some_and(Answer::is_success);
        let is_over = number(live, "expires_at") <= ledger.begun + 30_000;
        // Wherever the item was when it was to be marked.
        let is_known = !places.iter().any(|place| first.is_troubled(place));
        rule!(
            !(is_same_request(first, ledger) && is_answered && is_known) || is_over,
            "texted_again",
            "request {} was answered",
            first.id
        );
    }
    Ok(())
}

/// Whether one request repeats another: the same key and the same body, or without a
/// key the same proof for the same purpose. A proof and a token of a device are no
/// other body.
fn is_same_request(one: &Ledger, other: &Ledger) -> bool {
    let (one, other) = (&one.call, &other.call);
    let asked = |call: &Call| {
        let mut body = call.json.clone();
        for name in ["device_token", "proof"] {
            body.as_mut().and_then(Value::as_object_mut).map(|body| body.remove(name));
        }
        body
    };
    let is_named = match (&one.key, &other.key) {
        (None, None) => one.field("proof").is_some() && one.field("proof") == other.field("proof"),
        (one, other) => one == other,
    };
    is_named && asked(one) == asked(other) && one.route == other.route
}

/// Of all guesses at one code no more than `MAX_ATTEMPTS` are compared, and of wrong
/// ones no more in a day than a phone may have.
pub(super) fn guess_is_counted(truth: &mut Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let phone = ledger.call.field("phone").unwrap_or_default();
    let left = &answer.body["attempts_left"];
    let is_wrong = answer.code() == "invalid_code" && (left.is_null() || left.as_u64() > Some(0));
    let is_right = ledger.committed();
    limit_is_met(truth, ledger, answer, phone)?;
    if !(is_wrong || is_right) {
        return Ok(());
    }
    let places = truth.code_places(phone);
    let counted = ledger.changes().filter(|change| places.contains(&change.place)).find_map(|change| {
        let after = live_code(change.after.as_deref())?;
        let before = live_code(change.before.as_deref())?;
        (number(after, "attempts") > number(before, "attempts"))
            .then(|| (text(after, "challenge_id").unwrap_or_default().to_owned(), change.place.is_of_known()))
    });
    let Some((id, is_known)) = counted else {
        rule!(false, "compared_uncounted", "a guess was compared that was not counted");
        return Ok(());
    };
    let is_counted =
        ledger.changes().any(|change| change.place.key.starts_with("guesses#") && change.grown("n") > 0);
    let is_limited = truth.rules.guesses_per_address > 0;
    let is_limited = is_limited && ledger.call.field("device_token").is_none();
    rule!(!is_limited || is_counted, "compared_uncounted", "not counted for its address");
    let most = truth.rules.max_attempts;
    if let Some(challenge) = truth.challenges.get_mut(&id) {
        challenge.compared += 1;
        rule!(
            most == 0 || challenge.compared <= most,
            "compared",
            "{} of {most} at {id}",
            challenge.compared
        );
    }
    if is_wrong {
        let times = truth.wrong_guesses.entry((phone.to_owned(), is_known)).or_default();
        times.push(ledger.begun);
        times.sort_unstable();
        // When it was counted is known to the second that a request takes at most.
        let window = DAY - 30_000;
        rule!(fits(times, truth.rules.guesses_per_day, window), "wrong_guesses", "{times:?} at {phone}");
    }
    Ok(())
}

/// A 200 promises a session of whoever has the phone, for a code that was texted
/// there; the same again only to the same request.
pub(super) fn exchanged(truth: &mut Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    let phone = ledger.call.field("phone").unwrap_or_default();
    if !answer.is_success() {
        answered_again(truth, ledger, answer, now)?;
        if answer.code() == "invalid_code" {
            return right_code_is_taken(truth, ledger, phone, now);
        }
        return Ok(());
    }
    if begun_by_this(truth, ledger, answer)? {
        rule!(answer.body["user"]["phone"] == phone, "tokens", "of another phone");
        if answer.body["invite_error"] == "invite_code_not_found" {
            return wrong_invite_is_counted(truth, ledger, phone);
        }
    }
    Ok(())
}

/// Whether the tokens of an answer are of a session that this request began; else they
/// are of one that the same request began before.
pub(super) fn begun_by_this(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Result<bool, Violation> {
    let Some(caller) = answer.body["access_token"].as_str().and_then(Caller::of_token) else {
        rule!(false, "tokens", "no access token");
        return Ok(false);
    };
    let Some(begun) = truth.sessions.get(&caller.session).cloned() else {
        rule!(false, "tokens", "of a session that never began");
        return Ok(false);
    };
    rule!(begun.user == caller.user, "tokens", "of another user");
    rule!(answer.body["user"]["id"] == *caller.user, "tokens", "of another user than is shown");
    rule!(was_ever_on(truth, ledger, &caller), "tokens", "of a session that was over");
    if begun.request == ledger.id {
        return Ok(true);
    }
    let first = truth.ledgers.get(&begun.request);
    rule!(
        first.is_some_and(|first| is_same_request(first, ledger)),
        "tokens_of_another",
        "the session is of request {}",
        begun.request
    );
    Ok(false)
}

/// Who repeats a sign-in that was answered gets the same session, as long as it is on.
pub(super) fn answered_again(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    let is_late = |first: &Ledger| first.begun + truth.rules.code_ttl * 1_000 <= now;
    let first = truth.ledgers.values().find(|first| {
        first.committed()
            && first.id != ledger.id
            && is_same_request(first, ledger)
            && first.answer.as_ref().is_some_and(Answer::is_success)
            && !is_late(first)
    });
    let began = first.and_then(|first| first.answer.as_ref()?.body["access_token"].as_str());
    let Some(caller) = began.and_then(Caller::of_token) else { return Ok(()) };
    // A rotated pepper hashes the key anew, and forgets it so.
    let is_remembered = ledger.changes().any(|change| change.before()["began"].is_object());
    rule!(
        answer.status == 503 || !is_remembered || !was_always_on(truth, ledger, &caller, now),
        "not_answered_again",
        "{} is on",
        caller.session
    );
    Ok(())
}

/// A right code that is live all the time, with room for a guess, is never refused.
fn right_code_is_taken(truth: &Truth, ledger: &Ledger, phone: &str, now: i64) -> Verdict {
    if ledger.call.key.is_some() {
        return Ok(());
    }
    let typed = ledger.call.field("code").unwrap_or_default();
    let live = |place: &Place| live_code(truth.item_at(place, ledger.begun_seq)).is_some();
    // While the pepper is rotated there may be two registers, and a code in each, which whoever comes moves.
    let places = truth.code_places(phone);
    let is_disturbed =
        places.iter().any(|place| truth.others_wrote(ledger, place) || ledger.is_troubled(place));
    let with_code: Vec<_> = places.into_iter().filter(live).collect();
    if let [place] = &with_code[..] {
        let Some(live) = live_code(truth.item_at(place, ledger.begun_seq)) else { return Ok(()) };
        let hash = live["code_hash"]["B"].as_str().unwrap_or_default();
        let challenge = ledger.call.field("challenge_id");
        let attempts = u32::try_from(number(live, "attempts")).unwrap_or_default();
        // Without a challenge it is a stranger's register that is looked into.
        let is_plain = !truth.rules.requires_challenge
            && !place.is_of_known()
            && ledger.call.field("device_token").is_none();
        let is_good = check::is_hash(truth, hash, phone, &Purpose::SignIn, typed)
            && text(live, "purpose") == Some("sign_in")
            && number(live, "expires_at") > now
            && challenge.map_or(is_plain, |id| text(live, "challenge_id") == Some(id))
            && (truth.rules.max_attempts == 0 || attempts < truth.rules.max_attempts)
            && !is_disturbed;
        rule!(!is_good, "right_code_refused", "{typed} is live at {}", place.key);
    }
    Ok(())
}
