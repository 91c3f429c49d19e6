//! A load that takes numbers through their whole life, claims that are refused beside it, and what all of it comes
//! to whatever was killed meanwhile. Nothing is killed here.

use std::time::Duration;

use futures::StreamExt;
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};

use crate::calls::Calls;
use crate::fixture::{Cluster, Who, eventually, instance_id};
use crate::load::{self, LONG, answers, counts};
use crate::operator_process::Operator;
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_instance, by_request, filing, instance, request, text, value, with,
};

/// How often a record is written for each instance: five numbers are issued, one is bound later than it is issued,
/// two are submitted, one is consumed and one is cancelled.
pub const WRITES: usize = 5 + 1 + 2 + 1 + 1;
/// Why the instance that does not qualify does not, and how that is said in one word.
const REFUSALS: [&str; 2] = ["NoPublicBandwidth", "InstanceStopped"];
const REFUSED: &str = "NoPublicBandwidth,InstanceStopped";

/// A namespace in which numbers live.
pub struct Lives<'a> {
    scene: Scene<'a>,
    servers: Vec<String>,
    /// The instance that does not qualify.
    refused: String,
}

impl<'a> Lives<'a> {
    /// Declares this many instances, and one that does not qualify.
    pub async fn declare(cluster: &'a Cluster, servers: usize) -> Self {
        let scene = Scene::on(cluster, Who::Alice).await;
        let servers: Vec<_> = (0..servers).map(|_| instance_id()).collect();
        let refused = instance_id();
        let mut declared: Vec<_> = servers.iter().map(|id| instance(id)).collect();
        declared.push(with(
            instance(&refused),
            json!({"spec": {"publicNetwork": {"bandwidthMbps": 0}, "state": "Stopped"}}),
        ));
        load::create(&scene, Who::PlatformAdmin, &declared).await;
        Self { scene, servers, refused }
    }

    /// How often the ledger is written from the beginning to the end.
    pub fn writes(&self) -> usize {
        self.servers.len() * WRITES
    }

    /// Makes every claim and reviews what is submitted, however often the servers go away meanwhile.
    pub async fn live(&self) {
        let mut claims: Vec<Value> = self.servers.iter().flat_map(|id| life(id)).collect();
        claims.extend([request("refused", &self.refused), filing("refused", by_instance(&self.refused))]);
        tokio::join!(
            load::create(&self.scene, Who::Alice, &claims),
            review(&self.scene, 2 * self.servers.len())
        );
    }

    /// Waits until everything ended as it would have without any outage: every claim is ready, or stalled with
    /// every reason, and every instance counts its numbers.
    pub async fn settled(&self, what: &str) {
        let (scene, count) = (&self.scene, self.servers.len());
        eventually(what, LONG, async || {
            let requests = answers(scene, REQUEST, 3 * count + 1).await;
            let filings = answers(scene, FILING, 3 * count + 1).await;
            let instances = scene.api(Who::PlatformAdmin, INSTANCE).await.list(&ListParams::default()).await;
            let instances = instances.map_err(|error| error.to_string())?;
            let all = json!({"limit": 5, "issued": 5, "available": 0, "inUse": 1, "consumed": 2});
            let counted = instances.iter().filter(|instance| instance.data["status"]["quota"] == all).count();
            let found = (counts(&requests), counts(&filings), counted);
            let requested = vec![(REFUSED, 1), ("Ready", 3 * count)];
            let filed = vec![("Cancelled", count), (REFUSED, 1), ("Ready", 2 * count)];
            let expected = (requested, filed, count);
            if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
        scene.stalled(REQUEST, "refused", &REFUSALS).await;
        scene.stalled(FILING, "refused", &REFUSALS).await;
    }
}

/// Five claims on a server: two filings that ask it themselves, one of them a draft for good, and three requests,
/// one of them with a filing.
fn life(id: &str) -> [Value; 6] {
    let name = |what: &str| format!("{what}-{id}");
    let submit = |filing: Value| with(filing, json!({"spec": {"submit": true}}));
    [
        submit(filing(&name("approved"), by_instance(id))),
        filing(&name("draft"), by_instance(id)),
        request(&name("spare"), id),
        request(&name("another"), id),
        request(&name("used"), id),
        submit(filing(&name("cancelled"), by_request(&name("used")))),
    ]
}

/// Reviews this many filings as soon as they are submitted, as the registrar.
async fn review(scene: &Scene<'_>, count: usize) {
    let api = scene.api(Who::Registrar, FILING).await;
    let reviewing = async {
        let mut filings = std::pin::pin!(
            watcher(api.clone(), watcher::Config::default()).default_backoff().applied_objects()
        );
        let mut reviewed = std::collections::HashSet::new();
        while reviewed.len() < count {
            let Some(Ok(filing)) = filings.next().await else { continue };
            let filing = value(filing);
            let name = text(&filing, "/metadata/name").to_owned();
            if text(&filing, "/status/submittedTime").is_empty() || reviewed.contains(&name) {
                continue;
            }
            let mut review = json!({"recordName": filing["status"]["recordName"], "state": "Cancelled"});
            if name.starts_with("approved") {
                review["state"] = json!("Approved");
                review["icpNumber"] = json!("浙ICP备11012345号-1");
            }
            let patch = Patch::Merge(json!({"status": {"review": review}}));
            // What the server does not take for the moment is sent again; that it is the same changes nothing.
            while api.patch_status(&name, &PatchParams::default(), &patch).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            reviewed.insert(name);
        }
    };
    assert!(tokio::time::timeout(LONG, reviewing).await.is_ok(), "{count} filings were not submitted");
}

/// That an operator looks at everything again and again, and nobody writes anything.
pub async fn is_quiet(cluster: &Cluster, operator: &Operator, instances: usize) {
    const ROUNDS: u64 = 3;
    let looked = async || {
        let metrics = operator.metrics().await;
        let adds =
            metrics.lines().find_map(|line| line.strip_prefix("workqueue_adds_total{name=\"instance\"} "));
        adds.and_then(|adds| adds.parse::<u64>().ok()).unwrap_or_default()
    };
    // The first looks after a start may still finish what was begun; the later ones may not.
    eventually("quiet", LONG, async || {
        let (before, begun) = (Calls::now(cluster).await, looked().await);
        let all = ROUNDS * u64::try_from(instances).unwrap_or(u64::MAX);
        eventually("looks at everything", LONG, async || {
            let now = looked().await;
            if now >= begun + all { Ok(()) } else { Err(format!("{now} of {}", begun + all)) }
        })
        .await;
        let calls = Calls::now(cluster).await.since(&before);
        let events = calls.count(|call| call.resource == "events");
        if calls.writes() == Calls::default() && events == 0 { Ok(()) } else { Err(calls.to_string()) }
    })
    .await;
}
