//! The shipped rules under every fault that a store, a network, a process and people can make of them: a
//! deterministic simulation, by the hundred thousand. Needs no cluster.
//!
//! `SIM_SEED=7` replays one execution with its trace, `SIM_RUNS` sets how many there are, `SIM_STEPS` bounds
//! the steps of each, `SIM_FIRST` is the first seed. `SIM_STATES` bounds the search of each small world.

mod admission;
mod caller;
mod digest;
mod exhaust;
mod network;
mod operator;
mod oracle;
mod people;
#[allow(dead_code, reason = "shared with tests/model, which uses the rest of it")]
mod policies;
mod rng;
mod run;
mod small;
mod store;
mod words;

use exhaust::Found;
use run::{Tally, execute};
use std::{
    ops::Range,
    panic::catch_unwind,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|v| v.parse().unwrap_or_else(|_| panic!("{name} is a number, not {v}")))
}

fn steps(seed: u64) -> usize {
    let steps = set("SIM_STEPS").unwrap_or(100 + seed % 5 * 100);
    usize::try_from(steps).expect("a number of steps")
}

/// Replays one seed and says everything about it.
fn replay(seed: u64) -> Option<String> {
    let outcome = execute(seed, steps(seed), true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("{}", people::describe(&outcome.store));
    println!("{:?}", outcome.tally);
    outcome.broken.map(|broken| format!("seed {seed}: {broken}"))
}

/// Executes every so many seeds of a range, up to the first that breaks something here or is above one that did.
fn work(seeds: Range<u64>, every: u64, lowest: &AtomicU64) -> (Tally, Option<(u64, String)>) {
    let mut tally = Tally::new();
    for seed in seeds.step_by(usize::try_from(every).expect("a number of threads")) {
        if seed > lowest.load(Relaxed) {
            break;
        }
        let broken = match catch_unwind(|| execute(seed, steps(seed), false)) {
            Ok(outcome) => {
                add(&mut tally, outcome.tally);
                outcome.broken
            }
            Err(_) => Some("a panic".to_owned()),
        };
        if let Some(broken) = broken {
            lowest.fetch_min(seed, Relaxed);
            return (tally, Some((seed, broken)));
        }
    }
    (tally, None)
}

fn add(sums: &mut Tally, part: Tally) {
    for (what, count) in part {
        let sum = sums.entry(what).or_default();
        *sum = if what.ends_with("at most") { count.max(*sum) } else { *sum + count };
    }
}

#[test]
fn random_executions_keep_the_invariants_and_come_to_rest() {
    if let Some(seed) = set("SIM_SEED") {
        let broken = replay(seed);
        assert!(broken.is_none(), "{}", broken.unwrap_or_default());
        return;
    }
    let first = set("SIM_FIRST").unwrap_or(0);
    let runs = set("SIM_RUNS").unwrap_or(2000);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let begun = std::time::Instant::now();
    // The lowest seed that broke anything: what is above it need not be executed any more.
    let lowest = &AtomicU64::new(u64::MAX);
    let results: Vec<(Tally, Option<(u64, String)>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| scope.spawn(move || work(first + worker..first + runs, threads, lowest)))
            .collect();
        workers.into_iter().map(|w| w.join().expect("a worker ends")).collect()
    });
    let mut tally = Tally::new();
    let mut broken: Option<(u64, String)> = None;
    for (part, found) in results {
        add(&mut tally, part);
        broken = broken.into_iter().chain(found).min();
    }
    println!("{runs} executions, seeds {first} to {}, in {:.1?}:", first + runs - 1, begun.elapsed());
    for (what, count) in &tally {
        println!("{count:>10}  {what}");
    }
    if let Some((seed, what)) = broken {
        replay(seed);
        panic!("seed {seed}: {what}\nreplay it with SIM_SEED={seed}");
    }
    // It proves nothing about what it never reaches.
    for what in [
        "create",
        "create meets a name",
        "bind",
        "take-over",
        "give-back",
        "submit",
        "consume",
        "cancel",
        "change meets a revision",
        "status meets a revision",
        "status refused",
        "write to a ledger that is held",
        "carried out though nobody waits",
        "list anew",
        "start from stale lists",
        "answer lost",
        "crash",
    ] {
        assert!(tally.get(what).is_some_and(|count| *count > 0) || runs < 1000, "{what} never happened");
    }
}

#[test]
fn every_interleaving_of_a_small_world_keeps_the_invariants_and_can_come_to_rest() {
    let limit = usize::try_from(set("SIM_STATES").unwrap_or(2000)).expect("a number of states");
    let only = std::env::var("SIM_WORLD").unwrap_or_default();
    let worlds: Vec<_> = small::all().into_iter().filter(|s| s.name.contains(&only)).collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(small) = worlds.get(next.fetch_add(1, Relaxed)) {
                    let begun = std::time::Instant::now();
                    let Found { states, depth, complete, broken } = exhaust::search(small, limit);
                    let all = if complete { "all" } else { "the first" };
                    println!(
                        "{all} {states} states, {depth} steps deep, in {:.1?}: {}",
                        begun.elapsed(),
                        small.name
                    );
                    if let Some(broken) = broken {
                        panic!("{}: {broken}", small.name);
                    }
                }
            });
        }
    });
}
