//! The rules of classes, instances and requests.

use serde_json::{Value, json};

use super::{Rule, on_change, on_create};
use crate::objects::spec;

fn named(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

pub(super) fn rules() -> Vec<Rule> {
    let nothing = json!({});
    vec![
        on_create(
            "InstanceClass",
            "use a class name of at most 63 characters: it is part of the names of ledger records",
            named("{u:63}"),
            named("{u:64}"),
        ),
        on_create(
            "InstanceClass",
            "use lower-case letters, digits and dashes in a class name: it is part of the names of ledger records",
            named("{u}"),
            named("{u}.v2"),
        ),
        on_change(
            "InstanceClass",
            "quotaScope is immutable: numbers already issued are counted by it; create a class of another name",
            &nothing,
            spec(json!({"quota": 4, "suspend": true})),
            spec(json!({"quotaScope": "Account"})),
        ),
        on_create(
            "Instance",
            "use the provider's instance ID as the name, at most 200 characters: it is part of the names of ledger records",
            named("{u:200}"),
            named("{u:201}"),
        ),
        on_create(
            "Instance",
            "expirationTime must be before the year 9999: give a time such as 2099-01-01T00:00:00+08:00 for a subscription without an end",
            spec(json!({"subscription": {"expirationTime": "9998-12-31T23:59:59Z"}})),
            spec(json!({"subscription": {"expirationTime": "9999-01-01T00:00:00Z"}})),
        ),
        on_change(
            "Instance",
            "className is immutable: numbers already issued are counted by it; a server of another type has another ID",
            &nothing,
            spec(json!({"region": "cn-beijing"})),
            spec(json!({"className": "ens"})),
        ),
        on_change(
            "Instance",
            "accountID is immutable: it is the account that bought the server",
            &nothing,
            spec(json!({"subscription": {"expirationTime": "2100-01-01T00:00:00Z"}})),
            spec(json!({"accountID": "1002"})),
        ),
        on_create(
            "Instance",
            "give subscription.startTime and subscription.expirationTime for billingMethod Subscription",
            spec(json!({"billingMethod": "PayAsYouGo", "subscription": null})),
            spec(json!({"subscription": null})),
        ),
        on_create(
            "Instance",
            "expirationTime must be later than startTime",
            spec(json!({"subscription": {"expirationTime": "2026-01-01T00:00:01Z"}})),
            spec(json!({"subscription": {"expirationTime": "2026-01-01T00:00:00Z"}})),
        ),
        on_create(
            "Instance",
            "addresses are IPv4 or IPv6 addresses, without a port or a prefix length",
            spec(json!({"publicNetwork": {"addresses": ["203.0.113.7", "2001:db8::7"]}})),
            spec(json!({"publicNetwork": {"addresses": ["203.0.113.7/32"]}})),
        ),
        on_change(
            "ServiceNumberRequest",
            "the spec of a request is immutable: create a request of another name",
            &nothing,
            json!({"metadata": {"labels": {"team": "shop"}}}),
            spec(json!({"filingAccountID": "2002"})),
        ),
        on_create(
            "ServiceNumberRequest",
            "leave filingAccountID out: the account that bought the instance may always file",
            spec(json!({"filingAccountID": "2002"})),
            spec(json!({"filingAccountID": "1001"})),
        ),
    ]
}
