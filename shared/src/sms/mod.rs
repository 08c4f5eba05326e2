//! Texts, which is what people call an SMS: what they say, and who sends them.

pub mod inbox;
pub mod refusal;
pub mod sender;
pub mod smsaero;
pub mod sns;
pub mod wording;
