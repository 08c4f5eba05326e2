//! An authenticator, and all that can be wrong with what one answers.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

/// Flags of `authData` (WebAuthn, section 6.1).
pub(crate) const UP: u8 = 1;
pub(crate) const UV: u8 = 1 << 2;
pub(crate) const BE: u8 = 1 << 3;
pub(crate) const BS: u8 = 1 << 4;
pub(crate) const AT: u8 = 1 << 6;
pub(crate) const ED: u8 = 1 << 7;

/// A credential in an authenticator that does what it should.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) id: Vec<u8>,
    pub(crate) user_handle: Vec<u8>,
    pub(crate) rp_id: String,
    pub(crate) origin: String,
    /// BE and BS.
    pub(crate) backup: u8,
    pub(crate) counter: u32,
    pub(crate) key: SigningKey,
}

/// What a registration answers, before it is put into JSON.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) raw_id: String,
    pub(crate) kind: Value,
    pub(crate) client: Client,
    pub(crate) fmt: Cbor,
    pub(crate) statement: Cbor,
    pub(crate) data: Data,
    /// What stands behind the attestation object.
    pub(crate) behind: Vec<u8>,
}

/// What a sign-in answers, before it is signed and put into JSON.
#[derive(Clone)]
pub(crate) struct Used {
    pub(crate) id: String,
    pub(crate) raw_id: String,
    pub(crate) kind: Value,
    pub(crate) client: Client,
    pub(crate) data: Data,
    pub(crate) user_handle: Value,
    /// Changes the signature once it is made.
    pub(crate) spoil: fn(&mut Vec<u8>),
    /// Changes what is sent of the client data and `authData` once both are signed.
    pub(crate) after: fn(&mut Vec<u8>, &mut Vec<u8>),
}

/// `CollectedClientData`.
#[derive(Clone)]
pub(crate) struct Client(pub(crate) Value);

/// A key in COSE, with whatever parameters.
pub(crate) type CoseKey = Vec<(Cbor, Cbor)>;

/// `authData`.
#[derive(Clone)]
pub(crate) struct Data {
    pub(crate) rp_id: String,
    pub(crate) flags: u8,
    pub(crate) counter: u32,
    /// With AT: identifier, and the key in COSE.
    pub(crate) credential: Option<(Vec<u8>, CoseKey)>,
    /// With ED.
    pub(crate) extensions: Option<Cbor>,
    /// What stands behind it.
    pub(crate) behind: Vec<u8>,
    /// How much of it is kept.
    pub(crate) kept: usize,
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

fn point(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_sec1_point(false).as_bytes().to_vec()
}

fn cbor(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

impl Data {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = sha256(self.rp_id.as_bytes());
        bytes.push(self.flags);
        bytes.extend(self.counter.to_be_bytes());
        if let Some((id, key)) = &self.credential {
            bytes.extend([0; 16]);
            bytes.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
            bytes.extend(id);
            bytes.extend(cbor(&Cbor::Map(key.clone())));
        }
        bytes.extend(self.extensions.as_ref().map(cbor).unwrap_or_default());
        bytes.extend(&self.behind);
        bytes.truncate(self.kept);
        bytes
    }
}

impl Credential {
    /// A new one, each time another.
    pub(crate) fn new(rp_id: &str, origin: &str, user_handle: &[u8]) -> Self {
        static SEED: AtomicU64 = AtomicU64::new(0);
        Self::of_seed(SEED.fetch_add(1, Ordering::Relaxed), rp_id, origin, user_handle)
    }

    /// A new one, as a platform makes it that syncs. All of it follows from the seed, its
    /// signatures too (RFC 6979).
    pub(crate) fn of_seed(seed: u64, rp_id: &str, origin: &str, user_handle: &[u8]) -> Self {
        let key = sha256(&[&b"a key of a test"[..], &seed.to_be_bytes()].concat());
        let key = SigningKey::from_slice(&key).unwrap();
        let id = sha256(&point(&key))[..20].to_vec();
        Self {
            id,
            user_handle: user_handle.to_vec(),
            rp_id: rp_id.to_owned(),
            origin: origin.to_owned(),
            backup: BE | BS,
            counter: 0,
            key,
        }
    }

    /// Its public key: a point of P-256 in SEC 1's uncompressed form.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        point(&self.key)
    }

    fn client(&self, kind: &str, challenge: &[u8]) -> Client {
        Client(json!({
            "type": kind,
            "challenge": base64url(challenge),
            "origin": self.origin,
            "crossOrigin": false,
        }))
    }

    /// A COSE key of ES256.
    pub(crate) fn cose(&self) -> CoseKey {
        let point = self.public_key();
        [
            (1, Cbor::from(2)),
            (3, Cbor::from(-7)),
            (-1, Cbor::from(1)),
            (-2, Cbor::Bytes(point[1..33].to_vec())),
            (-3, Cbor::Bytes(point[33..].to_vec())),
        ]
        .into_iter()
        .map(|(label, value)| (Cbor::from(label), value))
        .collect()
    }

    /// What making it answers.
    pub(crate) fn made(&self, challenge: &[u8]) -> Made {
        Made {
            id: base64url(&self.id),
            raw_id: base64url(&self.id),
            kind: "public-key".into(),
            client: self.client("webauthn.create", challenge),
            fmt: Cbor::from("none"),
            statement: Cbor::Map(Vec::new()),
            data: Data {
                rp_id: self.rp_id.clone(),
                flags: UP | UV | AT | self.backup,
                counter: self.counter,
                credential: Some((self.id.clone(), self.cose())),
                extensions: None,
                behind: Vec::new(),
                kept: usize::MAX,
            },
            behind: Vec::new(),
        }
    }

    /// What using it answers.
    pub(crate) fn used(&self, challenge: &[u8]) -> Used {
        Used {
            id: base64url(&self.id),
            raw_id: base64url(&self.id),
            kind: "public-key".into(),
            client: self.client("webauthn.get", challenge),
            data: Data {
                rp_id: self.rp_id.clone(),
                flags: UP | UV | self.backup,
                counter: self.counter,
                credential: None,
                extensions: None,
                behind: Vec::new(),
                kept: usize::MAX,
            },
            user_handle: base64url(&self.user_handle).into(),
            spoil: |_| {},
            after: |_, _| {},
        }
    }

    /// Signs a sign-in: its `AuthenticationResponseJSON`.
    pub(crate) fn sign(&self, used: &Used) -> Value {
        let (mut client, mut data) = (used.client.0.to_string().into_bytes(), used.data.bytes());
        let mut signed = data.clone();
        signed.extend(sha256(&client));
        let signature: Signature = self.key.sign(&signed);
        let mut signature = signature.to_der().as_bytes().to_vec();
        (used.spoil)(&mut signature);
        (used.after)(&mut client, &mut data);
        json!({
            "id": used.id,
            "rawId": used.raw_id,
            "type": used.kind,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(&client),
                "authenticatorData": base64url(&data),
                "signature": base64url(&signature),
                "userHandle": used.user_handle,
            },
        })
    }
}

impl Made {
    /// Its `RegistrationResponseJSON`.
    pub(crate) fn json(&self) -> Value {
        let object = Cbor::Map(vec![
            (Cbor::from("fmt"), self.fmt.clone()),
            (Cbor::from("attStmt"), self.statement.clone()),
            (Cbor::from("authData"), Cbor::Bytes(self.data.bytes())),
        ]);
        json!({
            "id": self.id,
            "rawId": self.raw_id,
            "type": self.kind,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(self.client.0.to_string().as_bytes()),
                "attestationObject": base64url(&[cbor(&object), self.behind.clone()].concat()),
                "transports": ["internal", "hybrid"],
            },
        })
    }
}
