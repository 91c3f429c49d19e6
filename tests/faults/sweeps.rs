//! The sweeps: every scenario with every fault at every call, or a selection of that. Which it is, the environment
//! says: FAULTS=all plays everything, FAULTS_PLAN one plan alone.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use tokio::sync::OnceCell;

use crate::lab::{Lab, People, lab};
use crate::plan::{At, Fault, Plan};
use crate::rig::{Played, Shared, play_alone};
use crate::scenarios::{ALL, Scenario};
use crate::table::Table;

/// How many tenants one operator serves at a time.
const TENANTS: usize = 12;
/// How many operators that die are at work at a time.
const MORTALS: usize = 4;

/// Which part of all plans is played.
#[derive(Clone, Copy)]
enum Part {
    All,
    /// One in so many, spread over scenarios, calls and faults.
    OneIn(usize),
}

impl Part {
    fn asked_for(usual: usize) -> Self {
        match std::env::var("FAULTS").as_deref() {
            Ok("all") => Self::All,
            Ok(number) => number.parse().map_or(Self::OneIn(usual), Self::OneIn),
            Err(_) => Self::OneIn(usual),
        }
    }

    /// Every scenario, with every fault at each of its moments, or a selection of that.
    fn of(self, counts: &Counts, faults: &[Fault], at: fn(u32) -> At) -> Vec<Plan> {
        let moments = counts.iter().flat_map(|(scenario, count)| (1..=*count).map(move |k| (*scenario, k)));
        let plans =
            moments.flat_map(|(scenario, k)| faults.iter().map(move |f| Plan::one(scenario, at(k), *f)));
        match self {
            Self::All => plans.collect(),
            // A step that has no divisor in common with the number of faults comes by all of them.
            Self::OneIn(nth) => plans
                .step_by((nth.max(1)..=nth + faults.len()).find(|n| coprime(*n, faults.len())).unwrap_or(1))
                .collect(),
        }
    }
}

fn coprime(a: usize, b: usize) -> bool {
    if b == 0 { a == 1 } else { coprime(b, a % b) }
}

/// Scenario to the number of its moments.
type Counts = BTreeMap<&'static str, u32>;

/// How long the scenarios are without a fault.
struct Lengths {
    /// In mutating calls of the operator.
    calls: Counts,
    /// In acts of people.
    acts: Counts,
}

fn is_replay() -> bool {
    Plan::asked_for().is_some()
}

/// Plays every scenario once without a fault, in the whole program.
async fn lengths(lab: &'static Lab, people: &People) -> &'static Lengths {
    static LENGTHS: OnceCell<Lengths> = OnceCell::const_new();
    let measure = async || {
        let shared = Shared::start(lab, people, 1).await;
        let played = stream::iter(ALL).map(|scenario| shared.play(Plan::faultless(scenario.name)));
        let played: Vec<Played> = played.buffer_unordered(TENANTS).collect().await;
        shared.end_quietly().await;
        let mut lengths = Lengths { calls: Counts::new(), acts: Counts::new() };
        for Played { plan, problems, report } in played {
            assert!(problems.is_empty(), "without a fault: {plan}\n{problems:#?}\n{:#?}", report.calls);
            let name = Scenario::named(&plan.scenario).name;
            lengths.calls.insert(name, u32::try_from(report.calls.len()).unwrap_or(u32::MAX));
            lengths.acts.insert(name, report.acts);
        }
        eprintln!("mutating calls without a fault: {:?}", lengths.calls);
        lengths
    };
    LENGTHS.get_or_init(measure).await
}

async fn sweep(shared: &Shared, title: &str, plans: Vec<Plan>) {
    let mut table = Table::default();
    let mut played = stream::iter(plans).map(|plan| shared.play(plan)).buffer_unordered(TENANTS);
    while let Some(played) = played.next().await {
        table.add(&played);
    }
    table.conclude(title);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_refused_late_or_lost_answer_breaks_the_ledger() {
    if is_replay() {
        return;
    }
    let lab = lab().await;
    let _turn = lab.turn().await;
    let people = People::new(lab.cluster).await;
    let plans = Part::asked_for(31).of(&lengths(lab, &people).await.calls, &Fault::of_calls(), At::Call);
    let shared = Shared::start(lab, &people, 1).await;
    sweep(&shared, "calls", plans).await;
    shared.end_quietly().await;
    lab.sound_logs();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_late_lost_or_repeated_event_breaks_the_ledger() {
    if is_replay() {
        return;
    }
    let lab = lab().await;
    let _turn = lab.turn().await;
    let people = People::new(lab.cluster).await;
    let plans = Part::asked_for(61).of(&lengths(lab, &people).await.calls, &Fault::of_watches(), At::Call);
    let shared = Shared::start(lab, &people, 1).await;
    sweep(&shared, "events", plans).await;
    shared.end_quietly().await;
    lab.sound_logs();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_at_a_write_breaks_the_ledger() {
    if is_replay() {
        return;
    }
    let lab = lab().await;
    let _turn = lab.turn().await;
    let people = People::new(lab.cluster).await;
    let plans = Part::asked_for(41).of(&lengths(lab, &people).await.calls, &Fault::of_deaths(), At::Call);
    let mut table = Table::default();
    let mut played = stream::iter(plans).map(|plan| play_alone(lab, &people, plan)).buffer_unordered(MORTALS);
    while let Some(played) = played.next().await {
        table.add(&played);
    }
    table.conclude("deaths");
    lab.sound_logs();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_second_operator_that_lives_in_the_past_breaks_the_ledger() {
    if is_replay() {
        return;
    }
    let lab = lab().await;
    let _turn = lab.turn().await;
    let people = People::new(lab.cluster).await;
    let plans = Part::asked_for(11).of(&lengths(lab, &people).await.acts, &Fault::of_seconds(), At::Act);
    let shared = Shared::start(lab, &people, 2).await;
    sweep(&shared, "two operators", plans).await;
    shared.end_quietly().await;
    lab.sound_logs();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_is_asked_for_is_replayed() {
    let Some(plan) = Plan::asked_for() else { return };
    let lab = lab().await;
    let people = People::new(lab.cluster).await;
    let played = if plan.rules.iter().any(|rule| rule.fault.is_deadly()) {
        play_alone(lab, &people, plan).await
    } else {
        let operators = if plan.rules.iter().any(|rule| matches!(rule.at, At::Act(_))) { 2 } else { 1 };
        let shared = Shared::start(lab, &people, operators).await;
        let played = shared.play(plan).await;
        shared.end_quietly().await;
        played
    };
    eprintln!("its calls:\n    {}", played.report.calls.join("\n    "));
    let mut table = Table::default();
    table.add(&played);
    table.conclude("replay");
    lab.sound_logs();
}
