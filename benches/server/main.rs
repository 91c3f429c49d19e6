//! What the shipped program takes: how fast it issues, how many calls, how much memory, on a control plane of its own
//! with etcd and the API server on the same machine. Only ratios within one run and counts mean anything elsewhere.
//! BENCH=name runs one measure, BENCH_PERCENT=10 a tenth of everything for a quick look. No expectation is a failure.

#[path = "../../tests/operator/apparatus.rs"]
mod apparatus;
#[path = "../../tests/operator/costs/bars.rs"]
mod bars;
#[path = "../../tests/operator/costs/paths.rs"]
mod paths;
#[path = "../../tests/operator/staging.rs"]
mod staging;

mod answered;
mod compare;
mod ground;
mod raw_writer;
mod report;
mod settings;
mod stored;
mod vitals;

mod arrivals;
mod contention;
mod costs;
mod fairness;
mod growth;
mod large_quota;
mod large_store;
mod latency;
mod recovery;
mod size;
mod throughput;

use apparatus::{fixture, history, objects, operator_process, oracle, wire};
use staging::{calls, load, scene, stage};

use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use report::{Report, Sheet};
use settings::Settings;

/// A measure: writes its figures on a sheet.
type Measure = fn(Settings, Sheet) -> Pin<Box<dyn Future<Output = ()>>>;

/// Every measure by its name, with how long it may take.
const MEASURES: &[(&str, u64, Measure)] = &[
    ("throughput", 900, |settings, sheet| Box::pin(throughput::measure(settings, sheet))),
    ("costs", 180, |settings, sheet| Box::pin(costs::measure(settings, sheet))),
    ("latency", 420, |settings, sheet| Box::pin(latency::measure(settings, sheet))),
    ("contention", 60, |settings, sheet| Box::pin(contention::measure(settings, sheet))),
    ("large-quota", 120, |settings, sheet| Box::pin(large_quota::measure(settings, sheet))),
    ("large-store", 960, |settings, sheet| Box::pin(large_store::measure(settings, sheet))),
    ("recovery", 120, |settings, sheet| Box::pin(recovery::measure(settings, sheet))),
    ("fairness", 120, |settings, sheet| Box::pin(fairness::measure(settings, sheet))),
    ("size", 10, |settings, sheet| Box::pin(size::measure(settings, sheet))),
];

fn main() -> ExitCode {
    let settings = Settings::from_environment();
    let only = settings::only();
    let names: Vec<_> = MEASURES.iter().map(|(name, ..)| *name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        eprintln!("error: there is no measure {unknown}; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    let report = run(settings, &only);
    report.print();
    let failed = report.failed();
    compare::with_kept(&report);
    fixture::must("write the report", report.write());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn run(settings: Settings, only: &[String]) -> Report {
    let mut report = Report::new(settings);
    let chosen: Vec<_> =
        MEASURES.iter().filter(|(name, ..)| only.is_empty() || only.iter().any(|o| o == name)).collect();
    for (at, (name, seconds, measure)) in chosen.iter().enumerate() {
        let deadline = Duration::from_secs(*seconds) * settings.patience;
        eprintln!("[{}/{}] {name}, in at most {} s", at + 1, chosen.len(), deadline.as_secs());
        let (sheet, since) = (Sheet::default(), Instant::now());
        let (measure, own) = (*measure, sheet.clone());
        // A thread of its own: what panics there is reported, and the next measure goes on.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            let runtime = fixture::must("start threads", runtime);
            let in_time =
                runtime.block_on(async { tokio::time::timeout(deadline, measure(settings, own)).await });
            runtime.shutdown_background();
            in_time.is_ok()
        });
        let failure = match thread.join() {
            Ok(true) => None,
            Ok(false) => Some(format!("it was not done after {} s", deadline.as_secs())),
            // What it panicked with is on stderr already.
            Err(_) => Some("it failed; the reason is above".to_owned()),
        };
        report.add(name, &sheet, since.elapsed(), failure);
    }
    report
}
