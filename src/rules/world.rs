//! Everything that was observed, in one place, and who is affected when something of it changes.
//! Pure and synchronous: the watches feed it, the decisions read it, one lock is held around it.

mod affected;
mod order;
mod said;
mod shelf;

use std::{collections::BTreeSet, sync::Arc};

use super::ledger::{Ledger, WentBack};
use super::{kept::Kept, key::Key, kind::Ours, number, snapshot::Snapshot};
use crate::api::{
    BoundFiling, Filing, Instance, InstanceClass, InstanceSpec, QuotaScope, ServiceNumber,
    ServiceNumberRequest,
};
use crate::planted::{self, Bug};
use shelf::Index;

pub use super::kept::ObjectKey;
pub use shelf::{Seen, Shelf};

/// Something to look at again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// An Instance's status.
    Instance(ObjectKey),
    /// A request.
    Request(ObjectKey),
    /// A filing.
    Filing(ObjectKey),
    /// A record that may be bound to a draft that is gone.
    Record(String),
}

/// One observation.
#[derive(Clone, Debug)]
pub enum Observation {
    /// Of the classes.
    Class(Seen<InstanceClass>),
    /// Of the instances.
    Instance(Seen<Instance>),
    /// Of the requests.
    Request(Seen<ServiceNumberRequest>),
    /// Of the filings.
    Filing(Seen<Filing>),
    /// Of the ledger.
    Record(Seen<ServiceNumber>),
}

/// Everything that was observed.
#[derive(Debug, Default)]
pub struct World {
    /// The classes.
    pub classes: Shelf<InstanceClass>,
    /// The instances.
    pub instances: Shelf<Instance>,
    /// The requests.
    pub requests: Shelf<ServiceNumberRequest>,
    /// The filings.
    pub filings: Shelf<Filing>,
    /// The records.
    pub ledger: Ledger,
    /// The one namespace that is served, where it is not all of them. Records are seen whomever they belong to.
    pub served: Option<String>,
    ledger_listed: bool,
    namespaces_of_instance: Index<Arc<str>, Arc<str>>,
    instances_of_class: Index<String, ObjectKey>,
    instances_of_account: Index<Key, ObjectKey>,
    requests_of_instance: Index<ObjectKey, ObjectKey>,
    filings_of_instance: Index<ObjectKey, ObjectKey>,
    filings_of_request: Index<ObjectKey, ObjectKey>,
    filings_of_number: Index<ObjectKey, ObjectKey>,
}

impl World {
    /// Whether what is in a namespace is this operator's to look after.
    #[must_use]
    pub fn serves(&self, namespace: &str) -> bool {
        self.served.as_ref().is_none_or(|served| served == namespace)
    }

    /// Whether every kind was listed once. Nothing is decided before.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing().is_empty()
    }

    /// The kinds that were not listed yet.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        [
            ("instanceclasses", self.classes.listed),
            ("instances", self.instances.listed),
            ("servicenumberrequests", self.requests.listed),
            ("filings", self.filings.listed),
            ("servicenumbers", self.ledger_listed),
        ]
        .into_iter()
        .filter_map(|(kind, listed)| (!listed).then_some(kind))
        .collect()
    }

    /// The namespaces in which an instance of this name is declared.
    pub fn namespaces_of(&self, instance: &str) -> impl Iterator<Item = &Arc<str>> {
        self.namespaces_of_instance.get(instance)
    }

    /// The class that an instance names.
    #[must_use]
    pub fn class_of(&self, instance: &Kept<Instance>) -> Option<&Arc<Kept<InstanceClass>>> {
        self.classes.get(&ObjectKey::new("", &instance.spec.class_name))
    }

    /// Everything as it stands, to be looked at as a whole elsewhere. Kinds that were not listed are absent.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        fn all<K: Ours>(shelf: &Shelf<K>) -> Option<Vec<Arc<Kept<K>>>> {
            shelf.listed.then(|| shelf.objects().cloned().collect())
        }
        Snapshot {
            classes: all(&self.classes),
            instances: all(&self.instances),
            requests: all(&self.requests),
            filings: all(&self.filings),
            records: self.ledger_listed.then(|| self.ledger.records().cloned().collect()),
            namespace: self.served.clone(),
            unreadable: Vec::new(),
            lost: self.ledger.lost().cloned().collect(),
        }
    }

    /// Takes an observation and says what is to be looked at again: nothing until the world is complete, then
    /// all of it once, then what each observation affects.
    pub fn observe(&mut self, observation: Observation) -> Result<BTreeSet<Work>, WentBack> {
        let was_complete = self.is_complete();
        let mut work = BTreeSet::new();
        match observation {
            Observation::Class(seen) => self.classes_changed(seen, &mut work),
            Observation::Instance(seen) => self.instances_changed(seen, &mut work),
            Observation::Request(seen) => self.requests_changed(seen, &mut work),
            Observation::Filing(seen) => self.filings_changed(seen, &mut work),
            Observation::Record(seen) => self.records_changed(seen, &mut work)?,
        }
        Ok(match (was_complete, self.is_complete()) {
            (true, _) => work,
            (false, true) if planted::is_on(Bug::StartLooksAtNothing) => BTreeSet::new(),
            (false, true) => self.everything(),
            (false, false) => BTreeSet::new(),
        })
    }

    /// All there is to look at.
    #[must_use]
    pub fn everything(&self) -> BTreeSet<Work> {
        let drafts = self
            .ledger
            .records()
            .filter(|r| is_draft(r) && !planted::is_on(Bug::ReleasedOnDeletionOnly))
            .map(|r| Work::Record(r.name().to_owned()));
        self.instances
            .keys()
            .cloned()
            .map(Work::Instance)
            .chain(self.requests.keys().cloned().map(Work::Request))
            .chain(self.filings.keys().cloned().map(Work::Filing))
            .chain(drafts)
            .collect()
    }

    fn classes_changed(&mut self, seen: Seen<InstanceClass>, work: &mut BTreeSet<Work>) {
        for (key, old, new) in self.classes.take(seen) {
            if old.as_ref().map(|c| &c.spec) != new.as_ref().map(|c| &c.spec) {
                for instance in self.instances_of_class.get(&*key.name) {
                    self.instance_affects(instance, work);
                }
            }
        }
    }

    fn instances_changed(&mut self, seen: Seen<Instance>, work: &mut BTreeSet<Work>) {
        let account = |spec: &InstanceSpec, name: &str| {
            Key::of(QuotaScope::Account, &spec.class_name, &spec.account_id, name)
        };
        for (key, old, new) in self.instances.take(seen) {
            if let Some(old) = &old {
                self.namespaces_of_instance.remove(&key.name, &key.namespace);
                self.instances_of_class.remove(&old.spec.class_name, &key);
                self.instances_of_account.remove(&account(&old.spec, &key.name), &key);
            }
            if let Some(new) = &new {
                self.namespaces_of_instance.insert(key.name.clone(), key.namespace.clone());
                self.instances_of_class.insert(new.spec.class_name.clone(), key.clone());
                self.instances_of_account.insert(account(&new.spec, &key.name), key.clone());
            }
            work.insert(Work::Instance(key.clone()));
            let facts = |i: &Arc<Kept<Instance>>| (i.spec.clone(), i.metadata.uid.clone());
            let unheard = planted::is_on(Bug::InstanceWakesNobody) && old.is_none();
            if old.as_ref().map(facts) != new.as_ref().map(facts) && !unheard {
                self.instance_affects(&key, work);
            }
        }
    }

    fn requests_changed(&mut self, seen: Seen<ServiceNumberRequest>, work: &mut BTreeSet<Work>) {
        for (key, old, new) in self.requests.take(seen) {
            let instance = |r: &Arc<Kept<ServiceNumberRequest>>| {
                ObjectKey::new(&key.namespace, &r.spec.instance_ref.name)
            };
            if let Some(old) = &old {
                self.requests_of_instance.remove(&instance(old), &key);
            }
            if let Some(new) = &new {
                self.requests_of_instance.insert(instance(new), key.clone());
            }
            if old.as_ref().map(|r| &r.spec) != new.as_ref().map(|r| &r.spec) {
                work.extend(self.filings_of_request.get(&key).cloned().map(Work::Filing));
            }
            work.insert(Work::Request(key));
        }
    }

    fn filings_changed(&mut self, seen: Seen<Filing>, work: &mut BTreeSet<Work>) {
        let anew = matches!(seen, Seen::Listed(_));
        for (key, old, new) in self.filings.take(seen) {
            if let Some(old) = &old {
                self.index_filing(&key, old, Index::remove);
            }
            if let Some(new) = &new {
                self.index_filing(&key, new, |index, at, key| index.insert(at.clone(), key.clone()));
            }
            let uid = |f: &Arc<Kept<Filing>>| f.metadata.uid.clone();
            let unseen = planted::is_on(Bug::RecreationNotSeen) && new.is_some();
            if new.as_ref().map(uid) != old.as_ref().map(uid) && !unseen {
                let drafts = self.ledger.bound_to(&key.namespace, &key.name).filter(|r| is_draft(r));
                work.extend(drafts.map(|r| Work::Record(r.name().to_owned())));
            }
            work.insert(Work::Filing(key));
        }
        if anew {
            // A filing that came and went between two lists was never seen, and may have a number bound to it still.
            let unseen = |b: &BoundFiling| {
                self.serves(&b.namespace)
                    && self.filings.get(&ObjectKey::new(&b.namespace, &b.name)).is_none()
            };
            let drafts = self.ledger.records().filter(|r| is_draft(r));
            let gone = drafts.filter(|r| r.spec.filing.as_deref().is_some_and(unseen));
            work.extend(gone.map(|r| Work::Record(r.name().to_owned())));
        }
    }

    fn index_filing(
        &mut self,
        key: &ObjectKey,
        filing: &Kept<Filing>,
        mut put: impl FnMut(&mut Index<ObjectKey, ObjectKey>, &ObjectKey, &ObjectKey),
    ) {
        let source = &filing.spec.source;
        if let Some(instance) = &source.instance_ref {
            put(&mut self.filings_of_instance, &ObjectKey::new(&key.namespace, &instance.name), key);
        }
        if let Some(request) = &source.request_ref {
            put(&mut self.filings_of_request, &ObjectKey::new(&key.namespace, &request.name), key);
        }
        if let Some(number) = source.service_number.as_deref().and_then(number::normalize) {
            // Numbers are few beside names; one index type for all three keeps this in one place.
            put(&mut self.filings_of_number, &ObjectKey::new("", number), key);
        }
    }

    fn records_changed(
        &mut self,
        seen: Seen<ServiceNumber>,
        work: &mut BTreeSet<Work>,
    ) -> Result<(), WentBack> {
        match seen {
            Seen::Applied(record) => {
                let before = self.ledger.issued(&Key::of_record(&record.spec));
                let old = self.ledger.observe(record.clone());
                let repeated = old
                    .as_ref()
                    .is_some_and(|o| o.metadata.resource_version == record.metadata.resource_version);
                planted::impossible(Bug::RepeatPanics, repeated);
                self.record_affects(&record, work);
                match old {
                    Some(old) => self.record_affects(&old, work),
                    None => self.slot_taken(before, &record.spec, work),
                }
            }
            Seen::Deleted(record) => self.record_lost(record.name(), work),
            Seen::Unreadable(key) => self.record_lost(&key.name, work),
            Seen::Listed(records) => {
                let changed: Vec<_> = records
                    .iter()
                    .filter(|r| {
                        self.ledger
                            .record(r.name())
                            .is_none_or(|old| old.metadata.resource_version != r.metadata.resource_version)
                    })
                    .cloned()
                    .collect();
                let before: Vec<_> = changed.iter().map(|r| self.ledger.record(r.name()).cloned()).collect();
                self.ledger.observe_all(records)?;
                self.ledger_listed = true;
                for (record, old) in changed.iter().zip(before) {
                    self.record_affects(record, work);
                    match old {
                        Some(old) => self.record_affects(&old, work),
                        None => self.slot_affects(&record.spec, work, |_| true),
                    }
                }
            }
        }
        Ok(())
    }

    fn record_lost(&mut self, name: &str, work: &mut BTreeSet<Work>) {
        if let Some(old) = self.ledger.observe_loss(name) {
            self.record_affects(&old, work);
            self.slot_affects(&old.spec, work, |_| true);
        }
    }
}

fn is_draft(record: &Kept<ServiceNumber>) -> bool {
    record.spec.filing.is_some() && record.spec.submitted_time.is_none()
}
