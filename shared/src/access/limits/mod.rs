//! What bounds a request: take, judge, give back.
//!
//! All limits of a request are asked at once, in one wave. Where one stands in
//! the way, what the others took is given back. A new limit is a file here and
//! a line in the list of whoever asks it.

mod address;
mod admission;
mod code;
mod device;
mod guess;
mod key;
mod limit;
mod notice;
mod place;
mod proof;
mod text;

pub use address::AddressAllowance;
pub use admission::Admission;
pub use code::CodeAllowance;
pub use device::ListedDevice;
pub use guess::GuessAllowance;
pub use key::KeyClaim;
pub use limit::{Limit, Passed, Verdict, give_back, take};
pub use notice::NoticeAllowance;
pub use place::PlaceAllowance;
pub use proof::FreshProof;
pub use text::TextAllowance;
