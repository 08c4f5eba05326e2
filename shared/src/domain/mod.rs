//! The rules, without any I/O: nothing here names `http` or an AWS crate.

pub mod code;
pub mod invite;
pub mod limits;
pub mod pepper;
pub mod phone;
pub mod pumping;
pub mod refresh;
pub mod session;
pub mod testers;
pub mod user;
