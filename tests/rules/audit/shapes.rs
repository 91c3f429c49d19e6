//! What other shapes of a harm look like: each makes the same finding.

use icp_filing_operator::{
    api::{
        FilingStatus, InstanceClassSpec, NumberState, QuotaScope, ReviewState, ServiceNumberRequestStatus,
        ServiceNumberSpec,
    },
    rules::audit::Code,
};

use super::{DIRECT, SPARE, THROUGH, findings, harm, refused, review, sound, told};
use crate::things::{self, claim_of_request, facts, record};

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn other_harms_of_the_same_kind_are_found_too() {
    let cases: Vec<super::harms::Case> = vec![
        (
            Code::SlotBeyondQuota,
            |t| {
                // A negative slot is no slot.
                let spec = ServiceNumberSpec {
                    slot: -1,
                    instance_name: "i-2".to_owned(),
                    ..facts("i-2", 0, claim_of_request("x"))
                };
                t.requests.push(things::request("x", "i-2"));
                t.instances.push(things::instance("i-2", things::server("ecs")));
                t.records.push(record(spec, 7));
            },
            "slot -1 of a quota of 5",
        ),
        (
            Code::SubmissionNotInLedger,
            |t| {
                // The review is about a number that is another filing's.
                let other = t.records[THROUGH].clone();
                t.filings[1].status.as_mut().expect("one").review =
                    Some(review(&other, ReviewState::InReview, None));
            },
            "Filing shop/f-sent is reviewed",
        ),
        (
            Code::OutcomeIncomplete,
            |t| {
                harm(t, THROUGH, |r| r.icp_number = None);
                t.filings[2].status.as_mut().expect("one").review = None;
            },
            "consumedTime without icpNumber",
        ),
        (
            Code::RecordLost,
            |t| t.requests[0].status.as_mut().expect("one").record_name = Some("instance.i-9-0".to_owned()),
            "instance.i-9-0",
        ),
        (Code::BoundFilingGone, |t| t.filings[0].metadata.uid = Some("uid-2".to_owned()), "was made anew"),
        (
            Code::SubmittedFilingGone,
            |t| {
                // Another domain is another filing; this one says so.
                t.filings[1].spec.website.domain = "else.example.cn".to_owned();
                t.filings[1].status = Some(FilingStatus { refusals: vec![refused()], ..Default::default() });
            },
            "is for else.example.cn, and the number is bound for sent.example.cn",
        ),
        (
            Code::StatusDiffers,
            |t| t.requests[0].status.as_mut().expect("one").state = Some(NumberState::Consumed),
            "another state",
        ),
        (
            Code::StatusDiffers,
            |t| t.requests[0].status.as_mut().expect("one").record_name = Some("instance.i-1-1".to_owned()),
            "not this claim's",
        ),
        (
            Code::StatusDiffers,
            |t| t.requests[0].status.as_mut().expect("one").record_name = None,
            "not this claim's",
        ),
        (
            Code::StatusDiffers,
            |t| t.filings[0].status.as_mut().expect("one").service_number = None,
            "another number",
        ),
        (
            Code::StatusDiffers,
            |t| t.filings[1].status.as_mut().expect("one").record_name = None,
            "a number and no record",
        ),
        (
            Code::StatusDiffers,
            |t| {
                let other = t.records[SPARE].clone();
                t.filings[0].status = Some(told(&other));
            },
            "not bound to it",
        ),
        (
            Code::ClaimUnanswered,
            |t| {
                let mut request = things::request("late", "i-1");
                request.status = Some(ServiceNumberRequestStatus::default());
                t.requests.push(request);
            },
            "no record, and no reason",
        ),
        (
            Code::OutcomeDiffers,
            |t| {
                let review = review(&t.records[THROUGH], ReviewState::Approved, Some("浙ICP备22012345号-1"));
                t.filings[2].status.as_mut().expect("one").review = Some(review);
            },
            "another ICP number",
        ),
        (
            Code::OutcomeDiffers,
            |t| {
                let review = review(&t.records[DIRECT], ReviewState::Approved, Some("浙ICP备22012345号-1"));
                t.filings[3].status.as_mut().expect("one").review = Some(review);
            },
            "the review says Approved, and the record is Cancelled",
        ),
        (
            Code::InstanceRedeclared,
            |t| {
                // A class that counts per account keeps these numbers out of its count.
                t.classes.push(things::class(
                    "web",
                    InstanceClassSpec { quota_scope: QuotaScope::Account, ..things::ecs() },
                ));
                t.instances[0].spec.class_name = "web".to_owned();
            },
            "declared under account.web.1001",
        ),
    ];
    for (code, harm, words) in cases {
        let mut things = sound();
        harm(&mut things);
        let found = findings(&things);
        assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), [code], "{words}: {found:#?}");
        let said = format!("{:?}{}", found[0].subjects, found[0].observed);
        assert!(said.contains(words), "{code:?}: {said}");
    }
}
