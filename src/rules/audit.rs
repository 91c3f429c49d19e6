//! What is wrong and what is odd in everything that was observed, and who holds what. Total functions of a
//! snapshot: nothing is trusted that is being checked, nothing is guessed where a kind was not looked at, and
//! nothing is repaired.

mod claims;
mod filings;
mod finding;
mod holdings;
mod index;
mod instances;
mod records;
mod sorted;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

pub use finding::{Code, Finding, Invariant, Proof, Severity, Subject};
pub use holdings::{Holding, Slot, holdings};

use super::{kind::Kind, snapshot::Snapshot};
use index::Index;

/// How long a claim may be without an answer before that is odd.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Everything that is wrong or odd, the worst first, in an order that does not depend on that of the lists.
#[must_use]
pub fn findings(snapshot: &Snapshot, now: Timestamp) -> Vec<Finding> {
    let index = Index::of(snapshot);
    let mut found = Vec::new();
    unreadable(snapshot, &mut found);
    if let Some(index) = &index {
        records::judge(snapshot, index, &mut found);
        claims::judge(snapshot, index, now, &mut found);
        filings::judge(snapshot, index, now, &mut found);
        instances::judge(snapshot, index, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn unreadable(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    for object in &snapshot.unreadable {
        let code =
            if object.kind == Kind::ServiceNumber { Code::RecordUnreadable } else { Code::ObjectUnreadable };
        let subject = Subject { kind: object.kind, key: object.key.clone(), revision: None };
        found.push(Finding::new(code, [subject], object.error.clone()));
    }
}
