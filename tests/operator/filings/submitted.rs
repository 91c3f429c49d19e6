//! Submission: sealed in the ledger, then told; from then on nothing that anybody deletes or applies brings the
//! number back or moves it.

use serde_json::{Value, json};

use super::numbers;
use crate::fixture::instance_id;
use crate::reviews::{ICP_NUMBER, approve};
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_instance, by_number, by_request, condition, days_from_now, filing,
    holds, instance, request, text, with,
};
use crate::stage::shared;

/// The filing, to be submitted.
pub fn submitted(filing: Value) -> Value {
    with(filing, json!({"spec": {"submit": true}}))
}

fn other_domain(filing: Value) -> Value {
    with(filing, json!({"spec": {"website": {"domain": "another.example.cn"}}}))
}

#[tokio::test]
async fn a_submission_is_in_the_ledger_in_the_status_and_on_the_request() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    scene.apply_all(&[request("shop", &server), filing("shop", by_request("shop"))]).await;
    scene.apply(&submitted(filing("direct", by_instance(&server)))).await;
    let draft = scene.ready(FILING, "shop").await;
    assert_eq!(draft["status"]["submittedTime"], Value::Null, "a draft until somebody says otherwise");
    scene
        .kubectl()
        .ok(&["patch", "filing", "shop", "--type=merge", "-p", r#"{"spec":{"submit":true}}"#])
        .await;
    for name in ["shop", "direct"] {
        let filing = scene.ready(FILING, name).await;
        assert_eq!(condition(&filing, "Ready")["reason"], "Submitted", "{name}");
        assert!(holds(&filing, "Bound") && holds(&filing, "Submitted") && !holds(&filing, "Completed"));
        let record = scene.record(text(&filing, "/status/recordName"), "Submitted").await;
        assert_eq!(filing["status"]["submittedTime"], record["spec"]["submittedTime"], "{name}");
        assert_eq!(record["spec"]["filing"]["uid"], filing["metadata"]["uid"], "{name}");
    }
    let used = scene.until(REQUEST, "shop", "submitted", |r| text(r, "/status/state") == "Submitted").await;
    assert_eq!(used["status"]["usedBy"], "shop");
    scene
        .kubectl()
        .refused(&["patch", "filing", "shop", "--type=merge", "-p", r#"{"spec":{"submit":false}}"#])
        .await;
    shared().await.sound().await;
}

#[tokio::test]
async fn what_was_submitted_stays_so_whatever_is_deleted_and_is_found_again() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let told = numbers(&scene, &[request("own", &server), request("told", &server)]).await;
    let filings = [
        filing("by-request", by_request("own")),
        filing("by-number", by_number(&told[1])),
        filing("by-instance", by_instance(&server)),
    ]
    .map(submitted);
    scene.apply_all(&filings).await;
    let mut before = Vec::new();
    for filing in &filings {
        before.push(scene.ready(FILING, text(filing, "/metadata/name")).await);
    }
    let sealed = scene.records().await;
    scene.kubectl().ok(&["delete", "filings,servicenumberrequests", "--all"]).await;
    scene.delete(INSTANCE, &server).await;
    scene.caught_up().await;
    let own = |records: Vec<Value>| -> Vec<Value> {
        records.into_iter().filter(|r| text(r, "/spec/instanceName") == server).collect()
    };
    assert_eq!(own(scene.records().await), own(sealed.clone()), "not a field of a record changed");

    // Without their request and their instance: a submission stands on the record alone.
    scene.apply_all(&filings).await;
    for before in &before {
        let after = scene.ready(FILING, text(before, "/metadata/name")).await;
        assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
        for field in ["recordName", "serviceNumber", "submittedTime"] {
            assert_eq!(after["status"][field], before["status"][field], "{field}");
        }
    }
    assert_eq!(own(scene.records().await), own(sealed));
    shared().await.sound().await;
}

#[tokio::test]
async fn a_completed_filing_that_is_applied_again_finds_its_outcome() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let manifest = submitted(filing("shop", by_instance(&server)));
    scene.apply(&manifest).await;
    scene.ready(FILING, "shop").await;
    approve(&scene, "shop").await;
    let completed = |o: &Value| holds(o, "Completed");
    let before = scene.until(FILING, "shop", "completed", completed).await;
    scene.delete(FILING, "shop").await;
    scene.apply(&manifest).await;
    let after = scene.until(FILING, "shop", "completed", completed).await;
    assert_eq!(after["status"]["review"], Value::Null);
    assert_eq!(after["status"]["icpNumber"], ICP_NUMBER);
    for field in ["recordName", "serviceNumber", "submittedTime", "completedTime", "icpNumber"] {
        assert_eq!(after["status"][field], before["status"][field], "{field}");
    }
    shared().await.sound().await;
}

#[tokio::test]
async fn a_name_that_was_submitted_for_one_domain_does_not_get_the_number_for_another() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let told = numbers(&scene, &[request("own", &server), request("told", &server)]).await;
    let filings = [
        filing("by-request", by_request("own")),
        filing("by-number", by_number(&told[1])),
        filing("by-instance", by_instance(&server)),
    ]
    .map(submitted);
    scene.apply_all(&filings).await;
    for filing in &filings {
        let name = text(filing, "/metadata/name");
        let before = scene.ready(FILING, name).await;
        scene.delete(FILING, name).await;
        scene.put(&other_domain(filing.clone())).await;
        let stalled = scene.stalled(FILING, name, &["DomainDiffers"]).await;
        assert!(text(&stalled, "/status/refusals/0/observed").contains(&format!("{name}.example.cn")));
        assert!(stalled["status"]["submittedTime"].is_null() && stalled["status"]["serviceNumber"].is_null());
        // The first domain still finds it.
        scene.delete(FILING, name).await;
        scene.put(filing).await;
        let after = scene.ready(FILING, name).await;
        assert_eq!(after["status"]["recordName"], before["status"]["recordName"]);
    }
    assert_eq!(scene.records().await.len(), 3);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_number_that_was_submitted_is_spent_for_every_other_name() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let told = numbers(&scene, &[request("shop", &server)]).await;
    scene.apply(&submitted(filing("shop", by_request("shop")))).await;
    scene.ready(FILING, "shop").await;
    scene
        .apply_all(&[filing("by-request", by_request("shop")), filing("by-number", by_number(&told[0]))])
        .await;
    for name in ["by-request", "by-number"] {
        let stalled = scene.stalled(FILING, name, &["NumberSpent"]).await;
        assert_eq!(
            text(&stalled, "/status/refusals/0/observed"),
            "Filing shop was submitted with the number"
        );
    }
    shared().await.sound().await;
}

#[tokio::test]
async fn an_instance_that_expired_holds_a_submission_until_it_is_renewed() {
    for (name, expired) in [
        (
            "by-date",
            json!({"subscription": {"startTime": days_from_now(-400), "expirationTime": days_from_now(-1)}}),
        ),
        ("by-state", json!({"state": "Expired"})),
    ] {
        let scene = Scene::new().await;
        let server = instance_id();
        scene.put(&instance(&server)).await;
        let draft = filing(name, by_instance(&server));
        scene.apply(&draft).await;
        let bound = scene.ready(FILING, name).await;
        scene.put(&with(instance(&server), json!({"spec": expired}))).await;
        scene.until(INSTANCE, &server, "expired", |i| !holds(i, "Eligible")).await;
        scene.apply(&submitted(draft)).await;
        let stalled = scene.stalled(FILING, name, &["SubscriptionExpired"]).await;
        assert!(holds(&stalled, "Bound") && !holds(&stalled, "Submitted"), "{stalled:#}");
        assert_eq!(stalled["status"]["recordName"], bound["status"]["recordName"], "it keeps its number");
        scene.record(text(&bound, "/status/recordName"), "InUse").await;
        scene.put(&instance(&server)).await;
        let ready = scene.ready(FILING, name).await;
        assert_eq!(condition(&ready, "Ready")["reason"], "Submitted");
    }
    shared().await.sound().await;
}

#[tokio::test]
async fn a_submission_waits_for_its_instance_to_be_declared_again() {
    let scene = Scene::new().await;
    let server = instance_id();
    scene.put(&instance(&server)).await;
    scene.apply(&filing("shop", by_instance(&server))).await;
    scene.ready(FILING, "shop").await;
    scene.delete(INSTANCE, &server).await;
    scene.apply(&submitted(filing("shop", by_instance(&server)))).await;
    scene.stalled(FILING, "shop", &["InstanceNotFound"]).await;
    scene.put(&instance(&server)).await;
    scene.ready(FILING, "shop").await;
    scene.record(&format!("instance.{server}-0"), "Submitted").await;
    shared().await.sound().await;
}
