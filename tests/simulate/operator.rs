//! An operator as the controllers build it around the shipped rules: a world fed by lagging watches, a queue of
//! work, one call at a time for each piece of work. Nothing is decided here that `src/rules` decides.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use icp_filing_operator::{
    api::{
        Filing, FilingStatus, Instance, InstanceStatus, ServiceNumber, ServiceNumberRequest,
        ServiceNumberRequestStatus,
    },
    rules::{
        filing, instance,
        issue::Order,
        kept::Kept,
        ledger::WentBack,
        life::Change,
        release, request,
        world::{ObjectKey, Observation, Work, World},
    },
};
use k8s_openapi::jiff::{Timestamp, ToSpan};

use super::store::{Store, kept, listed};

/// How many kinds are watched, each with a cursor of its own into its log.
pub const KINDS: usize = 5;

/// One request to the API server.
#[derive(Clone, Debug)]
pub enum Call {
    Create(Box<Order>),
    GetRecord(String),
    GetFiling(Arc<Kept<ServiceNumber>>, ObjectKey),
    Change(Arc<Kept<ServiceNumber>>, Change),
    SayOfRequest(Arc<Kept<ServiceNumberRequest>>, Box<ServiceNumberRequestStatus>),
    SayOfFiling(Arc<Kept<Filing>>, Box<FilingStatus>),
    SayOfInstance(Arc<Kept<Instance>>, Box<InstanceStatus>),
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Answer {
    Record(Option<Arc<ServiceNumber>>),
    Uid(Option<String>),
    Request(Arc<ServiceNumberRequest>),
    Filing(Arc<Filing>),
    Instance(Arc<Instance>),
    AlreadyExists,
    Conflict,
    NotFound,
    Invalid(String),
    /// A policy denies it to the operator.
    Forbidden(String),
    /// Nothing came back: it was done, or not, or will be.
    Unknown,
}

/// What a process knows and forgets when it dies.
#[derive(Debug, Default)]
pub struct Operator {
    pub world: World,
    pub cursors: [usize; KINDS],
    pub queue: BTreeSet<Work>,
    pub busy: BTreeSet<Work>,
    /// Work that failed and is tried again after a pause.
    pub failed: BTreeSet<Work>,
    pub wakes: BTreeMap<Work, Timestamp>,
    /// How far its clock is off, in seconds.
    pub skew: i64,
}

/// How the events of one kind are taken from the store.
macro_rules! each_kind {
    ($kind:expr, $store:expr, |$table:ident, $wrap:ident| $body:expr) => {
        match $kind {
            0 => {
                let ($table, $wrap) = (&$store.classes, Observation::Class);
                $body
            }
            1 => {
                let ($table, $wrap) = (&$store.instances, Observation::Instance);
                $body
            }
            2 => {
                let ($table, $wrap) = (&$store.requests, Observation::Request);
                $body
            }
            3 => {
                let ($table, $wrap) = (&$store.filings, Observation::Filing);
                $body
            }
            _ => {
                let ($table, $wrap) = (&$store.records, Observation::Record);
                $body
            }
        }
    };
}

impl Operator {
    /// A new process of the same replica. Its first lists are `stale(kind, length of the log)` events long.
    pub fn restart(&mut self, store: &Store, skew: i64, mut stale: impl FnMut(usize, usize) -> usize) {
        *self = Self { skew, ..Self::default() };
        for kind in 0..KINDS {
            let length = Self::length(store, kind);
            let at = stale(kind, length);
            self.relist(store, kind, at).expect("a first list shows nothing that was seen before");
        }
    }

    pub fn now(&self, store: &Store) -> Timestamp {
        store.now.checked_add(self.skew.seconds()).expect("within the calendar")
    }

    fn length(store: &Store, kind: usize) -> usize {
        each_kind!(kind, store, |table, _wrap| table.log.len())
    }

    /// How many events of a kind it has not seen.
    pub fn behind(&self, store: &Store, kind: usize) -> usize {
        Self::length(store, kind) - self.cursors[kind]
    }

    /// The next event of one kind.
    pub fn observe(&mut self, store: &Store, kind: usize) {
        let at = self.cursors[kind];
        let observation =
            each_kind!(kind, store, |table, wrap| table.log.get(at).map(|event| wrap(event.seen())));
        if let Some(observation) = observation {
            self.cursors[kind] += 1;
            let work = self.world.observe(observation).expect("a watch does not go back");
            self.queue.extend(work);
        }
    }

    /// A list of one kind as it stood after `at` events, and the watch from there.
    pub fn relist(&mut self, store: &Store, kind: usize, at: usize) -> Result<(), WentBack> {
        let observation = each_kind!(kind, store, |table, wrap| wrap(listed(&table.list_at(at))));
        self.cursors[kind] = at;
        let work = self.world.observe(observation)?;
        self.queue.extend(work);
        Ok(())
    }

    /// Puts into the queue what its clock says is due.
    pub fn tick(&mut self, store: &Store) {
        let now = self.now(store);
        let due: Vec<_> = self.wakes.iter().filter(|(_, at)| **at <= now).map(|(w, _)| w.clone()).collect();
        for work in due {
            self.wakes.remove(&work);
            self.queue.insert(work);
        }
    }

    /// Looks at a piece of work from the queue and says what to ask of the API server.
    pub fn begin(&mut self, store: &Store, work: &Work) -> Option<Call> {
        self.queue.remove(work);
        self.busy.insert(work.clone());
        let call = self.look(store, work);
        if call.is_none() {
            self.busy.remove(work);
        }
        call
    }

    fn look(&mut self, store: &Store, work: &Work) -> Option<Call> {
        self.wakes.remove(work);
        let (call, wake) = look(&self.world, work, self.now(store));
        if let Some(at) = wake {
            self.wakes.insert(work.clone(), at);
        }
        call
    }

    /// Takes an answer and says what to ask next. `Err` when the API server refused what it never should.
    pub fn answered(
        &mut self,
        store: &Store,
        work: &Work,
        call: Call,
        answer: Answer,
    ) -> Result<Option<Call>, String> {
        let next = match (call, answer) {
            (Call::Create(_) | Call::Change(..), Answer::Invalid(message)) => {
                return Err(format!("the API server refused a write to the ledger: {message}"));
            }
            (Call::Create(_) | Call::Change(..), Answer::Forbidden(message)) => {
                // It is said, and tried again.
                self.failed.insert(work.clone());
                unavailable(&self.world, work, &message, self.now(store))
            }
            (Call::Create(_), Answer::Record(Some(record))) => {
                self.world.ledger.learn(kept(&*record));
                // The watch brings a filing its own record; a request goes on at once.
                matches!(work, Work::Request(_)).then(|| self.look(store, work)).flatten()
            }
            (Call::Create(order), Answer::AlreadyExists | Answer::Unknown) => {
                Some(Call::GetRecord(order.record_name()))
            }
            (Call::GetRecord(_), Answer::Record(found)) => {
                if let Some(record) = found {
                    self.world.ledger.learn(kept(&*record));
                }
                self.look(store, work)
            }
            (Call::GetFiling(record, _), Answer::Uid(live)) => {
                let gone = record.spec.filing.as_ref().is_some_and(|b| release::is_gone(b, live.as_deref()));
                gone.then_some(Call::Change(record, Change::GiveBack))
            }
            (Call::SayOfRequest(observed, _), Answer::Request(written)) => {
                self.world.requests.echo(&observed, kept(&*written));
                None
            }
            (Call::SayOfFiling(observed, _), Answer::Filing(written)) => {
                self.world.filings.echo(&observed, kept(&*written));
                None
            }
            (Call::SayOfInstance(observed, _), Answer::Instance(written)) => {
                self.world.instances.echo(&observed, kept(&*written));
                None
            }
            // A refused status is a stale view; an unknown outcome is looked at again.
            (_, Answer::Invalid(_) | Answer::Unknown) => {
                self.failed.insert(work.clone());
                None
            }
            // Somebody else wrote, or it is gone: the watch brings it.
            _ => None,
        };
        if next.is_none() {
            self.busy.remove(work);
        }
        Ok(next)
    }
}

/// What to ask of the API server about a piece of work, and when to look at it again though nothing happens.
pub fn look(world: &World, work: &Work, now: Timestamp) -> (Option<Call>, Option<Timestamp>) {
    match work {
        Work::Request(key) => match request::decide(world, key, now) {
            request::Step::Leave => (None, None),
            request::Step::Issue(order) => (Some(Call::Create(order)), None),
            request::Step::Settle(wanted, wake) => (say_of_request(world, key, wanted), wake),
        },
        Work::Filing(key) => match filing::decide(world, key, now) {
            filing::Step::Leave => (None, None),
            filing::Step::Issue(order) => (Some(Call::Create(order)), None),
            filing::Step::Change(record, change) => (Some(Call::Change(record, change)), None),
            filing::Step::Settle(wanted, wake) => (say_of_filing(world, key, wanted), wake),
        },
        Work::Instance(key) => {
            let Some((wanted, wake)) = instance::decide(world, key, now) else { return (None, None) };
            let observed = world.instances.get(key).expect("it was decided about").clone();
            let same = observed.status.as_ref() == Some(&wanted);
            ((!same).then(|| Call::SayOfInstance(observed, Box::new(wanted))), wake)
        }
        Work::Record(name) => {
            let suspect = world.ledger.record(name).and_then(|record| {
                let bound = release::suspect(world, record)?;
                Some(Call::GetFiling(record.clone(), ObjectKey::new(&bound.namespace, &bound.name)))
            });
            (suspect, None)
        }
    }
}

/// What is said where the API server refuses a write to the ledger.
fn unavailable(world: &World, work: &Work, message: &str, now: Timestamp) -> Option<Call> {
    match work {
        Work::Request(key) => {
            let wanted = request::unavailable(world, key, message, now)?;
            say_of_request(world, key, Box::new(wanted))
        }
        Work::Filing(key) => {
            let wanted = filing::unavailable(world, key, message, now)?;
            say_of_filing(world, key, Box::new(wanted))
        }
        Work::Instance(_) | Work::Record(_) => None,
    }
}

fn say_of_request(world: &World, key: &ObjectKey, wanted: Box<ServiceNumberRequestStatus>) -> Option<Call> {
    let observed = world.requests.get(key)?.clone();
    (observed.status.as_ref() != Some(&*wanted)).then_some(Call::SayOfRequest(observed, wanted))
}

/// The review is somebody else's: it is neither compared nor written.
fn say_of_filing(world: &World, key: &ObjectKey, wanted: Box<FilingStatus>) -> Option<Call> {
    let observed = world.filings.get(key)?.clone();
    let own = observed.status.clone().map(|s| FilingStatus { review: None, ..s });
    (own.as_ref() != Some(&wanted)).then_some(Call::SayOfFiling(observed, wanted))
}
