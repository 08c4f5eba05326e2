//! `kill -9` of the gateway under writes: nothing that it acknowledged is lost.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::phone;

/// A gateway in a process of its own, at a free port of this machine.
struct Gateway {
    child: Child,
    address: String,
}

impl Gateway {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_latchkey"))
            .args(["--port", "0", "--data-dir"])
            .arg(data)
            .env("REVEAL_CODE", "true")
            // Tokens name their issuer, and the port changes with each start.
            .env("ISSUER", "https://api.example.com")
            .current_dir(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.strip_prefix("Latchkey is at http://").unwrap().to_owned();
        // Read on, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let gateway = Self { child, address };
        while gateway.ask("GET", "/health", None, &Value::Null).is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        gateway
    }

    fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> Option<(u16, Value)> {
        ask(&self.address, method, path, token, body)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request over a connection of its own; `None` if it was not answered.
fn ask(address: &str, method: &str, path: &str, token: Option<&str>, body: &Value) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{authorization}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).ok()?))
}

/// What one acknowledged sign-in promised.
struct Promise {
    phone: String,
    token: String,
    activated: bool,
}

fn sign_in(address: &str, n: u32, invite_code: &str) -> Option<Promise> {
    let phone = phone(n);
    let (_, asked) = ask(address, "POST", "/v1/auth/code", None, &json!({ "phone": phone }))?;
    let entered = json!({ "phone": phone, "code": asked["code"] });
    let (status, answer) = ask(address, "POST", "/v1/auth/token", None, &entered)?;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str()?.to_owned();
    let body = json!({ "invite_code": invite_code });
    let activated = ask(address, "PUT", "/v1/users/me/referrer", Some(&token), &body);
    Some(Promise { phone, token, activated: activated.is_some_and(|(status, _)| status == 200) })
}

fn temporary_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let data = temporary_folder();
    let mut gateway = Gateway::start(&data);
    let inviter = sign_in(&gateway.address, 1, "").unwrap();
    let (_, profile) = gateway.ask("GET", "/v1/users/me", Some(&inviter.token), &Value::Null).unwrap();
    let invite_code = profile["invite_code"].as_str().unwrap().to_owned();

    let mut promises: Vec<Promise> = Vec::new();
    for round in 0..3u32 {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let writers: Vec<_> = (0..4u32)
            .map(|writer| {
                let (kept, address, invite_code) =
                    (Arc::clone(&kept), gateway.address.clone(), invite_code.clone());
                std::thread::spawn(move || {
                    for n in 0..10_000 {
                        match sign_in(&address, 1_000_000 * (1 + round) + 100_000 * writer + n, &invite_code)
                        {
                            Some(promise) => kept.lock().unwrap().push(promise),
                            None => return,
                        }
                    }
                })
            })
            .collect();
        while kept.lock().unwrap().len() < 40 {
            std::thread::sleep(Duration::from_millis(5));
        }
        // On Unix this is SIGKILL.
        gateway.child.kill().unwrap();
        gateway.child.wait().unwrap();
        for writer in writers {
            writer.join().unwrap();
        }
        promises.append(&mut kept.lock().unwrap());
        gateway = Gateway::start(&data);
    }
    assert!(promises.len() >= 120);

    for promise in &promises {
        let (status, profile) =
            gateway.ask("GET", "/v1/users/me", Some(&promise.token), &Value::Null).unwrap();
        assert_eq!(status, 200, "{}: {profile}", promise.phone);
        assert_eq!(profile["phone"], promise.phone);
        if promise.activated {
            assert_eq!(profile["activated_invite_code"], invite_code);
        }
    }
    drop(gateway);
    std::fs::remove_dir_all(&data).unwrap();
}
