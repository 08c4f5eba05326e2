//! Who may: the gate, guesses at codes, refresh tokens, entering invite codes, and
//! all that limits them.

pub mod gate;
pub mod guesses;
pub mod invitations;
pub mod limits;
pub mod refreshing;
