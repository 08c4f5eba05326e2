//! Keys that sign and verify: derived by p256, used by ring.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use sha2::{Digest, Sha256};

use crate::domain::public_key::PublicKey;

/// A key that signs, as ring takes it.
pub(super) struct KeyPair {
    private: [u8; PRIVATE],
    public: [u8; POINT],
}

/// Bytes of a private key.
const PRIVATE: usize = 32;

/// Bytes of a public key: a point, uncompressed (SEC 1, section 2.3.3).
const POINT: usize = 65;

/// The key of an entry: HKDF-SHA256 (RFC 5869). A result that is no scalar of
/// the curve, once in 2³² entries, is drawn again. The public half is one of
/// those `published`, which ring checks sooner than p256 computes it.
pub(super) fn derive(entry: &str, published: &[PublicKey]) -> KeyPair {
    let hkdf = Hkdf::<Sha256>::new(None, entry.as_bytes());
    (0u8..=255)
        .find_map(|round| {
            let mut private = [0; PRIVATE];
            hkdf.expand(&[b"latchkey access token ES256 ", &[round][..]].concat(), &mut private).ok()?;
            let scalar = SecretKey::from_slice(&private).ok()?;
            let mut known = published.iter().filter_map(point).map(|public| KeyPair { private, public });
            let compute = || {
                let point = scalar.public_key().to_sec1_point(false);
                KeyPair { private, public: point.as_bytes().try_into().expect("a point without its bytes") }
            };
            Some(known.find(KeyPair::is_pair).unwrap_or_else(compute))
        })
        .expect("256 draws without a scalar: once in 2^8192")
}

fn point(key: &PublicKey) -> Option<[u8; POINT]> {
    DecodingKey::from_ec_components(&key.x, &key.y).ok()?.try_get_as_bytes().ok()?.try_into().ok()
}

impl KeyPair {
    /// What is published of it.
    pub(super) fn public_half(&self) -> PublicKey {
        let (x, y) = self.public[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638, section 3: the required members, in this order, without blanks.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        PublicKey { kid: URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)), x, y }
    }

    fn is_pair(&self) -> bool {
        Self::to_ring(&self.encode()).is_some()
    }

    /// Both halves, as [`install_cryptography`] has the library take them.
    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.private[..], &self.public].concat()
    }

    fn to_ring(encoded: &[u8]) -> Option<EcdsaKeyPair> {
        let (private, public) = encoded.split_at_checked(PRIVATE)?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, public, &SystemRandom::new()).ok()
    }
}

/// Gives the library the one algorithm that we sign and verify with.
pub(super) fn install_cryptography() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| match algorithm {
            Algorithm::ES256 => {
                let key = KeyPair::to_ring(key.as_bytes()).ok_or(ErrorKind::InvalidEcdsaKey)?;
                Ok(Box::new(Es256Signer(key)))
            }
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        },
        verifier_factory: |algorithm, key| match algorithm {
            Algorithm::ES256 => Ok(Box::new(Es256Verifier(key.try_get_as_bytes()?.to_vec()))),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        },
        key_utils: KeyUtils::new_unimplemented(),
    };
    // A second function of the same process finds it installed.
    let _ = PROVIDER.install_default();
}

struct Es256Signer(EcdsaKeyPair);

impl jsonwebtoken::signature::Signer<Vec<u8>> for Es256Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, jsonwebtoken::signature::Error> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| jsonwebtoken::signature::Error::new())?.as_ref().to_vec())
    }
}

impl JwtSigner for Es256Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

struct Es256Verifier(Vec<u8>);

impl jsonwebtoken::signature::Verifier<Vec<u8>> for Es256Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), jsonwebtoken::signature::Error> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0)
            .verify(message, signature)
            .map_err(|_| jsonwebtoken::signature::Error::new())
    }
}

impl JwtVerifier for Es256Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_always_gives_the_same_key() {
        let [one, again, other] = ["entry", "entry", "entry2"].map(|entry| derive(entry, &[]).public_half());
        assert_eq!(one, again);
        assert_ne!(one.kid, other.kid);
        // Whatever is published, and by whomever.
        let upside_down = PublicKey { x: one.y.clone(), y: one.x.clone(), ..one.clone() };
        let cut = PublicKey { x: String::new(), ..one.clone() };
        assert_eq!(derive("entry", &[upside_down, cut, other, one.clone()]).public_half(), one);
        // By another implementation: after an update tokens that are out stay good.
        assert_eq!(one.kid, "51lC2UxswLDOUSFDnQMOq4twUTefaTDuviK0bwxLZm4");
    }
}
