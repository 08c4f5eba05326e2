//! The people of a run: what they have and know, and how they do what a story has
//! them do.

mod managing;
mod meetings;
mod passkeys;
mod pictures;
mod sending;
mod signing_in;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::json;

use self::passkeys::Passkey;
use self::pictures::file;
use crate::call::Call;
use crate::deployment::Deployment;
use crate::stories::{ADMIN, Action, FETCHED, Field, Guess, Invite, SPARE, Step, TESTER};
use crate::world;

/// The test number and its code.
pub(crate) const TEST_PHONE: (&str, &str) = ("+12015550123", "1234");

/// The number of the first admin.
pub(crate) const ADMIN_PHONE: &str = "+79990000000";

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
    /// The last proof for each of the phones.
    proofs: BTreeMap<u8, String>,
    avatar: Option<String>,
    /// What one's devices hold, the newest last.
    passkeys: Vec<Passkey>,
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
            Action::Refresh { back, twice, killed } => self.refresh(back, twice, killed).await,
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
            Action::Rush { of, end } => self.rush(of, end).await,
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
            Action::Export { page } => {
                let call = Some(Call::about("GET /v1/users/me/export", "me"));
                self.read_page("export", call, "limit=2", page).await;
            }
            Action::SeeSessions { whom } => {
                let call = self.about("GET /v1/users/{user_id}/sessions", whom);
                self.send_own(call).await;
            }
            Action::Revoke { whom, nth } => self.revoke(whom, nth).await,
            Action::AddPasskey => self.add_passkey().await,
            Action::EnterPasskey { back, invite, keyed, forged } => {
                if let Some(call) = self.entering_passkey(back, forged).await {
                    let mut call = call.with_key(self.key(keyed));
                    if let (Some(code), Some(body)) =
                        (invite.and_then(|invite| self.invite(invite)), &mut call.json)
                    {
                        body["invite_code"] = code.into();
                    }
                    self.enter(call).await;
                }
            }
            Action::MeetPasskey { back, after } => self.meet_passkey(back, after).await,
            Action::SeePasskeys { whom } => {
                let call = self.about("GET /v1/users/{user_id}/passkeys", whom);
                self.send_own(call).await;
            }
            Action::NamePasskey { back } => {
                let call = self.about_passkey("PATCH", self.step.who, back);
                self.send_own(call.map(|call| call.with(json!({ "name": "Phone" })))).await;
            }
            Action::RemovePasskey { whom, back } => {
                let call = self.about_passkey("DELETE", whom, back);
                self.send_own(call).await;
            }
            Action::SeeReferrals { whom, page } => {
                let call = self.about("GET /v1/users/{user_id}/referrals", whom);
                self.read_page("referrals", call, "limit=2", page).await;
            }
            Action::List { by, page } => self.list(by, page).await,
            Action::SeeGuard { page } => {
                self.read_page("guard", Some(Call::to("GET /v1/guard")), "limit=1", page).await;
            }
            Action::Recover { whom, phone } => {
                let body = json!({ "phone": self.town.phone(phone) });
                let call = self.about("PUT /v1/users/{user_id}/recovery", whom).map(|call| call.with(body));
                self.send_own(call).await;
            }
            Action::SeeRecovery { whom } => {
                let call = self.about("GET /v1/users/{user_id}/recovery", whom);
                self.send_own(call).await;
            }
            Action::StopRecovery { whom } => {
                let call = self.about("DELETE /v1/users/{user_id}/recovery", whom);
                self.send_own(call).await;
            }
            Action::SeeAudit { by, page } => self.see_audit(by, page).await,
            Action::OpenPlace { which } => self.open_place(which).await,
            Action::LookUp { phone } => self.about_number("POST /v1/support/phones", phone).await,
            Action::Lift { phone } => self.about_number("DELETE /v1/support/phones/limits", phone).await,
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
            Action::Rotate { phone } => self.rotate(phone).await,
        }
    }

    /// Somebody else, in the same step, with chance of their own.
    fn other(&self, who: u8, salt: u64) -> Self {
        let nonce = world::mix(&[self.step.nonce, salt, who.into()]);
        Self { town: self.town, step: Step { who, nonce, ..self.step }, sent: 0 }
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
