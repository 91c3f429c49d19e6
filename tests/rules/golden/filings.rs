//! Filings.

use icp_filing_operator::{
    api::{BoundFiling, Filing, FilingSource, FilingStatus, InstanceState, NumberState, Reason, ReviewState},
    rules::filing::{self, Step},
};

use super::{
    Golden,
    Verdict::{Degraded, Healthy, Progressing},
    named_after,
};
use crate::things::{
    self, Things, bound, brought, by_instance, by_number, by_request, claim_of_filing, claim_of_request,
    facts, key, now, number, record, reviewed,
};

const RECORD: &str = "instance.i-1-0";
const ICP: &str = "浙ICP备11012345号-1";

/// A filing, and the request `r` with a number that is brought so far with a filing.
fn with(filing: Filing, to: BoundFiling, until: NumberState) -> Things {
    let spec = brought(facts("i-1", 0, claim_of_request("r")), to, until);
    Things {
        requests: vec![things::request("r", "i-1")],
        filings: vec![filing],
        records: vec![record(spec, 5)],
        ..Things::usual()
    }
}

fn own(filing: Filing, until: NumberState) -> Things {
    with(filing, bound("site", "uid-1"), until)
}

fn site(source: FilingSource) -> Filing {
    things::filing("site", source)
}

fn word(state: ReviewState, icp_number: Option<&str>) -> Filing {
    reviewed(site(by_request("r")), RECORD, state, icp_number)
}

fn submitting() -> Filing {
    let mut filing = site(by_request("r"));
    filing.spec.submit = true;
    filing
}

/// The first filing with what is decided of it; the review stays, as the API server lets it.
fn settled(things: &Things) -> Filing {
    let mut filing = things.filings[0].clone();
    let step = filing::decide(&things.world(), &key("site"), now());
    let Step::Settle(status, _) = step else { panic!("not settled: {step:?}") };
    let review = filing.status.take().and_then(|s| s.review);
    filing.status = Some(FilingStatus { review, ..*status });
    filing
}

pub fn filings() -> Vec<Golden> {
    use NumberState::{Cancelled, Consumed, InUse, Submitted};
    let draft =
        Golden::new("draft with a number", Healthy, "draft", &settled(&own(site(by_request("r")), InUse)));
    let mut all = vec![Golden::untouched(&site(by_request("r"))), draft.changed(), draft.leaving(), draft];
    let submitted = "submitted, also while it is reviewed";
    for (state, verdict, name, things) in [
        (submitted, Healthy, "submitted", own(submitting(), Submitted)),
        (submitted, Healthy, "in-review", own(word(ReviewState::InReview, None), Submitted)),
        (
            "approved, and its number consumed",
            Healthy,
            "completed",
            own(word(ReviewState::Approved, Some(ICP)), Consumed),
        ),
        (
            "rejected by the registrar",
            Degraded,
            "rejected",
            own(word(ReviewState::Rejected, None), Submitted),
        ),
        (
            "cancelled by the registrar",
            Degraded,
            "cancelled",
            own(word(ReviewState::Cancelled, None), Cancelled),
        ),
        ("waits for a number to be given back", Progressing, "waiting", waiting()),
    ] {
        all.push(Golden::new(state, verdict, name, &settled(&things)));
    }
    for (reason, things) in refusals() {
        let filing = settled(&things);
        let reasons: Vec<_> = filing.status.iter().flat_map(|s| &s.refusals).map(|r| r.reason).collect();
        assert_eq!(reasons, [reason]);
        all.push(Golden::new("refused, for any other reason", Degraded, &named_after(reason), &filing));
    }
    let things = own(submitting(), InUse);
    let mut filing = submitting();
    filing.status = filing::unavailable(&things.world(), &key("site"), "the ledger is held", now());
    let name = named_after(Reason::LedgerUnavailable);
    all.push(Golden::new("refused, for any other reason", Degraded, &name, &filing));
    all
}

/// A draft of this name, another domain and another uid is gone, and its binding not yet cleared.
fn waiting() -> Things {
    let mut earlier = bound("site", "uid-0");
    earlier.domain = "old.example.cn".to_owned();
    with(site(by_request("r")), earlier, NumberState::InUse)
}

fn refusals() -> Vec<(Reason, Things)> {
    use NumberState::{Consumed, InUse, Issued, Submitted};
    let other = || bound("other", "uid-9");
    let of = |things: Things, spoil: fn(&mut Things)| {
        let mut things = things;
        spoil(&mut things);
        things
    };
    let mut elsewhere = bound("site", "uid-0");
    elsewhere.domain = "old.example.cn".to_owned();
    let direct = Things { filings: vec![site(by_instance("i-1"))], ..Things::usual() };
    vec![
        (Reason::RequestNotFound, own(site(by_request("none")), Issued)),
        (Reason::RequestNotReady, of(own(site(by_request("r")), Issued), |t| t.records.clear())),
        (Reason::NumberNotFound, own(site(by_number(&number(99))), Issued)),
        (Reason::NumberInUse, with(site(by_request("r")), other(), InUse)),
        (Reason::NumberSpent, with(site(by_request("r")), other(), Submitted)),
        (Reason::DomainDiffers, with(site(by_request("r")), elsewhere, Submitted)),
        (
            Reason::WrongAccount,
            of(own(site(by_request("r")), Issued), |t| t.filings[0].spec.account_id = "2002".to_owned()),
        ),
        (Reason::NoPublicBandwidth, of(direct, |t| t.instances[0].spec.public_network = None)),
        (Reason::InstanceNotFound, of(own(submitting(), InUse), |t| t.instances.clear())),
        (
            Reason::InstanceReleased,
            of(own(submitting(), InUse), |t| t.instances[0].spec.state = InstanceState::Released),
        ),
        (Reason::OutcomeDiffers, own(word(ReviewState::Cancelled, None), Consumed)),
    ]
}

/// A filing that asks an instance itself holds a number of its own: its states are those of the others.
#[test]
fn a_direct_filing_says_what_others_say() {
    let claimed =
        brought(facts("i-1", 0, claim_of_filing("site")), bound("site", "uid-1"), NumberState::InUse);
    let things = Things {
        filings: vec![site(by_instance("i-1"))],
        records: vec![record(claimed, 5)],
        ..Things::usual()
    };
    let (direct, other) = (settled(&things), settled(&own(site(by_request("r")), NumberState::InUse)));
    let said = |filing: Filing| filing.status.expect("one").conditions;
    assert_eq!(said(direct), said(other));
}
