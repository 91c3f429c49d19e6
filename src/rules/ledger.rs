//! The ledger as the watch cache shows it: one snapshot of all records, indexed by what decisions ask for.
//! Pure and synchronous; whoever shares it holds one lock around it.
//!
//! Beside the snapshot it keeps records *learned* from answers of own writes. A learned record says only what
//! never changes of it (that its slot is taken, by whom, with which number); bindings and submissions are read
//! from the snapshot alone, since a seal must not mix the two (design §4).

mod lists;

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use kube::core::ObjectMeta;

use super::{high_water::Newest, kept::Kept, key::Key};
use crate::api::{Claim, ServiceNumber};
use crate::planted::{self, Bug};
use lists::{By, Fact, Lists, Name, Number};

/// The records, and where to find them.
#[derive(Debug)]
pub struct Ledger {
    records: By<Name>,
    numbers: By<Number>,
    learned: HashMap<String, Arc<Kept<ServiceNumber>>>,
    /// By key, in the order of slots; of the snapshot or learned.
    slots: Lists<Key>,
    /// By instance, in the order of claims; of the snapshot or learned.
    instances: Lists<String>,
    /// By namespace and name of the filing that they are bound to.
    filings: Lists<(String, String)>,
    /// Names that were in a snapshot and left it. Nothing of theirs is issued until they are back.
    lost: BTreeSet<String>,
}

impl Default for Ledger {
    fn default() -> Self {
        fn by_name(a: &Kept<ServiceNumber>, b: &Kept<ServiceNumber>) -> Ordering {
            Name::of(a).cmp(Name::of(b))
        }
        Self {
            records: By::default(),
            numbers: By::default(),
            learned: HashMap::new(),
            slots: Lists::new(|a, b| a.spec.slot.cmp(&b.spec.slot)),
            instances: Lists::new(|a, b| a.spec.claim.cmp(&b.spec.claim).then_with(|| by_name(a, b))),
            filings: Lists::new(by_name),
            lost: BTreeSet::new(),
        }
    }
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
    pub fn observe(&mut self, record: Arc<Kept<ServiceNumber>>) -> Option<Arc<Kept<ServiceNumber>>> {
        let name = Name::of(&record);
        let old = self.records.put(record.clone());
        if let Some(old) = &old {
            self.unindex(old);
        }
        if let Some(learned) = self.learned.remove(name) {
            self.unindex(&learned);
        }
        self.lost.remove(name);
        self.index(&record);
        self.bind(&record);
        self.numbers.put(record);
        old
    }

    /// A record that the watch says is gone. Nobody deletes records but by breaking the glass.
    pub fn observe_loss(&mut self, name: &str) -> Option<Arc<Kept<ServiceNumber>>> {
        let old = self.records.take(name)?;
        self.unindex(&old);
        self.lost.insert(name.to_owned());
        Some(old)
    }

    /// A whole new snapshot. An error, and no change, when the store went back in time.
    pub fn observe_all(&mut self, records: Vec<Arc<Kept<ServiceNumber>>>) -> Result<(), WentBack> {
        let listed: HashMap<&str, u64> = records.iter().map(|r| (Name::of(r), r.revision())).collect();
        for old in self.records.all() {
            let name = Name::of(old);
            let (seen, now) = (old.revision(), listed.get(name).copied());
            if now.is_none_or(|now| now < seen) && !planted::is_on(Bug::StoreGoesBack) {
                return Err(WentBack::Record { record: name.to_owned(), seen, now });
            }
        }
        drop(listed);
        for record in records {
            self.observe(record);
        }
        Ok(())
    }

    /// A record from the answer of an own write or of a read by name.
    pub fn learn(&mut self, record: Arc<Kept<ServiceNumber>>) {
        let name = Name::of(&record);
        if self.records.get(name).is_none() {
            if let Some(old) = self.learned.remove(name) {
                self.unindex(&old);
            }
            self.index(&record);
            if planted::is_on(Bug::SealFromAnswers) {
                self.bind(&record);
            }
            self.learned.insert(name.to_owned(), record);
        }
    }

    /// A record of the snapshot.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&Arc<Kept<ServiceNumber>>> {
        self.records.get(name)
    }

    /// Every record of the snapshot, in no order.
    pub fn records(&self) -> impl Iterator<Item = &Arc<Kept<ServiceNumber>>> {
        self.records.all()
    }

    /// The record of the snapshot that was changed last.
    #[must_use]
    pub fn newest(&self) -> Option<Newest> {
        let newest = self.records().map(|record| (record.revision(), Name::of(record))).max();
        newest.map(|(revision, record)| Newest { revision, record: record.to_owned() })
    }

    /// The names of records that were in a snapshot and left it.
    pub fn lost(&self) -> impl Iterator<Item = &String> {
        self.lost.iter()
    }

    /// The record of a claim on an instance, of the snapshot or learned.
    #[must_use]
    pub fn claimed(&self, claim: &Claim, instance: &str) -> Option<&Arc<Kept<ServiceNumber>>> {
        let records = self.instances.get(instance);
        let first = records.partition_point(|record| record.spec.claim < *claim);
        records.get(first).filter(|record| record.spec.claim == *claim)
    }

    /// The record of a number in the ledger's spelling, of the snapshot.
    #[must_use]
    pub fn numbered(&self, number: &str) -> Option<&Arc<Kept<ServiceNumber>>> {
        self.numbers.get(number)
    }

    /// The records of the snapshot that are bound to a filing's namespace and name, whatever its domain or uid.
    pub fn bound_to(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Arc<Kept<ServiceNumber>>> {
        self.filings.get(&(namespace.to_owned(), name.to_owned())).iter()
    }

    /// The records of an instance, of the snapshot or learned.
    pub fn of_instance(&self, instance: &str) -> impl Iterator<Item = &Arc<Kept<ServiceNumber>>> {
        self.instances.get(instance).iter()
    }

    /// The records of a key in the order of their slots, of the snapshot or learned.
    pub fn of_key(&self, key: &Key) -> impl Iterator<Item = &Arc<Kept<ServiceNumber>>> {
        self.slots.get(key).iter()
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
        let records = self.slots.get(key);
        let next = i32::try_from(records.len()).unwrap_or(i32::MAX);
        // As many as from 0 to the last one: there is no gap, and no need to look for it.
        let ends = records.first().zip(records.last());
        if ends.is_some_and(|(first, last)| first.spec.slot != 0 || last.spec.slot >= next) {
            return Err(records.iter().zip(0..).find(|(r, at)| r.spec.slot != *at).map_or(0, |(_, at)| at));
        }
        if self.lost.contains(&key.record(next)) { Err(next) } else { Ok(next) }
    }

    /// Records that are missing below a later one of their key: they were issued, and lost.
    #[must_use]
    pub fn holes(&self) -> Vec<String> {
        let mut holes = Vec::new();
        for (key, records) in self.slots.iter() {
            let mut next = 0;
            for record in records {
                holes.extend((next..record.spec.slot).map(|slot| key.record(slot)));
                next = record.spec.slot.saturating_add(1);
            }
        }
        holes
    }

    fn index(&mut self, record: &Arc<Kept<ServiceNumber>>) {
        let spec = &record.spec;
        self.slots.put(Key::of_record(spec), record.clone());
        self.instances.put(spec.instance_name.clone(), record.clone());
    }

    fn bind(&mut self, record: &Arc<Kept<ServiceNumber>>) {
        if let Some(filing) = &record.spec.filing {
            self.filings.put((filing.namespace.clone(), filing.name.clone()), record.clone());
        }
    }

    /// Takes a record out of wherever it is found, so that nothing points to what it was.
    fn unindex(&mut self, record: &Kept<ServiceNumber>) {
        let spec = &record.spec;
        self.slots.take(&Key::of_record(spec), record);
        self.instances.take(&spec.instance_name, record);
        self.numbers.take(&spec.number);
        if let Some(filing) = &spec.filing {
            self.filings.take(&(filing.namespace.clone(), filing.name.clone()), record);
        }
    }
}

/// Revisions of one store are ordered as numbers (Kubernetes API concepts, "resource versions").
#[must_use]
pub fn revision_of(meta: &ObjectMeta) -> u64 {
    meta.resource_version.as_deref().and_then(|v| v.parse().ok()).unwrap_or(0)
}
