//! Which answers were possible. Nothing here asks anybody: it goes by what was so
//! while the request was under way, and says what an answer promised and did not
//! keep.

use latchkey::domain::code::Purpose;
use serde_json::Value;

use crate::call::{Answer, Caller, read_refresh};
use crate::check::{self, Verdict, rule};
use crate::described;
use crate::truth::{Change, Direction, Ledger, Place, Table, Truth, live_code, number, text};
use crate::weather::Trouble;

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
        "PUT /v1/users/me/referrer" => entered_invite(truth, ledger, answer),
        "PATCH /v1/users/{user_id}/invite" => managed(truth, ledger, answer),
        "PUT /v1/users/me/avatar" => pictured(truth, ledger, answer),
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
        "invalid_token" => {
            rule!(caller.ends_at * 1_000 <= now, "kept_out", "its token was good");
        }
        _ => {}
    }
    Ok(())
}

/// Routes that read no access token.
const OPEN: [&str; 4] =
    ["POST /v1/auth/token", "POST /v1/auth/refresh", "GET /v1/avatars/{avatar_id}", "GET /i/{invite_code}"];

/// What is refused takes nothing, and `unavailable` changed nothing: whatever was
/// counted on the way is given back, unless that itself met trouble.
fn undone(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
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
            (Table::Users, _) if changes.iter().all(|change| only_spreads(change)) => {}
            (Table::Sessions | Table::Users, _) => rule!(may_end, "refusal_takes", "{} changed", place.key),
        }
    }
    Ok(())
}

/// Whether a change only says that a count is spread from now on.
fn only_spreads(change: &Change) -> bool {
    let rest = |item: &Value| {
        let mut item = item.clone();
        for name in ["referral_shards", "shards", "written_by"] {
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

/// How many guesses of a request stay counted at a phone's item.
fn counted_guesses(ledger: &Ledger, place: &Place) -> i64 {
    let changes = ledger.changes().filter(|change| change.place == *place);
    changes
        .filter_map(|change| {
            let (before, after) = (live_code(change.before.as_deref())?, live_code(change.after.as_deref())?);
            let is_same = text(before, "challenge_id") == text(after, "challenge_id");
            is_same.then(|| number(after, "attempts") - number(before, "attempts"))
        })
        .sum()
}

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

/// Whoever meets a transaction at an item waits for it to end: that alone, a few times,
/// is nobody's `unavailable`.
fn conflicts_are_waited_for(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
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

/// Codes that are entered are counted once, and only where they were spent.
fn entered_once(ledger: &Ledger, answer: &Answer) -> Verdict {
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
fn asked_for_code(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
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
/// the live one; a device that was unlisted meanwhile asks in another register.
fn not_texted_again(truth: &Truth, ledger: &Ledger, is_of_known: bool) -> Verdict {
    if ledger.handed == 0 {
        return Ok(());
    }
    let phone = ledger.call.field("phone").unwrap_or_default();
    let places = truth.code_places(phone).into_iter();
    for place in places.filter(|place| place.is_of_known() == is_of_known) {
        let Some(live) = live_code(truth.item_at(&place, ledger.begun_seq)) else { continue };
        if truth.item(&place).is_none() {
            // Moved to another entry of the pepper, under which the key is another.
            continue;
        }
        let first = text(live, "challenge_id").and_then(|id| truth.challenges.get(id)?.request);
        let Some(first) = first.and_then(|id| truth.ledgers.get(&id)) else { continue };
        let is_answered = first.answer.as_ref().is_some_and(Answer::is_success);
        let is_over = number(live, "expires_at") <= ledger.begun + 30_000;
        let is_known = !first.troubled.iter().any(|(of, _)| *of == place);
        rule!(
            !(is_same_request(first, ledger) && is_answered && is_known) || is_over,
            "texted_again",
            "request {} was answered",
            first.id
        );
    }
    Ok(())
}

/// Whether one request repeats another: the same key and the same body.
fn is_same_request(one: &Ledger, other: &Ledger) -> bool {
    let (one, other) = (&one.call, &other.call);
    one.key.is_some() && one.key == other.key && one.json == other.json && one.route == other.route
}

/// A limit of a phone is told only where it was met.
fn limit_is_met(truth: &Truth, ledger: &Ledger, answer: &Answer, phone: &str) -> Verdict {
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

/// Of all guesses at one code no more than `MAX_ATTEMPTS` are compared, and of wrong
/// ones no more in a day than a phone may have.
fn guess_is_counted(truth: &mut Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
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
fn exchanged(truth: &mut Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    let phone = ledger.call.field("phone").unwrap_or_default();
    if !answer.is_success() {
        answered_again(truth, ledger, answer, now)?;
        if answer.code() == "invalid_code" {
            return right_code_is_taken(truth, ledger, phone, now);
        }
        return Ok(());
    }
    let Some(caller) = answer.body["access_token"].as_str().and_then(Caller::of_token) else {
        rule!(false, "tokens", "no access token");
        return Ok(());
    };
    let Some(begun) = truth.sessions.get(&caller.session).cloned() else {
        rule!(false, "tokens", "of a session that never began");
        return Ok(());
    };
    rule!(begun.user == caller.user, "tokens", "of another user");
    rule!(answer.body["user"]["id"] == *caller.user, "tokens", "of another user than is shown");
    rule!(was_ever_on(truth, ledger, &caller), "tokens", "of a session that was over");
    if begun.request == ledger.id {
        rule!(answer.body["user"]["phone"] == phone, "tokens", "of another phone");
        if answer.body["invite_error"] == "invite_code_not_found" {
            return wrong_invite_is_counted(truth, ledger, phone);
        }
        return Ok(());
    }
    let first = truth.ledgers.get(&begun.request);
    rule!(
        first.is_some_and(|first| is_same_request(first, ledger)),
        "tokens_of_another",
        "the session is of request {}",
        begun.request
    );
    Ok(())
}

/// Who repeats a sign-in that was answered gets the same session, as long as it is on.
fn answered_again(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
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

fn moved(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
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

/// A refresh token gives its one successor, for as long as it may; one that was
/// replaced before ends its session.
fn refreshed(truth: &mut Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
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
fn signed_out(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
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

fn deleted(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(user) = ledger.call.subject() else { return Ok(()) };
    if answer.is_success() {
        rule!(truth.item(&Place::user(&user)).is_none(), "not_deleted", "{user} is there");
    }
    Ok(())
}

fn revoked(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
    let Some(user) = ledger.call.subject() else { return Ok(()) };
    let session = ledger.call.path.rsplit('/').next().unwrap_or_default();
    if answer.is_success() {
        rule!(!truth.is_on(&user, session, truth.seq(), now), "still_signed_in", "{session}");
    }
    Ok(())
}

/// What a 200 says was set is what the user was at some time meanwhile.
fn patched(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
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
fn shown(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
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

/// A profile's count of referrals is how many there are.
fn referrals_are_counted(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(user) = ledger.call.subject().filter(|_| answer.is_success()) else { return Ok(()) };
    let shards: Vec<_> = (0..8).map(|n| Place::new(Table::Users, format!("refs#{user}#{n}"))).collect();
    if truth.moments(ledger, &shards).len() > 1 {
        return Ok(());
    }
    let edges = truth.edges_of(&user, ledger.begun_seq);
    rule!(answer.body["referrals_count"] == edges, "referrals_shown", "{edges} are there");
    Ok(())
}

/// A list of devices has all sessions that were on all the time, and none that was
/// over.
fn sessions_are_shown(truth: &Truth, ledger: &Ledger, answer: &Answer, now: i64) -> Verdict {
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

fn entered_invite(truth: &mut Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(caller) = ledger.call.caller() else { return Ok(()) };
    let place = Place::user(&caller.user);
    let typed = ledger.call.field("invite_code").unwrap_or_default().to_ascii_uppercase();
    let activated = |item: &Value| text(item, "activated_invite_code").map(str::to_owned);
    if answer.is_success() {
        let has_it =
            truth.versions(ledger, &place).flatten().any(|item| activated(item) == Some(typed.clone()));
        rule!(has_it, "not_activated", "{typed}");
    }
    if answer.code() == "invite_already_activated" {
        let has_one = truth.versions(ledger, &place).flatten().any(|item| activated(item).is_some());
        rule!(has_one, "not_activated", "none");
    }
    if answer.code() == "invite_code_not_found" {
        let item = truth.item_at(&place, ledger.begun_seq);
        let phone = item.and_then(|item| text(item, "phone")).map(str::to_owned);
        return phone.map_or(Ok(()), |phone| wrong_invite_is_counted(truth, ledger, &phone));
    }
    Ok(())
}

/// So many wrong invite codes a day for one phone, whatever account it has. Each is
/// counted under the phone, hashed with the entry of the pepper that is in use.
fn wrong_invite_is_counted(truth: &mut Truth, ledger: &Ledger, phone: &str) -> Verdict {
    let counters = ledger.changes().filter(|change| change.place.key.starts_with("invites#"));
    let Some(counter) = counters.last().map(|change| change.place.key.clone()) else {
        let most = truth.rules.invite_guesses;
        rule!(most == 0, "wrong_invites", "one of {phone} is not counted");
        return Ok(());
    };
    let tries = truth.wrong_invites.entry((phone.to_owned(), counter)).or_default();
    *tries += 1;
    let (tries, most) = (*tries, truth.rules.invite_guesses);
    rule!(most == 0 || tries <= most, "wrong_invites", "{tries} of {most} by {phone}");
    Ok(())
}

fn managed(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(caller) = ledger.call.caller().filter(|_| answer.is_success()) else { return Ok(()) };
    let place = Place::user(&caller.user);
    let was_admin = truth.versions(ledger, &place).flatten().any(|item| text(item, "role") == Some("admin"));
    rule!(was_admin, "let_in", "no admin");
    let code = answer.body["invite_code"].as_str().unwrap_or_default();
    let place = Place::invite(code);
    let is_so = |item: &Value| {
        let most = item["max_uses"]["N"].as_str().and_then(|most| most.parse::<u64>().ok());
        text(item, "owner_id").map(str::to_owned) == ledger.call.subject()
            && most == answer.body["max_uses"].as_u64()
            && item["revoked"]["BOOL"].as_bool().unwrap_or(false) == answer.body["revoked"]
    };
    rule!(truth.versions(ledger, &place).flatten().any(is_so), "not_changed", "{}", answer.body);
    Ok(())
}

fn pictured(truth: &Truth, ledger: &Ledger, answer: &Answer) -> Verdict {
    let Some(caller) = ledger.call.caller().filter(|_| answer.is_success()) else { return Ok(()) };
    let url = answer.body["avatar_url"].as_str().unwrap_or_default();
    let id = url.rsplit('/').next().unwrap_or_default();
    let place = Place::user(&caller.user);
    let has_it = truth.versions(ledger, &place).flatten().any(|item| text(item, "avatar_id") == Some(id));
    rule!(has_it, "not_pictured", "{id}");
    Ok(())
}
