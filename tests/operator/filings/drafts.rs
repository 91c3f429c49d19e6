//! Drafts that are deleted, and applied again: what is given back, to whom, and what keeps it.

use serde_json::{Value, json};

use super::numbers;
use crate::alone::alone;
use crate::fixture::Who;
use crate::operator_process::Operator;
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_instance, by_number, by_request, filing, request, text, with,
};
use crate::stage::shared;

/// Waits until the number of a request is free again.
async fn given_back(scene: &Scene<'_>, name: &str) -> Value {
    let free = scene.until(REQUEST, name, "free again", |r| text(r, "/status/state") == "Issued").await;
    assert_eq!(free["status"]["usedBy"], Value::Null);
    free
}

#[tokio::test]
async fn a_deleted_draft_gives_its_number_back_to_be_found_and_used() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let told = numbers(&scene, &[request("shop", &server)]).await;
    scene.apply_all(&[filing("old", by_request("shop")), filing("direct", by_instance(&server))]).await;
    let old = scene.ready(FILING, "old").await;
    let direct = scene.ready(FILING, "direct").await;
    scene.until(REQUEST, "shop", "used", |r| text(r, "/status/usedBy") == "old").await;
    scene.kubectl().ok(&["delete", "filings", "old", "direct"]).await;
    given_back(&scene, "shop").await;
    for bound in [&old, &direct] {
        let record = scene.record(text(bound, "/status/recordName"), "Issued").await;
        assert_eq!(record["spec"]["filing"], Value::Null);
    }
    let found = |i: &Value| i["status"]["unusedNumbers"].as_array().is_some_and(|unused| unused.len() == 2);
    let instance = scene.until(INSTANCE, &server, "listing both numbers", found).await;
    let listed = |bound: &Value, claim: &str| {
        json!({
            "recordName": bound["status"]["recordName"], "serviceNumber": bound["status"]["serviceNumber"],
            "claimedBy": claim,
        })
    };
    assert_eq!(
        instance["status"]["unusedNumbers"],
        json!([listed(&old, "ServiceNumberRequest/shop"), listed(&direct, "Filing/direct")]),
    );
    assert_eq!(
        instance["status"]["quota"],
        json!({"limit": 5, "issued": 2, "available": 3, "inUse": 0, "consumed": 0}),
    );
    // What was issued for a filing that is gone is found there and used by value.
    let unclaimed = text(&instance, "/status/unusedNumbers/1/serviceNumber");
    scene.apply_all(&[filing("new", by_number(&told[0])), filing("heir", by_number(unclaimed))]).await;
    assert_eq!(scene.ready(FILING, "new").await["status"]["recordName"], old["status"]["recordName"]);
    assert_eq!(scene.ready(FILING, "heir").await["status"]["recordName"], direct["status"]["recordName"]);
    assert_eq!(scene.records().await.len(), 2, "nothing was issued anew");
    shared().await.sound().await;
}

#[tokio::test]
async fn a_draft_deleted_while_no_operator_runs_is_given_back_when_one_starts() {
    let alone = alone().await;
    let scene = Scene::on(alone.cluster, Who::Alice).await;
    let operator = Operator::start(alone.cluster, &[]).await;
    let server = scene.server(json!({})).await;
    numbers(&scene, &[request("shop", &server), request("kept", &server)]).await;
    scene.apply_all(&[filing("shop", by_request("shop")), filing("kept", by_request("kept"))]).await;
    let kept = scene.ready(FILING, "kept").await;
    let shop = scene.ready(FILING, "shop").await;
    scene.until(REQUEST, "shop", "used", |r| text(r, "/status/usedBy") == "shop").await;
    scene.until(REQUEST, "kept", "used", |r| text(r, "/status/usedBy") == "kept").await;
    operator.finish().await;
    alone.ended(operator);

    scene.delete(FILING, "shop").await;
    let shop = text(&shop, "/status/recordName");
    assert_eq!(
        scene.record(shop, "InUse").await["spec"]["filing"]["name"],
        "shop",
        "nobody is there to do it"
    );
    let operator = Operator::start(alone.cluster, &[]).await;
    scene.record(shop, "Issued").await;
    given_back(&scene, "shop").await;
    let record = scene.record(text(&kept, "/status/recordName"), "InUse").await;
    assert_eq!(record["spec"]["filing"]["uid"], kept["metadata"]["uid"], "the other draft kept its number");
    alone.sound(&[&operator]).await;
    operator.finish().await;
}

#[tokio::test]
async fn a_draft_applied_again_has_the_same_number() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let told = numbers(&scene, &[request("own", &server), request("told", &server)]).await;
    let drafts = [
        filing("by-request", by_request("own")),
        filing("by-number", by_number(&told[1])),
        filing("by-instance", by_instance(&server)),
    ];
    scene.apply_all(&drafts).await;
    for draft in &drafts {
        let name = text(draft, "/metadata/name");
        let before = scene.ready(FILING, name).await;
        // At once, before the number is given back, or after: both lead there.
        scene.delete(FILING, name).await;
        scene.put(draft).await;
        let after = scene.ready(FILING, name).await;
        assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
        assert_eq!(after["status"]["recordName"], before["status"]["recordName"], "{name}");
        let record = scene.record(text(&after, "/status/recordName"), "InUse").await;
        assert_eq!(record["spec"]["filing"]["uid"], after["metadata"]["uid"], "{name}");
    }
    assert_eq!(scene.records().await.len(), 3);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_draft_applied_again_for_another_domain_is_bound_anew() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let told = numbers(&scene, &[request("own", &server), request("told", &server)]).await;
    let drafts = [
        filing("by-request", by_request("own")),
        filing("by-number", by_number(&told[1])),
        filing("by-instance", by_instance(&server)),
    ];
    scene.apply_all(&drafts).await;
    for draft in drafts {
        let name = text(&draft, "/metadata/name").to_owned();
        let before = scene.ready(FILING, &name).await;
        scene.delete(FILING, &name).await;
        let domain = json!({"spec": {"website": {"domain": "another.example.cn"}}});
        scene.put(&with(draft, domain)).await;
        let after = scene.ready(FILING, &name).await;
        assert_eq!(after["status"]["recordName"], before["status"]["recordName"], "{name}");
        let record = scene.record(text(&after, "/status/recordName"), "InUse").await;
        assert_eq!(record["spec"]["filing"]["domain"], "another.example.cn", "{name}");
        assert_eq!(record["spec"]["filing"]["uid"], after["metadata"]["uid"], "{name}");
    }
    assert_eq!(scene.records().await.len(), 3);
    shared().await.sound().await;
}
