//! Requests, as applicants see them: a number, or every reason why there is none, and what keeps a number once it
//! is issued. Answers that change by themselves are in `moments`.

mod moments;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixture::{Who, instance_id};
use crate::scene::{
    INSTANCE, RECORD, REQUEST, Scene, class, condition, days_from_now, holds, instance, refusals, request,
    text, with,
};
use crate::stage::shared;

#[tokio::test]
async fn a_request_on_an_eligible_instance_gets_a_number() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let kubectl = scene.kubectl();
    kubectl.apply(request("shop", &server)).await;
    kubectl.ok(&["wait", "--for=condition=Ready", "--timeout=30s", "snr/shop"]).await;
    let shop = kubectl.json("snr", "shop").await;
    let number = text(&shop, "/status/serviceNumber");
    let shape = uuid::Uuid::parse_str(number).expect("a UUID");
    assert_eq!(
        (shape.get_version_num(), shape.to_string().as_str()),
        (4, number),
        "random and in lower case"
    );
    assert_eq!(text(&shop, "/status/recordName"), format!("instance.{server}-0"));
    assert_eq!(text(&shop, "/status/state"), "Issued");
    assert_eq!(shop["status"]["refusals"], Value::Null);
    assert_eq!(condition(&shop, "Ready")["reason"], "Issued");

    let record = scene.record(text(&shop, "/status/recordName"), "Issued").await;
    assert_eq!(record["spec"]["number"], number);
    assert_eq!(record["spec"]["issuedTime"], shop["status"]["issuedTime"]);
    assert_eq!(
        record["spec"]["claim"],
        json!({"kind": REQUEST, "namespace": scene.namespace(), "name": "shop"}),
    );
    let counted = scene.until(INSTANCE, &server, "counted", |i| i["status"]["quota"]["issued"] == 1).await;
    assert_eq!(
        counted["status"]["quota"],
        json!({"limit": 5, "issued": 1, "available": 4, "inUse": 0, "consumed": 0}),
    );
    assert_eq!(
        counted["status"]["unusedNumbers"],
        json!([{
            "recordName": shop["status"]["recordName"], "serviceNumber": number,
            "claimedBy": "ServiceNumberRequest/shop",
        }]),
    );
    let table = kubectl.ok(&["get", "snr"]).await;
    assert!(table.contains(number) && table.contains(&server) && table.contains("Issued"), "{table}");
    shared().await.sound().await;
}

#[tokio::test]
async fn kubectl_wait_ends_when_the_number_is_there() {
    let scene = Scene::new().await;
    let server = instance_id();
    scene.apply(&request("shop", &server)).await;
    scene.stalled(REQUEST, "shop", &["InstanceNotFound"]).await;
    let kubectl = scene.kubectl();
    let wait = async |condition: &str| {
        kubectl
            .ok(&["wait", &format!("--for={condition}"), "--timeout=30s", "servicenumberrequest/shop"])
            .await;
    };
    let declare = async || {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        scene.put(&instance(&server)).await;
    };
    tokio::join!(wait("condition=Ready"), wait("jsonpath={.status.serviceNumber}"), declare());
    shared().await.sound().await;
}

#[tokio::test]
async fn a_refused_request_says_every_reason_at_once_and_first() {
    let scene = Scene::new().await;
    let hong_kong = json!({"spec": {
        "region": "cn-hongkong", "billingMethod": "PayAsYouGo", "subscription": null, "publicNetwork": null,
    }});
    let server = scene.server(hong_kong).await;
    let history = scene.history(REQUEST, "shop").await;
    scene.apply(&with(request("shop", &server), json!({"spec": {"accountID": "1009"}}))).await;
    let reasons = [
        "RegionNotSupported",
        "BillingMethodNotSupported",
        "TooFewMonthsPurchased",
        "TooFewMonthsRemaining",
        "NoPublicBandwidth",
        "WrongAccount",
    ];
    let stalled = scene.stalled(REQUEST, "shop", &reasons).await;
    let said = text(condition(&stalled, "Stalled"), "/reason").split(',').map(str::to_owned);
    assert_eq!(said.collect::<BTreeSet<_>>(), refusals(&stalled), "the condition has them all");
    for refusal in stalled["status"]["refusals"].as_array().expect("refusals") {
        for field in ["/observed", "/required", "/remedy"] {
            assert!(!text(refusal, field).is_empty(), "{refusal:#}");
        }
    }
    assert_eq!(scene.records().await, Vec::<Value>::new());
    // Nothing was said before that a tool could take for progress.
    let states = history.up_to(&stalled).await;
    let words: Vec<_> = states.iter().map(|o| text(condition(o, "Ready"), "/reason")).collect();
    assert_eq!(words, ["Pending", text(condition(&stalled, "Ready"), "/reason")]);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_request_waits_for_its_instance_to_be_declared() {
    let scene = Scene::new().await;
    let server = instance_id();
    scene.apply(&request("shop", &server)).await;
    scene.stalled(REQUEST, "shop", &["InstanceNotFound"]).await;
    scene.put(&instance(&server)).await;
    let shop = scene.ready(REQUEST, "shop").await;
    assert_eq!(shop["status"]["refusals"], Value::Null);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_request_waits_until_what_is_missing_is_bought_one_thing_after_the_other() {
    let scene = Scene::new().await;
    let term = |end| json!({"startTime": days_from_now(-400), "expirationTime": days_from_now(end)});
    let server = instance_id();
    let declare = async |end, bandwidth| {
        let spec = json!({"subscription": term(end), "publicNetwork": {"bandwidthMbps": bandwidth}});
        scene.put(&with(instance(&server), json!({"spec": spec}))).await;
    };
    declare(40, 0).await;
    scene.apply(&request("shop", &server)).await;
    scene.stalled(REQUEST, "shop", &["TooFewMonthsRemaining", "NoPublicBandwidth"]).await;
    declare(400, 0).await;
    scene.stalled(REQUEST, "shop", &["NoPublicBandwidth"]).await;
    declare(400, 5).await;
    scene.ready(REQUEST, "shop").await;
    shared().await.sound().await;
}

#[tokio::test]
async fn an_account_that_did_not_buy_the_instance_gets_nothing() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    scene.apply(&with(request("shop", &server), json!({"spec": {"accountID": "2002"}}))).await;
    let stalled = scene.stalled(REQUEST, "shop", &["WrongAccount"]).await;
    assert!(text(&stalled, "/status/refusals/0/observed").contains("2002"), "{stalled:#}");
    assert_eq!(scene.records().await, Vec::<Value>::new());
    shared().await.sound().await;
}

#[tokio::test]
async fn the_account_that_a_request_grants_is_in_the_ledger() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let granted = with(request("granted", &server), json!({"spec": {"filingAccountID": "2002"}}));
    scene.apply_all(&[granted, request("open", &server)]).await;
    scene.ready(REQUEST, "granted").await;
    scene.ready(REQUEST, "open").await;
    let records = scene.records().await;
    let grants: Vec<_> = records.iter().map(|record| &record["spec"]["filingAccountID"]).collect();
    assert_eq!(grants, [&json!("2002"), &Value::Null]);
    shared().await.sound().await;
}

#[tokio::test]
async fn the_same_manifest_deleted_and_applied_again_gets_the_same_number() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let manifest = request("shop", &server);
    scene.apply(&manifest).await;
    let before = scene.ready(REQUEST, "shop").await;
    scene.delete(REQUEST, "shop").await;
    scene.apply(&manifest).await;
    let after = scene.ready(REQUEST, "shop").await;
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    for field in ["serviceNumber", "recordName", "issuedTime", "state"] {
        assert_eq!(after["status"][field], before["status"][field], "{field}");
    }
    assert_eq!(scene.records().await.len(), 1);
    shared().await.sound().await;
}

#[tokio::test]
async fn on_other_terms_a_request_is_stalled_and_told_what_differs() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let manifest = request("shop", &server);
    scene.apply(&manifest).await;
    let before = scene.ready(REQUEST, "shop").await;
    for (terms, differs) in [
        (json!({"filingAccountID": "2002"}), "accountID 1001, filingAccountID 2002"),
        (json!({"accountID": "3003"}), "accountID 3003, filingAccountID absent"),
    ] {
        scene.delete(REQUEST, "shop").await;
        scene.apply(&with(manifest.clone(), json!({"spec": terms}))).await;
        let stalled = scene.stalled(REQUEST, "shop", &["ClaimDiffers"]).await;
        assert_eq!(text(&stalled, "/status/refusals/0/observed"), differs);
        let required = text(&stalled, "/status/refusals/0/required");
        assert!(required.starts_with("accountID 1001, filingAccountID absent"), "{required}");
        assert_eq!(stalled["status"]["serviceNumber"], Value::Null, "not shown on other terms");
    }
    scene.delete(REQUEST, "shop").await;
    scene.apply(&manifest).await;
    let after = scene.ready(REQUEST, "shop").await;
    assert_eq!(after["status"]["serviceNumber"], before["status"]["serviceNumber"]);
    assert_eq!(scene.records().await.len(), 1);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_number_stays_when_its_instance_is_deleted() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    scene.apply(&request("shop", &server)).await;
    let before = scene.ready(REQUEST, "shop").await;
    scene.delete(INSTANCE, &server).await;
    // A request that comes later shows that the deletion was seen.
    scene.apply(&request("late", &server)).await;
    scene.stalled(REQUEST, "late", &["InstanceNotFound"]).await;
    assert_eq!(scene.get(REQUEST, "shop").await["status"], before["status"]);
    scene.put(&instance(&server)).await;
    let late = scene.ready(REQUEST, "late").await;
    assert_eq!(text(&late, "/status/recordName"), format!("instance.{server}-1"), "nothing was refunded");
    assert_eq!(scene.get(REQUEST, "shop").await["status"], before["status"]);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_number_stays_when_its_instance_no_longer_qualifies() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    scene.apply(&request("shop", &server)).await;
    let before = scene.ready(REQUEST, "shop").await;
    let moved = json!({"spec": {"region": "cn-hongkong", "state": "Stopped"}});
    scene.put(&with(instance(&server), moved)).await;
    scene.stalled(INSTANCE, &server, &["RegionNotSupported", "InstanceStopped"]).await;
    scene.apply(&request("late", &server)).await;
    scene.stalled(REQUEST, "late", &["RegionNotSupported", "InstanceStopped"]).await;
    assert_eq!(scene.get(REQUEST, "shop").await["status"], before["status"]);
    scene.record(text(&before, "/status/recordName"), "Issued").await;
    shared().await.sound().await;
}

#[tokio::test]
async fn an_instance_gives_as_many_numbers_as_its_class_says_and_more_when_that_is_raised() {
    let scene = Scene::new().await;
    let name = scene.class(json!({"spec": {"quota": 2}})).await;
    let server = scene.server(json!({"spec": {"className": name}})).await;
    scene.apply_all(&[request("one", &server), request("two", &server)]).await;
    scene.ready(REQUEST, "one").await;
    scene.ready(REQUEST, "two").await;
    scene.apply(&request("three", &server)).await;
    let stalled = scene.stalled(REQUEST, "three", &["QuotaExhausted"]).await;
    assert_eq!(text(&stalled, "/status/refusals/0/observed"), "2 issued of 2");
    let spent = scene.until(INSTANCE, &server, "spent", |i| i["status"]["quota"]["available"] == 0).await;
    assert!(holds(&spent, "Ready"), "an instance whose numbers are all issued still qualifies");

    let quota = async |quota: i32| scene.put(&with(class(&name), json!({"spec": {"quota": quota}}))).await;
    quota(3).await;
    scene.ready(REQUEST, "three").await;
    // Lowering it takes nothing back.
    quota(1).await;
    let counted = scene.until(INSTANCE, &server, "counted", |i| i["status"]["quota"]["limit"] == 1).await;
    assert_eq!(
        counted["status"]["quota"],
        json!({"limit": 1, "issued": 3, "available": 0, "inUse": 0, "consumed": 0}),
    );
    scene.apply(&request("four", &server)).await;
    scene.stalled(REQUEST, "four", &["QuotaExhausted"]).await;
    let records = scene.records().await;
    let numbers: BTreeSet<_> = records.iter().map(|record| text(record, "/spec/number")).collect();
    let slots: BTreeSet<_> = records.iter().filter_map(|record| record["spec"]["slot"].as_i64()).collect();
    assert_eq!((numbers.len(), slots), (3, BTreeSet::from([0, 1, 2])));
    let quotas: BTreeSet<_> = records.iter().filter_map(|record| record["spec"]["quota"].as_i64()).collect();
    assert_eq!(quotas, BTreeSet::from([2, 3]), "each record has the quota in force when it was issued");
    shared().await.sound().await;
}

#[tokio::test]
async fn issuing_is_held_and_goes_on_with_the_class() {
    let scene = Scene::new().await;
    let name = scene.class(json!({"spec": {"suspend": true}})).await;
    let server = scene.server(json!({"spec": {"className": name}})).await;
    scene.apply(&request("shop", &server)).await;
    scene.stalled(REQUEST, "shop", &["IssuingSuspended"]).await;
    scene.put(&class(&name)).await;
    scene.ready(REQUEST, "shop").await;
    // The platform admin reads the page of numbers as a table.
    let table = scene.tenant.kubectl(Who::PlatformAdmin).ok(&["get", "servicenumbers"]).await;
    assert!(table.contains(&format!("instance.{server}-0")), "{table}");
    assert_eq!(scene.get(RECORD, &format!("instance.{server}-0")).await["spec"]["className"], name);
    shared().await.sound().await;
}
