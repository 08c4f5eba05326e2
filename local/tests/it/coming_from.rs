//! The walks of `docs/coming-from.md`: each call of an earlier service in the way in which its
//! app makes it, sent as the document says to send it here.

use http::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN, Answer, App, FREE, Person, phone};

const DOCUMENT: &str = include_str!("../../../docs/coming-from.md");

/// The rows of a walk that are still to be told.
struct Walk<'a> {
    app: &'a App,
    rows: Vec<(String, String)>,
}

impl<'a> Walk<'a> {
    /// That below a heading or a line of the document.
    fn of(app: &'a App, head: &str) -> Self {
        let (_, below) = DOCUMENT.split_once(&format!("\n{head}\n")).unwrap();
        let (_, table) = below.split_once("| there | here | what changes |\n|---|---|---|\n").unwrap();
        let code = |cell: &str| cell.split('`').nth(1).unwrap_or("–").to_owned();
        let rows = table.lines().take_while(|line| line.starts_with('|')).map(|row| {
            let mut cells = row.split('|').skip(1);
            (code(cells.next().unwrap()), code(cells.next().unwrap()))
        });
        Self { app, rows: rows.collect() }
    }

    /// That the next row says so.
    fn tell(&mut self, there: &str, here: &str) {
        assert!(!self.rows.is_empty(), "the document has no {there}");
        assert_eq!(self.rows.remove(0), (there.to_owned(), here.to_owned()));
    }

    async fn call(&mut self, there: &str, here: &str, token: Option<&str>, body: Value) -> Answer {
        self.tell(there, here);
        self.send(here, token, &body).await
    }

    /// The same for what has an id in its path.
    async fn call_of(&mut self, there: &str, here: &str, person: &Person, body: Value) -> Answer {
        self.tell(there, here);
        self.send(&here.replace("{user_id}", &person.id), Some(&person.token), &body).await
    }

    async fn send(&self, call: &str, token: Option<&str>, body: &Value) -> Answer {
        let (method, path) = call.split_once(' ').unwrap();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.app.raw(method.parse().unwrap(), path, token, body).await
    }

    /// A page that was asked for with a slash, and is followed to where it leads.
    async fn page(&mut self, there: &str, here: &str) {
        self.tell(there, here);
        let moved = self.send(there, None, &Value::Null).await;
        assert_eq!((moved.status, moved.header("location")), (308, &*here.replace("GET /", "../")));
        assert_eq!(self.send(here, None, &Value::Null).await.status, 200);
    }

    /// Asks for a code and enters it; what the answer holds.
    async fn sign_in(&mut self, ask: &str, enter: &str, as_typed: &str) -> Value {
        let asked = self.call(ask, "POST /v1/auth/code", None, json!({ "phone": as_typed })).await.ok(202);
        let phone = asked["phone"].as_str().unwrap().to_owned();
        assert_eq!(asked.get("code"), None);
        self.enter(enter, as_typed, &phone).await
    }

    async fn enter(&mut self, enter: &str, as_typed: &str, phone: &str) -> Value {
        let code = self.app.last_code(phone).await;
        assert_eq!(code.len(), 4);
        let body = json!({ "phone": as_typed, "code": code });
        let answer = self.call(enter, "POST /v1/auth/token", None, body).await.ok(200);
        assert!(answer["refresh_token"].is_string() && answer["user"]["id"].is_string());
        assert_eq!(answer["user"]["phone"], phone);
        assert_eq!(answer["user"]["invite_code"].as_str().unwrap().len(), 6);
        answer
    }

    fn end(self) {
        assert_eq!(self.rows, Vec::new(), "left");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn invite(code: &str) -> Value {
    json!({ "invite_code": code })
}

#[tokio::test]
async fn phone_auth_service() {
    let app = App::new().await;
    let inviter = app.sign_in(&phone(9)).await;
    let mut walk = Walk::of(&app, "## PhoneAuthService");
    let me = walk.sign_in("POST /api/send-code/", "POST /api/verify-code/", "79000000001").await;
    let refresh = json!({ "refresh_token": me["refresh_token"] });
    let token = text(&walk.call("–", "POST /v1/auth/refresh", None, refresh).await.ok(200)["access_token"]);
    let profile = walk.call("GET /api/profile/", "GET /v1/users/me", Some(&token), Value::Null).await.ok(200);
    assert_eq!((&profile["referrals"], &profile["referrer"]), (&json!([]), &Value::Null));
    let body = invite(&inviter.invite_code);
    let put = "PUT /v1/users/me/referrer";
    let entered = walk.call("POST /api/activate-invite/", put, Some(&token), body).await.ok(200);
    assert_eq!(entered["referrer"]["phone"], phone(9));
    assert_eq!(app.me(&inviter).await["referrals"], json!([phone(1)]));
    walk.end();
    // Its header is another.
    let headers = [("authorization", &*format!("Token {token}"))];
    let answer = app.from("203.0.113.77", Method::GET, "/v1/users/me", None, &headers, vec![]).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn the_service_with_sms_aero() {
    let app = App::new().await;
    let (first, other) = (app.sign_in(&phone(8)).await, app.sign_in(&phone(9)).await);
    let mut walk = Walk::of(&app, "## The service with SMS Aero");
    let me = walk.sign_in("POST /users/auth/get_code/", "POST /users/auth/send_code/", "79000000000").await;
    let refresh = json!({ "refresh_token": me["refresh_token"] });
    let next = walk.call("POST /users/auth/refresh/", "POST /v1/auth/refresh", None, refresh).await.ok(200);
    assert_ne!(next["refresh_token"], me["refresh_token"]);
    let token = text(&next["access_token"]);
    let profile =
        walk.call("GET /users/retrieve/", "GET /v1/users/me", Some(&token), Value::Null).await.ok(200);
    for name in ["phone", "invite_code", "referrer", "activated_invite_code", "referrals"] {
        assert!(profile.get(name).is_some(), "{name}");
    }
    let put = "PUT /v1/users/me/referrer";
    let body = invite(&text(&profile["invite_code"]));
    let own = walk.call("POST /users/set_referrer/", put, Some(&token), body).await;
    own.problem(422, "own_invite_code");
    // Became one, is one already, and is one of another.
    for _ in 0..2 {
        let became = walk.send(put, Some(&token), &invite(&first.invite_code)).await.ok(200);
        assert_eq!(became["activated_invite_code"], first.invite_code);
        assert_eq!(became["referrer"]["phone"], phone(8));
    }
    let second = walk.send(put, Some(&token), &invite(&other.invite_code)).await;
    let second = second.problem(409, "invite_already_activated");
    assert_eq!(second["activated_invite_code"], first.invite_code);
    walk.page("GET /swagger/", "GET /swagger").await;
    walk.page("GET /redoc/", "GET /redoc").await;
    walk.end();
}

#[tokio::test]
async fn the_plus_7_service() {
    let app = App::new().await;
    let inviter = app.sign_in(&phone(9)).await;
    let mut walk = Walk::of(&app, "## The `+7` service");
    let me = walk.sign_in("POST /api/send-code/", "POST /api/verify-phone/", "+79000000001").await;
    assert_eq!(me["is_new"], true);
    let token = text(&me["access_token"]);
    let put = "PUT /v1/users/me/referrer";
    let body = invite(&inviter.invite_code);
    walk.call("PUT /api/update-referrer/", put, Some(&token), body).await.ok(200);
    walk.send(put, Some(&token), &invite("ZZZZZZ")).await.problem(409, "invite_already_activated");
    walk.send(put, Some(&inviter.token), &invite("ZZZZZZ")).await.problem(404, "invite_code_not_found");
    let profile = walk.call("GET /api/profile/", "GET /v1/users/me", Some(&token), Value::Null).await.ok(200);
    assert_eq!(profile["activated_invite_code"], inviter.invite_code);
    assert_eq!(app.me(&inviter).await["referrals"], json!([phone(1)]));
    walk.end();
}

#[tokio::test]
async fn the_diploma_project() {
    let app = App::with_admin(FREE).await;
    let inviter = app.sign_in(&phone(9)).await;
    let mut walk = Walk::of(&app, "## The diploma project");
    let me = walk.sign_in("POST /api/users/login/", "PUT /api/users/login/", "+7 900 000 00 01").await;
    app.clock.advance(1);
    app.request_code(&phone(1)).await.ok(202);
    let again = walk.enter("POST /api/users/token/", "+7 900 000 00 01", &phone(1)).await;
    assert_eq!((&again["is_new"], &again["user"]["id"]), (&json!(false), &me["user"]["id"]));
    let me = Person {
        id: text(&again["user"]["id"]),
        invite_code: text(&again["user"]["invite_code"]),
        token: text(&again["access_token"]),
        refresh: text(&again["refresh_token"]),
    };
    let get = "GET /v1/users/{user_id}";
    let profile = walk.call_of("GET /api/users/{user_id}/", get, &me, Value::Null).await.ok(200);
    assert_eq!(profile["activated_invite_code"], Value::Null);

    let put = "PUT /api/users/{user_id}/";
    let body = json!({ "email": "a@example.com", "city": "Omsk", "telegram_id": "@alice_1" });
    let changed = walk.call_of(put, "PATCH /v1/users/{user_id}", &me, body).await.ok(200);
    assert_eq!((&changed["city"], &changed["email"]), (&json!("Omsk"), &json!("a@example.com")));
    walk.tell(put, "PUT /v1/users/me/avatar");
    let picture = include_bytes!("one-pixel.png").to_vec();
    app.raw(Method::PUT, "/v1/users/me/avatar", Some(&me.token), picture).await.ok(200);
    let asked = json!({ "phone": phone(2), "purpose": "change_phone" });
    app.json(Method::POST, "/v1/auth/code", &me.token, &asked).await.ok(202);
    let body = json!({ "phone": phone(2), "code": app.last_code(&phone(2)).await });
    let moved = walk.call(put, "PUT /v1/users/me/phone", Some(&me.token), body).await.ok(200);
    assert_eq!(moved["phone"], phone(2));
    let body = invite(&inviter.invite_code);
    walk.call(put, "PUT /v1/users/me/referrer", Some(&me.token), body).await.ok(200);

    // The first with a number of `ADMIN_PHONES` is what `createsuperuser` makes.
    let admin = app.sign_in(ADMIN).await;
    assert_eq!(app.me(&admin).await["role"], "admin");
    let list = "GET /v1/users";
    let users = walk.call("GET /api/users/list/", list, Some(&admin.token), Value::Null).await.ok(200);
    assert_eq!(users["items"].as_array().unwrap().len(), 3);
    walk.send(list, Some(&me.token), &Value::Null).await.problem(403, "forbidden");
    let delete = "DELETE /v1/users/{user_id}";
    let deleted = walk.call_of("DELETE /api/users/{user_id}/", delete, &me, Value::Null).await;
    assert_eq!(deleted.status, 204);
    // What it does is in `cli.rs`.
    walk.tell("manage.py createsuperuser", "cargo run -- promote");
    walk.page("GET /admin/", "GET /admin").await;
    walk.page("GET /swagger/", "GET /swagger").await;
    walk.page("GET /redoc/", "GET /redoc").await;
    walk.end();
}

#[tokio::test]
async fn referral_system_hs_by_its_readme() {
    let app = App::new().await;
    let inviter = app.sign_in(&phone(9)).await;
    let mut walk = Walk::of(&app, "By its README:");
    let me = walk.sign_in("POST /login/send_code/", "POST /login/verify_code/", "+375291234567").await;
    let token = text(&me["access_token"]);
    let profile = walk.call("GET /get_profile/", "GET /v1/users/me", Some(&token), Value::Null).await.ok(200);
    assert_eq!(profile["phone"], "+375291234567");
    let put = "PUT /v1/users/me/referrer";
    let body = invite(&inviter.invite_code);
    let entered = walk.call("POST /use_invite_code/", put, Some(&token), body).await.ok(200);
    assert_eq!(entered["referrer"]["phone"], phone(9));
    assert_eq!(app.me(&inviter).await["referrals"], json!(["+375291234567"]));
    let refresh = json!({ "refresh_token": me["refresh_token"] });
    walk.call("POST /api/token/refresh/", "POST /v1/auth/refresh", None, refresh).await.ok(200);
    walk.end();
}

#[tokio::test]
async fn referral_system_hs_by_its_code() {
    let app = App::new().await;
    let inviter = app.sign_in(&phone(9)).await;
    let mut walk = Walk::of(&app, "By its code, which has other routes, and three pages for people:");
    let body = json!({ "phone": "+375291234567" });
    let (send, resend, ask) = ("POST /auth/send_code/", "POST /auth/resend_code/", "POST /v1/auth/code");
    let asked = walk.call(send, ask, None, body.clone()).await.ok(202);
    let void = app.last_code("+375291234567").await;
    walk.send(ask, None, &body).await.problem(429, "resend_too_soon");
    app.clock.advance(asked["resend_in"].as_i64().unwrap());
    walk.call(resend, ask, None, body.clone()).await.ok(202);
    assert_ne!(app.last_code("+375291234567").await, void);
    app.exchange("+375291234567", &void).await.problem(422, "invalid_code");
    // Three minutes later, which is longer than a code lived there.
    app.clock.advance(180);
    let me = walk.enter("POST /auth/verify_code/", "+375291234567", "+375291234567").await;
    let token = text(&me["access_token"]);
    walk.call("GET /profile/", "GET /v1/users/me", Some(&token), Value::Null).await.ok(200);
    let put = "PUT /v1/users/me/referrer";
    walk.call("POST /invite-code/use/", put, Some(&token), invite(&inviter.invite_code)).await.ok(200);
    for (there, here) in
        [("GET /", "GET /"), ("GET /verify_page/", "GET /docs"), ("GET /profile-page/", "GET /docs")]
    {
        assert_eq!(walk.call(there, here, None, Value::Null).await.status, 200);
    }
    walk.end();
}
