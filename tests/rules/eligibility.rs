//! Eligibility, by property: every reason at once and no other, and the very second at which an answer changes.

use icp_filing_operator::{
    api::{
        BillingMethod, InstanceClassSpec, InstanceSpec, InstanceState, PublicNetwork, Reason, Regions,
        Requirements, Subscription,
    },
    rules::eligibility::{judge, region_qualifies},
};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use proptest::prelude::*;

use crate::things::{ecs, now, server, t, time};

/// One thing that is wrong with an instance, and the reason that says so.
type Fault = (Reason, fn(&mut InstanceSpec));

const FAULTS: [Fault; 7] = [
    (Reason::ProviderNotSupported, |i| i.provider = "TencentCloud".to_owned()),
    (Reason::RegionNotSupported, |i| i.region = "cn-hongkong".to_owned()),
    (Reason::BillingMethodNotSupported, |i| i.billing_method = BillingMethod::PayAsYouGo),
    (Reason::NoPublicBandwidth, |i| network(i).bandwidth_mbps = 4),
    (Reason::NoPublicAddress, |i| network(i).addresses.clear()),
    (Reason::FirstOrderTooShort, |i| i.first_order.as_mut().expect("an order").months = 11),
    (Reason::FirstOrderTooSmall, |i| i.first_order.as_mut().expect("an order").amount_yuan = 98),
];

fn network(i: &mut InstanceSpec) -> &mut PublicNetwork {
    i.public_network.as_mut().expect("a network")
}

/// Its first and last day, where there is one, and the reasons.
type Term = (Option<(&'static str, &'static str)>, &'static [Reason]);

/// When a subscription began and ends, seen from 2026-03-01, and what is wrong with that.
const TERMS: [Term; 7] = [
    (Some(("2024-03-01", "2026-09-01")), &[]),
    (Some(("2026-02-01", "2026-09-01")), &[Reason::TooFewMonthsPurchased]),
    (Some(("2024-03-01", "2026-05-01")), &[Reason::TooFewMonthsRemaining]),
    (Some(("2026-02-01", "2026-05-01")), &[Reason::TooFewMonthsPurchased, Reason::TooFewMonthsRemaining]),
    (Some(("2024-03-01", "2026-02-01")), &[Reason::SubscriptionExpired, Reason::TooFewMonthsRemaining]),
    (Some(("2026-04-01", "2028-04-01")), &[Reason::SubscriptionNotStarted]),
    (None, &[Reason::TooFewMonthsPurchased, Reason::TooFewMonthsRemaining]),
];

const STATES: [(InstanceState, &[Reason]); 4] = [
    (InstanceState::Running, &[]),
    (InstanceState::Stopped, &[Reason::InstanceStopped]),
    (InstanceState::Expired, &[Reason::SubscriptionExpired]),
    (InstanceState::Released, &[Reason::InstanceReleased]),
];

/// A class that asks for everything that can be asked for.
fn strict() -> InstanceClassSpec {
    InstanceClassSpec {
        requirements: Requirements {
            min_months_purchased: Some(12),
            min_bandwidth_mbps: Some(5),
            public_address: true,
            min_first_order_months: Some(12),
            min_first_order_yuan: Some(99),
            ..ecs().requirements
        },
        ..ecs()
    }
}

fn reasons(spec: &InstanceSpec, duplicate: bool) -> Vec<Reason> {
    judge(spec, Some(&strict()), duplicate, now()).refusals.into_iter().map(|r| r.reason).collect()
}

fn spoilt(faults: &[bool], term: usize, state: usize) -> InstanceSpec {
    let mut spec = server("ecs");
    for ((_, spoil), wrong) in FAULTS.iter().zip(faults) {
        if *wrong {
            spoil(&mut spec);
        }
    }
    spec.subscription = TERMS[term].0.map(|(start, end)| Subscription {
        start_time: time(&format!("{start}T00:00:00Z")),
        expiration_time: time(&format!("{end}T00:00:00Z")),
    });
    spec.state = STATES[state].0;
    spec
}

proptest! {
    /// All at once, each exactly once; so mending one thing takes its own reason away and adds none.
    #[test]
    fn every_unmet_requirement_is_said_and_no_other(
        faults in prop::array::uniform7(any::<bool>()), term in 0..7_usize, state in 0..4_usize, duplicate in any::<bool>(),
    ) {
        let said = reasons(&spoilt(&faults, term, state), duplicate);
        let mut expected: Vec<Reason> = FAULTS.iter().zip(faults).filter(|(_, wrong)| *wrong).map(|(f, _)| f.0).collect();
        expected.extend(TERMS[term].1);
        expected.extend(STATES[state].1);
        expected.extend(duplicate.then_some(Reason::DuplicateInstance));
        expected.sort();
        expected.dedup();
        let mut sorted = said.clone();
        sorted.sort();
        prop_assert_eq!(&sorted, &expected);
    }

    #[test]
    fn mending_one_thing_removes_exactly_its_reason(
        faults in prop::array::uniform7(any::<bool>()), mended in 0..7_usize, term in 0..7_usize, state in 0..4_usize,
    ) {
        let before = reasons(&spoilt(&faults, term, state), false);
        let mut fewer = faults;
        fewer[mended] = false;
        let after = reasons(&spoilt(&fewer, term, state), false);
        let expected: Vec<_> = before.into_iter().filter(|r| *r != FAULTS[mended].0).collect();
        prop_assert_eq!(after, expected);
    }

    /// A renewal only ever helps.
    #[test]
    fn a_longer_subscription_adds_no_reason(term in 0..6_usize, months in 1..48_i32) {
        let spec = spoilt(&[false; 7], term, 0);
        let before = reasons(&spec, false);
        let mut renewed = spec;
        let end = &mut renewed.subscription.as_mut().expect("one").expiration_time.0;
        *end = icp_filing_operator::rules::calendar::months_after(*end, months);
        for reason in reasons(&renewed, false) {
            prop_assert!(before.contains(&reason), "{reason:?} is new");
        }
    }

    #[test]
    fn the_next_change_is_the_next_instant_at_which_the_answer_differs(
        start in around(), length in 1..80_000_000_000_i64, purchased in prop::option::of(1..30_i32),
        remaining in prop::option::of(1..30_i32), state in 0..4_usize, at in around(), samples in prop::collection::vec(0.0..1.0_f64, 8),
    ) {
        let mut spec = server("ecs");
        let end = start.checked_add(SignedDuration::from_millis(length)).expect("in range");
        spec.subscription = Some(Subscription { start_time: Time(start), expiration_time: Time(end) });
        spec.state = STATES[state].0;
        let mut class = ecs();
        (class.requirements.min_months_purchased, class.requirements.min_months_remaining) = (purchased, remaining);
        let judged = |when| judge(&spec, Some(&class), false, when);
        let before = judged(at);
        let horizon = judged(at).next_change.unwrap_or(t("2060-01-01T00:00:00Z"));
        prop_assert!(horizon > at);
        let span = horizon.duration_since(at).as_secs_f64();
        let second = SignedDuration::from_secs(1);
        let sampled = samples.iter().map(|s| at + SignedDuration::from_secs_f64(span * s * 0.999_999));
        let moment = SignedDuration::from_nanos(1);
        for when in sampled.chain([horizon - moment, horizon - second]).filter(|w| *w >= at && *w < horizon) {
            prop_assert_eq!(&judged(when).refusals, &before.refusals, "at {}", when);
        }
        if before.next_change.is_some() {
            prop_assert_ne!(judged(horizon).refusals, before.refusals);
        }
    }

    #[test]
    fn a_region_qualifies_when_it_is_allowed_and_not_denied(region in "cn-[a-h]{1,3}|us-[a-h]{1,3}", end in 0..6_usize) {
        let start = format!("{}*", &region[..end.min(region.len())]);
        let judged = |allowed: &[&str], denied: &[&str]| {
            let list = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect();
            region_qualifies(&Regions { allowed: list(allowed), denied: list(denied) }, &region)
        };
        prop_assert!(judged(&[], &[]));
        prop_assert!(judged(&[&start], &[]));
        prop_assert!(judged(&["eu-*", &region], &["eu-*"]));
        prop_assert!(!judged(&[], &[&start]));
        prop_assert!(!judged(&[&start], &[&region]));
        prop_assert!(!judged(&["eu-*"], &[]));
        prop_assert!(!judged(&[&region[1..]], &[]));
    }
}

/// An instant within some years, in whole seconds or not: manifests may have either.
fn around() -> impl Strategy<Value = Timestamp> {
    (1_700_000_000_i64..1_800_000_000, prop_oneof![Just(0), 0..1_000_000_000_i32])
        .prop_map(|(s, n)| Timestamp::new(s, n).expect("in range"))
}

#[test]
fn three_months_remain_until_the_very_second_and_not_one_longer() {
    let spec = {
        let mut spec = server("ecs");
        spec.subscription.as_mut().expect("one").expiration_time = time("2026-06-30T16:00:00Z");
        spec
    };
    // The first of July in China, so the first of April is the last instant.
    let judged = |when| judge(&spec, Some(&ecs()), false, t(when));
    let wake = Some(t("2026-03-31T16:00:01Z"));
    for (when, reasons, next) in [
        ("2026-03-31T15:59:59Z", &[][..], wake),
        ("2026-03-31T16:00:00Z", &[], wake),
        ("2026-03-31T16:00:00.999Z", &[], wake),
        ("2026-03-31T16:00:01Z", &[Reason::TooFewMonthsRemaining], Some(t("2026-06-30T16:00:00Z"))),
        ("2026-06-30T15:59:59Z", &[Reason::TooFewMonthsRemaining], Some(t("2026-06-30T16:00:00Z"))),
        ("2026-06-30T16:00:00Z", &[Reason::SubscriptionExpired, Reason::TooFewMonthsRemaining], None),
        ("2030-01-01T00:00:00Z", &[Reason::SubscriptionExpired, Reason::TooFewMonthsRemaining], None),
    ] {
        let said = judged(when);
        assert_eq!(said.refusals.iter().map(|r| r.reason).collect::<Vec<_>>(), reasons, "{when}");
        assert_eq!(said.next_change, next, "{when}");
    }
}

#[test]
fn a_subscription_qualifies_from_the_second_at_which_it_begins() {
    let mut spec = server("ecs");
    spec.subscription.as_mut().expect("one").start_time = time("2026-03-31T16:00:00Z");
    let judged = |when| judge(&spec, Some(&ecs()), false, t(when));
    assert_eq!(judged("2026-03-31T15:59:59Z").refusals[0].reason, Reason::SubscriptionNotStarted);
    assert_eq!(judged("2026-03-31T15:59:59Z").next_change, Some(t("2026-03-31T16:00:00Z")));
    assert_eq!(judged("2026-03-31T16:00:00Z").refusals, []);
}

#[test]
fn without_its_class_an_instance_is_told_so_with_all_that_holds_of_every_instance() {
    let said = |spec: &InstanceSpec, duplicate, when| {
        let judged = judge(spec, None, duplicate, when);
        judged.refusals.into_iter().map(|r| r.reason).collect::<Vec<_>>()
    };
    let mut spec = server("ecs");
    assert_eq!(said(&spec, false, now()), [Reason::ClassNotFound]);
    assert_eq!(said(&spec, true, now()), [Reason::DuplicateInstance, Reason::ClassNotFound]);
    let end = spec.subscription.as_ref().map(|s| s.expiration_time.0);
    assert_eq!(judge(&spec, None, false, now()).next_change, end);
    spec.state = InstanceState::Released;
    let late = [Reason::ClassNotFound, Reason::SubscriptionExpired, Reason::InstanceReleased];
    assert_eq!(said(&spec, false, end.expect("an end")), late);
}

#[test]
fn a_class_that_asks_for_nothing_takes_any_server_of_its_provider() {
    let class = InstanceClassSpec { requirements: Requirements::default(), ..ecs() };
    let mut spec = spoilt(&[false, true, true, true, true, true, true], 6, 0);
    assert_eq!(judge(&spec, Some(&class), false, now()).refusals, []);
    spec.provider = "TencentCloud".to_owned();
    let said = judge(&spec, Some(&class), false, now()).refusals;
    assert_eq!(said[0].reason, Reason::ProviderNotSupported);
    assert!(said[0].remedy.contains("platform of the provider"), "{said:?}");
}

#[test]
fn every_word_fits_its_bound_however_long_a_class_is() {
    let mut class = strict();
    let long = |n: usize| (0..64).map(|i| format!("r{i:02}{}", "x".repeat(n))).collect::<Vec<_>>();
    class.requirements.regions = Some(Regions { allowed: long(58), denied: long(58) });
    let spec = spoilt(&[true; 7], 4, 3);
    let judged = judge(&spec, Some(&class), true, now());
    for refusal in &judged.refusals {
        for text in [&refusal.observed, &refusal.required, &refusal.remedy] {
            assert!((1..=512).contains(&text.chars().count()), "{refusal:?}");
        }
    }
}
