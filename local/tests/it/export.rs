//! What a person is given of what is stored of them: all of it.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use latchkey::base::config;
use serde_json::{Value, json};

use crate::app::{ADMIN, App, FREE, Person, phone};
use crate::faults::Carrier;
use crate::{invites, passkeys};

/// What is stored of a person and not exported, by item and attribute, with the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("*", "ttl", "when the item is swept, which goes by its other times"),
    ("*", "written_by", "names a request, so that its repetition is known"),
    ("*", "changed_by", "names a request, so that its repetition is known"),
    ("user", "created_in", "a copy of created_at, for an index"),
    ("user", "created_at_key", "a copy of created_at, for an index"),
    ("user", "country", "that of the phone, for an index"),
    ("user", "staff_role", "a copy of role, for an index"),
    ("user", "referral_shards", "how a count is laid out"),
    ("user", "avatar_id", "part of avatar_url"),
    (
        "user",
        "devices.*",
        "the name of a device within us, part of its token: that it is there is exported by its times",
    ),
    ("user", "passkeys.*.device_id", "the name of a device within us, part of its token"),
    ("edge", "position", "a copy of activated_at, for an index"),
    ("refs", "counts_uses", "how a count is laid out"),
    ("invite", "shards", "how a count is laid out"),
    ("avatar", "file", "served at avatar_url"),
    ("avatar", "media_type", "served at avatar_url"),
    ("admin", "made", "under a hash of the number: that it made an admin, which the role says"),
    ("passkey", "challenge_id", "names a request, so that its repetition is known"),
    ("session", "slot", "part of the session's id"),
    ("session", "pepper_entry", "names a secret"),
    ("session", "device_id", "the name of a device within us, part of its token"),
    ("phone code", "live_code.code_hash", "a hash of a code"),
    ("phone code", "live_code.pepper_entry", "names a secret"),
    ("phone code", "live_code.challenge_id", "enters the code, with it"),
    ("phone code", "live_code.purpose", "told as signs_in; else it names whoever moves to the number"),
    ("phone code", "live_code.request_key", "a hash of a request"),
    ("phone code", "h1", "the time of a text and what became of it in one number; both are exported"),
    ("phone code", "h2", "the time of a text and what became of it in one number; both are exported"),
    ("phone code", "h3", "the time of a text and what became of it in one number; both are exported"),
    ("phone code", "h4", "the time of a text and what became of it in one number; both are exported"),
    ("phone code", "h5", "the time of a text and what became of it in one number; both are exported"),
    ("phone code", "h6", "the time of a text and what became of it in one number; both are exported"),
    ("phone code", "h7", "the time of a text and what became of it in one number; both are exported"),
    ("phone code", "h8", "the time of a text and what became of it in one number; both are exported"),
    ("phone code", "h9", "the time of a text and what became of it in one number; both are exported"),
    ("phone code", "h10", "the time of a text and what became of it in one number; both are exported"),
    ("audit", "month", "a copy of the time, for the table"),
    ("audit", "position", "a copy of the time, for the table"),
    ("audit", "actor", "staff are told by their role"),
    ("audit", "address", "where staff was; where the person was is exported"),
    ("phone code", "last_code.*", "the code before: void, and its time is among the others"),
];

/// Items that are no person's, or of which nothing personal is left but under a hash, for a while.
const KINDS: &[(&str, &str)] = &[
    ("keyset", "the deployment's"),
    ("made", "numbers of a day"),
    ("sent", "numbers of a day"),
    ("texts", "numbers of a day"),
    ("credit", "a network's or a country's"),
    ("short", "the deployment's"),
    ("codes", "of an address, under a hash"),
    ("guesses", "of an address, under a hash"),
    ("proof", "a proof of work that was spent"),
    ("request", "a request under a hash, for the life of a code; the session that it began is exported"),
    ("passkey-challenge", "a challenge that was answered, for a day"),
];

/// All of somebody's export: the account, and the referrals and acts of all pages.
async fn export(app: &App, person: &Person, limit: u32) -> (Value, Vec<Value>, Vec<Value>) {
    let path = format!("/v1/users/me/export?limit={limit}");
    let first = app.get(&path, &person.token).await.ok(200);
    let mut lists = ["referrals", "acts"].map(|list| first[list].as_array().unwrap().clone());
    let mut cursor = first["cursor"].as_str().map(str::to_owned);
    while let Some(at) = cursor {
        let page = app.get(&format!("{path}&cursor={at}"), &person.token).await.ok(200);
        assert_eq!(page["account"], Value::Null, "on the first page alone");
        for (list, name) in lists.iter_mut().zip(["referrals", "acts"]) {
            let more = page[name].as_array().unwrap();
            assert!(more.len() <= limit as usize);
            list.extend(more.clone());
        }
        cursor = page["cursor"].as_str().map(str::to_owned);
    }
    let [referrals, acts] = lists;
    (first["account"].clone(), referrals, acts)
}

/// Somebody of whom everything is stored that can be, and whoever is beside them.
async fn somebody_with_everything(app: &App) -> Person {
    let (admin, friend) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    let code = app.code_for(&phone(2)).await;
    let body = json!({ "phone": phone(2), "code": code, "device": "Her phone" });
    let answer = app.post_with_key("/v1/auth/token", "a key", &body).await.ok(200);
    let device_token = &answer["device_token"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut alice = Person {
        id: text(&answer["user"]["id"]),
        invite_code: text(&answer["user"]["invite_code"]),
        token: text(&answer["access_token"]),
        refresh: text(&answer["refresh_token"]),
    };
    let path = format!("/v1/users/{}/invite", alice.id);
    let redrawn = app.json(Method::PATCH, &path, &admin.token, &json!({ "redraw": true })).await.ok(200);
    alice.invite_code = text(&redrawn["invite_code"]);
    invites::give_aliases(app, &alice, &["old-code-7"]).await;
    let (credential, _) = passkeys::add(app, &alice).await;
    let mut body = passkeys::sign_in_body(&passkeys::sign_in_options(app).await, &credential);
    body["device_token"] = device_token.clone();
    let by_passkey = app.post("/v1/auth/passkey", body).await.ok(200);
    let by_passkey = Person { token: text(&by_passkey["access_token"]), ..alice.clone() };
    passkeys::add(app, &by_passkey).await;
    app.activate(&alice.token, "ZZZZZZ").await.problem(404, "invite_code_not_found");
    app.clock.advance(1);
    app.activate(&alice.token, &friend.invite_code).await.ok(200);
    for n in 10..15 {
        app.clock.advance(1);
        let other = app.sign_in(&phone(n)).await;
        app.activate(&other.token, &alice.invite_code).await.ok(200);
    }
    let profile = json!({ "email": "alice@example.com", "city": "Omsk", "telegram_id": "@alice" });
    app.update_user(&alice.token, "me", &profile).await.ok(200);
    let picture = include_bytes!("one-pixel.png").to_vec();
    app.raw(Method::PUT, "/v1/users/me/avatar", Some(&alice.token), picture).await.ok(200);
    let terms = json!({ "max_uses": 77, "expires_at": "2031-02-03T04:05:06Z", "revoked": false });
    app.json(Method::PATCH, &path, &admin.token, &terms).await.ok(200);
    app.update_user(&admin.token, &alice.id, &json!({ "role": "moderator", "reason": "Answers for Omsk" }))
        .await
        .ok(200);
    for _ in 0..9 {
        app.clock.advance(61);
        let refreshed = app.refresh(&alice.refresh).await;
        if refreshed.status != 200 {
            break;
        }
    }
    // Both registers of her number hold texts, wrong guesses and a code that can be entered.
    for body in [json!({ "phone": phone(2) }), json!({ "phone": phone(2), "device_token": device_token })] {
        for _ in 0..2 {
            app.clock.advance(61);
            app.post_with_key("/v1/auth/code", &app.world.new_id(), &body).await.ok(202);
        }
        let mut guess = body;
        guess["code"] = app.wrong_code(&phone(2)).await.into();
        app.post("/v1/auth/token", guess).await.problem(422, "invalid_code");
    }
    app.sign_in_later(&phone(2)).await
}

/// What an item is, by its key; and whether it is of a person at all.
fn kind(item: &Value) -> String {
    if item.get("slot").is_some() {
        return "session".to_owned();
    }
    if item.get("month").is_some() {
        return "audit".to_owned();
    }
    let pk = item["pk"]["S"].as_str().unwrap();
    let (kind, rest) = pk.split_once('#').unwrap_or((pk, ""));
    match kind {
        // Of the users table the number itself, of the codes table a hash of it.
        "phone" if rest.starts_with('+') => "phone".to_owned(),
        "phone" | "known" => "phone code".to_owned(),
        kind => kind.to_owned(),
    }
}

/// The leaves of an item, each under its path, with the names of maps as they are.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    let (kind, held) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "L" => held.as_array().unwrap().iter().for_each(|held| leaves(path, held, found)),
        "M" => {
            for (name, held) in held.as_object().unwrap() {
                leaves(&format!("{path}.{name}"), held, found);
            }
        }
        _ => found.push((path.to_owned(), held.clone())),
    }
}

/// Whether a path is that of a rule, in which a star stands for one name.
fn fits(rule: &str, path: &str) -> bool {
    let (mut rule, mut path) = (rule.split('.'), path.split('.'));
    loop {
        match (rule.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(rule), Some(path)) if rule == path => {}
            _ => return false,
        }
    }
}

/// All values of an export, as text; of times those to the second, of days those.
fn values(of: &Value, found: &mut BTreeSet<String>) {
    match of {
        Value::Object(fields) => fields.values().for_each(|value| values(value, found)),
        Value::Array(items) => items.iter().for_each(|value| values(value, found)),
        Value::String(text) => _ = found.insert(text.clone()),
        other => _ = found.insert(other.to_string()),
    }
}

/// As which texts a stored value may be exported: as it is, as a time, as a day.
fn told(value: &Value) -> Vec<String> {
    use latchkey::base::world::{Date, Rfc3339, Timestamp};
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut told = vec![text.clone()];
    if let Ok(number) = text.parse::<i64>() {
        if number > 1_000_000_000_000 {
            let time = Rfc3339(Timestamp::from_millis(number));
            told.push(json!(time).as_str().unwrap().to_owned());
        }
        if (20_000..30_000).contains(&number) {
            told.push(Date::of(Timestamp::of_day(number)).to_string());
        }
    }
    told
}

/// Every attribute of every item that is stored of somebody is in their export, or one of the
/// exceptions: one that is added fails this until somebody has decided.
#[tokio::test]
async fn all_that_is_stored_is_exported() {
    let app = App::with_admin(&[FREE, &[("GUARD_STOCKS", "200")]].concat()).await;
    let alice = somebody_with_everything(&app).await;
    let (account, referrals, acts) = export(&app, &alice, 2).await;
    assert_eq!(referrals.len(), 5);
    let mut exported = BTreeSet::new();
    values(&json!([account, referrals, acts]), &mut exported);

    let (mut used, mut seen) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<_>>::new());
    let tables = [config::USERS_TABLE, config::CODES_TABLE, config::SESSIONS_TABLE, config::AUDIT_TABLE];
    for table in tables {
        for item in app.all_items(table).await {
            let kind = kind(&item);
            if let Some((kind, _)) = KINDS.iter().find(|(known, _)| *known == kind) {
                used.insert(((*kind).to_owned(), String::new()));
                continue;
            }
            let mut attributes = Vec::new();
            for (name, value) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "pk") {
                leaves(name, value, &mut attributes);
            }
            let text = item.to_string();
            let is_hers = match kind.as_str() {
                "phone code" => ["phone", "known"].iter().any(|of| text.contains(&app.key_of(of, &phone(2)))),
                "invites" => text.contains(&app.key_of("invites", &phone(2))),
                "admin" => true,
                "alias" => text.contains(&alice.invite_code),
                "audit" => item["target"]["S"] == alice.id.as_str(),
                "user" => item["pk"]["S"] == format!("user#{}", alice.id),
                _ => text.contains(&alice.id),
            };
            if !is_hers {
                continue;
            }
            for (path, value) in attributes {
                seen.entry(kind.clone()).or_default().insert(path.clone());
                let exception =
                    EXCEPTIONS.iter().find(|(of, rule, _)| (*of == "*" || *of == kind) && fits(rule, &path));
                if let Some((of, rule, _)) = exception {
                    used.insert(((*of).to_owned(), (*rule).to_owned()));
                    continue;
                }
                // A place of a register that nothing stands in yet.
                let is_empty = kind == "phone code" && value == "0";
                assert!(
                    is_empty || told(&value).iter().any(|text| exported.contains(text)),
                    "{kind} {path} is neither exported nor an exception: {value} in {account:#}"
                );
            }
        }
    }
    for kind in [
        "user",
        "phone",
        "invite",
        "invites",
        "alias",
        "edge",
        "refs",
        "avatar",
        "passkey",
        "session",
        "phone code",
        "audit",
    ] {
        assert!(seen.contains_key(kind), "{kind} is stored of her: {seen:?}");
    }
    for (of, rule, _) in EXCEPTIONS {
        assert!(used.contains(&((*of).to_owned(), (*rule).to_owned())), "{of} {rule} is met: {seen:?}");
    }
}

#[tokio::test]
async fn an_export_says_what_is_so() {
    let app = App::with_admin(&[FREE, &[("SHOW_PHONES", "masked")]].concat()).await;
    let alice = somebody_with_everything(&app).await;
    let admin = app.sign_in_later(ADMIN).await;
    app.update_user(&admin.token, &alice.id, &json!({ "role": "user" })).await.ok(200);
    let (account, referrals, acts) = export(&app, &alice, 3).await;
    assert_eq!((&account["id"], &account["phone"]), (&json!(alice.id), &json!(phone(2))));
    assert_eq!(account["referrer"]["phone"], "+7900•••0001");
    assert_eq!((&account["referrals_count"], &account["invite"]["uses"]), (&json!(5), &json!(5)));
    assert_eq!(account["invite"]["max_uses"], 77);
    assert_eq!(account["invite_codes_entered_today"], 2);
    let phones: Vec<_> = referrals.iter().map(|referral| referral["phone"].as_str().unwrap()).collect();
    assert_eq!(phones, ["+7900•••0014", "+7900•••0013", "+7900•••0012", "+7900•••0011", "+7900•••0010"]);
    let sessions = account["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert!(sessions.iter().any(|session| session["device"] == "Her phone"), "{sessions:?}");
    assert_eq!(account["passkeys"].as_array().unwrap().len(), 2);
    let codes = account["codes"].as_array().unwrap();
    assert_eq!((&codes[0]["known_devices"], &codes[1]["known_devices"]), (&json!(false), &json!(true)));
    assert!(codes[1]["live"]["expires_at"].is_string(), "{codes:?}");
    // Nothing of it opens anything, and nothing of it is anybody else's.
    let text = json!([account, referrals, acts]).to_string();
    for secret in [&alice.token, &alice.refresh, &phone(1), &phone(14), &admin.id] {
        assert!(!text.contains(secret.as_str()), "{secret}");
    }
    let avatar = account["avatar_url"].as_str().unwrap().replace("https://api.example.com", "");
    assert_eq!(app.raw(Method::GET, &avatar, None, vec![]).await.status, 200);
    // Somebody of whom little is stored.
    let bob = app.sign_in_later(&phone(3)).await;
    let (account, referrals, acts) = export(&app, &bob, 100).await;
    assert!(acts.is_empty(), "{acts:?}");
    assert_eq!((&account["referrer"], &account["activated_at"]), (&Value::Null, &Value::Null));
    assert_eq!((referrals.len(), account["passkeys"].as_array().unwrap().len()), (0, 0));
}

/// What others did to somebody is exported, and who did it by their role then; nothing that
/// somebody did to others, and no number, not even under a hash.
#[tokio::test]
async fn what_is_on_record_of_somebody_is_theirs() {
    let app = App::with_admin(FREE).await;
    let (admin, helper) = (app.sign_in(ADMIN).await, app.sign_in(&phone(5)).await);
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    app.update_user(&admin.token, &helper.id, &json!({ "role": "admin" })).await.ok(200);
    let because = json!({ "role": "moderator", "reason": "Answers for Omsk" });
    app.clock.advance(1);
    app.update_user(&admin.token, &alice.id, &because).await.ok(200);
    app.clock.advance(1);
    app.update_user(&admin.token, &alice.id, &json!({ "role": "user" })).await.ok(200);
    for status in ["banned", "active"] {
        app.clock.advance(1);
        let by = app.new_token(&helper).await;
        app.update_user(&by, &alice.id, &json!({ "status": status })).await.ok(200);
    }
    app.update_user(&admin.token, &bob.id, &json!({ "status": "banned" })).await.ok(200);
    let alice = app.sign_in_later(&phone(1)).await;
    let body = json!({ "phone": phone(9), "purpose": "change_phone" });
    app.json(Method::POST, "/v1/auth/code", &alice.token, &body).await.ok(202);
    let body = json!({ "phone": phone(9), "code": app.last_code(&phone(9)).await });
    app.json(Method::PUT, "/v1/users/me/phone", &alice.token, &body).await.ok(200);
    // Whoever did it has another role since.
    app.update_user(&admin.token, &helper.id, &json!({ "role": "user" })).await.ok(200);

    for limit in [1, 2, 100] {
        let (_, _, acts) = export(&app, &alice, limit).await;
        let told: Vec<_> = acts
            .iter()
            .map(|act| ["action", "by", "from", "to", "reason", "address"].map(|name| act[name].clone()))
            .collect();
        let expected = [
            json!(["moved_phone", "me", null, null, null, "203.0.113.0/24"]),
            json!(["unbanned", "admin", "banned", "active", null, null]),
            json!(["banned", "admin", "active", "banned", null, null]),
            json!(["changed_role", "admin", "moderator", "user", null, null]),
            json!(["changed_role", "admin", "user", "moderator", "Answers for Omsk", null]),
        ];
        assert_eq!(json!(told), json!(expected));
        let text = json!(acts).to_string();
        for other in [&admin.id, &helper.id, &bob.id, "phone-", &phone(1)] {
            assert!(!text.contains(other), "{other} in {text}");
        }
    }
    let trail = app.get(&format!("/v1/audit?target={}", alice.id), &admin.token).await.ok(200);
    assert_eq!(trail["items"].as_array().unwrap().len(), 5);
    // What is not kept any more is not shown any more.
    app.clock.advance(401 * 86_400);
    let alice = app.sign_in_later(&phone(9)).await;
    let (_, _, acts) = export(&app, &alice, 100).await;
    assert!(acts.is_empty(), "{acts:?}");
}

/// What became of each text is what `POST /v1/support/phones` tells staff of it.
#[tokio::test]
async fn what_became_of_texts_is_exported() {
    let sns = [("SMS_PROVIDER", "sns"), ("REVEAL_CODE", "true")];
    let app = App::with_admin(&[FREE, &sns].concat()).await;
    let admin = app.sign_in(ADMIN).await;
    app.faults.carrier(Carrier::Refuses("Throttled", "no"));
    app.request_code(&phone(1)).await.problem(503, "text_not_sent");
    app.faults.carrier(Carrier::Takes);
    app.clock.advance(61);
    let alice = app.sign_in(&phone(1)).await;
    app.clock.advance(61);
    app.request_code(&phone(1)).await.ok(202);
    let (account, ..) = export(&app, &alice, 1).await;
    let body = json!({ "phone": phone(1) });
    let told = app.json(Method::POST, "/v1/support/phones", &admin.token, &body).await.ok(200);
    let texts = &account["codes"][0]["texts"];
    assert_eq!(*texts, told["registers"][0]["texts"]);
    let outcomes: Vec<_> = texts.as_array().unwrap().iter().map(|text| &text["outcome"]).collect();
    assert_eq!(outcomes, ["sent", "entered", "refused"]);
}

#[tokio::test]
async fn a_cursor_of_another_is_none() {
    let app = App::new().await;
    let (alice, bob) = (app.sign_in(&phone(1)).await, app.sign_in(&phone(2)).await);
    for n in 3..5 {
        let other = app.sign_in(&phone(n)).await;
        app.activate(&other.token, &alice.invite_code).await.ok(200);
    }
    let page = app.get("/v1/users/me/export?limit=1", &alice.token).await.ok(200);
    let path = format!("/v1/users/me/export?cursor={}", page["cursor"].as_str().unwrap());
    app.get(&path, &bob.token).await.problem(422, "invalid_cursor");
    app.get("/v1/users/me/export?cursor=x", &bob.token).await.problem(422, "invalid_cursor");
    app.get("/v1/users/me/export?limit=0", &bob.token).await.problem(422, "invalid_request");
    app.get(&path, &alice.token).await.ok(200);
}
