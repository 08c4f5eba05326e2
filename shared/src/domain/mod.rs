//! The rules, without any I/O: nothing here names `http` or an AWS crate.

pub mod avatar;
pub mod code;
pub mod invite;
pub mod limits;
pub mod numbers;
pub mod pepper;
pub mod phone;
mod plans;
pub mod profile;
pub mod pumping;
pub mod refresh;
pub mod session;
pub mod user;
