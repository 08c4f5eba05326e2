//! What a failing seed is told as: the shortest story, and how to run it again.

use std::fmt::Write as _;

use crate::run::run;
use crate::shrink::shrink;
use crate::stories::Story;
use crate::truth::Violation;

/// In how many runs a story is cut down.
const TRIES: usize = 120;

/// How many steps a story has, unless somebody asks for others.
pub(crate) const STEPS: usize = 250;

/// Tells of a violation: its story as short as can be found, with all that happened.
pub(crate) fn tell(story: &Story, violation: &Violation) -> String {
    // What came after it does not matter.
    let until = run(story, false).steps;
    let short = shrink(&story.with(story.steps[..until].to_vec()), violation.rule, TRIES);
    let again = run(&short, true);
    let mut told = String::new();
    let _ = writeln!(told, "seed {} breaks a rule: {violation}", story.seed);
    let _ = writeln!(
        told,
        "again: cargo run -p latchkey-local --example simulate -- --seed {} --length {}",
        story.seed,
        story.steps.len()
    );
    let _ = writeln!(
        told,
        "the shortest story that was found, {} of {} steps:",
        short.steps.len(),
        story.steps.len()
    );
    let _ = writeln!(told, "{:?} {:?}", short.weather, short.vars);
    told.push_str(&again.diary);
    if let Some(violation) = again.violation {
        let _ = writeln!(told, "{violation}");
    }
    told
}
