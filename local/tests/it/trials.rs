//! How often chance gets to show another side of itself.

use std::sync::LazyLock;

/// How often each race is run and each random case drawn. Few by default, for
/// whoever waits for the tests; CI asks for a thousand.
pub(crate) fn trials() -> u32 {
    static TRIALS: LazyLock<u32> = LazyLock::new(|| {
        #[expect(clippy::disallowed_methods, reason = "chosen by whoever runs the tests")]
        let asked = std::env::var("LATCHKEY_TRIALS");
        asked.map_or(25, |number| number.parse().expect("LATCHKEY_TRIALS is a number"))
    });
    *TRIALS
}

/// How often where each trial asks this much at once: in all about as much as
/// [`trials`] of two do, and with and without faults at least once.
pub(crate) fn trials_of(requests: u32) -> u32 {
    (2 * trials() / requests).max(2)
}
