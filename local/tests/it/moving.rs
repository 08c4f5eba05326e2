//! Users in and out: `latchkey import` and `latchkey export`.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clap::Parser;
use http::Method;
use latchkey::base::config::Vars;
use latchkey_local::cli::{Command, Options};
use latchkey_local::engine::Engine;
use latchkey_local::folder::DATABASE;
use latchkey_local::moving;
use serde_json::{Value, json};

use crate::app::{ADMIN, App, FREE, Person, phone};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("moving-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn command(arguments: &[&str]) -> Command {
    let arguments = std::iter::once("latchkey").chain(arguments.iter().copied());
    Options::try_parse_from(arguments).unwrap().command.unwrap()
}

/// The variables of all of it.
const VARS: [(&str, &str); 2] = [("ADMIN_PHONES", ADMIN), ("TEST_PHONES", "+12015550123=0000@2099-12-31")];

/// Brings lines in, of 2020 where they do not say; what is said, good or bad.
async fn import(folder: &Path, lines: &[Value], more: &[&str]) -> Result<String, String> {
    let dated = |line: &Value| {
        let mut line = line.clone();
        if line["phone"].is_string() && line["created_at"].is_null() {
            line["created_at"] = "2020-01-01T00:00:00Z".into();
        }
        format!("{line}\n")
    };
    let text: String = lines.iter().map(dated).collect();
    import_text(folder, &text, more).await
}

async fn import_text(folder: &Path, text: &str, more: &[&str]) -> Result<String, String> {
    let file = folder.join("users.txt");
    std::fs::write(&file, text).unwrap();
    let arguments = [&["import", file.to_str().unwrap()], more].concat();
    let Command::Import(wanted) = command(&arguments) else { panic!("it is an import") };
    let done = moving::import(&wanted, folder, Vars::from_iter(VARS)).await;
    done.map_err(|error| latchkey::base::error::Chain(&error).to_string())
}

/// All lines of an export, in order.
async fn export(folder: &Path, more: &[&str]) -> Vec<String> {
    let file = folder.join("export.jsonl");
    let arguments = [&["export", "--output", file.to_str().unwrap()], more].concat();
    let Command::Export(wanted) = command(&arguments) else { panic!("it is an export") };
    moving::export(&wanted, folder, Vars::from_iter(VARS)).await.unwrap();
    let mut lines: Vec<_> = std::fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// How many were opened: each begins an hour later, so that no two text at one moment.
static OPENED: AtomicI64 = AtomicI64::new(0);

/// The API over what is in a folder.
async fn app(folder: &Path) -> App {
    let engine = Engine::in_file(&folder.join(DATABASE)).unwrap();
    let app = App::build(&[&VARS, FREE].concat(), Some(engine)).await;
    app.clock.advance(3_600 * OPENED.fetch_add(1, Ordering::SeqCst));
    app
}

/// Everybody, as an admin sees them: each profile with all referrals, by identifier.
async fn everybody(app: &App) -> BTreeMap<String, Value> {
    let admin = app.sign_in_later(ADMIN).await;
    let mut all = BTreeMap::new();
    for user in app.pages("/v1/users?limit=100", &admin.token).await.concat() {
        let id = user["id"].as_str().unwrap();
        let profile = app.get(&format!("/v1/users/{id}"), &admin.token).await.ok(200);
        let referrals = app.pages(&format!("/v1/users/{id}/referrals?limit=2"), &admin.token).await.concat();
        all.insert(id.to_owned(), json!([user, profile, referrals]));
    }
    all
}

fn user<'a>(all: &'a BTreeMap<String, Value>, phone: &str) -> &'a Value {
    all.values().find(|user| user[0]["phone"] == phone).unwrap_or_else(|| panic!("{phone} is there"))
}

#[tokio::test]
async fn whoever_is_brought_in_is_as_if_they_had_signed_up() {
    let folder = folder("story");
    let old = "2019-03-01T10:00:00.123Z";
    let lines = [
        // Invited by somebody further down.
        json!({ "phone": "8 900 000-00-01", "created_at": old, "invite_code": "k5j3rw", "referrer": phone(2),
                "activated_at": "2019-04-01T10:00:00Z", "email": "a@example.com", "city": "Omsk",
                "telegram_id": 12345, "role": "moderator" }),
        json!({ "phone": phone(2), "created_at": old, "invite_code": "aB3xYz9" }),
        json!({ "phone": phone(3), "created_at": old, "activated_invite_code": "AB3XYZ9" }),
        json!({ "phone": phone(4), "activated_invite_code": "KSJ3RW", "status": "banned",
                "referrer": { "phone": phone(1) }, "invite_code": "KSJ3RW" }),
        // A circle of three.
        json!({ "phone": phone(5), "referrer": phone(6) }),
        json!({ "phone": phone(6), "referrer": phone(7) }),
        json!({ "phone": phone(7), "referrer": phone(5) }),
        // Whose friend is gone.
        json!({ "phone": phone(8), "activated_invite_code": "ZZZZZZ", "referrer": null }),
        json!({ "phone": ADMIN }),
        json!({ "retired_invite_code": "QQQQQQ", "aliases": ["queue-7"] }),
    ];
    let refused = import(&folder, &lines, &[]).await.unwrap_err();
    assert!(refused.contains("line 4: the code that it entered is not its referrer's"), "{refused}");
    let mut lines = lines.to_vec();
    lines[3] = json!({ "phone": phone(4), "activated_invite_code": "K5J3RW", "status": "banned",
                       "referrer": { "phone": phone(1) }, "invite": { "max_uses": 3, "uses": 1 } });
    let told = import(&folder, &lines, &["--dry-run"]).await.unwrap();
    assert!(
        told.starts_with("users that can be brought in: 9; there already: 0; referrals: 7; bad lines: 0"),
        "{told}"
    );
    let told = import(&folder, &lines, &[]).await.unwrap();
    assert!(told.starts_with("users brought in: 9; there already: 0; referrals: 7; bad lines: 0"), "{told}");

    let app = app(&folder).await;
    assert_eq!(app.all_texts().await, 0, "nobody is texted");
    let all = everybody(&app).await;
    assert_eq!(all.len(), 9);
    let alice = &user(&all, &phone(1))[1];
    let bob = &user(&all, &phone(2))[1];
    assert_eq!(
        (&alice["invite_code"], &alice["created_at"]),
        (&json!("K5J3RW"), &json!("2019-03-01T10:00:00Z"))
    );
    assert_eq!(
        (&alice["email"], &alice["city"], &alice["telegram_id"], &alice["role"]),
        (&json!("a@example.com"), &json!("Omsk"), &json!("12345"), &json!("moderator"))
    );
    assert_eq!(alice["activated_invite_code"], bob["invite_code"], "the six characters of an alias");
    assert_eq!((&alice["referrer"]["id"], &bob["referrals_count"]), (&bob["id"], &json!(2)));
    // Newest first: of one who does not say when, when they signed up.
    let referrals = &user(&all, &phone(2))[2];
    assert_eq!(
        (&referrals[0]["phone"], &referrals[0]["activated_at"], &referrals[1]["phone"]),
        (&json!(phone(1)), &json!("2019-04-01T10:00:00Z"), &json!(phone(3)))
    );
    let banned = &user(&all, &phone(4))[1];
    assert_eq!((&banned["status"], &banned["referrer"]["id"]), (&json!("banned"), &alice["id"]));
    for (one, other) in [(5, 6), (6, 7), (7, 5)] {
        assert_eq!(user(&all, &phone(one))[1]["referrer"]["phone"], phone(other));
        assert_eq!(user(&all, &phone(one))[1]["referrals_count"], 1);
    }
    let of_gone = &user(&all, &phone(8))[1];
    assert_eq!((&of_gone["activated_invite_code"], &of_gone["referrer"]), (&json!("ZZZZZZ"), &Value::Null));
    assert_eq!(user(&all, ADMIN)[1]["role"], "admin");
    let admin = app.sign_in_later(ADMIN).await;
    let record = app.get("/v1/audit?actor=cli", &admin.token).await.ok(200);
    let record: Vec<_> = record["items"].as_array().unwrap().iter().map(|of| &of["action"]).collect();
    assert_eq!(record, ["imported"], "one entry an import, and none of what brought nobody in");

    // They sign in as ever, and codes are entered as ever.
    let answer = app.exchange(&phone(2), &app.code_for(&phone(2)).await).await.ok(200);
    assert_eq!((&answer["is_new"], &answer["user"]["id"]), (&json!(false), &bob["id"]));
    app.request_code(&phone(4)).await.ok(202);
    app.exchange(&phone(4), &app.last_code(&phone(4)).await).await.problem(403, "account_banned");
    let new = app.sign_in(&phone(20)).await;
    for nobodys in ["QQQQQQ", "queue-7", "ZZZZZZ"] {
        app.activate(&new.token, nobodys).await.problem(404, "invite_code_not_found");
    }
    let entered = app.activate(&new.token, "ab3xyz9").await.ok(200);
    assert_eq!(entered["activated_invite_code"], bob["invite_code"]);
    let admin = app.sign_in_later(ADMIN).await;
    let path = format!("/v1/users/{}/invite", banned["id"].as_str().unwrap());
    let terms = app.json(Method::PATCH, &path, &admin.token, &json!({})).await.ok(200);
    assert_eq!((&terms["max_uses"], &terms["uses"]), (&json!(3), &json!(1)));
}

#[tokio::test]
async fn every_bad_line_is_told_with_its_reason() {
    let folder = folder("bad");
    import(
        &folder,
        &[
            json!({ "phone": phone(90), "invite_code": "TAKEN1" }),
            json!({ "phone": phone(91), "city": "Omsk" }),
        ],
        &[],
    )
    .await
    .unwrap();
    let lines: [(Value, &str); 24] = [
        (json!({ "phone": phone(1), "invite_code": "K5J3RW" }), ""),
        (json!([1]), "it is no JSON object"),
        (json!({ "city": "Omsk" }), "missing field `phone`"),
        (json!({ "phone": "12" }), "its phone is no number"),
        (json!({ "phone": "+74951234567" }), "its phone is no mobile number"),
        (json!({ "phone": "8 (900) 000-00-01" }), "its phone is that of line 1"),
        (json!({ "phone": phone(2), "invite_code": "kSj3rw" }), ""),
        (json!({ "phone": phone(3), "invite_code": "K5J3RW" }), "one of its codes reads as one of line 1"),
        (json!({ "phone": phone(4), "aliases": ["abCd123"] }), ""),
        (json!({ "phone": phone(5), "invite_code": "ABCD123" }), "one of its codes reads as one of line 9"),
        (
            json!({ "phone": phone(6), "invite_code": "12" }),
            "its invite code has not 4 to 32 letters and digits",
        ),
        (json!({ "phone": phone(7), "referrer": phone(7) }), "it names itself as its referrer"),
        (json!({ "phone": phone(8), "referrer": phone(77) }), "whose code it entered is not known"),
        (
            json!({ "phone": phone(9), "activated_invite_code": "NNNNNN" }),
            "whose code it entered is not known",
        ),
        (json!({ "phone": phone(10), "referrer": phone(3) }), "whose code it entered is not known"),
        (json!({ "phone": phone(11), "referrer": phone(12) }), ""),
        (json!({ "phone": phone(12), "referrer": phone(11) }), "it and line 16 invited each other"),
        (
            json!({ "phone": phone(13), "created_at": "1999-12-31T23:59:59Z" }),
            "a time of it is before 2000 or to come",
        ),
        (
            json!({ "phone": phone(14), "created_at": "yesterday" }),
            "must be a time such as 2026-12-31T23:59:59Z",
        ),
        (json!({ "phone": "+12015550123", "role": "admin" }), "a test number never gets a role"),
        (json!({ "phone": phone(15), "email": "nobody" }), "email must be an e-mail address"),
        (json!({ "phone": phone(90), "city": "Tomsk" }), "its phone has an account with other data"),
        (json!({ "phone": phone(16), "invite_code": "TAKEN1" }), "its invite code is another's already"),
        (json!({ "phone": phone(17), "name": "Alice" }), "unknown field `name`"),
    ];
    let text: Vec<_> = lines.iter().map(|(line, _)| line.clone()).collect();
    let told = import(&folder, &text, &[]).await.unwrap_err();
    for (nth, (_, reason)) in lines.iter().enumerate() {
        let line = told.lines().find(|line| line.starts_with(&format!("line {}: ", nth + 1)));
        let found = line.map(|line| line.split_once(": ").unwrap().1).unwrap_or_default();
        let fits = if reason.is_empty() { found.is_empty() } else { found.starts_with(reason) };
        // Whoever is left of a pair that invited each other hangs on a bad line.
        assert!(fits || nth == 15, "line {}: {found:?} is not {reason:?}\n{told}", nth + 1);
    }
    assert!(!told.contains("+7") && !told.contains("9000000"), "nobody's number is told: {told}");
    let before = export(&folder, &[]).await;
    assert_eq!(before.len(), 2, "nothing was brought in");
    let told = import(&folder, &text, &["--skip-bad"]).await.unwrap();
    assert!(told.starts_with("users brought in: 3; there already: 0; referrals: 0; bad lines: 21"), "{told}");
    assert_eq!(export(&folder, &[]).await.len(), 5);
}

/// Running it again changes nothing.
#[tokio::test]
async fn twice_is_as_good_as_once() {
    let folder = folder("twice");
    let mut lines: Vec<_> =
        (1..=150).map(|n| json!({ "phone": phone(n), "referrer": phone(n + 1) })).collect();
    lines.push(json!({ "phone": phone(151), "invite_code": "aB3xYz9", "referrer": phone(75) }));
    lines.extend((200..330).map(|n| json!({ "phone": phone(n), "activated_invite_code": "ab3xyz9" })));
    import(&folder, &lines, &[]).await.unwrap();
    let first = app(&folder).await.everything().await;
    let told = import(&folder, &lines, &[]).await.unwrap();
    assert!(
        told.starts_with("users brought in: 0; there already: 281; referrals: 0; bad lines: 0"),
        "{told}"
    );
    let mut second: Vec<_> = app(&folder).await.everything().await.split("}{").map(str::to_owned).collect();
    let mut first: Vec<_> = first.split("}{").map(str::to_owned).collect();
    first.sort_unstable();
    second.sort_unstable();
    assert_eq!(first, second);
    // And goes on counting exactly.
    let app = app(&folder).await;
    let all = everybody(&app).await;
    assert_eq!(user(&all, &phone(151))[1]["referrals_count"], 131);
    for n in 400..403 {
        let new = app.sign_in(&phone(n)).await;
        app.activate(&new.token, "aB3xYz9").await.ok(200);
    }
    let admin = app.sign_in_later(ADMIN).await;
    let id = user(&all, &phone(151))[0]["id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/v1/users/{id}"), &admin.token).await.ok(200)["referrals_count"], 134);
    // A second file may speak of those of the first.
    drop(app);
    let more: Vec<_> =
        (500..505).map(|n| json!({ "phone": phone(n), "referrer": { "phone": phone(151) } })).collect();
    import(&folder, &more, &[]).await.unwrap();
    let app = self::app(&folder).await;
    let admin = app.sign_in_later(ADMIN).await;
    assert_eq!(app.get(&format!("/v1/users/{id}"), &admin.token).await.ok(200)["referrals_count"], 139);
}

/// One object a line.
fn text_of(lines: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + &line.to_string() + "\n")
}

/// Killed at any moment and run again, it comes to the same as if it had run through.
#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_and_run_again_is_exact() {
    const USERS: u32 = 3_000;
    let code = |n: u32| format!("C{n:05}");
    let id = |n: u32| format!("01a1fbdf-98a0-7c0b-bce7-{n:012}");
    let line = |n: u32| {
        let referrer = if n < 400 { n / 2 } else { n % 7 };
        let mut line = json!({ "phone": phone(n), "id": id(n), "created_at": "2020-01-01T00:00:00Z",
                               "invite_code": code(n), "aliases": [format!("alias-no-{n}")] });
        if n > 7 && referrer != n {
            line["referrer"] = phone(referrer.max(1)).into();
        }
        line
    };
    let lines: String = text_of((1..=USERS).map(line));
    let whole = folder("whole");
    import_text(&whole, &lines, &[]).await.unwrap();
    let expected = export(&whole, &[]).await;
    assert_eq!(expected.len(), USERS as usize);

    let killed = folder("killed");
    let file = killed.join("users.jsonl");
    std::fs::write(&file, &lines).unwrap();
    let mut kills = 0;
    // While it starts, as the engine makes its tables step by step; and later.
    for patience in (1..=40).map(|n| 3 * n).chain((1..).map(|n| 150 * n)).map(Duration::from_millis) {
        let mut child = Process::new(env!("CARGO_BIN_EXE_latchkey"))
            .args(["import", file.to_str().unwrap(), "--data-dir", "."])
            .env_clear()
            .current_dir(&killed)
            .spawn()
            .unwrap();
        let ended = tokio::task::spawn_blocking(move || {
            let start = std::time::Instant::now();
            while start.elapsed() < patience {
                if let Some(status) = child.try_wait().unwrap() {
                    return Some(status);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            child.kill().unwrap();
            child.wait().unwrap();
            None
        });
        match ended.await.unwrap() {
            Some(status) => {
                assert!(status.success());
                break;
            }
            None => kills += 1,
        }
    }
    assert!(kills > 40, "it was killed before");
    assert_eq!(export(&killed, &[]).await, expected);
    let (one, other) = (app(&whole).await, app(&killed).await);
    for id in [id(1), id(2), id(5), id(100)] {
        let (admin, other_admin) = (one.sign_in_later(ADMIN).await, other.sign_in_later(ADMIN).await);
        let of = format!("/v1/users/{id}");
        let profile = one.get(&of, &admin.token).await.ok(200);
        assert_eq!(profile, other.get(&of, &other_admin.token).await.ok(200));
        assert_ne!(profile["referrals_count"], 0);
    }
}

/// An import of an export is the same deployment: the same export, and the same answers.
#[tokio::test]
async fn an_import_of_an_export_is_the_same_deployment() {
    let here = folder("here");
    let first = app(&here).await;
    first.sign_in_later(ADMIN).await;
    let mut people = Vec::new();
    for n in 1..40 {
        first.clock.advance_millis(3_600_123 * i64::from(n % 3));
        let person = first.sign_in(&phone(n)).await;
        if let Some(friend) = people.get(n as usize / 3) {
            let friend: &Person = friend;
            first.activate(&person.token, &friend.invite_code).await.ok(200);
        }
        people.push(person);
    }
    let admin = first.sign_in_later(ADMIN).await;
    let me = first.sign_in(&phone(2)).await;
    let profile = json!({ "email": "b@example.com", "city": "Омск", "telegram_id": "@b" });
    first.update_user(&me.token, "me", &profile).await.ok(200);
    let picture = include_bytes!("one-pixel.png").to_vec();
    first.raw(Method::PUT, "/v1/users/me/avatar", Some(&me.token), picture).await.ok(200);
    let manage = async |nth: usize, body: Value| {
        let path = format!("/v1/users/{}/invite", people[nth].id);
        first.json(Method::PATCH, &path, &admin.token, &body).await.ok(200)
    };
    manage(0, json!({ "redraw": true })).await;
    manage(1, json!({ "max_uses": 9, "expires_at": "2031-01-01T00:00:00Z" })).await;
    manage(2, json!({ "revoked": true })).await;
    first.update_user(&admin.token, &people[3].id, &json!({ "role": "moderator" })).await.ok(200);
    first.update_user(&admin.token, &people[4].id, &json!({ "status": "banned" })).await.ok(200);
    assert_eq!(first.delete_user(&admin.token, &people[5].id).await.status, 204);
    let exported = export(&here, &["--avatars"]).await;

    let there = folder("there");
    let told = import_text(&there, &(exported.join("\n") + "\n"), &[]).await.unwrap();
    assert!(told.starts_with("users brought in: 39; there already: 0"), "{told}");
    assert_eq!(export(&there, &["--avatars"]).await, exported);
    let second = app(&there).await;
    second.clock.advance_millis(first.world.now().millis() - second.world.now().millis());
    let (before, after) = (everybody(&first).await, everybody(&second).await);
    assert_eq!(before.len(), 39);
    for (id, of) in &before {
        assert_eq!(of, &after[id]);
    }
    let avatar =
        user(&after, &phone(2))[1]["avatar_url"].as_str().unwrap().replace("https://api.example.com", "");
    let pictures = [&first, &second].map(|app| app.raw(Method::GET, &avatar, None, vec![]));
    let [one, other] = pictures;
    assert_eq!(one.await.body, other.await.body);
    // What was nobody's is nobody's, and what was limited is.
    let new = second.sign_in(&phone(99)).await;
    for gone in [&people[0].invite_code, &people[5].invite_code, &people[2].invite_code] {
        second.activate(&new.token, gone).await.problem(404, "invite_code_not_found");
    }
    // Without avatars nothing else is left out.
    let plain = export(&there, &[]).await;
    assert_eq!(plain.len(), exported.len() + 1);
    assert!(plain.iter().all(|line| !line.contains("\"avatar\"")));
}

/// Everybody of a folder, by phone: own code, entered code, friend's phone, role, sign-up.
async fn in_short(folder: &Path) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let lines: Vec<Value> =
        export(folder, &[]).await.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let phone_of = |id: &Value| lines.iter().find(|line| line["id"] == *id).map(|line| line["phone"].clone());
    for line in lines.iter().filter(|line| line["phone"].is_string()) {
        let codes = json!([line["invite_code"], line["aliases"][0]]);
        let by = phone_of(&line["referrer"]["id"]);
        let short = json!({ "codes": codes, "by": by, "role": line["role"], "status": line["status"],
                            "created_at": line["created_at"], "city": line["city"], "email": line["email"] });
        all.insert(line["phone"].as_str().unwrap().to_owned(), short);
    }
    all
}

#[tokio::test]
async fn a_table_of_csv_is_brought_in() {
    let folder = folder("csv");
    let table = "phone,created_at,invite_code,aliases,referrer,city\n\
                 8 (900) 000-00-01,2024-03-01T10:00:00Z,K5J3RW,old1;old-2,,\"Omsk, \"\"east\"\"\"\n\
                 +79000000002,2024-03-02T10:00:00+03:00,aB3xYz9,,+79000000001,\n\
                 nobody,,,,,\n";
    let refused = import_text(&folder, table, &["--from", "csv"]).await.unwrap_err();
    assert!(refused.contains("line 4: its phone is no number"), "{refused}");
    import_text(&folder, table, &["--from", "csv", "--skip-bad"]).await.unwrap();
    let all = in_short(&folder).await;
    assert_eq!(all.len(), 2);
    assert_eq!(all[&phone(1)]["codes"], json!(["K5J3RW", "old1"]));
    assert_eq!(all[&phone(1)]["city"], "Omsk, \"east\"");
    assert_eq!((&all[&phone(2)]["by"], &all[&phone(2)]["codes"][1]), (&json!(phone(1)), &json!("aB3xYz9")));
    assert_eq!(all[&phone(2)]["created_at"], "2024-03-02T07:00:00Z");
    let refused =
        import_text(&folder, "phone,cty\n+79000000003,Omsk\n", &["--from", "csv"]).await.unwrap_err();
    assert!(refused.contains("line 2: unknown field `cty`"), "{refused}");
}

/// A dump of each of the earlier services, in the ways in which such services tell who invited
/// whom: by key, by code, by a list, by a table of its own.
#[tokio::test]
async fn dumps_of_the_earlier_services_are_brought_in() {
    let account = |pk: u32, fields: Value| {
        let mut all = json!({ "password": "!", "last_login": null, "is_active": true, "is_staff": false,
                              "is_superuser": false, "date_joined": "2023-05-06T07:08:09.120Z" });
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "model": "users.user", "pk": pk, "fields": all })
    };
    let by_key = json!([
        account(1, json!({ "phone_number": "79000000001", "invite_code": "AB12CD", "is_superuser": true })),
        account(2, json!({ "phone_number": "79000000002", "invite_code": "EF34GH", "inviter": 1 })),
        { "model": "users.authcode", "pk": 9, "fields": { "phone_number": "79000000002", "code": "1234" } },
        account(3, json!({ "phone_number": "79000000003", "invite_code": "JK56MN", "inviter": 1, "is_active": false })),
    ]);
    // The one whose codes have seven characters.
    let seven = json!([
        account(1, json!({ "phone": "79000000001", "invite_code": "AbC12dE" })),
        account(
            2,
            json!({ "phone": "79000000002", "invite_code": "fGh34Ij", "invite_code_referer": "AbC12dE" })
        ),
        account(
            3,
            json!({ "phone": "79000000003", "invite_code": "KlM56nO", "invite_code_referer": "abc12de" })
        ),
    ]);
    let by_code = json!([
        account(1, json!({ "phone_number": "+79000000001", "invite_code": "ab12cd" })),
        account(2, json!({ "phone_number": "+79000000002", "invite_code": "ef34gh", "referrer": "ab12cd" })),
        account(3, json!({ "phone_number": "+79000000003", "invite_code": "jk56mn", "referrer": "ab12cd" })),
    ]);
    let diploma = json!([
        account(
            1,
            json!({ "phone": "+7 900 000-00-01", "invite_code": "AB12CD", "city": "Omsk", "email": "a@example.com", "role": "moderator" })
        ),
        account(
            2,
            json!({ "phone": "+7 900 000-00-02", "invite_code": "EF34GH", "referral_code": "AB12CD", "email": "" })
        ),
        account(
            3,
            json!({ "phone": "+7 900 000-00-03", "invite_code": "JK56MN", "referral_code": "AB12CD" })
        ),
    ]);
    let listed = json!([
        account(1, json!({ "phone": "+79000000001", "own_invite_code": "AB12CD", "invited_users": [2] })),
        account(2, json!({ "phone": "+79000000002", "own_invite_code": "EF34GH" })),
        account(3, json!({ "phone": "+79000000003" })),
        { "model": "users.profile", "pk": 1, "fields": { "user": 3, "invite_code": "JK56MN", "city": "Omsk" } },
        { "model": "users.referral", "pk": 1, "fields": { "inviter": 1, "invited": 3 } },
    ]);
    for (name, dump) in
        [("keys", by_key), ("seven", seven), ("codes", by_code), ("diploma", diploma), ("lists", listed)]
    {
        let folder = folder(&format!("django-{name}"));
        let told = import_text(&folder, &dump.to_string(), &["--from", "django"]).await.unwrap();
        assert!(told.starts_with("users brought in: 3; there already: 0; referrals: 2"), "{name}: {told}");
        let all = in_short(&folder).await;
        for friend in [2, 3] {
            assert_eq!(all[&phone(friend)]["by"], phone(1), "{name}");
        }
        assert_eq!(all[&phone(1)]["created_at"], "2023-05-06T07:08:09.12Z", "{name}");
        let codes = &all[&phone(1)]["codes"];
        let expected = if name == "seven" { &codes[1] } else { &codes[0] };
        assert_eq!(expected, if name == "seven" { "AbC12dE" } else { "AB12CD" }, "{name}");
        match name {
            "keys" => {
                assert_eq!(
                    (&all[&phone(1)]["role"], &all[&phone(3)]["status"]),
                    (&json!("admin"), &json!("banned"))
                );
            }
            "diploma" => {
                assert_eq!(
                    (&all[&phone(1)]["role"], &all[&phone(1)]["city"]),
                    (&json!("moderator"), &json!("Omsk"))
                );
                assert_eq!(all[&phone(2)]["email"], Value::Null);
            }
            "lists" => assert_eq!(all[&phone(3)]["city"], "Omsk"),
            _ => {}
        }
    }
    let folder = folder("django-none");
    for none in ["{}", "[{\"model\": \"x\"}]", "nothing"] {
        let refused = import_text(&folder, none, &["--from", "django"]).await.unwrap_err();
        assert!(refused.contains("the file is no dump of Django"), "{refused}");
    }
}

/// Into a stack and out of it, through the SDK's own network: with the table that the stack
/// names, and by single transactions that overwrite nobody.
#[tokio::test(flavor = "multi_thread")]
async fn users_are_brought_into_a_stack_upgraded_there_and_taken_out_of_it() {
    let folder = folder("stack");
    let engine = Engine::in_memory().unwrap();
    let app = App::build(&[&VARS, FREE].concat(), Some(engine.clone())).await;
    let there = app.sign_in(&phone(1)).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, engine.database().clone()));
    let stub = folder.join("aws");
    std::fs::write(
        &stub,
        "#!/bin/sh\ncase \"$*\" in *AuditTable*) echo AuditTable ;; *) echo UsersTable ;; esac\n",
    )
    .unwrap();
    std::fs::set_permissions(&stub, Permissions::from_mode(0o700)).unwrap();
    let latchkey = async |arguments: &[&str]| {
        let mut command = Process::new(env!("CARGO_BIN_EXE_latchkey"));
        command.args(arguments).args(["--stack", "latchkey"]).env_clear().current_dir(&folder);
        command.env("PATH", &folder).env("AWS_ENDPOINT_URL", &endpoint).env("AWS_REGION", "eu-central-1");
        command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b").envs(VARS);
        command.env("DEFAULT_REGION", "RU");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let write = |lines: &[Value]| {
        std::fs::write(folder.join("users.jsonl"), text_of(lines)).unwrap();
    };
    let of_2020 = |n: u32| json!({ "phone": phone(n), "created_at": "2020-01-01T00:00:00Z" });
    let mut lines = vec![json!({ "phone": phone(1), "city": "Omsk" })];
    // So many of one that one item counts them no more, and a few of somebody who was there.
    lines.push(json!({ "phone": phone(2), "created_at": "2020-01-01T00:00:00Z", "invite_code": "aB3xYz9" }));
    for n in 10..130 {
        let mut line = of_2020(n);
        line["activated_invite_code"] = "ab3xyz9".into();
        lines.push(line);
    }
    for n in 130..240 {
        let mut line = of_2020(n);
        line["referrer"] = phone(1).into();
        lines.push(line);
    }
    lines.push(of_2020(300));
    lines.last_mut().unwrap()["referrer"] = phone(301).into();
    for (n, friend) in [(301, 302), (302, 300)] {
        lines.push(of_2020(n));
        lines.last_mut().unwrap()["referrer"] = phone(friend).into();
    }
    write(&lines);
    let (is_good, _, err) = latchkey(&["import", "users.jsonl", "--rate", "2000"]).await;
    assert!(!is_good && err.contains("line 1: its phone has an account with other data"), "{err}");
    write(&lines[1..]);
    let (is_good, out, err) = latchkey(&["import", "users.jsonl", "--rate", "2000"]).await;
    assert!(is_good && out.starts_with("users brought in: 234; there already: 0"), "{out}{err}");
    let all = everybody(&app).await;
    assert_eq!(all[&there.id][1]["city"], Value::Null, "whoever was there is as they were");
    for (n, count) in [(1, 110), (2, 120), (300, 1), (301, 1), (302, 1)] {
        assert_eq!(user(&all, &phone(n))[1]["referrals_count"], count, "{n}");
        assert_eq!(user(&all, &phone(n))[2].as_array().unwrap().len(), count, "{n}");
    }
    let new = app.sign_in(&phone(400)).await;
    app.activate(&new.token, &there.invite_code).await.ok(200);
    let (is_good, out, err) = latchkey(&["import", "users.jsonl", "--rate", "2000"]).await;
    assert!(is_good && out.starts_with("users brought in: 0; there already: 234"), "{out}{err}");

    // As an older version left one: brought up to date in place.
    app.set_user(&there.id, "REMOVE country").await;
    for (told, found) in [("1 user is listed by number now\n", 1), ("All is up to date\n", 1)] {
        let (is_good, out, err) = latchkey(&["upgrade", "--rate", "2000"]).await;
        assert!(is_good && out == told && err.is_empty(), "{out}{err}");
        let admin = app.sign_in_later(ADMIN).await;
        let path = format!("/v1/users?phone_prefix={}", phone(1).replace('+', "%2B"));
        let listed = app.get(&path, &admin.token).await.ok(200)["items"].as_array().unwrap().len();
        assert_eq!(listed, found);
    }

    let (is_good, out, err) = latchkey(&["export"]).await;
    assert!(is_good && err.is_empty(), "{err}");
    assert_eq!(out.lines().count(), everybody(&app).await.len());
    let other = folder.join("other");
    std::fs::create_dir(&other).unwrap();
    import_text(&other, &out, &[]).await.unwrap();
    let mut lines: Vec<_> = out.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    let mut again = export(&other, &[]).await;
    again.retain(|line| !line.contains("made_admin_hash"));
    lines.retain(|line| !line.contains("made_admin_hash"));
    assert_eq!(again, lines);
}
