//! Every interleaving of a small world, breadth first, so that what breaks is shown on the shortest way to it.
//!
//! An operator is what it has seen: of each kind the list at some earlier time, and the records that it learned.
//! A write is one step on the live store, decided from what was seen; whether its answer arrives is a choice.
//! That covers crashes, other replicas and answers that get lost. From every store that is reached one operator
//! runs undisturbed to its end, and everybody must know where they stand.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
};

use icp_filing_operator::{
    api::{Filing, FilingStatus, Review, ServiceNumber, ServiceNumberRequest},
    rules::{
        kind::Ours,
        life::Change,
        world::{ObjectKey, Observation, Seen, Work, World},
    },
};
use kube::{Resource, ResourceExt};

use super::{
    digest::{digest, live_digest},
    network::carry_out,
    operator::{Answer, Call, Operator, look},
    oracle,
    policies::Who,
    small::{self, Budget, Small, number_of},
    store::{Store, kept, listed},
};

/// A list of one kind at some time.
type Shown<K> = Arc<BTreeMap<ObjectKey, Arc<K>>>;

/// What an operator has seen.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub requests: Shown<ServiceNumberRequest>,
    pub filings: Shown<Filing>,
    pub records: Shown<ServiceNumber>,
    pub learned: BTreeMap<String, Arc<ServiceNumber>>,
}

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct State {
    pub store: Store,
    pub views: Vec<View>,
    pub budget: Budget,
    /// A review that was decided on and is not written yet.
    pub late: Option<(ObjectKey, Review)>,
}

/// How a state was reached first.
struct Came {
    from: usize,
    /// How many steps it took.
    depth: usize,
    label: String,
}

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    pub states: usize,
    /// The most steps that a state is away from the first one.
    pub depth: usize,
    pub complete: bool,
    pub broken: Option<String>,
}

/// Searches a small world, through at most `limit` states.
pub fn search(small: &Small, limit: usize) -> Found {
    let first = State {
        store: small.store.clone(),
        views: vec![View::default(); small.operators],
        budget: small.budget.clone(),
        late: None,
    };
    let mut came: Vec<Came> = vec![Came { from: 0, depth: 0, label: "it begins".to_owned() }];
    let mut seen = HashSet::from([digest(&first)]);
    let mut settled = HashSet::new();
    let mut open = VecDeque::from([(0, first)]);
    while let Some((at, state)) = open.pop_front() {
        for (label, mut next) in successors(small, &state) {
            next.store.forget_logs();
            if !seen.insert(digest(&next)) {
                continue;
            }
            let depth = came[at].depth + 1;
            came.push(Came { from: at, depth, label });
            let broken = next.store.violation.clone().map_or_else(
                || if settled.insert(live_digest(&next.store)) { settle(&next.store) } else { Ok(()) },
                Err,
            );
            if let Err(broken) = broken {
                let trace = trace(&came, came.len() - 1);
                let broken = Some(format!("{broken}\n{trace}"));
                return Found { states: seen.len(), depth, complete: false, broken };
            }
            if came.len() >= limit {
                return Found { states: seen.len(), depth, complete: false, broken: None };
            }
            open.push_back((came.len() - 1, next));
        }
    }
    let depth = came.last().map_or(0, |last| last.depth);
    Found { states: seen.len(), depth, complete: true, broken: None }
}

fn trace(came: &[Came], mut at: usize) -> String {
    let mut steps = Vec::new();
    while at != 0 {
        steps.push(came[at].label.clone());
        at = came[at].from;
    }
    steps.reverse();
    steps.join("\n")
}

fn successors(small: &Small, state: &State) -> Vec<(String, State)> {
    let mut next = Vec::new();
    for at in 0..state.views.len() {
        observations(state, at, &mut next);
        let world = world(state, at);
        for work in world.everything() {
            if !matches!(work, Work::Instance(_))
                && let Some(call) = look(&world, &work, state.store.now).0
                && matters(&call)
            {
                act(state, at, &work, &call, &mut next);
            }
        }
    }
    people(small, state, &mut next);
    next
}

/// Whether anybody decides differently after a call. Of all statuses, only the record and the submission in that of
/// a filing are ever read: by whoever reviews it. The rest is written and judged at the end of each way.
fn matters(call: &Call) -> bool {
    let read = |s: &FilingStatus| (s.record_name.clone(), s.submitted_time.clone());
    match call {
        Call::SayOfFiling(observed, wanted) => observed.status.as_ref().map(read) != Some(read(wanted)),
        Call::SayOfRequest(..) | Call::SayOfInstance(..) => false,
        Call::Create(_) | Call::Change(..) | Call::GetRecord(_) | Call::GetFiling(..) => true,
    }
}

fn world(state: &State, at: usize) -> World {
    fn all<K: Ours + Clone>(of: &BTreeMap<ObjectKey, Arc<K>>) -> Seen<K> {
        listed(of.values())
    }
    let (store, view) = (&state.store, &state.views[at]);
    let mut world = World::default();
    for observation in [
        Observation::Class(all(&store.classes.live)),
        Observation::Instance(all(&store.instances.live)),
        Observation::Request(all(&view.requests)),
        Observation::Filing(all(&view.filings)),
        Observation::Record(all(&view.records)),
    ] {
        world.observe(observation).expect("a first list");
    }
    for record in view.learned.values() {
        world.ledger.learn(kept(&**record));
    }
    world
}

fn same<K: Resource>(a: &BTreeMap<ObjectKey, Arc<K>>, b: &BTreeMap<ObjectKey, Arc<K>>) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && Arc::ptr_eq(a.1, b.1))
}

fn observations(state: &State, at: usize, next: &mut Vec<(String, State)>) {
    let (store, view) = (&state.store, &state.views[at]);
    let mut put = |what: &str, change: &dyn Fn(&mut View)| {
        let mut state = state.clone();
        change(&mut state.views[at]);
        next.push((format!("op{at} sees the {what}"), state));
    };
    if !same(&view.requests, &store.requests.live) {
        put("requests", &|v| v.requests = Arc::new(store.requests.live.clone()));
    }
    if !same(&view.filings, &store.filings.live) {
        put("filings", &|v| v.filings = Arc::new(store.filings.live.clone()));
    }
    if !same(&view.records, &store.records.live) {
        put("records", &|v| {
            v.records = Arc::new(store.records.live.clone());
            v.learned.retain(|name, _| !v.records.contains_key(&ObjectKey::new("", name)));
        });
    }
}

/// A call is carried out; its answer arrives or not.
fn act(state: &State, at: usize, work: &Work, call: &Call, next: &mut Vec<(String, State)>) {
    let mut done = state.clone();
    let call = match call {
        Call::GetFiling(record, key) => {
            let bound = record.spec.filing.as_ref().expect("a suspect is bound");
            if state.store.filings.live.get(key).and_then(|f| f.uid()).as_ref() == Some(&bound.uid) {
                return;
            }
            &Call::Change(record.clone(), Change::GiveBack)
        }
        call => call,
    };
    let answer = carry_out(&mut done.store, number_of, call);
    let (what, learn) = match (call, answer) {
        (Call::Create(order), Answer::Record(created)) => {
            (format!("creates {}", order.record_name()), created)
        }
        (Call::Create(order), Answer::AlreadyExists) => {
            let live = state.store.records.live.get(&ObjectKey::new("", order.record_name()));
            (format!("finds {} taken", order.record_name()), live.cloned())
        }
        (Call::Change(record, change), Answer::Record(_)) => {
            (format!("{change:?} on {}", record.name()), None)
        }
        (Call::Create(_) | Call::Change(..), Answer::Invalid(message)) => {
            done.store.violate(format!("the API server refused a write to the ledger: {message}"));
            ("is refused".to_owned(), None)
        }
        (_, Answer::Conflict | Answer::NotFound | Answer::Invalid(_) | Answer::Forbidden(_)) => return,
        _ => ("writes the status".to_owned(), None),
    };
    let label = format!("op{at} on {work:?}: {what}");
    if let Some(record) = learn {
        let mut learned = done.clone();
        learned.views[at].learned.insert(record.name_any(), record);
        next.push((format!("{label} and hears of it"), learned));
    }
    next.push((label, done));
}

fn people(small: &Small, state: &State, next: &mut Vec<(String, State)>) {
    let mut put = |label: String, change: &dyn Fn(&mut State)| {
        let mut state = state.clone();
        change(&mut state);
        next.push((label, state));
    };
    let budget = &state.budget;
    for key in small::names(&state.store) {
        let filing = state.store.filings.live.get(&key);
        match filing {
            None if budget.create > 0 => {
                for manifest in &small.manifests {
                    put(format!("{key} is applied as {manifest:?}"), &|s| {
                        s.budget.create -= 1;
                        small::filing(&mut s.store, &key.name, manifest, small.held);
                    });
                }
            }
            None => {}
            Some(filing) => {
                if small::is_held(filing) {
                    put(format!("the finalizer of {key} goes"), &|s| {
                        _ = s
                            .store
                            .by(Who::Applicant)
                            .patch::<Filing>(&key, None, |f| f.metadata.finalizers = None);
                    });
                } else if budget.delete > 0 {
                    put(format!("{key} is deleted"), &|s| {
                        s.budget.delete -= 1;
                        _ = s.store.by(Who::Applicant).delete::<Filing>(&key);
                    });
                }
                if budget.submit > 0 && !filing.spec.submit {
                    put(format!("{key} is to be submitted"), &|s| {
                        s.budget.submit -= 1;
                        _ = s.store.by(Who::Applicant).patch::<Filing>(&key, None, |f| f.spec.submit = true);
                    });
                }
                if let (true, None, Some(review)) = (budget.review > 0, &state.late, small::approval(filing))
                {
                    put(format!("the registrar approves of {key}"), &|s| {
                        s.budget.review -= 1;
                        s.late = Some((key.clone(), review.clone()));
                    });
                }
                if budget.wipe > 0 {
                    put(format!("the status of {key} is wiped"), &|s| {
                        s.budget.wipe -= 1;
                        _ = s.store.by(Who::Admin).patch_status::<Filing>(&key, None, |f| f.status = None);
                    });
                }
            }
        }
    }
    if let Some((key, review)) = &state.late {
        put(format!("the registrar's word on {key} is written"), &|s| {
            s.late = None;
            _ = s.store.by(Who::Registrar).patch_status::<Filing>(key, None, |f| {
                f.status.get_or_insert_default().review = Some(review.clone());
            });
        });
    }
    if budget.request > 0 {
        for instance in ["i-1", "i-2"] {
            put(format!("request r0 is re-created on {instance}"), &|s| {
                s.budget.request -= 1;
                _ = s.store.by(Who::Applicant).delete::<ServiceNumberRequest>(&ObjectKey::new("a", "r0"));
                small::request(&mut s.store, "a", "r0", instance, None);
            });
        }
    }
    // As often as they like: to count crashes would tell states apart that are the same.
    if budget.crashes {
        for at in 0..state.views.len() {
            put(format!("op{at} forgets what it learned"), &|s| s.views[at].learned.clear());
        }
    }
}

/// One operator runs alone from here.
fn settle(store: &Store) -> Result<(), String> {
    let mut store = store.clone();
    store.relog();
    let mut operator = Operator::default();
    operator.restart(&store, 0, |_, length| length);
    for _ in 0..500 {
        for kind in 0..super::operator::KINDS {
            while operator.behind(&store, kind) > 0 {
                operator.observe(&store, kind);
            }
        }
        let Some(work) = operator.queue.first().cloned() else {
            return store.violation.clone().map_or_else(|| oracle::settled(&store), Err);
        };
        let mut call = operator.begin(&store, &work);
        while let Some(asked) = call {
            let answer = carry_out(&mut store, number_of, &asked);
            call = operator.answered(&store, &work, asked, answer)?;
        }
    }
    Err("it never comes to rest".to_owned())
}
