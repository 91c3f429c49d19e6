//! An operator on an empty store and on large ones: memory, cold start, what a number costs, and what it costs while
//! nothing happens.
//! Numbers that were issued long ago, with their requests and instances.

use std::time::{Duration, Instant};

use crate::answered::Answers;
use crate::calls::Calls;
use crate::fixture::Who;
use crate::ground::Ground;
use crate::growth::Growth;
use crate::operator_process::Operator;
use crate::report::{Figure, Sheet, median, number};
use crate::settings::Settings;
use crate::stored::{Batch, Part, REQUESTS};
use crate::vitals;

/// Requests, with the memory in MiB and the time of a cold start in seconds that are aimed at.
const SIZES: [(usize, f64, f64); 2] = [(10_000, 40.0, 1.0), (100_000, 300.0, 6.0)];
/// Requests and records at which a number's cost is taken first.
const SMALL: usize = 1_000;
/// The size at which it is left alone for a minute.
const LEFT_ALONE: usize = 10_000;
const LONG: Duration = Duration::from_mins(5);
/// How often a cold start is timed; the middle counts.
const STARTS: usize = 3;

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let operator = ground.operator().await;
    ground.quiet().await;
    sheet.add(
        Figure::new("memory, idle on an empty store", vitals::memory(operator.process()), "MiB")
            .at_most(10.0),
    );
    operator.finish().await;
    let mut growth = Growth::new(&ground).await;
    let mut stored = store(&ground, settings, &sheet, SMALL, 0).await;
    growth.measure(&ground, settings, &sheet, SMALL).await;
    let mut memories = Vec::new();
    for (count, most_memory, most_time) in SIZES {
        stored = store(&ground, settings, &sheet, count, stored).await;
        let (mut times, mut own, mut servers) = (Vec::new(), Vec::new(), Vec::new());
        for start in 0..STARTS {
            let server = ground.server_cpu();
            let (operator, time) = cold_start(&ground, &format!("n{count}x{start}")).await;
            times.push(time.as_secs_f64());
            own.push(vitals::cpu(operator.process()).as_secs_f64());
            servers.push(ground.server_cpu().saturating_sub(server).as_secs_f64());
            let calls = ground.quiet().await;
            if start + 1 == STARTS {
                let memory = vitals::memory(operator.process());
                let what = format!("memory, {count} requests with their records");
                sheet.add(Figure::new(what, memory, "MiB").at_most(most_memory));
                let peak = vitals::peak(operator.process());
                sheet.add(Figure::new(format!("memory at most, {count} requests"), peak, "MiB"));
                memories.push((memory, stored * (1 + 2 * REQUESTS)));
                if count == LEFT_ALONE {
                    left_alone(&ground, &operator, settings, &sheet).await;
                }
                drop(calls);
            }
            operator.finish().await;
        }
        let what = format!("cold start to the first number, {count} requests");
        sheet.add(Figure::new(&what, median(&times), "s").at_most(most_time));
        sheet.add(Figure::new(format!("{what}: operator computed"), median(&own), "s"));
        sheet.add(Figure::new(format!("{what}: API server computed"), median(&servers), "s"));
        growth.measure(&ground, settings, &sheet, count).await;
    }
    growth.conclude(&sheet);
    if let [(small, few), (large, many)] = memories[..] {
        let each = (large - small) * 1024.0 * 1024.0 / number(many - few);
        sheet.add(Figure::new("memory per object", each, "B"));
    }
    ground.stop().await;
}

/// Fills the store up to so many requests, from the instances that are there, and gives how many instances then are.
async fn store(ground: &Ground, settings: Settings, sheet: &Sheet, count: usize, there: usize) -> usize {
    let instances = settings.of(count) / REQUESTS;
    let more = Batch::new(format!("s{count}"), &ground.namespace, instances - there);
    sheet.progress(format!("storing {} requests and records", more.count()));
    ground.stored.put(&more, Part::Served).await;
    ground.caught_up().await;
    instances
}

/// From the start of the program until a watch shows the number of a request that was waiting for it.
async fn cold_start(ground: &Ground, name: &str) -> (Operator, Duration) {
    let batch = Batch { requests: 1, ..Batch::new(name, &ground.namespace, 1) };
    ground.stored.put(&batch, Part::Declared).await;
    ground.stored.put(&batch, Part::Waiting).await;
    ground.caught_up().await;
    let answers = Answers::follow(&ground.cluster, &batch).await;
    let since = Instant::now();
    let operator = ground.spawn();
    answers.until(1, LONG).await;
    (operator, since.elapsed())
}

/// A minute in which nothing happens.
async fn left_alone(ground: &Ground, operator: &Operator, settings: Settings, sheet: &Sheet) {
    let time = Duration::from_secs(settings.of(60) as u64);
    // What was done last is told in events, one after the other.
    let (calls, leases) = (Calls::now(&ground.cluster).await, lease_writes(ground).await);
    let (own, before, since) = (own_calls(operator).await, vitals::cpu(operator.process()), Instant::now());
    tokio::time::sleep(time).await;
    let computed = vitals::cpu(operator.process()).saturating_sub(before);
    let share = computed.as_secs_f64() / since.elapsed().as_secs_f64() * 100.0;
    let own = own_calls(operator).await - own;
    let calls = Calls::now(&ground.cluster).await.since(&calls);
    let leases = lease_writes(ground).await - leases;
    let minutes = time.as_secs_f64() / 60.0;
    sheet.add(Figure::new("left alone: of a core", share, "%").at_most(0.1));
    let writes = calls.writes().count(|_| true);
    sheet.add(Figure::count("left alone: writes but for the lease", number(writes), "").at_most(0.0));
    sheet.add(Figure::new("left alone: writes of the lease a minute", leases / minutes, ""));
    sheet.add(Figure::new("left alone: calls a minute", own / minutes, ""));
    sheet.note(format!("left alone:{calls}"));
}

/// Every call that an operator made, by its own count.
pub async fn own_calls(operator: &Operator) -> f64 {
    let metrics = operator.metrics().await;
    let counts = metrics.lines().filter(|line| line.starts_with("rest_client_requests_total{"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Writes of leases, which [`Calls`] leaves out.
async fn lease_writes(ground: &Ground) -> f64 {
    let metrics = ground.cluster.kubectl(Who::Admin).ok(&["get", "--raw", "/metrics"]).await;
    let metrics = crate::fixture::must("read the API server's metrics", metrics);
    let writes = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{")
            && line.contains(r#"resource="leases""#)
            && ["PUT", "POST", "PATCH", "APPLY"]
                .iter()
                .any(|verb| line.contains(&format!(r#"verb="{verb}""#)))
    });
    writes.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
