//! The protocol of a filing, step by step: what it keeps, what it takes over and gives back, when it is sealed.

use std::sync::Arc;

use icp_filing_operator::{
    api::{FilingStatus, InstanceState, NumberState, Reason, ServiceNumber},
    rules::{
        filing::{Step, decide, unavailable},
        kept::Kept,
        life::Change,
        release,
    },
};

use crate::things::{
    Things, bound, brought, by_instance, by_number, by_request, claim_of_request, facts, filing, instance,
    key, now, record, request, server, time,
};

fn step(things: &Things) -> Step {
    decide(&things.world(), &key("site"), now())
}

fn change(things: &Things) -> (String, Change) {
    match step(things) {
        Step::Change(record, change) => (record.name().to_owned(), change),
        other => panic!("{other:?}"),
    }
}

fn settled(things: &Things) -> FilingStatus {
    match step(things) {
        Step::Settle(status, _) => *status,
        other => panic!("{other:?}"),
    }
}

fn holds(status: &FilingStatus, type_: &str) -> bool {
    status.conditions.iter().any(|c| c.type_ == type_ && c.status == "True")
}

fn reasons(status: &FilingStatus) -> Vec<Reason> {
    assert!(holds(status, "Stalled"), "{status:?}");
    status.refusals.iter().map(|r| r.reason).collect()
}

/// The record of slot 0, of request `r`, brought so far for the filing `site` of this uid.
fn first(uid: &str, until: NumberState) -> Arc<Kept<ServiceNumber>> {
    record(brought(facts("i-1", 0, claim_of_request("r")), bound("site", uid), until), 5)
}

/// The record of slot 1, of request `s`.
fn second(uid: &str, until: NumberState) -> Arc<Kept<ServiceNumber>> {
    record(brought(facts("i-1", 1, claim_of_request("s")), bound("site", uid), until), 6)
}

/// A filing by request `r`, of uid `uid-1`, and these records.
fn with(records: Vec<Arc<Kept<ServiceNumber>>>) -> Things {
    Things {
        requests: vec![request("r", "i-1"), request("s", "i-1")],
        filings: vec![filing("site", by_request("r"))],
        records,
        ..Things::usual()
    }
}

fn submitting(records: Vec<Arc<Kept<ServiceNumber>>>) -> Things {
    let mut things = with(records);
    things.filings[0].spec.submit = true;
    things
}

#[test]
fn a_bound_draft_is_ready_and_names_its_number() {
    let status = settled(&with(vec![first("uid-1", NumberState::InUse)]));
    assert!(holds(&status, "Ready") && holds(&status, "Bound"));
    assert!(!holds(&status, "Submitted") && !holds(&status, "Completed"));
    assert_eq!(status.record_name.as_deref(), Some("instance.i-1-0"));
    assert_eq!(status.service_number, Some(facts("i-1", 0, claim_of_request("r")).number));
    assert_eq!((status.submitted_time, status.review), (None, None));
}

#[test]
fn a_filing_keeps_the_submitted_record_first_then_that_of_its_uid_then_that_of_its_source() {
    use NumberState::{InUse, Submitted};
    for (records, kept, given_back) in [
        // The submitted one wins over its own uid's and over the source's, which are given back.
        (vec![first("uid-1", InUse), second("uid-0", Submitted)], "instance.i-1-1", Some("instance.i-1-0")),
        // Its uid's wins over the source's.
        (vec![first("uid-0", InUse), second("uid-1", InUse)], "instance.i-1-1", Some("instance.i-1-0")),
        // The source's, of an earlier uid, is taken over once nothing else is bound.
        (vec![first("uid-0", InUse), second("uid-0", InUse)], "instance.i-1-0", Some("instance.i-1-1")),
        (vec![second("uid-1", InUse)], "instance.i-1-1", None),
    ] {
        let things = with(records);
        match given_back {
            Some(extra) => assert_eq!(change(&things), (extra.to_owned(), Change::GiveBack)),
            None => assert_eq!(settled(&things).record_name.as_deref(), Some(kept)),
        }
    }
}

#[test]
fn a_number_that_the_source_does_not_name_is_kept_and_said() {
    let status = settled(&with(vec![
        second("uid-1", NumberState::InUse),
        record(facts("i-1", 0, claim_of_request("r")), 5),
    ]));
    let ready = status.conditions.iter().find(|c| c.type_ == "Ready").expect("it is always there");
    assert_eq!(ready.status, "True");
    assert!(ready.message.contains("the source names another number"), "{}", ready.message);
    let plain = settled(&with(vec![first("uid-1", NumberState::InUse)]));
    assert!(plain.conditions.iter().all(|c| !c.message.contains("another number")));
}

#[test]
fn a_re_created_filing_takes_over_only_what_its_source_names_and_it_may_use() {
    let draft = || vec![first("uid-0", NumberState::InUse)];
    assert_eq!(change(&with(draft())), ("instance.i-1-0".to_owned(), Change::TakeOver("uid-1".to_owned())));
    // Submit does not join the take-over.
    assert_eq!(change(&submitting(draft())).1, Change::TakeOver("uid-1".to_owned()));
    let mut wrong_account = with(draft());
    wrong_account.filings[0].spec.account_id = "3003".to_owned();
    let status = settled(&wrong_account);
    assert_eq!(reasons(&status), [Reason::WrongAccount]);
    assert_eq!((status.record_name, status.service_number), (None, None));
    let mut other_source = with(draft());
    other_source.filings[0].spec.source = by_request("s");
    assert_eq!(reasons(&settled(&other_source)), [Reason::RequestNotReady]);
    // One that its source names and that is free is bound; the old binding is given back as an extra later.
    other_source.records.push(record(facts("i-1", 1, claim_of_request("s")), 6));
    assert!(matches!(change(&other_source), (name, Change::Bind(_)) if name == "instance.i-1-1"));
}

#[test]
fn a_submitted_record_is_matched_by_name_and_domain_and_its_uid_is_never_rewritten() {
    for source in [
        by_request("r"),
        by_request("none"),
        by_number("00000000-0000-0000-0000-000000000000"),
        by_instance("i-9"),
    ] {
        let mut things = with(vec![first("uid-0", NumberState::Submitted)]);
        things.filings[0].spec.source = source;
        let status = settled(&things);
        assert!(holds(&status, "Ready") && holds(&status, "Submitted"));
        assert_eq!(status.submitted_time, Some(time("2026-02-01T00:00:00Z")));
    }
}

#[test]
fn a_seal_is_taken_alone_of_the_own_uid_and_as_a_write_of_its_own() {
    let things = submitting(vec![first("uid-1", NumberState::InUse)]);
    let Step::Change(record, sealed) = step(&things) else { panic!("not sealed") };
    assert_eq!(sealed, Change::Submit(time("2026-03-01T00:00:00Z")));
    assert_eq!(
        record.resource_version().as_deref(),
        Some("5"),
        "the snapshot's revision is the precondition"
    );
    // Not while any other record is bound to its name and domain, of whatever uid.
    for uid in ["uid-0", "uid-1"] {
        let two = submitting(vec![first("uid-1", NumberState::InUse), second(uid, NumberState::InUse)]);
        assert_eq!(change(&two), ("instance.i-1-1".to_owned(), Change::GiveBack), "{uid}");
    }
    // A binding of the same name for another domain is another filing's.
    let mut other = bound("site", "uid-0");
    other.domain = "old.example.cn".to_owned();
    let old = crate::things::record(
        brought(facts("i-1", 1, claim_of_request("s")), other, NumberState::Submitted),
        6,
    );
    assert!(
        matches!(change(&submitting(vec![first("uid-1", NumberState::InUse), old])), (name, Change::Submit(_)) if name == "instance.i-1-0")
    );
    // Not a draft, not what is submitted already.
    assert!(holds(&settled(&with(vec![first("uid-1", NumberState::InUse)])), "Ready"));
    assert!(holds(&settled(&submitting(vec![first("uid-1", NumberState::Submitted)])), "Submitted"));
}

#[test]
fn a_free_number_is_bound_before_it_is_submitted() {
    let things = submitting(vec![record(facts("i-1", 0, claim_of_request("r")), 5)]);
    assert_eq!(change(&things), ("instance.i-1-0".to_owned(), Change::Bind(bound("site", "uid-1"))));
}

#[test]
fn nothing_is_submitted_on_a_server_that_expired_was_released_or_is_not_declared() {
    let submit = |change: fn(&mut Things)| {
        let mut things = submitting(vec![first("uid-1", NumberState::InUse)]);
        change(&mut things);
        step(&things)
    };
    let refused = |change| match submit(change) {
        Step::Settle(status, _) => {
            assert_eq!(status.record_name.as_deref(), Some("instance.i-1-0"), "it keeps its number");
            reasons(&status)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(|t| t.instances.clear()), [Reason::InstanceNotFound]);
    assert_eq!(refused(|t| t.instances[0].spec.state = InstanceState::Released), [Reason::InstanceReleased]);
    assert_eq!(
        refused(|t| t.instances[0].spec.state = InstanceState::Expired),
        [Reason::SubscriptionExpired]
    );
    let ended = |t: &mut Things| {
        t.instances[0].spec.subscription.as_mut().expect("one").expiration_time =
            time("2026-03-01T00:00:00Z");
    };
    assert_eq!(refused(ended), [Reason::SubscriptionExpired]);
    let released_too = |t: &mut Things| {
        t.instances[0].spec.subscription.as_mut().expect("one").expiration_time =
            time("2026-02-01T00:00:00Z");
        t.instances[0].spec.state = InstanceState::Released;
    };
    assert_eq!(refused(released_too), [Reason::SubscriptionExpired, Reason::InstanceReleased]);
    // Of another account it is another server; in another namespace it is the same one.
    assert_eq!(refused(|t| t.instances[0].spec.account_id = "2002".to_owned()), [Reason::InstanceNotFound]);
    let elsewhere = submit(|t| t.instances[0].metadata.namespace = Some("other".to_owned()));
    assert!(matches!(elsewhere, Step::Change(_, Change::Submit(_))), "{elsewhere:?}");
    // That it no longer qualifies for new numbers does not matter to one that was issued.
    for change in [
        (|t| t.classes.clear()) as fn(&mut Things),
        |t| t.instances[0].spec.state = InstanceState::Stopped,
        |t| {
            t.instances[0].spec.subscription.as_mut().expect("one").expiration_time =
                time("2026-03-01T00:00:01Z");
        },
    ] {
        assert!(matches!(submit(change), Step::Change(_, Change::Submit(_))));
    }
}

#[test]
fn a_refused_submission_is_looked_at_again_when_the_subscription_ends() {
    let mut things = submitting(vec![first("uid-1", NumberState::InUse)]);
    things.instances[0].spec.state = InstanceState::Released;
    let end = things.instances[0].spec.subscription.as_ref().expect("one").expiration_time.0;
    let at = |when| match decide(&things.world(), &key("site"), when) {
        Step::Settle(status, wake) => (reasons(&status), wake),
        other => panic!("{other:?}"),
    };
    assert_eq!(at(now()), (vec![Reason::InstanceReleased], Some(end)));
    assert_eq!(at(end), (vec![Reason::SubscriptionExpired, Reason::InstanceReleased], None));
}

#[test]
fn of_two_declarations_of_a_server_one_that_is_valid_is_enough_to_submit() {
    let twin = |state| {
        let mut twin = instance("i-1", server("ecs"));
        (twin.metadata.namespace, twin.spec.state) = (Some("other".to_owned()), state);
        twin
    };
    for (own, other, submits) in [
        (InstanceState::Expired, InstanceState::Running, true),
        (InstanceState::Running, InstanceState::Released, true),
        (InstanceState::Released, InstanceState::Released, false),
        (InstanceState::Expired, InstanceState::Released, false),
    ] {
        let mut things = submitting(vec![first("uid-1", NumberState::InUse)]);
        things.instances[0].spec.state = own;
        things.instances.push(twin(other));
        let step = step(&things);
        assert_eq!(
            matches!(step, Step::Change(_, Change::Submit(_))),
            submits,
            "{own:?} and {other:?}: {step:?}"
        );
    }
}

#[test]
fn a_filing_that_is_being_deleted_gets_nothing_new_and_keeps_what_it_has() {
    use NumberState::{InUse, Issued, Submitted};
    for records in [
        vec![first("uid-1", Issued)],
        vec![first("uid-1", InUse)],
        vec![first("uid-0", InUse)],
        vec![first("uid-1", Submitted)],
    ] {
        let mut things = submitting(records);
        things.filings[0].metadata.deletion_timestamp = Some(time("2026-02-01T00:00:00Z"));
        let world = things.world();
        assert_eq!(decide(&world, &key("site"), now()), Step::Leave);
        let held = things.records[0].spec.filing.as_ref().is_some_and(|f| f.uid == "uid-1");
        if held {
            assert_eq!(release::suspect(&world, &things.records[0]), None, "it is not gone");
        }
    }
    assert_eq!(decide(&with(vec![]).world(), &key("none"), now()), Step::Leave);
}

#[test]
fn a_draft_is_suspected_when_its_uid_is_not_seen_and_gone_only_when_the_server_says_so() {
    let things = with(vec![first("uid-0", NumberState::InUse)]);
    let world = things.world();
    let suspect = release::suspect(&world, &things.records[0]).expect("its uid is not there");
    assert!(release::is_gone(suspect, None));
    assert!(release::is_gone(suspect, Some("uid-1")));
    assert!(!release::is_gone(suspect, Some("uid-0")), "the cache was behind");
    for (uid, until) in
        [("uid-1", NumberState::InUse), ("uid-0", NumberState::Submitted), ("uid-0", NumberState::Issued)]
    {
        assert_eq!(release::suspect(&world, &first(uid, until)), None, "{uid} {until:?}");
    }
}

#[test]
fn a_ledger_that_refuses_is_said_and_the_number_stays_shown() {
    let things = submitting(vec![first("uid-1", NumberState::InUse)]);
    let status = unavailable(&things.world(), &key("site"), "held", now()).expect("it is there");
    assert_eq!(reasons(&status), [Reason::LedgerUnavailable]);
    assert_eq!(status.record_name.as_deref(), Some("instance.i-1-0"));
}

#[test]
fn a_ledger_that_refuses_a_take_over_leaves_nothing_to_show() {
    let things = with(vec![first("uid-0", NumberState::InUse)]);
    assert!(matches!(step(&things), Step::Change(_, Change::TakeOver(_))));
    let status = unavailable(&things.world(), &key("site"), "held", now()).expect("it is there");
    assert_eq!(reasons(&status), [Reason::LedgerUnavailable]);
    assert_eq!(status.record_name, None);
}
