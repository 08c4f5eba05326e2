//! Access tokens: JWTs by RFC 9068, signed with ES256.
//!
//! Private keys are derived from the entries of the signing secret, so that
//! deploying takes no key ceremony; only issuing functions can read it. The
//! public halves are one item in the users table (the *keyset*), which every
//! other function reads at its start.
//!
//! `jsonwebtoken` writes, reads and validates; the cryptography below it is
//! chosen here: p256 derives the keys, ring, which TLS brings anyway, signs
//! and verifies. Its ready-made backends carry RSA and seven
//! other algorithms that we never accept.

pub mod claims;
pub mod issuer;
mod keys;
pub mod verifier;
