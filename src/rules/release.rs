//! Whether a draft's binding may be cleared. Only a live read that shows the filing's uid gone allows it
//! (design §4); what a cache lacks is a reason to ask, never an answer.

use super::{
    kept::Kept,
    world::{ObjectKey, World},
};
use crate::api::{BoundFiling, Filing, ServiceNumber};
use crate::planted::{self, Bug};

/// The filing to ask the server for, if there is one to ask for.
#[must_use]
pub fn suspect<'a>(world: &World, record: &'a Kept<ServiceNumber>) -> Option<&'a BoundFiling> {
    let bound = record.spec.filing.as_ref().filter(|_| record.spec.submitted_time.is_none())?;
    // The filings of other namespaces are not seen, and may not be readable: their operators look after them.
    if !world.serves(&bound.namespace) {
        return None;
    }
    let cached = world.filings.get(&ObjectKey::new(&bound.namespace, &bound.name));
    let draft = |f: &Kept<Filing>| f.status.as_ref().is_none_or(|s| s.submitted_time.is_none());
    let there = cached.is_some_and(|f| f.is(&bound.uid))
        && !(planted::is_on(Bug::ReleasedAsDraft) && cached.is_some_and(|f| draft(f)));
    (!there).then_some(bound)
}

/// Whether a live answer, the uid of the filing of that name if there is one, shows the bound filing gone.
/// One that is being deleted is not gone.
#[must_use]
pub fn is_gone(bound: &BoundFiling, live_uid: Option<&str>) -> bool {
    live_uid != Some(&bound.uid) || planted::is_on(Bug::ReleasedAsDraft)
}
