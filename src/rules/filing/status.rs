//! What is said of a filing: the operator's own fields of its status. The review is not among them.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use super::source::Source;
use crate::api::{Filing, FilingStatus, Refusal, ServiceNumber, condition_type};
use crate::planted::{self, Bug};
use crate::rules::{
    conditions::{Aspect, Verdict, Word, conditions},
    kept::Kept,
};

/// Where a filing stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// A number is bound and nothing was submitted.
    Draft,
    /// The submission is recorded.
    Submitted,
    /// It is through.
    Completed,
    /// The operator goes on by itself when this is over.
    Waiting(&'static str),
    /// It cannot go on, for these reasons.
    Refused(Vec<Refusal>),
}

pub(super) fn status(
    filing: &Kept<Filing>,
    record: Option<&Kept<ServiceNumber>>,
    source: &Source,
    stand: Stand,
    now: Timestamp,
) -> FilingStatus {
    // The binding of a name and domain wins over the source; whoever changed the source is told.
    let elsewhere = match (record, source.record()) {
        (Some(kept), Some(named)) => kept.key != named.key,
        _ => false,
    };
    let note = if elsewhere {
        "; the source names another number, but this one is bound to this name and domain"
    } else {
        ""
    };
    let verdict = match &stand {
        Stand::Draft => Verdict::Ready(Word::new(
            "Bound",
            format!("A number is bound to this draft; set spec.submit to true to submit it{note}"),
        )),
        Stand::Submitted => Verdict::Ready(Word::new(
            "Submitted",
            format!("The submission is recorded; the registrar reviews it{note}"),
        )),
        Stand::Completed => Verdict::Ready(Word::new(
            "Completed",
            format!("The filing is through and its number is consumed{note}"),
        )),
        Stand::Waiting(what) => Verdict::Progressing(Word::new("Progressing", format!("Waiting: {what}"))),
        Stand::Refused(refusals) => Verdict::Stalled(Word::of(refusals)),
    };
    let spec = record.map(|r| &r.spec);
    let early = planted::is_on(Bug::SubmittedBeforeSeal) && stand == Stand::Submitted;
    let submitted = spec.and_then(|s| s.submitted_time.clone()).or(early.then_some(Time(now)));
    let completed = spec.and_then(|s| s.consumed_time.clone());
    let aspect = |type_, holds, yes: &str, no: &str| Aspect {
        type_,
        holds,
        word: Word::new(
            if holds { type_.to_owned() } else { format!("Not{type_}") },
            if holds { yes } else { no },
        ),
    };
    let aspects = [
        aspect(
            condition_type::BOUND,
            record.is_some(),
            "A number is bound to this filing",
            "No number is bound",
        ),
        aspect(
            condition_type::SUBMITTED,
            submitted.is_some(),
            "The ledger has the submission",
            "The filing is not submitted",
        ),
        aspect(
            condition_type::COMPLETED,
            completed.is_some(),
            "The number is consumed",
            "The filing is not through",
        ),
    ];
    let previous = filing.status.as_ref().map_or(&[][..], |s| &s.conditions);
    let generation = filing.metadata.generation;
    FilingStatus {
        observed_generation: generation,
        conditions: conditions(previous, generation, now, &verdict, &aspects),
        refusals: match stand {
            Stand::Refused(refusals) => refusals,
            Stand::Draft | Stand::Submitted | Stand::Completed | Stand::Waiting(_) => Vec::new(),
        },
        record_name: record.map(|r| r.name().to_owned()),
        service_number: spec.map(|s| s.number.clone()),
        submitted_time: submitted,
        completed_time: completed,
        icp_number: spec.and_then(|s| s.icp_number.clone()),
        review: None,
    }
}
