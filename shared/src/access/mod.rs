//! Who may: signing in, the gate, guesses at codes, refresh tokens and their end,
//! entering invite codes, and all that limits them.

pub mod ending;
pub mod gate;
pub mod guesses;
pub mod invitations;
pub mod limits;
pub mod refreshing;
pub mod relying_party;
pub mod signing_in;
pub mod texting;
pub mod trust;
