//! How AWS is spoken to: clients, items, reads, writes, transactions, secrets.
//!
//! There is no repository trait: the seam for the laptop and the tests is the
//! client's HTTP, so that the same condition expressions run everywhere.

pub(crate) mod attempts;
pub mod clients;
pub mod error;
pub(crate) mod items;
pub(crate) mod reader;
pub mod secrets;
pub mod setup;
pub(crate) mod table;
pub mod transaction;
pub mod writes;
