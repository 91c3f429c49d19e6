//! Broken ledgers: what an administrator who breaks the glass can write in spite of CEL, and what nobody can, written
//! to etcd behind the API server's back.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::fixture::{BREAK_GLASS, Cluster, Who, must};
use crate::objects::record;
use crate::scene::{text, with};
use crate::wire;

/// What each broken record is: its finding, the invariant, the records, and whether the API server would take them.
type Plant = (&'static str, &'static str, Vec<Value>, bool);

/// What was planted.
pub struct Planted(Vec<(&'static str, &'static str)>);

impl Planted {
    /// Plants one of each.
    pub async fn all(cluster: &Cluster) -> Self {
        let mut planted = Vec::new();
        for (code, invariant, records, taken) in plants() {
            for record in records {
                if taken {
                    break_glass(cluster, &record).await;
                } else {
                    behind_the_back(cluster, record).await;
                }
            }
            planted.push((code, invariant));
        }
        Self(planted)
    }

    /// Takes a record away that the operator saw.
    pub async fn lose(cluster: &Cluster, name: &str) {
        etcd(cluster, "/v3/kv/deleterange", &json!({"key": key(name)})).await;
    }

    /// How many findings break each invariant.
    pub fn invariants(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for (_, invariant) in &self.0 {
            *counts.entry(*invariant).or_default() += 1;
        }
        counts
    }

    /// Their codes.
    pub fn codes(&self) -> BTreeSet<String> {
        self.0.iter().map(|(code, _)| (*code).to_owned()).collect()
    }
}

fn plants() -> Vec<Plant> {
    let spec = |change: Value| json!({"spec": change});
    let filing = json!({"namespace": "nowhere", "name": "f", "uid": "uid-1", "domain": "f.example.cn"});
    let time = "2026-01-03T00:00:00Z";
    let submitted = |name: &str| {
        let filing = with(filing.clone(), json!({"name": name}));
        spec(json!({"filing": filing, "submittedTime": time, "state": "Submitted"}))
    };
    let (one, twice) = (record("i-one", 0), record("i-twice", 0));
    let same_number = spec(json!({"number": one["spec"]["number"]}));
    let claim = json!({"kind": "Filing", "namespace": "nowhere", "name": "both"});
    let same_claim = spec(json!({"claim": claim}));
    vec![
        ("NumberIssuedTwice", "Unique", vec![with(twice, same_number), one], true),
        (
            "ClaimIssuedTwice",
            "OnePerClaim",
            vec![with(record("i-claim", 0), same_claim.clone()), with(record("i-claim", 1), same_claim)],
            true,
        ),
        (
            "FilingSubmittedTwice",
            "OneFilingPerNumber",
            vec![with(record("i-sub", 0), submitted("f")), with(record("i-sub", 1), submitted("f"))],
            true,
        ),
        ("SlotMissing", "OneWay", vec![record("i-hole", 2)], true),
        (
            "NameDiffers",
            "WithinQuota",
            vec![with(record("i-name", 0), json!({"metadata": {"name": "instance.i-name-00"}}))],
            false,
        ),
        ("SlotBeyondQuota", "WithinQuota", vec![with(record("i-slot", 0), spec(json!({"quota": 0})))], false),
        (
            "StateDiffers",
            "OneWay",
            vec![with(record("i-state", 0), spec(json!({"state": "Consumed"})))],
            false,
        ),
        (
            "SubmittedUnbound",
            "OneWay",
            vec![with(record("i-unbound", 0), spec(json!({"submittedTime": time, "state": "Submitted"})))],
            false,
        ),
        (
            "OutcomeUnsubmitted",
            "OneWay",
            vec![with(record("i-unsent", 0), spec(json!({"cancelledTime": time, "state": "Cancelled"})))],
            false,
        ),
        (
            "OutcomeTwice",
            "OneWay",
            vec![with(
                with(record("i-both", 0), submitted("both")),
                spec(
                    json!({"consumedTime": time, "icpNumber": "1", "cancelledTime": time, "state": "Consumed"}),
                ),
            )],
            false,
        ),
        (
            "OutcomeIncomplete",
            "OneWay",
            vec![with(
                with(record("i-half", 0), submitted("half")),
                spec(json!({"consumedTime": time, "state": "Consumed"})),
            )],
            false,
        ),
    ]
}

async fn break_glass(cluster: &Cluster, record: &Value) {
    let group = format!("--as-group={BREAK_GLASS}");
    let args = ["create", "-f", "-", "--as=admin", &group, "--as-group=system:masters"];
    let admin = cluster.kubectl(Who::Admin);
    must("break the glass", admin.ok_with_input(&args, &record.to_string()).await);
}

/// What the API server keeps a record under.
fn key(name: &str) -> ByteString {
    ByteString(format!("/registry/icp-filing.dev/servicenumbers/{name}").into_bytes())
}

async fn behind_the_back(cluster: &Cluster, record: Value) {
    let name = text(&record, "/metadata/name").to_owned();
    let stored = with(
        record,
        json!({"metadata": {"uid": uuid::Uuid::new_v4().to_string(), "creationTimestamp": "2026-01-02T00:00:00Z", "generation": 1}}),
    );
    let value = ByteString(stored.to_string().into_bytes());
    etcd(cluster, "/v3/kv/put", &json!({"key": key(&name), "value": value})).await;
}

async fn etcd(cluster: &Cluster, path: &str, body: &Value) {
    let endpoint = must("find etcd", cluster.control_plane().etcd_endpoint());
    let address = endpoint.trim_start_matches("http://");
    let (status, answer) = must("reach etcd", wire::post(address, path, &body.to_string()).await);
    assert_eq!(status, 200, "{answer}");
}
