//! The registrar's word and the ledger: what is consumed or cancelled, and what is said when the two differ.

use icp_filing_operator::{
    api::{Filing, FilingStatus, NumberState, Reason, ReviewState},
    rules::{
        filing::{Step, decide},
        life::Change,
    },
};

use crate::things::{
    Things, bound, brought, by_request, claim_of_request, facts, filing, key, now, record, request, reviewed,
    time,
};

const ICP: &str = "浙ICP备11012345号-1";
const RECORD: &str = "instance.i-1-0";

fn things(filing: Filing, until: NumberState) -> Things {
    Things {
        requests: vec![request("r", "i-1")],
        filings: vec![filing],
        records: vec![record(
            brought(facts("i-1", 0, claim_of_request("r")), bound("site", "uid-1"), until),
            5,
        )],
        ..Things::usual()
    }
}

fn site(state: ReviewState, icp_number: Option<&str>) -> Filing {
    reviewed(filing("site", by_request("r")), RECORD, state, icp_number)
}

fn step(filing: Filing, until: NumberState) -> Step {
    decide(&things(filing, until).world(), &key("site"), now())
}

fn settled(filing: Filing, until: NumberState) -> FilingStatus {
    match step(filing, until) {
        Step::Settle(status, _) => {
            assert_eq!(status.review, None, "the review is not the operator's to write");
            *status
        }
        other => panic!("{other:?}"),
    }
}

fn ready(status: &FilingStatus) -> (&str, &str) {
    let ready = status.conditions.iter().find(|c| c.type_ == "Ready").expect("it is always there");
    (&ready.status, &ready.reason)
}

#[test]
fn an_approval_consumes_and_a_cancellation_spends_once_the_submission_is_in_the_status() {
    let at = || time("2026-03-01T00:00:00Z");
    let approved = site(ReviewState::Approved, Some(ICP));
    let cancelled = site(ReviewState::Cancelled, None);
    for (filing, change) in
        [(approved, Change::Consume(at(), ICP.to_owned())), (cancelled, Change::Cancel(at()))]
    {
        let Step::Change(_, due) = step(filing.clone(), NumberState::Submitted) else { panic!("not due") };
        assert_eq!(due, change);
        // Also while somebody else's finalizer holds it.
        let mut held = filing.clone();
        held.metadata.deletion_timestamp = Some(time("2026-02-01T00:00:00Z"));
        let Step::Change(_, due) = step(held, NumberState::Submitted) else { panic!("not due") };
        assert_eq!(due, change);
        // Not before the status has the submission, and not for a draft's record.
        let mut early = filing.clone();
        early.status.as_mut().expect("one").submitted_time = None;
        assert!(matches!(step(early, NumberState::Submitted), Step::Settle(..)));
        let Step::Change(_, due) = step(filing, NumberState::InUse) else { panic!("not sealed") };
        assert!(matches!(due, Change::Submit(_)));
    }
}

#[test]
fn a_review_about_another_record_moves_nothing() {
    for state in [ReviewState::Approved, ReviewState::Cancelled, ReviewState::Rejected] {
        let icp = (state == ReviewState::Approved).then_some(ICP);
        let other = reviewed(filing("site", by_request("r")), "instance.i-1-1", state, icp);
        assert_eq!(ready(&settled(other, NumberState::Submitted)), ("True", "Submitted"), "{state:?}");
        let mut half = site(state, icp);
        half.status.as_mut().expect("one").record_name = Some("instance.i-1-1".to_owned());
        assert!(matches!(step(half, NumberState::Submitted), Step::Settle(..)), "{state:?}");
    }
}

/// What `Ready` says and why, or the change that is due.
type Answer = Result<(&'static str, &'static str), Option<&'static str>>;

/// Where the ledger stands, what the review says, and what the filing is told.
#[test]
fn every_pair_of_ledger_and_review_has_its_answer() {
    use NumberState::{Cancelled, Consumed, Submitted};
    let other_icp = "浙ICP备99999999号-1";
    let reviews = [
        (None, None),
        (Some(ReviewState::InReview), None),
        (Some(ReviewState::Rejected), None),
        (Some(ReviewState::Approved), Some(ICP)),
        (Some(ReviewState::Approved), Some(other_icp)),
        (Some(ReviewState::Cancelled), None),
    ];
    let consume = Some("consume");
    let expected: [(NumberState, [Answer; 6]); 3] = [
        (
            Submitted,
            [
                Ok(("True", "Submitted")),
                Ok(("True", "Submitted")),
                Ok(("False", "Rejected")),
                Err(consume),
                Err(consume),
                Err(Some("cancel")),
            ],
        ),
        (
            Consumed,
            [
                Ok(("True", "Completed")),
                Ok(("True", "Completed")),
                Ok(("True", "Completed")),
                Ok(("True", "Completed")),
                Ok(("False", "OutcomeDiffers")),
                Ok(("False", "OutcomeDiffers")),
            ],
        ),
        (
            Cancelled,
            [
                Ok(("False", "Cancelled")),
                Ok(("False", "Cancelled")),
                Ok(("False", "Cancelled")),
                Ok(("False", "OutcomeDiffers")),
                Ok(("False", "OutcomeDiffers")),
                Ok(("False", "Cancelled")),
            ],
        ),
    ];
    for (until, answers) in expected {
        for ((state, icp), answer) in reviews.iter().zip(answers) {
            let filing = match state {
                Some(state) => site(*state, *icp),
                None => filing("site", by_request("r")),
            };
            let got = step(filing, until);
            match (&got, answer) {
                (Step::Settle(status, None), Ok(answer)) => {
                    assert_eq!(ready(status), answer, "{until:?} and {state:?} {icp:?}");
                    // The ledger's word is shown whatever the review says.
                    assert_eq!(status.icp_number.as_deref(), (until == Consumed).then_some(ICP));
                    assert_eq!(status.completed_time.is_some(), until == Consumed);
                    let completed =
                        status.conditions.iter().any(|c| c.type_ == "Completed" && c.status == "True");
                    assert_eq!(completed, until == Consumed);
                }
                (Step::Change(_, change), Err(verb)) => {
                    assert_eq!(Some(change.verb()), verb, "{until:?} and {state:?}");
                }
                _ => panic!("{until:?} and {state:?} {icp:?}: {got:?}"),
            }
        }
    }
}

#[test]
fn a_re_created_filing_finds_its_number_and_its_outcome_again() {
    for (until, answer) in [
        (NumberState::Submitted, ("True", "Submitted")),
        (NumberState::Consumed, ("True", "Completed")),
        (NumberState::Cancelled, ("False", "Cancelled")),
    ] {
        let mut again = filing("site", by_request("r"));
        again.metadata.uid = Some("uid-2".to_owned());
        let status = settled(again, until);
        assert_eq!(ready(&status), answer);
        assert_eq!(status.record_name.as_deref(), Some(RECORD));
    }
}

#[test]
fn contradictions_say_both_sides() {
    let status = settled(site(ReviewState::Cancelled, None), NumberState::Consumed);
    let differs = &status.refusals[0];
    assert_eq!(differs.reason, Reason::OutcomeDiffers);
    assert!(differs.observed.contains("Cancelled") && differs.required.contains("Approved"), "{differs:?}");
}
