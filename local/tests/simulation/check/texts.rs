//! Texts: what each holds, and how many there may be.

use latchkey::domain::code::Purpose;
use latchkey::domain::user::UserId;

use super::codes::is_hash;
use super::{Verdict, rule};
use crate::model;
use crate::truth::{Change, Handed, Place, Truth, Violation, number};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 86_400_000;

/// A carrier has a text.
pub(crate) fn handed(truth: &mut Truth, request: u64, phone: &str, message: &str) {
    if let Err(violation) = text_is_allowed(truth, request, phone, message) {
        truth.violated(violation.rule, violation.seen);
    }
}

fn text_is_allowed(truth: &mut Truth, request: u64, phone: &str, message: &str) -> Verdict {
    rule!(!truth.rules.testers.contains_key(phone), "tester_texted", "{phone}");
    let Some(ledger) = truth.ledgers.get_mut(&request) else { return Ok(()) };
    ledger.handed += 1;
    let code: String = message.chars().take_while(char::is_ascii_digit).collect();
    let has_code = ledger.call.route == "POST /v1/auth/code";
    let places = truth.code_places(phone);
    let (challenge, (counted_at, is_known)) = if has_code {
        let (id, counted) = code_texted(truth, request, phone, &code, &places)?;
        (Some(id), counted)
    } else {
        (None, (notice_counted(truth, request, &places)?, false))
    };
    one_text_a_proof(truth, request)?;
    truth.handed.push(Handed { request, phone: phone.to_owned(), challenge, counted_at, is_known });
    phone_limits(truth, phone, is_known)?;
    let (of_address, of_day) = (truth.rules.codes_per_address, truth.rules.texts_per_day);
    if has_code && !is_known {
        counter_limit(truth, request, "codes#", of_address, true)?;
        let of_strangers = truth.rules.texts_of_strangers;
        counter_limit(truth, request, "texts#", of_strangers.min(of_day), true)?;
    }
    counter_limit(truth, request, "texts#", of_day, false)
}

/// A proof is good for one text, whatever is sent with it. One that came to a place that
/// was not short is not used.
fn one_text_a_proof(truth: &Truth, request: u64) -> Verdict {
    let used = |request: &u64| {
        let ledger = truth.ledgers.get(request)?;
        let spent = ledger.changes().filter(|change| change.place.key.starts_with("proof#")).last()?;
        spent.after()["used_by"].is_object().then(|| spent.place.clone())
    };
    let Some(proof) = used(&request) else { return Ok(()) };
    let other = truth.handed.iter().find(|handed| used(&handed.request).as_ref() == Some(&proof));
    rule!(other.is_none(), "proof_used_twice", "{} by {request}", proof.key);
    Ok(())
}

/// The challenge whose code was texted, which this request made live; and as of when
/// it was counted, and in which register.
fn code_texted(
    truth: &mut Truth,
    request: u64,
    phone: &str,
    code: &str,
    places: &[Place],
) -> Result<(String, (i64, bool)), Violation> {
    let purpose = |of: &str| match of.split_once(' ') {
        Some((_, user)) => Purpose::ChangePhone(UserId(user.to_owned())),
        None => Purpose::SignIn,
    };
    let of_request = truth.challenges.iter().find(|(_, challenge)| {
        challenge.request == Some(request)
            && places.contains(&challenge.place)
            && is_hash(truth, &challenge.hash, phone, &purpose(&challenge.purpose), code)
    });
    let Some(id) = of_request.map(|(id, _)| id.clone()) else {
        return Err(Violation { rule: "text_of_no_code", seen: format!("{request}: {code} to {phone}") });
    };
    let challenge = truth.challenges.get_mut(&id).expect("it was just found");
    rule!(challenge.texted.is_none(), "texted_twice", "{id}");
    challenge.texted = Some((phone.to_owned(), code.to_owned()));
    let counted = (challenge.sent_at, challenge.place.is_of_known());
    Ok((id, counted))
}

/// As of when a text without a code was counted for its phone.
fn notice_counted(truth: &Truth, request: u64, places: &[Place]) -> Result<i64, Violation> {
    // An item that moves to another key takes its times along.
    let applied = truth.ledgers.get(&request).into_iter().flat_map(|ledger| &ledger.applied);
    let is_gone = |change: &Change| change.before.is_some() && change.after.is_none();
    let changes =
        applied.map(|applied| &applied.changes).filter(|changes| !changes.iter().any(is_gone)).flatten();
    let mut counts = changes.filter(|change| places.contains(&change.place) && change.grown("t1") > 0);
    let counted = counts.next().map(|change| number(change.after(), "t1"));
    counted.ok_or_else(|| Violation { rule: "notice_not_counted", seen: format!("of request {request}") })
}

/// Cooldown, five an hour, ten a day: in any window, not of a clock. What was counted
/// before an admin lifted them counts no more.
fn phone_limits(truth: &Truth, phone: &str, is_known: bool) -> Verdict {
    let texted = truth.handed.iter().filter(|handed| handed.phone == phone && handed.is_known == is_known);
    let lifts = truth.lifts.iter().filter(|lift| lift.phone == phone && lift.is_known == is_known);
    let lifted_at = lifts.map(|lift| lift.at).max().unwrap_or(i64::MIN);
    let times = texted.map(|handed| handed.counted_at);
    let mut times: Vec<_> = times.filter(|at| *at > lifted_at).collect();
    times.sort_unstable();
    let rules = &truth.rules;
    for (rule, most, window) in [
        ("cooldown", 1, rules.cooldown * 1_000),
        ("per hour", rules.per_phone_hour, HOUR),
        ("per day", rules.per_phone_day, DAY),
    ] {
        rule!(model::fits(&times, most, window), "phone_limit", "{rule}: {phone} at {times:?}");
    }
    Ok(())
}

/// The counter that a request took one of: an hour's of an address, or a day's.
fn taken<'a>(truth: &'a Truth, request: u64, kind: &str) -> Option<&'a Place> {
    let changes = truth.ledgers.get(&request)?.changes();
    let taken = changes.filter(|change| change.place.key.starts_with(kind) && change.grown("n") > 0);
    taken.last().map(|change| &change.place)
}

/// So many texts for one counter, and each of them counted.
fn counter_limit(
    truth: &Truth,
    request: u64,
    kind: &'static str,
    most: usize,
    of_strangers: bool,
) -> Verdict {
    if most == 0 {
        return Ok(());
    }
    let Some(place) = taken(truth, request, kind) else {
        return Err(Violation { rule: "text_not_counted", seen: format!("{kind} of request {request}") });
    };
    let counts = |handed: &&Handed| !of_strangers || (handed.challenge.is_some() && !handed.is_known);
    let texts = truth.handed.iter().filter(counts);
    let texts = texts.filter(|handed| taken(truth, handed.request, kind) == Some(place)).count();
    rule!(texts <= most, "too_many_texts", "{texts} of {most} in {}", place.key);
    // When its hour or day is over, the item goes.
    let counted = truth.item(place).map_or(i64::MAX, |item| number(item, "n"));
    rule!(
        i64::try_from(texts).is_ok_and(|texts| texts <= counted),
        "texts_not_counted",
        "{texts} texts, {counted} counted in {}",
        place.key
    );
    Ok(())
}
