//! Codes and tokens: signing in and out, and moving to another phone.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Device, Doing, Town};
use crate::call::{Answer, Call};
use crate::solver::solve;
use crate::stories::{Guess, Invite, Scope};
use crate::world;

impl Doing<'_> {
    /// The phone of one's account.
    pub(super) fn home(&self) -> u8 {
        self.me(|me| me.home).unwrap_or(self.step.who)
    }

    pub(super) async fn sign_in(&mut self, phone: u8, invite: Option<Invite>) {
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
    pub(super) async fn read_text(&self) {
        let millis = world::rng(&[self.step.nonce, 7]).random_range(200..9_000);
        sleep(Duration::from_millis(millis)).await;
    }

    pub(super) fn asking(&self, phone: u8, purpose: &str) -> Call {
        let mut body = json!({ "phone": self.town.phone(phone), "purpose": purpose });
        if let Some(token) = self.device_token(phone).filter(|_| purpose == "sign_in") {
            body["device_token"] = token.into();
        }
        // One that was used before, now and then.
        let used = self.me(|me| me.proofs.get(&phone).cloned());
        if let Some(proof) = used.filter(|_| self.step.nonce.is_multiple_of(3)) {
            body["proof"] = proof.into();
        }
        Call::to("POST /v1/auth/code").with(body)
    }

    pub(super) async fn ask(&mut self, phone: u8, call: Call) -> Option<Answer> {
        self.remember(&call);
        let mut answer = self.send_carefully(call.clone()).await?;
        if answer.code() == "proof_required" {
            let proof = solve(&answer.body["challenge"]);
            self.me(|me| me.proofs.insert(phone, proof.clone()));
            let mut call = call;
            if let Some(body) = &mut call.json {
                body["proof"] = proof.into();
            }
            self.remember(&call);
            answer = self.send_carefully(call).await?;
        }
        if let Some(id) = answer.body["challenge_id"].as_str() {
            self.me(|me| me.challenges.insert(phone, id.to_owned()));
        }
        Some(answer)
    }

    pub(super) fn code(&self, phone: u8, guess: Guess) -> Option<String> {
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

    pub(super) fn entering(
        &self,
        phone: u8,
        guess: Guess,
        invite: Option<Invite>,
        challenge: bool,
    ) -> Option<Call> {
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

    pub(super) async fn enter(&mut self, call: Call) -> Option<Answer> {
        self.remember(&call);
        let answer = self.send_carefully(call).await?;
        self.signed_in(&answer);
        Some(answer)
    }

    pub(super) fn signed_in(&self, answer: &Answer) {
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
    pub(super) async fn flood(&mut self, phone: u8, times: u8, right: bool) {
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
    pub(super) async fn repeat(&mut self, by: u8, other_body: bool) {
        let before = self.town.people().get(usize::from(by)).and_then(|person| person.keyed.last().cloned());
        let Some((_, mut call)) = before else { return };
        if other_body && let Some(body) = &mut call.json {
            if body.get("code").is_some() {
                body["code"] = "0000".into();
            } else if body.get("credential").is_some() {
                body["device"] = "Another phone".into();
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
    pub(super) async fn repeat_late(&mut self, by: u8) {
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

    pub(super) async fn refresh(&mut self, back: u8, twice: bool, killed: bool) {
        let Some(token) = self.refresh_token(back) else { return };
        let call = Call::to("POST /v1/auth/refresh").with(json!({ "refresh_token": token }));
        if twice {
            let nonce = world::mix(&[self.step.nonce, 9]);
            let other = Call { ip: self.address(), ..call.clone() };
            let deployment = Arc::clone(&self.town.deployment);
            tokio::spawn(async move { deployment.send(other, nonce).await });
        }
        if killed {
            self.send(call).await;
            return;
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

    pub(super) async fn sign_out(&mut self, scope: Scope, by_refresh: Option<u8>) {
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

    pub(super) async fn go(&mut self, phone: u8, guess: Guess) {
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

    pub(super) fn moved(&self, phone: u8, answer: &Answer) {
        self.me(|me| {
            me.home = Some(phone);
            if let Some(token) = answer.body["device_token"].as_str() {
                me.device_tokens.insert(phone, token.to_owned());
            }
        });
    }

    /// What a phone is known by; one step in four is done on another device.
    pub(super) fn device_token(&self, phone: u8) -> Option<String> {
        let token = self.me(|me| me.device_tokens.get(&phone).cloned());
        token.filter(|_| !self.step.nonce.is_multiple_of(4))
    }
}
