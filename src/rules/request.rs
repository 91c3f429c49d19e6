//! What is to be done about a `ServiceNumberRequest`. Nothing is done here.

use k8s_openapi::jiff::Timestamp;

use super::{
    conditions::{Verdict, Word, conditions},
    eligibility::refusal,
    issue::{Allocation, Asking, Order, allocate, ledger_unavailable},
    kept::Kept,
    life,
    world::{ObjectKey, World},
};
use crate::api::{
    ClaimKind, NumberState, Reason, Refusal, ServiceNumber, ServiceNumberRequest, ServiceNumberRequestStatus,
};
use crate::planted::{self, Bug};

/// The next step for a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// There is no such request, or it is being deleted.
    Leave,
    /// Take this slot, then look again.
    Issue(Box<Order>),
    /// Say this, and look again at that time.
    Settle(Box<ServiceNumberRequestStatus>, Option<Timestamp>),
}

/// Decides about a request.
#[must_use]
pub fn decide(world: &World, key: &ObjectKey, now: Timestamp) -> Step {
    let Some(request) = world.requests.get(key) else { return Step::Leave };
    if request.metadata.is_leaving() {
        return Step::Leave;
    }
    let asking = Asking {
        claim: key.claim(ClaimKind::ServiceNumberRequest),
        instance: &request.spec.instance_ref.name,
        account: &request.spec.account_id,
        grant: request.spec.filing_account_id.as_deref(),
        filing: None,
    };
    match allocate(world, &asking, now) {
        Allocation::Issue(order)
            if planted::is_on(Bug::NumberBeforeRecord)
                && request.status.as_ref().is_none_or(|s| s.service_number.is_none()) =>
        {
            let record = order.record(request.uid().unwrap_or_default()).into();
            Step::Settle(Box::new(status(request, Some(&record), Vec::new(), now)), Some(now))
        }
        Allocation::Issue(order) => Step::Issue(order),
        Allocation::Refused(refusals, wake) => {
            Step::Settle(Box::new(status(request, None, refusals, now)), wake)
        }
        Allocation::Have(record) => {
            let refusals = differences(request, &record);
            Step::Settle(Box::new(status(request, Some(&record), refusals, now)), None)
        }
    }
}

/// The status of a request whose slot the API server refused to take.
#[must_use]
pub fn unavailable(
    world: &World,
    key: &ObjectKey,
    message: &str,
    now: Timestamp,
) -> Option<ServiceNumberRequestStatus> {
    world.requests.get(key).map(|request| status(request, None, vec![ledger_unavailable(message)], now))
}

/// A record wins over a manifest: a request applied again on other terms is told what differs.
fn differences(request: &Kept<ServiceNumberRequest>, record: &Kept<ServiceNumber>) -> Vec<Refusal> {
    let terms = |account: &str, grant: Option<&String>| {
        format!("accountID {account}, filingAccountID {}", grant.map_or("absent", String::as_str))
    };
    let asked = terms(&request.spec.account_id, request.spec.filing_account_id.as_ref());
    let issued = terms(&record.spec.account_id, record.spec.filing_account_id.as_ref());
    if asked == issued {
        return Vec::new();
    }
    vec![refusal(
        Reason::ClaimDiffers,
        asked,
        format!("{issued}, as the number was issued"),
        "Delete this request and apply it again with the terms of the ledger, or make a request of another name.",
    )]
}

fn status(
    request: &Kept<ServiceNumberRequest>,
    record: Option<&Kept<ServiceNumber>>,
    refusals: Vec<Refusal>,
    now: Timestamp,
) -> ServiceNumberRequestStatus {
    // On other terms the number is not this manifest's to show.
    let shown = record.filter(|_| refusals.is_empty());
    let verdict = match shown {
        Some(record) => Verdict::Ready(described(record)),
        None => Verdict::Stalled(Word::of(&refusals)),
    };
    let previous = request.status.as_ref().map_or(&[][..], |s| &s.conditions);
    let generation = request.metadata.generation;
    let own = request.namespace();
    ServiceNumberRequestStatus {
        observed_generation: generation,
        conditions: conditions(previous, generation, now, &verdict, &[]),
        refusals,
        service_number: shown.map(|r| r.spec.number.clone()),
        record_name: shown.map(|r| r.name().to_owned()),
        issued_time: shown.map(|r| r.spec.issued_time.clone()),
        state: shown.map(|r| life::state_of(&r.spec)),
        used_by: shown
            .and_then(|r| r.spec.filing.as_ref())
            .map(|f| if f.namespace == own { f.name.clone() } else { "(another namespace)".to_owned() }),
    }
}

fn described(record: &Kept<ServiceNumber>) -> Word {
    match life::state_of(&record.spec) {
        NumberState::Issued => Word::new("Issued", "The number was issued and no filing uses it"),
        NumberState::InUse => Word::new("InUse", "A draft filing holds the number"),
        NumberState::Submitted => Word::new("Submitted", "The number was submitted with a filing"),
        NumberState::Consumed => Word::new("Consumed", "The number was consumed by a completed filing"),
        NumberState::Cancelled => {
            Word::new("Cancelled", "The filing of this number was cancelled; the number is spent")
        }
    }
}
