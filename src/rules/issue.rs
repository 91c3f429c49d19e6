//! Whether a claim has a number, may be issued one, or is refused: the decision that requests and direct
//! filings share. The order that it returns is carried out by one create and nothing else.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use std::sync::Arc;

use super::{
    eligibility::{self, Judgement, refusal},
    kept::Kept,
    key::Key,
    ledger::Slots,
    life,
    world::{ObjectKey, World},
};
use crate::api::{
    BoundFiling, Claim, Instance, InstanceClass, NumberState, Reason, Refusal, ServiceNumber,
    ServiceNumberSpec,
};
use crate::planted::{self, Bug};

/// Who asks for a number, on which instance of its own namespace, and on which terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking<'a> {
    /// The claim.
    pub claim: Claim,
    /// The instance's name.
    pub instance: &'a str,
    /// The account that applies.
    pub account: &'a str,
    /// The one other account that may file.
    pub grant: Option<&'a str>,
    /// The filing that the number is bound to from the start, where a filing asks.
    pub filing: Option<BoundFiling>,
}

/// One slot to be taken: what to write, all but the number itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The key that the slot belongs to. Orders of one key wait for one another to save work, not for safety.
    pub key: Key,
    spec: ServiceNumberSpec,
}

impl Order {
    /// The name of the record to create.
    #[must_use]
    pub fn record_name(&self) -> String {
        self.key.record(self.spec.slot)
    }

    /// The claim that it is for.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.spec.claim
    }

    /// The record to create, with a number made for it.
    #[must_use]
    pub fn record(&self, number: String) -> ServiceNumber {
        let name = if planted::is_on(Bug::RandomName) {
            format!("{}-{}", self.key, &number[..8])
        } else {
            self.record_name()
        };
        ServiceNumber::new(&name, ServiceNumberSpec { number, ..self.spec.clone() })
    }
}

/// What a claim comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Allocation {
    /// It has its number.
    Have(Arc<Kept<ServiceNumber>>),
    /// It may have this slot.
    Issue(Box<Order>),
    /// It may not, for these reasons; the answer may change by itself at that time.
    Refused(Vec<Refusal>, Option<Timestamp>),
}

/// Decides on a claim. A number once issued to it is found whatever became of the instance.
#[must_use]
pub fn allocate(world: &World, asking: &Asking<'_>, now: Timestamp) -> Allocation {
    let Asking { claim, instance: instance_name, account, grant, filing } = asking;
    let counts = |r: &&Arc<Kept<ServiceNumber>>| {
        !planted::is_on(Bug::ForeignClockTrusted) || r.spec.issued_time.0 <= now
    };
    if let Some(record) = world.ledger.claimed(claim, instance_name).filter(counts) {
        return Allocation::Have(record.clone());
    }
    let Some(instance) = world.instances.get(&ObjectKey::new(&claim.namespace, *instance_name)) else {
        return Allocation::Refused(vec![instance_not_found(instance_name)], None);
    };
    let class = world.class_of(instance);
    let Judgement { mut refusals, next_change } = judge(world, instance, now);
    if instance.spec.account_id != *account {
        refusals.push(refusal(
            Reason::WrongAccount,
            format!("account {account}"),
            "the account that bought the instance",
            "Apply with the account that bought the instance; let another account file by granting it in filingAccountID.",
        ));
    }
    let Some(class) = class else { return Allocation::Refused(refusals, next_change) };
    if class.spec.suspend {
        refusals.push(refusal(
            Reason::IssuingSuspended,
            format!("class {} is suspended", instance.spec.class_name),
            "a class that is not suspended",
            "Wait, or ask a platform administrator why issuing is held.",
        ));
    }
    let key = key_of(instance, class);
    let quota = class.spec.quota;
    let counted = || instance.status.as_ref().and_then(|s| s.quota.as_ref()).map_or(0, |q| q.issued);
    let slots = match world.ledger.slots(&key, quota) {
        Slots::Exhausted(next) if planted::is_on(Bug::QuotaFromCounter) && counted() < quota => {
            Slots::Free(next)
        }
        slots => slots,
    };
    match slots {
        Slots::Free(slot) if refusals.is_empty() => {
            let mut spec = ServiceNumberSpec {
                number: String::new(),
                state: NumberState::Issued,
                slot,
                quota,
                quota_scope: class.spec.quota_scope,
                class_name: instance.spec.class_name.clone(),
                instance_name: (*instance_name).to_owned(),
                account_id: instance.spec.account_id.clone(),
                claim: claim.clone(),
                filing_account_id: grant.map(str::to_owned),
                issued_time: Time(eligibility::whole_second(now)),
                filing: filing.clone().map(Box::new),
                submitted_time: None,
                consumed_time: None,
                icp_number: None,
                cancelled_time: None,
            };
            spec.state = life::state_of(&spec);
            return Allocation::Issue(Box::new(Order { key, spec }));
        }
        Slots::Free(_) => {}
        Slots::Exhausted(issued) => refusals.push(refusal(
            Reason::QuotaExhausted,
            format!("{issued} issued of {quota}"),
            "a number that was not issued yet",
            "Buy another server: renewals add no numbers and nothing comes back. Unused numbers are listed in the status of the Instance.",
        )),
        Slots::Incomplete(slot) => refusals.push(refusal(
            Reason::LedgerIncomplete,
            format!("record {} is missing", key.record(slot)),
            "a ledger without holes",
            "Ask a platform administrator to restore the record from a backup; nothing is issued for this instance before.",
        )),
    }
    Allocation::Refused(refusals, next_change)
}

/// Judges an instance as it is declared, with its class and its twins.
#[must_use]
pub fn judge(world: &World, instance: &Kept<Instance>, now: Timestamp) -> Judgement {
    let class = world.class_of(instance);
    eligibility::judge(&instance.spec, class.map(|c| &c.spec), !is_served(world, instance), now)
}

/// What an instance's numbers are counted under.
#[must_use]
pub fn key_of(instance: &Kept<Instance>, class: &Kept<InstanceClass>) -> Key {
    Key::of(class.spec.quota_scope, &instance.spec.class_name, &instance.spec.account_id, instance.name())
}

/// Of Instances of one name the one declared first is served, by the server's clock, then by namespace.
fn is_served(world: &World, instance: &Kept<Instance>) -> bool {
    let key = &instance.key;
    let age = |i: &Kept<Instance>| i.metadata.creation_timestamp.as_ref().map(|t| t.0);
    world
        .namespaces_of(&key.name)
        .filter(|namespace| **namespace != key.namespace)
        .filter_map(|namespace| world.instances.get(&ObjectKey::new(namespace, &key.name)))
        .all(|twin| (age(instance), instance.namespace()) < (age(twin), twin.namespace()))
}

/// The API server refused a write to the ledger.
pub(super) fn ledger_unavailable(message: &str) -> Refusal {
    refusal(
        Reason::LedgerUnavailable,
        message.chars().take(500).collect::<String>(),
        "a ledger that the operator may write to",
        "Ask a platform administrator whether the ledger is held, or whether the operator's role is bound; it is tried again.",
    )
}

pub(super) fn instance_not_found(name: &str) -> Refusal {
    refusal(
        Reason::InstanceNotFound,
        format!("no Instance {name} in this namespace"),
        "an Instance of that name",
        "Check the provider's instance ID, or ask a platform administrator to declare the server.",
    )
}
