//! Where a filing's number comes from and who may file with it: three sources, accounts with and without a
//! grant, numbers that others hold.

use icp_filing_operator::{
    api::{Filing, FilingSource, NumberState, Reason},
    rules::{
        filing::{Step, decide},
        life::Change,
    },
};
use kube::ResourceExt;

use crate::things::{
    Things, bound, brought, by_instance, by_number, by_request, claim_of_filing, claim_of_request, facts,
    filing, kept, key, now, number, record, request,
};

/// The step for the first filing.
fn step(things: &Things) -> Step {
    decide(&things.world(), &key(&things.filings[0].name_any()), now())
}

fn reasons(step: Step) -> Vec<Reason> {
    match step {
        Step::Settle(status, _) => {
            let stalled =
                status.conditions.iter().find(|c| c.type_ == "Stalled").expect("it is always there");
            assert_eq!(stalled.status, "True", "{status:?}");
            assert_eq!((&status.record_name, &status.service_number), (&None, &None));
            status.refusals.into_iter().map(|r| r.reason).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// A number that `r` has, free, and a filing with this source.
fn free(source: FilingSource) -> Things {
    Things {
        requests: vec![request("r", "i-1")],
        filings: vec![filing("site", source)],
        records: vec![record(facts("i-1", 0, claim_of_request("r")), 5)],
        ..Things::usual()
    }
}

fn its_number() -> String {
    facts("i-1", 0, claim_of_request("r")).number
}

fn binds(step: &Step) -> bool {
    matches!(step, Step::Change(record, Change::Bind(to)) if record.name() == "instance.i-1-0" && *to == bound("site", "uid-1"))
}

#[test]
fn a_free_number_is_bound_by_request_and_by_value_in_any_case() {
    for source in [by_request("r"), by_number(&its_number()), by_number(&its_number().to_uppercase())] {
        let step = step(&free(source.clone()));
        assert!(binds(&step), "{source:?}: {step:?}");
    }
}

#[test]
fn a_filing_by_instance_is_issued_a_number_that_is_bound_from_the_start_and_not_submitted() {
    let mut things = Things { filings: vec![filing("site", by_instance("i-1"))], ..Things::usual() };
    things.filings[0].spec.submit = true;
    let Step::Issue(order) = step(&things) else { panic!("not issued") };
    let created = order.record(number(7));
    assert_eq!(created.spec.claim, claim_of_filing("site"));
    assert_eq!(created.spec.filing, Some(Box::new(bound("site", "uid-1"))));
    assert_eq!((created.spec.state, &created.spec.submitted_time), (NumberState::InUse, &None));
    // Until the snapshot shows it nothing is known of what it is bound to.
    let mut world = things.world();
    world.ledger.learn(kept(created));
    let Step::Settle(status, None) = decide(&world, &key("site"), now()) else { panic!("not settled") };
    assert_eq!(
        status.conditions.iter().find(|c| c.type_ == "Reconciling").map(|c| c.status.as_str()),
        Some("True")
    );
    assert_eq!(status.record_name, None);
}

#[test]
fn a_filing_by_instance_whose_number_was_given_back_gets_it_again() {
    let things = Things {
        filings: vec![filing("site", by_instance("i-1"))],
        records: vec![record(facts("i-1", 0, claim_of_filing("site")), 5)],
        ..Things::usual()
    };
    assert!(binds(&step(&things)));
}

#[test]
fn a_filing_by_instance_counts_against_the_same_quota_and_conditions() {
    let mut things = Things { filings: vec![filing("site", by_instance("i-1"))], ..Things::usual() };
    things.records = (0..5).map(|s| record(facts("i-1", s, claim_of_request(&format!("r{s}"))), 5)).collect();
    assert_eq!(reasons(step(&things)), [Reason::QuotaExhausted]);
    things.records.clear();
    things.instances[0].spec.public_network = None;
    things.filings[0].spec.account_id = "2002".to_owned();
    assert_eq!(reasons(step(&things)), [Reason::NoPublicBandwidth, Reason::WrongAccount]);
    things.instances.clear();
    assert_eq!(reasons(step(&things)), [Reason::InstanceNotFound]);
}

/// Who files, whom the request granted, and whether each source lets that through.
#[test]
fn the_owner_and_the_granted_account_may_file_and_the_bearer_where_nobody_was_granted() {
    let (owner, granted, other) = ("1001", "2002", "3003");
    for (files, grant, by_request_may, by_number_may) in [
        (owner, None, true, true),
        (owner, Some(granted), true, true),
        (granted, Some(granted), true, true),
        (other, Some(granted), false, false),
        (other, None, false, true),
    ] {
        for (source, may) in [(by_request("r"), by_request_may), (by_number(&its_number()), by_number_may)] {
            let mut things = free(source.clone());
            things.filings[0].spec.account_id = files.to_owned();
            let mut spec = facts("i-1", 0, claim_of_request("r"));
            spec.filing_account_id = grant.map(str::to_owned);
            things.records = vec![record(spec, 5)];
            let step = step(&things);
            if may {
                assert!(binds(&step), "{files} {grant:?} {source:?}: {step:?}");
            } else {
                assert_eq!(reasons(step), [Reason::WrongAccount], "{files} {grant:?} {source:?}");
            }
        }
    }
}

#[test]
fn what_is_not_there_is_said_by_its_name() {
    assert_eq!(reasons(step(&free(by_number(&number(999))))), [Reason::NumberNotFound]);
    assert_eq!(reasons(step(&free(by_number("not-a-number")))), [Reason::NumberNotFound]);
    assert_eq!(reasons(step(&free(FilingSource::default()))), [Reason::NumberNotFound]);
    assert_eq!(reasons(step(&free(by_request("none")))), [Reason::RequestNotFound]);
    let waiting = Things { records: vec![], ..free(by_request("r")) };
    assert_eq!(reasons(step(&waiting)), [Reason::RequestNotReady]);
    // A request that was learned to have a number, which the snapshot does not show yet.
    let mut world = waiting.world();
    world.ledger.learn(record(facts("i-1", 0, claim_of_request("r")), 5));
    assert_eq!(reasons(decide(&world, &key("site"), now())), [Reason::RequestNotReady]);
    // The request of that name points at another instance now, and has no number there.
    let mut moved = free(by_request("r"));
    moved.requests = vec![request("r", "i-2")];
    assert_eq!(reasons(step(&moved)), [Reason::RequestNotReady]);
}

#[test]
fn a_number_that_another_filing_holds_is_in_use_and_one_that_it_submitted_is_spent() {
    for namespace in ["shop", "other"] {
        for (until, reason) in [
            (NumberState::InUse, Reason::NumberInUse),
            (NumberState::Submitted, Reason::NumberSpent),
            (NumberState::Consumed, Reason::NumberSpent),
            (NumberState::Cancelled, Reason::NumberSpent),
        ] {
            for source in [by_request("r"), by_number(&its_number())] {
                let mut holder = bound("holder", "uid-7");
                holder.namespace = namespace.to_owned();
                let mut things = free(source);
                things.records =
                    vec![record(brought(facts("i-1", 0, claim_of_request("r")), holder, until), 5)];
                assert_eq!(reasons(step(&things)), [reason], "{until:?} by {namespace}");
                // Of the wrong account it is told both.
                things.filings[0].spec.account_id = "3003".to_owned();
                if things.filings[0].spec.source.request_ref.is_some() {
                    assert_eq!(reasons(step(&things)), [Reason::WrongAccount, reason]);
                }
            }
        }
    }
}

#[test]
fn a_name_that_was_submitted_for_another_domain_is_told_to_use_another_name() {
    let mut other = bound("site", "uid-0");
    other.domain = "old.example.cn".to_owned();
    for source in [by_request("r"), by_number(&its_number())] {
        let mut things = free(source);
        let spec = brought(facts("i-1", 0, claim_of_request("r")), other.clone(), NumberState::Submitted);
        things.records = vec![record(spec, 5)];
        assert_eq!(reasons(step(&things)), [Reason::DomainDiffers]);
    }
    let direct = brought(facts("i-1", 0, claim_of_filing("site")), other.clone(), NumberState::Consumed);
    let mut things = Things { records: vec![record(direct, 5)], ..free(by_instance("i-1")) };
    assert_eq!(reasons(step(&things)), [Reason::DomainDiffers]);
    // As a draft it is only a matter of waiting until the earlier filing's binding is given back.
    let draft = brought(facts("i-1", 0, claim_of_filing("site")), other, NumberState::InUse);
    things.records = vec![record(draft, 5)];
    let Step::Settle(status, _) = step(&things) else { panic!("not settled") };
    assert_eq!(
        status.conditions.iter().find(|c| c.type_ == "Reconciling").map(|c| c.status.as_str()),
        Some("True")
    );
}

#[test]
fn two_filings_race_for_one_number_and_the_loser_is_told_who_won() {
    let mut second: Filing = filing("late", by_number(&its_number()));
    second.metadata.uid = Some("uid-2".to_owned());
    let mut things = free(by_number(&its_number()));
    things.filings.insert(0, second);
    let world = things.world();
    // Both want it; the record's revision lets one through.
    for name in ["late", "site"] {
        assert!(matches!(decide(&world, &key(name), now()), Step::Change(_, Change::Bind(_))), "{name}");
    }
    things.records = vec![record(
        brought(facts("i-1", 0, claim_of_request("r")), bound("site", "uid-1"), NumberState::InUse),
        6,
    )];
    let Step::Settle(status, _) = step(&things) else { panic!("not settled") };
    assert_eq!(status.refusals[0].reason, Reason::NumberInUse);
    assert!(status.refusals[0].observed.contains("Filing site"), "{:?}", status.refusals);
}
