//! A snapshot by what audits ask it for. Everything here borrows; nothing is judged.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, HashSet},
};

use super::sorted::Sorted;

use crate::{
    api::{Claim, ClaimKind, Filing, Instance, InstanceClass, ServiceNumber, ServiceNumberRequest},
    rules::{
        kept::Kept,
        key::Key,
        kind::{Kind, Ours},
        snapshot::Snapshot,
    },
};

/// Namespace and name.
pub(super) type Name<'a> = (&'a str, &'a str);
/// A filing as the ledger knows it: namespace, name and domain.
pub(super) type Site<'a> = (&'a str, &'a str, &'a str);

/// Where to find what. Kinds that were not looked at are absent.
pub(super) struct Index<'a> {
    by_name: Sorted<'a, Kept<ServiceNumber>>,
    /// By claim and instance.
    pub(super) by_claim: Sorted<'a, Kept<ServiceNumber>>,
    pub(super) by_site: Sorted<'a, Kept<ServiceNumber>>,
    pub(super) by_instance: Sorted<'a, Kept<ServiceNumber>>,
    pub(super) by_key: Sorted<'a, Kept<ServiceNumber>>,
    requests: Option<Sorted<'a, Kept<ServiceNumberRequest>>>,
    filings: Option<Sorted<'a, Kept<Filing>>>,
    pub(super) instances: Option<BTreeMap<&'a str, Vec<&'a Kept<Instance>>>>,
    pub(super) classes: Option<HashMap<&'a str, &'a Kept<InstanceClass>>>,
    /// What is there and cannot be read.
    hidden: HashSet<(Kind, Name<'a>)>,
    served: Option<&'a str>,
}

impl<'a> Index<'a> {
    /// `None` where the ledger was not looked at: there is nothing to judge the rest by.
    pub(super) fn of(snapshot: &'a Snapshot) -> Option<Self> {
        let Snapshot { classes, instances, requests, filings, records, namespace, unreadable, lost: _ } =
            snapshot;
        // By name, so that nothing depends on the order of the list.
        let by_name = Sorted::of(records.as_ref()?.iter().map(|r| &**r), order_of_names);
        let by = |order: fn(&Kept<ServiceNumber>, &Kept<ServiceNumber>) -> Ordering| {
            Sorted::of(by_name.iter(), order)
        };
        let mut index = Self {
            by_claim: by(|a, b| asking(a).cmp(&asking(b))),
            by_site: by(|a, b| bound_site(a).cmp(&bound_site(b))),
            by_instance: by(|a, b| a.spec.instance_name.cmp(&b.spec.instance_name)),
            by_key: by(|a, b| Key::facts_of(&a.spec).cmp(&Key::facts_of(&b.spec))),
            by_name,
            requests: requests.as_ref().map(|all| Sorted::of(all.iter().map(|r| &**r), order_of_names)),
            filings: filings.as_ref().map(|all| Sorted::of(all.iter().map(|f| &**f), order_of_names)),
            instances: None,
            classes: classes.as_ref().map(|all| all.iter().map(|c| (c.name(), &**c)).collect()),
            hidden: unreadable.iter().map(|u| (u.kind, (&*u.key.namespace, &*u.key.name))).collect(),
            served: namespace.as_deref(),
        };
        for instance in instances.iter().flatten() {
            let declared = index.instances.get_or_insert_default();
            declared.entry(instance.name()).or_default().push(instance);
        }
        if instances.is_some() {
            index.instances.get_or_insert_default();
        }
        Some(index)
    }

    /// The record of a name.
    pub(super) fn record(&self, name: &str) -> Option<&'a Kept<ServiceNumber>> {
        self.by_name.range(|r| r.name().cmp(name)).first().copied()
    }

    /// The records of a claim, on whatever instance.
    pub(super) fn claimed(&self, kind: ClaimKind, name: Name<'_>) -> &[&'a Kept<ServiceNumber>] {
        self.by_claim.range(|r| {
            let Claim { kind: asked, namespace, name: of } = &r.spec.claim;
            (*asked, (namespace.as_str(), of.as_str())).cmp(&(kind, name))
        })
    }

    /// The records that are bound to a filing.
    pub(super) fn bound_to(&self, site: Site<'_>) -> &[&'a Kept<ServiceNumber>] {
        self.by_site.range(|r| bound_site(r).cmp(&Some(site)))
    }

    /// The records of an instance.
    pub(super) fn issued_on(&self, instance: &str) -> &[&'a Kept<ServiceNumber>] {
        self.by_instance.range(|r| r.spec.instance_name.as_str().cmp(instance))
    }

    /// Whether there is a request of that name; absent where requests were not looked at.
    pub(super) fn has_request(&self, name: Name<'_>) -> Option<bool> {
        self.requests.as_ref().map(|all| !all.range(|r| name_of(r).cmp(&name)).is_empty())
    }

    /// Whether filings were looked at.
    pub(super) fn sees_filings(&self) -> bool {
        self.filings.is_some()
    }

    /// A filing; absent where there is none and where filings were not looked at.
    pub(super) fn filing(&self, name: Name<'_>) -> Option<&'a Kept<Filing>> {
        self.filings.as_ref()?.range(|f| name_of(f).cmp(&name)).first().copied()
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

/// What a record was issued for: a claim gets one number on one instance.
pub(super) fn asking(record: &Kept<ServiceNumber>) -> (&Claim, &str) {
    (&record.spec.claim, &record.spec.instance_name)
}

fn order_of_names<K: Ours>(a: &Kept<K>, b: &Kept<K>) -> Ordering {
    name_of(a).cmp(&name_of(b))
}

/// The filing that a record is bound to.
pub(super) fn bound_site(record: &Kept<ServiceNumber>) -> Option<Site<'_>> {
    record.spec.filing.as_ref().map(|f| (f.namespace.as_str(), f.name.as_str(), f.domain.as_str()))
}

/// The namespace, empty where there is none, and the name of an object.
pub(super) fn name_of<K: Ours>(object: &Kept<K>) -> Name<'_> {
    (object.namespace(), object.name())
}
