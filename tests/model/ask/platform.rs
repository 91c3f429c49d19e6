//! What may be asked of classes and instances.

use serde_json::json;

use super::{What, anything, create, own_status, pick, revision, spec, spoil, status};
use crate::{
    policies::{ALLOW_DELETION, Who},
    rng::Rng,
};

pub(super) fn class(rng: &mut Rng, prefix: &str) -> (Who, String, What) {
    let mut name = format!("{prefix}-c{}", rng.below(2));
    let what = match rng.below(8) {
        0..=2 => {
            let change = vec![
                json!({}),
                spec(json!({"quotaScope": "Account"})),
                spec(json!({"quota": 0})),
                spec(json!({"quota": 1001})),
            ];
            match rng.below(12) {
                0 => name.push_str(".x"),
                1 => name = format!("{name}{}", "x".repeat(64 - name.len())),
                _ => {}
            }
            create(rng, "InstanceClass", &name, change)
        }
        3 | 4 => What::Patch(
            revision(rng),
            pick(
                rng,
                vec![
                    spec(json!({"quota": 3})),
                    spec(json!({"quota": 1001, "quotaScope": "Account"})),
                    spec(json!({"quotaScope": "Account"})),
                    spec(json!({"quotaScope": "Instance", "suspend": true})),
                ],
            ),
        ),
        5 => What::Patch(revision(rng), json!({"metadata": {"annotations": {ALLOW_DELETION: "true"}}})),
        _ => anything(rng),
    };
    (Who::PlatformAdmin, name, what)
}

pub(super) fn instance(rng: &mut Rng, prefix: &str) -> (Who, String, What) {
    let mut name = format!("{prefix}-i{}", rng.below(2));
    let mut who = Who::PlatformAdmin;
    let reversed = json!({"startTime": "2099-01-01T00:00:00Z", "expirationTime": "2026-01-01T00:00:00Z"});
    let what = match rng.below(10) {
        0..=2 => {
            if rng.chance(10) {
                name = format!("{name}{}", "x".repeat(201 - name.len()));
            }
            let changes = vec![
                json!({"status": {"observedGeneration": 9}}),
                spec(json!({"subscription": null})),
                spec(json!({"subscription": reversed})),
                spec(json!({"publicNetwork": {"addresses": ["203.0.113.7/24"]}, "subscription": null})),
                spec(json!({"billingMethod": "PayAsYouGo", "subscription": null})),
            ];
            create(rng, "Instance", &name, changes)
        }
        3..=5 => What::Patch(
            revision(rng),
            pick(
                rng,
                vec![
                    spec(json!({"state": "Stopped"})),
                    spec(json!({"state": "Running"})),
                    spec(json!({"className": "other", "accountID": "1009"})),
                    spec(json!({"accountID": "1009", "state": "Expired"})),
                    spec(json!({"subscription": reversed, "className": "other"})),
                    spec(json!({"publicNetwork": {"addresses": ["::1"]}})),
                    status(json!({"observedGeneration": 9})),
                ],
            ),
        ),
        6 => {
            let quota = json!({"limit": 5, "issued": 1, "available": 4, "inUse": 0, "consumed": 0});
            let fields = pick(rng, vec![json!({"quota": quota}), json!({})]);
            who = Who::Operator;
            own_status(rng, &fields)
        }
        7 => {
            let (spoiler, what) = spoil(rng);
            who = spoiler;
            what
        }
        _ => anything(rng),
    };
    (who, name, what)
}
