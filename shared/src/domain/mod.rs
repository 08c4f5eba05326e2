//! The rules, without any I/O: nothing here names `http`, an AWS crate or the
//! deployment's variables.

pub mod audit;
pub mod avatar;
pub mod bearer;
pub mod code;
pub mod credit;
pub mod device;
pub mod device_token;
pub mod fate;
pub mod invite;
pub mod invite_code;
pub mod limits;
pub mod numbers;
pub mod passkey;
pub mod passkey_list;
pub mod pepper;
pub mod phone;
pub mod phone_front;
pub mod phone_lists;
mod plans;
pub mod position;
pub mod profile;
pub mod proof_of_work;
pub mod public_key;
pub mod recovery;
pub mod refresh;
pub mod secret;
pub mod session;
pub mod session_id;
pub mod typed;
pub mod user;
