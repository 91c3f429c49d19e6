//! The ledger's index answers as a search through all records does, after any sequence of observations.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use icp_filing_operator::{
    api::{Claim, NumberState, QuotaScope, ServiceNumber},
    rules::{
        kept::Kept,
        key::Key,
        ledger::{Ledger, Slots, WentBack},
    },
};
use proptest::prelude::*;

use crate::things::{bound, brought, claim_of_filing, claim_of_request, facts, record};

/// What a search has to go by.
#[derive(Clone, Debug, Default)]
struct Naive {
    snapshot: BTreeMap<String, Arc<Kept<ServiceNumber>>>,
    learned: BTreeMap<String, Arc<Kept<ServiceNumber>>>,
    lost: BTreeSet<String>,
}

impl Naive {
    fn observe(&mut self, record: &Arc<Kept<ServiceNumber>>) {
        let name = record.name().to_owned();
        self.learned.remove(&name);
        self.lost.remove(&name);
        self.snapshot.insert(name, record.clone());
    }

    /// Of the snapshot or learned.
    fn known(&self) -> Vec<&Arc<Kept<ServiceNumber>>> {
        self.snapshot.values().chain(self.learned.values()).collect()
    }

    fn slots(&self, key: &Key, quota: i32) -> Slots {
        let taken: BTreeSet<i32> =
            self.known().iter().filter(|r| Key::of_record(&r.spec) == *key).map(|r| r.spec.slot).collect();
        let free = (0..1000).find(|slot| !taken.contains(slot)).unwrap_or(1000);
        if taken.iter().any(|slot| *slot > free) || self.lost.contains(&key.record(free)) {
            Slots::Incomplete(free)
        } else if free < quota {
            Slots::Free(free)
        } else {
            Slots::Exhausted(free)
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Observe(Arc<Kept<ServiceNumber>>),
    Lose(String),
    Learn(Arc<Kept<ServiceNumber>>),
    List(Vec<Arc<Kept<ServiceNumber>>>),
}

/// Few names, so that they meet: two instances and an account, four slots each. A record that was restored by
/// hand may have another number and claim than the lost one.
fn any_record() -> impl Strategy<Value = Arc<Kept<ServiceNumber>>> {
    (0..3_usize, 0..4_i32, 0..2_u64, 0..5_usize, "[ab]", 1..30_u64).prop_map(
        |(which, slot, edition, state, site, revision)| {
            let states = [
                NumberState::Issued,
                NumberState::InUse,
                NumberState::Submitted,
                NumberState::Consumed,
                NumberState::Cancelled,
            ];
            let instance = ["i-1", "i-2", "i-3"][which];
            let name = format!("{instance}-{slot}-{edition}");
            let claim = if slot % 2 == 0 { claim_of_request(&name) } else { claim_of_filing(&name) };
            let mut spec = facts(instance, slot, claim);
            if which == 2 {
                spec.quota_scope = QuotaScope::Account;
            }
            spec.number = spec.number.replace("-4000-", &format!("-400{edition}-"));
            record(brought(spec, bound(&site, "uid-1"), states[state]), revision)
        },
    )
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let some = prop::collection::vec(any_record(), 0..12);
    prop::collection::vec(
        prop_oneof![
            6 => any_record().prop_map(Act::Observe),
            2 => any_record().prop_map(|r| Act::Lose(r.name().to_owned())),
            4 => any_record().prop_map(Act::Learn),
            1 => some.prop_map(Act::List),
        ],
        1..40,
    )
}

fn names<'a>(
    records: impl IntoIterator<Item = &'a Arc<Kept<ServiceNumber>>>,
) -> BTreeSet<(String, Option<String>)> {
    records.into_iter().map(|r| (r.name().to_owned(), r.resource_version())).collect()
}

fn same(ledger: &Ledger, naive: &Naive) -> Result<(), TestCaseError> {
    prop_assert_eq!(names(ledger.records()), names(naive.snapshot.values()));
    let by = |f: &dyn Fn(&Kept<ServiceNumber>) -> bool| names(naive.known().into_iter().filter(|r| f(r)));
    for instance in ["i-1", "i-2", "i-3", "i-4"] {
        prop_assert_eq!(names(ledger.of_instance(instance)), by(&|r| r.spec.instance_name == instance));
    }
    for site in ["a", "b", "c"] {
        let expected =
            naive.snapshot.values().filter(|r| r.spec.filing.as_ref().is_some_and(|f| f.name == site));
        prop_assert_eq!(names(ledger.bound_to("shop", site)), names(expected));
    }
    for which in 0..3 {
        for slot in 0..4 {
            for edition in 0..2 {
                let instance = ["i-1", "i-2", "i-3"][which];
                let name = format!("{instance}-{slot}-{edition}");
                for claim in [claim_of_request(&name), claim_of_filing(&name)] {
                    let expected = by(&|r: &Kept<ServiceNumber>| {
                        r.spec.claim == claim && r.spec.instance_name == instance
                    });
                    prop_assert_eq!(names(ledger.claimed(&claim, instance)), expected);
                    prop_assert!(ledger.claimed(&claim, "i-9").is_none());
                }
                let number = facts(instance, slot, claim_of_request("r"))
                    .number
                    .replace("-4000-", &format!("-400{edition}-"));
                let expected = naive.snapshot.values().filter(|r| r.spec.number == number);
                prop_assert_eq!(names(ledger.numbered(&number)), names(expected));
            }
        }
    }
    for key in [
        Key::of(QuotaScope::Instance, "ecs", "1001", "i-1"),
        Key::of(QuotaScope::Instance, "ecs", "1001", "i-2"),
        Key::of(QuotaScope::Account, "ecs", "1001", "i-3"),
        Key::of(QuotaScope::Instance, "ecs", "1001", "i-3"),
    ] {
        prop_assert_eq!(names(ledger.of_key(&key)), by(&|r| Key::of_record(&r.spec) == key));
        let in_order: Vec<_> = ledger.of_key(&key).map(|r| r.spec.slot).collect();
        prop_assert!(in_order.is_sorted());
        for quota in 1..6 {
            prop_assert_eq!(ledger.slots(&key, quota), naive.slots(&key, quota), "{} under {}", &key, quota);
        }
    }
    Ok(())
}

fn revision(record: &Kept<ServiceNumber>) -> u64 {
    record.resource_version().and_then(|v| v.parse().ok()).expect("a revision")
}

proptest! {
    #[test]
    fn the_index_answers_as_a_search_does_after_any_sequence(acts in acts()) {
        let (mut ledger, mut naive) = (Ledger::default(), Naive::default());
        for act in acts {
            match act {
                Act::Observe(record) => {
                    let old = naive.snapshot.get(record.name()).cloned();
                    prop_assert_eq!(ledger.observe(record.clone()), old);
                    naive.observe(&record);
                }
                Act::Lose(name) => {
                    let old = naive.snapshot.remove(&name);
                    if old.is_some() {
                        naive.lost.insert(name.clone());
                    }
                    prop_assert_eq!(ledger.observe_loss(&name), old);
                }
                Act::Learn(record) => {
                    if !naive.snapshot.contains_key(record.name()) {
                        naive.learned.insert(record.name().to_owned(), record.clone());
                    }
                    ledger.learn(record);
                }
                Act::List(records) => {
                    let listed: BTreeMap<_, _> = records.into_iter().map(|r| (r.name().to_owned(), r)).collect();
                    let back = naive.snapshot.values().any(|old| {
                        listed.get(old.name()).is_none_or(|now| revision(now) < revision(old))
                    });
                    let result = ledger.observe_all(listed.values().cloned().collect());
                    prop_assert_eq!(result.is_err(), back, "a store that went back");
                    if !back {
                        for record in listed.values() {
                            naive.observe(record);
                        }
                    }
                }
            }
            same(&ledger, &naive)?;
        }
    }
}

#[test]
fn a_store_that_went_back_is_named_and_changes_nothing() {
    let at = |revision| record(facts("i-1", 0, claim_of_request("r")), revision);
    let second = record(facts("i-1", 1, claim_of_request("s")), 9);
    let mut ledger = Ledger::default();
    ledger.observe_all(vec![at(8), second.clone()]).expect("first");
    let back = |now| WentBack::Record { record: "instance.i-1-0".to_owned(), seen: 8, now };
    assert_eq!(ledger.observe_all(vec![at(7), second.clone()]), Err(back(Some(7))));
    assert_eq!(ledger.observe_all(vec![second]), Err(back(None)));
    assert_eq!(ledger.record("instance.i-1-0"), Some(&at(8)));
    // Revisions are numbers: 10 is after 9.
    assert_eq!(ledger.observe_all(vec![at(10), record(facts("i-1", 1, claim_of_request("s")), 11)]), Ok(()));
}

#[test]
fn what_was_learned_shows_who_has_a_slot_and_never_a_binding() {
    let mut ledger = Ledger::default();
    let direct = record(
        brought(facts("i-1", 0, claim_of_filing("site")), bound("site", "uid-1"), NumberState::InUse),
        4,
    );
    ledger.learn(direct.clone());
    let key = Key::of_record(&direct.spec);
    assert_eq!(ledger.slots(&key, 5), Slots::Free(1));
    assert_eq!(ledger.claimed(&direct.spec.claim, "i-1"), Some(&direct));
    assert_eq!((ledger.record("instance.i-1-0"), ledger.numbered(&direct.spec.number)), (None, None));
    assert_eq!(ledger.bound_to("shop", "site").count(), 0);
    // What the snapshot shows later holds, and what is learned after it changes nothing.
    let free = record(facts("i-1", 0, claim_of_filing("site")), 5);
    ledger.observe(free.clone());
    ledger.learn(direct);
    assert_eq!(ledger.record("instance.i-1-0"), Some(&free));
    assert_eq!(ledger.bound_to("shop", "site").count(), 0);
}

#[test]
fn no_two_keys_share_the_name_of_a_record() {
    let claim = Claim { ..claim_of_request("r") };
    let mut names = BTreeSet::new();
    let mut count = 0;
    for instance in ["a", "a-1", "a.b", "ecs.1", "account.ecs.1"] {
        for (class, account) in [("ecs", "1"), ("ecs", "1-1"), ("ecs-1", "1"), ("e", "cs")] {
            for scope in [QuotaScope::Instance, QuotaScope::Account] {
                for slot in [0, 1, 11] {
                    let mut spec = facts(instance, slot, claim.clone());
                    (spec.class_name, spec.account_id, spec.quota_scope) =
                        (class.to_owned(), account.to_owned(), scope);
                    names.insert((Key::of_record(&spec), slot, Key::of_record(&spec).record(slot)));
                    count += 1;
                }
            }
        }
    }
    let distinct: BTreeSet<_> = names.iter().map(|(_, _, name)| name).collect();
    assert!(count > names.len());
    // Of one key and slot there is one name; a key that ends like another one's slot is the only danger.
    assert_eq!(distinct.len(), names.len());
}

#[test]
fn records_that_are_missing_below_a_later_one_are_named() {
    let mut ledger = Ledger::default();
    let of = |slot: i32| record(facts("i-1", slot, claim_of_request(&format!("r{slot}"))), 5);
    ledger.observe_all(vec![of(0), of(1)]).expect("forward");
    assert_eq!(ledger.holes(), Vec::<String>::new());
    assert_eq!(ledger.issued(&Key::of_record(&of(0).spec)), Some(2));
    ledger.observe_all(vec![of(0), of(1), of(4)]).expect("forward");
    assert_eq!(ledger.holes(), ["instance.i-1-2", "instance.i-1-3"]);
    assert_eq!(ledger.issued(&Key::of_record(&of(0).spec)), None);
}
