//! What got worse since the figures that are kept in the repository. Only ratios and counts are kept: times and rates
//! are the machine's.

use std::collections::BTreeMap;

use crate::fixture::{must, repository};
use crate::report::{Aim, Figure, Kept, Report};

const FILE: &str = "benches/figures.json";
/// By how much of itself a ratio may differ from run to run, on a machine that does other things too.
const RATIO: f64 = 0.2;
/// By how much of itself a count may differ: races cost a write here and there.
const COUNT: f64 = 0.05;

/// Compares a whole run with the kept figures, or keeps it where BENCH_KEEP=1 says so.
pub fn with_kept(report: &Report) {
    let file = repository(FILE);
    if !report.settings().is_whole() {
        println!("not compared with {FILE}: this is not a whole run");
        return;
    }
    let text = std::fs::read_to_string(&file).unwrap_or_else(|_| "{}".to_owned());
    let mut kept: BTreeMap<String, f64> = must("read the kept figures", serde_json::from_str(&text));
    let mut worse = 0;
    for (name, figure) in report.figures() {
        let Some(kind) = figure.kept else { continue };
        if let Some(before) = kept.get(&name).filter(|before| is_worse(figure, kind, **before)) {
            worse += 1;
            println!("WORSE {name}: {:.3}, was {before:.3}", figure.value);
        }
    }
    println!(
        "{worse} figures are worse than in {FILE} (by more than {:.0} % of a ratio, {:.0} % of a count)",
        RATIO * 100.0,
        COUNT * 100.0
    );
    if std::env::var("BENCH_KEEP").is_ok_and(|text| text == "1") {
        let figures = report.figures().filter(|(_, figure)| figure.kept.is_some());
        kept.extend(figures.map(|(name, figure)| (name, (figure.value * 1000.0).round() / 1000.0)));
        let text = must("write figures", serde_json::to_string_pretty(&kept));
        must("keep the figures", std::fs::write(&file, text + "\n"));
        println!("{FILE} is what later runs are compared with");
    }
}

fn is_worse(figure: &Figure, kind: Kept, before: f64) -> bool {
    let may_differ = match kind {
        Kept::Ratio => before.abs() * RATIO,
        Kept::Count => (before.abs() * COUNT).max(0.01),
    };
    match figure.aim {
        Some(Aim::AtLeast(_)) => figure.value < before - may_differ,
        _ => figure.value > before + may_differ,
    }
}
