//! What one decision costs, on a world of ten thousand claims, and what reading a record off the wire does.
//! No API server is here; that is `server`.

#[path = "../tests/rules/things.rs"]
#[allow(dead_code, reason = "shared with tests/rules, which uses the rest of it")]
mod things;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use icp_filing_operator::{
    api::{NumberState, QuotaScope, ServiceNumber},
    rules::{
        audit, filing, instance, request,
        world::{Observation, Seen},
    },
};
use things::{Things, now};

/// Instances, each with as many claims as its quota has numbers.
const INSTANCES: usize = 2000;
/// The quota of the class `ecs`.
const QUOTA: i32 = 5;

fn server(at: usize) -> String {
    format!("i-{at}")
}

/// Every instance with its claims, and the numbers of all but the last instance.
fn crowd() -> Things {
    let mut all = Things { classes: vec![things::class("ecs", things::ecs())], ..Things::default() };
    for at in 0..INSTANCES {
        let name = server(at);
        all.instances.push(things::instance(&name, things::server("ecs")));
        for slot in 0..QUOTA {
            let claim = format!("{name}-{slot}");
            all.requests.push(things::request(&claim, &name));
            if at + 1 < INSTANCES {
                all.records
                    .push(things::record(things::facts(&name, slot, things::claim_of_request(&claim)), 9));
            }
        }
    }
    all
}

fn decisions(criterion: &mut Criterion) {
    let mut things = crowd();
    things.filings.push(things::filing("site", things::by_request("i-0-0")));
    let world = things.world();
    let mut group = criterion.benchmark_group("decide");
    let waiting = things::key(&format!("{}-0", server(INSTANCES - 1)));
    group.bench_function("a request that is to be issued a number", |b| {
        b.iter(|| request::decide(&world, black_box(&waiting), now()));
    });
    let settled = things::key("i-7-0");
    group.bench_function("a request that has its number", |b| {
        b.iter(|| request::decide(&world, black_box(&settled), now()));
    });
    let draft = things::key("site");
    group.bench_function("a filing that is to be bound", |b| {
        b.iter(|| filing::decide(&world, black_box(&draft), now()));
    });
    let server = things::key("i-7");
    group.bench_function("the status of an instance", |b| {
        b.iter(|| instance::decide(&world, black_box(&server), now()));
    });
    group.finish();
    let snapshot = world.snapshot();
    criterion.bench_function("audit ten thousand claims", |b| {
        b.iter(|| audit::findings(black_box(&snapshot), now()));
    });
}

fn observations(criterion: &mut Criterion) {
    let things = crowd();
    let name = server(INSTANCES - 1);
    let facts = things::facts(&name, 0, things::claim_of_request(&format!("{name}-0")));
    let mut world = things.world();
    let mut revision = 10;
    criterion.bench_function("observe a record", |b| {
        b.iter_batched(
            || {
                revision += 1;
                things::record(facts.clone(), revision)
            },
            |record| world.observe(Observation::Record(Seen::Applied(record))),
            BatchSize::SmallInput,
        );
    });
    // The last number of a large quota, with nobody waiting: what grows with the quota shows here.
    let mut large = Things { classes: vec![things::class("large", things::ecs())], ..Things::default() };
    large.classes[0].spec.quota = 2000;
    large.classes[0].spec.quota_scope = QuotaScope::Account;
    large.instances.push(things::instance("i-1", things::server("large")));
    for slot in 0..1999 {
        let mut facts = things::facts("i-1", slot, things::claim_of_request(&format!("r-{slot}")));
        (facts.quota, facts.quota_scope, facts.class_name) = (2000, QuotaScope::Account, "large".to_owned());
        large.records.push(things::record(facts, 9));
    }
    large.requests.push(things::request("last", "i-1"));
    let world = large.world();
    criterion.bench_function("decide about the last number of 2,000", |b| {
        b.iter(|| request::decide(&world, black_box(&things::key("last")), now()));
    });
}

fn decoding(criterion: &mut Criterion) {
    let claim = things::claim_of_request("shop");
    let facts = things::brought(
        things::facts("i-1", 0, claim),
        things::bound("site", "6cba4b2c-2a0e-4a0a-9b3a-0c0ffee00001"),
        NumberState::Consumed,
    );
    let json = serde_json::to_vec(&things::stored_record(facts, 9)).expect("a record is JSON");
    criterion.bench_function("decode a record", |b| {
        b.iter(|| serde_json::from_slice::<ServiceNumber>(black_box(&json)));
    });
}

criterion_group!(rules, decisions, observations, decoding);
criterion_main!(rules);
