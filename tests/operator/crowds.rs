//! Crowds: many claims at once on one instance and on many, served by one operator and by three that know nothing
//! of one another. Quotas hold to the number, and nobody is left without an answer. Figures go to stderr; no time
//! is asserted.

use std::time::Instant;

use serde_json::{Value, json};

use crate::calls::{Call, Calls};
use crate::fixture::{Cluster, Who, instance_id, must};
use crate::load::{self, answers, counts};
use crate::operator_process::Operator;
use crate::scene::{FILING, INSTANCE, REQUEST, Scene, by_instance, filing, instance, request};
use crate::stage::Stage;

/// How large a crowd is.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Claims on one instance.
    claims: usize,
    /// Instances that each get as many claims as their quota has numbers.
    instances: usize,
}

/// Served by one operator.
const LARGE: Size = Size { claims: 1000, instances: 200 };
/// Served by three operators, most of whose work is refused because another was faster.
const SMALL: Size = Size { claims: 200, instances: 40 };
/// The quota of the shipped class `ecs`.
const QUOTA: usize = 5;
/// Operators that run side by side. Nothing elects a leader among them.
const OPERATORS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crowds_get_what_the_quota_allows_from_one_operator_and_from_three() {
    let cluster = must("start a control plane", Cluster::start().await);
    let stage = Stage::on(&cluster);
    let one = [Operator::start(&cluster, &[]).await];
    one_instance(&stage, &one, LARGE).await;
    many_instances(&stage, &one, LARGE).await;
    let [one] = one;
    one.finish().await;
    assert_eq!(one.alarms(), Vec::<String>::new());
    stage.ended(one);

    let mut three = Vec::new();
    for _ in 0..OPERATORS {
        three.push(Operator::start(&cluster, &[]).await);
    }
    one_instance(&stage, &three, SMALL).await;
    many_instances(&stage, &three, SMALL).await;
    for operator in three {
        operator.finish().await;
        assert_eq!(operator.alarms(), Vec::<String>::new());
        stage.ended(operator);
    }
    stage.sound(&[]).await;
    drop(stage);
    cluster.stop().await;
}

/// As many win as the quota has numbers, and every other claim is told why not.
async fn one_instance(stage: &Stage<'_>, operators: &[Operator], size: Size) {
    let Size { claims: count, .. } = size;
    let scene = Scene::on(stage.cluster, Who::Alice).await;
    let server = scene.server(json!({})).await;
    let claims: Vec<_> = (0..count).map(|n| request(&format!("claim-{n}"), &server)).collect();
    let before = Calls::now(stage.cluster).await;
    let since = Instant::now();
    load::create(&scene, Who::Alice, &claims).await;
    let answers = answers(&scene, REQUEST, count).await;
    let took = since.elapsed();
    stage.oracle.sound().await;
    assert_eq!(counts(&answers), [("QuotaExhausted", count - QUOTA), ("Ready", QUOTA)]);

    let records = stage.oracle.records(|record| record.instance_name == server).await;
    let winners = records.iter().map(|(_, record)| record.claim.name.clone()).collect();
    assert_eq!(answers["Ready"], winners);
    assert_eq!(records.len(), QUOTA);
    let quota = json!({"limit": QUOTA, "issued": QUOTA, "available": 0, "inUse": 0, "consumed": 0});
    scene.until(INSTANCE, &server, "counted", |instance| instance["status"]["quota"] == quota).await;

    let calls = Calls::now(stage.cluster).await.since(&before);
    figures("one instance", count, QUOTA, operators.len(), took, &calls);
    let wasted = calls.count(is_wasted_create);
    assert!(operators.len() > 1 || wasted <= QUOTA as u64, "{wasted} creates were wasted on {QUOTA} numbers");
    stage.sound(&operators.iter().collect::<Vec<_>>()).await;
}

/// Every claim gets its number: requests, and filings that ask the instance themselves.
async fn many_instances(stage: &Stage<'_>, operators: &[Operator], size: Size) {
    let Size { instances: count, .. } = size;
    let scene = Scene::on(stage.cluster, Who::Alice).await;
    let servers: Vec<_> = (0..count).map(|_| instance_id()).collect();
    let declared: Vec<_> = servers.iter().map(|id| instance(id)).collect();
    load::create(&scene, Who::PlatformAdmin, &declared).await;
    // Round by round, so that claims on one instance meet those on all others.
    let claims: Vec<Value> = (0..QUOTA)
        .flat_map(|n| servers.iter().map(move |id| (n, id)))
        .map(|(n, id)| match n {
            0 => filing(&format!("{id}-{n}"), by_instance(id)),
            _ => request(&format!("{id}-{n}"), id),
        })
        .collect();
    answers(&scene, INSTANCE, count).await;
    let before = Calls::now(stage.cluster).await;
    let since = Instant::now();
    load::create(&scene, Who::Alice, &claims).await;
    let (requests, filings) =
        tokio::join!(answers(&scene, REQUEST, count * (QUOTA - 1)), answers(&scene, FILING, count),);
    let took = since.elapsed();
    stage.oracle.sound().await;
    assert_eq!(counts(&requests), [("Ready", count * (QUOTA - 1))]);
    assert_eq!(counts(&filings), [("Ready", count)]);

    let records = stage.oracle.records(|record| servers.contains(&record.instance_name)).await;
    assert_eq!(records.len(), count * QUOTA);
    let all = json!({"limit": QUOTA, "issued": QUOTA, "available": 0, "inUse": 1, "consumed": 0});
    for server in &servers {
        scene.until(INSTANCE, server, "counted", |instance| instance["status"]["quota"] == all).await;
    }
    let calls = Calls::now(stage.cluster).await.since(&before);
    figures("many instances", claims.len(), claims.len(), operators.len(), took, &calls);
    stage.sound(&operators.iter().collect::<Vec<_>>()).await;
}

fn is_wasted_create(call: &Call) -> bool {
    call.verb == "POST" && call.resource == "servicenumbers" && call.code == 409
}

fn figures(
    what: &str,
    claims: usize,
    numbers: usize,
    operators: usize,
    took: std::time::Duration,
    calls: &Calls,
) {
    let theirs =
        |call: &Call| ["servicenumberrequests", "filings", "instances"].contains(&call.resource.as_str());
    let users = calls.writes().count(theirs);
    let own = calls.writes().count(|_| true) - users;
    let instances = calls.writes().count(|call| call.resource == "instances/status");
    let wasted = calls.count(is_wasted_create);
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let each = (own - instances) as f64 / numbers as f64;
    eprintln!(
        "{what}: {claims} claims, {numbers} numbers, {operators} operators: {:.1} s from the first create to the \
         last answer, {each:.2} writes per number beside {instances} of instances' statuses, {wasted} creates \
         wasted{calls}",
        took.as_secs_f64()
    );
}
