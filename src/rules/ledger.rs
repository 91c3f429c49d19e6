//! The ledger as the watch cache shows it: one snapshot of all records, indexed by what decisions ask for.
//! Pure and synchronous; whoever shares it holds one lock around it.
//!
//! Beside the snapshot it keeps records *learned* from answers of own writes. A learned record says only what
//! never changes of it (that its slot is taken, by whom, with which number); bindings and submissions are read
//! from the snapshot alone, since a seal must not mix the two (design §4).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{high_water::Newest, key::Key};
use crate::api::{Claim, ServiceNumber};
use crate::planted::{self, Bug};

/// The records, and where to find them.
#[derive(Debug, Default)]
pub struct Ledger {
    records: HashMap<String, Arc<ServiceNumber>>,
    learned: HashMap<String, Arc<ServiceNumber>>,
    slots: HashMap<Key, BTreeMap<i32, String>>,
    claims: HashMap<(Claim, String), String>,
    numbers: HashMap<String, String>,
    filings: HashMap<(String, String), BTreeSet<String>>,
    instances: HashMap<String, BTreeSet<String>>,
    /// Names that were in a snapshot and left it. Nothing of theirs is issued until they are back.
    lost: BTreeSet<String>,
}

/// The store shows less than it did: it was restored from an older copy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WentBack {
    /// A record shows it.
    #[error(
        "the store went back in time: record {record} was seen at revision {seen} and is now {}",
        .now.map_or_else(|| "missing".to_owned(), |now| format!("at revision {now}"))
    )]
    Record {
        /// The record.
        record: String,
        /// The revision of it that was seen.
        seen: u64,
        /// The revision of it that the store has now, if it has the record at all.
        now: Option<u64>,
    },
    /// The revision of the store shows it.
    #[error("the store went back in time: it was at revision {seen} and is now at revision {now}")]
    Revision {
        /// The revision that was seen.
        seen: u64,
        /// The revision that it has now.
        now: u64,
    },
}

/// What a key has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slots {
    /// The first slot that no record takes.
    Free(i32),
    /// Every slot below the quota is taken, or more.
    Exhausted(i32),
    /// A record below the highest one is missing: the ledger was restored in part.
    Incomplete(i32),
}

impl Ledger {
    /// A record as the watch shows it.
    pub fn observe(&mut self, record: Arc<ServiceNumber>) -> Option<Arc<ServiceNumber>> {
        let name = name_of(&record);
        let old = self.records.get(&name).cloned();
        if let Some(old) = &old {
            self.unindex(&name, old);
        }
        if let Some(learned) = self.learned.remove(&name) {
            self.unindex(&name, &learned);
        }
        self.lost.remove(&name);
        self.index(&name, &record);
        if let Some(filing) = &record.spec.filing {
            self.filings
                .entry((filing.namespace.clone(), filing.name.clone()))
                .or_default()
                .insert(name.clone());
        }
        self.records.insert(name, record);
        old
    }

    /// A record that the watch says is gone. Nobody deletes records but by breaking the glass.
    pub fn observe_loss(&mut self, name: &str) -> Option<Arc<ServiceNumber>> {
        let old = self.records.remove(name)?;
        self.unindex(name, &old);
        self.lost.insert(name.to_owned());
        Some(old)
    }

    /// A whole new snapshot. An error, and no change, when the store went back in time.
    pub fn observe_all(&mut self, records: Vec<Arc<ServiceNumber>>) -> Result<(), WentBack> {
        let listed: HashMap<String, &Arc<ServiceNumber>> = records.iter().map(|r| (name_of(r), r)).collect();
        for (name, old) in &self.records {
            let (seen, now) =
                (revision_of(&old.metadata), listed.get(name).map(|r| revision_of(&r.metadata)));
            if now.is_none_or(|now| now < seen) && !planted::is_on(Bug::StoreGoesBack) {
                return Err(WentBack::Record { record: name.clone(), seen, now });
            }
        }
        for record in records {
            self.observe(record);
        }
        Ok(())
    }

    /// A record from the answer of an own write or of a read by name.
    pub fn learn(&mut self, record: Arc<ServiceNumber>) {
        let name = name_of(&record);
        if !self.records.contains_key(&name) {
            if let Some(old) = self.learned.remove(&name) {
                self.unindex(&name, &old);
            }
            self.index(&name, &record);
            if let (true, Some(filing)) = (planted::is_on(Bug::SealFromAnswers), &record.spec.filing) {
                let filing = (filing.namespace.clone(), filing.name.clone());
                self.filings.entry(filing).or_default().insert(name.clone());
            }
            self.learned.insert(name, record);
        }
    }

    /// A record of the snapshot.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&Arc<ServiceNumber>> {
        self.records.get(name)
    }

    /// Every record of the snapshot, in no order.
    pub fn records(&self) -> impl Iterator<Item = &Arc<ServiceNumber>> {
        self.records.values()
    }

    /// The record of the snapshot that was changed last.
    #[must_use]
    pub fn newest(&self) -> Option<Newest> {
        let newest = self.records.iter().map(|(name, record)| (revision_of(&record.metadata), name)).max();
        newest.map(|(revision, record)| Newest { revision, record: record.clone() })
    }

    /// The names of records that were in a snapshot and left it.
    pub fn lost(&self) -> impl Iterator<Item = &String> {
        self.lost.iter()
    }

    /// The record of a claim on an instance, of the snapshot or learned.
    #[must_use]
    pub fn claimed(&self, claim: &Claim, instance: &str) -> Option<&Arc<ServiceNumber>> {
        self.find(self.claims.get(&(claim.clone(), instance.to_owned()))?)
    }

    /// The record of a number in the ledger's spelling, of the snapshot.
    #[must_use]
    pub fn numbered(&self, number: &str) -> Option<&Arc<ServiceNumber>> {
        self.records.get(self.numbers.get(number)?)
    }

    /// The records of the snapshot that are bound to a filing's namespace and name, whatever its domain or uid.
    pub fn bound_to(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Arc<ServiceNumber>> {
        self.filings.get(&(namespace.to_owned(), name.to_owned())).into_iter().flatten().filter_map(|name| {
            let learned = self.learned.get(name).filter(|_| planted::is_on(Bug::SealFromAnswers));
            self.records.get(name).or(learned)
        })
    }

    /// The records of an instance, of the snapshot or learned.
    pub fn of_instance(&self, instance: &str) -> impl Iterator<Item = &Arc<ServiceNumber>> {
        self.instances.get(instance).into_iter().flatten().filter_map(|record| self.find(record))
    }

    /// The records of a key in the order of their slots, of the snapshot or learned.
    pub fn of_key(&self, key: &Key) -> impl Iterator<Item = &Arc<ServiceNumber>> {
        self.slots.get(key).into_iter().flat_map(BTreeMap::values).filter_map(|record| self.find(record))
    }

    /// What a key has left under a quota.
    #[must_use]
    pub fn slots(&self, key: &Key, quota: i32) -> Slots {
        match self.taken(key) {
            Err(missing) => Slots::Incomplete(missing),
            Ok(issued) if issued < quota => Slots::Free(issued),
            Ok(issued) => Slots::Exhausted(issued),
        }
    }

    /// How many slots of a key are taken, where no record of it is missing.
    #[must_use]
    pub fn issued(&self, key: &Key) -> Option<i32> {
        self.taken(key).ok()
    }

    /// How many slots of a key are taken, from the first one on without a gap, or which record is missing.
    fn taken(&self, key: &Key) -> Result<i32, i32> {
        let mut next = 0;
        if let Some(slots) = self.slots.get(key) {
            next = i32::try_from(slots.len()).unwrap_or(i32::MAX);
            // As many as from 0 to the last one: there is no gap, and no need to look for it.
            let ends = slots.first_key_value().zip(slots.last_key_value());
            if ends.is_some_and(|((first, _), (last, _))| *first != 0 || *last >= next) {
                return Err(slots.keys().zip(0..).find(|(slot, at)| *slot != at).map_or(0, |(_, at)| at));
            }
        }
        if self.lost.contains(&key.record(next)) { Err(next) } else { Ok(next) }
    }

    /// Records that are missing below a later one of their key: they were issued, and lost.
    #[must_use]
    pub fn holes(&self) -> Vec<String> {
        let mut holes = Vec::new();
        for (key, slots) in &self.slots {
            let end = slots.last_key_value().map_or(0, |(slot, _)| *slot);
            holes.extend((0..end).filter(|slot| !slots.contains_key(slot)).map(|slot| key.record(slot)));
        }
        holes
    }

    fn find(&self, name: &str) -> Option<&Arc<ServiceNumber>> {
        self.records.get(name).or_else(|| self.learned.get(name))
    }

    fn index(&mut self, name: &str, record: &ServiceNumber) {
        let spec = &record.spec;
        self.slots.entry(Key::of_record(spec)).or_default().insert(spec.slot, name.to_owned());
        self.claims
            .entry((spec.claim.clone(), spec.instance_name.clone()))
            .or_insert_with(|| name.to_owned());
        self.numbers.insert(spec.number.clone(), name.to_owned());
        self.instances.entry(spec.instance_name.clone()).or_default().insert(name.to_owned());
    }

    fn unindex(&mut self, name: &str, record: &ServiceNumber) {
        let spec = &record.spec;
        let key = Key::of_record(spec);
        if let Some(slots) = self.slots.get_mut(&key) {
            slots.remove(&spec.slot);
            if slots.is_empty() {
                self.slots.remove(&key);
            }
        }
        self.claims.remove(&(spec.claim.clone(), spec.instance_name.clone()));
        self.numbers.remove(&spec.number);
        drop_from(&mut self.instances, &spec.instance_name, name);
        if let Some(filing) = &spec.filing {
            drop_from(&mut self.filings, &(filing.namespace.clone(), filing.name.clone()), name);
        }
    }
}

fn drop_from<K: std::hash::Hash + Eq>(index: &mut HashMap<K, BTreeSet<String>>, key: &K, name: &str) {
    if let Some(names) = index.get_mut(key) {
        names.remove(name);
        if names.is_empty() {
            index.remove(key);
        }
    }
}

fn name_of(record: &ServiceNumber) -> String {
    record.metadata.name.clone().unwrap_or_default()
}

/// Revisions of one store are ordered as numbers (Kubernetes API concepts, "resource versions").
#[must_use]
pub fn revision_of(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_deref().and_then(|v| v.parse().ok()).unwrap_or(0)
}
