//! The command line: what it says, and to which end.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::CommandFactory;
use latchkey::base::config;
use latchkey_local::cli::Options;
use latchkey_local::engine::Engine;
use latchkey_local::folder::DATABASE;
use serde_json::{Value, json};

use crate::app::{ADMIN, App, phone};

/// `latchkey` in an empty folder of its own, with no variables but these.
fn latchkey(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).current_dir(folder(name));
    command
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// It ends with this status, having said nothing but one line that holds `words`.
#[track_caller]
fn refuses(mut command: Command, status: i32, words: &[&str]) {
    let output = command.output().unwrap();
    let (out, err) = said(&output);
    assert_eq!((output.status.code(), &*out), (Some(status), ""), "{err}");
    assert!(err.starts_with("latchkey: ") && err.ends_with('\n'), "{err:?}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(!err.contains('\u{1b}'), "{err:?}");
    for words in words {
        assert!(err.contains(words), "{err}");
    }
}

#[test]
fn the_help_names_every_flag_with_its_variable_and_default() {
    let output = latchkey("help", &["--help"], &[]).output().unwrap();
    let (out, err) = said(&output);
    assert_eq!((output.status.code(), &*err), (Some(0), ""));
    assert!(out.contains(".env.sample") && out.contains("promote") && !out.contains('\u{1b}'), "{out}");
    let command = Options::command();
    let mut with_variable = 0;
    for flag in command.get_arguments().filter(|flag| flag.get_long().is_some()) {
        let long = format!("--{}", flag.get_long().unwrap());
        let (_, about) =
            out.split_once(&format!("{long} ")).or(out.split_once(&format!("{long}\n"))).unwrap();
        if let Some(variable) = flag.get_env() {
            with_variable += 1;
            assert!(about.contains(&format!("[env: {}=]", variable.to_str().unwrap())), "{long}");
        }
        for default in flag.get_default_values().iter().filter(|_| flag.get_action().takes_values()) {
            assert!(about.contains(&format!("[default: {}]", default.to_str().unwrap())), "{long}");
        }
    }
    assert_eq!(with_variable, 6);
}

#[test]
fn what_is_asked_wrongly_is_said_in_one_line() {
    let refused = |arguments: &[&str], variables: &[(&str, &str)], words: &[&str]| {
        refuses(latchkey("wrong", arguments, variables), 2, words);
    };
    refused(&["--port", "abc"], &[], &["'abc'", "--port", "see --help"]);
    refused(&["--port", "65536"], &[], &["65536"]);
    refused(&["--prot", "1"], &[], &["'--prot'", "'--port'"]);
    refused(&["--log", "xml"], &[], &["xml", "json"]);
    refused(&["promote"], &[], &["<PHONE>"]);
    refused(&[], &[("PORT", "abc")], &["'abc'", "variable PORT"]);
    refused(&[], &[("HOST", "here")], &["'here'", "variable HOST"]);
}

#[test]
fn what_keeps_it_from_starting_is_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = |arguments: &[&str], variables: &[(&str, &str)], words: &[&str]| {
        refuses(latchkey("start", arguments, variables), 1, words);
    };
    run(&["--in-memory", "--port", &port], &[], &[&port, "--port takes another"]);
    run(&["--in-memory", "--port", "0", "--dynamodb-port", &port], &[], &[&port, "--dynamodb-port"]);
    run(&["--in-memory", "--port", "0"], &[("CODE_LENGTH", "99")], &["CODE_LENGTH", "4 to 8", "99"]);
    run(&["--port", "0", "--data-dir", "/dev/null/x"], &[], &["/dev/null/x cannot be made", "--data-dir"]);

    let command = latchkey("unwritable", &["--port", "0", "--data-dir", "."], &[]);
    std::fs::create_dir(command.get_current_dir().unwrap().join("dynamodb.sqlite")).unwrap();
    refuses(command, 1, &[". cannot be written to (--data-dir takes another)"]);
    let command = latchkey("dotenv", &[], &[]);
    std::fs::write(command.get_current_dir().unwrap().join(".env"), "no line of an .env file").unwrap();
    refuses(command, 1, &[".env"]);
}

/// Whoever set several parameters wrongly is told of all of them.
#[test]
fn all_that_is_bad_is_told_at_once() {
    let bad = [
        ("CODE_LENGTH", "99"),
        ("TEST_PHONES", "+12015550123"),
        ("DEFAULT_REGION", "RUS"),
        ("APP_LINK_IOS", "not an address"),
        ("ACCESS_TTL", "-1"),
    ];
    let output = latchkey("bad", &["--in-memory", "--port", "0"], &bad).output().unwrap();
    let (_, log) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{log}");
    for (name, value) in bad {
        let told = log.lines().filter(|line| line.starts_with(&format!("latchkey: {name}: "))).count();
        assert_eq!(told, 1, "{name}={value}: {log}");
    }
    assert_eq!(log.lines().count(), bad.len(), "{log}");
}

/// The file is read as people write it; what is in it and no parameter is told, and what
/// looks like a misspelt one anywhere.
#[test]
fn the_file_is_read_as_it_is_written() {
    let arguments = ["--in-memory", "--port", "0", "--host", "localhost"];
    let mut command = latchkey("file", &arguments, &[("RESEND_COOLDWON", "0"), ("EDITOR", "ed")]);
    let file = "APP_NAME = Our App\nDEFAULT_REGION=  de # as we are\nCODE_LENGHT=6\nCOLOUR=red\n\
                TEST_PHONES=+44 7700 900123=1234@2099-12-31, +1 555 555 5555=4321@2099-12-31\n";
    std::fs::write(command.get_current_dir().unwrap().join(".env"), file).unwrap();
    command.stderr(Stdio::piped());
    let served = Served::start(command);
    for (phone, read) in [("+447700900123", "+447700900123"), ("01512 3456789", "+4915123456789")] {
        let answer = served.asked_for_a_code(phone);
        assert!(answer.contains(&format!("\"phone\":\"{read}\"")), "{answer}");
    }
    let log = served.stopped();
    for told in [
        "CODE_LENGHT is set and no parameter; CODE_LENGTH is one",
        "COLOUR is set and no parameter:",
        "RESEND_COOLDWON is set and no parameter; RESEND_COOLDOWN is one",
    ] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert!(!log.contains("EDITOR"), "{log}");
}

/// What it says when it serves, and how: addresses first, a log that programs
/// can read apart from them, no colours, 0 when it is told to stop.
#[test]
fn it_says_where_everything_is_logs_as_asked_and_stops_cleanly() {
    let arguments = ["--in-memory", "--port", "0", "--log", "json"];
    let mut child = latchkey("serve", &arguments, &[("PORT", ""), ("PUMPING_PAUSE", "60")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let hello: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let url = hello[0].strip_prefix("Latchkey is at ").unwrap();
    for path in ["/local", "/admin", "/docs", "/v1/auth/code"] {
        assert!(hello.iter().any(|line| line.contains(&format!("{url}{path}"))), "{path} in {hello:#?}");
    }
    assert!(hello.iter().all(|line| !line.contains('\u{1b}')), "{hello:#?}");

    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut String::new()).unwrap();

    let stopped = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(stopped.success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let events: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert!(events.iter().any(|event| event["route"] == "GET /health" && event["status"] == 200), "{log}");
    let of_before =
        |event: &serde_json::Value| event.to_string().contains("PUMPING_PAUSE is set and does nothing");
    assert!(events.iter().any(of_before), "{log}");
}

/// A gateway in a folder, until it is dropped; the host and port it is at.
struct Served(std::process::Child, String);

impl Served {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        Self(child, first.strip_prefix("Latchkey is at http://").unwrap().to_owned())
    }

    /// The status of a path, asked under a name.
    fn status(&self, path: &str, host: &str) -> String {
        let answer = self.ask(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n"), "");
        answer.split(' ').nth(1).unwrap().to_owned()
    }

    /// What comes of asking for a code.
    fn asked_for_a_code(&self, phone: &str) -> String {
        let head = "POST /v1/auth/code HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        self.ask(head, &serde_json::json!({ "phone": phone }).to_string())
    }

    fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.1).unwrap();
        let length = body.len();
        write!(stream, "{head}connection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// What it logged by its end, where that was kept.
    fn stopped(mut self) -> String {
        let mut log = String::new();
        self.0.kill().unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_folder_is_one_gateways_and_its_owners() {
    let arguments = ["--port", "0"];
    let command = latchkey("folder", &arguments, &[("PUBLIC_URL", "https://dev.example.com")]);
    let here = command.get_current_dir().unwrap().to_owned();
    // As an earlier version left it.
    std::fs::create_dir(here.join(".latchkey")).unwrap();
    std::fs::set_permissions(here.join(".latchkey"), Permissions::from_mode(0o755)).unwrap();
    let served = Served::start(command);

    let mut second = Command::new(env!("CARGO_BIN_EXE_latchkey"));
    second.args(arguments).env_clear().current_dir(&here);
    refuses(second, 1, &[".latchkey cannot be served", "another gateway serves it", "--data-dir"]);

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&here.join(".latchkey")), 0o700);
    let files: Vec<_> =
        std::fs::read_dir(here.join(".latchkey")).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }

    // A page on the web can give itself a name that leads here.
    for name in [
        "localhost",
        "localhost:3000",
        "app.localhost",
        "127.0.0.1",
        "[::1]:3000",
        "192.168.1.7",
        "host.docker.internal",
        "DEV.example.com",
    ] {
        assert_eq!(served.status("/local/messages", name), "200", "{name}");
    }
    for name in ["evil.example", "localhost.evil.example", "example.com", "127.0.0.1.evil.example", "a b", ""]
    {
        for path in ["/local", "/local/messages", "/local/inbox.js"] {
            assert_ne!(served.status(path, name), "200", "{name} {path}");
        }
    }
    assert_eq!(served.status("/health", "evil.example"), "200", "the API is asked by any name");
}

/// Somebody who is banned gets no role, and is not said to have one.
#[tokio::test]
async fn nobody_who_is_banned_is_promoted() {
    let promote = |folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command.args(["promote", &phone(1), "--data-dir", "."]).env_clear().current_dir(folder);
        command
    };
    let folder = folder("promote");
    let engine = Engine::in_file(&folder.join(DATABASE)).unwrap();
    let app = App::build(&[("ADMIN_PHONES", ADMIN)], Some(engine)).await;
    refuses(promote(&folder), 1, &["cannot be promoted", "nobody has signed in"]);
    let (admin, alice) = (app.sign_in(ADMIN).await, app.sign_in(&phone(1)).await);
    app.update_user(&admin.token, &alice.id, &json!({ "status": "banned" })).await.ok(200);
    refuses(promote(&folder), 1, &["cannot be promoted", "banned"]);
    let lifted = app.update_user(&admin.token, &alice.id, &json!({ "status": "active" })).await.ok(200);
    assert_eq!(lifted["role"], "user");
    let (out, err) = said(&promote(&folder).output().unwrap());
    assert_eq!((&*out, &*err), (&*format!("{} is admin now\n", phone(1)), ""));
    assert_eq!(app.me(&app.sign_in_later(&phone(1)).await).await["role"], "admin");
}

/// Whom the release before the index by number wrote is not in it, until `upgrade` puts them there:
/// once, however often it runs, and nobody else is touched.
#[tokio::test]
async fn users_of_an_older_version_are_listed_by_number() {
    let upgraded = |folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command.args(["upgrade", "--data-dir", "."]).env_clear().current_dir(folder);
        let (out, err) = said(&command.output().unwrap());
        assert_eq!(err, "");
        out
    };
    let folder = folder("upgrade");
    let engine = Engine::in_file(&folder.join(DATABASE)).unwrap();
    let app = App::build(&[("ADMIN_PHONES", ADMIN)], Some(engine)).await;
    let admin = app.sign_in(ADMIN).await;
    for n in 11..=13 {
        app.sign_in(&phone(n)).await;
    }
    let item = async |n: u32| {
        let items = app.all_items(config::USERS_TABLE).await;
        let is_it = |item: &&Value| item["phone"]["S"] == phone(n).as_str() && item.get("role").is_some();
        items.iter().find(is_it).unwrap().clone()
    };
    let id = async |n: u32| item(n).await["id"]["S"].as_str().unwrap().to_owned();
    app.update_user(&admin.token, &id(12).await, &json!({ "status": "banned" })).await.ok(200);
    // As 0.1.0 wrote it.
    let as_released = async |n: u32| {
        app.set_user(&id(n).await, "REMOVE country").await;
        let item = item(n).await;
        let names: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
        let more = ["banned", "devices", "written_by"];
        let names: Vec<_> = names.into_iter().filter(|name| !more.contains(name)).collect();
        let released = [
            "created_at",
            "created_at_key",
            "created_in",
            "epoch",
            "id",
            "invite_code",
            "phone",
            "pk",
            "referral_shards",
            "role",
            "status",
        ];
        assert_eq!(names, released);
    };
    as_released(11).await;
    as_released(12).await;
    let listed = async |query: &str| {
        let found = app.get(&format!("/v1/users?{query}"), &admin.token).await.ok(200);
        found["items"].as_array().unwrap().iter().map(|user| user["phone"].clone()).collect::<Vec<_>>()
    };
    let untouched = item(13).await;
    assert_eq!(listed("phone_prefix=%2B7900000001").await, [phone(13)]);
    assert_eq!(upgraded(&folder), "2 users are listed by number now\n");
    assert_eq!(listed("phone_prefix=%2B7900000001").await, [phone(11), phone(12), phone(13)]);
    assert_eq!(listed("country=RU").await.len(), 4);
    assert_eq!(listed("country=RU&status=banned").await, [phone(12)]);
    assert_eq!(upgraded(&folder), "All is up to date\n");
    // One that an interrupted run did not come to.
    as_released(11).await;
    assert_eq!(upgraded(&folder), "1 user is listed by number now\n");
    assert_eq!(listed("phone_prefix=%2B7900000001").await.len(), 3);
    assert_eq!(item(13).await, untouched);
}

/// Which table a stack uses, the stack says: one that an older stack of its name left behind
/// begins alike.
#[test]
fn promoting_in_a_stack_asks_for_its_own_table() {
    let asking = |name: &str, aws: &str, dynamodb: &str| {
        let arguments = ["promote", &phone(1), "--stack", "latchkey"];
        let variables = [
            ("AWS_ENDPOINT_URL", dynamodb),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            ("AWS_MAX_ATTEMPTS", "1"),
        ];
        let mut command = latchkey(name, &arguments, &variables);
        let folder = command.get_current_dir().unwrap().to_owned();
        let stub = folder.join("aws");
        std::fs::write(&stub, format!("#!/bin/sh\necho \"$@\" >>asked\n{aws}\n")).unwrap();
        std::fs::set_permissions(&stub, Permissions::from_mode(0o700)).unwrap();
        command.env("PATH", &folder);
        (command, folder)
    };
    let tables = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", tables.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = tables.accept().unwrap();
        let mut request = String::new();
        while !request.contains("RequestItems") {
            let mut some = [0; 4096];
            let length = stream.read(&mut some).unwrap();
            request += std::str::from_utf8(&some[..length]).unwrap();
        }
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        request
    });
    let (command, folder) = asking("stack", "echo latchkey-UsersTable-NEW", &endpoint);
    refuses(command, 1, &["the table does not answer"]);
    let request = asked.join().unwrap();
    assert!(request.contains("latchkey-UsersTable-NEW"), "{request}");
    let asked = std::fs::read_to_string(folder.join("asked")).unwrap();
    assert!(asked.contains("describe-stacks --stack-name latchkey ") && asked.contains("UsersTableName"));

    let (command, _) =
        asking("no-stack", "echo 'Stack with id latchkey does not exist' >&2; exit 254", &endpoint);
    refuses(command, 1, &["cannot be read", "latchkey does not exist"]);
    let (command, _) = asking("other-stack", "echo", &endpoint);
    refuses(command, 1, &["no stack of Latchkey"]);
    let (mut command, _) = asking("no-aws", "", &endpoint);
    command.env("PATH", "/nowhere");
    refuses(command, 1, &["the AWS CLI does not start"]);
}
