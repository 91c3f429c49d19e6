//! Filings, as applicants see them: where the number comes from, who may use it, and who is told what when two
//! want the same one. What becomes of a binding is in the modules below.

mod drafts;
mod held;
mod submitted;

use serde_json::{Value, json};

use crate::fixture::{Who, instance_id};
use crate::objects;
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_instance, by_number, by_request, condition, filing, holds, instance,
    request, text, with,
};
use crate::stage::shared;

/// A filing by another account than the one that bought the instance.
fn of_account(account: &str, filing: Value) -> Value {
    with(filing, json!({"spec": {"accountID": account}}))
}

/// A request that grants its number to an account.
fn granting(account: &str, request: Value) -> Value {
    with(request, json!({"spec": {"filingAccountID": account}}))
}

/// Applies requests and gives their numbers.
async fn numbers(scene: &Scene<'_>, requests: &[Value]) -> Vec<String> {
    scene.apply_all(requests).await;
    let mut numbers = Vec::new();
    for request in requests {
        let ready = scene.ready(REQUEST, text(request, "/metadata/name")).await;
        numbers.push(text(&ready, "/status/serviceNumber").to_owned());
    }
    numbers
}

#[tokio::test]
async fn a_filing_finds_its_number_by_request_by_value_in_any_case_and_by_instance() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let told = numbers(&scene, &[request("own", &server), request("told", &server)]).await;
    scene
        .apply_all(&[
            filing("by-request", by_request("own")),
            filing("by-number", by_number(&told[1].to_uppercase())),
            filing("by-instance", by_instance(&server)),
        ])
        .await;
    for (slot, name) in ["by-request", "by-number", "by-instance"].into_iter().enumerate() {
        let bound = scene.ready(FILING, name).await;
        assert_eq!(condition(&bound, "Ready")["reason"], "Bound", "{name}");
        assert!(
            holds(&bound, "Bound") && !holds(&bound, "Submitted") && !holds(&bound, "Completed"),
            "{bound:#}"
        );
        let record = scene.record(text(&bound, "/status/recordName"), "InUse").await;
        assert_eq!(record["spec"]["slot"], slot, "{name}");
        assert_eq!(bound["status"]["serviceNumber"], record["spec"]["number"], "{name}");
        let expected = json!({
            "namespace": scene.namespace(), "name": name, "uid": bound["metadata"]["uid"],
            "domain": format!("{name}.example.cn"),
        });
        assert_eq!(record["spec"]["filing"], expected);
    }
    for (name, used_by) in [("own", "by-request"), ("told", "by-number")] {
        let used = scene.until(REQUEST, name, "used", |r| text(r, "/status/state") == "InUse").await;
        assert_eq!(used["status"]["usedBy"], used_by);
    }
    let counted = scene.until(INSTANCE, &server, "counted", |i| i["status"]["quota"]["inUse"] == 3).await;
    assert_eq!(
        counted["status"]["quota"],
        json!({"limit": 5, "issued": 3, "available": 2, "inUse": 3, "consumed": 0}),
    );
    assert_eq!(counted["status"]["unusedNumbers"], Value::Null);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_filing_that_names_an_instance_counts_against_the_same_quota() {
    let scene = Scene::new().await;
    let class = scene.class(json!({"spec": {"quota": 2}})).await;
    let server = scene.server(json!({"spec": {"className": class}})).await;
    scene.apply(&request("one", &server)).await;
    scene.ready(REQUEST, "one").await;
    scene.apply(&filing("two", by_instance(&server))).await;
    scene.ready(FILING, "two").await;
    scene.apply_all(&[filing("three", by_instance(&server)), request("four", &server)]).await;
    scene.stalled(FILING, "three", &["QuotaExhausted"]).await;
    scene.stalled(REQUEST, "four", &["QuotaExhausted"]).await;
    assert_eq!(scene.records().await.len(), 2);
    shared().await.sound().await;
}

#[tokio::test]
async fn by_request_the_owner_files_and_the_granted_account_and_nobody_else() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let requests = [
        request("plain", &server),
        granting("2002", request("granted", &server)),
        granting("2002", request("granted-too", &server)),
    ];
    numbers(&scene, &requests).await;
    let refused = [
        of_account("2002", filing("of-2002-not-granted", by_request("plain"))),
        of_account("3003", filing("of-3003-not-granted", by_request("granted"))),
    ];
    scene.apply_all(&refused).await;
    for filing in &refused {
        let stalled = scene.stalled(FILING, text(filing, "/metadata/name"), &["WrongAccount"]).await;
        assert!(!holds(&stalled, "Bound") && stalled["status"]["serviceNumber"].is_null(), "{stalled:#}");
    }
    let allowed = [
        filing("of-owner", by_request("plain")),
        of_account("2002", filing("of-granted", by_request("granted"))),
        filing("of-owner-of-granted", by_request("granted-too")),
    ];
    scene.apply_all(&allowed).await;
    for filing in &allowed {
        scene.ready(FILING, text(filing, "/metadata/name")).await;
    }
    shared().await.sound().await;
}

#[tokio::test]
async fn by_value_whoever_was_told_files_unless_the_number_is_granted_to_one_account() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let requests = [
        request("plain", &server),
        granting("2002", request("granted", &server)),
        granting("2002", request("granted-too", &server)),
    ];
    let told = numbers(&scene, &requests).await;
    // The one who is told works in a namespace of his own.
    let agency = Scene::of(Who::Bob).await;
    agency.apply(&of_account("3003", filing("of-3003-not-granted", by_number(&told[1])))).await;
    agency.stalled(FILING, "of-3003-not-granted", &["WrongAccount"]).await;
    let allowed = [
        of_account("3003", filing("of-anybody", by_number(&told[0]))),
        of_account("2002", filing("of-granted", by_number(&told[1]))),
        filing("of-owner", by_number(&told[2])),
    ];
    agency.apply_all(&allowed).await;
    for filing in &allowed {
        agency.ready(FILING, text(filing, "/metadata/name")).await;
    }
    let plain = scene.until(REQUEST, "plain", "used", |r| text(r, "/status/state") == "InUse").await;
    assert_eq!(plain["status"]["usedBy"], "(another namespace)", "whose filing it is, is not Alice's to see");
    shared().await.sound().await;
}

#[tokio::test]
async fn by_instance_the_account_that_bought_it_files_and_nobody_else_gets_a_number_issued() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    scene.apply(&of_account("2002", filing("of-2002", by_instance(&server)))).await;
    scene.stalled(FILING, "of-2002", &["WrongAccount"]).await;
    assert_eq!(scene.records().await, Vec::<Value>::new());
    scene.apply(&filing("of-owner", by_instance(&server))).await;
    let bound = scene.ready(FILING, "of-owner").await;
    assert_eq!(text(&bound, "/status/recordName"), format!("instance.{server}-0"));
    shared().await.sound().await;
}

#[tokio::test]
async fn of_two_filings_that_race_for_a_number_one_gets_it_and_the_other_is_told_who() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let told = numbers(&scene, &[request("shop", &server)]).await;
    let (left, right) = (filing("left", by_request("shop")), filing("right", by_number(&told[0])));
    tokio::join!(scene.put(&left), scene.put(&right));
    let settled = |o: &Value| holds(o, "Ready") || holds(o, "Stalled");
    let left = scene.until(FILING, "left", "settled", settled).await;
    let (winner, loser) = if holds(&left, "Ready") { ("left", "right") } else { ("right", "left") };
    let ready = scene.ready(FILING, winner).await;
    let stalled = scene.stalled(FILING, loser, &["NumberInUse"]).await;
    assert_eq!(
        text(&stalled, "/status/refusals/0/observed"),
        format!("Filing {winner} holds the number as a draft"),
    );
    assert!(stalled["status"]["serviceNumber"].is_null() && stalled["status"]["recordName"].is_null());
    // The remedy that it names works, and the one who waited goes on by itself.
    scene.delete(FILING, winner).await;
    let bound = scene.ready(FILING, loser).await;
    assert_eq!(bound["status"]["serviceNumber"], ready["status"]["serviceNumber"]);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_number_that_a_filing_of_another_namespace_holds_is_in_use_and_no_more_is_said() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    let told = numbers(&scene, &[request("shop", &server)]).await;
    let agency = Scene::of(Who::Bob).await;
    agency.apply(&filing("campaign-of-bob", by_number(&told[0]))).await;
    agency.ready(FILING, "campaign-of-bob").await;
    let silent = |object: &Value| {
        let said = object["status"].to_string();
        assert!(!said.contains("campaign-of-bob") && !said.contains(agency.namespace()), "{said}");
    };
    scene
        .apply_all(&[filing("by-request", by_request("shop")), filing("by-number", by_number(&told[0]))])
        .await;
    for name in ["by-request", "by-number"] {
        let stalled = scene.stalled(FILING, name, &["NumberInUse"]).await;
        assert!(text(&stalled, "/status/refusals/0/observed").starts_with("a filing of another namespace"));
        silent(&stalled);
    }
    silent(&scene.until(REQUEST, "shop", "used", |r| text(r, "/status/state") == "InUse").await);

    let submit = json!({"spec": {"submit": true}});
    agency.apply(&with(filing("campaign-of-bob", by_number(&told[0])), submit)).await;
    agency.ready(FILING, "campaign-of-bob").await;
    for name in ["by-request", "by-number"] {
        silent(&scene.stalled(FILING, name, &["NumberSpent"]).await);
    }
    let events = scene.kubectl().run(&["get", "events", "-o", "json"]).await;
    assert!(!events.stdout.contains("campaign-of-bob"), "{}", events.stdout);
    shared().await.sound().await;
}

#[tokio::test]
async fn a_filing_waits_for_its_request_and_then_for_the_requests_number() {
    let scene = Scene::new().await;
    let server = instance_id();
    scene.apply(&filing("shop", by_request("shop"))).await;
    scene.stalled(FILING, "shop", &["RequestNotFound"]).await;
    scene.apply(&request("shop", &server)).await;
    scene.stalled(FILING, "shop", &["RequestNotReady"]).await;
    scene.put(&instance(&server)).await;
    let bound = scene.ready(FILING, "shop").await;
    assert_eq!(text(&bound, "/status/recordName"), format!("instance.{server}-0"));
    shared().await.sound().await;
}

#[tokio::test]
async fn a_filing_that_names_an_instance_waits_for_it() {
    let scene = Scene::new().await;
    let server = instance_id();
    scene.apply(&filing("shop", by_instance(&server))).await;
    scene.stalled(FILING, "shop", &["InstanceNotFound"]).await;
    scene.put(&with(instance(&server), json!({"spec": {"region": "us-west-1"}}))).await;
    scene.stalled(FILING, "shop", &["RegionNotSupported"]).await;
    scene.put(&instance(&server)).await;
    scene.ready(FILING, "shop").await;
    shared().await.sound().await;
}

#[tokio::test]
async fn a_number_that_nobody_was_issued_is_found_once_the_ledger_has_it() {
    let scene = Scene::new().await;
    let server = scene.server(json!({})).await;
    // Nobody can know a number before it is issued, but a part of the ledger may be restored late.
    let record = objects::record(&server, 0);
    scene.apply(&filing("shop", by_number(text(&record, "/spec/number")))).await;
    scene.stalled(FILING, "shop", &["NumberNotFound"]).await;
    scene.break_glass(&record).await;
    let bound = scene.ready(FILING, "shop").await;
    assert_eq!(bound["status"]["serviceNumber"], record["spec"]["number"]);
    shared().await.sound().await;
}
