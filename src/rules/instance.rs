//! What is to be said of an `Instance`: whether it qualifies, and what became of its numbers.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use super::{
    conditions::{Aspect, Verdict, Word, conditions},
    issue::{judge, key_of},
    kept::Kept,
    life,
    world::{ObjectKey, World},
};
use crate::api::{
    ClaimKind, Instance, InstanceClass, InstanceStatus, NumberState, QuotaStatus, UnusedNumber,
    condition_type,
};

/// How many unused numbers a status lists.
const LISTED: usize = 20;

/// The status of an instance, and when it changes by itself. `None` when there is no such instance.
#[must_use]
pub fn decide(world: &World, key: &ObjectKey, now: Timestamp) -> Option<(InstanceStatus, Option<Timestamp>)> {
    let instance = world.instances.get(key)?;
    let judgement = judge(world, instance, now);
    let said = if judgement.refusals.is_empty() {
        Word::new("Eligible", "The instance qualifies for service numbers")
    } else {
        Word::of(&judgement.refusals)
    };
    let eligible = judgement.refusals.is_empty();
    let verdict = if eligible { Verdict::Ready(said.clone()) } else { Verdict::Stalled(said.clone()) };
    let aspect = Aspect { type_: condition_type::ELIGIBLE, holds: eligible, word: said };
    let previous = instance.status.as_ref().map_or(&[][..], |s| &s.conditions);
    let generation = instance.metadata.generation;
    let status = InstanceStatus {
        observed_generation: generation,
        conditions: conditions(previous, generation, now, &verdict, &[aspect]),
        refusals: judgement.refusals,
        quota: world.class_of(instance).map(|class| count(world, instance, class)),
        unused_numbers: unused(world, key),
        next_change_time: judgement.next_change.map(Time),
    };
    Some((status, judgement.next_change))
}

fn count(world: &World, instance: &Kept<Instance>, class: &Kept<InstanceClass>) -> QuotaStatus {
    let limit = class.spec.quota;
    let mut quota = QuotaStatus { limit, ..QuotaStatus::default() };
    for record in world.ledger.of_key(&key_of(instance, class)) {
        quota.issued += 1;
        match life::state_of(&record.spec) {
            NumberState::Issued => {}
            NumberState::InUse | NumberState::Submitted => quota.in_use += 1,
            NumberState::Consumed | NumberState::Cancelled => quota.consumed += 1,
        }
    }
    quota.available = (limit - quota.issued).max(0);
    quota
}

/// The namespace's own unused numbers of this instance: those of other tenants are not for its readers.
fn unused(world: &World, key: &ObjectKey) -> Vec<UnusedNumber> {
    let mut records: Vec<_> = world
        .ledger
        .of_instance(&key.name)
        .filter(|r| {
            *r.spec.claim.namespace == *key.namespace && life::state_of(&r.spec) == NumberState::Issued
        })
        .collect();
    records.sort_by_key(|r| r.spec.slot);
    records
        .into_iter()
        .take(LISTED)
        .map(|record| {
            let kind = match record.spec.claim.kind {
                ClaimKind::ServiceNumberRequest => "ServiceNumberRequest",
                ClaimKind::Filing => "Filing",
            };
            UnusedNumber {
                record_name: record.name().to_owned(),
                service_number: record.spec.number.clone(),
                claimed_by: format!("{kind}/{}", record.spec.claim.name),
            }
        })
        .collect()
}
