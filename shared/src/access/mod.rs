//! Who may: the gate, guesses at codes, and all that limits them.

pub mod gate;
pub mod guesses;
pub mod limits;
