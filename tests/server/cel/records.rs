//! The rules of records: the life of a number, written by the operator's own account.

use serde_json::{Value, json};

use super::{Change, Create, Rule, Write, on_change, on_create};
use crate::objects::{bound, spec};

const KIND: &str = "ServiceNumber";

fn bind() -> Value {
    spec(json!({"state": "InUse", "filing": bound()}))
}

fn give_back() -> Value {
    spec(json!({"state": "Issued", "filing": null}))
}

fn submit() -> Value {
    spec(json!({"state": "Submitted", "submittedTime": "2026-01-03T00:00:00Z"}))
}

fn consume() -> Value {
    let icp_number = "浙ICP备11012345号-1";
    spec(json!({"state": "Consumed", "consumedTime": "2026-01-04T00:00:00Z", "icpNumber": icp_number}))
}

fn cancel() -> Value {
    spec(json!({"state": "Cancelled", "cancelledTime": "2026-01-04T00:00:00Z"}))
}

/// An issued number and then these changes.
fn life(changes: impl IntoIterator<Item = Value>) -> Vec<Write> {
    std::iter::once(Create(json!({}))).chain(changes.into_iter().map(Change)).collect()
}

/// Some changes in one write, the later over the earlier.
fn at_once(changes: impl IntoIterator<Item = Value>) -> Value {
    let specs =
        changes.into_iter().filter_map(|mut change| change["spec"].as_object_mut().map(std::mem::take));
    spec(specs.flatten().collect())
}

fn rule(message: &'static str, accepts: Vec<Write>, refuses: Vec<Write>) -> Rule {
    Rule::new(KIND, message, accepts, refuses)
}

pub(super) fn rules() -> Vec<Rule> {
    vec![
        on_create(
            KIND,
            "the name of a record is its key and slot: instance.<instance>-<slot> or account.<class>.<account>-<slot>",
            json!({"metadata": {"name": "account.ecs.{u}-4"}, "spec": {
                "quotaScope": "Account", "accountID": "{u}", "slot": 4,
            }}),
            json!({"metadata": {"name": "instance.{u}-04"}, "spec": {"slot": 4}}),
        ),
        on_create(
            KIND,
            "the slot of a number is below the quota that was in force when it was issued",
            json!({"metadata": {"name": "instance.{u}-4"}, "spec": {"slot": 4}}),
            json!({"metadata": {"name": "instance.{u}-5"}, "spec": {"slot": 5}}),
        ),
        on_change(
            KIND,
            "what was issued is immutable",
            &json!({}),
            bind(),
            spec(json!({"claim": {"name": "somebody-else"}})),
        ),
        on_create(KIND, "only a number that is bound to a filing is submitted", bind(), submit()),
        rule(
            "consumedTime and icpNumber go together",
            life([bind(), submit(), consume()]),
            life([bind(), submit(), at_once([consume(), spec(json!({"icpNumber": null}))])]),
        ),
        rule(
            "a submitted number is consumed or cancelled, never both",
            life([bind(), submit(), cancel()]),
            life([bind(), submit(), at_once([cancel(), consume()])]),
        ),
        rule(
            "state says what the other fields say",
            life([bind(), give_back()]),
            life([spec(json!({"filing": bound()}))]),
        ),
        rule(
            "a submitted number stays with its filing for ever",
            life([bind(), submit()]),
            life([bind(), submit(), at_once([give_back(), spec(json!({"submittedTime": null}))])]),
        ),
        rule(
            "a number is submitted in a write of its own, after it was bound",
            life([bind(), spec(json!({"filing": {"uid": "uid-2"}})), submit()]),
            life([bind(), at_once([submit(), spec(json!({"filing": {"uid": "uid-2"}}))])]),
        ),
        rule(
            "a number is submitted before it is consumed or cancelled",
            life([bind(), submit(), consume()]),
            life([bind(), at_once([submit(), consume()])]),
        ),
        rule(
            "a bound number is given back before another filing gets it",
            life([bind(), spec(json!({"filing": {"uid": "uid-2"}}))]),
            life([bind(), spec(json!({"filing": {"namespace": "elsewhere"}}))]),
        ),
        rule(
            "a consumed number stays consumed",
            life([bind(), submit(), consume()]),
            life([bind(), submit(), consume(), spec(json!({"icpNumber": "浙ICP备99999999号-1"}))]),
        ),
        rule(
            "a cancelled number stays cancelled",
            life([bind(), submit(), cancel()]),
            life([bind(), submit(), cancel(), spec(json!({"state": "Submitted", "cancelledTime": null}))]),
        ),
    ]
}
