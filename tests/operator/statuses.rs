//! Statuses follow from manifests and ledger alone: whatever is wiped, overwritten or restored without them comes
//! back the same, tools read them alike, and where nothing changes nothing is written. Each test starts and ends
//! its operators itself; the objects are in `cast`.

mod cast;

use std::collections::BTreeMap;

use kube::api::ListParams;
use serde_json::{Value, json};

use crate::alone::alone;
use crate::fixture::{Cluster, SOON, Who, eventually, must};
use crate::operator_process::Operator;
use crate::scene::{CLASS, FILING, INSTANCE, RECORD, REQUEST, Scene, is_settled, text, value};
use crate::stage::Stage;
use cast::Cast;

const KINDS: [&str; 3] = [INSTANCE, REQUEST, FILING];

/// What kstatus makes of an object of a kind that it does not know (cli-utils, `pkg/kstatus/status`).
fn kstatus(object: &Value) -> &'static str {
    let condition = |type_: &str| crate::scene::condition(object, type_)["status"].as_str();
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return "Terminating";
    }
    let observed = &object["status"]["observedGeneration"];
    if !observed.is_null() && *observed != object["metadata"]["generation"] {
        return "InProgress";
    }
    match (condition("Reconciling"), condition("Stalled"), condition("Ready")) {
        (Some("True"), ..) => "InProgress",
        (_, Some("True"), _) => "Failed",
        (.., None | Some("True")) => "Current",
        (.., Some(_)) => "InProgress",
    }
}

/// Every object of the scene that has a status of ours.
async fn objects(scene: &Scene<'_>) -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    for kind in KINDS {
        let api = scene.api(Who::Admin, kind).await;
        for object in must("list objects", api.list(&ListParams::default()).await) {
            let object = value(object);
            objects.insert(format!("{kind}/{}", text(&object, "/metadata/name")), object);
        }
    }
    objects
}

/// Every status, but for when its conditions changed and for what the registrar said.
async fn statuses(scene: &Scene<'_>) -> BTreeMap<String, Value> {
    let mut objects = objects(scene).await;
    for object in objects.values_mut() {
        for condition in object["status"]["conditions"].as_array_mut().into_iter().flatten() {
            condition["lastTransitionTime"] = json!("<time>");
        }
        let mut status = object["status"].take();
        status.as_object_mut().and_then(|status| status.remove("review"));
        *object = status;
    }
    objects
}

/// Waits until every status is as it was.
async fn rebuilt(scene: &Scene<'_>, before: &BTreeMap<String, Value>) {
    eventually("rebuilt statuses", SOON, async || {
        let after = statuses(scene).await;
        let differing = before.iter().filter(|(name, status)| after.get(*name) != Some(status));
        let said: Vec<_> = differing
            .map(|(name, status)| format!("{name}: was {status:#}, is {:#?}", after.get(name)))
            .collect();
        if said.is_empty() && after.len() == before.len() { Ok(()) } else { Err(said.join("\n")) }
    })
    .await;
}

#[tokio::test]
async fn kstatus_reads_untouched_objects_as_in_progress_refused_as_failed_and_served_as_current() {
    let alone = alone().await;
    let scene = Scene::on(alone.cluster, Who::Alice).await;
    let cast = Cast::enter(&scene).await;
    for (name, object) in objects(&scene).await {
        assert_eq!(
            kstatus(&object),
            "InProgress",
            "{name} that nobody has looked at: {:#}",
            object["status"]
        );
    }
    let operator = Operator::start(alone.cluster, &[]).await;
    cast.play(&scene).await;
    let objects = objects(&scene).await;
    for (name, expected) in cast.golden() {
        assert_eq!(kstatus(&objects[&name]), expected, "{name}: {:#}", objects[&name]["status"]);
    }
    assert_eq!(objects.len(), cast.golden().len(), "every object is expected to be something");
    for (name, object) in &objects {
        assert!(is_settled(object), "{name}: {object:#}");
        for condition in object["status"]["conditions"].as_array().expect("conditions") {
            assert_eq!(
                condition["observedGeneration"], object["metadata"]["generation"],
                "{name}: {condition}"
            );
            assert!(!text(condition, "/reason").is_empty(), "{name}: {condition}");
        }
    }
    alone.sound(&[&operator]).await;
    operator.finish().await;
}

#[tokio::test]
async fn every_status_that_was_wiped_is_rebuilt_the_same_by_the_next_operator_and_nothing_is_issued() {
    let alone = alone().await;
    let scene = Scene::on(alone.cluster, Who::Alice).await;
    let operator = Operator::start(alone.cluster, &[]).await;
    let cast = Cast::enter(&scene).await;
    cast.play(&scene).await;
    let (before, ledger) = (statuses(&scene).await, scene.records().await);
    operator.finish().await;
    alone.ended(operator);
    for name in before.keys() {
        let (kind, name) = name.split_once('/').expect("a kind and a name");
        scene.wipe_status(kind, name).await;
        assert_eq!(kstatus(&scene.get(kind, name).await), "InProgress", "{name} is not taken for healthy");
    }
    let operator = Operator::start(alone.cluster, &[]).await;
    rebuilt(&scene, &before).await;
    assert_eq!(scene.records().await, ledger, "not a field of a record changed");
    alone.sound(&[&operator]).await;
    operator.finish().await;
}

#[tokio::test]
async fn what_somebody_writes_into_the_operators_fields_is_mended() {
    let alone = alone().await;
    let scene = Scene::on(alone.cluster, Who::Alice).await;
    let operator = Operator::start(alone.cluster, &[]).await;
    let cast = Cast::enter(&scene).await;
    cast.play(&scene).await;
    let (before, ledger) = (statuses(&scene).await, scene.records().await);
    let junk_for = |kind: &str| {
        let number = "32a43232-a888-88e8-b9ec-00888be80000";
        let past = "2001-01-01T00:00:00Z";
        let condition = |type_: &str| {
            json!({
                "type": type_, "status": "Unknown", "reason": "Junk", "message": "", "lastTransitionTime": past,
                "observedGeneration": 7,
            })
        };
        let refusal = json!({"reason": "NumberSpent", "observed": "x", "required": "x", "remedy": "x"});
        let common = json!({
            "observedGeneration": 99, "conditions": [condition("Ready"), condition("Junk")], "refusals": [refusal],
        });
        let own = match kind {
            INSTANCE => json!({
                "quota": {"limit": 99, "issued": 0, "available": 99, "inUse": 0, "consumed": 0},
                "unusedNumbers": [{"recordName": "junk", "serviceNumber": number, "claimedBy": "Junk/junk"}],
                "nextChangeTime": past,
            }),
            REQUEST => json!({
                "serviceNumber": number, "recordName": "junk", "issuedTime": past, "state": "Consumed", "usedBy": "junk",
            }),
            _ => json!({
                "serviceNumber": number, "submittedTime": past, "completedTime": past, "icpNumber": "junk",
            }),
        };
        crate::scene::with(common, own)
    };
    for name in before.keys() {
        let (kind, name) = name.split_once('/').expect("a kind and a name");
        scene.write_status(kind, name, junk_for(kind)).await;
    }
    rebuilt(&scene, &before).await;
    assert_eq!(scene.records().await, ledger);
    alone.sound(&[&operator]).await;
    operator.finish().await;
}

/// The total of a metric over all its labels that contain a text.
fn total(metrics: &str, name: &str, label: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[tokio::test]
async fn an_unchanged_world_is_looked_at_again_and_again_and_nothing_is_written() {
    let alone = alone().await;
    let scene = Scene::on(alone.cluster, Who::Alice).await;
    let operator = Operator::start(alone.cluster, &["--resync-seconds", "1"]).await;
    let cast = Cast::enter(&scene).await;
    cast.play(&scene).await;
    let everything = async || {
        let mut revisions = BTreeMap::new();
        for kind in [CLASS, INSTANCE, REQUEST, FILING, RECORD] {
            let admin = scene.tenant.kubectl(Who::Admin);
            let columns =
                "custom-columns=K:.kind,NS:.metadata.namespace,N:.metadata.name,RV:.metadata.resourceVersion";
            let table = admin.ok(&["get", kind, "--all-namespaces", "--no-headers", "-o", columns]).await;
            for line in table.lines() {
                let (name, revision) = line.trim_end().rsplit_once(' ').expect("columns");
                revisions.insert(name.trim_end().to_owned(), revision.to_owned());
            }
        }
        revisions
    };
    let looks = |metrics: &str, controller: &str| {
        total(metrics, "controller_runtime_reconcile_total", &format!("controller=\"{controller}\""))
    };
    let writes = |metrics: &str| {
        let methods = ["POST", "PUT", "PATCH", "DELETE"];
        methods
            .iter()
            .map(|m| total(metrics, "rest_client_requests_total", &format!("method=\"{m}\"")))
            .sum::<f64>()
    };
    let kinds = ["instance", "servicenumberrequest", "filing"];
    let resyncs = async |count: f64| {
        let started = operator.metrics().await;
        let there = everything().await;
        // Each resync looks at every object once; `Kind` is the first column.
        let objects = |kind: &str| {
            let is = |name: &&String| name.split(' ').next().is_some_and(|k| k.eq_ignore_ascii_case(kind));
            f64::from(u32::try_from(there.keys().filter(is).count()).expect("few objects"))
        };
        eventually("resyncs", SOON, async || {
            let now = operator.metrics().await;
            let behind =
                kinds.iter().find(|kind| looks(&now, kind) < looks(&started, kind) + count * objects(kind));
            behind.map_or(Ok(()), |kind| Err(format!("{kind}: {}", looks(&now, kind))))
        })
        .await;
    };
    // What was begun by others on this stage is finished first.
    eventually("quiet", SOON, async || {
        let before = writes(&operator.metrics().await);
        resyncs(1.0).await;
        let after = writes(&operator.metrics().await);
        if before.total_cmp(&after).is_eq() { Ok(()) } else { Err(format!("{before} writes, then {after}")) }
    })
    .await;
    let (before, written) = (everything().await, writes(&operator.metrics().await));
    assert!(written > 0.0 && before.len() > cast.golden().len(), "this is counted: {before:?}");
    resyncs(4.0).await;
    assert_eq!(everything().await, before);
    let now = writes(&operator.metrics().await);
    assert!(written.total_cmp(&now).is_eq(), "{written} writes before, {now} after");
    alone.sound(&[&operator]).await;
    operator.finish().await;
}

/// An object as a backup keeps it: without its status and without what the API server makes of it.
fn backup(object: &Value) -> Value {
    json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"], "spec": object["spec"],
        "metadata": {"name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"]},
    })
}

#[tokio::test]
async fn everything_restored_without_its_status_into_an_empty_server_says_the_same_and_nothing_is_issued() {
    let alone = alone().await;
    let scene = Scene::on(alone.cluster, Who::Alice).await;
    let operator = Operator::start(alone.cluster, &[]).await;
    let cast = Cast::enter(&scene).await;
    cast.play(&scene).await;
    let (before, ledger) = (statuses(&scene).await, scene.records().await);
    let kept: Vec<Value> = objects(&scene).await.values().map(backup).collect();
    let class = backup(&scene.get(CLASS, &cast.class).await);
    operator.finish().await;
    alone.sound(&[&operator]).await;

    let other = must("start a control plane", Cluster::start().await);
    let stage = Stage::on(&other);
    let restored = Scene::restored(&other, Who::Alice, scene.namespace()).await;
    restored.put(&class).await;
    for record in &ledger {
        restored.break_glass(&backup(record)).await;
    }
    restored.create_as_admin(&kept).await;
    let operator = Operator::start(&other, &[]).await;
    rebuilt(&restored, &before).await;
    let facts = |records: Vec<Value>| -> Vec<Value> {
        records
            .into_iter()
            .map(|mut record| {
                // A draft that is applied again is another object, and takes its own binding over.
                if record["spec"]["submittedTime"].is_null() && !record["spec"]["filing"].is_null() {
                    record["spec"]["filing"]["uid"] = json!("<uid>");
                }
                record["spec"].take()
            })
            .collect()
    };
    assert_eq!(facts(restored.records().await), facts(ledger));
    // The oracle of the other server sees records begin where they were, and nothing else that is wrong.
    let violations = stage.oracle.violations().await;
    assert!(violations.iter().all(|wrong| wrong.contains("it was issued ")), "{violations:#?}");
    operator.sound(&stage.oracle.numbers());
    operator.finish().await;
    drop(stage);
    other.stop().await;
}
