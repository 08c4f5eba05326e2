//! What the authenticator says: `authData` (WebAuthn, section 6.1), by itself and in an
//! attestation object (6.5.4).

use ciborium::Value;
use coset::iana::{Algorithm, Ec2KeyParameter, EllipticCurve, EnumI64, KeyType};
use coset::{AsCborValue, CoseKey, Label, RegisteredLabel, RegisteredLabelWithPrivate};
use p256::PublicKey;
use serde::Deserialize;

use crate::domain::passkey::{LONGEST_ID, NotAccepted};

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

/// `authData`.
#[derive(Debug)]
pub(super) struct AuthenticatorData {
    pub(super) rp_id_hash: [u8; 32],
    flags: u8,
    pub(super) counter: u32,
    pub(super) credential: Option<AttestedCredential>,
}

/// `attestedCredentialData` (6.5.2).
#[derive(Debug)]
pub(super) struct AttestedCredential {
    pub(super) id: Vec<u8>,
    /// A point of P-256 in SEC 1's uncompressed form.
    pub(super) public_key: Vec<u8>,
}

/// What a registration answers, in CBOR.
#[derive(Debug, Deserialize)]
pub(super) struct AttestationObject {
    fmt: String,
    #[serde(rename = "attStmt")]
    statement: Value,
    #[serde(rename = "authData", with = "serde_bytes")]
    data: Vec<u8>,
}

impl AttestationObject {
    pub(super) fn read(cbor: &[u8]) -> Result<Self, NotAccepted> {
        let mut rest = cbor;
        let object = ciborium::from_reader(&mut rest).map_err(|_| NotAccepted::AuthenticatorData)?;
        if rest.is_empty() { Ok(object) } else { Err(NotAccepted::AuthenticatorData) }
    }

    /// What it holds, as long as it attests nothing (8.7): that is what we ask for.
    pub(super) fn unattested(&self) -> Result<AuthenticatorData, NotAccepted> {
        let is_empty = self.statement.as_map().is_some_and(Vec::is_empty);
        if self.fmt != "none" || !is_empty {
            return Err(NotAccepted::Attestation);
        }
        AuthenticatorData::read(&self.data)
    }
}

impl AuthenticatorData {
    /// Reads all of it: nothing may be left over.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NotAccepted> {
        Self::read_all(bytes).ok_or(NotAccepted::AuthenticatorData)?
    }

    /// `None` where it is too short or too long; within, why its key is not taken.
    fn read_all(bytes: &[u8]) -> Option<Result<Self, NotAccepted>> {
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>()?;
        let ([flags], rest) = rest.split_first_chunk::<1>()?;
        let (counter, mut rest) = rest.split_first_chunk::<4>()?;
        let credential = if flags & HAS_CREDENTIAL != 0 {
            let (_aaguid, of_id) = rest.split_first_chunk::<16>()?;
            let (length, of_id) = of_id.split_first_chunk::<2>()?;
            let (id, key) = of_id.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = key;
            let key: Value = ciborium::from_reader(&mut rest).ok()?;
            if !(1..=LONGEST_ID).contains(&id.len()) {
                return Some(Err(NotAccepted::Credential));
            }
            match es256(key) {
                Some(public_key) => Some(AttestedCredential { id: id.to_vec(), public_key }),
                None => return Some(Err(NotAccepted::Key)),
            }
        } else {
            None
        };
        if flags & HAS_EXTENSIONS != 0 {
            let extensions: Value = ciborium::from_reader(&mut rest).ok()?;
            extensions.as_map()?;
        }
        let data = Self {
            rp_id_hash: *rp_id_hash,
            flags: *flags,
            counter: u32::from_be_bytes(*counter),
            credential,
        };
        rest.is_empty().then_some(Ok(data))
    }

    pub(super) const fn is_user_present(&self) -> bool {
        self.flags & USER_PRESENT != 0
    }

    pub(super) const fn is_user_verified(&self) -> bool {
        self.flags & USER_VERIFIED != 0
    }

    pub(super) const fn may_sync(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    pub(super) const fn synced(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

/// The point of a COSE key of ES256 (5.8.5): of kind EC2, on P-256, for that algorithm,
/// both coordinates whole.
fn es256(key: Value) -> Option<Vec<u8>> {
    let key = CoseKey::from_cbor_value(key).ok()?;
    let parameter = |name: Ec2KeyParameter| {
        let label = Label::Int(name.to_i64());
        key.params.iter().find(|(of, _)| *of == label).map(|(_, value)| value)
    };
    let is_ours = key.kty == RegisteredLabel::Assigned(KeyType::EC2)
        && key.alg == Some(RegisteredLabelWithPrivate::Assigned(Algorithm::ES256))
        && parameter(Ec2KeyParameter::Crv)?.as_integer() == Some(EllipticCurve::P_256.to_i64().into());
    let coordinate = |name| parameter(name)?.as_bytes().filter(|bytes| bytes.len() == 32);
    let (x, y) = (coordinate(Ec2KeyParameter::X)?, coordinate(Ec2KeyParameter::Y)?);
    let point = [&[4], x.as_slice(), y].concat();
    // On the curve, and not its point at infinity.
    (is_ours && PublicKey::from_sec1_bytes(&point).is_ok()).then_some(point)
}
