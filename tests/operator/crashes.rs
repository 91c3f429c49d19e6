//! Crashes: operators, API server and etcd are killed at random moments of a load that takes numbers through their
//! whole life. Whatever is killed when, the ledger is written as often as it would have been without, everything
//! ends where it should, and then nobody writes any more.

use std::time::Duration;

use futures::StreamExt;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};

use crate::calls::Calls;
use crate::fixture::{Cluster, Who, eventually, instance_id, must};
use crate::load::{self, LONG, answers, counts};
use crate::operator_process::Operator;
use crate::rng::Rng;
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_instance, by_request, filing, instance, request, text, value, with,
};
use crate::stage::Stage;

/// Instances in each load.
const SERVERS: usize = 10;
/// How often a record is written for each of them: five numbers are issued, one is bound later than it is issued,
/// two are submitted, one is consumed and one is cancelled.
const WRITES: usize = 5 + 1 + 2 + 1 + 1;

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// SIGKILL to the operator, and a new one.
    OperatorKilled,
    /// SIGTERM to the operator, and a new one.
    OperatorEnded,
    /// SIGKILL to the API server, and a new one.
    ServerKilled,
    /// SIGKILL to etcd, and a new one.
    StoreKilled,
}

use Fault::{OperatorEnded, OperatorKilled, ServerKilled, StoreKilled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_at_whatever_moment_everything_ends_as_it_should() {
    let cluster = must("start a control plane", Cluster::start().await);
    let stage = Stage::on(&cluster);
    let mut operator = Operator::spawn(&cluster, &[]);
    for (seed, faults) in [
        (1, &[OperatorKilled; 5][..]),
        (2, &[OperatorKilled; 5]),
        (3, &[OperatorEnded, OperatorKilled, OperatorEnded]),
        (4, &[ServerKilled]),
        (5, &[StoreKilled]),
        (6, &[ServerKilled, OperatorKilled, StoreKilled]),
    ] {
        operator = endured(&stage, operator, seed, faults).await;
        stage.sound(&[&operator]).await;
    }
    operator.finish().await;
    stage.ended(operator);

    // A new one finds nothing to do, however often it looks.
    let operator = Operator::start(&cluster, &["--resync-seconds", "1"]).await;
    is_quiet(&cluster, &operator).await;
    operator.finish().await;
    stage.ended(operator);
    stage.sound(&[]).await;
    stage.no_number_in_events().await;
    drop(stage);
    cluster.stop().await;
}

/// One load, in the course of which everything goes wrong that is listed; the operator that runs in the end.
async fn endured(stage: &Stage<'_>, operator: Operator, seed: u64, faults: &[Fault]) -> Operator {
    let scene = Scene::on(stage.cluster, Who::Alice).await;
    let servers: Vec<_> = (0..SERVERS).map(|_| instance_id()).collect();
    let declared: Vec<_> = servers.iter().map(|id| instance(id)).collect();
    load::create(&scene, Who::PlatformAdmin, &declared).await;
    let claims: Vec<Value> = servers.iter().flat_map(|id| life(id)).collect();
    let (begin, end) = (stage.oracle.writes(), SERVERS * WRITES);
    let mut chance = Rng::new(seed);
    let mut moments: Vec<_> = faults.iter().map(|_| chance.below(end)).collect();
    moments.sort_unstable();
    let disturbing = async {
        let mut operator = operator;
        for (moment, fault) in moments.iter().zip(faults) {
            stage.oracle.written(begin + moment).await;
            operator = happen(stage, operator, *fault).await;
        }
        operator
    };
    let ((), (), operator) =
        tokio::join!(load::create(&scene, Who::Alice, &claims), review(&scene, 2 * SERVERS), disturbing);

    let what = format!("end of load {seed} after {faults:?} at writes {moments:?}");
    eventually(&what, LONG, async || {
        let (requests, filings) =
            (answers(&scene, REQUEST, 3 * SERVERS).await, answers(&scene, FILING, 3 * SERVERS).await);
        let instances =
            scene.api(Who::PlatformAdmin, INSTANCE).await.list(&kube::api::ListParams::default()).await;
        let instances = instances.map_err(|error| error.to_string())?;
        let all = json!({"limit": 5, "issued": 5, "available": 0, "inUse": 1, "consumed": 2});
        let counted = instances.iter().filter(|instance| instance.data["status"]["quota"] == all).count();
        let found = (counts(&requests), counts(&filings), counted);
        let expected =
            (vec![("Ready", 3 * SERVERS)], vec![("Cancelled", SERVERS), ("Ready", 2 * SERVERS)], SERVERS);
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    stage.oracle.sound().await;
    assert_eq!(stage.oracle.writes() - begin, end, "the ledger was written more often than needed: {what}");
    operator
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

async fn happen(stage: &Stage<'_>, operator: Operator, fault: Fault) -> Operator {
    let control_plane = stage.cluster.control_plane();
    match fault {
        OperatorKilled => operator.kill().await,
        OperatorEnded => {
            // One that is told to end before it listens for that ends as any program does.
            operator.ready().await;
            operator.finish().await;
            assert!(operator.lines().last().is_some_and(|line| line["message"] == "stopped"));
        }
        ServerKilled => {
            must("kill the API server", control_plane.kill_apiserver().await);
            must("start the API server again", control_plane.restart_apiserver().await);
            return operator;
        }
        StoreKilled => {
            must("kill etcd", control_plane.kill_etcd().await);
            must("start etcd again", control_plane.restart_etcd().await);
            return operator;
        }
    }
    stage.ended(operator);
    Operator::spawn(stage.cluster, &[])
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
async fn is_quiet(cluster: &Cluster, operator: &Operator) {
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
        let all = ROUNDS * u64::try_from(6 * SERVERS).unwrap_or(u64::MAX);
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
