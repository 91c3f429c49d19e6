//! A model of the API server: what it keeps, names, uids and revisions, and one ordered watch log for each kind.
//! How it handles a request is in `caller`, what may be written in `admission`, by whom in `policies`, and what
//! must hold in `oracle`. `tests/model` plays it against a real one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use icp_filing_operator::{
    api::{
        Filing, FilingStatus, Instance, InstanceClass, InstanceStatus, ServiceNumber, ServiceNumberRequest,
        ServiceNumberRequestStatus,
    },
    rules::{
        kept::Kept,
        kind::Ours,
        world::{ObjectKey, Seen},
    },
};
use k8s_openapi::jiff::Timestamp;

use super::{
    admission,
    caller::{Caller, Refused},
    oracle, policies,
    policies::Who,
};

/// What a watch tells of one object.
#[derive(Clone, Debug)]
pub enum Event<K> {
    Applied(Arc<K>),
    Deleted(Arc<K>),
}

impl<K: Ours + Clone> Event<K> {
    /// As an operator takes it in.
    pub fn seen(&self) -> Seen<K> {
        match self {
            Self::Applied(object) => Seen::Applied(kept(object)),
            Self::Deleted(object) => Seen::Deleted(kept(object)),
        }
    }
}

/// An object as an operator keeps it.
pub fn kept<K: Ours + Clone>(object: &K) -> Arc<Kept<K>> {
    Arc::new(object.clone().into())
}

/// A list as an operator takes it in.
pub fn listed<'a, K: Ours + Clone + 'a>(objects: impl IntoIterator<Item = &'a Arc<K>>) -> Seen<K> {
    Seen::Listed(objects.into_iter().map(|object| kept::<K>(object)).collect())
}

/// The objects of one kind and every event there was.
#[derive(Clone, Debug)]
pub struct Table<K> {
    pub live: BTreeMap<ObjectKey, Arc<K>>,
    pub log: Vec<Event<K>>,
    /// Shown with the default status that their first write will store.
    unstored: BTreeSet<ObjectKey>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { live: BTreeMap::new(), log: Vec::new(), unstored: BTreeSet::new() }
    }
}

impl<K: Ours> Table<K> {
    fn relog(&mut self) {
        self.log = self.live.values().cloned().map(Event::Applied).collect();
    }

    /// The list as it stood after the first `events`.
    pub fn list_at(&self, events: usize) -> Vec<Arc<K>> {
        let mut live = BTreeMap::new();
        for seen in &self.log[..events] {
            match seen {
                Event::Applied(object) => {
                    live.insert(ObjectKey::of(&**object), object.clone());
                }
                Event::Deleted(object) => {
                    live.remove(&ObjectKey::of(&**object));
                }
            }
        }
        live.into_values().collect()
    }
}

/// A kind that the store keeps.
pub trait Kind: Ours + Clone + PartialEq {
    /// What the API server calls it.
    const PLURAL: &'static str;
    /// Whether its status is a resource of its own, with a default.
    const HAS_STATUS: bool;
    fn table(store: &Store) -> &Table<Self>;
    fn table_mut(store: &mut Store) -> &mut Table<Self>;
    /// The rules of the schema that a write breaks.
    fn broken(old: Option<&Self>, new: &Self) -> Vec<&'static str>;
    /// What the admission policies say of a write, or of a deletion.
    fn policy(who: Who, old: Option<&Self>, new: Option<&Self>) -> Result<(), Refused>;
    fn same_spec(&self, other: &Self) -> bool;
    fn drop_status(&mut self);
    /// The status of an object that nobody has looked at, where it has none.
    fn default_status(&mut self);
    /// Takes the status of another object, and nothing else of it.
    fn take_status(&mut self, from: &Self);
    /// What must hold after a write, whoever made it.
    fn audit(store: &Store, old: Option<&Self>, new: &Self) -> Result<(), String>;
}

/// The whole store.
#[derive(Clone, Debug)]
pub struct Store {
    revision: u64,
    uids: u64,
    pub now: Timestamp,
    pub classes: Table<InstanceClass>,
    pub instances: Table<Instance>,
    pub requests: Table<ServiceNumberRequest>,
    pub filings: Table<Filing>,
    pub records: Table<ServiceNumber>,
    /// An administrator holds the operator.
    pub held: bool,
    /// Every quota that a class ever declared.
    pub quotas: BTreeMap<String, BTreeSet<i32>>,
    /// The first thing that must never happen and did.
    pub violation: Option<String>,
}

impl Store {
    pub fn new(now: Timestamp) -> Self {
        Self {
            revision: 0,
            uids: 0,
            now,
            classes: Table::default(),
            instances: Table::default(),
            requests: Table::default(),
            filings: Table::default(),
            records: Table::default(),
            held: false,
            quotas: BTreeMap::new(),
            violation: None,
        }
    }

    pub fn get<K: Kind>(&self, key: &ObjectKey) -> Option<&Arc<K>> {
        K::table(self).live.get(key)
    }

    pub fn violate(&mut self, what: impl Into<String>) {
        self.violation.get_or_insert_with(|| what.into());
    }

    /// Nobody watches any more.
    pub fn forget_logs(&mut self) {
        self.classes.log.clear();
        self.instances.log.clear();
        self.requests.log.clear();
        self.filings.log.clear();
        self.records.log.clear();
    }

    /// As if everything had just been created.
    pub fn relog(&mut self) {
        self.classes.relog();
        self.instances.relog();
        self.requests.relog();
        self.filings.relog();
        self.records.relog();
    }

    /// The same store, as a user reaches it.
    pub fn by(&mut self, who: Who) -> Caller<'_> {
        Caller { store: self, who }
    }

    pub(super) fn next_uid(&mut self) -> String {
        self.uids += 1;
        format!("uid-{}", self.uids)
    }

    pub(super) fn remove<K: Kind>(&mut self, key: &ObjectKey, mut object: K) {
        self.revision += 1;
        object.meta_mut().resource_version = Some(self.revision.to_string());
        let table = K::table_mut(self);
        table.live.remove(key);
        table.unstored.remove(key);
        table.log.push(Event::Deleted(Arc::new(object)));
    }

    /// Whether a write that changes nothing is stored nevertheless: it is the first, and stores the default.
    pub(super) fn is_unstored<K: Kind>(&self, key: &ObjectKey) -> bool {
        K::table(self).unstored.contains(key)
    }

    pub(super) fn put<K: Kind>(&mut self, key: ObjectKey, old: Option<&K>, mut new: K) -> Arc<K> {
        self.revision += 1;
        new.meta_mut().resource_version = Some(self.revision.to_string());
        let new = Arc::new(new);
        let table = K::table_mut(self);
        if old.is_none() && K::HAS_STATUS {
            table.unstored.insert(key.clone());
        } else {
            table.unstored.remove(&key);
        }
        table.live.insert(key, new.clone());
        table.log.push(Event::Applied(new.clone()));
        if let Err(broken) = K::audit(self, old, &new) {
            self.violate(broken);
        }
        new
    }
}

macro_rules! kind {
    ($kind:ident, $table:ident, $plural:literal, $has_status:literal, $drop:expr, $default:expr, $take:expr, $audit:path) => {
        impl Kind for $kind {
            const PLURAL: &'static str = $plural;
            const HAS_STATUS: bool = $has_status;
            fn table(store: &Store) -> &Table<Self> {
                &store.$table
            }
            fn table_mut(store: &mut Store) -> &mut Table<Self> {
                &mut store.$table
            }
            fn broken(old: Option<&Self>, new: &Self) -> Vec<&'static str> {
                admission::$table(old, new)
            }
            fn policy(who: Who, old: Option<&Self>, new: Option<&Self>) -> Result<(), Refused> {
                policies::$table(who, old, new)
            }
            fn same_spec(&self, other: &Self) -> bool {
                self.spec == other.spec
            }
            fn drop_status(&mut self) {
                $drop(self);
            }
            fn default_status(&mut self) {
                $default(self);
            }
            fn take_status(&mut self, from: &Self) {
                $take(self, from);
            }
            fn audit(store: &Store, old: Option<&Self>, new: &Self) -> Result<(), String> {
                $audit(store, old, new)
            }
        }
    };
}

/// A kind whose status is a resource of its own, with a default.
macro_rules! kind_with_status {
    ($kind:ident, $status:ident, $table:ident, $plural:literal, $audit:path) => {
        kind!(
            $kind,
            $table,
            $plural,
            true,
            |object: &mut $kind| object.status = None,
            |object: &mut $kind| {
                let untouched = || $status { conditions: admission::untouched(), ..$status::default() };
                object.status.get_or_insert_with(untouched);
            },
            |object: &mut $kind, from: &$kind| object.status.clone_from(&from.status),
            $audit
        );
    };
}

kind!(
    InstanceClass,
    classes,
    "instanceclasses",
    false,
    |_: &mut InstanceClass| (),
    |_: &mut InstanceClass| (),
    |_: &mut InstanceClass, _: &InstanceClass| (),
    oracle::nothing
);
kind!(
    ServiceNumber,
    records,
    "servicenumbers",
    false,
    |_: &mut ServiceNumber| (),
    |_: &mut ServiceNumber| (),
    |_: &mut ServiceNumber, _: &ServiceNumber| (),
    oracle::record
);
kind_with_status!(Instance, InstanceStatus, instances, "instances", oracle::nothing);
kind_with_status!(
    ServiceNumberRequest,
    ServiceNumberRequestStatus,
    requests,
    "servicenumberrequests",
    oracle::request
);
kind_with_status!(Filing, FilingStatus, filings, "filings", oracle::filing);
