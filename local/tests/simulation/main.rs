//! A deterministic simulation: one thread, virtual time, one seed from which
//! everything follows. docs/testing.md tells how it is run, read and extended.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

#[allow(dead_code, reason = "what is wrong with an answer is tried elsewhere")]
#[path = "../authenticator/mod.rs"]
mod authenticator;
mod call;
mod check;
mod deployment;
mod described;
mod dynamo;
mod model;
mod report;
mod run;
mod seam;
mod shrink;
#[path = "../solver/mod.rs"]
mod solver;
mod stories;
mod town;
mod truth;
mod weather;
mod world;

mod itself;

/// So many seeds are run each time: about ten seconds.
const SEEDS: std::ops::Range<u64> = 0..4;

fn run_seeds(seeds: impl Iterator<Item = u64>) {
    let (mut steps, mut writes) = (0, 0);
    for seed in seeds {
        let story = stories::Story::draw(seed, report::STEPS);
        let outcome = run::run(&story, false);
        if let Some(violation) = outcome.violation {
            panic!("{}", report::tell(&story, &violation));
        }
        steps += outcome.steps;
        writes += outcome.writes;
    }
    println!("{steps} steps, {writes} writes");
}

#[test]
fn nothing_that_is_promised_is_broken() {
    run_seeds(SEEDS.step_by(2));
}

#[test]
fn nothing_that_is_promised_is_broken_in_other_seeds() {
    run_seeds(SEEDS.skip(1).step_by(2));
}
