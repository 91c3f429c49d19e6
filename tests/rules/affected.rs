//! Whoever's decision an observation changes is looked at again. Compared for all objects, after every
//! observation of random sequences: what is missing here waits for ever.

use std::collections::{BTreeMap, BTreeSet};

use icp_filing_operator::{
    api::{FilingStatus, InstanceClassSpec, NumberState, ServiceNumberRequestStatus},
    rules::world::{Observation, Seen, Work, World},
};
use proptest::prelude::*;

use crate::{
    stage::{Act, Decided, Stage, act},
    things::{self, bound, brought, by_instance, by_request, ecs, facts, kept, now, record},
};

proptest! {
    #[test]
    fn whoever_is_decided_about_otherwise_is_looked_at_again(acts in prop::collection::vec(act(), 1..40)) {
        let mut stage = Stage::new();
        // The decision when each was last looked at.
        let mut looked: BTreeMap<Work, Decided> = BTreeMap::new();
        for act in acts {
            let work = stage.play(act);
            let decided = stage.decisions(now());
            looked.retain(|work, _| decided.contains_key(work));
            for (work, decision) in &decided {
                if !looked.contains_key(work) && matches!(act, Act::Learn { .. } | Act::Echo { .. }) {
                    looked.insert(work.clone(), decision.clone());
                }
            }
            for item in &work {
                if let Some(decision) = decided.get(item) {
                    looked.insert(item.clone(), decision.clone());
                }
            }
            // What was learned is on its way, and the watch will say so to everybody.
            if stage.learned.is_empty() {
                for (item, decision) in &decided {
                    prop_assert_eq!(looked.get(item), Some(decision), "{:?} was not looked at after {:?}", item, act);
                }
            }
        }
    }
}

#[test]
fn nothing_is_to_be_looked_at_before_every_kind_was_listed_and_then_everything_is() {
    let draft =
        brought(facts("i-1", 0, things::claim_of_request("r")), bound("gone", "uid-9"), NumberState::InUse);
    let kinds: [(&str, Observation); 5] = [
        ("instanceclasses", Observation::Class(Seen::Listed(vec![kept(things::class("ecs", ecs()))]))),
        (
            "instances",
            Observation::Instance(Seen::Listed(vec![kept(things::instance("i-1", things::server("ecs")))])),
        ),
        (
            "servicenumberrequests",
            Observation::Request(Seen::Listed(vec![kept(things::request("r", "i-1"))])),
        ),
        ("filings", Observation::Filing(Seen::Listed(vec![kept(things::filing("site", by_request("r")))]))),
        ("servicenumbers", Observation::Record(Seen::Listed(vec![record(draft, 3)]))),
    ];
    for last in 0..kinds.len() {
        let mut world = World::default();
        for (at, (_, observation)) in kinds.iter().enumerate() {
            if at != last {
                assert_eq!(world.observe(observation.clone()).expect("first"), BTreeSet::new());
            }
        }
        assert_eq!(world.missing(), [kinds[last].0]);
        let work = world.observe(kinds[last].1.clone()).expect("first");
        let everything = BTreeSet::from([
            Work::Instance(things::key("i-1")),
            Work::Request(things::key("r")),
            Work::Filing(things::key("site")),
            Work::Record("instance.i-1-0".to_owned()),
        ]);
        assert_eq!(work, everything);
        assert!(world.is_complete());
    }
}

#[test]
fn of_all_there_is_to_look_at_what_nobody_answered_comes_first() {
    let mut answered = things::request("answered", "i-1");
    answered.status = Some(ServiceNumberRequestStatus { observed_generation: Some(1), ..Default::default() });
    let mut wiped = things::request("wiped", "i-1");
    wiped.status = Some(ServiceNumberRequestStatus::default());
    let mut seen = things::filing("seen", by_request("answered"));
    seen.status = Some(FilingStatus { observed_generation: Some(1), ..Default::default() });
    let world = things::Things {
        requests: vec![answered, wiped, things::request("waits", "i-1")],
        filings: vec![seen, things::filing("site", by_request("waits"))],
        ..things::Things::usual()
    }
    .world();
    let first = world.unanswered_first(world.everything());
    let request = |name| Work::Request(things::key(name));
    let filing = |name| Work::Filing(things::key(name));
    assert_eq!(first[..3], [request("waits"), request("wiped"), filing("site")]);
    assert_eq!(first.iter().cloned().collect::<BTreeSet<_>>(), world.everything());
    assert_eq!(first.len(), world.everything().len());
}

#[test]
fn a_draft_whose_filing_came_and_went_between_two_lists_is_looked_at() {
    let held = |slot, filing| {
        let issued = facts("i-1", slot, things::claim_of_request(&format!("r-{slot}")));
        record(brought(issued, bound(filing, "uid-1"), NumberState::InUse), 3)
    };
    let filings = || Observation::Filing(Seen::Listed(vec![kept(things::filing("site", by_request("r-0")))]));
    let mut world = World::default();
    for observation in [
        Observation::Class(Seen::Listed(Vec::new())),
        Observation::Instance(Seen::Listed(Vec::new())),
        Observation::Request(Seen::Listed(Vec::new())),
        filings(),
        Observation::Record(Seen::Listed(vec![held(0, "site"), held(1, "never-seen")])),
    ] {
        world.observe(observation).expect("first");
    }
    let work = world.observe(filings()).expect("nothing went back");
    assert!(work.contains(&Work::Record("instance.i-1-1".to_owned())), "{work:?}");
    assert!(!work.contains(&Work::Record("instance.i-1-0".to_owned())), "its filing is there: {work:?}");
}

#[test]
fn a_record_that_comes_back_wakes_every_claim_that_waits_for_its_slot_to() {
    let records: Vec<_> =
        (0..2).map(|s| record(facts("i-1", s, things::claim_of_request(&format!("old{s}"))), 5)).collect();
    let mut world = things::Things {
        requests: vec![things::request("waits", "i-1")],
        filings: vec![things::filing("direct", by_instance("i-1"))],
        records: vec![records[1].clone()],
        ..things::Things::usual()
    }
    .world();
    let work = world.observe(Observation::Record(Seen::Applied(records[0].clone()))).expect("forward");
    assert!(work.contains(&Work::Request(things::key("waits"))), "{work:?}");
    assert!(work.contains(&Work::Filing(things::key("direct"))), "{work:?}");
}

/// Only the last slot changes anything for those who wait, and only drafts may have to be given back.
#[test]
fn a_slot_that_is_not_the_last_wakes_nobody_else() {
    let mut world = things::Things {
        requests: vec![things::request("waits", "i-1"), things::request("r0", "i-1")],
        ..things::Things::usual()
    }
    .world();
    let taken = |slot: i32| record(facts("i-1", slot, things::claim_of_request(&format!("r{slot}"))), 5);
    let mut woken = Vec::new();
    for slot in 0..5 {
        let work = world.observe(Observation::Record(Seen::Applied(taken(slot)))).expect("forward");
        assert_eq!(work.contains(&Work::Request(things::key("r0"))), slot == 0, "{slot}: {work:?}");
        woken.push(work.contains(&Work::Request(things::key("waits"))));
    }
    assert_eq!(woken, [false, false, false, false, true]);
}

#[test]
fn of_the_records_only_drafts_are_looked_at_for_their_filings() {
    let of = |slot, state| {
        let issued = facts("i-1", slot, things::claim_of_request(&format!("r{slot}")));
        match state {
            NumberState::Issued => record(issued, 3),
            state => record(brought(issued, bound(&format!("f{slot}"), "uid-1"), state), 3),
        }
    };
    let records = vec![of(0, NumberState::Issued), of(1, NumberState::InUse), of(2, NumberState::Submitted)];
    let mut world = things::Things { records, ..things::Things::usual() }.world();
    let draft = BTreeSet::from([Work::Record("instance.i-1-1".to_owned())]);
    let only = |work: BTreeSet<Work>| -> BTreeSet<_> {
        work.into_iter().filter(|item| matches!(item, Work::Record(_))).collect()
    };
    assert_eq!(only(world.everything()), draft);
    let listed = Observation::Filing(Seen::Listed(Vec::new()));
    assert_eq!(only(world.observe(listed).expect("forward")), draft);
}

#[test]
fn a_list_of_records_wakes_those_whose_records_are_others_than_before() {
    let of = |slot: i32, revision| {
        record(facts("i-1", slot, things::claim_of_request(&format!("r{slot}"))), revision)
    };
    let requests = (0..2).map(|slot| things::request(&format!("r{slot}"), "i-1")).collect();
    let mut world =
        things::Things { requests, records: vec![of(0, 3), of(1, 4)], ..things::Things::usual() }.world();
    let same = Observation::Record(Seen::Listed(vec![of(0, 3), of(1, 4)]));
    assert_eq!(world.observe(same).expect("forward"), BTreeSet::new());
    let work = world.observe(Observation::Record(Seen::Listed(vec![of(0, 3), of(1, 9)]))).expect("forward");
    assert!(work.contains(&Work::Request(things::key("r1"))), "{work:?}");
    assert!(!work.contains(&Work::Request(things::key("r0"))), "{work:?}");
}

#[test]
fn an_operator_of_one_namespace_serves_that_one() {
    let mut world = World::default();
    assert!(world.serves("shop") && world.serves("other"));
    world.served = Some("shop".to_owned());
    assert!(world.serves("shop") && !world.serves("other"));
}

#[test]
fn what_is_gone_or_cannot_be_read_is_not_there_and_wakes_whoever_names_it() {
    for seen in [Seen::Deleted(kept(things::request("r", "i-1"))), Seen::Unreadable(things::key("r"))] {
        let mut world = things::Things {
            requests: vec![things::request("r", "i-1")],
            filings: vec![things::filing("site", by_request("r"))],
            ..things::Things::usual()
        }
        .world();
        let work = world.observe(Observation::Request(seen)).expect("forward");
        assert!(work.contains(&Work::Filing(things::key("site"))), "{work:?}");
        assert!(world.requests.get(&things::key("r")).is_none());
    }
}

#[test]
fn an_instance_of_another_class_is_not_woken_by_the_class_that_it_had() {
    let mut world = things::Things::usual().world();
    let moved =
        things::stored(things::instance("i-1", things::server("other")), things::NAMESPACE, "uid-2", 9);
    world.observe(Observation::Instance(Seen::Applied(kept(moved)))).expect("forward");
    let changed = |name| {
        let spec = InstanceClassSpec { quota: 1, ..ecs() };
        Observation::Class(Seen::Applied(kept(things::stored(things::class(name, spec), "", "uid", 10))))
    };
    assert_eq!(world.observe(changed("ecs")).expect("forward"), BTreeSet::new());
    let work = world.observe(changed("other")).expect("forward");
    assert!(work.contains(&Work::Instance(things::key("i-1"))), "{work:?}");
}

/// What the operator said itself changes nothing for others.
#[test]
fn a_new_status_wakes_its_own_object_alone() {
    let draft =
        brought(facts("i-1", 0, things::claim_of_request("r")), bound("site", "uid-1"), NumberState::InUse);
    let mut world = things::Things {
        requests: vec![things::request("r", "i-1")],
        filings: vec![things::filing("site", by_request("r"))],
        records: vec![record(draft, 3)],
        ..things::Things::usual()
    }
    .world();
    let mut instance = things::instance("i-1", things::server("ecs"));
    instance.metadata.resource_version = Some("12".to_owned());
    let work = world.observe(Observation::Instance(Seen::Applied(kept(instance)))).expect("forward");
    assert_eq!(work, BTreeSet::from([Work::Instance(things::key("i-1"))]));
    let mut filing = things::filing("site", by_request("r"));
    filing.metadata.resource_version = Some("13".to_owned());
    let work = world.observe(Observation::Filing(Seen::Applied(kept(filing)))).expect("forward");
    assert_eq!(work, BTreeSet::from([Work::Filing(things::key("site"))]));
}
