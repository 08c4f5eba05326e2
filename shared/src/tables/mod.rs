//! What our four tables hold.
//!
//! The users table has a key `pk`:
//!
//! | key | what | where |
//! |---|---|---|
//! | `user#<id>` | a user | [`users`] |
//! | `phone#<e164>` | whose phone that is | [`users`] |
//! | `invite#<code>` | whose invite code that is; without an owner for ever once drawn anew | [`invites`] |
//! | `alias#<code>` | which invite code a code of an earlier service stands for | [`invites`] |
//! | `edge#<smaller id>#<larger id>` | that one of the two entered the other's code | [`referrals`] |
//! | `refs#<id>#<0..7>` | how many entered a user's code: one item, eight once they are many | [`referrals`] |
//! | `avatar#<id>` | an avatar: the file and its type | [`avatars`] |
//! | `passkey#<id>` | a passkey | [`passkeys`] |
//! | `admin#<hash of a phone>` | that the number made an admin, which it does once | [`users`] |
//! | `keyset` | the public keys | [`keyset`] |
//!
//! and five indexes:
//!
//! | index | keys | what |
//! |---|---|---|
//! | `referrals` | `referrer_id`, `position` | edges by referrer and time |
//! | `created` | `created_in`, `created_at_key` | users by month and shard (`2026-11#0` to `#7`), by time |
//! | `roles` | `staff_role`, `created_at_key` | those who may more than users |
//! | `banned` | `banned`, `created_at_key` | those who are banned |
//! | `numbers` | `country`, `phone` | users by number: what lists show of them |
//!
//! `staff_role` and `banned` are there only where they say something, so
//! their indexes are as small as what they list. `country` is `none` for numbers of no country.
//!
//! The codes table, whose items end by its TTL, has a key `pk`, too: [`codes`],
//! [`counters`], [`day_texts`], [`guard`], [`idempotency`], [`passkey_challenges`], [`proofs`], [`stats`]. The sessions table is
//! described in [`sessions`], the audit table in [`audit`].

pub mod audit;
pub mod avatars;
pub mod census;
pub mod codes;
pub mod counters;
pub mod day_texts;
pub mod guard;
pub mod idempotency;
pub mod invites;
mod keys;
pub mod keyset;
pub mod passkey_challenges;
pub mod passkeys;
mod phone_items;
pub mod proofs;
pub mod referrals;
mod register;
pub mod rolls;
pub mod sessions;
pub mod stats;
pub mod users;

use crate::base::config::{self, Parameter};

/// What whoever asks the users table reads.
pub const USERS: &[&Parameter] = &[config::USERS_TABLE, config::AWS_ENDPOINT_URL_DYNAMODB];

/// What whoever asks the codes table reads.
pub const CODES: &[&Parameter] = &[config::CODES_TABLE, config::AWS_ENDPOINT_URL_DYNAMODB];

/// What whoever writes to the audit trail or reads it reads.
pub const AUDIT: &[&Parameter] =
    &[config::AUDIT_TABLE, config::AUDIT_DAYS, config::AWS_ENDPOINT_URL_DYNAMODB];

/// What whoever asks the sessions table reads.
pub const SESSIONS: &[&Parameter] = &[config::SESSIONS_TABLE, config::AWS_ENDPOINT_URL_DYNAMODB];
