//! Limits of phones that an admin lifts.

use super::users::signed_in_lately;
use super::{Verdict, ledger, rule};
use crate::truth::{Applied, Lift, Place, Truth, live_code, text};

/// The route that lifts limits.
const LIFTING: &str = "DELETE /v1/support/phones/limits";

/// Limits are lifted by admins who signed in lately, and nothing else of a register is:
/// its live code stays, with how often it was guessed at.
pub(super) fn lifts(truth: &mut Truth, applied: &Applied) -> Verdict {
    let registers: Vec<_> = applied.changes.iter().filter(|change| change.place.is_register()).collect();
    let lifting = ledger(truth, applied).filter(|ledger| ledger.call.route == LIFTING);
    let Some(ledger) = lifting.filter(|_| !registers.is_empty()) else { return Ok(()) };
    let caller = ledger.call.caller().map(|caller| Place::user(&caller.user));
    let is_admin = caller.is_some_and(|place| {
        truth.versions(ledger, &place).flatten().any(|item| text(item, "role") == Some("admin"))
    });
    rule!(is_admin, "lifted_by_whom", "{} {}", ledger.id, ledger.call);
    signed_in_lately(truth, ledger)?;
    let phone = ledger.call.field("phone").unwrap_or_default().to_owned();
    let places = truth.code_places(&phone);
    for change in registers {
        rule!(places.contains(&change.place), "lifted_too_much", "{}", change.place.key);
        let (before, after) = (live_code(change.before.as_deref()), live_code(change.after.as_deref()));
        rule!(before == after, "lifted_too_much", "the code of {}", change.place.key);
        let (is_known, at) = (change.place.is_of_known(), applied.at);
        if let Some(times) = truth.wrong_guesses.get_mut(&(phone.clone(), is_known)) {
            times.retain(|time| *time > at);
        }
        truth.lifts.push(Lift { phone: phone.clone(), is_known, at });
    }
    Ok(())
}
