//! What is to be done about a `Filing`: bind, take over, give back extras, seal, consume, cancel, or say why not.
//! Decided from one snapshot of the world; nothing is done here. The protocol is design §4, to the letter.

mod source;
mod status;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use std::sync::Arc;

use super::{
    eligibility::{self, refusal},
    issue::{Order, ledger_unavailable},
    kept::Kept,
    life::{self, Change},
    world::{ObjectKey, World},
};
use crate::api::{
    BoundFiling, Filing, FilingStatus, Instance, InstanceState, NumberState, Reason, Refusal, Review,
    ReviewState, ServiceNumber,
};
use crate::planted::{self, Bug};
use source::Source;
use status::Stand;

/// The next step for a filing.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// There is no such filing, or it is being deleted and nothing of it is due.
    Leave,
    /// Take this slot, bound to the filing from the start; the watch brings it back.
    Issue(Box<Order>),
    /// Change this record as it was seen; the watch brings it back.
    Change(Arc<Kept<ServiceNumber>>, Change),
    /// Say this, and look again at that time.
    Settle(Box<FilingStatus>, Option<Timestamp>),
}

/// Decides about a filing.
#[must_use]
pub fn decide(world: &World, key: &ObjectKey, now: Timestamp) -> Step {
    let Some(filing) = world.filings.get(key) else { return Step::Leave };
    let bound = bound_to(world, key, filing);
    // OBSERVATION: somebody else's finalizer holds it. It keeps what it has, gets nothing new, and an
    // approval on it still counts.
    if filing.metadata.is_leaving() {
        return bound
            .iter()
            .find_map(|record| {
                outcome(filing, record, now).map(|change| Step::Change(record.clone(), change))
            })
            .unwrap_or(Step::Leave);
    }
    let source = source::resolve(world, key, filing, now);
    match keep(filing, &bound, source.record()) {
        Some(kept) => with_number(world, filing, kept, &bound, &source, now),
        None => without_number(filing, &source, now),
    }
}

/// The status of a filing whose record the API server refused to write.
#[must_use]
pub fn unavailable(world: &World, key: &ObjectKey, message: &str, now: Timestamp) -> Option<FilingStatus> {
    let filing = world.filings.get(key)?;
    let bound = bound_to(world, key, filing);
    let source = source::resolve(world, key, filing, now);
    // What an earlier filing of this name still holds is not this one's to show before it was taken over.
    let kept = keep(filing, &bound, source.record())
        .filter(|r| r.spec.submitted_time.is_some() || is_bound_to(r, filing));
    let stand = Stand::Refused(vec![ledger_unavailable(message)]);
    Some(status::status(filing, kept.map(|r| &**r), &source, stand, now))
}

/// The records that are bound to a filing's namespace, name and domain, whatever its uid.
fn bound_to(world: &World, key: &ObjectKey, filing: &Kept<Filing>) -> Vec<Arc<Kept<ServiceNumber>>> {
    world
        .ledger
        .bound_to(&key.namespace, &key.name)
        .filter(|r| {
            planted::is_on(Bug::BoundByName)
                || r.spec.filing.as_ref().is_some_and(|b| b.domain == filing.spec.website.domain)
        })
        .cloned()
        .collect()
}

/// The record that a filing keeps: the submitted one first, then the one bound to its uid, then the one that
/// its source resolves to.
fn keep<'a>(
    filing: &Kept<Filing>,
    bound: &'a [Arc<Kept<ServiceNumber>>],
    source: Option<&Arc<Kept<ServiceNumber>>>,
) -> Option<&'a Arc<Kept<ServiceNumber>>> {
    bound
        .iter()
        .find(|r| r.spec.submitted_time.is_some())
        .or_else(|| bound.iter().find(|r| is_bound_to(r, filing)))
        .or_else(|| bound.iter().find(|r| source.is_some_and(|s| s.key == r.key)))
}

fn is_bound_to(record: &Kept<ServiceNumber>, filing: &Kept<Filing>) -> bool {
    record.spec.filing.as_ref().is_some_and(|bound| filing.is(&bound.uid))
}

fn with_number(
    world: &World,
    filing: &Kept<Filing>,
    kept: &Arc<Kept<ServiceNumber>>,
    bound: &[Arc<Kept<ServiceNumber>>],
    source: &Source,
    now: Timestamp,
) -> Step {
    let extra = bound.iter().find(|r| r.key != kept.key && r.spec.submitted_time.is_none());
    if let Some(extra) = extra {
        return Step::Change(extra.clone(), Change::GiveBack);
    }
    let settle =
        |stand, wake| Step::Settle(Box::new(status::status(filing, Some(kept), source, stand, now)), wake);
    if kept.spec.submitted_time.is_some() {
        return match outcome(filing, kept, now) {
            Some(change) => Step::Change(kept.clone(), change),
            None => settle(submitted(filing, kept), None),
        };
    }
    let uid = filing.uid().unwrap_or_default();
    if kept.spec.filing.as_ref().is_some_and(|b| b.uid != uid) && !planted::is_on(Bug::BoundByName) {
        // OBSERVATION: the manifest was applied again before its draft's binding was given back.
        return match source.refusals() {
            [] => Step::Change(kept.clone(), Change::TakeOver(uid)),
            refusals => Step::Settle(
                Box::new(status::status(filing, None, source, Stand::Refused(refusals.to_vec()), now)),
                None,
            ),
        };
    }
    if !filing.spec.submit {
        return settle(Stand::Draft, None);
    }
    let (refusals, wake) = submission_refusals(world, kept, now);
    if !refusals.is_empty() {
        return settle(Stand::Refused(refusals), wake);
    }
    // The seal: of one snapshot, this record is bound to this uid and no other record is bound to this
    // namespace, name and domain. Extras were given back above, so whatever else is here forbids it.
    let said = filing.status.as_ref().is_some_and(|s| s.submitted_time.is_some());
    if planted::is_on(Bug::SubmittedBeforeSeal) && !said {
        return settle(Stand::Submitted, Some(now));
    }
    if bound.len() == 1 {
        Step::Change(kept.clone(), Change::Submit(Time(eligibility::whole_second(now))))
    } else {
        settle(Stand::Waiting("another record is still bound to this filing"), None)
    }
}

fn without_number(filing: &Kept<Filing>, source: &Source, now: Timestamp) -> Step {
    let bind = |record: &Arc<Kept<ServiceNumber>>| {
        Step::Change(
            record.clone(),
            Change::Bind(BoundFiling {
                namespace: filing.namespace().to_owned(),
                name: filing.name().to_owned(),
                uid: filing.uid().unwrap_or_default(),
                domain: filing.spec.website.domain.clone(),
            }),
        )
    };
    let (stand, wake) = match source {
        Source::Found { record, refusals } if refusals.is_empty() => return bind(record),
        Source::Issue(order) => return Step::Issue(order.clone()),
        Source::Found { refusals, .. } => (Stand::Refused(refusals.clone()), None),
        Source::Missing { refusals, wake } => (Stand::Refused(refusals.clone()), *wake),
        Source::Releasing(_) => {
            (Stand::Waiting("the number is being given back by an earlier filing of this name"), None)
        }
    };
    Step::Settle(Box::new(status::status(filing, None, source, stand, now)), wake)
}

/// Why a bound draft may not be submitted now, and when the answer changes by itself: the seeds' rule that an
/// expired server's numbers are void.
fn submission_refusals(
    world: &World,
    record: &Kept<ServiceNumber>,
    now: Timestamp,
) -> (Vec<Refusal>, Option<Timestamp>) {
    let name = &record.spec.instance_name;
    let declared: Vec<_> = world
        .namespaces_of(name)
        .filter_map(|namespace| world.instances.get(&ObjectKey::new(namespace, name)))
        .filter(|i| i.spec.account_id == record.spec.account_id)
        .collect();
    if declared.is_empty() {
        let undeclared = refusal(
            Reason::InstanceNotFound,
            "the instance that the number belongs to is not declared",
            "an Instance that has not expired",
            "Ask a platform administrator to declare the server again: a submission is for ever and is checked against it.",
        );
        return (vec![undeclared], None);
    }
    // One declaration that is valid is enough.
    let void: Vec<_> = declared.iter().map(|i| void(i, now)).collect();
    if void.iter().any(Vec::is_empty) {
        return (Vec::new(), None);
    }
    let mut refusals: Vec<_> = void.into_iter().flatten().collect();
    refusals.sort_by_key(|r| r.reason);
    refusals.dedup_by_key(|r| r.reason);
    let ends = declared.iter().filter_map(|i| i.spec.subscription.as_ref().map(eligibility::end_of));
    (refusals, ends.filter(|end| *end > now).min())
}

/// Why the numbers of a server are void, as far as one declaration of it says.
fn void(instance: &Kept<Instance>, now: Timestamp) -> Vec<Refusal> {
    let released = (instance.spec.state == InstanceState::Released).then(|| {
        refusal(
            Reason::InstanceReleased,
            "Released",
            "an instance that was not given back",
            "File with a number of another server; this number is void with its server.",
        )
    });
    eligibility::expired(&instance.spec, now).into_iter().chain(released).collect()
}

/// The registrar's word that the ledger does not have yet.
fn outcome(filing: &Kept<Filing>, record: &Kept<ServiceNumber>, now: Timestamp) -> Option<Change> {
    let status = filing.status.as_ref()?;
    let review = review_of(filing, record)?;
    let due = life::state_of(&record.spec) == NumberState::Submitted
        && status.record_name.as_deref() == Some(record.name())
        && status.submitted_time.is_some();
    let time = || Time(eligibility::whole_second(now));
    match (review.state, &review.icp_number) {
        _ if planted::is_on(Bug::ConsumedFromStatus) => None,
        (ReviewState::Approved, Some(icp_number)) if due => Some(Change::Consume(time(), icp_number.clone())),
        (ReviewState::Cancelled, _) if due => Some(Change::Cancel(time())),
        _ => None,
    }
}

/// The review of a filing, if it is about this record.
fn review_of<'a>(filing: &'a Kept<Filing>, record: &Kept<ServiceNumber>) -> Option<&'a Review> {
    let review = filing.status.as_ref()?.review.as_ref()?;
    (review.record_name == record.name()).then_some(review)
}

/// Where a filing stands whose submission is recorded and whose review asks for nothing more.
fn submitted(filing: &Kept<Filing>, record: &Kept<ServiceNumber>) -> Stand {
    let review = review_of(filing, record);
    let says = review.map(|r| (r.state, r.icp_number.as_ref()));
    let contradiction = |ledger: &str, review: &str| {
        Stand::Refused(vec![refusal(
            Reason::OutcomeDiffers,
            format!("the review says {review}"),
            format!("{ledger}, as the ledger has it"),
            "The ledger holds. Ask a cluster administrator to take the review away, which is final for everybody else, and the registrar to write it as the ledger has it.",
        )])
    };
    match (life::state_of(&record.spec), says) {
        (_, Some((ReviewState::Approved, _))) if planted::is_on(Bug::ConsumedFromStatus) => Stand::Completed,
        (NumberState::Consumed, Some((ReviewState::Cancelled, _))) => contradiction("Approved", "Cancelled"),
        (NumberState::Consumed, Some((ReviewState::Approved, icp)))
            if icp != record.spec.icp_number.as_ref() =>
        {
            contradiction("another ICP number", "Approved with this one")
        }
        (NumberState::Consumed, _) => Stand::Completed,
        (NumberState::Cancelled, Some((ReviewState::Approved, _))) => contradiction("Cancelled", "Approved"),
        (NumberState::Cancelled, _) => Stand::Refused(vec![refusal(
            Reason::Cancelled,
            "the filing was cancelled",
            "a filing that goes on",
            "File the website again under another name with another number; this one is spent.",
        )]),
        (_, Some((ReviewState::Rejected, _))) => Stand::Refused(vec![refusal(
            Reason::Rejected,
            "the registrar rejected the filing; status.review.message may say why",
            "an approved filing",
            "Mend what the registrar asks for; the filing is reviewed again with the same number.",
        )]),
        _ => Stand::Submitted,
    }
}
