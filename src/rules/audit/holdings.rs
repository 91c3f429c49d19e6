//! Who holds what: the ledger by key and slot, as its facts have it.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{BoundFiling, Claim, NumberState, QuotaScope, ServiceNumber, ServiceNumberSpec},
    rules::{kept::Kept, key::Key, life, snapshot::Snapshot},
};

/// What a quota is counted for, and what was issued of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The key.
    pub key: Key,
    /// What the quota is counted for.
    pub scope: QuotaScope,
    /// The class of its newest record.
    pub class: String,
    /// What that class declares now, if it is there.
    pub quota: Option<i32>,
    /// What was issued, in the order of the slots.
    pub slots: Vec<Slot>,
}

/// A number that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The name of its record.
    pub record: String,
    /// Which of the quota's numbers it is.
    pub slot: i32,
    /// The quota when it was issued, as the record has it.
    pub quota: i32,
    /// Where it stands, from the facts of the record.
    pub state: NumberState,
    /// The number. Holding it is the right to file with it.
    pub number: String,
    /// Who asked for it.
    pub claim: Claim,
    /// The instance.
    pub instance: String,
    /// The account that bought the instance.
    pub account: String,
    /// The one other account that may file with it.
    pub filing_account: Option<String>,
    /// The filing that it is bound to.
    pub filing: Option<BoundFiling>,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it was submitted.
    pub submitted: Option<Timestamp>,
    /// When it was consumed or cancelled.
    pub ended: Option<Timestamp>,
    /// The ICP number that its filing ended with.
    pub icp_number: Option<String>,
}

/// The whole ledger by key and slot.
#[must_use]
pub fn holdings(snapshot: &Snapshot) -> Vec<Holding> {
    let mut keys: BTreeMap<Key, Vec<&Kept<ServiceNumber>>> = BTreeMap::new();
    for record in snapshot.records.iter().flatten() {
        keys.entry(Key::of_record(&record.spec)).or_default().push(record);
    }
    let mut holdings = Vec::with_capacity(keys.len());
    for (key, mut records) in keys {
        records.sort_by_key(|r| (r.spec.slot, r.name()));
        let Some(newest) = records.last().map(|r| &r.spec) else { continue };
        let class = snapshot.classes.iter().flatten().find(|c| c.name() == newest.class_name);
        holdings.push(Holding {
            key,
            scope: newest.quota_scope,
            class: newest.class_name.clone(),
            quota: class.map(|c| c.spec.quota),
            slots: records.into_iter().map(slot).collect(),
        });
    }
    holdings
}

fn slot(record: &Kept<ServiceNumber>) -> Slot {
    let state = life::state_of(&record.spec);
    // Without `..`: what is added to a record is to be reported too.
    let ServiceNumberSpec {
        number,
        state: _,
        slot,
        quota,
        quota_scope: _,
        class_name: _,
        instance_name,
        account_id,
        claim,
        filing_account_id,
        issued_time,
        filing,
        submitted_time,
        consumed_time,
        icp_number,
        cancelled_time,
    } = record.spec.clone();
    Slot {
        record: record.name().to_owned(),
        slot,
        quota,
        state,
        number,
        claim,
        instance: instance_name,
        account: account_id,
        filing_account: filing_account_id,
        filing: filing.map(|bound| *bound),
        issued: issued_time.0,
        submitted: submitted_time.map(|t| t.0),
        ended: consumed_time.or(cancelled_time).map(|t| t.0),
        icp_number,
    }
}
