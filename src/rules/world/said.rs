//! Whether an observation is but the word of somebody else: a status that another writer gave to an object which is
//! otherwise as it was. What was decided of it need not change for that.

use super::{ObjectKey, Observation, Seen, Shelf, Work, World};
use crate::{
    api::{Filing, Instance, Review, ServiceNumberRequest},
    rules::{kept::Kept, kind::Ours},
};

/// What gets a status.
pub(super) trait Answered {
    /// Whether the operator gave it one. A status that was wiped answers nothing.
    fn is_answered(&self) -> bool;
}

macro_rules! answered {
    ($($kind:ident),+) => { $(
        impl Answered for Kept<$kind> {
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
                let says =
                    |old: &Kept<Filing>, new: &Kept<Filing>| new.is_answered() && review(old) == review(new);
                said_of(&self.filings, seen, says).map(Work::Filing)
            }
            Observation::Class(_) | Observation::Record(_) => None,
        }
    }
}

fn review(filing: &Kept<Filing>) -> Option<&Review> {
    filing.status.as_ref()?.review.as_ref()
}

/// The object of which a new status is all that an observation shows. One that was wiped says nothing.
fn said_of<K: Ours>(
    shelf: &Shelf<K>,
    seen: &Seen<K>,
    says: impl Fn(&Kept<K>, &Kept<K>) -> bool,
) -> Option<ObjectKey> {
    let Seen::Applied(new) = seen else { return None };
    let old = shelf.get(&new.key)?;
    // A change of the spec is a new generation.
    let same = new.metadata.says_as(&old.metadata);
    let written = old.metadata.resource_version != new.metadata.resource_version;
    (same && written && says(old, new)).then(|| new.key.clone())
}
