//! What the records show by themselves: each one, and all of them together.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{
    Code, Finding, Subject,
    index::{Index, Site, asking, bound_site},
    sorted::Sorted,
};
use crate::{
    api::{Claim, NumberState, ServiceNumber},
    rules::{kept::Kept, key::Key, kind::Kind, life, number, snapshot::Snapshot},
};

/// How many missing slots a finding names.
const NAMED: usize = 20;

pub(super) fn judge(snapshot: &Snapshot, index: &Index<'_>, found: &mut Vec<Finding>) {
    for record in snapshot.records.iter().flatten() {
        alone(record, found);
    }
    for name in snapshot.lost.iter().filter(|name| index.record(name).is_none()) {
        let seen = "it was seen in the ledger, and it is gone";
        let subject = Subject::absent(Kind::ServiceNumber, ("", name));
        found.push(Finding::new(Code::RecordLost, [subject], seen));
    }
    together(index, found);
    for records in index.by_key.groups() {
        holes(&Key::of_record(&records[0].spec), records, found);
    }
}

/// What one record shows.
fn alone(record: &Kept<ServiceNumber>, found: &mut Vec<Finding>) {
    let spec = &record.spec;
    let mut say = |code, observed: String| found.push(Finding::new(code, [Subject::of(record)], observed));
    let named = Key::of_record(spec).record(spec.slot);
    if named != record.name() {
        say(Code::NameDiffers, format!("its facts name it {named}"));
    }
    if !(0..spec.quota).contains(&spec.slot) {
        say(Code::SlotBeyondQuota, format!("slot {} of a quota of {}", spec.slot, spec.quota));
    }
    if number::normalize(&spec.number).as_ref() != Some(&spec.number) {
        say(Code::NumberMalformed, "the number is no UUID in lower case".to_owned());
    }
    let facts = life::state_of(spec);
    if spec.state != facts {
        say(Code::StateDiffers, format!("state is {:?}, and the other fields say {facts:?}", spec.state));
    }
    if spec.submitted_time.is_some() && spec.filing.is_none() {
        say(Code::SubmittedUnbound, "submittedTime without filing".to_owned());
    }
    let (consumed, cancelled) = (spec.consumed_time.is_some(), spec.cancelled_time.is_some());
    if (consumed || cancelled) && spec.submitted_time.is_none() {
        say(Code::OutcomeUnsubmitted, format!("{facts:?} without submittedTime"));
    }
    if consumed && cancelled {
        say(Code::OutcomeTwice, "consumedTime and cancelledTime".to_owned());
    }
    if consumed != spec.icp_number.is_some() {
        let observed =
            if consumed { "consumedTime without icpNumber" } else { "icpNumber without consumedTime" };
        say(Code::OutcomeIncomplete, observed.to_owned());
    }
    let metadata = &record.metadata;
    let ends: Vec<_> = [
        ("deletionTimestamp", metadata.is_leaving()),
        ("ownerReferences", metadata.is_owned()),
        ("finalizers", metadata.has_finalizers()),
    ]
    .into_iter()
    .filter_map(|(field, there)| there.then_some(field))
    .collect();
    if !ends.is_empty() {
        say(Code::RecordMayVanish, format!("it has {}", ends.join(" and ")));
    }
}

/// What no two records may share.
fn together(index: &Index<'_>, found: &mut Vec<Finding>) {
    let shared = |group: &&[&Kept<ServiceNumber>]| group.len() > 1;
    for records in by_number(index).groups().filter(shared) {
        let observed = format!("{} records carry one number", records.len());
        found.push(Finding::new(Code::NumberIssuedTwice, Subject::all(records), observed));
    }
    for records in index.by_claim.groups().filter(shared) {
        let (Claim { kind, namespace, name }, instance) = asking(records[0]);
        let observed =
            format!("{kind:?} {namespace}/{name} has {} records on instance {instance}", records.len());
        found.push(Finding::new(Code::ClaimIssuedTwice, Subject::all(records), observed));
    }
    for records in index.by_site.groups().filter(shared) {
        if let Some(site) = bound_site(records[0]) {
            bound_twice(site, records, found);
        }
    }
    for shared in index.by_instance.groups().filter(shared) {
        let instance = &shared[0].spec.instance_name;
        let keys: BTreeSet<_> = shared.iter().map(|r| Key::of_record(&r.spec).to_string()).collect();
        if keys.len() > 1 {
            let observed = format!(
                "the numbers of instance {instance} are counted under {}",
                keys.into_iter().collect::<Vec<_>>().join(" and ")
            );
            found.push(Finding::new(Code::InstanceUnderTwoKeys, Subject::all(shared), observed));
        }
    }
}

/// Records by their numbers, whatever the case of the letters; what is no number is the same only where it is spelled
/// the same.
fn by_number<'a>(index: &Index<'a>) -> Sorted<'a, Kept<ServiceNumber>> {
    fn letters(record: &Kept<ServiceNumber>) -> impl Iterator<Item = u8> {
        record.spec.number.bytes().map(|byte| byte.to_ascii_lowercase())
    }
    Sorted::of(index.by_instance.iter(), |a, b| {
        letters(a).cmp(letters(b)).then_with(|| match number::normalize(&a.spec.number) {
            Some(_) => Ordering::Equal,
            None => a.spec.number.cmp(&b.spec.number),
        })
    })
}

fn bound_twice(
    (namespace, name, domain): Site<'_>,
    shared: &[&Kept<ServiceNumber>],
    found: &mut Vec<Finding>,
) {
    let submitted: Vec<_> =
        shared.iter().filter(|r| life::state_of(&r.spec) >= NumberState::Submitted).collect();
    let filing = format!("Filing {namespace}/{name} for {domain}");
    if submitted.len() > 1 {
        let observed = format!("{filing} was submitted with {} numbers", submitted.len());
        found.push(Finding::new(
            Code::FilingSubmittedTwice,
            submitted.iter().map(|r| Subject::of(**r)),
            observed,
        ));
    }
    if shared.len() > submitted.len() {
        let observed = format!("{filing} is bound by {} records", shared.len());
        found.push(Finding::new(Code::FilingBoundTwice, Subject::all(shared), observed));
    }
}

/// Slots are taken in order and never freed, so what lies below a slot that is taken was issued.
fn holes(key: &Key, records: &[&Kept<ServiceNumber>], found: &mut Vec<Finding>) {
    let taken: BTreeSet<i32> = records.iter().map(|r| r.spec.slot).filter(|slot| *slot >= 0).collect();
    let (mut next, mut missing, mut named) = (0_i64, 0_i64, Vec::new());
    for slot in taken.iter().map(|slot| i64::from(*slot)) {
        missing += slot - next;
        named.extend((next..slot).take(NAMED.saturating_sub(named.len())));
        next = slot + 1;
    }
    if missing > 0 {
        let subjects =
            named.iter().map(|slot| Subject::absent(Kind::ServiceNumber, ("", &format!("{key}-{slot}"))));
        let observed = format!("{missing} of the first {next} slots of {key} are missing");
        found.push(Finding::new(Code::SlotMissing, subjects, observed));
    }
}

/// Whether a record is submitted to a filing.
pub(super) fn is_submitted_to(record: &Kept<ServiceNumber>, site: Site<'_>) -> bool {
    record.spec.submitted_time.is_some() && bound_site(record) == Some(site)
}
