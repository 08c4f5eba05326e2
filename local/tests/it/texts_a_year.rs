//! How many texts people need, by the model of `bench/texts.rs`: fewer people than there,
//! and the same ones each time.

#[allow(dead_code, reason = "a benchmark, of which this uses the model")]
#[path = "../../../bench/texts.rs"]
mod bench;

use latchkey::base::config::Vars;

use self::bench::{ASSUMED, Cause, Rules, texts_of_each};

/// Bounds, in texts of a thousand people, with room for another generator of chance: the
/// rules as they are stay below them, and those before do not.
#[test]
fn a_thousand_people_need_few_texts_a_year() {
    let (before, now) = (Rules::before(), Rules::of(&Vars::default()));
    let runs = [(&before, ASSUMED), (&now, ASSUMED), (&now, ASSUMED.with_passkeys(0.7))];
    let [before, none, most] = texts_of_each(1_000, runs).try_into().ok().unwrap();
    for (name, texts) in [("before", &before), ("no passkeys", &none), ("70 % have one", &most)] {
        println!("{name}: {}, {:?}", texts.all(), Cause::ALL.map(|cause| (cause, texts.of_cause(cause))));
    }
    assert!((3_400..4_200).contains(&before.all()), "the model is another");

    // Sessions last for as long as they are used.
    assert_eq!(none.of_cause(Cause::Age), 0);
    assert!(none.of_cause(Cause::Disuse) <= 60);
    // A replaced token is good until its successor is used.
    assert!(none.of_cause(Cause::LostAnswer) * 2 <= before.of_cause(Cause::LostAnswer));
    assert!(none.all() <= 1_250);
    // Who has a passkey needs a text now and then.
    assert!(most.all() <= 560);
}
