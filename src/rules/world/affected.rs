//! Who is affected by a change of what: of an instance, of a record, and of what is left of a key. What was observed
//! is taken in elsewhere.

use std::collections::BTreeSet;

use super::{ObjectKey, Work, World};
use crate::{
    api::{Claim, ClaimKind, QuotaScope, ServiceNumber, ServiceNumberSpec},
    rules::{kept::Kept, key::Key},
};

impl World {
    /// A change of an instance, of its class, or of a twin that it is a duplicate of.
    pub(super) fn instance_affects(&self, key: &ObjectKey, work: &mut BTreeSet<Work>) {
        for namespace in self.namespaces_of(&key.name).chain([&key.namespace]) {
            let twin = ObjectKey { namespace: namespace.clone(), name: key.name.clone() };
            work.extend(self.requests_of_instance.get(&twin).cloned().map(Work::Request));
            work.extend(self.filings_of_instance.get(&twin).cloned().map(Work::Filing));
            work.insert(Work::Instance(twin));
        }
        // Whether a bound filing may be submitted depends on its instance.
        for filing in self.ledger.of_instance(&key.name).filter_map(|r| r.spec.filing.as_ref()) {
            work.insert(Work::Filing(ObjectKey::new(&filing.namespace, &filing.name)));
        }
    }

    pub(super) fn record_affects(&self, record: &Kept<ServiceNumber>, work: &mut BTreeSet<Work>) {
        let spec = &record.spec;
        let Claim { kind, namespace, name } = &spec.claim;
        let claimant = ObjectKey::new(namespace, name);
        match kind {
            ClaimKind::ServiceNumberRequest => {
                work.extend(self.filings_of_request.get(&claimant).cloned().map(Work::Filing));
                work.insert(Work::Request(claimant));
            }
            ClaimKind::Filing => {
                work.insert(Work::Filing(claimant));
            }
        }
        if let Some(filing) = &spec.filing {
            work.insert(Work::Filing(ObjectKey::new(&filing.namespace, &filing.name)));
            if spec.submitted_time.is_none() {
                work.insert(Work::Record(record.name().to_owned()));
            }
        }
        work.extend(self.filings_of_number.get(&ObjectKey::new("", &spec.number)).cloned().map(Work::Filing));
        work.extend(self.sharing(spec).map(Work::Instance));
    }

    /// A slot was taken: where the key had some left before and has some left now, nobody waits for another reason.
    pub(super) fn slot_taken(
        &self,
        before: Option<i32>,
        spec: &ServiceNumberSpec,
        work: &mut BTreeSet<Work>,
    ) {
        let both = before.and(self.ledger.issued(&Key::of_record(spec)));
        self.slot_affects(spec, work, |instance| {
            let class = self.instances.get(instance).and_then(|instance| self.class_of(instance));
            both.zip(class).is_none_or(|(issued, class)| issued >= class.spec.quota)
        });
    }

    /// What is left of a key has changed: whoever still waits for a number there may have other reasons to.
    pub(super) fn slot_affects(
        &self,
        spec: &ServiceNumberSpec,
        work: &mut BTreeSet<Work>,
        affects: impl Fn(&ObjectKey) -> bool,
    ) {
        for instance in self.sharing(spec).filter(affects) {
            let waiting =
                |kind, key: &ObjectKey| self.ledger.claimed(&key.claim(kind), &instance.name).is_none();
            let requests = self.requests_of_instance.get(&instance);
            let requests = requests.filter(|key| waiting(ClaimKind::ServiceNumberRequest, key));
            work.extend(requests.cloned().map(Work::Request));
            let filings = self.filings_of_instance.get(&instance);
            work.extend(filings.filter(|key| waiting(ClaimKind::Filing, key)).cloned().map(Work::Filing));
        }
    }

    /// The instances whose numbers are counted with a record's, and those that list it.
    fn sharing(&self, spec: &ServiceNumberSpec) -> impl Iterator<Item = ObjectKey> {
        let named = self.namespaces_of(&spec.instance_name).map(|ns| ObjectKey::new(ns, &spec.instance_name));
        let by_account = spec.quota_scope == QuotaScope::Account;
        let of_account = by_account.then(|| self.instances_of_account.get(&Key::of_record(spec)).cloned());
        named.chain(of_account.into_iter().flatten())
    }
}
