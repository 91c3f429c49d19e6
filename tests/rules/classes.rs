//! The eight rows of the provider's table, as they are shipped, and the seven causes of a missing Apply button.

use icp_filing_operator::{
    api::{
        BillingMethod, FirstOrder, InstanceClass, InstanceSpec, InstanceState, PublicNetwork, QuotaScope,
        Reason,
    },
    rules::{
        eligibility::judge,
        issue::{Allocation, Asking, allocate},
    },
};
use k8s_openapi::jiff::ToSpan;

use crate::things::{Things, claim_of_request, ecs, facts, instance, now, record, server, t, time};

/// Reads a shipped class.
fn shipped(name: &str) -> InstanceClass {
    let path = format!("{}/deploy/classes/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A server bought for so many months, half a month ago, whose first order was for all of them.
fn bought(class: &str, months: i64) -> InstanceSpec {
    let mut spec = server(class);
    let start = t("2026-02-15T00:00:00Z");
    let end =
        start.to_zoned(k8s_openapi::jiff::tz::TimeZone::UTC).checked_add(months.months()).expect("in range");
    if let Some(s) = &mut spec.subscription {
        (s.start_time.0, s.expiration_time.0) = (start, end.timestamp());
    }
    spec.first_order = Some(FirstOrder { months: i32::try_from(months).expect("small"), amount_yuan: 99 });
    spec
}

fn reasons(spec: &InstanceSpec, class: &InstanceClass) -> Vec<Reason> {
    judge(spec, Some(&class.spec), false, now()).refusals.into_iter().map(|r| r.reason).collect()
}

/// Name, numbers, scope, fewest months bought; the network and first order that it asks for are below.
const ROWS: [(&str, i32, QuotaScope, i64); 8] = [
    ("ecs", 5, QuotaScope::Instance, 3),
    ("web-hosting", 5, QuotaScope::Instance, 3),
    ("simple-application-server", 5, QuotaScope::Instance, 3),
    ("elastic-web-hosting", 5, QuotaScope::Account, 6),
    ("marketplace-site", 1, QuotaScope::Instance, 12),
    ("nat-gateway", 2, QuotaScope::Instance, 1),
    ("ipv6-translation", 2, QuotaScope::Instance, 1),
    ("ens", 5, QuotaScope::Instance, 3),
];

#[test]
fn each_row_gives_as_many_numbers_as_the_table_says_and_counts_as_it_says() {
    for (name, quota, scope, _) in ROWS {
        let class = shipped(name);
        assert_eq!((class.spec.quota, class.spec.quota_scope), (quota, scope), "{name}");
        assert_eq!(class.metadata.name.as_deref(), Some(name));
        assert!(!class.spec.suspend, "{name}");
    }
}

#[test]
fn each_row_takes_a_server_bought_for_the_months_it_asks_for_and_refuses_one_bought_for_less() {
    for (name, _, _, months) in ROWS {
        let class = shipped(name);
        // The seeds' note on the rest of the subscription is about ECS; half a month of it is gone by now.
        let enough = if name == "ecs" { months + 1 } else { months };
        assert_eq!(reasons(&bought(name, enough), &class), [], "{name}");
        let short = reasons(&bought(name, months - 1), &class);
        let expected: &[Reason] = match name {
            "ecs" => &[Reason::TooFewMonthsPurchased, Reason::TooFewMonthsRemaining],
            "marketplace-site" => &[Reason::FirstOrderTooShort],
            // A subscription of no months has ended as it begins.
            "nat-gateway" | "ipv6-translation" => {
                &[Reason::SubscriptionExpired, Reason::TooFewMonthsPurchased]
            }
            _ => &[Reason::TooFewMonthsPurchased],
        };
        assert_eq!(short, expected, "{name}");
    }
}

#[test]
fn each_row_refuses_hong_kong_places_abroad_pay_as_you_go_and_trials() {
    for (name, ..) in ROWS {
        let class = shipped(name);
        for region in ["cn-hongkong", "ap-southeast-1", "us-west-1", "eu-central-1"] {
            let spec = InstanceSpec { region: region.to_owned(), ..bought(name, 13) };
            assert_eq!(reasons(&spec, &class), [Reason::RegionNotSupported], "{name} in {region}");
        }
        for region in ["cn-hangzhou", "cn-beijing", "cn-shenzhen", "cn-zhangjiakou"] {
            let spec = InstanceSpec { region: region.to_owned(), ..bought(name, 13) };
            assert_eq!(reasons(&spec, &class), [], "{name} in {region}");
        }
        for billing_method in [BillingMethod::PayAsYouGo, BillingMethod::Trial] {
            let spec = InstanceSpec { billing_method, ..bought(name, 13) };
            assert_eq!(reasons(&spec, &class), [Reason::BillingMethodNotSupported], "{name}");
        }
    }
}

#[test]
fn only_the_ecs_row_asks_for_public_bandwidth() {
    for (name, ..) in ROWS {
        let expected: &[Reason] = if name == "ecs" { &[Reason::NoPublicBandwidth] } else { &[] };
        let spec = InstanceSpec { public_network: None, ..bought(name, 13) };
        assert_eq!(reasons(&spec, &shipped(name)), expected, "{name}");
        let none = PublicNetwork { bandwidth_mbps: 0, addresses: vec!["203.0.113.7".to_owned()] };
        let spec = InstanceSpec { public_network: Some(none), ..bought(name, 13) };
        assert_eq!(reasons(&spec, &shipped(name)), expected, "{name}");
        let least = PublicNetwork { bandwidth_mbps: 1, addresses: vec![] };
        let spec = InstanceSpec { public_network: Some(least), ..bought(name, 13) };
        assert_eq!(reasons(&spec, &shipped(name)), [], "{name}");
    }
}

#[test]
fn only_the_marketplace_row_asks_about_the_first_order() {
    for (name, ..) in ROWS {
        let orders: [(Option<FirstOrder>, &[Reason]); 4] = [
            (None, &[Reason::FirstOrderTooShort, Reason::FirstOrderTooSmall]),
            (Some(FirstOrder { months: 11, amount_yuan: 99 }), &[Reason::FirstOrderTooShort]),
            (Some(FirstOrder { months: 12, amount_yuan: 98 }), &[Reason::FirstOrderTooSmall]),
            (Some(FirstOrder { months: 12, amount_yuan: 99 }), &[]),
        ];
        for (first_order, expected) in orders {
            let spec = InstanceSpec { first_order, ..bought(name, 13) };
            let expected = if name == "marketplace-site" { expected } else { &[] };
            assert_eq!(reasons(&spec, &shipped(name)), expected, "{name}");
        }
    }
}

#[test]
fn the_ecs_row_is_what_the_other_tests_use() {
    assert_eq!(shipped("ecs").spec, ecs());
}

/// What a cause is called, how to make it so, and the reason that says it.
type Cause = (&'static str, fn(&mut InstanceSpec), Reason);

/// The official list of why there is no Apply button, cause by cause, each with nothing else wrong.
#[test]
fn each_of_the_seven_causes_is_said_and_nothing_else_is() {
    let spoil: [Cause; 6] = [
        ("wrong account", |i| i.account_id = "2002".to_owned(), Reason::WrongAccount),
        (
            "pay-as-you-go",
            |i| i.billing_method = BillingMethod::PayAsYouGo,
            Reason::BillingMethodNotSupported,
        ),
        ("no public bandwidth", |i| i.public_network = None, Reason::NoPublicBandwidth),
        (
            "too little time left",
            |i| i.subscription.as_mut().expect("one").expiration_time = time("2026-05-31T00:00:00Z"),
            Reason::TooFewMonthsRemaining,
        ),
        ("expired", |i| i.state = InstanceState::Expired, Reason::SubscriptionExpired),
        ("Hong Kong", |i| i.region = "cn-hongkong".to_owned(), Reason::RegionNotSupported),
    ];
    for (cause, spoil, reason) in spoil {
        let mut spec = server("ecs");
        spoil(&mut spec);
        let things = Things { instances: vec![instance("i-1", spec)], ..Things::usual() };
        assert_eq!(refused(&things), [reason], "{cause}");
    }
    let taken =
        (0..5).map(|slot| record(facts("i-1", slot, claim_of_request(&format!("r{slot}"))), 1)).collect();
    assert_eq!(
        refused(&Things { records: taken, ..Things::usual() }),
        [Reason::QuotaExhausted],
        "quota reached"
    );
}

fn refused(things: &Things) -> Vec<Reason> {
    let asking =
        Asking { claim: claim_of_request("r"), instance: "i-1", account: "1001", grant: None, filing: None };
    match allocate(&things.world(), &asking, now()) {
        Allocation::Refused(refusals, _) => refusals.into_iter().map(|r| r.reason).collect(),
        other => panic!("{other:?}"),
    }
}
