//! The sweeps: every scenario with every fault at every moment, or a selection of that. Which it is, the environment
//! says: FAULTS=all plays everything, FAULTS_ONLY one sweep by its name, FAULTS_PLAN one plan alone.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::campaign::Campaign;
use crate::plan::{At, Election, Fault, Kind, Like, Lost, Millis, Plan, Rule, Verb};
use crate::scenarios::{ALL, Scenario};

/// The environment variable that asks for all plans, or for one in so many.
const PART: &str = "FAULTS";
/// The environment variable that asks for one sweep.
const ONLY: &str = "FAULTS_ONLY";

/// How long a view stays in the past.
const PAST: Millis = Millis(700);

/// How long a scenario is without a fault.
#[derive(Clone, Debug, Default)]
struct Length {
    /// The operator's mutating calls; whether each creates a record.
    calls: Vec<bool>,
    /// How often it reads an object.
    reads: u32,
    /// How often people act.
    acts: u32,
    /// The kinds that it has objects of. What happens to the others makes no difference to it.
    kinds: Vec<Kind>,
}

impl Length {
    fn calls(&self) -> impl Iterator<Item = u32> + use<> {
        1..=u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }
}

/// Some plans that have a name together.
struct Sweep {
    name: &'static str,
    /// One in so many is played by `make test`, or none at all.
    usual: Option<usize>,
    plans: fn(&str, &Length) -> Vec<Plan>,
}

const SWEEPS: &[Sweep] = &[
    Sweep { name: "calls", usual: Some(61), plans: calls },
    Sweep { name: "reads", usual: Some(7), plans: reads },
    Sweep { name: "events", usual: Some(151), plans: events },
    Sweep { name: "two", usual: Some(29), plans: two },
    Sweep { name: "three", usual: Some(37), plans: three },
    Sweep { name: "deaths", usual: Some(97), plans: deaths },
    Sweep { name: "lists", usual: Some(41), plans: lists },
    Sweep { name: "frozen", usual: Some(97), plans: frozen },
    Sweep { name: "stops", usual: Some(53), plans: stops },
    Sweep { name: "leaders", usual: Some(53), plans: leaders },
    Sweep { name: "elected", usual: None, plans: elected },
];

/// Every fault of a list at every mutating call.
fn at_calls(scenario: &str, length: &Length, faults: &[Fault]) -> Vec<Plan> {
    let at = |k| move |fault: &Fault| Plan::new(scenario, [Rule::new(At::Call(k), *fault)]);
    length.calls().flat_map(|k| faults.iter().map(at(k))).collect()
}

/// Two faults, one after the other.
fn twice(scenario: &str, length: &Length, faults: [Fault; 2]) -> Vec<Plan> {
    let [first, second] = faults;
    let rules = |k| [Rule::new(At::Call(k), first), Rule::new(At::Call(k + 1), second)];
    length.calls().map(|k| Plan::new(scenario, rules(k))).collect()
}

/// What can go wrong with calls while the operator lives.
fn calls(scenario: &str, length: &Length) -> Vec<Plan> {
    let refused = [429, 500, 503, 403, 422, 409].map(Fault::Refuse);
    let lost =
        [Lost::Status(500), Lost::Status(503), Lost::Status(504), Lost::Reset, Lost::Hang].map(Fault::Lose);
    let slow = [Fault::Delay(Millis(300)), Fault::Overtake(3)];
    let mut plans = at_calls(scenario, length, &[&refused[..], &lost, &slow].concat());
    plans.extend(twice(scenario, length, [Fault::Lose(Lost::Status(504)), Fault::Refuse(503)]));
    // A third party is faster for as long as a scenario takes without it, and longer.
    plans.push(Plan::new(scenario, [Rule::new(At::Call(1), Fault::Overtake(20))]));
    // The read that is to say what became of a create fails too.
    let read = At::Like(Like { verb: Some(Verb::Get), kind: Some(Kind::Record), ..Like::default() }, 1);
    for (k, _) in length.calls().zip(&length.calls).filter(|(_, creates)| **creates) {
        let lost = Rule::new(At::Call(k), Fault::Lose(Lost::Reset));
        plans.push(Plan::new(scenario, [lost, Rule::new(read.clone(), Fault::Refuse(500))]));
    }
    plans
}

/// What can go wrong with reads of one object: of a filing that may be gone, of a name that is taken.
fn reads(scenario: &str, length: &Length) -> Vec<Plan> {
    let faults = [
        Fault::Refuse(429),
        Fault::Refuse(500),
        Fault::Refuse(403),
        Fault::Lose(Lost::Status(503)),
        Fault::Lose(Lost::Reset),
        Fault::Lose(Lost::Hang),
        Fault::Delay(Millis(300)),
    ];
    let read = Like { verb: Some(Verb::Get), ..Like::default() };
    let at = |n| At::Like(read.clone(), n);
    let plan = |n, fault| Plan::new(scenario, [Rule::new(at(n), fault)]);
    (1..=length.reads).flat_map(|n| faults.map(|fault| plan(n, fault))).collect()
}

/// What can go wrong with what the operator sees, from one call on.
fn events(scenario: &str, length: &Length) -> Vec<Plan> {
    let of = |&kind: &Kind| {
        [
            Fault::Freeze(kind, Some(PAST)),
            Fault::Supersede(kind, PAST),
            Fault::Reorder(kind),
            Fault::Gone(kind),
            Fault::Cut(kind),
            Fault::Repeat(kind),
        ]
    };
    at_calls(scenario, length, &length.kinds.iter().map(of).collect::<Vec<_>>().concat())
}

/// A kind that is frozen, lists of it too, from one call on.
fn frozen(scenario: &str, length: &Length) -> Vec<Plan> {
    let faults: Vec<_> = length.kinds.iter().map(|kind| Fault::FreezeLists(*kind, PAST)).collect();
    at_calls(scenario, length, &faults)
}

/// What can go wrong with lists and with the beginning of watches.
fn lists(scenario: &str, _: &Length) -> Vec<Plan> {
    let faults = [
        (Verb::List, Fault::Refuse(500)),
        (Verb::List, Fault::Refuse(403)),
        (Verb::List, Fault::Lose(Lost::Hang)),
        (Verb::Watch, Fault::Refuse(500)),
        (Verb::Watch, Fault::Refuse(410)),
    ];
    let plan = |kind, (verb, fault)| {
        let like = Like { verb: Some(verb), kind: Some(kind), ..Like::default() };
        Plan::new(scenario, [Rule::new(At::Like(like, 1), fault)])
    };
    Kind::ALL.into_iter().flat_map(|kind| faults.map(|fault| plan(kind, fault))).collect()
}

/// The ways to die at a call.
fn deaths(scenario: &str, length: &Length) -> Vec<Plan> {
    let faults = [Fault::KillAnswered, Fault::KillUnanswered, Fault::Terminate];
    let past: Vec<_> = length.kinds.iter().copied().map(Fault::KillIntoPast).collect();
    let mut plans = at_calls(scenario, length, &[&faults[..], &past].concat());
    plans.extend(twice(scenario, length, [Fault::KillUnanswered; 2]));
    plans
}

/// A second operator that lives in the past from one act of a user on.
fn two(scenario: &str, length: &Length) -> Vec<Plan> {
    let plan =
        |n, kind| Plan::new(scenario, [Rule::new(At::Act(n), Fault::Freeze(kind, None))]).with_operators(2);
    (1..=length.acts).flat_map(|n| length.kinds.iter().map(move |kind| plan(n, *kind))).collect()
}

/// A second and a third operator that live in pasts of their own.
fn three(scenario: &str, length: &Length) -> Vec<Plan> {
    let rule = |n, operator, kind| Rule {
        at: At::Act(n),
        operator: Some(operator),
        fault: Fault::Freeze(kind, None),
    };
    let pairs = Kind::ALL.map(|kind| (kind, Kind::ALL.into_iter().find(|other| other.after(kind) == 2)));
    let plan = |n, (one, other): (Kind, Option<Kind>)| {
        let rules: Vec<_> =
            [Some(rule(n, 2, one)), other.map(|other| rule(n, 3, other))].into_iter().flatten().collect();
        Plan::new(scenario, rules).with_operators(3)
    };
    (1..=length.acts).flat_map(|n| pairs.map(|pair| plan(n, pair))).collect()
}

/// An operator that is stopped with a write in flight while one other, or two that disagree, do everything.
fn stops(scenario: &str, length: &Length) -> Vec<Plan> {
    let mut plans = Vec::new();
    for k in length.calls() {
        for fault in [Fault::StopBefore, Fault::StopAfter] {
            plans.push(Plan::new(scenario, [Rule::new(At::Call(k), fault)]).with_operators(2));
        }
        let frozen = Rule::new(At::Act(1), Fault::Freeze(Kind::Record, None));
        plans
            .push(Plan::new(scenario, [Rule::new(At::Call(k), Fault::StopBefore), frozen]).with_operators(3));
    }
    plans
}

/// Two operators that both think that they lead: one lives in the past, or is stopped with a write in flight.
fn leaders(scenario: &str, length: &Length) -> Vec<Plan> {
    let frozen =
        Kind::ALL.map(|kind| Plan::new(scenario, [Rule::new(At::Act(1), Fault::Freeze(kind, None))]));
    let stopped = at_calls(scenario, length, &[Fault::StopBefore, Fault::StopAfter]);
    let plans = frozen.into_iter().chain(stopped);
    plans.map(|plan| plan.with_operators(2).with_election(Election::AllLead)).collect()
}

/// The one that leads is stopped with a write in flight, for longer than its lease lasts.
fn elected(scenario: &str, length: &Length) -> Vec<Plan> {
    let plans = at_calls(scenario, length, &[Fault::StopBefore, Fault::StopAfter]);
    plans.into_iter().map(|plan| plan.with_operators(2).with_election(Election::On)).collect()
}

/// Which part of the plans of a sweep is played.
#[derive(Clone, Copy)]
enum Part {
    All,
    /// One in so many, spread over scenarios, moments and faults.
    OneIn(usize),
    Nothing,
}

impl Part {
    fn asked_for(usual: Option<usize>) -> Self {
        match std::env::var(PART).as_deref() {
            Ok("all") => Self::All,
            Ok(number) => Self::OneIn(crate::fixture::must(PART, number.parse())),
            Err(_) => usual.map_or(Self::Nothing, Self::OneIn),
        }
    }

    fn of(self, plans: Vec<Plan>) -> Vec<Plan> {
        match self {
            Self::All => plans,
            Self::Nothing => Vec::new(),
            // The usual steps are primes, which come by all faults of lists of any length.
            Self::OneIn(nth) => plans.into_iter().step_by(nth.max(1)).collect(),
        }
    }
}

/// Plays every scenario without a fault, and says how long each is.
async fn lengths(campaign: &mut Campaign) -> BTreeMap<&'static str, Length> {
    let plans = ALL.iter().map(|scenario| Plan::new(scenario.name, [])).collect();
    let mut lengths = BTreeMap::new();
    for played in campaign.play("without a fault", plans).await {
        assert!(played.problems.is_empty(), "without a fault: {}\n{:#?}", played.plan, played.problems);
        let calls = played.report.calls.iter().map(|call| call.contains("Create servicenumbers")).collect();
        let kinds = played.kinds.clone();
        let length = Length { calls, reads: played.report.reads, acts: played.report.acts, kinds };
        lengths.insert(Scenario::named(&played.plan.scenario).name, length);
    }
    lengths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_breaks_the_ledger() {
    let since = Instant::now();
    let mut campaign = Campaign::default();
    if let Some(plan) = Plan::asked_for() {
        for played in campaign.play("replay", vec![plan]).await {
            eprintln!("its calls:\n    {}", played.report.calls.join("\n    "));
        }
    } else {
        let lengths = lengths(&mut campaign).await;
        let only = std::env::var(ONLY).unwrap_or_default();
        for sweep in SWEEPS.iter().filter(|sweep| only.is_empty() || only == sweep.name) {
            let plans =
                lengths.iter().flat_map(|(scenario, length)| (sweep.plans)(scenario, length)).collect();
            let plans = Part::asked_for(sweep.usual).of(plans);
            if !plans.is_empty() {
                campaign.play(sweep.name, plans).await;
            }
        }
    }
    let table = campaign.end().await;
    eprintln!("everything, in {} s:\n{table}", since.elapsed().as_secs());
    assert_eq!(table.wrong(), 0, "see above for what went wrong");
}

#[test]
fn a_plan_is_read_as_it_was_printed() {
    let length = Length { calls: vec![true, false], reads: 1, acts: 1, kinds: Kind::ALL.to_vec() };
    for plan in SWEEPS.iter().flat_map(|sweep| (sweep.plans)("issue", &length)) {
        let printed = plan.to_string();
        assert_eq!(serde_json::from_str::<Plan>(&printed).ok(), Some(plan), "{printed}");
    }
}
