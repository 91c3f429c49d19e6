//! One small harm for every finding: it makes that finding and no other.

use icp_filing_operator::{
    api::{ClaimKind, FilingStatus, NumberState, QuotaScope, ReviewState},
    rules::audit::Code,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use std::sync::Arc;

use super::{DIRECT, DRAFT, SENT, SPARE, THROUGH, findings, harm, review, sound};
use crate::things::{self, Things, by_request, claim_of_request, number, time};

/// A harm, the one code that it makes, and words of what is seen.
pub type Case = (Code, fn(&mut Things), &'static str);

#[expect(clippy::too_many_lines, reason = "one table")]
pub fn cases() -> Vec<Case> {
    vec![
        (
            Code::NumberIssuedTwice,
            |t| {
                let shared = t.records[SENT].spec.number.to_uppercase();
                // A number in capitals is the same number, and no number of the ledger's spelling either.
                assert_ne!(shared, t.records[SENT].spec.number);
                let number = t.records[SENT].spec.number.clone();
                harm(t, DIRECT, |r| r.number = number.clone());
                t.filings[3].status.as_mut().expect("one").service_number = Some(number);
            },
            "2 records carry one number",
        ),
        (
            Code::NameDiffers,
            |t| {
                Arc::make_mut(&mut t.records[SPARE]).key.name = "instance.i-1-00".into();
                t.requests[0].status.as_mut().expect("one").record_name = Some("instance.i-1-00".to_owned());
            },
            "its facts name it instance.i-1-0",
        ),
        (
            Code::SlotBeyondQuota,
            |t| {
                for slot in [SPARE, DRAFT, SENT, THROUGH] {
                    harm(t, slot, |r| r.quota = 9);
                }
                harm(t, DIRECT, |r| r.quota = 4);
            },
            "slot 4 of a quota of 4",
        ),
        (
            Code::ClaimIssuedTwice,
            |t| {
                harm(t, DIRECT, |r| r.claim = claim_of_request("through"));
            },
            "ServiceNumberRequest shop/through has 2 records on instance i-1",
        ),
        (
            Code::FilingSubmittedTwice,
            |t| {
                let to = t.records[THROUGH].spec.filing.clone();
                harm(t, DIRECT, |r| r.filing = to);
                t.filings.pop();
                t.records[DIRECT]
                    .spec
                    .claim
                    .name
                    .clone_into(&mut t.filings[2].metadata.name.clone().expect("one"));
                harm(t, DIRECT, |r| r.claim.kind = ClaimKind::ServiceNumberRequest);
            },
            "Filing shop/f-through for through.example.cn was submitted with 2 numbers",
        ),
        (
            Code::SubmissionNotInLedger,
            |t| {
                harm(t, SENT, |r| {
                    r.submitted_time = None;
                    r.state = NumberState::InUse;
                });
                t.requests[2].status.as_mut().expect("one").state = Some(NumberState::InUse);
            },
            "Filing shop/f-sent is submitted, and its record is not submitted to it",
        ),
        (
            Code::StateDiffers,
            |t| harm(t, SPARE, |r| r.state = NumberState::Consumed),
            "state is Consumed, and the other fields say Issued",
        ),
        (
            Code::SubmittedUnbound,
            |t| {
                harm(t, SENT, |r| r.filing = None);
                t.filings.remove(1);
            },
            "submittedTime without filing",
        ),
        (
            Code::OutcomeUnsubmitted,
            |t| {
                harm(t, THROUGH, |r| r.submitted_time = None);
                t.filings[2].status.as_mut().expect("one").submitted_time = None;
                t.filings[2].status.as_mut().expect("one").review = None;
            },
            "Consumed without submittedTime",
        ),
        (
            Code::OutcomeTwice,
            |t| harm(t, THROUGH, |r| r.cancelled_time = r.consumed_time.clone()),
            "consumedTime and cancelledTime",
        ),
        (
            Code::OutcomeIncomplete,
            |t| harm(t, DIRECT, |r| r.icp_number = Some("x".to_owned())),
            "icpNumber without consumedTime",
        ),
        (
            Code::SlotMissing,
            |t| {
                t.records.remove(SPARE);
                t.requests.remove(0);
            },
            "1 of the first 5 slots of instance.i-1 are missing",
        ),
        (
            Code::RecordLost,
            |t| {
                t.records.remove(DIRECT);
            },
            "the status of Filing shop/direct tells of it",
        ),
        (
            Code::RecordMayVanish,
            |t| {
                let mut record = things::stored_record(t.records[SPARE].spec.clone(), 1);
                let meta = &mut record.metadata;
                meta.deletion_timestamp = Some(time(things::NOW));
                meta.owner_references = Some(vec![OwnerReference::default()]);
                meta.finalizers = Some(vec!["x/y".to_owned()]);
                t.records[SPARE] = things::kept(record);
            },
            "it has deletionTimestamp and ownerReferences and finalizers",
        ),
        (
            Code::NumberMalformed,
            |t| {
                let upper = t.records[SPARE].spec.number.replace("a000", "A000");
                harm(t, SPARE, |r| r.number = upper.clone());
                t.requests[0].status.as_mut().expect("one").service_number = Some(upper);
            },
            "no UUID in lower case",
        ),
        (
            Code::InstanceUnderTwoKeys,
            |t| {
                harm(t, DIRECT, |r| {
                    r.quota_scope = QuotaScope::Account;
                    r.slot = 0;
                });
                let moved = "account.ecs.1001-0".to_owned();
                Arc::make_mut(&mut t.records[DIRECT]).key.name = moved.as_str().into();
                let status = t.filings[3].status.as_mut().expect("one");
                status.record_name = Some(moved.clone());
                status.review.as_mut().expect("one").record_name = moved;
            },
            "account.ecs.1001 and instance.i-1",
        ),
        (
            Code::FilingBoundTwice,
            |t| {
                let to = t.records[DRAFT].spec.filing.clone();
                harm(t, SPARE, |r| {
                    r.filing = to;
                    r.state = NumberState::InUse;
                });
                t.requests[0].status.as_mut().expect("one").state = Some(NumberState::InUse);
            },
            "Filing shop/f-draft for draft.example.cn is bound by 2 records",
        ),
        (
            Code::ClaimGone,
            |t| {
                t.requests.remove(0);
            },
            "ServiceNumberRequest shop/spare is not there; the number is Issued",
        ),
        (
            Code::StatusDiffers,
            |t| {
                t.requests[0].status.as_mut().expect("one").service_number = Some(number(99));
            },
            "the status tells another number than the record",
        ),
        (
            Code::ClaimTermsDiffer,
            |t| t.requests[0].spec.filing_account_id = Some("2002".to_owned()),
            "accountID or filingAccountID",
        ),
        (
            Code::ClaimUnanswered,
            |t| {
                let mut filing = things::filing("late", by_request("spare"));
                filing.spec.website.domain = "late.example.cn".to_owned();
                filing.status = Some(FilingStatus::default());
                t.filings.push(filing);
            },
            "bound to nothing",
        ),
        (
            Code::BoundFilingGone,
            |t| {
                t.filings.remove(0);
            },
            "Filing shop/f-draft is not there",
        ),
        (
            Code::SubmittedFilingGone,
            |t| {
                t.filings.remove(1);
            },
            "Filing shop/f-sent is not there",
        ),
        (
            Code::OutcomeNotRecorded,
            |t| {
                let review = review(&t.records[SENT], ReviewState::Cancelled, None);
                t.filings[1].status.as_mut().expect("one").review = Some(review);
            },
            "the review says Cancelled, and the record is Submitted",
        ),
        (
            Code::OutcomeDiffers,
            |t| {
                let review = review(&t.records[THROUGH], ReviewState::Cancelled, None);
                t.filings[2].status.as_mut().expect("one").review = Some(review);
            },
            "the review says Cancelled, and the record is Consumed",
        ),
        (
            Code::QuotaBelowIssued,
            |t| t.classes[0].spec.quota = 4,
            "InstanceClass ecs declares 4, and instance.i-1 has a number in slot 4",
        ),
        (
            Code::InstanceDeclaredTwice,
            |t| {
                let mut twin = t.instances[0].clone();
                twin.metadata.namespace = Some("other".to_owned());
                t.instances.push(twin);
            },
            "i-1 is declared in 2 namespaces",
        ),
        (
            Code::InstanceRedeclared,
            |t| t.instances[0].spec.account_id = "2002".to_owned(),
            "its numbers were issued under instance.i-1, account 1001",
        ),
        (Code::InstanceGone, |t| t.instances.clear(), "instance i-1 is declared nowhere"),
        (Code::ClassGone, |t| t.classes.clear(), "class ecs does not exist"),
    ]
}

#[test]
fn every_harm_makes_exactly_its_finding() {
    for (code, harm, words) in cases() {
        let mut things = sound();
        harm(&mut things);
        let found = findings(&things);
        assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), [code], "{found:#?}");
        let said = format!(
            "{}: {}",
            found[0].subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            found[0].observed
        );
        assert!(said.contains(words), "{code:?}: {said}");
        assert!(!found[0].subjects.is_empty(), "{code:?} is about nothing");
    }
}
