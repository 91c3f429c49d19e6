//! Filings whose deletion somebody else's finalizer holds up: they get nothing new and lose nothing.

use serde_json::{Value, json};

use super::numbers;
use super::submitted::submitted;
use crate::fixture::instance_id;
use crate::reviews::{ICP_NUMBER, approve};
use crate::scene::{FILING, REQUEST, Scene, by_instance, by_request, filing, instance, request, text, with};
use crate::stage::shared;

/// The filing, with a finalizer of somebody else's.
fn held(filing: Value) -> Value {
    with(filing, json!({"metadata": {"finalizers": ["example.com/hold"]}}))
}

/// Deletes a filing and sees that it is still there.
async fn delete(scene: &Scene<'_>, name: &str) {
    scene.kubectl().ok(&["delete", "filing", name, "--wait=false"]).await;
    scene.until(FILING, name, "being deleted", |o| !o["metadata"]["deletionTimestamp"].is_null()).await;
}

async fn let_go(scene: &Scene<'_>, name: &str) {
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    scene.kubectl().ok(&["patch", "filing", name, "--type=merge", "-p", patch]).await;
}

#[tokio::test]
async fn a_draft_that_is_being_deleted_is_not_submitted_and_keeps_its_number_until_it_is_gone() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    numbers(&scene, &[request("shop", &server)]).await;
    scene.apply(&held(filing("shop", by_request("shop")))).await;
    let before = scene.ready(FILING, "shop").await;
    delete(&scene, "shop").await;
    scene
        .kubectl()
        .ok(&["patch", "filing", "shop", "--type=merge", "-p", r#"{"spec":{"submit":true}}"#])
        .await;
    scene.caught_up().await;
    let record = scene.record(text(&before, "/status/recordName"), "InUse").await;
    assert_eq!(record["spec"]["filing"]["uid"], before["metadata"]["uid"]);
    assert_eq!(scene.get(FILING, "shop").await["status"]["submittedTime"], Value::Null);

    let_go(&scene, "shop").await;
    scene.record(text(&before, "/status/recordName"), "Issued").await;
    scene.until(REQUEST, "shop", "free again", |r| text(r, "/status/state") == "Issued").await;
    shared().await.sound().await;
}

#[tokio::test]
async fn a_filing_that_is_being_deleted_gets_no_number() {
    let scene = Scene::new().await;
    let (late, later) = (instance_id(), instance_id());
    scene
        .apply_all(&[
            request("shop", &late),
            held(filing("by-request", by_request("shop"))),
            held(filing("by-instance", by_instance(&later))),
        ])
        .await;
    scene.stalled(FILING, "by-request", &["RequestNotReady"]).await;
    scene.stalled(FILING, "by-instance", &["InstanceNotFound"]).await;
    delete(&scene, "by-request").await;
    delete(&scene, "by-instance").await;
    scene.put(&instance(&later)).await;
    scene.put(&instance(&late)).await;
    scene.ready(REQUEST, "shop").await;
    scene.caught_up().await;
    let issued = scene.record(&format!("instance.{late}-0"), "Issued").await;
    assert_eq!(issued["spec"]["filing"], Value::Null);
    let records = scene.records().await;
    assert!(records.iter().all(|record| text(record, "/spec/instanceName") != later), "{records:#?}");
    let_go(&scene, "by-request").await;
    let_go(&scene, "by-instance").await;
    shared().await.sound().await;
}

#[tokio::test]
async fn an_approval_of_a_filing_that_is_being_deleted_counts() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    scene.apply(&submitted(held(filing("shop", by_instance(&server))))).await;
    let before = scene.ready(FILING, "shop").await;
    delete(&scene, "shop").await;
    approve(&scene, "shop").await;
    let record = scene.record(text(&before, "/status/recordName"), "Consumed").await;
    assert_eq!(record["spec"]["icpNumber"], ICP_NUMBER);
    let_go(&scene, "shop").await;
    scene.caught_up().await;
    assert_eq!(scene.get("ServiceNumber", text(&before, "/status/recordName")).await["spec"], record["spec"]);
    shared().await.sound().await;
}
