//! The secret under which codes are hashed, so that a stolen table tells
//! neither codes nor phones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::code::{OneTimeCode, Purpose};
use super::phone::Phone;
use crate::secrets::Secret;

/// HMAC-SHA256 under the first entry of the pepper secret.
#[derive(Clone)]
pub struct Pepper(Hmac<Sha256>);

/// What is stored of a code: 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeHash(pub [u8; 32]);

impl Pepper {
    /// The pepper of a secret.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length (RFC 2104).
    pub fn new(secret: &Secret) -> Self {
        Self(Hmac::new_from_slice(secret.first().as_bytes()).expect("HMAC takes any key"))
    }

    /// The hash of a code, bound to its phone and purpose.
    pub fn hash_code(&self, phone: &Phone, purpose: Purpose, code: &OneTimeCode) -> CodeHash {
        CodeHash(self.hash(&["code", purpose.as_str(), phone.as_str(), code.as_str()]))
    }

    /// Whether a guess is the code of `hash`, in constant time.
    pub fn is_code(&self, hash: &[u8], phone: &Phone, purpose: Purpose, guess: &OneTimeCode) -> bool {
        tracing::debug!(name: "code_compared", "a guess is compared");
        self.hash_code(phone, purpose, guess).0.ct_eq(hash).into()
    }

    /// What stands for a phone in the keys of the codes table.
    pub fn phone_key(&self, phone: &Phone) -> String {
        URL_SAFE_NO_PAD.encode(self.hash(&["phone", phone.as_str()]))
    }

    /// Each part behind its length, so that no two lists of parts hash alike.
    fn hash(&self, parts: &[&str]) -> [u8; 32] {
        let mut mac = self.0.clone();
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
        let pepper = Pepper::new(&Secret::parse("one").unwrap());
        let code = OneTimeCode::typed("1234");
        let alice = phone("+79000000001");
        let hash = pepper.hash_code(&alice, Purpose::SignIn, &code).0;
        assert!(pepper.is_code(&hash, &alice, Purpose::SignIn, &code));
        assert!(!pepper.is_code(&hash, &alice, Purpose::SignIn, &OneTimeCode::typed("1235")));
        assert!(!pepper.is_code(&hash, &phone("+79000000002"), Purpose::SignIn, &code));
        let other = Pepper::new(&Secret::parse("two").unwrap());
        assert!(!other.is_code(&hash, &alice, Purpose::SignIn, &code));
        assert_ne!(pepper.phone_key(&alice), other.phone_key(&alice));
    }
}
