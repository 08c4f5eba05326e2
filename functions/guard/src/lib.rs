//! What the guard against pumping holds back, for those who look after the
//! deployment.
//!
//! Tests: local/tests/it/guard.rs.

mod open_place;
mod short_places;

latchkey::function!(short_places::GetGuard, open_place::OpenPlace);
