//! Requests.

use icp_filing_operator::{
    api::{NumberState, Reason, ServiceNumberRequest},
    rules::request::{self, Step},
};

use super::{
    Golden,
    Verdict::{Degraded, Healthy},
    named_after,
    platform::all_issued,
};
use crate::things::{self, Things, bound, brought, claim_of_request, facts, key, now, record};

fn usual() -> Things {
    Things { requests: vec![things::request("r", "i-1")], ..Things::usual() }
}

pub fn requests() -> Vec<Golden> {
    let mut all = vec![Golden::untouched(&things::request("r", "i-1"))];
    for (name, state) in [
        ("issued", NumberState::Issued),
        ("in-use", NumberState::InUse),
        ("submitted", NumberState::Submitted),
        ("consumed", NumberState::Consumed),
        ("cancelled", NumberState::Cancelled),
    ] {
        let spec = brought(facts("i-1", 0, claim_of_request("r")), bound("site", "uid-1"), state);
        let request = settled(&Things { records: vec![record(spec, 5)], ..usual() });
        all.push(Golden::new("has a number, whatever became of it", Healthy, name, &request));
    }
    let (changed, leaving) = (all[1].changed(), all[1].leaving());
    all.extend([changed, leaving]);
    let refused = |all: &mut Vec<Golden>, name: String, request: &ServiceNumberRequest| {
        all.push(Golden::new("refused, for any reason", Degraded, &name, request));
    };
    for (reason, spoil) in [
        (Reason::InstanceNotFound, (|t| t.instances.clear()) as fn(&mut Things)),
        (Reason::NoPublicBandwidth, |t| t.instances[0].spec.public_network = None),
        (Reason::WrongAccount, |t| t.requests[0].spec.account_id = "2002".to_owned()),
        (Reason::QuotaExhausted, |t| t.records = all_issued()),
        (Reason::IssuingSuspended, |t| t.classes[0].spec.suspend = true),
        (Reason::ClaimDiffers, differs),
        (Reason::LedgerIncomplete, |t| t.records = all_issued().split_off(1)),
    ] {
        let mut things = usual();
        spoil(&mut things);
        let request = settled(&things);
        let reasons: Vec<_> = request.status.iter().flat_map(|s| &s.refusals).map(|r| r.reason).collect();
        assert_eq!(reasons, [reason]);
        refused(&mut all, named_after(reason), &request);
    }
    let mut several = usual();
    several.instances[0].spec.public_network = None;
    several.requests[0].spec.account_id = "2002".to_owned();
    refused(&mut all, "several-reasons".to_owned(), &settled(&several));
    let mut request = things::request("r", "i-1");
    request.status = request::unavailable(&usual().world(), &key("r"), "the ledger is held", now());
    refused(&mut all, named_after(Reason::LedgerUnavailable), &request);
    all
}

fn differs(things: &mut Things) {
    let mut spec = facts("i-1", 0, claim_of_request("r"));
    spec.filing_account_id = Some("3003".to_owned());
    things.records = vec![record(spec, 5)];
}

/// The first request with what is decided of it.
fn settled(things: &Things) -> ServiceNumberRequest {
    let mut request = things.requests[0].clone();
    let Step::Settle(status, _) = request::decide(&things.world(), &key("r"), now()) else {
        panic!("not settled")
    };
    request.status = Some(*status);
    request
}
