//! Malformed instances, and malformed records, which carry what an instance says.

use serde_json::{Value, json};

use super::all_refused;
use crate::fixture::Who;
use crate::objects::spec;

#[tokio::test]
async fn malformed_instances_are_refused() {
    let cases = vec![
        ("no spec", json!({"spec": null}), "spec: Required value"),
        ("an ID in upper case", json!({"metadata": {"name": "I-BP67"}}), "a lowercase RFC 1123 subdomain"),
        (
            "an ID too long",
            json!({"metadata": {"name": "{u:201}"}}),
            "use the provider's instance ID as the name",
        ),
        ("no class", spec(json!({"className": null})), "spec.className: Required value"),
        ("an empty class", spec(json!({"className": ""})), "should be at least 1 chars long"),
        ("a class in upper case", spec(json!({"className": "ECS"})), "spec.className in body should match"),
        ("no provider", spec(json!({"provider": null})), "spec.provider: Required value"),
        ("no account", spec(json!({"accountID": null})), "spec.accountID: Required value"),
        ("an account without quotes", spec(json!({"accountID": 1001})), "must be of type string"),
        (
            "an account with a space",
            spec(json!({"accountID": "10 01"})),
            "spec.accountID in body should match",
        ),
        (
            "an account with a dot",
            spec(json!({"accountID": "shop.1001"})),
            "spec.accountID in body should match",
        ),
        ("an account too long", spec(json!({"accountID": "1".repeat(64)})), "may not be more than 63 bytes"),
        ("no region", spec(json!({"region": null})), "spec.region: Required value"),
        (
            "a region with an underscore",
            spec(json!({"region": "cn_hangzhou"})),
            "spec.region in body should match",
        ),
        (
            "a region by its name",
            spec(json!({"region": "China (Hangzhou)"})),
            "spec.region in body should match",
        ),
        ("no billing method", spec(json!({"billingMethod": null})), "spec.billingMethod: Required value"),
        (
            "an unknown billing method",
            spec(json!({"billingMethod": "PrePaid"})),
            r#""Subscription", "PayAsYouGo", "Trial""#,
        ),
        (
            "a subscription without times",
            spec(json!({"subscription": null})),
            "give subscription.startTime and",
        ),
        ("a state in lower case", spec(json!({"state": "running"})), "Unsupported value"),
        ("a quota of its own", spec(json!({"quota": 50})), r#"unknown field "spec.quota""#),
    ];
    all_refused(Who::Admin, "Instance", cases).await;
}

#[tokio::test]
async fn malformed_times_orders_and_networks_are_refused() {
    let many: Vec<String> = (0..65).map(|n| format!("203.0.113.{n}")).collect();
    let subscription = |fields: Value| spec(json!({"subscription": fields}));
    let order = |fields: Value| spec(json!({"firstOrder": fields}));
    let network = |fields: Value| spec(json!({"publicNetwork": fields}));
    let cases = vec![
        (
            "a subscription without end",
            subscription(json!({"expirationTime": null})),
            "expirationTime: Required value",
        ),
        ("a day for a time", subscription(json!({"startTime": "2026-01-01"})), "must be of type date-time"),
        (
            "a word for a time",
            subscription(json!({"expirationTime": "tomorrow"})),
            "must be of type date-time",
        ),
        (
            "a day that is not",
            subscription(json!({"expirationTime": "2099-02-30T00:00:00Z"})),
            "must be of type date-time",
        ),
        (
            "an end before the start",
            subscription(json!({"expirationTime": "2025-01-01T00:00:00Z"})),
            "must be later than startTime",
        ),
        (
            "months of a subscription",
            subscription(json!({"months": 3})),
            r#"unknown field "spec.subscription.months""#,
        ),
        ("an order without amount", order(json!({"months": 12})), "amountYuan: Required value"),
        (
            "an order for less than nothing",
            order(json!({"months": -1, "amountYuan": 99})),
            "greater than or equal to 0",
        ),
        ("an amount with cents", order(json!({"months": 12, "amountYuan": 99.5})), "must be of type integer"),
        ("no bandwidth", network(json!({"bandwidthMbps": null})), "bandwidthMbps: Required value"),
        ("bandwidth with its unit", network(json!({"bandwidthMbps": "5M"})), "must be of type integer"),
        ("less than no bandwidth", network(json!({"bandwidthMbps": -1})), "greater than or equal to 0"),
        ("an address not as a list", network(json!({"addresses": "203.0.113.7"})), "must be of type array"),
        (
            "a host name for an address",
            network(json!({"addresses": ["shop.example.cn"]})),
            "addresses are IPv4 or IPv6",
        ),
        (
            "a network for an address",
            network(json!({"addresses": ["203.0.113.0/24"]})),
            "addresses are IPv4 or IPv6",
        ),
        (
            "an address with a port",
            network(json!({"addresses": ["203.0.113.7:80"]})),
            "addresses are IPv4 or IPv6",
        ),
        (
            "one address twice",
            network(json!({"addresses": ["203.0.113.7", "203.0.113.7"]})),
            "Duplicate value",
        ),
        ("too many addresses", network(json!({"addresses": many})), "must have at most 64 items"),
    ];
    all_refused(Who::Admin, "Instance", cases).await;
}

#[tokio::test]
async fn malformed_records_are_refused_from_the_operator_itself() {
    let claim = |fields: Value| spec(json!({"claim": fields}));
    let cases = vec![
        ("no number", spec(json!({"number": null})), "spec.number: Required value"),
        (
            "a number in upper case",
            spec(json!({"number": "32A43232-A888-48E8-B9EC-00888BE80000"})),
            "spec.number in body should match",
        ),
        ("no slot", spec(json!({"slot": null})), "spec.slot: Required value"),
        ("a negative slot", spec(json!({"slot": -1})), "should be greater than or equal to 0"),
        (
            "another slot than the name has",
            spec(json!({"slot": 1})),
            "the name of a record is its key and slot",
        ),
        ("a quota of none", spec(json!({"quota": 0})), "should be greater than or equal to 1"),
        (
            "another instance than the name has",
            spec(json!({"instanceName": "i-other"})),
            "the name of a record is its key and slot",
        ),
        (
            "another scope than the name has",
            spec(json!({"quotaScope": "Account"})),
            "the name of a record is its key and slot",
        ),
        ("an unknown state", spec(json!({"state": "Lost"})), "Unsupported value"),
        (
            "a state that is not so",
            spec(json!({"state": "Consumed"})),
            "state says what the other fields say",
        ),
        ("no claim", claim(Value::Null), "spec.claim: Required value"),
        (
            "a claim of another kind",
            claim(json!({"kind": "Instance"})),
            r#""ServiceNumberRequest", "Filing""#,
        ),
        ("a claim without a namespace", claim(json!({"namespace": ""})), "should be at least 1 chars long"),
        ("no time of issue", spec(json!({"issuedTime": null})), "spec.issuedTime: Required value"),
        (
            "a filing without its uid",
            spec(json!({"filing": {"namespace": "n", "name": "f", "domain": "a.cn"}})),
            "uid: Required value",
        ),
        (
            "an ICP number without a filing",
            spec(json!({"icpNumber": "x"})),
            "consumedTime and icpNumber go together",
        ),
        ("a status", json!({"status": {"state": "Issued"}}), r#"unknown field "status""#),
    ];
    all_refused(Who::Operator, "ServiceNumber", cases).await;
}
