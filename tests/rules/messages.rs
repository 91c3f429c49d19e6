//! What statuses must never say: names of other namespaces, and numbers outside of the field that is theirs.
//! Every object is decided about in every situation that the tables know, and everything it says is searched.

use icp_filing_operator::{
    api::{Claim, ClaimKind, InstanceState, NumberState, Reason, Refusal, ReviewState},
    rules::{
        filing, instance, request,
        world::{ObjectKey, World},
    },
};
use kube::ResourceExt;
use std::collections::BTreeSet;

use crate::things::{
    Things, bound, brought, by_instance, by_number, by_request, claim_of_filing, claim_of_request, class,
    ecs, facts, filing as a_filing, instance as an_instance, key, now, number, record, request as a_request,
    reviewed, server, time,
};

/// Names of the other tenant that nobody in `shop` may read.
const SECRET: [&str; 3] = ["tenant-x", "hidden-filing", "hidden-request"];

/// One world for each thing that can be wrong.
fn worlds() -> Vec<Things> {
    let mut all = Vec::new();
    let states = [
        NumberState::Issued,
        NumberState::InUse,
        NumberState::Submitted,
        NumberState::Consumed,
        NumberState::Cancelled,
    ];
    let sources = [
        by_request("r"),
        by_instance("i-1"),
        by_number(&facts("i-1", 0, claim_of_request("r")).number),
        by_number(&number(77)),
        by_request("none"),
    ];
    let reviews = [
        None,
        Some(ReviewState::InReview),
        Some(ReviewState::Rejected),
        Some(ReviewState::Approved),
        Some(ReviewState::Cancelled),
    ];
    for source in sources {
        for state in states {
            for holder in ["own", "other", "hidden", "domain"] {
                for (review, account) in reviews.iter().zip(["1001", "1001", "1001", "1001", "3003"]) {
                    let mut site = a_filing("site", source.clone());
                    if let Some(review) = review {
                        let icp = (*review == ReviewState::Approved).then_some("浙ICP备99999999号-1");
                        site = reviewed(site, "instance.i-1-0", *review, icp);
                    }
                    site.spec.account_id = account.to_owned();
                    let mut to = bound(if holder == "other" { "other" } else { "site" }, "uid-1");
                    if holder == "hidden" {
                        (to.namespace, to.name) = (SECRET[0].to_owned(), SECRET[1].to_owned());
                    }
                    if holder == "domain" {
                        to.domain = "old.example.cn".to_owned();
                    }
                    let claim = if source.instance_ref.is_some() {
                        claim_of_filing("site")
                    } else {
                        claim_of_request("r")
                    };
                    all.push(Things {
                        requests: vec![a_request("r", "i-1")],
                        filings: vec![site],
                        records: vec![record(brought(facts("i-1", 0, claim), to, state), 5)],
                        ..Things::usual()
                    });
                }
            }
        }
    }
    all.extend(refusing());
    all
}

/// Instances and requests that are refused for each reason there is.
fn refusing() -> Vec<Things> {
    let hidden = |slot| {
        let claim = Claim {
            kind: ClaimKind::ServiceNumberRequest,
            namespace: SECRET[0].to_owned(),
            name: format!("{}-{slot}", SECRET[2]),
        };
        let mut to = bound(SECRET[1], "uid-9");
        to.namespace = SECRET[0].to_owned();
        record(brought(facts("i-1", slot, claim), to, NumberState::InUse), 5)
    };
    let mut twin = an_instance("i-1", server("ecs"));
    twin.metadata.namespace = Some(SECRET[0].to_owned());
    twin.metadata.creation_timestamp = Some(time("2025-01-01T00:00:00Z"));
    let mut poor = server("ecs");
    (poor.provider, poor.region) = ("TencentCloud".to_owned(), "cn-hongkong".to_owned());
    (poor.billing_method, poor.state) =
        (icp_filing_operator::api::BillingMethod::Trial, InstanceState::Stopped);
    (poor.public_network, poor.first_order, poor.account_id) = (None, None, "2002".to_owned());
    poor.subscription.as_mut().expect("one").expiration_time = time("2026-02-01T00:00:00Z");
    let mut unbegun = server("ecs");
    unbegun.subscription.as_mut().expect("one").start_time = time("2027-02-27T00:00:00Z");
    let mut strict = ecs();
    (strict.requirements.public_address, strict.requirements.min_first_order_months) = (true, Some(12));
    (strict.requirements.min_first_order_yuan, strict.suspend) = (Some(99), true);
    let mut released = server("ecs");
    released.state = InstanceState::Released;
    let claims = || {
        (
            vec![a_request("r", "i-1"), a_request("lost", "i-9")],
            vec![a_filing("site", by_instance("i-1")), a_filing("waits", by_request("r"))],
        )
    };
    let with = |classes, instances, records| {
        let (requests, filings) = claims();
        Things { classes, instances, requests, filings, records }
    };
    let plain = || vec![class("ecs", ecs())];
    let full = (0..5).map(hidden).collect();
    let mut other_terms = facts("i-1", 0, claim_of_request("r"));
    other_terms.filing_account_id = Some("4004".to_owned());
    let mut bound_to_released = with(
        plain(),
        vec![an_instance("i-1", released)],
        vec![record(
            brought(facts("i-1", 0, claim_of_filing("site")), bound("site", "uid-1"), NumberState::InUse),
            5,
        )],
    );
    bound_to_released.filings[0].spec.submit = true;
    vec![
        with(plain(), vec![an_instance("i-1", server("ecs"))], full),
        with(plain(), vec![an_instance("i-1", server("ecs")), twin], vec![]),
        with(vec![class("ecs", strict)], vec![an_instance("i-1", poor)], vec![]),
        with(plain(), vec![an_instance("i-1", unbegun)], vec![hidden(1)]),
        with(vec![], vec![an_instance("i-1", server("ecs"))], vec![]),
        with(plain(), vec![an_instance("i-1", server("ecs"))], vec![record(other_terms, 5)]),
        bound_to_released,
    ]
}

/// A list that is keyed by reason has each reason once, or the API server refuses the status.
fn noted(refusals: &[Refusal], reasons: &mut BTreeSet<Reason>) {
    let distinct: BTreeSet<_> = refusals.iter().map(|r| r.reason).collect();
    assert_eq!(distinct.len(), refusals.len(), "{refusals:?}");
    reasons.extend(distinct);
}

/// Everything that is said to somebody in `shop`, with the fields that hold the number taken out.
fn said(world: &World, things: &Things, reasons: &mut BTreeSet<Reason>) -> Vec<String> {
    let mut texts = Vec::new();
    for found in &things.instances {
        if let Some((mut status, _)) = instance::decide(world, &ObjectKey::of(found), now()) {
            status.unused_numbers.clear();
            noted(&status.refusals, reasons);
            if found.namespace().as_deref() == Some("shop") {
                texts.push(format!("{status:?}"));
            }
        }
    }
    for found in &things.requests {
        if let request::Step::Settle(mut status, _) = request::decide(world, &key(&found.name_any()), now()) {
            status.service_number = None;
            noted(&status.refusals, reasons);
            texts.push(format!("{status:?}"));
        }
    }
    for found in &things.filings {
        let key = key(&found.name_any());
        if let filing::Step::Settle(mut status, _) = filing::decide(world, &key, now()) {
            status.service_number = None;
            noted(&status.refusals, reasons);
            texts.push(format!("{status:?}"));
        }
        if let Some(mut status) = filing::unavailable(world, &key, "held", now()) {
            status.service_number = None;
            noted(&status.refusals, reasons);
            texts.push(format!("{status:?}"));
        }
    }
    texts
}

#[test]
fn nothing_that_is_said_names_another_tenant_or_shows_a_number_and_every_reason_is_said_somewhere() {
    let mut reasons = BTreeSet::new();
    for things in worlds() {
        let numbers: Vec<_> = things.records.iter().map(|r| r.spec.number.clone()).collect();
        for text in said(&things.world(), &things, &mut reasons) {
            for secret in SECRET {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
            for number in &numbers {
                assert!(
                    !text.contains(number.as_str()) && !text.contains(&number.to_uppercase()),
                    "{number} in {text}"
                );
            }
            assert!(!text.contains(&number(77)), "the number that was given is repeated in {text}");
        }
    }
    let never: Vec<_> = Reason::ALL.iter().filter(|r| !reasons.contains(r)).collect();
    assert_eq!(never, [&Reason::TooFewMonthsPurchased; 0], "reasons that nothing here was refused for");
}

#[test]
fn an_instance_lists_the_unused_numbers_of_its_own_namespace_only_the_oldest_twenty() {
    let own = |slot: i32| record(facts("i-1", slot, claim_of_request(&format!("r{slot:02}"))), 5);
    let mut elsewhere = claim_of_request("hidden");
    elsewhere.namespace = SECRET[0].to_owned();
    let used = brought(facts("i-1", 1, claim_of_request("used")), bound("site", "uid-1"), NumberState::InUse);
    let mut records = vec![record(facts("i-1", 0, elsewhere), 5), record(used, 5)];
    records.extend((2..30).map(own));
    let things = Things { records, ..Things::usual() };
    let (status, _) = instance::decide(&things.world(), &key("i-1"), now()).expect("it is there");
    let listed: Vec<_> = status.unused_numbers.iter().map(|u| u.record_name.clone()).collect();
    let expected: Vec<_> = (2..22).map(|slot| format!("instance.i-1-{slot}")).collect();
    assert_eq!(listed, expected);
    assert_eq!(status.unused_numbers[0].claimed_by, "ServiceNumberRequest/r02");
    let quota = status.quota.expect("the class is known");
    assert_eq!((quota.limit, quota.issued, quota.available, quota.in_use, quota.consumed), (5, 30, 0, 1, 0));
}

#[test]
fn an_instance_counts_what_became_of_its_numbers() {
    use NumberState::{Cancelled, Consumed, InUse, Issued, Submitted};
    let records = [Issued, InUse, Submitted, Consumed].into_iter().zip(0..).map(|(state, slot)| {
        record(
            brought(
                facts("i-1", slot, claim_of_request(&format!("r{slot}"))),
                bound(&format!("f{slot}"), "uid-1"),
                state,
            ),
            5,
        )
    });
    let mut things = Things { records: records.collect(), ..Things::usual() };
    let count = |things: &Things| {
        let quota = instance::decide(&things.world(), &key("i-1"), now())
            .expect("it is there")
            .0
            .quota
            .expect("known");
        (quota.limit, quota.issued, quota.available, quota.in_use, quota.consumed)
    };
    assert_eq!(count(&things), (5, 4, 1, 2, 1));
    things
        .records
        .push(record(brought(facts("i-1", 4, claim_of_request("r4")), bound("f4", "uid-1"), Cancelled), 5));
    assert_eq!(count(&things), (5, 5, 0, 2, 2));
    things.classes.clear();
    assert_eq!(instance::decide(&things.world(), &key("i-1"), now()).expect("it is there").0.quota, None);
}
