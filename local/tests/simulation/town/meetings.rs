//! What several do at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use serde_json::json;
use tokio::time::sleep;

use super::{Doing, Town};
use crate::call::{Call, Caller};
use crate::stories::{ADMIN, End, Guess, Meeting, TESTER};
use crate::truth::{Place, text};
use crate::world;

impl Town {
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
}

impl Doing<'_> {
    pub(super) async fn meet(&mut self, meeting: Meeting, after: u8) {
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
    /// admin limits it or deletes whose it is.
    pub(super) async fn rush(&mut self, of: u8, end: End) {
        self.refresh_all().await;
        let Some((code, owner)) = self.town.invite_to_limit(of) else { return };
        let newcomer = self.newcomer(&code).await;
        let admin = self.town.admin();
        let entering = Call::to("PUT /v1/users/me/referrer").with(json!({ "invite_code": code }));
        let ending = match end {
            End::Limit(most) => {
                let terms = json!({ "max_uses": most });
                Call::about("PATCH /v1/users/{user_id}/invite", &owner).with(terms)
            }
            // The admin stays, as there is no other.
            End::Owner if self.town.user(admin).as_ref() == Some(&owner) => return,
            End::Owner => Call::about("DELETE /v1/users/{user_id}", &owner),
        };
        let mut calls = BTreeMap::new();
        for (who, token) in self.town.tokens() {
            let call = if who == admin { &ending } else { &entering };
            calls.insert(who, call.clone().by(Some(&token)));
        }
        calls.extend(newcomer.map(|call| (TESTER, call)));
        self.at_once(calls).await;
    }

    /// The next step of rotating both secrets. While instances have different ones, the
    /// code of one's own phone is entered several times at once, and one of another phone
    /// is asked for as often.
    pub(super) async fn rotate(&mut self, phone: u8) {
        let home = self.home();
        let call = self.asking(home, "sign_in");
        self.ask(home, call).await;
        self.read_text().await;
        let asking = self.asking(phone, "sign_in");
        let calls = self.entering(home, Guess::Right, None, true).into_iter().chain([asking]);
        let calls = calls.flat_map(|call| std::iter::repeat_n((self.step.who, call), 3));
        self.town.deployment.rotate(self.at_once(calls)).await;
    }

    /// Sends requests of several people within some milliseconds.
    async fn at_once(&self, calls: impl IntoIterator<Item = (u8, Call)>) {
        let mut all = tokio::task::JoinSet::new();
        for (nth, (who, call)) in (0..).zip(calls) {
            let nonce = world::mix(&[self.step.nonce, 14, nth]);
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
                self.other(who, 19).refresh(0, false, false).await;
            }
        }
    }
}
