//! The secret under which codes are hashed and refresh tokens are made, so that
//! a stolen table tells neither codes nor phones and opens no session.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::code::{OneTimeCode, Purpose};
use crate::domain::device::DeviceId;
use crate::domain::phone::Phone;
use crate::domain::secret::Secret;
use crate::domain::session::SessionId;
use crate::domain::user::UserId;

/// The pepper secret: its first entry is used, all are understood.
#[derive(Clone)]
pub struct Pepper(Vec<PepperEntry>);

/// HMAC-SHA256 under one entry.
#[derive(Clone)]
pub struct PepperEntry {
    id: String,
    mac: Hmac<Sha256>,
}

impl Pepper {
    /// The pepper of a secret.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length (RFC 2104), and a secret has an
    /// entry.
    pub fn new(secret: &Secret) -> Self {
        let entry = |text: &str| {
            let mac = Hmac::new_from_slice(text.as_bytes()).expect("HMAC takes any key");
            let nameless = PepperEntry { id: String::new(), mac };
            let id = URL_SAFE_NO_PAD.encode(&nameless.hash(&["entry"])[..6]);
            PepperEntry { id, ..nameless }
        };
        Self(secret.entries().map(entry).collect())
    }

    /// The entry in use.
    pub fn first(&self) -> &PepperEntry {
        &self.0[0]
    }

    /// All entries, the one in use first.
    pub fn entries(&self) -> &[PepperEntry] {
        &self.0
    }

    /// The entry that is called so.
    pub fn entry(&self, id: &str) -> Option<&PepperEntry> {
        self.0.iter().find(|entry| entry.id == id)
    }
}

impl PepperEntry {
    /// What it is called where it may be seen: it tells nothing of the entry.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is stored of a code, bound to its phone and purpose.
    pub fn hash_code(&self, phone: &Phone, purpose: &Purpose, code: &OneTimeCode) -> [u8; 32] {
        self.hash(&["code", &purpose.to_string(), phone.as_str(), code.as_str()])
    }

    /// Whether a guess is the code of `hash`, in constant time.
    pub fn is_code(&self, hash: &[u8], phone: &Phone, purpose: &Purpose, guess: &OneTimeCode) -> bool {
        self.hash_code(phone, purpose, guess).ct_eq(hash).into()
    }

    /// What stands for something personal in the keys of the codes table:
    /// `kind` says what it is.
    pub fn key(&self, kind: &str, of: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.hash(&[kind, of]))
    }

    /// The secret part of a refresh token.
    pub fn refresh_secret(&self, user: &UserId, session: &SessionId, generation: u32) -> String {
        URL_SAFE_NO_PAD.encode(self.hash(&["refresh", &user.0, session.as_str(), &generation.to_string()]))
    }

    /// Whether `secret` is that of such a refresh token, in constant time.
    pub fn is_refresh_secret(
        &self,
        secret: &str,
        user: &UserId,
        session: &SessionId,
        generation: u32,
    ) -> bool {
        self.refresh_secret(user, session, generation).as_bytes().ct_eq(secret.as_bytes()).into()
    }

    /// The secret part of a device token.
    pub fn device_secret(&self, user: &UserId, device: &DeviceId, phone: &Phone, at: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.hash(&["device", &user.0, device.as_str(), phone.as_str(), at]))
    }

    /// Whether `secret` is that of such a device token, in constant time.
    pub fn is_device_secret(
        &self,
        secret: &str,
        user: &UserId,
        device: &DeviceId,
        phone: &Phone,
        at: &str,
    ) -> bool {
        self.device_secret(user, device, phone, at).as_bytes().ct_eq(secret.as_bytes()).into()
    }

    /// What a device is to sign for a passkey's challenge of this identifier, bound to what
    /// it is for.
    pub fn challenge(&self, id: &str, purpose: &[&str; 3]) -> [u8; 32] {
        self.hash(&["challenge", id, purpose[0], purpose[1], purpose[2]])
    }

    /// Each part behind its length, so that no two lists of parts hash alike.
    fn hash(&self, parts: &[&str]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(text: &str) -> Phone {
        Phone::parse(text, "RU".parse().unwrap()).unwrap()
    }

    #[test]
    fn a_code_is_bound_to_its_phone_and_its_pepper() {
        let pepper = Pepper::new(&Secret::parse("one-0123456789abcdef").unwrap());
        let entry = pepper.first();
        let code = OneTimeCode::typed("1234");
        let alice = phone("+79000000001");
        let hash = entry.hash_code(&alice, &Purpose::SignIn, &code);
        assert!(entry.is_code(&hash, &alice, &Purpose::SignIn, &code));
        assert!(!entry.is_code(&hash, &alice, &Purpose::SignIn, &OneTimeCode::typed("1235")));
        assert!(!entry.is_code(&hash, &phone("+79000000002"), &Purpose::SignIn, &code));
        let change = |user: &str| Purpose::ChangePhone(UserId(user.to_owned()));
        assert!(!entry.is_code(&hash, &alice, &change("alice"), &code));
        let hash = entry.hash_code(&alice, &change("alice"), &code);
        assert!(!entry.is_code(&hash, &alice, &change("bob"), &code));
        let hash = entry.hash_code(&alice, &Purpose::SignIn, &code);
        let other = Pepper::new(&Secret::parse("two-0123456789abcdef").unwrap());
        assert!(!other.first().is_code(&hash, &alice, &Purpose::SignIn, &code));
        assert_ne!(entry.key("phone", "1"), other.first().key("phone", "1"));
        assert_ne!(entry.key("phone", "1"), entry.key("address", "1"));
    }

    #[test]
    fn entries_keep_their_names_wherever_they_stand() {
        let pepper = |text: &str| Pepper::new(&Secret::parse(text).unwrap());
        let [one, two] = ["one", "two"].map(|name| format!("{name}-0123456789abcdef"));
        let (one, both) = (pepper(&one), pepper(&format!("{two},{one}")));
        assert_ne!(one.first().id(), both.first().id());
        assert_eq!(both.entry(one.first().id()).unwrap().id(), one.first().id());
        assert!(pepper(&two).entry(one.first().id()).is_none());
    }
}
