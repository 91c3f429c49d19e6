//! The simulator's model of the API server against a real one, with the shipped CRDs, roles and policies: random
//! sequences of requests are played to both, and every answer, object, list and watch must be the same.
//!
//! `MODEL_SEED=7` replays one sequence, `MODEL_RUNS` sets how many there are, `MODEL_FIRST` is the first seed.

#[path = "../simulate/admission.rs"]
mod admission;
#[path = "../simulate/caller.rs"]
mod caller;
#[path = "../server/fixture.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod fixture;
#[path = "../server/objects.rs"]
#[allow(dead_code, reason = "shared with tests/server, which uses the rest of it")]
mod objects;
#[path = "../simulate/oracle.rs"]
#[allow(dead_code, reason = "shared with tests/simulate, which uses the rest of it")]
mod oracle;
#[path = "../simulate/policies.rs"]
#[allow(dead_code, reason = "shared with tests/simulate, which uses the rest of it")]
mod policies;
#[path = "../simulate/rng.rs"]
#[allow(dead_code, reason = "shared with tests/simulate, which uses the rest of it")]
mod rng;
#[path = "../simulate/store.rs"]
#[allow(dead_code, reason = "shared with tests/simulate, which uses the rest of it")]
mod store;

mod ask;
mod play;
mod reply;
mod sequence;
mod server;

use std::time::Instant;

use fixture::{Who, cluster};
use futures::future::join_all;
use sequence::{Sequence, Tally};
use server::Server;

/// How many requests each sequence has.
const STEPS: usize = 24;
/// How many sequences are played side by side: the real server answers slower than the model.
const LANES: u64 = 4;
/// After how many sequences of a lane its watches are compared and begun anew.
const BATCH: usize = 50;

fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|v| v.parse().unwrap_or_else(|_| panic!("{name} is a number, not {v}")))
}

/// What a lane came to.
#[derive(Default)]
struct Lane {
    tally: Tally,
    events: usize,
    differences: Vec<String>,
}

/// Plays some seeds, one after the other, in a namespace of its own.
async fn lane(seeds: Vec<u64>) -> Lane {
    let tenant = cluster().await.tenant(Who::Alice).await;
    let server = Server::of(&tenant).await;
    let mut lane = Lane::default();
    for batch in seeds.chunks(BATCH) {
        let end = fixture::unique();
        let watches = server.watch(&end).await;
        let mut sequences = Vec::new();
        for seed in batch {
            let mut sequence = Sequence::new(*seed, format!("{}s{seed}", fixture::unique()));
            match sequence.play(&server, STEPS, &mut lane.tally).await {
                Ok(()) => sequences.push(sequence),
                Err(difference) => lane.differences.push(difference),
            }
        }
        server.finish(&end).await;
        let shown = watches.end().await;
        for mut sequence in sequences {
            lane.events += sequence.events();
            lane.differences.extend(sequence.same_events(&shown).err());
        }
    }
    lane
}

#[tokio::test]
async fn the_model_of_the_api_server_answers_as_a_real_one_does() {
    let (first, runs) = set("MODEL_SEED").map_or_else(
        || (set("MODEL_FIRST").unwrap_or(0), set("MODEL_RUNS").unwrap_or(200)),
        |seed| (seed, 1),
    );
    cluster().await;
    let begun = Instant::now();
    let lanes = (0..LANES).map(|at| lane((first..first + runs).filter(|s| s % LANES == at).collect()));
    let mut all = Lane::default();
    for lane in join_all(lanes).await {
        for (what, count) in lane.tally {
            *all.tally.entry(what).or_default() += count;
        }
        all.events += lane.events;
        all.differences.extend(lane.differences);
    }
    let requests: u64 = all.tally.values().sum();
    println!(
        "{runs} sequences from seed {first}: {requests} requests, {} events, {} differences, {:?}",
        all.events,
        all.differences.len(),
        begun.elapsed()
    );
    for ((verb, class), count) in &all.tally {
        println!("  {verb:<12} {class:<14} {count}");
    }
    let some = all.differences.iter().take(12).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(all.differences.is_empty(), "{} differences, such as\n{some}", all.differences.len());
}
