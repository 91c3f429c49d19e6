//! Filings against the records: what a filing says of itself, what it is bound to, and bindings to what is gone.

use k8s_openapi::jiff::Timestamp;

use super::{
    Code, Finding, Subject,
    claims::{hides, is_lost, is_old, lost},
    index::{Index, Site, bound_site, name_of},
    records::is_submitted_to,
};
use crate::{
    api::{BoundFiling, Filing, FilingStatus, NumberState, Review, ReviewState, ServiceNumber},
    rules::{kept::Kept, kind::Kind, life, snapshot::Snapshot},
};

pub(super) fn judge(snapshot: &Snapshot, index: &Index<'_>, now: Timestamp, found: &mut Vec<Finding>) {
    for filing in snapshot.filings.iter().flatten() {
        of_filing(filing, index, now, found);
    }
    if index.sees_filings() {
        for record in snapshot.records.iter().flatten() {
            binding(record, index, found);
        }
    }
}

/// A filing as the ledger knows it.
pub(super) fn site(filing: &Kept<Filing>) -> Site<'_> {
    let (namespace, name) = name_of(filing);
    (namespace, name, &filing.spec.website.domain)
}

fn of_filing(filing: &Kept<Filing>, index: &Index<'_>, now: Timestamp, found: &mut Vec<Finding>) {
    let Some(status) = &filing.status else { return };
    let subject = || Subject::of(filing);
    let site = site(filing);
    let bound = index.bound_to(site);
    let FilingStatus { review, submitted_time, record_name, service_number, refusals, .. } = status;
    let told = review.as_ref().map(|r| &r.record_name).or(record_name.as_ref()).map(String::as_str);
    if let Some(told) = told
        && is_lost(told, index)
    {
        found.push(lost(subject(), told));
        return;
    }
    if told.is_some_and(|told| hides(told, index)) {
        return;
    }
    let record = told.and_then(|told| index.record(told));
    if let Some(record) = record.filter(|_| review.is_some() || submitted_time.is_some()) {
        if !is_submitted_to(record, site) {
            let what = if review.is_some() { "reviewed" } else { "submitted" };
            let observed = format!("{} is {what}, and its record is not submitted to it", subject());
            found.push(Finding::new(Code::SubmissionNotInLedger, [Subject::of(record), subject()], observed));
            return;
        }
        outcome(record, review.as_ref(), &subject(), found);
    }
    let differs = match record {
        Some(record) if bound_site(record) != Some(site) => {
            Some("the status tells a record that is not bound to it")
        }
        Some(record) if service_number.as_ref() != Some(&record.spec.number) => {
            Some("the status tells another number than the record")
        }
        None if service_number.is_some() => Some("the status tells a number and no record"),
        None if submitted_time.is_some() => Some("the status tells a submission and no record"),
        _ => None,
    };
    if let Some(observed) = differs {
        let subjects = record.map(Subject::of).into_iter().chain([subject()]);
        found.push(Finding::new(Code::StatusDiffers, subjects, observed));
    } else if bound.is_empty() && refusals.is_empty() && is_old(&filing.metadata, now) {
        let observed = "it is bound to nothing, and its status gives no reason";
        found.push(Finding::new(Code::ClaimUnanswered, [subject()], observed));
    }
}

/// What a review says against what the ledger says of a submitted record.
fn outcome(record: &Kept<ServiceNumber>, review: Option<&Review>, who: &Subject, found: &mut Vec<Finding>) {
    let Some(review) = review else { return };
    let spec = &record.spec;
    let (code, observed) = match (life::state_of(spec), review.state) {
        (NumberState::Submitted, ReviewState::Approved | ReviewState::Cancelled) => (
            Code::OutcomeNotRecorded,
            format!("the review says {:?}, and the record is Submitted", review.state),
        ),
        (NumberState::Consumed, ReviewState::Approved) if review.icp_number != spec.icp_number => {
            (Code::OutcomeDiffers, "the review gives another ICP number than the record".to_owned())
        }
        (state @ NumberState::Consumed, ReviewState::Cancelled)
        | (state @ NumberState::Cancelled, ReviewState::Approved) => {
            (Code::OutcomeDiffers, format!("the review says {:?}, and the record is {state:?}", review.state))
        }
        _ => return,
    };
    found.push(Finding::new(code, [Subject::of(record), who.clone()], observed));
}

/// A binding that is not at its end, against the filing that it names.
fn binding(record: &Kept<ServiceNumber>, index: &Index<'_>, found: &mut Vec<Finding>) {
    let state = life::state_of(&record.spec);
    let Some(BoundFiling { namespace, name, uid, domain }) = record.spec.filing.as_deref() else { return };
    let named = (namespace.as_str(), name.as_str());
    if state > NumberState::Submitted || !index.sees(namespace) || index.is_hidden(Kind::Filing, named) {
        return;
    }
    let filing = index.filing(named);
    let why = match filing {
        None => "is not there".to_owned(),
        Some(filing) if filing.spec.website.domain != *domain => {
            format!("is for {}, and the number is bound for {domain}", filing.spec.website.domain)
        }
        // A submission is kept by namespace, name and domain; a draft by the very object, where that is known.
        Some(filing)
            if state < NumberState::Submitted
                && filing.metadata.uid.as_ref().is_some_and(|own| !own.is(uid)) =>
        {
            "was made anew".to_owned()
        }
        Some(_) => return,
    };
    let code =
        if state == NumberState::Submitted { Code::SubmittedFilingGone } else { Code::BoundFilingGone };
    let filing = filing.map_or_else(|| Subject::absent(Kind::Filing, named), Subject::of);
    let observed = format!("{filing} {why}");
    found.push(Finding::new(code, [Subject::of(record), filing], observed));
}
