//! What of an authenticator's answers is accepted: the steps of "Web Authentication Level
//! 3", sections 7.1 and 7.2, each with what breaks it.

use ciborium::Value as Cbor;
use latchkey::domain::passkey::{Known, NewCredential, NotAccepted, RelyingParty, Use};
use serde_json::{Value, json};

use crate::authenticator::{AT, BE, BS, Client, Credential, ED, Made, UP, UV, Used, base64url};

const CHALLENGE: &[u8] = b"a challenge of thirty-two bytes!";
const USER: &[u8] = b"01a1fbdf-98a0-7c0b-bce7-48148979ccac";

fn party() -> RelyingParty {
    let origins = ["https://example.com", "https://app.example.com", "android:apk-key-hash:abc"];
    RelyingParty { id: "example.com".to_owned(), origins: origins.map(str::to_owned).to_vec() }
}

/// Each time another.
fn credential() -> Credential {
    Credential::new("example.com", "https://example.com", USER)
}

fn register(json: Value) -> Result<NewCredential, Option<NotAccepted>> {
    let answer = serde_json::from_value(json).map_err(|_| None)?;
    party().register(&answer, CHALLENGE).map_err(Some)
}

fn sign_in(json: Value, known: &Known<'_>) -> Result<Use, Option<NotAccepted>> {
    let answer = serde_json::from_value(json).map_err(|_| None)?;
    party().sign_in(&answer, CHALLENGE, known).map_err(Some)
}

fn client(client: &mut Client, name: &str, value: Value) {
    client.0[name] = value;
}

/// The value of a COSE key under a label.
fn parameter(made: &mut Made, label: i64) -> &mut Cbor {
    let (_, key) = made.data.credential.as_mut().unwrap();
    &mut key.iter_mut().find(|(of, _)| *of == Cbor::from(label)).unwrap().1
}

fn key(made: &mut Made) -> &mut Vec<(Cbor, Cbor)> {
    &mut made.data.credential.as_mut().unwrap().1
}

/// What is wrong, and why it is not accepted: `None` where it cannot even be read as
/// WebAuthn's JSON.
type Bad<T> = (&'static str, Option<NotAccepted>, fn(&mut T));

const BAD_REGISTRATIONS: &[Bad<Made>] = &[
    ("another type", Some(NotAccepted::Credential), |m| m.kind = "password".into()),
    ("the type in capitals", Some(NotAccepted::Credential), |m| m.kind = "Public-Key".into()),
    ("an empty type", Some(NotAccepted::Credential), |m| m.kind = "".into()),
    ("no type", None, |m| m.kind = Value::Null),
    ("an id that is not the raw one", Some(NotAccepted::Credential), |m| m.id = base64url(b"another")),
    ("a raw id that is not the id", Some(NotAccepted::Credential), |m| m.raw_id = base64url(b"another")),
    ("both of another credential", Some(NotAccepted::Credential), |m| {
        (m.id, m.raw_id) = (base64url(b"another"), base64url(b"another"));
    }),
    ("an empty id", Some(NotAccepted::Credential), |m| {
        (m.id, m.raw_id) = (String::new(), String::new());
        m.data.credential.as_mut().unwrap().0 = Vec::new();
    }),
    ("an id of 1,024 bytes", Some(NotAccepted::Credential), |m| {
        let id = vec![7; 1_024];
        (m.id, m.raw_id) = (base64url(&id), base64url(&id));
        m.data.credential.as_mut().unwrap().0 = id;
    }),
    ("an id with padding", None, |m| m.id = format!("{}=", m.id)),
    ("an id in the other base64", None, |m| m.id = "+/+/".into()),
    ("client data of a sign-in", Some(NotAccepted::Ceremony), |m| {
        client(&mut m.client, "type", "webauthn.get".into());
    }),
    ("client data of a payment", Some(NotAccepted::Ceremony), |m| {
        client(&mut m.client, "type", "payment.get".into());
    }),
    ("client data of no type", Some(NotAccepted::ClientData), |m| {
        client(&mut m.client, "type", Value::Null);
    }),
    ("client data that is a list", Some(NotAccepted::ClientData), |m| m.client.0 = json!([1, 2])),
    ("client data that is empty", Some(NotAccepted::ClientData), |m| m.client.0 = json!({})),
    ("another challenge", Some(NotAccepted::Challenge), |m| {
        client(&mut m.client, "challenge", base64url(b"b challenge of thirty-two bytes!").into());
    }),
    ("a challenge that is cut", Some(NotAccepted::Challenge), |m| {
        client(&mut m.client, "challenge", base64url(&CHALLENGE[..31]).into());
    }),
    ("a challenge with more behind it", Some(NotAccepted::Challenge), |m| {
        client(&mut m.client, "challenge", format!("{}AA", base64url(CHALLENGE)).into());
    }),
    ("a challenge with padding", Some(NotAccepted::Challenge), |m| {
        client(&mut m.client, "challenge", format!("{}=", base64url(CHALLENGE)).into());
    }),
    ("an empty challenge", Some(NotAccepted::Challenge), |m| client(&mut m.client, "challenge", "".into())),
    ("a challenge that is a number", Some(NotAccepted::ClientData), |m| {
        client(&mut m.client, "challenge", 1.into());
    }),
    ("another origin", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "https://example.org".into());
    }),
    ("an origin without TLS", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "http://example.com".into());
    }),
    ("an origin of another port", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "https://example.com:8443".into());
    }),
    ("an origin that begins with ours", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "https://example.com.evil.org".into());
    }),
    ("an origin that ends with ours", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "https://evil-example.com".into());
    }),
    ("another subdomain", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "https://other.example.com".into());
    }),
    ("an origin with a slash", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "https://example.com/".into());
    }),
    ("an origin in capitals", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "https://EXAMPLE.com".into());
    }),
    ("an empty origin", Some(NotAccepted::Origin), |m| client(&mut m.client, "origin", "".into())),
    ("the origin null", Some(NotAccepted::Origin), |m| client(&mut m.client, "origin", "null".into())),
    ("no origin", Some(NotAccepted::ClientData), |m| client(&mut m.client, "origin", Value::Null)),
    ("another Android app", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "android:apk-key-hash:abd".into());
    }),
    ("another iOS app", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "origin", "ios:bundle-id:com.example".into());
    }),
    ("inside of another page", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "crossOrigin", true.into());
    }),
    ("below another page", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "topOrigin", "https://example.org".into());
    }),
    ("below one of our own", Some(NotAccepted::Origin), |m| {
        client(&mut m.client, "topOrigin", "https://example.com".into());
    }),
    ("crossOrigin that is a text", Some(NotAccepted::ClientData), |m| {
        client(&mut m.client, "crossOrigin", "false".into());
    }),
    ("another relying party", Some(NotAccepted::RelyingParty), |m| m.data.rp_id = "example.org".into()),
    ("a relying party below ours", Some(NotAccepted::RelyingParty), |m| {
        m.data.rp_id = "app.example.com".into();
    }),
    ("a relying party above ours", Some(NotAccepted::RelyingParty), |m| m.data.rp_id = "com".into()),
    ("our origin in the relying party's place", Some(NotAccepted::RelyingParty), |m| {
        m.data.rp_id = "https://example.com".into();
    }),
    ("nobody present", Some(NotAccepted::NotPresent), |m| m.data.flags &= !UP),
    ("nobody verified", Some(NotAccepted::NotVerified), |m| m.data.flags &= !UV),
    ("neither", Some(NotAccepted::NotPresent), |m| m.data.flags &= !(UP | UV)),
    ("synced what may not be", Some(NotAccepted::BackupFlags), |m| m.data.flags &= !BE),
    ("no credential", Some(NotAccepted::AuthenticatorData), |m| {
        m.data.flags &= !AT;
        m.data.credential = None;
    }),
    ("a credential without its flag", Some(NotAccepted::AuthenticatorData), |m| m.data.flags &= !AT),
    ("the flag without a credential", Some(NotAccepted::AuthenticatorData), |m| m.data.credential = None),
    ("extensions without their flag", Some(NotAccepted::AuthenticatorData), |m| {
        m.data.extensions = Some(Cbor::Map(vec![(Cbor::from("credProtect"), Cbor::from(2))]));
    }),
    ("the flag without extensions", Some(NotAccepted::AuthenticatorData), |m| m.data.flags |= ED),
    ("extensions that are no map", Some(NotAccepted::AuthenticatorData), |m| {
        m.data.flags |= ED;
        m.data.extensions = Some(Cbor::from(1));
    }),
    ("a byte behind the data", Some(NotAccepted::AuthenticatorData), |m| m.data.behind = vec![0]),
    ("a byte behind the object", Some(NotAccepted::AuthenticatorData), |m| m.behind = vec![0]),
    ("an object behind the object", Some(NotAccepted::AuthenticatorData), |m| m.behind = vec![0xa0]),
    ("no data", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 0),
    ("data cut in the hash", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 31),
    ("data cut before the flags", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 32),
    ("data cut in the count", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 36),
    ("data cut before the credential", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 37),
    ("data cut in the model's number", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 52),
    ("data cut in the id's length", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 54),
    ("data cut in the id", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 60),
    ("data cut before the key", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 75),
    ("data cut in the key", Some(NotAccepted::AuthenticatorData), |m| m.data.kept = 100),
    ("an attestation of its own", Some(NotAccepted::Attestation), |m| m.fmt = Cbor::from("packed")),
    ("an attestation of a TPM", Some(NotAccepted::Attestation), |m| m.fmt = Cbor::from("tpm")),
    ("an attestation of FIDO U2F", Some(NotAccepted::Attestation), |m| m.fmt = Cbor::from("fido-u2f")),
    ("an attestation of Apple", Some(NotAccepted::Attestation), |m| m.fmt = Cbor::from("apple")),
    ("None in capitals", Some(NotAccepted::Attestation), |m| m.fmt = Cbor::from("None")),
    ("an empty format", Some(NotAccepted::Attestation), |m| m.fmt = Cbor::from("")),
    ("a format that is a number", Some(NotAccepted::AuthenticatorData), |m| m.fmt = Cbor::from(0)),
    ("no attestation that says something", Some(NotAccepted::Attestation), |m| {
        m.statement = Cbor::Map(vec![(Cbor::from("alg"), Cbor::from(-7))]);
    }),
    ("a statement that is a list", Some(NotAccepted::Attestation), |m| m.statement = Cbor::Array(Vec::new())),
    ("a statement that is nothing", Some(NotAccepted::Attestation), |m| m.statement = Cbor::Null),
    ("ES384", Some(NotAccepted::Key), |m| *parameter(m, 3) = Cbor::from(-35)),
    ("RS256", Some(NotAccepted::Key), |m| *parameter(m, 3) = Cbor::from(-257)),
    ("EdDSA", Some(NotAccepted::Key), |m| *parameter(m, 3) = Cbor::from(-8)),
    ("ES256K", Some(NotAccepted::Key), |m| *parameter(m, 3) = Cbor::from(-47)),
    ("no algorithm", Some(NotAccepted::Key), |m| key(m).retain(|(label, _)| *label != Cbor::from(3))),
    ("an algorithm by its name", Some(NotAccepted::Key), |m| *parameter(m, 3) = Cbor::from("ES256")),
    ("another kind of key", Some(NotAccepted::Key), |m| *parameter(m, 1) = Cbor::from(3)),
    ("a symmetric key", Some(NotAccepted::Key), |m| *parameter(m, 1) = Cbor::from(4)),
    ("a key of no kind", Some(NotAccepted::Key), |m| key(m).retain(|(label, _)| *label != Cbor::from(1))),
    ("another curve", Some(NotAccepted::Key), |m| *parameter(m, -1) = Cbor::from(2)),
    ("no curve", Some(NotAccepted::Key), |m| key(m).retain(|(label, _)| *label != Cbor::from(-1))),
    ("no x", Some(NotAccepted::Key), |m| key(m).retain(|(label, _)| *label != Cbor::from(-2))),
    ("no y", Some(NotAccepted::Key), |m| key(m).retain(|(label, _)| *label != Cbor::from(-3))),
    ("a y that is a sign", Some(NotAccepted::Key), |m| *parameter(m, -3) = Cbor::Bool(true)),
    ("an x that is short", Some(NotAccepted::Key), |m| *parameter(m, -2) = Cbor::Bytes(vec![1; 31])),
    ("an x that is long", Some(NotAccepted::Key), |m| *parameter(m, -2) = Cbor::Bytes(vec![1; 33])),
    ("a point that is not on the curve", Some(NotAccepted::Key), |m| {
        *parameter(m, -3) = Cbor::Bytes(vec![1; 32]);
    }),
    ("a point of zeros", Some(NotAccepted::Key), |m| {
        *parameter(m, -2) = Cbor::Bytes(vec![0; 32]);
        *parameter(m, -3) = Cbor::Bytes(vec![0; 32]);
    }),
    ("a coordinate beyond the field", Some(NotAccepted::Key), |m| {
        *parameter(m, -2) = Cbor::Bytes(vec![255; 32]);
    }),
    ("a key whose algorithm stands there twice", Some(NotAccepted::Key), |m| {
        key(m).push((Cbor::from(3), Cbor::from(-7)));
    }),
    ("an empty key", Some(NotAccepted::Key), |m| key(m).clear()),
];

const BAD_SIGN_INS: &[Bad<Used>] = &[
    ("another type", Some(NotAccepted::Credential), |u| u.kind = "password".into()),
    ("no type", None, |u| u.kind = Value::Null),
    ("an id that is not the raw one", Some(NotAccepted::Credential), |u| u.id = base64url(b"another")),
    ("an empty id", Some(NotAccepted::Credential), |u| {
        (u.id, u.raw_id) = (String::new(), String::new());
    }),
    ("an id with padding", None, |u| u.raw_id = format!("{}=", u.raw_id)),
    ("no user", Some(NotAccepted::User), |u| u.user_handle = Value::Null),
    ("an empty user", Some(NotAccepted::User), |u| u.user_handle = "".into()),
    ("another user", Some(NotAccepted::User), |u| u.user_handle = base64url(b"somebody else").into()),
    ("a user that is cut", Some(NotAccepted::User), |u| u.user_handle = base64url(&USER[..35]).into()),
    ("a user that is no text", None, |u| u.user_handle = json!(1)),
    ("client data of a registration", Some(NotAccepted::Ceremony), |u| {
        client(&mut u.client, "type", "webauthn.create".into());
    }),
    ("client data of a payment", Some(NotAccepted::Ceremony), |u| {
        client(&mut u.client, "type", "payment.get".into());
    }),
    ("client data that is empty", Some(NotAccepted::ClientData), |u| u.client.0 = json!({})),
    ("another challenge", Some(NotAccepted::Challenge), |u| {
        client(&mut u.client, "challenge", base64url(b"b challenge of thirty-two bytes!").into());
    }),
    ("a challenge that is cut", Some(NotAccepted::Challenge), |u| {
        client(&mut u.client, "challenge", base64url(&CHALLENGE[..31]).into());
    }),
    ("another origin", Some(NotAccepted::Origin), |u| {
        client(&mut u.client, "origin", "https://example.org".into());
    }),
    ("an origin without TLS", Some(NotAccepted::Origin), |u| {
        client(&mut u.client, "origin", "http://example.com".into());
    }),
    ("another subdomain", Some(NotAccepted::Origin), |u| {
        client(&mut u.client, "origin", "https://other.example.com".into());
    }),
    ("inside of another page", Some(NotAccepted::Origin), |u| {
        client(&mut u.client, "crossOrigin", true.into());
    }),
    ("below another page", Some(NotAccepted::Origin), |u| {
        client(&mut u.client, "topOrigin", "https://example.org".into());
    }),
    ("another relying party", Some(NotAccepted::RelyingParty), |u| u.data.rp_id = "example.org".into()),
    ("nobody present", Some(NotAccepted::NotPresent), |u| u.data.flags &= !UP),
    ("nobody verified", Some(NotAccepted::NotVerified), |u| u.data.flags &= !UV),
    ("synced what may not be", Some(NotAccepted::BackupFlags), |u| u.data.flags &= !BE),
    ("might be synced before, may not now", Some(NotAccepted::BackupFlags), |u| u.data.flags &= !(BE | BS)),
    ("data cut in the hash", Some(NotAccepted::AuthenticatorData), |u| u.data.kept = 31),
    ("data cut in the count", Some(NotAccepted::AuthenticatorData), |u| u.data.kept = 36),
    ("a byte behind the data", Some(NotAccepted::AuthenticatorData), |u| u.data.behind = vec![0]),
    ("a flag of a credential that is not there", Some(NotAccepted::AuthenticatorData), |u| {
        u.data.flags |= AT;
    }),
    ("the flag without extensions", Some(NotAccepted::AuthenticatorData), |u| u.data.flags |= ED),
    ("no signature", Some(NotAccepted::Signature), |u| u.spoil = Vec::clear),
    ("a signature that is cut", Some(NotAccepted::Signature), |u| {
        u.spoil = |signature| {
            signature.pop();
        };
    }),
    ("a signature with more behind it", Some(NotAccepted::Signature), |u| {
        u.spoil = |signature| signature.push(0);
    }),
    ("a signature with one bit changed", Some(NotAccepted::Signature), |u| {
        u.spoil = |signature| *signature.last_mut().unwrap() ^= 1;
    }),
    ("a signature of zeros", Some(NotAccepted::Signature), |u| {
        u.spoil = |signature| *signature = vec![0x30, 6, 2, 1, 0, 2, 1, 0];
    }),
    ("a signature in its other form", Some(NotAccepted::Signature), |u| {
        u.spoil = |signature| *signature = vec![7; 64];
    }),
    ("client data that was changed once signed", Some(NotAccepted::Signature), |u| {
        u.after = |client, _| client.extend(b" ");
    }),
    ("a count that was changed once signed", Some(NotAccepted::Signature), |u| {
        u.after = |_, data| data[36] ^= 1;
    }),
    ("flags that were changed once signed", Some(NotAccepted::Signature), |u| {
        u.data.flags &= !UV;
        u.after = |_, data| data[32] |= UV;
    }),
    ("a relying party that was changed once signed", Some(NotAccepted::RelyingParty), |u| {
        u.after = |_, data| data[0] ^= 1;
    }),
];

#[test]
fn what_an_authenticator_makes_is_accepted_as_it_says() {
    for (backup, counter) in [(BE | BS, 0), (BE, 0), (0, 7)] {
        for origin in party().origins {
            let credential = Credential { origin, backup, counter, ..credential() };
            let new = register(credential.made(CHALLENGE).json()).unwrap();
            assert_eq!((&new.id, &new.public_key), (&credential.id, &credential.public_key()));
            assert_eq!(new.counter, counter);
            assert_eq!((new.may_sync, new.synced), (backup & BE != 0, backup & BS != 0));
        }
    }
    // What it says beyond what was asked for is passed over.
    let mut more = credential().made(CHALLENGE);
    more.data.flags |= ED;
    more.data.extensions = Some(Cbor::Map(vec![(Cbor::from("credProtect"), Cbor::from(2))]));
    client(&mut more.client, "other_keys_can_be_added_here", "do not compare".into());
    register(more.json()).unwrap();
}

#[test]
fn what_is_wrong_with_a_registration_is_found() {
    for (name, why, spoil) in BAD_REGISTRATIONS {
        let mut made = credential().made(CHALLENGE);
        spoil(&mut made);
        assert_eq!(register(made.json()).unwrap_err(), *why, "{name}");
    }
    for missing in ["id", "rawId", "type", "response"] {
        let mut json = credential().made(CHALLENGE).json();
        json.as_object_mut().unwrap().remove(missing);
        assert_eq!(register(json).unwrap_err(), None, "{missing}");
    }
    for (name, bad) in [("clientDataJSON", json!("{}")), ("attestationObject", json!(null))] {
        let mut json = credential().made(CHALLENGE).json();
        json["response"][name] = bad;
        assert_eq!(register(json).unwrap_err(), None, "{name}");
    }
}

fn known(credential: &Credential) -> (Vec<u8>, u32, bool, bool) {
    (credential.public_key(), credential.counter, credential.backup & BE != 0, credential.backup & BS != 0)
}

fn signs_in(credential: &Credential, used: &Used, counter_before: u32) -> Result<Use, Option<NotAccepted>> {
    let (public_key, _, may_sync, synced) = known(credential);
    let known =
        Known { user_handle: USER, public_key: &public_key, counter: counter_before, may_sync, synced };
    sign_in(credential.sign(used), &known)
}

#[test]
fn what_an_authenticator_signs_is_accepted() {
    for (backup, before, counter) in
        [(BE | BS, 0, 0), (BE | BS, 9, 3), (BE, 0, 0), (BE, 3, 4), (0, 0, 0), (0, 0, 1), (0, 7, u32::MAX)]
    {
        let credential = Credential { backup, counter, ..credential() };
        let now = signs_in(&credential, &credential.used(CHALLENGE), before).unwrap();
        assert_eq!(now, Use { counter, synced: backup & BS != 0 });
    }
}

#[test]
fn what_is_wrong_with_a_sign_in_is_found() {
    for (name, why, spoil) in BAD_SIGN_INS {
        let credential = credential();
        let mut used = credential.used(CHALLENGE);
        spoil(&mut used);
        assert_eq!(signs_in(&credential, &used, 0).unwrap_err(), *why, "{name}");
    }
    // Signed by another credential, whoever it says to be.
    let (one, other) = (credential(), credential());
    let (public_key, counter, may_sync, synced) = known(&one);
    let known = Known { user_handle: USER, public_key: &public_key, counter, may_sync, synced };
    let answer = other.sign(&one.used(CHALLENGE));
    assert_eq!(sign_in(answer, &known).unwrap_err(), Some(NotAccepted::Signature));
    assert!(BAD_REGISTRATIONS.len() + BAD_SIGN_INS.len() >= 100);
}

#[test]
fn a_count_that_does_not_grow_tells_of_a_copy() {
    for (before, counter) in [(7, 7), (7, 6), (7, 0), (1, 0)] {
        let credential = Credential { backup: 0, counter, ..credential() };
        let answer = signs_in(&credential, &credential.used(CHALLENGE), before);
        assert_eq!(answer.unwrap_err(), Some(NotAccepted::Cloned), "{before} {counter}");
    }
}
