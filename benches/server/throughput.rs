//! Numbers per second where all requests are stored when the operator starts, against a raw writer that makes the
//! same two writes for each, by turns on one server; and what the operator computes for a number.

use std::time::{Duration, Instant};

use crate::answered::Answers;
use crate::calls::{Call, Calls};
use crate::ground::Ground;
use crate::raw_writer::{RawWriter, writes};
use crate::report::{Figure, Sheet, median, millis, number};
use crate::settings::Settings;
use crate::stored::{Batch, Part};
use crate::vitals;

/// Instances of a leg, with five requests each.
const INSTANCES: usize = 1000;
/// Instances of a leg that finds out how many writes at a time are best.
const TRIAL: usize = 200;
/// How many numbers at a time the raw writer tries to make.
const TRIED: [usize; 4] = [4, 8, 16, 32];
const PAIRS: usize = 5;
/// How long one leg may take.
const LEG: Duration = Duration::from_mins(2);

/// What one leg of the operator came to.
struct Leg {
    rate: f64,
    calls: Calls,
    reads: u64,
    /// Computed per number, until the last one was shown and until all was quiet.
    computed: [f64; 2],
    /// Computed by the API server per number, until the last one was shown.
    server: f64,
    memory: f64,
}

/// What one leg of the raw writer came to.
pub struct RawLeg {
    /// Numbers per second.
    pub rate: f64,
    /// As of an operator's leg.
    server: f64,
}

pub async fn measure(settings: Settings, sheet: Sheet) {
    let ground = Ground::start(settings).await;
    let raw = RawWriter::new(&ground.cluster).await;
    let mut trials = TRIED.map(|at_once| (at_once, 0.0));
    // There and back: the server slows down with what it has seen, and the first would be the best.
    for (round, at) in (0..TRIED.len()).chain((0..TRIED.len()).rev()).enumerate() {
        let (tried, rates) = &mut trials[at];
        let batch = Batch::new(format!("t{round}"), &ground.namespace, settings.of(TRIAL));
        let rate = by_raw_writer(&ground, &raw, &batch, *tried).await.rate;
        sheet.progress(format!("raw writer, {tried} at a time: {rate:.0} numbers per second"));
        *rates += rate;
    }
    let (at_once, _) = trials.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap_or_default();
    sheet.note(format!("the raw writer makes {at_once} numbers at a time, its best"));
    let instances = settings.of(INSTANCES);
    let (mut ratios, mut legs, mut raws) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let leg = by_operator(&ground, &Batch::new(format!("o{pair}"), &ground.namespace, instances)).await;
        let batch = Batch::new(format!("r{pair}"), &ground.namespace, instances);
        let raw_leg = by_raw_writer(&ground, &raw, &batch, at_once).await;
        let (rate, raw_rate) = (leg.rate, raw_leg.rate);
        sheet.progress(format!("operator {rate:.0}, raw writer {raw_rate:.0} numbers per second"));
        ratios.push(rate / raw_rate);
        raws.push(raw_leg);
        legs.push(leg);
    }
    report(&sheet, instances * 5, &legs, &ratios, &raws);
    ground.stop().await;
}

fn report(sheet: &Sheet, numbers: usize, legs: &[Leg], ratios: &[f64], raws: &[RawLeg]) {
    let of_raw = |value: &dyn Fn(&RawLeg) -> f64| median(&raws.iter().map(value).collect::<Vec<_>>());
    let of = |value: &dyn Fn(&Leg) -> f64| median(&legs.iter().map(value).collect::<Vec<_>>());
    let writes = |leg: &Leg| leg.calls.writes().count(|_| true);
    let per_number = |count: u64| number(count) / number(numbers);
    let instances = |call: &Call| call.resource == "instances/status";
    sheet.note(format!(
        "{numbers} requests a leg, {PAIRS} pairs of legs, ratios of each: {}",
        ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ")
    ));
    sheet.add(Figure::ratio("numbers per second, operator / raw writer", median(ratios)).at_least(0.95));
    // The operator also says on each instance what became of its numbers, which the raw writer does not.
    let with_all: Vec<_> = legs
        .iter()
        .zip(raws)
        .map(|(leg, raw)| leg.rate * per_number(writes(leg)) / (raw.rate * 2.0))
        .collect();
    sheet.add(Figure::ratio(
        "writes per second until the last number, operator / raw writer",
        median(&with_all),
    ));
    sheet.add(Figure::new("numbers per second, operator", of(&|leg| leg.rate), "1/s"));
    sheet.add(Figure::new("numbers per second, raw writer", of_raw(&|leg| leg.rate), "1/s"));
    sheet.add(Figure::new("computed per number, all told", of(&|leg| leg.computed[1]), "ms").at_most(0.7));
    sheet.add(Figure::new(
        "computed per number, until the last one is shown",
        of(&|leg| leg.computed[0]),
        "ms",
    ));
    for (who, computed) in [("operator", of(&|leg| leg.server)), ("raw writer", of_raw(&|leg| leg.server))] {
        let name = format!("computed by the API server per number, {who}");
        sheet.add(Figure::new(name, computed, "ms"));
    }
    sheet.add(Figure::count(
        "statuses of instances written per number, until the last one is shown",
        of(&|leg| per_number(leg.calls.writes().count(instances))),
        "",
    ));
    let events = |call: &Call| call.resource == "events";
    let events = of(&|leg| per_number(leg.calls.count(events)));
    sheet.add(Figure::new("events per number, until the last one is shown", events, ""));
    // The path of a number has none. The audit asks where it saw a status before its record.
    let reads = of(&|leg| per_number(leg.reads));
    sheet.add(Figure::count("objects read per number, all told", reads, "").at_most(0.01));
    sheet.add(Figure::new("memory afterwards", of(&|leg| leg.memory), "MiB"));
}

/// The rate at which the operator serves a batch that is stored when it starts.
async fn by_operator(ground: &Ground, batch: &Batch) -> Leg {
    ground.stored.put(batch, Part::Declared).await;
    ground.stored.put(batch, Part::Waiting).await;
    ground.caught_up().await;
    let before = Calls::now(&ground.cluster).await;
    let answers = Answers::follow(&ground.cluster, batch).await;
    let (since, served) = (Instant::now(), ground.server_cpu());
    let operator = ground.spawn();
    answers.until(batch.count(), LEG).await;
    let served = ground.server_cpu().saturating_sub(served);
    let early = vitals::cpu(operator.process());
    let calls = Calls::now(&ground.cluster).await.since(&before);
    let reads = calls.reads(since.elapsed());
    ground.quiet().await;
    let late = vitals::cpu(operator.process());
    let memory = vitals::memory(operator.process());
    operator.finish().await;
    ground.stored.remove(batch).await;
    let per_number = |time| millis(time) / number(batch.count());
    let computed = [early, late].map(per_number);
    Leg { rate: answers.rate(), calls, reads, computed, server: per_number(served), memory }
}

/// The rate at which an operator that is at work issues the numbers of a batch.
pub async fn issue(ground: &Ground, batch: &Batch) -> f64 {
    ground.stored.put(batch, Part::Declared).await;
    ground.quiet().await;
    let answers = Answers::follow(&ground.cluster, batch).await;
    ground.stored.put(batch, Part::Waiting).await;
    answers.until(batch.count(), LEG).await;
    ground.quiet().await;
    answers.rate()
}

/// The raw writer serves a batch.
pub async fn by_raw_writer(ground: &Ground, raw: &RawWriter, batch: &Batch, at_once: usize) -> RawLeg {
    ground.stored.put(batch, Part::Declared).await;
    let revisions = ground.stored.put(batch, Part::Waiting).await;
    let waiting = ground.stored.waiting(batch, &revisions);
    let calls = waiting.iter().map(|waiting| writes(&batch.namespace, waiting)).collect();
    ground.caught_up().await;
    let answers = Answers::follow(&ground.cluster, batch).await;
    let before = ground.server_cpu();
    raw.write(calls, at_once).await;
    answers.until(batch.count(), LEG).await;
    let server = millis(ground.server_cpu().saturating_sub(before)) / number(batch.count());
    ground.stored.remove(batch).await;
    RawLeg { rate: answers.rate(), server }
}
