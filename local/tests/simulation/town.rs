//! The people of a run: what they have and know, and how they do what a story has
//! them do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::call::{Answer, Call, Caller};
use crate::deployment::Deployment;
use crate::stories::{
    ADMIN, Action, FETCHED, Field, Guess, Invite, Meeting, Page, Picture, SPARE, Scope, Step, TESTER, Terms,
};
use crate::truth::{Place, text};
use crate::world;

/// The test number and its code.
pub(crate) const TEST_PHONE: (&str, &str) = ("+12015550123", "1234");

/// The number of the first admin.
pub(crate) const ADMIN_PHONE: &str = "+79990000000";

/// How often a careful app asks again.
const RETRIES: u64 = 3;

/// The people.
pub(crate) struct Town {
    deployment: Arc<Deployment>,
    phones: Vec<String>,
    people: Mutex<Vec<Person>>,
}

/// Somebody.
#[derive(Default)]
struct Person {
    devices: Vec<Device>,
    /// The challenges that were asked for, by phone.
    challenges: BTreeMap<u8, String>,
    /// The last requests that carried a key.
    keyed: Vec<(u64, Call)>,
    invite_code: Option<String>,
    user: Option<String>,
    /// The phone of the account, as far as is known.
    home: Option<u8>,
    /// What each of the phones is known by here.
    device_tokens: BTreeMap<u8, String>,
    avatar: Option<String>,
    cursors: BTreeMap<&'static str, String>,
}

/// Where somebody is signed in.
#[derive(Clone)]
struct Device {
    access: String,
    /// All that it ever had, the newest last.
    refresh: Vec<String>,
}

/// One step, done by one person.
struct Doing<'a> {
    town: &'a Town,
    step: Step,
    sent: u64,
}

impl Town {
    pub(crate) fn new(deployment: Arc<Deployment>, people: u8) -> Self {
        let phones = (0..people + SPARE).map(|index| match index {
            ADMIN => ADMIN_PHONE.to_owned(),
            TESTER => TEST_PHONE.0.to_owned(),
            _ => format!("+790000000{index:02}"),
        });
        let all = (0..people).map(|_| Person::default()).collect();
        Self { deployment, phones: phones.collect(), people: Mutex::new(all) }
    }

    /// Does a step.
    pub(crate) async fn act(&self, step: Step) {
        Doing { town: self, step, sent: 0 }.act().await;
    }

    fn people(&self) -> MutexGuard<'_, Vec<Person>> {
        self.people.lock().unwrap()
    }

    fn phone(&self, index: u8) -> String {
        self.phones[usize::from(index) % self.phones.len()].clone()
    }

    /// The code that was texted to a phone, the last but `back`.
    fn texted(&self, phone: &str, back: usize) -> Option<String> {
        if phone == TEST_PHONE.0 {
            return Some(TEST_PHONE.1.to_owned());
        }
        let truth = self.deployment.beneath.truth();
        let codes = truth.handed.iter().rev().filter(|handed| handed.phone == phone);
        let mut codes = codes.filter_map(|handed| handed.challenge.as_ref());
        let challenge = codes.nth(back)?;
        truth.challenges[challenge].texted.as_ref().map(|(_, code)| code.clone())
    }

    fn invite_code(&self, of: u8) -> Option<String> {
        self.people().get(usize::from(of))?.invite_code.clone()
    }

    /// Who is signed in, and with which token.
    fn tokens(&self) -> Vec<(u8, String)> {
        let people = self.people();
        let devices = (0..).zip(people.iter()).map(|(who, person)| (who, person.devices.last()));
        devices.filter_map(|(who, device)| Some((who, device?.access.clone()))).collect()
    }

    fn index_of(&self, phone: Option<&str>) -> Option<u8> {
        (0..).zip(&self.phones).find(|(_, of)| Some(of.as_str()) == phone).map(|(index, _)| index)
    }

    /// Somebody who is signed in and an admin; else the first one.
    fn admin(&self) -> u8 {
        let truth = self.deployment.beneath.truth();
        let is_admin = |user: String| {
            truth.item(&Place::user(&user)).is_some_and(|user| text(user, "role") == Some("admin"))
        };
        let mut signed_in = self.tokens().into_iter().map(|(who, _)| who);
        signed_in.find(|who| self.user(*who).is_some_and(is_admin)).unwrap_or(ADMIN)
    }

    /// An invite code and its owner: of the next one from `of` on whose code was never
    /// limited, else that of `of`.
    fn invite_to_limit(&self, of: u8) -> Option<(String, String)> {
        let of_person = |who| Some((self.invite_code(who)?, self.user(who)?));
        let people = u8::try_from(self.people().len()).unwrap_or(u8::MAX);
        let truth = self.deployment.beneath.truth();
        let is_unlimited = |(code, owner): &(String, String)| {
            let item = truth.item(&Place::invite(code)).filter(|item| item.get("uses").is_none());
            item.is_some_and(|item| text(item, "owner_id") == Some(owner))
        };
        let mut next = (0..people).filter_map(|n| of_person((of + n) % people));
        next.find(is_unlimited).or_else(|| of_person(of))
    }

    fn user(&self, of: u8) -> Option<String> {
        self.people().get(usize::from(of))?.user.clone()
    }
}

impl Doing<'_> {
    #[expect(clippy::too_many_lines, reason = "a line or two for each action")]
    async fn act(&mut self) {
        match self.step.action {
            Action::SignIn { phone, invite } => self.sign_in(phone, invite).await,
            Action::Ask { phone, keyed } => {
                let call = self.asking(phone, "sign_in").with_key(self.key(keyed));
                self.ask(phone, call).await;
            }
            Action::Enter { phone, guess, invite, keyed, challenge } => {
                if let Some(call) = self.entering(phone, guess, invite, challenge) {
                    let call = call.with_key(self.key(keyed));
                    self.enter(call).await;
                }
            }
            Action::Flood { phone, times, right } => self.flood(phone, times, right).await,
            Action::Repeat { by, other_body } => self.repeat(by, other_body).await,
            Action::RepeatLate { by } => self.repeat_late(by).await,
            Action::Refresh { back, twice } => self.refresh(back, twice).await,
            Action::SignOut { scope, by_refresh } => self.sign_out(scope, by_refresh).await,
            Action::AskMove { phone } => {
                let call = self.asking(phone, "change_phone").by(self.token().as_deref());
                self.ask(phone, call).await;
            }
            Action::Move { phone, guess } => self.go(phone, guess).await,
            Action::MoveWhole { phone } => {
                let call = self.asking(phone, "change_phone").by(self.token().as_deref());
                if self.ask(phone, call).await.is_some_and(|answer| answer.is_success()) {
                    self.read_text().await;
                    self.go(phone, Guess::Right).await;
                }
            }
            Action::Meet { meeting, after } => self.meet(meeting, after).await,
            Action::Rush { of, most } => self.rush(of, most).await,
            Action::Delete { whom } => {
                let call = self.about("DELETE /v1/users/{user_id}", whom);
                self.send_own(call).await;
            }
            Action::EnterInvite { invite } => {
                let Some(code) = self.invite(invite) else { return };
                let call = Call::to("PUT /v1/users/me/referrer").with(json!({ "invite_code": code }));
                self.send_own(Some(call)).await;
            }
            Action::Manage { whom, terms } => self.manage(whom, terms).await,
            Action::SetRole { whom, role } => {
                let role = ["user", "moderator", "admin"][usize::from(role) % 3];
                self.set(whom, json!({ "role": role })).await;
            }
            Action::SetStatus { whom, banned } => {
                let status = if banned { "banned" } else { "active" };
                self.set(whom, json!({ "status": status })).await;
            }
            Action::Change { field } => {
                let body = match field {
                    Field::City(n) => json!({ "city": format!("City {n}") }),
                    Field::NoCity => json!({ "city": null }),
                    Field::Email(n) => json!({ "email": format!("someone{n}@example.com") }),
                    Field::Telegram(n) => json!({ "telegram_id": format!("@someone{n}") }),
                    Field::OwnRole => json!({ "role": "admin" }),
                };
                self.set_own(body).await;
            }
            Action::Upload { picture } => {
                let call = Call { bytes: file(picture).to_vec(), ..Call::to("PUT /v1/users/me/avatar") };
                let answer = self.send_own(Some(call)).await;
                let url = answer.and_then(|answer| answer.body["avatar_url"].as_str().map(str::to_owned));
                if url.is_some() {
                    self.me(|me| me.avatar = url);
                }
            }
            Action::RemoveAvatar => self.set_own(json!({ "avatar_url": null })).await,
            Action::SeeAvatar { of } => {
                let url = self.town.people().get(usize::from(of)).and_then(|person| person.avatar.clone());
                let id = url.as_deref().and_then(|url| url.rsplit('/').next()).unwrap_or("0").to_owned();
                let call = Call::to("GET /v1/avatars/{avatar_id}");
                let path = call.path.replace("{avatar_id}", &id);
                self.send(Call { path, ..call }).await;
            }
            Action::See { whom } => {
                let call = self.about("GET /v1/users/{user_id}", whom);
                self.send_own(call).await;
            }
            Action::SeeSessions { whom } => {
                let call = self.about("GET /v1/users/{user_id}/sessions", whom);
                self.send_own(call).await;
            }
            Action::Revoke { whom, nth } => self.revoke(whom, nth).await,
            Action::SeeReferrals { whom, page } => {
                let call = self.about("GET /v1/users/{user_id}/referrals", whom);
                self.read_page("referrals", call, "limit=2", page).await;
            }
            Action::List { by, page } => self.list(by, page).await,
            Action::SeeStats { days } => {
                let call = Call::to("GET /v1/stats");
                let path = format!("{}?days={days}", call.path);
                self.send_own(Some(Call { path, ..call })).await;
            }
            Action::Fetch { nth } => {
                let (route, path) = FETCHED[usize::from(nth) % FETCHED.len()];
                self.send(Call { path: path.to_owned(), ..Call::to(route) }).await;
            }
            Action::Crash { instance } => self.town.deployment.crash(instance).await,
            Action::Rotate => self.town.deployment.rotate().await,
        }
    }

    /// Sends a request from one's own address.
    async fn send(&mut self, call: Call) -> Option<Answer> {
        self.sent += 1;
        let nonce = world::mix(&[self.step.nonce, 6, self.sent]);
        self.town.deployment.send(Call { ip: self.address(), ..call }, nonce).await
    }

    /// Sends it, and again for as long as a careful app would: the same request with
    /// the same key. People of odd numbers have careless apps.
    async fn send_carefully(&mut self, call: Call) -> Option<Answer> {
        let mut answer = None;
        let tries = if self.step.who % 2 == 1 { 1 } else { 1 + RETRIES };
        for _ in 0..tries {
            answer = self.send(call.clone()).await.or(answer);
            match &answer {
                Some(answer) if !matches!(answer.code(), "outcome_unknown" | "unavailable") => break,
                Some(answer) => {
                    let seconds = answer.body["retry_after"].as_u64().unwrap_or(1);
                    sleep(Duration::from_secs(seconds.min(120))).await;
                }
                None => {}
            }
        }
        answer
    }

    /// Sends it with the token of the newest device; trades that for another where it
    /// is over, and repeats once.
    async fn send_own(&mut self, call: Option<Call>) -> Option<Answer> {
        let call = call?;
        let token = self.signed_in_token().await?;
        let answer = self.send_carefully(call.clone().by(Some(&token))).await?;
        if answer.code() != "invalid_token" {
            return Some(answer);
        }
        self.refresh(0, false).await;
        let token = self.token()?;
        self.send_carefully(call.by(Some(&token))).await
    }

    /// The token of the newest device; of a new one, where there is none.
    async fn signed_in_token(&mut self) -> Option<String> {
        if self.token().is_none() {
            let home = self.home();
            self.sign_in(home, None).await;
        }
        self.token()
    }

    /// The phone of one's account.
    fn home(&self) -> u8 {
        self.me(|me| me.home).unwrap_or(self.step.who)
    }

    async fn sign_in(&mut self, phone: u8, invite: Option<Invite>) {
        let call = self.asking(phone, "sign_in").with_key(self.key(true));
        if !self.ask(phone, call).await.is_some_and(|answer| answer.is_success()) {
            return;
        }
        self.read_text().await;
        if let Some(call) = self.entering(phone, Guess::Right, invite, true) {
            let call = call.with_key(self.key(true));
            self.enter(call).await;
        }
    }

    /// Until the text has come and was read.
    async fn read_text(&self) {
        let millis = world::rng(&[self.step.nonce, 7]).random_range(200..9_000);
        sleep(Duration::from_millis(millis)).await;
    }

    fn asking(&self, phone: u8, purpose: &str) -> Call {
        let mut body = json!({ "phone": self.town.phone(phone), "purpose": purpose });
        if let Some(token) = self.device_token(phone).filter(|_| purpose == "sign_in") {
            body["device_token"] = token.into();
        }
        Call::to("POST /v1/auth/code").with(body)
    }

    async fn ask(&mut self, phone: u8, call: Call) -> Option<Answer> {
        self.remember(&call);
        let answer = self.send_carefully(call).await?;
        if let Some(id) = answer.body["challenge_id"].as_str() {
            self.me(|me| me.challenges.insert(phone, id.to_owned()));
        }
        Some(answer)
    }

    fn code(&self, phone: u8, guess: Guess) -> Option<String> {
        let phone = self.town.phone(phone);
        match guess {
            Guess::Right => self.town.texted(&phone, 0),
            Guess::Before => self.town.texted(&phone, 1),
            Guess::Wrong => {
                let right = self.town.texted(&phone, 0).and_then(|code| code.parse::<u32>().ok());
                Some(format!("{:04}", (right.unwrap_or(0) + 1) % 10_000))
            }
        }
    }

    fn entering(&self, phone: u8, guess: Guess, invite: Option<Invite>, challenge: bool) -> Option<Call> {
        let mut body =
            json!({ "phone": self.town.phone(phone), "code": self.code(phone, guess)?, "device": "Phone" });
        let id = self.me(|me| me.challenges.get(&phone).cloned());
        if let Some(id) = id.filter(|_| challenge) {
            body["challenge_id"] = id.into();
        }
        if let Some(token) = self.device_token(phone) {
            body["device_token"] = token.into();
        }
        if let Some(code) = invite.and_then(|invite| self.invite(invite)) {
            body["invite_code"] = code.into();
        }
        Some(Call::to("POST /v1/auth/token").with(body))
    }

    async fn enter(&mut self, call: Call) -> Option<Answer> {
        self.remember(&call);
        let answer = self.send_carefully(call).await?;
        self.signed_in(&answer);
        Some(answer)
    }

    fn signed_in(&self, answer: &Answer) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (Some(access), Some(refresh)) =
            (text(&answer.body["access_token"]), text(&answer.body["refresh_token"]))
        else {
            return;
        };
        let home = self.town.index_of(answer.body["user"]["phone"].as_str());
        self.me(|me| {
            me.home = home;
            if let (Some(home), Some(token)) = (home, text(&answer.body["device_token"])) {
                me.device_tokens.insert(home, token);
            }
            me.user = text(&answer.body["user"]["id"]);
            me.invite_code = text(&answer.body["user"]["invite_code"]);
            me.devices.push(Device { access, refresh: vec![refresh] });
        });
    }

    /// Many guesses at once, from one's own address.
    async fn flood(&mut self, phone: u8, times: u8, right: bool) {
        let guess = if right { Guess::Right } else { Guess::Wrong };
        let Some(call) = self.entering(phone, guess, None, true) else { return };
        let mut all = tokio::task::JoinSet::new();
        for nth in 0..u64::from(times) {
            let nonce = world::mix(&[self.step.nonce, 8, nth]);
            let (deployment, call) =
                (Arc::clone(&self.town.deployment), Call { ip: self.address(), ..call.clone() });
            all.spawn(async move { deployment.send(call, nonce).await });
        }
        while let Some(answer) = all.join_next().await {
            if let Ok(Some(answer)) = answer {
                self.signed_in(&answer);
            }
        }
    }

    /// Sends again what somebody sent with a key, as it was or with another body; by
    /// oneself, whoever that was.
    async fn repeat(&mut self, by: u8, other_body: bool) {
        let before = self.town.people().get(usize::from(by)).and_then(|person| person.keyed.last().cloned());
        let Some((_, mut call)) = before else { return };
        if other_body && let Some(body) = &mut call.json {
            if body.get("code").is_some() {
                body["code"] = "0000".into();
            } else {
                body["phone"] = self.town.phone(self.step.who).into();
            }
        }
        if call.token.is_some() {
            call.token = self.token();
        }
        if let Some(answer) = self.send(call).await {
            self.signed_in(&answer);
        }
    }

    /// Waits until a key of a sign-in is about to be forgotten, and sends another code
    /// under it.
    async fn repeat_late(&mut self, by: u8) {
        let is_sign_in = |(_, call): &&(u64, Call)| call.route == "POST /v1/auth/token";
        let people = |town: &Town| {
            let people = town.people();
            people.get(usize::from(by))?.keyed.iter().rev().find(is_sign_in).cloned()
        };
        let Some((at, mut call)) = people(self.town) else { return };
        let beneath = &self.town.deployment.beneath;
        let life = u64::try_from(beneath.truth().rules.code_ttl).unwrap_or_default() * 1_000;
        let late = 2_000.0_f64.powf(world::rng(&[self.step.nonce, 16]).random());
        let end = Duration::from_millis(at + life) + Duration::from_secs_f64(late / 1_000.0);
        let now = Duration::from_millis(beneath.clock.elapsed());
        let Some(wait) = end.checked_sub(now) else { return };
        sleep(wait).await;
        if let Some(body) = &mut call.json {
            body["code"] = "0000".into();
        }
        if let Some(answer) = self.send(call).await {
            self.signed_in(&answer);
        }
    }

    async fn refresh(&mut self, back: u8, twice: bool) {
        let Some(token) = self.refresh_token(back) else { return };
        let call = Call::to("POST /v1/auth/refresh").with(json!({ "refresh_token": token }));
        if twice {
            let nonce = world::mix(&[self.step.nonce, 9]);
            let other = Call { ip: self.address(), ..call.clone() };
            let deployment = Arc::clone(&self.town.deployment);
            tokio::spawn(async move { deployment.send(other, nonce).await });
        }
        let Some(answer) = self.send_carefully(call).await else { return };
        let text = |name: &str| answer.body[name].as_str().map(str::to_owned);
        if let (Some(access), Some(next)) = (text("access_token"), text("refresh_token")) {
            self.me(|me| {
                if let Some(device) = me.devices.last_mut() {
                    device.access = access;
                    if device.refresh.last() != Some(&next) {
                        device.refresh.push(next);
                    }
                }
            });
        } else if answer.status == 401 && back == 0 {
            // It forgets both tokens.
            self.me(|me| me.devices.pop());
        }
    }

    async fn sign_out(&mut self, scope: Scope, by_refresh: Option<u8>) {
        let scope = match scope {
            Scope::Local => "local",
            Scope::Others => "others",
            Scope::Global => "global",
        };
        let call = Call::to("POST /v1/auth/logout");
        let call = if let Some(back) = by_refresh {
            let Some(token) = self.refresh_token(back) else { return };
            call.with(json!({ "scope": scope, "refresh_token": token }))
        } else {
            let Some(token) = self.token() else { return };
            call.with(json!({ "scope": scope })).by(Some(&token))
        };
        self.send_carefully(call).await;
    }

    async fn go(&mut self, phone: u8, guess: Guess) {
        let Some(code) = self.code(phone, guess) else { return };
        let mut body = json!({ "phone": self.town.phone(phone), "code": code });
        if let Some(id) = self.me(|me| me.challenges.get(&phone).cloned()) {
            body["challenge_id"] = id.into();
        }
        let answer = self.send_own(Some(Call::to("PUT /v1/users/me/phone").with(body))).await;
        if let Some(answer) = answer.filter(Answer::is_success) {
            self.moved(phone, &answer);
        }
    }

    fn moved(&self, phone: u8, answer: &Answer) {
        self.me(|me| {
            me.home = Some(phone);
            if let Some(token) = answer.body["device_token"].as_str() {
                me.device_tokens.insert(phone, token.to_owned());
            }
        });
    }

    /// What a phone is known by; one step in four is done on another device.
    fn device_token(&self, phone: u8) -> Option<String> {
        let token = self.me(|me| me.device_tokens.get(&phone).cloned());
        token.filter(|_| !self.step.nonce.is_multiple_of(4))
    }

    async fn meet(&mut self, meeting: Meeting, after: u8) {
        let Some(token) = self.signed_in_token().await else { return };
        let home = self.home();
        if let Meeting::Move { phone } = meeting {
            let call = self.asking(phone, "change_phone").by(Some(&token));
            self.ask(phone, call).await;
        }
        let call = self.asking(home, "sign_in");
        self.ask(home, call).await;
        self.read_text().await;
        let Some(entering) = self.entering(home, Guess::Right, None, true) else { return };
        let Some(other) = self.met(meeting) else { return };
        let (one, two) = (world::mix(&[self.step.nonce, 12]), world::mix(&[self.step.nonce, 13]));
        let entering = Call { ip: self.address(), ..entering };
        let other = Call { ip: self.address(), ..other.by(Some(&token)) };
        let deployment = &self.town.deployment;
        let (signed_in, done) = tokio::join!(deployment.send(entering, one), async {
            sleep(Duration::from_millis(after.into())).await;
            deployment.send(other, two).await
        });
        if let Some(answer) = signed_in {
            self.signed_in(&answer);
        }
        if let (Meeting::Move { phone }, Some(answer)) = (meeting, done)
            && answer.is_success()
        {
            self.moved(phone, &answer);
        }
    }

    /// What is done at the moment of a sign-in.
    fn met(&self, meeting: Meeting) -> Option<Call> {
        Some(match meeting {
            Meeting::Move { phone } => {
                let body = json!({
                    "phone": self.town.phone(phone),
                    "code": self.code(phone, Guess::Right)?,
                    "challenge_id": self.me(|me| me.challenges.get(&phone).cloned())?,
                });
                Call::to("PUT /v1/users/me/phone").with(body)
            }
            Meeting::Delete => Call::about("DELETE /v1/users/{user_id}", "me"),
            Meeting::SignOut => Call::to("POST /v1/auth/logout").with(json!({ "scope": "global" })),
            Meeting::EnterInvite { of } => {
                let body = json!({ "invite_code": self.town.invite_code(of)? });
                Call::to("PUT /v1/users/me/referrer").with(body)
            }
        })
    }

    /// Whoever is signed in enters one invite code, and so does somebody new, while an
    /// admin limits it.
    async fn rush(&mut self, of: u8, most: u8) {
        self.refresh_all().await;
        let Some((code, owner)) = self.town.invite_to_limit(of) else { return };
        let newcomer = self.newcomer(&code).await;
        let admin = self.town.admin();
        let entering = Call::to("PUT /v1/users/me/referrer").with(json!({ "invite_code": code }));
        let terms = json!({ "max_uses": most });
        let limiting = Call::about("PATCH /v1/users/{user_id}/invite", &owner).with(terms);
        let mut calls = BTreeMap::new();
        for (who, token) in self.town.tokens() {
            let call = if who == admin { &limiting } else { &entering };
            calls.insert(who, call.clone().by(Some(&token)));
        }
        calls.extend(newcomer.map(|call| (TESTER, call)));
        let mut all = tokio::task::JoinSet::new();
        for (who, call) in calls {
            let nonce = world::mix(&[self.step.nonce, 14, who.into()]);
            let (deployment, ip) = (Arc::clone(&self.town.deployment), self.address());
            let wait = world::rng(&[nonce, 15]).random_range(0..40);
            all.spawn(async move {
                sleep(Duration::from_millis(wait)).await;
                (who, deployment.send(Call { ip, ..call }, nonce).await)
            });
        }
        while let Some(answer) = all.join_next().await {
            if let Ok((who, Some(answer))) = answer {
                self.other(who, 17).signed_in(&answer);
            }
        }
    }

    /// The test number, which needs no text, begins anew: a sign-up with an invite code.
    async fn newcomer(&self, code: &str) -> Option<Call> {
        let mut newcomer = self.other(TESTER, 18);
        if newcomer.token().is_some() {
            newcomer.send_own(Some(Call::about("DELETE /v1/users/{user_id}", "me"))).await;
            newcomer.me(|me| me.devices.clear());
        }
        let call = newcomer.asking(TESTER, "sign_in");
        newcomer.ask(TESTER, call).await;
        let mut call = newcomer.entering(TESTER, Guess::Right, None, true)?;
        call.json.as_mut()?["invite_code"] = code.into();
        Some(call)
    }

    /// Everybody whose token is over trades it for another.
    async fn refresh_all(&self) {
        for (who, token) in self.town.tokens() {
            let now = self.town.deployment.beneath.clock.millis() / 1_000;
            if Caller::of_token(&token).is_none_or(|caller| caller.ends_at <= now) {
                self.other(who, 19).refresh(0, false).await;
            }
        }
    }

    /// Somebody else, in the same step, with chance of their own.
    fn other(&self, who: u8, salt: u64) -> Self {
        let nonce = world::mix(&[self.step.nonce, salt, who.into()]);
        Self { town: self.town, step: Step { who, nonce, ..self.step }, sent: 0 }
    }

    async fn manage(&mut self, whom: u8, terms: Terms) {
        let soon = self.town.deployment.beneath.clock.millis() / 1_000 + 30;
        let body = match terms {
            Terms::MaxUses(most) => json!({ "max_uses": most }),
            Terms::Unlimited => json!({ "max_uses": null }),
            Terms::EndsSoon => json!({ "expires_at": rfc3339(soon) }),
            Terms::EndsAtTheEndOfTime => json!({ "expires_at": "9999-12-31T23:59:59-00:01" }),
            Terms::Revoked(revoked) => json!({ "revoked": revoked }),
            Terms::Redraw => json!({ "redraw": true }),
        };
        let call = self.about("PATCH /v1/users/{user_id}/invite", whom).map(|call| call.with(body));
        let Some(answer) = self.send_own(call).await else { return };
        if let Some(code) = answer.body["invite_code"].as_str()
            && let Some(person) = self.town.people().get_mut(usize::from(whom))
        {
            person.invite_code = Some(code.to_owned());
        }
    }

    async fn set(&mut self, whom: u8, body: Value) {
        let call = self.about("PATCH /v1/users/{user_id}", whom).map(|call| call.with(body));
        self.send_own(call).await;
    }

    async fn set_own(&mut self, body: Value) {
        self.send_own(Some(Call::about("PATCH /v1/users/{user_id}", "me").with(body))).await;
    }

    async fn revoke(&mut self, whom: u8, nth: u8) {
        let session = {
            let people = self.town.people();
            let Some(person) = people.get(usize::from(whom)) else { return };
            let device = person.devices.iter().rev().nth(usize::from(nth));
            device.and_then(|device| Caller::of_token(&device.access)).map(|caller| caller.session)
        };
        let session = session.unwrap_or_else(|| "07-0-none".to_owned());
        let call = self.about("DELETE /v1/users/{user_id}/sessions/{session_id}", whom);
        let call = call.map(|call| Call { path: call.path.replace("{session_id}", &session), ..call });
        self.send_own(call).await;
    }

    async fn list(&mut self, by: u8, page: Page) {
        let query = match by {
            0 => format!("phone={}", self.town.phone(by).replace('+', "%2B")),
            1 => format!("invite_code={}", self.town.invite_code(self.step.who).unwrap_or_default()),
            2 => "role=admin".to_owned(),
            3 => "status=banned".to_owned(),
            4 => "role=moderator&status=active".to_owned(),
            _ => "limit=3".to_owned(),
        };
        self.read_page("users", Some(Call::to("GET /v1/users")), &query, page).await;
    }

    async fn read_page(&mut self, list: &'static str, call: Option<Call>, query: &str, page: Page) {
        let Some(call) = call else { return };
        let cursor = match page {
            Page::First => None,
            Page::Next => self.me(|me| me.cursors.get(list).cloned()),
            Page::Nonsense => Some("bm9uc2Vuc2U".to_owned()),
            Page::Long => Some(long_cursor(
                list,
                call.subject().as_deref().or(self.town.user(self.step.who).as_deref()),
            )),
        };
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("{}?{query}{cursor}", call.path);
        let Some(answer) = self.send_own(Some(Call { path, ..call })).await else { return };
        if let Some(next) = answer.body["cursor"].as_str() {
            self.me(|me| me.cursors.insert(list, next.to_owned()));
        }
    }

    /// A route about somebody: oneself is `me`.
    fn about(&self, route: &'static str, whom: u8) -> Option<Call> {
        if whom == self.step.who {
            return Some(Call::about(route, "me"));
        }
        Some(Call::about(route, &self.town.user(whom)?))
    }

    fn me<T>(&self, change: impl FnOnce(&mut Person) -> T) -> T {
        change(&mut self.town.people()[usize::from(self.step.who)])
    }

    fn token(&self) -> Option<String> {
        self.me(|me| me.devices.last().map(|device| device.access.clone()))
    }

    fn refresh_token(&self, back: u8) -> Option<String> {
        self.me(|me| me.devices.last()?.refresh.iter().rev().nth(usize::from(back)).cloned())
    }

    fn invite(&self, invite: Invite) -> Option<String> {
        match invite {
            Invite::Of(person) => self.town.invite_code(person),
            Invite::Unknown => Some(format!("ZZZZ{:02}", self.step.nonce % 100)),
            Invite::Nonsense => Some("none".to_owned()),
        }
    }

    fn key(&self, keyed: bool) -> Option<String> {
        keyed.then(|| format!("{:016x}-{}", self.step.nonce, self.sent))
    }

    fn remember(&self, call: &Call) {
        if call.key.is_some() {
            let now = self.town.deployment.beneath.clock.elapsed();
            self.me(|me| me.keyed.push((now, call.clone())));
        }
    }

    /// Two people share an address.
    fn address(&self) -> String {
        format!("203.0.113.{}", self.step.who / 2)
    }
}

impl Call {
    fn with_key(self, key: Option<String>) -> Self {
        Self { key, ..self }
    }
}

/// A cursor that nobody gave, of thousands of bytes.
fn long_cursor(list: &str, user: Option<&str>) -> String {
    use base64::Engine as _;
    let position = format!("1795224352000#{}", "x".repeat(3_000));
    let text = match (list, user) {
        ("referrals", Some(user)) => format!("referrals/{user}\n{position}"),
        _ => format!("users//\n2026-11/{position}"),
    };
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

fn file(picture: Picture) -> &'static [u8] {
    match picture {
        Picture::Small => include_bytes!("../it/one-pixel.png"),
        Picture::Noisy => noisy(),
        Picture::Broken => b"\x89PNG\r\n\x1a\nbroken",
    }
}

/// A picture that nothing makes smaller.
fn noisy() -> &'static [u8] {
    static FILE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut rng = world::rng(&[11]);
        let picture = image::RgbImage::from_fn(290, 290, |_, _| image::Rgb(rng.random()));
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
        file.into_inner()
    });
    &FILE
}

/// A time as the API takes it.
fn rfc3339(seconds: i64) -> String {
    use latchkey::base::world::{Rfc3339, Timestamp};
    let time = Rfc3339(Timestamp::from_millis(seconds * 1_000));
    serde_json::to_value(time).unwrap().as_str().unwrap().to_owned()
}
