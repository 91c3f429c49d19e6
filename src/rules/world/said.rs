//! Whether an observation is but the word of somebody else: a status that another writer gave to an object which is
//! otherwise as it was. What was decided of it need not change for that.

use kube::Resource;
use kube::core::ObjectMeta;

use super::{ObjectKey, Observation, Seen, Shelf, Work, World};
use crate::api::{Filing, Instance, Review, ServiceNumberRequest};

/// What gets a status.
pub(super) trait Answered {
    /// Whether the operator gave it one. A status that was wiped answers nothing.
    fn is_answered(&self) -> bool;
}

macro_rules! answered {
    ($($kind:ident),+) => { $(
        impl Answered for $kind {
            fn is_answered(&self) -> bool {
                self.status.as_ref().is_some_and(|status| status.observed_generation.is_some())
            }
        }
    )+ };
}
answered!(Instance, ServiceNumberRequest, Filing);

impl World {
    /// What was spoken of by somebody else, if that is all there is to an observation. To be asked before it is taken:
    /// answers of own writes are known by then.
    #[must_use]
    pub fn only_said(&self, observation: &Observation) -> Option<Work> {
        match observation {
            Observation::Instance(seen) => {
                said_of(&self.instances, seen, |_, new| new.is_answered()).map(Work::Instance)
            }
            Observation::Request(seen) => {
                said_of(&self.requests, seen, |_, new| new.is_answered()).map(Work::Request)
            }
            Observation::Filing(seen) => {
                // The review is the registrar's word, and asks for something.
                let says = |old: &Filing, new: &Filing| new.is_answered() && review(old) == review(new);
                said_of(&self.filings, seen, says).map(Work::Filing)
            }
            Observation::Class(_) | Observation::Record(_) => None,
        }
    }
}

fn review(filing: &Filing) -> Option<&Review> {
    filing.status.as_ref()?.review.as_ref()
}

/// The object of which a new status is all that an observation shows. One that was wiped says nothing.
fn said_of<K: Resource>(
    shelf: &Shelf<K>,
    seen: &Seen<K>,
    says: impl Fn(&K, &K) -> bool,
) -> Option<ObjectKey> {
    let Seen::Applied(new) = seen else { return None };
    let key = ObjectKey::of(&**new);
    let old = shelf.get(&key)?;
    // A change of the spec is a new generation.
    let same = without_revision(old.meta()) == without_revision(new.meta());
    (same && old.meta().resource_version != new.meta().resource_version && says(old, new)).then_some(key)
}

fn without_revision(meta: &ObjectMeta) -> ObjectMeta {
    ObjectMeta { resource_version: None, managed_fields: None, ..meta.clone() }
}
