//! What may be asked of records: the steps of a number's life, in any order and two at once.

use serde_json::{Value, json};

use super::{ICP, What, anything, pick, revision, spec};
use crate::{
    objects::{merge, valid},
    policies::Who,
    rng::Rng,
};

pub(super) fn record(rng: &mut Rng, prefix: &str) -> (Who, String, What) {
    let slot = rng.below(2);
    let instance = format!("{prefix}-i0");
    let mut name = format!("instance.{instance}-{slot}");
    let what = match rng.below(12) {
        0..=2 => {
            let own = json!({
                "slot": slot, "quota": 2, "instanceName": instance,
                "number": format!("{:08x}-0000-4000-a000-000000000000", 16 + slot),
                "claim": {"name": "r0"},
            });
            if rng.chance(10) {
                let wrong = [
                    format!("instance.{instance}-0{slot}"),
                    format!("account.{prefix}-c0.1001-{slot}"),
                    format!("instance.{prefix}-i1-{slot}"),
                ];
                name.clone_from(rng.pick(&wrong));
            }
            let mut object = valid("ServiceNumber");
            object["metadata"]["name"] = json!(name);
            merge(&mut object, &spec(own));
            if rng.chance(30) {
                let change = pick(rng, records(prefix));
                merge(&mut object, &change);
            }
            What::Create(object)
        }
        3..=10 => {
            let mut change = pick(rng, steps());
            // Two steps in one write is what no rule may let through.
            if rng.chance(15) {
                let other = pick(rng, steps());
                merge(&mut change, &other);
                if other["spec"]["filing"].is_null() && other["spec"].get("filing").is_some() {
                    change["spec"]["filing"] = Value::Null;
                }
            }
            What::Patch(revision(rng), change)
        }
        _ => anything(rng),
    };
    (Who::Operator, name, what)
}

fn bound(name: &str, uid: &str) -> Value {
    json!({"namespace": "n", "name": name, "uid": uid, "domain": "x.cn"})
}

fn records(prefix: &str) -> Vec<Value> {
    let submitted = json!({
        "state": "Submitted", "filing": bound("f", "u1"), "submittedTime": "2026-01-03T00:00:00Z",
    });
    vec![
        spec(json!({"state": "InUse", "filing": bound("f", "u1")})),
        spec(json!({"state": "InUse"})),
        spec(json!({"quota": 1})),
        spec(json!({"quota": 1001, "state": "InUse"})),
        spec(json!({"slot": -1})),
        spec(submitted),
        spec(json!({"state": "Submitted", "submittedTime": "2026-01-03T00:00:00Z"})),
        spec(json!({"quotaScope": "Account", "className": format!("{prefix}-c0")})),
        spec(json!({"consumedTime": "2026-01-03T00:00:00Z"})),
        spec(json!({"filingAccountID": "1002"})),
    ]
}

fn steps() -> Vec<Value> {
    vec![
        spec(json!({"state": "InUse", "filing": bound("f", "u1")})),
        spec(json!({"state": "InUse", "filing": bound("f", "u1")})),
        spec(json!({"state": "InUse", "filing": bound("g", "u3")})),
        spec(json!({"filing": {"uid": "u2"}})),
        spec(json!({"state": "Issued", "filing": null})),
        spec(json!({"state": "Submitted", "submittedTime": "2026-01-03T00:00:00Z"})),
        spec(json!({"state": "Submitted", "submittedTime": "2026-01-03T00:00:00Z"})),
        spec(json!({"state": "Consumed", "consumedTime": "2026-01-04T00:00:00Z", "icpNumber": ICP})),
        spec(json!({"state": "Cancelled", "cancelledTime": "2026-01-05T00:00:00Z"})),
        spec(json!({"state": "Submitted", "cancelledTime": null})),
        spec(json!({"state": "InUse", "submittedTime": null})),
        spec(json!({"consumedTime": "2026-01-06T00:00:00Z"})),
        spec(json!({"icpNumber": null})),
        spec(json!({"number": "00000099-0000-4000-a000-000000000000"})),
        spec(json!({"quota": 5, "claim": {"name": "r9"}})),
        spec(json!({"filingAccountID": "1002"})),
        spec(json!({"filing": {"domain": "y.cn"}})),
        spec(json!({"slot": 7})),
    ]
}
