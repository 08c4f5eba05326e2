//! How requests are sent, and sent again.

use std::time::Duration;

use tokio::time::sleep;

use super::Doing;
use crate::call::{Answer, Call};
use crate::world;

/// How often a careful app asks again.
const RETRIES: u64 = 3;

impl Doing<'_> {
    /// Sends a request from one's own address.
    pub(super) async fn send(&mut self, call: Call) -> Option<Answer> {
        self.sent += 1;
        let nonce = world::mix(&[self.step.nonce, 6, self.sent]);
        self.town.deployment.send(Call { ip: self.address(), ..call }, nonce).await
    }

    /// Sends it, and again for as long as a careful app would: the same request with
    /// the same key. People of odd numbers have careless apps.
    pub(super) async fn send_carefully(&mut self, call: Call) -> Option<Answer> {
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

    /// Sends it with the token of the newest device; signs in anew where that takes it,
    /// and repeats once.
    pub(super) async fn send_own(&mut self, call: Option<Call>) -> Option<Answer> {
        let call = call?;
        let answer = self.send_signed_in(call.clone()).await?;
        if answer.code() != "recent_sign_in_required" {
            return Some(answer);
        }
        let home = self.home();
        self.sign_in(home, None).await;
        self.send_signed_in(call).await
    }

    /// Sends it with the token of the newest device; trades that for another where it
    /// is over, and repeats once.
    async fn send_signed_in(&mut self, call: Call) -> Option<Answer> {
        let token = self.signed_in_token().await?;
        let answer = self.send_carefully(call.clone().by(Some(&token))).await?;
        if answer.code() != "invalid_token" {
            return Some(answer);
        }
        self.refresh(0, false, false).await;
        let token = self.token()?;
        self.send_carefully(call.by(Some(&token))).await
    }

    /// The token of the newest device; of a new one, where there is none.
    pub(super) async fn signed_in_token(&mut self) -> Option<String> {
        if self.token().is_none() {
            let home = self.home();
            self.sign_in(home, None).await;
        }
        self.token()
    }
}
