//! Proofs of work: what a request is asked for where its places are short of texts.
//! Format and rules are those of ALTCHA's proof of work, version 2
//! (<https://altcha.org/docs/v2/>), for which apps and browsers have libraries.

use altcha::{Challenge, ChallengeParameters, HmacAlgorithm, Payload, VerifySolutionOptions};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::{Rng, RngExt};
use subtle::ConstantTimeEq;

use crate::base::world::Timestamp;
use crate::domain::pepper::{Pepper, PepperEntry};
use crate::domain::phone::Phone;

/// PBKDF2 is what browsers compute natively.
const ALGORITHM: &str = "PBKDF2/SHA-256";

/// What the derived key begins with, in hexadecimal digits: 4,096 keys are derived
/// for one that does, on average, and one to check it.
const PREFIX: &str = "000";

/// For how long a challenge is good, in seconds.
const LIFE: i64 = 600;

/// The longest proof that is read, in bytes.
const LONGEST: usize = 4_096;

/// What asks for proofs and checks them.
#[derive(Clone)]
pub struct Proofs {
    pepper: Pepper,
    cost: u32,
}

/// A proof that was checked: which. It is good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofId(String);

impl ProofId {
    /// It, in hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Proofs {
    /// Those of a deployment. The easiest takes keys of `cost` iterations.
    pub const fn new(pepper: Pepper, cost: u32) -> Self {
        Self { pepper, cost }
    }

    /// A challenge for a text to `phone` today, `hardness` times as hard as the
    /// easiest.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length, and parameters are JSON.
    pub fn challenge(&self, phone: &Phone, hardness: u32, now: Timestamp, rng: &mut impl Rng) -> Challenge {
        let mut drawn = || hex(&rng.random::<[u8; 16]>());
        let mut parameters = ChallengeParameters {
            algorithm: ALGORITHM.to_owned(),
            cost: self.cost.saturating_mul(hardness),
            data: None,
            expires_at: Some(now.plus_seconds(LIFE).seconds()),
            key_length: 32,
            key_prefix: PREFIX.to_owned(),
            key_signature: None,
            memory_cost: None,
            nonce: drawn(),
            parallelism: None,
            salt: drawn(),
        };
        signed(&mut parameters, &secret(self.pepper.first(), phone, now)).expect("HMAC takes any key")
    }

    /// Reads a proof, as ALTCHA's widget puts it out: JSON in base64. `None` for one
    /// that is garbled, of another phone, day or deployment, expired or wrong; a key
    /// is derived only for a challenge that is ours and still good.
    pub fn check(&self, phone: &Phone, proof: &str, now: Timestamp) -> Option<ProofId> {
        let proof = Some(proof.trim().trim_end_matches('=')).filter(|proof| proof.len() <= LONGEST)?;
        let proof = STANDARD_NO_PAD.decode(proof).ok()?;
        let Payload { challenge, solution } = serde_json::from_slice(&proof).ok()?;
        let secret = self.pepper.entries().iter().map(|entry| secret(entry, phone, now));
        let secret = secret.into_iter().find(|secret| is_ours(&challenge, secret))?;
        let is_good = challenge.parameters.expires_at.is_some_and(|until| now.seconds() < until);
        if !is_good {
            return None;
        }
        // The library asks the system's clock, and ours was asked.
        let mut parameters = ChallengeParameters { expires_at: None, ..challenge.parameters };
        let challenge = signed(&mut parameters, &secret).ok()?;
        let checked =
            altcha::verify_solution(VerifySolutionOptions::new(&challenge, &solution, secret)).ok()?;
        checked.verified.then_some(ProofId(challenge.parameters.nonce))
    }
}

/// Under what challenges are signed: for a phone, a day and a deployment.
fn secret(entry: &PepperEntry, phone: &Phone, now: Timestamp) -> String {
    entry.key("proof", &format!("{} {}", phone.as_str(), now.day()))
}

fn signed(parameters: &mut ChallengeParameters, secret: &str) -> altcha::Result<Challenge> {
    altcha::sign_challenge(&HmacAlgorithm::Sha256, parameters, None, secret, None)
}

/// Whether we signed it, in constant time.
fn is_ours(challenge: &Challenge, secret: &str) -> bool {
    let Some(signature) = &challenge.signature else { return false };
    let ours = signed(&mut challenge.parameters.clone(), secret).ok().and_then(|ours| ours.signature);
    ours.is_some_and(|ours| ours.as_bytes().ct_eq(signature.as_bytes()).into())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::limits::DAY;
    use crate::domain::secret::Secret;

    const NOON: i64 = 20_000 * DAY + DAY / 2;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn proofs(words: &str) -> Proofs {
        let entries: Vec<_> = words.split(',').map(|word| format!("{word}-0123456789abcdef")).collect();
        Proofs::new(Pepper::new(&Secret::parse(&entries.join(",")).unwrap()), 1)
    }

    fn phone(text: &str) -> Phone {
        Phone::parse(text, "RU".parse().unwrap()).unwrap()
    }

    fn solve(challenge: &Challenge) -> String {
        let solution = altcha::solve_challenge(altcha::SolveChallengeOptions::new(challenge));
        let payload = Payload { challenge: challenge.clone(), solution: solution.unwrap().unwrap() };
        STANDARD.encode(serde_json::to_vec(&payload).unwrap())
    }

    fn challenge(proofs: &Proofs, now: Timestamp) -> Challenge {
        proofs.challenge(&phone("+79001234567"), 1, now, &mut StdRng::seed_from_u64(7))
    }

    #[test]
    fn a_proof_is_good_for_its_phone_day_and_deployment_for_ten_minutes() {
        let proof = solve(&challenge(&proofs("pepper"), at(NOON)));
        let id = |of: &str, to: &str, when| proofs(of).check(&phone(to), &proof, at(when));
        let first = id("pepper", "+79001234567", NOON);
        assert!(first.is_some() && first == id("pepper", "+79001234567", NOON + LIFE - 1));
        assert!(id("newer,pepper", "+79001234567", NOON).is_some(), "while the secret is rotated");
        assert!(id("pepper", "+79001234567", NOON + LIFE).is_none());
        assert!(id("pepper", "+79001234568", NOON).is_none());
        assert!(id("other", "+79001234567", NOON).is_none());
    }

    #[test]
    fn a_proof_of_yesterday_opens_nothing_today() {
        let midnight = 20_001 * DAY;
        let proof = solve(&challenge(&proofs("pepper"), at(midnight - 10)));
        let check = |when| proofs("pepper").check(&phone("+79001234567"), &proof, at(when));
        assert!(check(midnight - 1).is_some() && check(midnight).is_none());
    }

    type Tamper = fn(&mut Challenge);

    #[test]
    fn what_was_tampered_with_opens_nothing() {
        let proofs = proofs("pepper");
        let challenge = challenge(&proofs, at(NOON));
        let check = |payload: Payload| {
            let proof = STANDARD.encode(serde_json::to_vec(&payload).unwrap());
            proofs.check(&phone("+79001234567"), &proof, at(NOON)).is_some()
        };
        let solved = |challenge: &Challenge| {
            serde_json::from_slice::<Payload>(&STANDARD.decode(solve(challenge)).unwrap()).unwrap()
        };
        assert!(check(solved(&challenge)));
        let tampers: [Tamper; 6] = [
            |of| of.parameters.cost = 0,
            |of| of.parameters.key_prefix = "0".to_owned(),
            |of| of.parameters.expires_at = of.parameters.expires_at.map(|at| at + 1),
            |of| of.parameters.expires_at = None,
            |of| of.signature = None,
            |of| of.parameters.nonce = "00".repeat(16),
        ];
        for (at, tamper) in tampers.into_iter().enumerate() {
            let mut other = challenge.clone();
            tamper(&mut other);
            assert!(!check(solved(&other)), "{at}");
        }
        let mut wrong = solved(&challenge);
        wrong.solution.counter += 1;
        assert!(!check(wrong), "another counter");
        let mut wrong = solved(&challenge);
        wrong.solution.derived_key = "00".repeat(32);
        assert!(!check(wrong), "another key");
    }

    #[test]
    fn what_is_no_proof_opens_nothing() {
        let long = STANDARD.encode("{}".repeat(4_000));
        for proof in ["", "e30=", "no base64", "null", &long] {
            assert_eq!(proofs("pepper").check(&phone("+79001234567"), proof, at(NOON)), None);
        }
    }

    #[test]
    fn a_harder_one_costs_more() {
        let cost = |hardness| {
            let rng = &mut StdRng::seed_from_u64(7);
            Proofs::new(proofs("pepper").pepper, 500).challenge(
                &phone("+79001234567"),
                hardness,
                at(NOON),
                rng,
            )
        };
        assert_eq!([1, 16, u32::MAX].map(|hardness| cost(hardness).parameters.cost), [500, 8_000, u32::MAX]);
    }
}
