//! Requests against the records, and claims that are gone. What filings are bound to is judged in `filings`.

use k8s_openapi::jiff::Timestamp;

use super::{
    Code, Finding, PATIENCE, Subject,
    index::{Index, name_of},
};
use crate::{
    api::{Claim, ClaimKind, NumberState, ServiceNumber, ServiceNumberRequest},
    rules::{
        kept::{Kept, Metadata},
        kind::Kind,
        life,
        snapshot::Snapshot,
    },
};

pub(super) fn judge(snapshot: &Snapshot, index: &Index<'_>, now: Timestamp, found: &mut Vec<Finding>) {
    for request in snapshot.requests.iter().flatten() {
        of_request(request, index, now, found);
    }
    for record in snapshot.records.iter().flatten() {
        gone(record, index, found);
    }
}

fn of_request(
    request: &Kept<ServiceNumberRequest>,
    index: &Index<'_>,
    now: Timestamp,
    found: &mut Vec<Finding>,
) {
    let name = name_of(request);
    let subject = || Subject::of(request);
    let instance = &request.spec.instance_ref.name;
    let claimed = index.claimed(ClaimKind::ServiceNumberRequest, name);
    let own: Vec<_> = claimed.iter().copied().filter(|r| r.spec.instance_name == *instance).collect();
    if let [record] = own[..]
        && (record.spec.account_id != request.spec.account_id
            || record.spec.filing_account_id != request.spec.filing_account_id)
    {
        let subjects = [subject(), Subject::of(record)];
        let observed = "accountID or filingAccountID is not that of the record";
        found.push(Finding::new(Code::ClaimTermsDiffer, subjects, observed));
    }
    let Some(status) = &request.status else { return };
    let told = status.record_name.as_deref();
    if let Some(told) = told
        && is_lost(told, index)
    {
        found.push(lost(subject(), told));
    } else if told.is_some() || status.service_number.is_some() {
        let record = own.iter().find(|r| Some(r.name()) == told);
        let differs = match record {
            None => Some("the status tells a record or a number that is not this claim's"),
            Some(r) if status.service_number.as_ref() != Some(&r.spec.number) => {
                Some("the status tells another number than the record")
            }
            Some(r) if status.state != Some(life::state_of(&r.spec)) => {
                Some("the status tells another state than the record")
            }
            Some(_) => None,
        };
        if let Some(observed) = differs.filter(|_| !told.is_some_and(|t| hides(t, index))) {
            let told = told.and_then(|told| index.record(told)).into_iter();
            let records = told.chain(own).map(Subject::of);
            found.push(Finding::new(Code::StatusDiffers, records.chain([subject()]), observed));
        }
    } else if own.is_empty() && status.refusals.is_empty() && is_old(&request.metadata, now) {
        let observed = "no record, and no reason in the status";
        found.push(Finding::new(Code::ClaimUnanswered, [subject()], observed));
    }
}

/// Whether the ledger should have a record of this name and has none.
pub(super) fn is_lost(told: &str, index: &Index<'_>) -> bool {
    index.record(told).is_none() && !hides(told, index)
}

/// Whether a record of this name is there and cannot be read.
pub(super) fn hides(told: &str, index: &Index<'_>) -> bool {
    index.is_hidden(Kind::ServiceNumber, ("", told))
}

/// A status tells of a record that is not there.
pub(super) fn lost(who: Subject, told: &str) -> Finding {
    let observed = format!("the status of {who} tells of it, and it is not in the ledger");
    Finding::new(Code::RecordLost, [Subject::absent(Kind::ServiceNumber, ("", told)), who], observed)
}

/// Whether a claim has had time enough to be answered. Whoever has no age cannot be judged by it.
pub(super) fn is_old(metadata: &Metadata, now: Timestamp) -> bool {
    let age = metadata.creation_timestamp.as_ref().map(|created| now.duration_since(created.0));
    !metadata.is_leaving() && age.is_some_and(|age| age > PATIENCE)
}

/// The claim of a number that is not spent, where it is gone.
fn gone(record: &Kept<ServiceNumber>, index: &Index<'_>, found: &mut Vec<Finding>) {
    let Claim { kind, namespace, name } = &record.spec.claim;
    if life::state_of(&record.spec) > NumberState::Submitted || !index.sees(namespace) {
        return;
    }
    let claim = (namespace.as_str(), name.as_str());
    let (kind, there) = match kind {
        ClaimKind::ServiceNumberRequest => (Kind::ServiceNumberRequest, index.has_request(claim)),
        ClaimKind::Filing => (Kind::Filing, index.sees_filings().then(|| index.filing(claim).is_some())),
    };
    // A filing that its number is bound to and that is gone is said once, in `filings`.
    let bound = record.spec.filing.as_ref().is_some_and(|f| (f.namespace.as_str(), f.name.as_str()) == claim);
    if there == Some(false) && !index.is_hidden(kind, claim) && !(kind == Kind::Filing && bound) {
        let claim = Subject::absent(kind, claim);
        let observed = format!("{claim} is not there; the number is {:?}", life::state_of(&record.spec));
        found.push(Finding::new(Code::ClaimGone, [Subject::of(record), claim], observed));
    }
}
