//! Runs the simulation for as long as one likes; docs/testing.md tells more.
//!
//! ```sh
//! cargo run --profile bench -p latchkey-local --example simulate -- --steps 1000000
//! cargo run -p latchkey-local --example simulate -- --seed 42
//! ```

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test with a command line")]

#[allow(dead_code, reason = "what is wrong with an answer is tried elsewhere")]
#[path = "../tests/authenticator/mod.rs"]
mod authenticator;
#[path = "../tests/simulation/call.rs"]
mod call;
#[path = "../tests/simulation/check/mod.rs"]
mod check;
#[path = "../tests/simulation/deployment.rs"]
mod deployment;
#[path = "../tests/simulation/described.rs"]
mod described;
#[path = "../tests/simulation/dynamo.rs"]
mod dynamo;
#[path = "../tests/simulation/model/mod.rs"]
mod model;
#[path = "../tests/simulation/report.rs"]
mod report;
#[path = "../tests/simulation/run.rs"]
mod run;
#[path = "../tests/simulation/seam/mod.rs"]
mod seam;
#[path = "../tests/simulation/shrink.rs"]
mod shrink;
#[path = "../tests/solver/mod.rs"]
mod solver;
#[path = "../tests/simulation/stories/mod.rs"]
mod stories;
#[path = "../tests/simulation/town/mod.rs"]
mod town;
#[path = "../tests/simulation/truth/mod.rs"]
mod truth;
#[path = "../tests/simulation/weather.rs"]
mod weather;
#[path = "../tests/simulation/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::stories::Story;

/// The seed that is being run, and how many steps were before, for whoever must know
/// why the process ended.
static PRESENT: Mutex<(u64, u64)> = Mutex::new((0, 0));

/// Simulates the whole API: people, instances, a database and carriers that fail.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Arguments {
    /// One seed alone: its whole story is told if a rule is broken.
    #[arg(long)]
    seed: Option<u64>,
    /// The first seed of many.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Seeds that nobody ran before, which are told.
    #[arg(long)]
    fresh: bool,
    /// Ends after so many steps.
    #[arg(long, default_value_t = u64::MAX)]
    steps: u64,
    /// Ends after so many seconds.
    #[arg(long, default_value_t = u64::MAX)]
    seconds: u64,
    /// Ends after so many seeds.
    #[arg(long, default_value_t = u64::MAX)]
    seeds: u64,
    /// How many steps a story has.
    #[arg(long, default_value_t = report::STEPS)]
    length: usize,
    /// Tells the whole story of each seed.
    #[arg(long)]
    diary: bool,
    /// Rules that may be broken, separated by commas: to look for others.
    #[arg(long, value_delimiter = ',')]
    except: Vec<String>,
    /// Says of the first broken rule how many seeds, steps and seconds it took, and
    /// nothing else.
    #[arg(long)]
    brief: bool,
    /// How often each answer was given, at the end.
    #[arg(long)]
    answers: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let first = if arguments.fresh { fresh() } else { arguments.seed.unwrap_or(arguments.from) };
    let began = Instant::now();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let (seed, steps) = *PRESENT.lock().unwrap();
        println!("in seed {seed}:");
        if cfg!(panic = "abort") {
            say_briefly("panic", seed, first, steps, began);
        }
        hook(panic);
    }));
    let (mut steps, mut requests, mut writes, mut trace) = (0, 0, 0, 0);
    let mut answers = BTreeMap::<String, u32>::new();
    let seeds = if arguments.seed.is_some() { 1 } else { arguments.seeds };
    if !arguments.brief {
        println!("from seed {first}");
    }
    for seed in (first..).take(usize::try_from(seeds).unwrap_or(usize::MAX)) {
        if steps >= arguments.steps || began.elapsed() >= Duration::from_secs(arguments.seconds) {
            break;
        }
        *PRESENT.lock().unwrap() = (seed, steps);
        let story = Story { except: arguments.except.clone(), ..Story::draw(seed, arguments.length) };
        let outcome = run::run(&story, arguments.diary);
        steps += outcome.steps as u64;
        requests += outcome.requests;
        writes += outcome.writes;
        trace = world::mix(&[trace, outcome.trace]);
        for (answer, times) in outcome.answers {
            *answers.entry(answer).or_default() += times;
        }
        print!("{}", outcome.diary);
        if let Some(violation) = outcome.violation {
            if arguments.brief {
                say_briefly(violation.rule, seed, first, steps, began);
            } else {
                println!("{}", report::tell(&story, &violation));
            }
            return ExitCode::FAILURE;
        }
    }
    if arguments.answers {
        for (answer, times) in &answers {
            println!("{times:>8} {answer}");
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{steps} steps, {requests} requests, {writes} writes in {took:.1} s: no rule is broken; trace {trace:016x}"
    );
    ExitCode::SUCCESS
}

fn say_briefly(rule: &str, seed: u64, first: u64, steps: u64, began: Instant) {
    let (seeds, took) = (seed - first + 1, began.elapsed().as_secs_f64());
    println!("found\t{rule}\t{seed}\t{seeds}\t{steps}\t{took:.1}");
}

/// A seed that nobody ran before.
fn fresh() -> u64 {
    use rand::RngExt;
    let mut rng = rand::rand_core::UnwrapErr(rand::rngs::SysRng);
    u64::from(rng.random::<u32>()) << 20
}
