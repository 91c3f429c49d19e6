//! The five invariants, judged on every write to the store, and what must hold when everything has settled.
//! Written from design §3 without a look at how the rules decide.

use icp_filing_operator::{
    api::{
        Filing, NumberState, QuotaScope, ReviewState, ServiceNumber, ServiceNumberRequest, ServiceNumberSpec,
    },
    rules::{kept::Kept, world::ObjectKey},
};
use kube::{Resource, ResourceExt};

use super::store::Store;

#[expect(clippy::unnecessary_wraps, reason = "the other kinds can break something")]
pub fn nothing<K>(_: &Store, _: Option<&K>, _: &K) -> Result<(), String> {
    Ok(())
}

fn hold(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

/// The key that a quota is counted for, with a separator that no name has.
fn key(spec: &ServiceNumberSpec) -> String {
    match spec.quota_scope {
        QuotaScope::Instance => format!("instance|{}", spec.instance_name),
        QuotaScope::Account => format!("account|{}|{}", spec.class_name, spec.account_id),
    }
}

/// The identity of the filing that a record is bound to.
fn identity(spec: &ServiceNumberSpec) -> Option<(&str, &str, &str)> {
    spec.filing.as_ref().map(|f| (f.namespace.as_str(), f.name.as_str(), f.domain.as_str()))
}

/// Invariants 1, 2, 3 and 5, and the half of 4 that is about records.
pub fn record(store: &Store, old: Option<&ServiceNumber>, new: &ServiceNumber) -> Result<(), String> {
    let name = new.name_any();
    let n = &new.spec;
    for (other, record) in &store.records.live {
        if *other.name == *name {
            continue;
        }
        let o = &record.spec;
        let other = &other.name;
        hold(o.number != n.number, || format!("1 unique: {name} and {other} carry one number"))?;
        hold((&o.claim, &o.instance_name) != (&n.claim, &n.instance_name), || {
            format!("3 one per claim: {name} and {other} were issued to one claim")
        })?;
        hold(key(o) != key(n) || o.slot != n.slot, || {
            format!("2 within quota: {name} and {other} share a slot")
        })?;
        let sealed = n.submitted_time.is_some() && o.submitted_time.is_some();
        hold(!sealed || identity(o) != identity(n), || {
            format!("4 one filing per number: {name} and {other} are submitted to one filing")
        })?;
    }
    let Some(old) = old.map(|o| &o.spec) else {
        let declared = store.quotas.get(&n.class_name).is_some_and(|q| q.contains(&n.quota));
        hold(declared && (0..n.quota).contains(&n.slot), || {
            format!(
                "2 within quota: slot {} of {} was never in the quota of {}",
                n.slot, n.quota, n.class_name
            )
        })?;
        return hold(n.submitted_time.is_none(), || format!("4: {name} was submitted by its create"));
    };
    hold(old.number == n.number && old.claim == n.claim, || format!("5 one way: {name} was issued anew"))?;
    let rank = |s: &ServiceNumberSpec| {
        (s.submitted_time.is_some(), s.consumed_time.is_some(), s.cancelled_time.is_some())
    };
    let (a, b) = (rank(old), rank(n));
    hold(a.0 <= b.0 && a.1 <= b.1 && a.2 <= b.2 && !(b.1 && b.2), || format!("5 one way: {name} went back"))?;
    hold(!a.0 || old.filing == n.filing, || format!("4 one filing per number: {name} left its filing"))?;
    let moved = identity(old).is_some() && identity(n).is_some() && identity(old) != identity(n);
    hold(!moved, || format!("4 one filing per number: {name} went from one filing to another in one write"))?;
    hold(b.0 == a.0 || old.filing == n.filing, || format!("4: {name} was bound and submitted in one write"))
}

/// A request shows a number that it was issued, and none before: the ledger is written first.
pub fn request(
    store: &Store,
    _: Option<&ServiceNumberRequest>,
    new: &ServiceNumberRequest,
) -> Result<(), String> {
    let Some(number) = new.status.as_ref().and_then(|s| s.service_number.as_ref()) else { return Ok(()) };
    let own = (new.namespace().unwrap_or_default(), new.name_any());
    let issued = store.records.live.values().any(|r| {
        r.spec.number == *number && (&r.spec.claim.namespace, &r.spec.claim.name) == (&own.0, &own.1)
    });
    hold(issued, || format!("request {own:?} shows a number that it was not issued"))
}

/// The half of invariant 4 that is about reviews, and that no status is ahead of the ledger.
pub fn filing(store: &Store, _: Option<&Filing>, new: &Filing) -> Result<(), String> {
    let said = new.status.as_ref().and_then(|s| Some((s.record_name.as_ref()?, s.submitted_time.as_ref()?)));
    if let Some((record, time)) = said {
        let sealed = store.records.live.get(&ObjectKey::new("", record));
        hold(sealed.is_some_and(|r| r.spec.submitted_time.as_ref() == Some(time)), || {
            format!("filing {} shows a submission that the ledger does not have", ObjectKey::of(new))
        })?;
    }
    let Some(review) = new.status.as_ref().and_then(|s| s.review.as_ref()) else { return Ok(()) };
    let sealed = store.records.live.get(&ObjectKey::new("", &review.record_name)).is_some_and(|r| {
        r.spec.submitted_time.is_some()
            && identity(&r.spec)
                == Some((&new.namespace().unwrap_or_default(), &new.name_any(), &new.spec.website.domain))
    });
    hold(sealed, || {
        format!(
            "4 one filing per number: a review of {} whose record is not submitted to it",
            ObjectKey::of(new)
        )
    })
}

/// A number was taken from a draft that was held to be gone.
pub fn released(store: &mut Store, record: &Kept<ServiceNumber>) {
    let Some(bound) = &record.spec.filing else { return };
    let filing = store.filings.live.get(&ObjectKey::new(&bound.namespace, &bound.name));
    if filing.is_some_and(|f| f.uid().as_ref() == Some(&bound.uid)) {
        store.violate(format!("{} was taken from a draft that is there", record.name()));
    }
}

fn is<K: Resource>(conditions: &[icp_filing_operator::api::Condition], type_: &str, _: &K) -> bool {
    conditions.iter().any(|c| c.type_ == type_ && c.status == "True")
}

/// What must hold once a single operator has run undisturbed until it had nothing left to do.
pub fn settled(store: &Store) -> Result<(), String> {
    for (key, request) in &store.requests.live {
        if request.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let status = request.status.clone().unwrap_or_default();
        let ready = is(&status.conditions, "Ready", &**request);
        hold(ready != is(&status.conditions, "Stalled", &**request), || {
            format!("request {key} is neither Ready nor Stalled: {status:?}")
        })?;
        hold(ready == status.refusals.is_empty(), || format!("request {key} is stalled without a reason"))?;
        let issued = store.records.live.values().any(|r| {
            r.spec.instance_name == request.spec.instance_ref.name
                && *r.spec.claim.name == *key.name
                && *r.spec.claim.namespace == *key.namespace
                && Some(&r.spec.number) == status.service_number.as_ref()
        });
        hold(ready == issued, || format!("request {key} shows another number than the ledger"))?;
    }
    for record in store.records.live.values() {
        settled_record(store, record)?;
    }
    for (key, filing) in &store.filings.live {
        if filing.metadata.deletion_timestamp.is_none() {
            settled_filing(store, key, filing)?;
        }
    }
    Ok(())
}

fn settled_record(store: &Store, record: &ServiceNumber) -> Result<(), String> {
    let Some(bound) = &record.spec.filing else { return Ok(()) };
    let name = record.name_any();
    let filing = store.filings.live.get(&ObjectKey::new(&bound.namespace, &bound.name));
    let there = filing.is_some_and(|f| f.uid().as_ref() == Some(&bound.uid));
    hold(there || record.spec.submitted_time.is_some(), || format!("{name} is bound to a draft that is gone"))
}

fn settled_filing(store: &Store, key: &ObjectKey, filing: &Filing) -> Result<(), String> {
    let status = filing.status.clone().unwrap_or_default();
    let ready = is(&status.conditions, "Ready", filing);
    hold(ready != is(&status.conditions, "Stalled", filing), || {
        format!("filing {key} is neither Ready nor Stalled: {status:?}")
    })?;
    hold(ready == status.refusals.is_empty(), || format!("filing {key} is stalled without a reason"))?;
    let own = (&*key.namespace, &*key.name, filing.spec.website.domain.as_str());
    let bound: Vec<_> = store.records.live.values().filter(|r| identity(&r.spec) == Some(own)).collect();
    hold(bound.len() <= 1, || format!("filing {key} has {} records for ever", bound.len()))?;
    let Some(record) = bound.first() else {
        return hold(!ready && status.record_name.is_none(), || {
            format!("filing {key} is Ready without a record")
        });
    };
    let spec = &record.spec;
    let mine = spec.submitted_time.is_some() || spec.filing.as_ref().map(|f| &f.uid) == filing.uid().as_ref();
    hold(mine, || format!("filing {key} never took its binding over"))?;
    hold(status.record_name == record.metadata.name, || format!("filing {key} does not name its record"))?;
    hold(status.submitted_time == spec.submitted_time, || format!("filing {key} shows another submission"))?;
    hold(status.icp_number == spec.icp_number, || format!("filing {key} shows another outcome"))?;
    hold(!(filing.spec.submit && ready) || spec.submitted_time.is_some(), || {
        format!("filing {key} is Ready and was never submitted")
    })?;
    let outcome = match status.review.as_ref().map(|r| r.state) {
        Some(ReviewState::Approved) => spec.consumed_time.is_some() || spec.cancelled_time.is_some(),
        Some(ReviewState::Cancelled) => spec.cancelled_time.is_some() || spec.consumed_time.is_some(),
        _ => true,
    };
    hold(outcome, || format!("the outcome of filing {key} never reached the ledger"))?;
    hold(!matches!(spec.state, NumberState::Cancelled) || !ready, || {
        format!("cancelled filing {key} is Ready")
    })
}
