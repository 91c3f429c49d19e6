//! A snapshot by what audits ask it for. Everything here borrows; nothing is judged.

use std::collections::{BTreeMap, HashMap, HashSet};

use kube::Resource;

use crate::{
    api::{Claim, ClaimKind, Filing, Instance, InstanceClass, ServiceNumber, ServiceNumberRequest},
    rules::{
        key::Key,
        snapshot::{Kind, Snapshot},
    },
};

/// Namespace and name.
pub(super) type Name<'a> = (&'a str, &'a str);
/// A filing as the ledger knows it: namespace, name and domain.
pub(super) type Site<'a> = (&'a str, &'a str, &'a str);

/// Where to find what. Kinds that were not looked at are absent.
pub(super) struct Index<'a> {
    pub(super) by_name: HashMap<&'a str, &'a ServiceNumber>,
    pub(super) by_claim: HashMap<(ClaimKind, Name<'a>), Vec<&'a ServiceNumber>>,
    pub(super) by_site: HashMap<Site<'a>, Vec<&'a ServiceNumber>>,
    pub(super) by_instance: BTreeMap<&'a str, Vec<&'a ServiceNumber>>,
    pub(super) by_key: BTreeMap<Key, Vec<&'a ServiceNumber>>,
    pub(super) requests: Option<HashMap<Name<'a>, &'a ServiceNumberRequest>>,
    pub(super) filings: Option<HashMap<Name<'a>, &'a Filing>>,
    pub(super) instances: Option<BTreeMap<&'a str, Vec<&'a Instance>>>,
    pub(super) classes: Option<HashMap<&'a str, &'a InstanceClass>>,
    /// What is there and cannot be read.
    hidden: HashSet<(Kind, Name<'a>)>,
    served: Option<&'a str>,
}

impl<'a> Index<'a> {
    /// `None` where the ledger was not looked at: there is nothing to judge the rest by.
    pub(super) fn of(snapshot: &'a Snapshot) -> Option<Self> {
        let Snapshot { classes, instances, requests, filings, records, namespace, unreadable, lost: _ } =
            snapshot;
        let records = records.as_ref()?;
        let mut index = Self {
            by_name: HashMap::with_capacity(records.len()),
            by_claim: HashMap::with_capacity(records.len()),
            by_site: HashMap::new(),
            by_instance: BTreeMap::new(),
            by_key: BTreeMap::new(),
            requests: requests.as_ref().map(|all| all.iter().map(|r| (name_of(&**r), &**r)).collect()),
            filings: filings.as_ref().map(|all| all.iter().map(|f| (name_of(&**f), &**f)).collect()),
            instances: None,
            classes: classes.as_ref().map(|all| all.iter().map(|c| (name_of(&**c).1, &**c)).collect()),
            hidden: unreadable.iter().map(|u| (u.kind, (&*u.key.namespace, &*u.key.name))).collect(),
            served: namespace.as_deref(),
        };
        // By name, so that nothing depends on the order of the list.
        let mut records: Vec<&ServiceNumber> = records.iter().map(|r| &**r).collect();
        records.sort_unstable_by_key(|r| name_of(*r));
        for record in records {
            let spec = &record.spec;
            let Claim { kind, namespace, name } = &spec.claim;
            index.by_name.insert(name_of(record).1, record);
            index.by_claim.entry((*kind, (namespace, name))).or_default().push(record);
            index.by_instance.entry(&spec.instance_name).or_default().push(record);
            index.by_key.entry(Key::of_record(spec)).or_default().push(record);
            if let Some(site) = bound_site(record) {
                index.by_site.entry(site).or_default().push(record);
            }
        }
        for instance in instances.iter().flatten() {
            let declared = index.instances.get_or_insert_default();
            declared.entry(name_of(&**instance).1).or_default().push(instance);
        }
        if instances.is_some() {
            index.instances.get_or_insert_default();
        }
        Some(index)
    }

    /// Whether there is something of that kind and name that cannot be read.
    pub(super) fn is_hidden(&self, kind: Kind, name: Name<'_>) -> bool {
        self.hidden.contains(&(kind, name))
    }

    /// Whether everything of a namespace was looked at, as far as its kind was.
    pub(super) fn sees(&self, namespace: &str) -> bool {
        self.served.is_none_or(|served| served == namespace)
    }

    /// Whether every namespace was looked at.
    pub(super) fn sees_all(&self) -> bool {
        self.served.is_none()
    }
}

/// The filing that a record is bound to.
pub(super) fn bound_site(record: &ServiceNumber) -> Option<Site<'_>> {
    record.spec.filing.as_ref().map(|f| (f.namespace.as_str(), f.name.as_str(), f.domain.as_str()))
}

/// The namespace, empty where there is none, and the name of an object.
pub(super) fn name_of<K: Resource>(object: &K) -> Name<'_> {
    let meta = object.meta();
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}
