//! A model of the API server: names, uids, revisions, admission, the status subresource, finalizers, and one
//! ordered watch log for each kind. What may be written is in `admission`, what must hold is in `oracle`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use icp_filing_operator::{
    api::{Filing, Instance, InstanceClass, InstanceStatus, ServiceNumber, ServiceNumberRequest},
    rules::world::{ObjectKey, Seen},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{Resource, ResourceExt};

use super::{admission, oracle};

/// Why the API server did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    Conflict,
    NotFound,
    AlreadyExists,
    Invalid(&'static str),
}

/// The objects of one kind and every event there was.
#[derive(Clone, Debug)]
pub struct Table<K> {
    pub live: BTreeMap<ObjectKey, Arc<K>>,
    pub log: Vec<Seen<K>>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { live: BTreeMap::new(), log: Vec::new() }
    }
}

impl<K: Resource<DynamicType = ()>> Table<K> {
    fn relog(&mut self) {
        self.log = self.live.values().cloned().map(Seen::Applied).collect();
    }

    /// The list as it stood after the first `events`.
    pub fn list_at(&self, events: usize) -> Vec<Arc<K>> {
        let mut live = BTreeMap::new();
        for seen in &self.log[..events] {
            match seen {
                Seen::Applied(object) => {
                    live.insert(ObjectKey::of(&**object), object.clone());
                }
                Seen::Deleted(object) => {
                    live.remove(&ObjectKey::of(&**object));
                }
                Seen::Listed(_) | Seen::Unreadable(_) => {}
            }
        }
        live.into_values().collect()
    }
}

/// A kind that the store keeps.
pub trait Kind: Resource<DynamicType = ()> + Clone + PartialEq {
    fn table(store: &Store) -> &Table<Self>;
    fn table_mut(store: &mut Store) -> &mut Table<Self>;
    /// What schema and CEL rules say of a write.
    fn admit(old: Option<&Self>, new: &Self) -> Result<(), &'static str>;
    fn same_spec(&self, other: &Self) -> bool;
    /// The status of an object that was just created.
    fn untouched(&mut self);
    /// What must hold after a write, whoever made it.
    fn audit(_store: &Store, _old: Option<&Self>, _new: &Self) -> Result<(), String> {
        Ok(())
    }
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

    pub fn create<K: Kind>(&mut self, mut object: K) -> Result<Arc<K>, Refused> {
        let key = ObjectKey::of(&object);
        if K::table(self).live.contains_key(&key) {
            return Err(Refused::AlreadyExists);
        }
        object.untouched();
        K::admit(None, &object).map_err(Refused::Invalid)?;
        self.uids += 1;
        let meta = object.meta_mut();
        meta.uid = Some(format!("uid-{}", self.uids));
        meta.generation = Some(1);
        meta.creation_timestamp = Some(Time(self.now));
        Ok(self.put(key, None, object))
    }

    /// A write of an existing object: `revision` is the precondition that it carries, if it carries one.
    pub fn update<K: Kind>(
        &mut self,
        key: &ObjectKey,
        revision: Option<&str>,
        change: impl FnOnce(&mut K),
    ) -> Result<Arc<K>, Refused> {
        let old = K::table(self).live.get(key).cloned().ok_or(Refused::NotFound)?;
        if revision.is_some() && revision != old.meta().resource_version.as_deref() {
            return Err(Refused::Conflict);
        }
        let mut new = (*old).clone();
        change(&mut new);
        if new == *old {
            return Ok(old);
        }
        K::admit(Some(&old), &new).map_err(Refused::Invalid)?;
        if !new.same_spec(&old) {
            new.meta_mut().generation = old.meta().generation.map(|g| g + 1);
        }
        if new.meta().deletion_timestamp.is_some() && new.finalizers().is_empty() {
            self.remove::<K>(key, new);
            return Ok(old);
        }
        Ok(self.put(key.clone(), Some(&old), new))
    }

    pub fn delete<K: Kind>(&mut self, key: &ObjectKey) -> Result<(), Refused> {
        let mut object = (**K::table(self).live.get(key).ok_or(Refused::NotFound)?).clone();
        if object.finalizers().is_empty() {
            self.remove(key, object);
        } else if object.meta().deletion_timestamp.is_none() {
            let old = object.clone();
            object.meta_mut().deletion_timestamp = Some(Time(self.now));
            self.put(key.clone(), Some(&old), object);
        }
        Ok(())
    }

    fn remove<K: Kind>(&mut self, key: &ObjectKey, mut object: K) {
        self.revision += 1;
        object.meta_mut().resource_version = Some(self.revision.to_string());
        let table = K::table_mut(self);
        table.live.remove(key);
        table.log.push(Seen::Deleted(Arc::new(object)));
    }

    fn put<K: Kind>(&mut self, key: ObjectKey, old: Option<&K>, mut new: K) -> Arc<K> {
        self.revision += 1;
        new.meta_mut().resource_version = Some(self.revision.to_string());
        let new = Arc::new(new);
        let table = K::table_mut(self);
        table.live.insert(key, new.clone());
        table.log.push(Seen::Applied(new.clone()));
        if let Err(broken) = K::audit(self, old, &new) {
            self.violate(broken);
        }
        new
    }
}

macro_rules! kind {
    ($kind:ident, $table:ident, $untouched:expr, $audit:path) => {
        impl Kind for $kind {
            fn table(store: &Store) -> &Table<Self> {
                &store.$table
            }
            fn table_mut(store: &mut Store) -> &mut Table<Self> {
                &mut store.$table
            }
            fn admit(old: Option<&Self>, new: &Self) -> Result<(), &'static str> {
                admission::$table(old, new)
            }
            fn same_spec(&self, other: &Self) -> bool {
                self.spec == other.spec
            }
            fn untouched(&mut self) {
                $untouched(self);
            }
            fn audit(store: &Store, old: Option<&Self>, new: &Self) -> Result<(), String> {
                $audit(store, old, new)
            }
        }
    };
}

kind!(InstanceClass, classes, |_: &mut InstanceClass| (), oracle::nothing);
kind!(
    Instance,
    instances,
    |i: &mut Instance| i.status =
        Some(InstanceStatus { conditions: admission::untouched(), ..InstanceStatus::default() }),
    oracle::nothing
);
kind!(
    ServiceNumberRequest,
    requests,
    |r: &mut ServiceNumberRequest| r.status = Some(icp_filing_operator::api::ServiceNumberRequestStatus {
        conditions: admission::untouched(),
        ..Default::default()
    }),
    oracle::request
);
kind!(
    Filing,
    filings,
    |f: &mut Filing| f.status = Some(icp_filing_operator::api::FilingStatus {
        conditions: admission::untouched(),
        ..Default::default()
    }),
    oracle::filing
);
kind!(ServiceNumber, records, |_: &mut ServiceNumber| (), oracle::record);
