//! Passkeys: made, used, removed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::time::sleep;

use super::Doing;
use crate::authenticator::Credential;
use crate::call::{Answer, Call};
use crate::world;

/// What a device holds, and what the API calls it.
#[derive(Clone)]
pub(super) struct Passkey {
    credential: Credential,
    id: Option<String>,
}

/// What a device is to sign, and what that is called.
fn challenge(options: &Answer) -> Option<(Vec<u8>, String)> {
    let challenge = options.body["public_key"]["challenge"].as_str()?;
    Some((URL_SAFE_NO_PAD.decode(challenge).ok()?, options.body["challenge_id"].as_str()?.to_owned()))
}

impl Doing<'_> {
    pub(super) async fn add_passkey(&mut self) {
        let asking = Call::to("POST /v1/users/me/passkeys/options");
        let Some(options) = self.send_own(Some(asking)).await else { return };
        let (Some((challenge, challenge_id)), Some(user)) =
            (challenge(&options), options.body["public_key"]["user"]["id"].as_str())
        else {
            return;
        };
        let user = URL_SAFE_NO_PAD.decode(user).unwrap();
        let seed = world::mix(&[self.step.nonce, 20]);
        let credential = Credential::of_seed(seed, "api.example.com", "https://api.example.com", &user);
        let made = credential.made(&challenge).json();
        // The device keeps it, whatever becomes of the request.
        let place = self.me(|me| {
            me.passkeys.push(Passkey { credential, id: None });
            me.passkeys.len() - 1
        });
        let body = json!({ "challenge_id": challenge_id, "credential": made, "name": "Phone" });
        let answer = self.send_own(Some(Call::to("POST /v1/users/me/passkeys").with(body))).await;
        if let Some(id) = answer.and_then(|answer| answer.body["id"].as_str().map(str::to_owned)) {
            self.me(|me| me.passkeys[place].id = Some(id));
        }
    }

    /// A sign-in with one's last passkey but `back`. A forged one is signed by a key that
    /// was made up.
    pub(super) async fn entering_passkey(&mut self, back: u8, forged: bool) -> Option<Call> {
        let asking = Call::to("POST /v1/auth/passkey/options");
        let options = self.send_carefully(asking).await?;
        let (challenge, challenge_id) = challenge(&options)?;
        let mut credential = self.passkey(self.step.who, back)?.credential;
        let used = credential.used(&challenge);
        if forged {
            let seed = world::mix(&[self.step.nonce, 21]);
            credential = Credential::of_seed(seed, &credential.rp_id, &credential.origin, &[]);
        }
        let mut body = json!({ "challenge_id": challenge_id, "credential": credential.sign(&used) });
        let home = self.home();
        if let Some(token) = self.device_token(home) {
            body["device_token"] = token.into();
        }
        Some(Call { is_forged: forged, ..Call::to("POST /v1/auth/passkey").with(body) })
    }

    /// Signs in with a passkey, and at the moment of the next such sign-in removes it.
    pub(super) async fn meet_passkey(&mut self, back: u8, after: u8) {
        // Removing takes a recent sign-in, of which one by a text may be held.
        let Some(before) = self.entering_passkey(back, false).await else { return };
        if let Some(answer) = self.send(before).await {
            self.signed_in(&answer);
        }
        let Some(token) = self.token() else { return };
        let Some(entering) = self.entering_passkey(back, false).await else { return };
        let Some(removing) = self.about_passkey("DELETE", self.step.who, back) else { return };
        let (one, two) = (world::mix(&[self.step.nonce, 22]), world::mix(&[self.step.nonce, 23]));
        let entering = Call { ip: self.address(), ..entering };
        let removing = Call { ip: self.address(), ..removing.by(Some(&token)) };
        let deployment = &self.town.deployment;
        let (signed_in, _) = tokio::join!(deployment.send(entering, one), async {
            sleep(Duration::from_millis(after.into())).await;
            deployment.send(removing, two).await
        });
        if let Some(answer) = signed_in {
            self.signed_in(&answer);
        }
    }

    /// A route about a passkey of somebody, the last but `back`.
    pub(super) fn about_passkey(&self, method: &str, whom: u8, back: u8) -> Option<Call> {
        let route = if method == "PATCH" {
            "PATCH /v1/users/{user_id}/passkeys/{passkey_id}"
        } else {
            "DELETE /v1/users/{user_id}/passkeys/{passkey_id}"
        };
        let id = self.passkey(whom, back)?.id.unwrap_or_else(|| "none".to_owned());
        let call = self.about(route, whom)?;
        Some(Call { path: call.path.replace("{passkey_id}", &id), ..call })
    }

    fn passkey(&self, of: u8, back: u8) -> Option<Passkey> {
        self.town.people().get(usize::from(of))?.passkeys.iter().rev().nth(usize::from(back)).cloned()
    }
}
