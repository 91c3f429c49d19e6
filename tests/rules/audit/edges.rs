//! Where a finding begins and ends: one step short of it there is none, and what is said once is not said twice.

use icp_filing_operator::{
    api::{BoundFiling, FilingStatus, InstanceClassSpec, NumberState, ServiceNumberRequestStatus},
    rules::{
        audit::{self, Code, Invariant, PATIENCE},
        kind::Kind,
        snapshot::Unreadable,
        world::ObjectKey,
    },
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::ToSpan};

use super::{DIRECT, SPARE, findings, harm, refused, snapshot, sound, told};
use crate::things::{
    self, Things, bound, brought, by_instance, by_request, claim_of_filing, claim_of_request, class, ecs,
    facts, now, record,
};

fn codes(things: &Things) -> Vec<Code> {
    findings(things).iter().map(|found| found.code).collect()
}

/// A request that asked for a number as long ago as the audit is patient, and then one second longer.
#[test]
fn a_claim_is_unanswered_only_after_all_patience_and_only_without_any_answer() {
    let mut things = sound();
    let mut request = things::request("waits", "i-1");
    request.status = Some(ServiceNumberRequestStatus::default());
    request.metadata.creation_timestamp = Some(Time(now() - PATIENCE));
    things.requests.push(request);
    assert_eq!(codes(&things), []);
    let last = things.requests.len() - 1;
    things.requests[last].metadata.creation_timestamp = Some(Time(now() - PATIENCE - 1.second()));
    assert_eq!(codes(&things), [Code::ClaimUnanswered]);
    // A reason is an answer.
    let status = things.requests[last].status.as_mut().expect("one");
    status.refusals = vec![refused()];
    assert_eq!(codes(&things), []);
    // A record is one, though its status is to be written yet.
    things.requests[0].status = Some(ServiceNumberRequestStatus::default());
    things.requests[0].metadata.creation_timestamp = Some(Time(now() - PATIENCE - 1.second()));
    assert_eq!(codes(&things), []);
}

#[test]
fn a_submitted_number_without_its_claim_or_its_server_is_said() {
    let mut things = sound();
    things.requests.retain(|request| request.metadata.name.as_deref() != Some("sent"));
    let found = findings(&things);
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::ClaimGone]);
    assert_eq!(found[0].record(), Some("instance.i-1-2"));

    let mut things = sound();
    let spec = brought(facts("i-1", 0, claim_of_request("sent")), sent(), NumberState::Submitted);
    things.records = vec![record(spec, 7)];
    things.requests.retain(|request| request.metadata.name.as_deref() == Some("sent"));
    things.requests[0].status = None;
    things.filings.retain(|filing| filing.metadata.name.as_deref() == Some("f-sent"));
    things.filings[0].status = Some(told(&things.records[0]));
    things.instances.clear();
    assert_eq!(codes(&things), [Code::InstanceGone]);
}

fn sent() -> BoundFiling {
    let mut to = bound("f-sent", "uid-1");
    "sent.example.cn".clone_into(&mut to.domain);
    to
}

/// A filing that asks the server itself holds its number as claim and as filing: that it is gone is said once.
#[test]
fn a_filing_that_is_gone_is_said_once_and_one_whose_number_was_given_back_is_a_claim_that_is_gone() {
    let mut things = sound();
    let mut to = bound("direct", "uid-1");
    "direct.example.cn".clone_into(&mut to.domain);
    let issued = facts("i-1", 4, claim_of_filing("direct"));
    things.records[DIRECT] = record(brought(issued.clone(), to, NumberState::InUse), 7);
    things.filings.pop();
    assert_eq!(codes(&things), [Code::BoundFilingGone]);
    things.records[DIRECT] = record(issued, 7);
    assert_eq!(codes(&things), [Code::ClaimGone]);
}

#[test]
fn a_submission_that_no_record_is_named_for_is_said() {
    let mut things = sound();
    let mut filing = things::filing("nameless", by_request("spare"));
    filing.status = Some(FilingStatus {
        submitted_time: Some(things::time("2026-02-01T00:00:00Z")),
        ..Default::default()
    });
    things.filings.push(filing);
    let found = findings(&things);
    assert!(found.iter().any(|f| f.observed == "the status tells a submission and no record"), "{found:?}");
}

/// Two numbers that one filing was submitted with are that, and no double binding besides.
#[test]
fn two_submissions_are_no_double_binding_besides() {
    let site = sent();
    let submitted = |slot, claim| {
        record(brought(facts("i-1", slot, claim_of_request(claim)), site.clone(), NumberState::Submitted), 7)
    };
    let things = Things {
        records: vec![submitted(0, "sent"), submitted(1, "too")],
        requests: vec![things::request("sent", "i-1"), things::request("too", "i-1")],
        filings: vec![{
            let mut filing = things::filing("f-sent", by_request("sent"));
            "sent.example.cn".clone_into(&mut filing.spec.website.domain);
            filing
        }],
        ..Things::usual()
    };
    let codes = codes(&things);
    assert!(codes.contains(&Code::FilingSubmittedTwice), "{codes:?}");
    assert!(!codes.contains(&Code::FilingBoundTwice), "{codes:?}");
}

/// A draft beside a submission is a double binding, and one submission is not two.
#[test]
fn a_draft_beside_a_submission_is_no_second_submission() {
    let bound_to =
        |slot, claim, state| record(brought(facts("i-1", slot, claim_of_request(claim)), sent(), state), 7);
    let things = Things {
        records: vec![bound_to(0, "sent", NumberState::Submitted), bound_to(1, "too", NumberState::InUse)],
        requests: vec![things::request("sent", "i-1"), things::request("too", "i-1")],
        filings: vec![{
            let mut filing = things::filing("f-sent", by_request("sent"));
            "sent.example.cn".clone_into(&mut filing.spec.website.domain);
            filing
        }],
        ..Things::usual()
    };
    let codes = codes(&things);
    assert!(codes.contains(&Code::FilingBoundTwice), "{codes:?}");
    assert!(!codes.contains(&Code::FilingSubmittedTwice), "{codes:?}");
}

/// A status that tells of a record that cannot be read tells the truth.
#[test]
fn a_record_that_cannot_be_read_is_not_lost() {
    let mut snapshot = snapshot(&sound());
    snapshot.records.as_mut().expect("some").remove(DIRECT);
    snapshot.unreadable = vec![Unreadable {
        kind: Kind::ServiceNumber,
        key: ObjectKey::new("", "instance.i-1-4"),
        error: "missing field `slot`".to_owned(),
    }];
    let codes: Vec<_> = audit::findings(&snapshot, now()).iter().map(|found| found.code).collect();
    assert_eq!(codes, [Code::RecordUnreadable]);
}

/// The class under which a server is declared now says how many numbers it has, and the numbers beyond are named.
#[test]
fn a_quota_that_was_lowered_names_the_numbers_beyond_it_under_the_class_of_now() {
    let mut things = sound();
    things.classes = vec![class("ecs", InstanceClassSpec { quota: 3, ..ecs() })];
    let found = findings(&things);
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::QuotaBelowIssued]);
    let mut named: Vec<_> = found[0].subjects.iter().map(ToString::to_string).collect();
    named.sort();
    let expected = ["InstanceClass ecs", "ServiceNumber instance.i-1-3", "ServiceNumber instance.i-1-4"];
    assert_eq!(named, expected);
    things.classes.push(class("larger", InstanceClassSpec { quota: 9, ..ecs() }));
    "larger".clone_into(&mut things.instances[0].spec.class_name);
    assert!(!codes(&things).contains(&Code::QuotaBelowIssued));
}

#[test]
fn a_finding_names_the_record_that_it_is_about() {
    let mut things = sound();
    harm(&mut things, SPARE, |spec| spec.state = NumberState::Consumed);
    let found = findings(&things);
    assert_eq!(found[0].record(), Some("instance.i-1-0"));
    let mut things = sound();
    things.records.clear();
    things.requests.clear();
    things.filings = vec![things::filing("lonely", by_instance("i-1"))];
    things.filings[0].status = Some(FilingStatus::default());
    things.filings[0].metadata.creation_timestamp = Some(Time(now() - PATIENCE - 1.second()));
    let found = findings(&things);
    assert_eq!((found[0].code, found[0].record()), (Code::ClaimUnanswered, None));
}

#[test]
fn reports_name_invariants_and_kinds_as_users_write_them() {
    let names: Vec<_> = Invariant::ALL.iter().map(|invariant| invariant.as_str()).collect();
    assert_eq!(names, ["Unique", "WithinQuota", "OnePerClaim", "OneFilingPerNumber", "OneWay"]);
    let namespaced: Vec<_> =
        Kind::ALL.into_iter().filter(|kind| kind.is_namespaced()).map(Kind::as_str).collect();
    assert_eq!(namespaced, ["Instance", "ServiceNumberRequest", "Filing"]);
}
