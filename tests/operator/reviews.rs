//! Reviews: the registrar's word on a submitted filing, edge by edge, and what becomes of the number. That each
//! rule and policy accepts and refuses is in `tests/server`; here are their consequences.

use serde_json::{Value, json};

use crate::fixture::Who;
use crate::scene::{
    FILING, INSTANCE, RECORD, REQUEST, Scene, by_instance, by_request, condition, days_from_now, filing,
    holds, instance, request, text, with,
};
use crate::stage::shared;

/// What every filing here ends with that is approved.
pub const ICP_NUMBER: &str = "浙ICP备11012345号-1";

/// Writes a review as the registrar does, of the record that the filing's status names; what kubectl said.
async fn review(scene: &Scene<'_>, name: &str, word: Value) -> Result<String, String> {
    let filing = scene.get(FILING, name).await;
    let word = with(json!({"recordName": filing["status"]["recordName"]}), word);
    patch(scene, Who::Registrar, name, json!({"review": word})).await
}

async fn patch(scene: &Scene<'_>, who: Who, name: &str, status: Value) -> Result<String, String> {
    let patch = json!({"status": status}).to_string();
    let args = ["patch", "filing", name, "--subresource=status", "--type=merge", "-p", &patch];
    let output = scene.tenant.kubectl(who).run(&args).await;
    if output.status.success() { Ok(output.stdout) } else { Err(output.stderr) }
}

fn state(state: &str) -> Value {
    json!({"state": state, "icpNumber": null})
}

fn approved() -> Value {
    json!({"state": "Approved", "icpNumber": ICP_NUMBER})
}

/// Approves a submitted filing as the registrar.
pub async fn approve(scene: &Scene<'_>, name: &str) {
    review(scene, name, approved()).await.expect("an approval");
}

/// Cancels a submitted filing as the registrar.
pub async fn cancel(scene: &Scene<'_>, name: &str) {
    review(scene, name, state("Cancelled")).await.expect("a cancellation");
}

/// A submitted filing called `shop`.
async fn submitted_shop(scene: &Scene<'_>) -> Value {
    let server = scene.server(json!({})).await;
    let shop = with(filing("shop", by_request("shop")), json!({"spec": {"submit": true}}));
    scene.apply_all(&[request("shop", &server), shop]).await;
    scene.ready(FILING, "shop").await
}

/// Waits until the status has taken notice of a review, which changes no generation.
async fn ready_for(scene: &Scene<'_>, name: &str, reason: &str) -> Value {
    scene.until(FILING, name, reason, |o| condition(o, "Ready")["reason"] == reason).await
}

#[tokio::test]
async fn before_the_submission_is_recorded_there_is_nothing_to_review() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    scene.apply(&filing("draft", by_instance(&server))).await;
    scene.ready(FILING, "draft").await;
    let refused = review(&scene, "draft", state("InReview")).await.expect_err("a refusal");
    assert!(refused.contains("set spec.submit to true before a review"), "{refused}");

    // Asked for, but held up by a server that expired meanwhile.
    let term = json!({"startTime": days_from_now(-400), "expirationTime": days_from_now(-1)});
    scene.put(&with(instance(&server), json!({"spec": {"subscription": term}}))).await;
    scene.until(INSTANCE, &server, "expired", |i| !holds(i, "Eligible")).await;
    scene.apply(&with(filing("draft", by_instance(&server)), json!({"spec": {"submit": true}}))).await;
    scene.stalled(FILING, "draft", &["SubscriptionExpired"]).await;
    let refused = review(&scene, "draft", approved()).await.expect_err("a refusal");
    assert!(refused.contains("wait for status.submittedTime before a review"), "{refused}");
    shared().await.sound().await;
}

#[tokio::test]
async fn a_review_of_another_record_is_refused() {
    let scene = Scene::new().await;
    submitted_shop(&scene).await;
    let other = with(approved(), json!({"recordName": "instance.i-another-0"}));
    let refused = review(&scene, "shop", other).await.expect_err("a refusal");
    assert!(refused.contains("this review is about another filing"), "{refused}");
    shared().await.sound().await;
}

#[tokio::test]
async fn a_filing_is_rejected_reviewed_again_and_completed_with_the_same_number() {
    let scene = Scene::new().await;
    let before = submitted_shop(&scene).await;
    let record = text(&before, "/status/recordName");
    review(&scene, "shop", state("InReview")).await.expect("a review");
    assert!(holds(&scene.get(FILING, "shop").await, "Ready"), "a pipeline does not wait for the registrar");

    review(&scene, "shop", json!({"state": "Rejected", "message": "The licence is unreadable."}))
        .await
        .expect("a review");
    let rejected = scene.stalled(FILING, "shop", &["Rejected"]).await;
    assert_eq!(rejected["status"]["review"]["message"], "The licence is unreadable.");
    assert_eq!(rejected["status"]["serviceNumber"], before["status"]["serviceNumber"]);
    scene.record(record, "Submitted").await;

    review(&scene, "shop", state("InReview")).await.expect("a review");
    ready_for(&scene, "shop", "Submitted").await;
    approve(&scene, "shop").await;
    scene.kubectl().ok(&["wait", "--for=condition=Completed", "--timeout=30s", "filing/shop"]).await;
    let completed = ready_for(&scene, "shop", "Completed").await;
    assert_eq!(completed["status"]["icpNumber"], ICP_NUMBER);
    assert_eq!(completed["status"]["serviceNumber"], before["status"]["serviceNumber"]);
    let consumed = scene.record(record, "Consumed").await;
    assert_eq!(consumed["spec"]["icpNumber"], ICP_NUMBER);
    assert_eq!(consumed["spec"]["consumedTime"], completed["status"]["completedTime"]);
    scene.until(REQUEST, "shop", "consumed", |r| condition(r, "Ready")["reason"] == "Consumed").await;
    let server = text(&consumed, "/spec/instanceName");
    let counted = scene.until(INSTANCE, server, "counted", |i| i["status"]["quota"]["consumed"] == 1).await;
    assert_eq!(
        counted["status"]["quota"],
        json!({"limit": 5, "issued": 1, "available": 4, "inUse": 0, "consumed": 1}),
    );
    let table = scene.tenant.kubectl(Who::PlatformAdmin).ok(&["get", "servicenumber", record]).await;
    assert!(table.contains("Consumed") && table.contains(ICP_NUMBER), "{table}");
    shared().await.sound().await;
}

#[tokio::test]
async fn every_way_to_a_cancellation_spends_the_number() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let ways: [(&str, &[&str]); 3] =
        [("at-once", &[]), ("from-review", &["InReview"]), ("from-rejection", &["Rejected"])];
    let submit = json!({"spec": {"submit": true}});
    let filings = ways.map(|(name, _)| with(filing(name, by_instance(&server)), submit.clone()));
    scene.apply_all(&filings).await;
    for (name, way) in ways {
        let before = scene.ready(FILING, name).await;
        for step in way.iter().chain(&["Cancelled"]) {
            review(&scene, name, state(step)).await.expect("a review");
        }
        let cancelled = scene.stalled(FILING, name, &["Cancelled"]).await;
        assert_eq!(cancelled["status"]["serviceNumber"], before["status"]["serviceNumber"], "{name}");
        assert!(holds(&cancelled, "Submitted") && !holds(&cancelled, "Completed"), "{cancelled:#}");
        scene.record(text(&before, "/status/recordName"), "Cancelled").await;
    }
    let counted = scene.until(INSTANCE, &server, "counted", |i| i["status"]["quota"]["consumed"] == 3).await;
    assert_eq!(counted["status"]["quota"]["available"], 2, "nothing came back");
    shared().await.sound().await;
}

#[tokio::test]
async fn a_review_moves_on_legal_edges_only() {
    const FINAL: &str = "an approved or cancelled review is final";
    const TAKEN_AWAY: &str = "an approved or cancelled review is final and is not taken away";
    const AGAIN: &str = "a rejected filing is reviewed again first: set state to InReview";
    const NUMBER: &str = "give icpNumber with state Approved, and only then";
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let names = ["approved", "cancelled", "rejected", "reviewed"];
    let submit = json!({"spec": {"submit": true}});
    scene.apply_all(&names.map(|name| with(filing(name, by_instance(&server)), submit.clone()))).await;
    for (name, word) in
        names.into_iter().zip([approved(), state("Cancelled"), state("Rejected"), state("InReview")])
    {
        scene.ready(FILING, name).await;
        review(&scene, name, word).await.expect("a review");
    }
    let other_number = json!({"state": "Approved", "icpNumber": "京ICP证030173号"});
    let mut refused = vec![
        ("approved", other_number, FINAL),
        ("cancelled", approved(), FINAL),
        ("rejected", approved(), AGAIN),
        ("rejected", state("Approved"), NUMBER),
        ("reviewed", state("Approved"), NUMBER),
        ("reviewed", json!({"state": "Cancelled", "icpNumber": ICP_NUMBER}), NUMBER),
    ];
    for next in ["InReview", "Rejected"] {
        refused.push(("approved", state(next), FINAL));
        refused.push(("cancelled", state(next), FINAL));
    }
    refused.push(("approved", state("Cancelled"), FINAL));
    for (name, word, why) in refused {
        let said = review(&scene, name, word.clone()).await.expect_err("a refusal");
        assert!(said.contains(why), "{name} to {word}: {said}");
    }
    for name in ["approved", "cancelled"] {
        let said = patch(&scene, Who::Registrar, name, json!({"review": null})).await.expect_err("a refusal");
        assert!(said.contains(TAKEN_AWAY), "{name}: {said}");
    }
    // What a registrar may still do: take back a word that was not final, and approve what is in review.
    patch(&scene, Who::Registrar, "rejected", json!({"review": null})).await.expect("no review");
    ready_for(&scene, "rejected", "Submitted").await;
    approve(&scene, "reviewed").await;
    ready_for(&scene, "reviewed", "Completed").await;
    shared().await.sound().await;
}

#[tokio::test]
async fn an_applicant_writes_no_review_and_a_registrar_nothing_else() {
    let scene = Scene::new().await;
    let before = submitted_shop(&scene).await;
    let own = with(approved(), json!({"recordName": before["status"]["recordName"]}));
    let refused = patch(&scene, Who::Alice, "shop", json!({"review": own})).await.expect_err("a refusal");
    assert!(refused.contains("forbidden"), "{refused}");

    for other in [
        json!({"recordName": "instance.i-another-0"}),
        json!({"serviceNumber": "32a43232-a888-88e8-b9ec-00888be80000"}),
        json!({"submittedTime": null}),
        json!({"icpNumber": ICP_NUMBER}),
        json!({"conditions": []}),
    ] {
        let refused = patch(&scene, Who::Registrar, "shop", other.clone()).await.expect_err("a refusal");
        assert!(refused.contains("only the operator writes this status"), "{other}: {refused}");
    }
    let registrar = scene.tenant.kubectl(Who::Registrar);
    for act in [
        &["patch", "filing", "shop", "--type=merge", "-p", r#"{"spec":{"entityName":"Another Ltd."}}"#][..],
        &["delete", "filing", "shop"],
        &["get", "servicenumbers"],
        &["get", "snr"],
    ] {
        let refused = registrar.refused(act).await;
        assert!(refused.contains("forbidden"), "{act:?}: {refused}");
    }
    assert_eq!(scene.get(FILING, "shop").await["status"], before["status"]);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_lost_review_leaves_the_outcome_which_is_rebuilt_from_the_record() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let submit = json!({"spec": {"submit": true}});
    scene
        .apply_all(&["done", "over"].map(|name| with(filing(name, by_instance(&server)), submit.clone())))
        .await;
    scene.ready(FILING, "done").await;
    scene.ready(FILING, "over").await;
    approve(&scene, "done").await;
    review(&scene, "over", state("Cancelled")).await.expect("a review");
    let done = ready_for(&scene, "done", "Completed").await;
    let over = scene.stalled(FILING, "over", &["Cancelled"]).await;
    let ledger = scene.records().await;
    for before in [&done, &over] {
        let name = text(before, "/metadata/name");
        scene.wipe_status(FILING, name).await;
        let rebuilt = |o: &Value| condition(o, "Submitted")["status"] == "True";
        let after = scene.until(FILING, name, "rebuilt", rebuilt).await;
        assert_eq!(
            after["status"]["review"],
            Value::Null,
            "the registrar's word is not the operator's to write"
        );
        for field in
            ["recordName", "serviceNumber", "submittedTime", "completedTime", "icpNumber", "refusals"]
        {
            assert_eq!(after["status"][field], before["status"][field], "{name}: {field}");
        }
        assert_eq!(condition(&after, "Ready")["reason"], condition(before, "Ready")["reason"], "{name}");
    }
    // Written again as it was, it changes nothing; otherwise the ledger holds, and says so.
    approve(&scene, "done").await;
    review(&scene, "over", approved()).await.expect("a review");
    let contradicted = scene.stalled(FILING, "over", &["OutcomeDiffers"]).await;
    assert_eq!(contradicted["status"]["icpNumber"], Value::Null);
    ready_for(&scene, "done", "Completed").await;
    // The remedy that it names: the registrar cannot take back a final word, an administrator can.
    let remedy = text(&contradicted, "/status/refusals/0/remedy");
    assert!(remedy.contains("administrator to take the review away"), "{remedy}");
    patch(&scene, Who::Registrar, "over", json!({"review": null})).await.expect_err("a refusal");
    patch(&scene, Who::Admin, "over", json!({"review": null})).await.expect("no review");
    review(&scene, "over", state("Cancelled")).await.expect("a review");
    scene.stalled(FILING, "over", &["Cancelled"]).await;
    assert_eq!(scene.records().await, ledger);
    assert_eq!(scene.get(RECORD, text(&over, "/status/recordName")).await["spec"]["state"], "Cancelled");
    shared().await.sound().await;
}
