//! A small world in which anything may be observed next: what the property about affected objects plays on.
//! Nothing is asserted here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use icp_filing_operator::{
    api::{
        Claim, ClaimKind, Filing, FilingStatus, Instance, InstanceClassSpec, InstanceState, InstanceStatus,
        NumberState, QuotaScope, Review, ReviewState, ServiceNumber, ServiceNumberSpec,
    },
    rules::{
        filing, instance,
        issue::Order,
        kept::{Id, Kept},
        kind::Ours,
        release, request,
        world::{ObjectKey, Observation, Seen, Work, World},
    },
};
use k8s_openapi::jiff::Timestamp;
use proptest::prelude::*;

use crate::things::{
    self, bound, brought, by_instance, by_number, by_request, ecs, facts, kept, now, record, stored, time,
};

const SPACES: [&str; 2] = ["a", "b"];
/// Where an instance is declared, its name, its class and the account that bought it.
const INSTANCES: [(&str, &str, &str, &str); 5] = [
    ("a", "i-1", "ecs", "1001"),
    ("a", "i-2", "web", "1001"),
    ("b", "i-1", "ecs", "1001"),
    ("b", "i-2", "web", "2002"),
    ("b", "i-3", "web", "1001"),
];

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Class {
        web: bool,
        quota: Option<i32>,
        suspend: bool,
    },
    Instance {
        at: usize,
        there: bool,
        state: usize,
        born: u8,
        bandwidth: i32,
    },
    Request {
        space: usize,
        name: usize,
        there: bool,
        instance: usize,
        account: bool,
    },
    Filing {
        space: usize,
        name: usize,
        there: bool,
        uid: u8,
        source: usize,
        domain: bool,
        submit: bool,
        leaving: bool,
        review: usize,
        account: bool,
    },
    Record {
        at: usize,
        there: bool,
        space: usize,
        filing: usize,
        uid: u8,
        domain: bool,
        state: usize,
    },
    Learn {
        at: usize,
    },
    /// The answer of an own status write.
    Echo {
        filing: bool,
        space: usize,
        name: usize,
    },
    /// A new list of a kind, of what is there anyway.
    List(u8),
}

pub fn act() -> impl Strategy<Value = Act> {
    let flag = any::<bool>;
    prop_oneof![
        2 => (flag(), prop::option::weighted(0.8, 1..4_i32), prop::bool::weighted(0.2)).prop_map(|(web, quota, suspend)| Act::Class { web, quota, suspend }),
        4 => (0..5_usize, prop::bool::weighted(0.8), 0..4_usize, 1..4_u8, 0..2_i32)
            .prop_map(|(at, there, state, born, bandwidth)| Act::Instance { at, there, state, born, bandwidth }),
        4 => (0..2_usize, 0..2_usize, prop::bool::weighted(0.8), 0..3_usize, prop::bool::weighted(0.8))
            .prop_map(|(space, name, there, instance, account)| Act::Request { space, name, there, instance, account }),
        8 => ((0..2_usize, 0..2_usize, prop::bool::weighted(0.8), 1..3_u8, 0..8_usize), (flag(), flag(), prop::bool::weighted(0.1), 0..6_usize, prop::bool::weighted(0.8)))
            .prop_map(|((space, name, there, uid, source), (domain, submit, leaving, review, account))| Act::Filing { space, name, there, uid, source, domain, submit, leaving, review, account }),
        8 => (0..12_usize, prop::bool::weighted(0.9), 0..2_usize, 0..2_usize, 1..3_u8, flag(), 0..5_usize)
            .prop_map(|(at, there, space, filing, uid, domain, state)| Act::Record { at, there, space, filing, uid, domain, state }),
        2 => (0..12_usize).prop_map(|at| Act::Learn { at }),
        2 => (flag(), 0..2_usize, 0..2_usize).prop_map(|(filing, space, name)| Act::Echo { filing, space, name }),
        1 => (0..5_u8).prop_map(Act::List),
    ]
}

/// What an act is as an observation; the world comes from lists of its own.
pub struct Stage {
    world: World,
    revision: u64,
    /// Learned and not observed yet.
    pub learned: BTreeSet<String>,
}

fn filing_source(which: usize) -> icp_filing_operator::api::FilingSource {
    match which {
        0 | 1 => by_request(["r0", "r1"][which]),
        2 | 3 => by_instance(["i-1", "i-2"][which - 2]),
        n => by_number(&ledger_record(n - 4, 1).spec.number.to_uppercase()),
    }
}

/// Twelve names: three keys of four slots, each with its claim.
fn ledger_record(at: usize, revision: u64) -> Arc<Kept<ServiceNumber>> {
    let (place, slot) = (at / 4, i32::try_from(at % 4).expect("small"));
    let (namespace, instance, class, account) = [INSTANCES[0], INSTANCES[1], INSTANCES[3]][place];
    let kind = if slot % 2 == 0 { ClaimKind::ServiceNumberRequest } else { ClaimKind::Filing };
    let name = match (kind, slot / 2) {
        (ClaimKind::ServiceNumberRequest, n) => ["r0", "r1"][usize::try_from(n).expect("small")],
        (ClaimKind::Filing, n) => ["f0", "f1"][usize::try_from(n).expect("small")],
    };
    let mut spec =
        facts(instance, slot, Claim { kind, namespace: namespace.to_owned(), name: name.to_owned() });
    spec.number = things::number(at as u64);
    (spec.class_name, spec.account_id) = (class.to_owned(), account.to_owned());
    spec.quota_scope = if class == "web" { QuotaScope::Account } else { QuotaScope::Instance };
    record(spec, revision)
}

/// A decision, to be compared with a later one.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    Request(request::Step),
    Filing(filing::Step),
    Instance(Option<Box<(InstanceStatus, Option<Timestamp>)>>),
    Suspect(Arc<Kept<ServiceNumber>>),
    /// Whoever is to issue is at work until that was answered; which slot it gets it learns from the answers.
    Issuing(Box<ServiceNumberSpec>),
}

fn issuing(order: &Order) -> Decided {
    let mut spec = order.record(String::new()).spec;
    spec.slot = 0;
    Decided::Issuing(Box::new(spec))
}

const STATES: [NumberState; 5] = [
    NumberState::Issued,
    NumberState::InUse,
    NumberState::Submitted,
    NumberState::Consumed,
    NumberState::Cancelled,
];

impl Stage {
    pub fn new() -> Self {
        Self { world: things::Things::default().world(), revision: 10, learned: BTreeSet::new() }
    }

    fn put<K: Ours>(&self, object: K, namespace: &str, uid: &str) -> Arc<Kept<K>> {
        kept(stored(object, namespace, uid, self.revision))
    }

    pub fn play(&mut self, act: Act) -> BTreeSet<Work> {
        self.revision += 1;
        let observation = match act {
            Act::Class { web, quota, suspend } => {
                let (name, quota_scope) =
                    if web { ("web", QuotaScope::Account) } else { ("ecs", QuotaScope::Instance) };
                let class = things::class(
                    name,
                    InstanceClassSpec { quota: quota.unwrap_or(1), quota_scope, suspend, ..ecs() },
                );
                let class = self.put(class, "", &format!("uid-{name}"));
                Observation::Class(if quota.is_some() { Seen::Applied(class) } else { Seen::Deleted(class) })
            }
            Act::Instance { at, there, state, born, bandwidth } => {
                Observation::Instance(self.instance(at, there, state, born, bandwidth))
            }
            Act::Request { space, name, there, instance, account } => {
                let mut request = things::request(["r0", "r1"][name], ["i-1", "i-2", "i-3"][instance]);
                request.spec.account_id = if account { "1001" } else { "2002" }.to_owned();
                let request = self.put(request, SPACES[space], "uid");
                Observation::Request(if there { Seen::Applied(request) } else { Seen::Deleted(request) })
            }
            Act::Filing { .. } => Observation::Filing(self.filing(&act)),
            Act::Record { at, there, space, filing, uid, domain, state } => {
                let plain = ledger_record(at, self.revision);
                // A watch speaks of a deletion after it spoke of the object.
                let there = there || self.world.ledger.record(plain.name()).is_none();
                self.learned.remove(plain.name());
                let mut to = bound(["f0", "f1"][filing], &format!("uid-{uid}"));
                to.namespace = SPACES[space].to_owned();
                to.domain = ["x.cn", "y.cn"][usize::from(domain)].to_owned();
                let full = record(brought(plain.spec.clone(), to, STATES[state]), self.revision);
                Observation::Record(if there { Seen::Applied(full) } else { Seen::Deleted(full) })
            }
            Act::Learn { at } => {
                let record = ledger_record(at, self.revision);
                if self.world.ledger.record(record.name()).is_none() {
                    self.learned.insert(record.name().to_owned());
                    self.world.ledger.learn(record);
                }
                return BTreeSet::new();
            }
            Act::Echo { filing, space, name } => {
                self.echo(filing, space, name);
                return BTreeSet::new();
            }
            Act::List(kind) => self.list(kind),
        };
        self.world.observe(observation).expect("nothing goes back")
    }

    fn instance(&self, at: usize, there: bool, state: usize, born: u8, bandwidth: i32) -> Seen<Instance> {
        let (namespace, name, class, account) = INSTANCES[at];
        let mut spec = things::server(class);
        spec.account_id = account.to_owned();
        spec.state =
            [InstanceState::Running, InstanceState::Running, InstanceState::Expired, InstanceState::Released]
                [state];
        spec.public_network.as_mut().expect("one").bandwidth_mbps = bandwidth;
        // Another age is another object.
        let mut instance =
            stored(Instance::new(name, spec), namespace, &format!("uid-{born}"), self.revision);
        instance.metadata.creation_timestamp = Some(time(&format!("2026-01-0{born}T00:00:00Z")));
        if there { Seen::Applied(kept(instance)) } else { Seen::Deleted(kept(instance)) }
    }

    fn filing(&self, act: &Act) -> Seen<Filing> {
        let Act::Filing { space, name, there, uid, source, domain, submit, leaving, review, account } = *act
        else {
            panic!("not a filing: {act:?}")
        };
        let mut filing = things::filing(["f0", "f1"][name], filing_source(source));
        filing.spec.account_id = if account { "1001" } else { "2002" }.to_owned();
        filing.spec.website.domain = ["x.cn", "y.cn"][usize::from(domain)].to_owned();
        filing.spec.submit = submit;
        filing.metadata.deletion_timestamp = leaving.then(|| time("2026-02-01T00:00:00Z"));
        let about = ledger_record(review, 1).name().to_owned();
        match review {
            0 | 1 => {
                filing = things::reviewed(filing, &about, ReviewState::Approved, Some("浙ICP备11012345号-1"));
            }
            2 => filing = things::reviewed(filing, &about, ReviewState::Cancelled, None),
            3 => filing = things::reviewed(filing, &about, ReviewState::Rejected, None),
            _ => {}
        }
        let filing = self.put(filing, SPACES[space], &format!("uid-{uid}"));
        if there { Seen::Applied(filing) } else { Seen::Deleted(filing) }
    }

    /// Settles an object and takes the answer, as the controllers do. No watch speaks of it before the next act.
    fn echo(&mut self, filing: bool, space: usize, name: usize) {
        if filing {
            let key = ObjectKey::new(SPACES[space], ["f0", "f1"][name]);
            if let filing::Step::Settle(status, _) = filing::decide(&self.world, &key, now()) {
                let observed = self.world.filings.get(&key).expect("it was decided about").clone();
                let review = observed.status.as_ref().and_then(|s| s.review.clone());
                // The API server lets no status through that its review is not about.
                let about = |r: &Review| {
                    status.submitted_time.is_some() && status.record_name.as_ref() == Some(&r.record_name)
                };
                if !review.as_ref().is_none_or(about) {
                    return;
                }
                let mut written = (*observed).clone();
                written.status = Some(FilingStatus { review, ..*status });
                written.metadata.resource_version = Some(Id::from(&*self.revision.to_string()));
                self.world.filings.echo(&observed, Arc::new(written));
            }
        } else {
            let key = ObjectKey::new(SPACES[space], ["r0", "r1"][name]);
            if let request::Step::Settle(status, _) = request::decide(&self.world, &key, now()) {
                let observed = self.world.requests.get(&key).expect("it was decided about").clone();
                let mut written = (*observed).clone();
                written.status = Some(*status);
                written.metadata.resource_version = Some(Id::from(&*self.revision.to_string()));
                self.world.requests.echo(&observed, Arc::new(written));
            }
        }
    }

    fn list(&self, kind: u8) -> Observation {
        let world = &self.world;
        match kind {
            0 => Observation::Class(Seen::Listed(
                world.classes.keys().filter_map(|k| world.classes.get(k)).cloned().collect(),
            )),
            1 => Observation::Instance(Seen::Listed(
                world.instances.keys().filter_map(|k| world.instances.get(k)).skip(1).cloned().collect(),
            )),
            2 => Observation::Request(Seen::Listed(
                world.requests.keys().filter_map(|k| world.requests.get(k)).skip(1).cloned().collect(),
            )),
            3 => Observation::Filing(Seen::Listed(
                world.filings.keys().filter_map(|k| world.filings.get(k)).skip(1).cloned().collect(),
            )),
            _ => Observation::Record(Seen::Listed(world.ledger.records().cloned().collect())),
        }
    }

    /// What is decided about everything there is; what is left alone is left out.
    pub fn decisions(&self, at: Timestamp) -> BTreeMap<Work, Decided> {
        let world = &self.world;
        let mut all = BTreeMap::new();
        for key in world.requests.keys() {
            let decided = match request::decide(world, key, at) {
                request::Step::Issue(order) => issuing(&order),
                step => Decided::Request(step),
            };
            all.insert(Work::Request(key.clone()), decided);
        }
        for key in world.filings.keys() {
            let decided = match filing::decide(world, key, at) {
                filing::Step::Leave => continue,
                filing::Step::Issue(order) => issuing(&order),
                step => Decided::Filing(step),
            };
            all.insert(Work::Filing(key.clone()), decided);
        }
        for key in world.instances.keys() {
            let decided = instance::decide(world, key, at).map(Box::new);
            all.insert(Work::Instance(key.clone()), Decided::Instance(decided));
        }
        for record in world.ledger.records() {
            if release::suspect(world, record).is_some() {
                all.insert(Work::Record(record.name().to_owned()), Decided::Suspect(record.clone()));
            }
        }
        all
    }
}
