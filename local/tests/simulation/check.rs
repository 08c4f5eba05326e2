//! What must hold after every write and every text, whoever asked for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey::domain::code::{OneTimeCode, Purpose};
use latchkey::domain::phone::Phone;
use latchkey::domain::user::UserId;
use serde_json::Value;

use crate::model;
use crate::truth::{
    Applied, Begun, Challenge, Change, Handed, Ledger, Place, Table, Truth, Violation, live_code, number,
    text,
};

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

const HOUR: i64 = 3_600_000;
const DAY: i64 = 86_400_000;

/// How many sessions a user has at most.
const SLOTS: usize = 20;

/// Holds what took effect against the rules.
pub(crate) fn applied(truth: &mut Truth, applied: &Applied) {
    for check in [
        attributed,
        nothing_late,
        codes,
        sessions,
        moves,
        users,
        phones,
        invites,
        activations,
        keys,
        counters,
        sums,
        deletions,
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

/// Codes are registered as they become live; none is compared too often.
fn codes(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.changes.iter().filter(|change| change.place.is_register()) {
        let Some(live) = live_code(change.after.as_deref()) else { continue };
        let id = text(live, "challenge_id").unwrap_or_default();
        if !truth.challenges.contains_key(id) {
            let challenge = Challenge {
                place: change.place.clone(),
                request: applied.request,
                sent_at: number(live, "sent_at"),
                purpose: text(live, "purpose").unwrap_or_default().to_owned(),
                hash: live["code_hash"]["B"].as_str().unwrap_or_default().to_owned(),
                texted: None,
                is_spent: false,
                compared: 0,
            };
            truth.challenges.insert(id.to_owned(), challenge);
        }
        let (attempts, most) = (number(live, "attempts"), i64::from(truth.rules.max_attempts));
        rule!(
            most == 0 || (0..=most).contains(&attempts),
            "attempts",
            "{attempts} of {most} at {}",
            change.place.key
        );
        rule!(!truth.challenges[id].is_spent, "spent_code_revived", "{id}");
    }
    Ok(())
}

/// Whether a hash is that of a code of a phone for a purpose.
pub(crate) fn is_hash(truth: &Truth, hash: &str, phone: &str, purpose: &Purpose, code: &str) -> bool {
    let Ok(phone) = Phone::parse(phone, "RU".parse().expect("a region")) else { return false };
    let (Ok(hash), code) = (STANDARD.decode(hash), OneTimeCode::typed(code)) else { return false };
    truth.pepper().entries().iter().any(|entry| entry.is_code(&hash, &phone, purpose, &code))
}

/// The code of `phone` that this transaction spends, which must be the one that was
/// typed, texted there, live, and never spent before.
fn spends(truth: &mut Truth, applied: &Applied, phone: &str, purpose: &Purpose) -> Verdict {
    let Some(ledger) = ledger(truth, applied) else { return Ok(()) };
    let places = truth.code_places(phone);
    let spent = applied.changes.iter().find_map(|change| {
        let live = live_code(change.before.as_deref())?;
        (places.contains(&change.place) && live_code(change.after.as_deref()).is_none()).then_some(live)
    });
    let Some(live) = spent else {
        return Err(Violation {
            rule: "no_code_spent",
            seen: format!("{} {}: no code of {phone} is spent", ledger.id, ledger.call),
        });
    };
    let id = text(live, "challenge_id").unwrap_or_default().to_owned();
    let typed = ledger.call.field("code").unwrap_or_default();
    let hash = live["code_hash"]["B"].as_str().unwrap_or_default();
    rule!(is_hash(truth, hash, phone, purpose, typed), "wrong_code", "{} {}", ledger.id, ledger.call);
    rule!(
        number(live, "expires_at") > ledger.begun,
        "expired_code",
        "{} {}: {id} had expired",
        ledger.id,
        ledger.call
    );
    let challenge = &truth.challenges[&id];
    rule!(!challenge.is_spent, "code_spent_twice", "{} {}: {id}", ledger.id, ledger.call);
    let is_texted = challenge.texted.as_ref().is_some_and(|(to, code)| to == phone && code == typed);
    let is_tester = truth.rules.testers.get(phone).is_some_and(|code| code == typed);
    rule!(is_texted || is_tester, "code_never_texted", "{} {}: {id}", ledger.id, ledger.call);
    if let Some(challenge) = truth.challenges.get_mut(&id) {
        challenge.is_spent = true;
    }
    Ok(())
}

fn begins(change: &Change) -> bool {
    let id = |item: &Value| text(item, "id").map(str::to_owned);
    change.after.is_some() && id(change.before()) != id(change.after())
}

/// A session begins with a code of the user's present phone, and in a slot.
fn sessions(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Sessions, "") {
        let after = change.after();
        if !begins(change) {
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
        let begun = Begun { request: ledger.id, user: user.to_owned() };
        let id = id.to_owned();
        spends(truth, applied, &phone, &Purpose::SignIn)?;
        truth.sessions.insert(id, begun);
    }
    Ok(())
}

/// An account moves with a code that was texted to its new phone for that.
fn moves(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "user#") {
        let (before, after) = (text(change.before(), "phone"), text(change.after(), "phone"));
        let (Some(before), Some(after)) = (before, after) else { continue };
        if before == after {
            continue;
        }
        let user = text(change.after(), "id").unwrap_or_default();
        let Some(ledger) = ledger(truth, applied) else { continue };
        let mover = ledger.call.caller().map(|caller| caller.user);
        rule!(
            ledger.call.route == "PUT /v1/users/me/phone" && mover.as_deref() == Some(user),
            "moved_by_another",
            "{} {} moves {user}",
            ledger.id,
            ledger.call
        );
        spends(truth, applied, after, &Purpose::ChangePhone(UserId(user.to_owned())))?;
    }
    Ok(())
}

fn users(truth: &mut Truth, applied: &Applied) -> Verdict {
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
    Ok(())
}

/// A phone is the user's who has it.
fn phones(truth: &mut Truth, applied: &Applied) -> Verdict {
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

/// An invite code has one owner, and then none for ever.
fn invites(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "invite#") {
        let code = change.place.key.trim_start_matches("invite#").to_owned();
        rule!(change.after.is_some(), "invite_forgotten", "{code}");
        let counts = |item: &Value| item["uses"]["N"].is_string();
        if counts(change.after()) && !counts(change.before()) {
            // From now on uses are counted: those before are the referrals that are left.
            let owner = text(change.after(), "owner_id").unwrap_or_default();
            let left = if change.before.is_some() { truth.edges_of(owner, truth.seq()) } else { 0 };
            let uses = number(change.after(), "uses");
            rule!(usize::try_from(uses) == Ok(left), "uses", "{uses} of {code} for {left} referrals");
            truth.activations.insert(code.clone(), u32::try_from(left).unwrap_or(u32::MAX));
        }
        if let Some(owner) = text(change.after(), "owner_id") {
            let first = truth.owner_of_invite.entry(code.clone()).or_insert_with(|| owner.to_owned());
            rule!(*first == owner, "invite_given_away", "{code} of {first} is {owner}'s");
            rule!(
                change.before.is_none() || text(change.before(), "owner_id").is_some(),
                "invite_revived",
                "{code}"
            );
        }
    }
    Ok(())
}

/// Who enters an invite code does so once, somebody else's, within its terms.
fn activations(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "user#") {
        let Some(code) = text(change.after(), "activated_invite_code") else { continue };
        if text(change.before(), "activated_invite_code").is_some() {
            continue;
        }
        let id = text(change.after(), "id").unwrap_or_default();
        let referrer = text(change.after(), "referrer_id").unwrap_or_default();
        rule!(referrer != id, "own_code", "{id} entered {code}");
        let edge = format!("edge#{}#{}", id.min(referrer), id.max(referrer));
        let is_linked = applied.of(Table::Users, &edge).any(|edge| edge.before.is_none());
        rule!(is_linked, "referral_without_edge", "{id} entered {code} of {referrer}");
        truth.referrals += 1;
        let uses = truth.activations.entry(code.to_owned()).or_default();
        *uses += 1;
        let uses = *uses;
        let place = Place::invite(code);
        let own = applied.changes.iter().find(|change| change.place == place);
        let terms = own.map_or_else(|| truth.item(&place), |change| change.before.as_deref());
        if let Some(most) = terms.and_then(|terms| terms["max_uses"]["N"].as_str()) {
            let most: u32 = most.parse().unwrap_or_default();
            rule!(uses <= most, "max_uses", "{code} was entered {uses} times of {most}");
        }
        // Once uses are counted each is, also that of somebody who read the code before.
        if terms.is_some_and(|terms| terms["uses"]["N"].is_string()) {
            let counted = own.map_or(terms, |change| change.after.as_deref()).map(|now| number(now, "uses"));
            rule!(
                counted == Some(uses.into()),
                "uses",
                "{code} was entered {uses} times, {counted:?} counted"
            );
        }
        let Some(ledger) = ledger(truth, applied) else { continue };
        let was_open = truth.versions(ledger, &place).flatten().any(|terms| {
            let end = terms["expires_at"]["N"].as_str().and_then(|end| end.parse::<i64>().ok());
            text(terms, "owner_id") == Some(referrer)
                && terms["revoked"]["BOOL"].as_bool() != Some(true)
                && end.is_none_or(|end| end > ledger.begun)
        });
        rule!(was_open, "closed_invite", "{} {}: {code} of {referrer}", ledger.id, ledger.call);
    }
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

/// What is counted in a transaction is counted exactly.
fn sums(truth: &mut Truth, applied: &Applied) -> Verdict {
    let of_edges = applied.of(Table::Users, "edge#").flat_map(|change| [change.before(), change.after()]);
    let of_edges = of_edges.filter_map(|item| text(item, "referrer_id")).map(str::to_owned);
    let of_shards = applied.of(Table::Users, "refs#").filter_map(|change| change.place.key.split('#').nth(1));
    let mut touched: Vec<_> = of_edges.chain(of_shards.map(str::to_owned)).collect();
    touched.sort();
    touched.dedup();
    for user in touched {
        if truth.item(&Place::user(&user)).is_none() {
            continue;
        }
        let edges = truth.items(Table::Users, "edge#");
        let edges = edges.filter(|(_, edge)| text(edge, "referrer_id") == Some(&user)).count();
        let shards = format!("refs#{user}#");
        let counted: i64 = truth.items(Table::Users, &shards).map(|(_, shard)| number(shard, "n")).sum();
        rule!(i64::try_from(edges) == Ok(counted), "referrals_count", "{user}: {counted} for {edges}");
    }
    if applied.of(Table::Codes, "made#").next().is_some()
        || applied.of(Table::Users, "user#").next().is_some()
    {
        let sum = |name: &str| -> i64 {
            truth.items(Table::Codes, "made#").map(|(_, item)| number(item, name)).sum()
        };
        let (sign_ups, referrals) = (sum("sign_ups"), sum("referrals"));
        rule!(sign_ups == truth.sign_ups, "sign_ups", "{sign_ups} for {}", truth.sign_ups);
        rule!(referrals == truth.referrals, "referrals", "{referrals} for {}", truth.referrals);
    }
    Ok(())
}

/// Whoever is deleted is gone: nothing names the phone, and only what others have a
/// right to names the user.
fn deletions(truth: &mut Truth, applied: &Applied) -> Verdict {
    for change in applied.of(Table::Users, "user#").filter(|change| change.after.is_none()) {
        let (id, phone) = (text(change.before(), "id"), text(change.before(), "phone"));
        let (id, phone) = (id.unwrap_or_default(), phone.unwrap_or_default());
        for (place, item) in truth.everything() {
            let words = item.to_string();
            rule!(
                !place.key.contains(phone) && !words.contains(phone),
                "phone_left_behind",
                "{phone} in {}",
                place.key
            );
            // Friends know who invited them; what is remembered of a request ends by itself.
            let is_others =
                ["edge#", "user#"].iter().any(|of| place.key.starts_with(of)) || place.table == Table::Codes;
            rule!(
                is_others || !(place.key.contains(id) || words.contains(id)),
                "user_left_behind",
                "{id} in {}",
                place.key
            );
        }
    }
    Ok(())
}

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
    let changes = applied.filter(|applied| !applied.is_transaction).flat_map(|applied| &applied.changes);
    let mut counts = changes.filter(|change| places.contains(&change.place) && change.grown("t1") > 0);
    let counted = counts.next().map(|change| number(change.after(), "t1"));
    counted.ok_or_else(|| Violation { rule: "notice_not_counted", seen: format!("of request {request}") })
}

/// Cooldown, five an hour, ten a day: in any window, not of a clock.
fn phone_limits(truth: &Truth, phone: &str, is_known: bool) -> Verdict {
    let texted = truth.handed.iter().filter(|handed| handed.phone == phone && handed.is_known == is_known);
    let mut times: Vec<_> = texted.map(|handed| handed.counted_at).collect();
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
