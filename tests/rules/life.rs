//! The life of a number: no sequence of changes leaves the legal states or goes back, and a patch on the wire
//! does what the rules say it does.

use icp_filing_operator::{
    api::{BoundFiling, NumberState, ServiceNumberSpec},
    rules::life::{Change, state_of},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::things::{bound, brought, claim_of_request, facts, time};

fn filing() -> impl Strategy<Value = BoundFiling> {
    ("[ab]", "[12]", "[xy]")
        .prop_map(|(name, uid, domain)| BoundFiling { domain: format!("{domain}.cn"), ..bound(&name, &uid) })
}

fn change() -> impl Strategy<Value = Change> {
    let at = || (1..9_u8).prop_map(|d| time(&format!("2026-03-0{d}T00:00:00Z")));
    prop_oneof![
        filing().prop_map(Change::Bind),
        "[12]".prop_map(Change::TakeOver),
        Just(Change::GiveBack),
        at().prop_map(Change::Submit),
        (at(), "[12]").prop_map(|(at, icp)| Change::Consume(at, icp)),
        at().prop_map(Change::Cancel),
    ]
}

/// RFC 7396, written down once more.
fn merged(target: &Value, patch: &Value) -> Value {
    let Value::Object(fields) = patch else { return patch.clone() };
    let mut target = target.as_object().cloned().unwrap_or_default();
    for (name, value) in fields {
        if value.is_null() {
            target.remove(name);
        } else {
            let before = target.get(name).cloned().unwrap_or(Value::Null);
            target.insert(name.clone(), merged(&before, value));
        }
    }
    Value::Object(target)
}

fn legal(spec: &ServiceNumberSpec) -> bool {
    let (bound, submitted) = (spec.filing.is_some(), spec.submitted_time.is_some());
    let (consumed, cancelled) = (spec.consumed_time.is_some(), spec.cancelled_time.is_some());
    let state = match (bound, submitted, consumed, cancelled) {
        (false, false, false, false) => NumberState::Issued,
        (true, false, false, false) => NumberState::InUse,
        (true, true, false, false) => NumberState::Submitted,
        (true, true, true, false) => NumberState::Consumed,
        (true, true, false, true) => NumberState::Cancelled,
        _ => return false,
    };
    spec.state == state && consumed == spec.icp_number.is_some()
}

proptest! {
    #[test]
    fn no_sequence_of_changes_leaves_the_legal_states_or_goes_back(changes in prop::collection::vec(change(), 1..40)) {
        let first = facts("i-1", 0, claim_of_request("r"));
        let mut spec = first.clone();
        for change in changes {
            let Some(next) = change.apply(&spec) else { continue };
            prop_assert!(legal(&next), "{:?} made {:?}", change, next);
            // One way, but for a draft that is given up.
            if next.state < spec.state {
                prop_assert_eq!((spec.state, next.state, &change), (NumberState::InUse, NumberState::Issued, &Change::GiveBack));
            }
            if spec.submitted_time.is_some() {
                prop_assert_eq!(&next.filing, &spec.filing, "a submitted number stays with its filing");
                prop_assert_eq!(&next.submitted_time, &spec.submitted_time);
            }
            prop_assert!(!matches!(spec.state, NumberState::Consumed | NumberState::Cancelled), "the end is the end");
            // A seal is a write of its own; one filing never follows another without a number in between.
            if next.submitted_time.is_some() && spec.submitted_time.is_none() {
                prop_assert_eq!(&next.filing, &spec.filing);
            }
            if let (Some(a), Some(b)) = (&spec.filing, &next.filing) {
                prop_assert_eq!((&a.namespace, &a.name, &a.domain), (&b.namespace, &b.name, &b.domain));
            }
            spec = next;
            // What was issued is never touched.
            let core = ServiceNumberSpec { state: first.state, filing: None, submitted_time: None, consumed_time: None, icp_number: None, cancelled_time: None, ..spec.clone() };
            prop_assert_eq!(core, first.clone());
        }
    }

    #[test]
    fn a_merge_patch_on_the_wire_does_what_the_rules_say(changes in prop::collection::vec(change(), 1..20)) {
        let mut spec = facts("i-1", 0, claim_of_request("r"));
        for change in changes {
            let Some(next) = change.apply(&spec) else { continue };
            let patched: ServiceNumberSpec = serde_json::from_value(merged(&json!(spec), &change.patch())).expect("a spec");
            prop_assert_eq!(&patched, &next, "{}", change.verb());
            spec = next;
        }
    }
}

/// Which change each state lets through: all others are no step of a number's life.
#[test]
fn each_state_has_its_changes_and_no_others() {
    use NumberState::{Cancelled, Consumed, InUse, Issued, Submitted};
    let at = || time("2026-03-01T00:00:00Z");
    let changes = [
        (Change::Bind(bound("site", "uid-1")), Issued, InUse),
        (Change::TakeOver("uid-2".to_owned()), InUse, InUse),
        (Change::GiveBack, InUse, Issued),
        (Change::Submit(at()), InUse, Submitted),
        (Change::Consume(at(), "浙ICP备11012345号-1".to_owned()), Submitted, Consumed),
        (Change::Cancel(at()), Submitted, Cancelled),
    ];
    for state in [Issued, InUse, Submitted, Consumed, Cancelled] {
        let mut spec = brought(facts("i-1", 0, claim_of_request("r")), bound("site", "uid-1"), state);
        spec.state = state_of(&spec);
        assert_eq!(spec.state, state);
        for (change, from, to) in &changes {
            let next = change.apply(&spec).map(|s| s.state);
            assert_eq!(next, (state == *from).then_some(*to), "{} on {state:?}", change.verb());
        }
    }
}
