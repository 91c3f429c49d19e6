//! What is done about a request, step by step, and what its status says.

use icp_filing_operator::{
    api::{NumberState, Reason, ServiceNumberRequestStatus},
    rules::request::{Step, decide, unavailable},
};

use crate::things::{
    Things, bound, brought, claim_of_request, facts, kept, key, now, number, record, request, t, time,
};

fn with_request() -> Things {
    Things { requests: vec![request("r", "i-1")], ..Things::usual() }
}

fn settled(things: &Things) -> ServiceNumberRequestStatus {
    match decide(&things.world(), &key("r"), now()) {
        Step::Settle(status, _) => *status,
        other => panic!("{other:?}"),
    }
}

fn ready(status: &ServiceNumberRequestStatus) -> (&str, &str) {
    let ready = status.conditions.iter().find(|c| c.type_ == "Ready").expect("it is always there");
    (&ready.status, &ready.reason)
}

#[test]
fn a_request_takes_a_slot_then_says_which_number_it_has() {
    let mut things = with_request();
    let Step::Issue(order) = decide(&things.world(), &key("r"), now()) else { panic!("not issued") };
    assert_eq!(order.record_name(), "instance.i-1-0");
    let mut world = things.world();
    let mut created = order.record(number(7));
    created.metadata.resource_version = Some("5".to_owned());
    world.ledger.learn(kept(created));
    let Step::Settle(status, None) = decide(&world, &key("r"), now()) else { panic!("not settled") };
    assert_eq!(status.service_number, Some(number(7)));
    assert_eq!(status.record_name.as_deref(), Some("instance.i-1-0"));
    assert_eq!(
        (status.issued_time, status.state, status.used_by),
        (Some(time("2026-03-01T00:00:00Z")), Some(NumberState::Issued), None)
    );
    // It stays so once the watch shows it.
    things.records = vec![record(facts("i-1", 0, claim_of_request("r")), 5)];
    assert_eq!(ready(&settled(&things)), ("True", "Issued"));
}

#[test]
fn a_request_says_what_became_of_its_number_and_who_uses_it() {
    use NumberState::{Cancelled, Consumed, InUse, Issued, Submitted};
    for (state, reason) in [
        (Issued, "Issued"),
        (InUse, "InUse"),
        (Submitted, "Submitted"),
        (Consumed, "Consumed"),
        (Cancelled, "Cancelled"),
    ] {
        for (namespace, shown) in [("shop", "site"), ("other", "(another namespace)")] {
            let mut to = bound("site", "uid-1");
            to.namespace = namespace.to_owned();
            let spec = brought(facts("i-1", 0, claim_of_request("r")), to, state);
            let status = settled(&Things { records: vec![record(spec, 5)], ..with_request() });
            assert_eq!(ready(&status), ("True", reason));
            assert_eq!(status.state, Some(state));
            assert_eq!(status.used_by.as_deref(), (state != Issued).then_some(shown));
        }
    }
}

#[test]
fn a_refused_request_is_stalled_with_every_reason_and_wakes_when_the_answer_changes() {
    let mut things = with_request();
    things.instances[0].spec.public_network = None;
    things.requests[0].spec.account_id = "2002".to_owned();
    let Step::Settle(status, wake) = decide(&things.world(), &key("r"), now()) else { panic!("not settled") };
    assert_eq!(ready(&status), ("False", "NoPublicBandwidth,WrongAccount"));
    assert_eq!(
        status.refusals.iter().map(|r| r.reason).collect::<Vec<_>>(),
        [Reason::NoPublicBandwidth, Reason::WrongAccount]
    );
    assert_eq!((&status.service_number, &status.record_name), (&None, &None));
    // The subscription ends on 2027-03-01 at 00:00Z, 08:00 in China; three months before is the last moment.
    assert_eq!(wake, Some(t("2026-12-01T00:00:01Z")));
}

#[test]
fn a_request_applied_again_on_other_terms_is_told_so_and_shown_nothing() {
    let granted = |grant: Option<&str>| {
        let mut spec = facts("i-1", 0, claim_of_request("r"));
        spec.filing_account_id = grant.map(str::to_owned);
        Things { records: vec![record(spec, 5)], ..with_request() }
    };
    let mut other_account = granted(None);
    other_account.requests[0].spec.account_id = "2002".to_owned();
    let mut other_grant = granted(None);
    other_grant.requests[0].spec.filing_account_id = Some("3003".to_owned());
    for things in [granted(Some("3003")), other_account, other_grant] {
        let status = settled(&things);
        assert_eq!(ready(&status), ("False", "ClaimDiffers"));
        assert_eq!((&status.service_number, &status.record_name, &status.state), (&None, &None, &None));
        let differs = &status.refusals[0];
        assert_ne!(differs.observed, differs.required);
        assert!(differs.required.contains("accountID 1001"), "{differs:?}");
    }
    assert_eq!(ready(&settled(&granted(None))), ("True", "Issued"));
}

#[test]
fn a_request_that_is_gone_or_going_is_left_alone() {
    let mut things = with_request();
    things.requests[0].metadata.deletion_timestamp = Some(time("2026-02-01T00:00:00Z"));
    assert_eq!(decide(&things.world(), &key("r"), now()), Step::Leave);
    assert_eq!(decide(&things.world(), &key("none"), now()), Step::Leave);
}

#[test]
fn a_request_of_another_instance_or_namespace_has_a_number_of_its_own() {
    let mut things = with_request();
    let mut elsewhere = claim_of_request("r");
    elsewhere.namespace = "other".to_owned();
    things.records =
        vec![record(facts("i-1", 0, elsewhere), 5), record(facts("i-2", 0, claim_of_request("r")), 6)];
    let Step::Issue(order) = decide(&things.world(), &key("r"), now()) else { panic!("not issued") };
    assert_eq!(order.record_name(), "instance.i-1-1");
}

#[test]
fn a_ledger_that_refuses_is_said_on_the_claim() {
    let status =
        unavailable(&with_request().world(), &key("r"), &"why ".repeat(400), now()).expect("it is there");
    assert_eq!(ready(&status), ("False", "LedgerUnavailable"));
    assert!(status.refusals[0].observed.chars().count() <= 512);
}
