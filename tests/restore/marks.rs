//! The rules of marks: a store that has the last change that was seen has every earlier one; one that lacks it, or
//! whose revision is behind, went back.

use icp_filing_operator::{
    api::ServiceNumber,
    rules::{
        high_water::{HighWater, Newest, Shown},
        kept::Kept,
        ledger::{Ledger, WentBack},
    },
};
use proptest::prelude::*;
use std::sync::Arc;

use crate::histories::{events, history, name};

fn seen(revision: u64, newest: Option<(&str, u64)>) -> HighWater {
    let newest = newest.map(|(record, revision)| Newest { revision, record: record.to_owned() });
    HighWater { revision, newest }
}

#[test]
fn a_store_is_behind_by_its_record_or_by_its_revision() {
    let mark = seen(20, Some(("r", 15)));
    let shown = |revision, record| Shown { revision, record };
    let record = |now| WentBack::Record { record: "r".to_owned(), seen: 15, now };
    for (shown, expected) in [
        (shown(20, Some(15)), Ok(())),
        (shown(25, Some(22)), Ok(())),
        (shown(19, Some(15)), Err(WentBack::Revision { seen: 20, now: 19 })),
        // A revision that was bumped, or grew since, hides nothing.
        (shown(1_000_000, Some(14)), Err(record(Some(14)))),
        (shown(1_000_000, None), Err(record(None))),
    ] {
        assert_eq!(mark.check(&shown), expected, "{shown:?}");
    }
    assert_eq!(seen(0, None).check(&shown(1, None)), Ok(()));
}

proptest! {
    /// A copy that lacks any change of the ledger that was seen is noticed, whatever its revision is.
    #[test]
    fn every_copy_that_lacks_a_change_is_noticed(events in events(1..50), early: prop::sample::Index) {
        let snapshots = history(&events);
        let (mut ledger, mut last) = (Ledger::default(), Vec::new());
        let mut stores = Vec::new();
        for (revision, snapshot) in snapshots.iter().enumerate() {
            // Each event is a revision, and what it changed carries it.
            let records: Vec<_> = snapshot.iter().enumerate().map(|(at, spec)| {
                let unchanged = last.get(at).filter(|r: &&Arc<Kept<ServiceNumber>>| r.spec == *spec);
                unchanged.cloned().unwrap_or_else(|| {
                    let mut record = ServiceNumber::new(&name(spec), spec.clone());
                    record.metadata.resource_version = Some(revision.to_string());
                    Arc::new(record.into())
                })
            }).collect();
            last.clone_from(&records);
            stores.push(records);
        }
        ledger.observe_all(last.clone()).expect("a first list");
        let restored = &stores[early.index(stores.len())];
        let mark = HighWater { revision: 0, newest: ledger.newest() };
        let record = mark.newest.as_ref().and_then(|newest| {
            let found = restored.iter().find(|r| r.name() == newest.record);
            found.and_then(|r| r.resource_version()?.parse().ok())
        });
        let shown = Shown { revision: u64::MAX, record };
        prop_assert_eq!(mark.check(&shown).is_ok(), *restored == last);
    }
}
