//! Inputs that the schema accepts and that cannot be served: each is refused with exactly the reasons that hold,
//! gets no number, and keeps nobody else from being served.

use serde_json::{Value, json};

use crate::fixture::instance_id;
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_instance, by_number, by_request, days_from_now, filing, instance,
    request, text, with,
};
use crate::stage::shared;

/// An instance that does not qualify: what is changed in its spec, and the reasons.
type Row = (&'static str, Value, &'static [&'static str]);

fn term(start: i64, end: i64) -> Value {
    json!({"startTime": days_from_now(start), "expirationTime": days_from_now(end)})
}

fn marketplace(months: i32, yuan: i32) -> Value {
    json!({
        "className": "marketplace-site", "firstOrder": {"months": months, "amountYuan": yuan}, "publicNetwork": null,
    })
}

/// Of the class `ecs` where nothing else is said.
fn instances(strict: &str) -> Vec<Row> {
    let pay_as_you_go = json!({"billingMethod": "PayAsYouGo", "subscription": null});
    let no_subscription = &["BillingMethodNotSupported", "TooFewMonthsPurchased", "TooFewMonthsRemaining"];
    vec![
        ("class-unknown", json!({"className": "no-such-class"}), &["ClassNotFound"]),
        ("other-provider", json!({"provider": "TencentCloud"}), &["ProviderNotSupported"]),
        ("provider-in-other-case", json!({"provider": "alibabaCloud"}), &["ProviderNotSupported"]),
        ("hong-kong", json!({"region": "cn-hongkong"}), &["RegionNotSupported"]),
        ("abroad", json!({"region": "us-west-1"}), &["RegionNotSupported"]),
        ("almost-mainland", json!({"region": "cnx-1"}), &["RegionNotSupported"]),
        ("pay-as-you-go", pay_as_you_go, no_subscription),
        ("pay-as-you-go-with-a-term", json!({"billingMethod": "PayAsYouGo"}), &["BillingMethodNotSupported"]),
        ("trial", json!({"billingMethod": "Trial", "subscription": null}), no_subscription),
        ("stopped", json!({"state": "Stopped"}), &["InstanceStopped"]),
        ("released", json!({"state": "Released"}), &["InstanceReleased"]),
        ("expired-says-the-provider", json!({"state": "Expired"}), &["SubscriptionExpired"]),
        (
            "expired-by-date",
            json!({"subscription": term(-400, -1)}),
            &["SubscriptionExpired", "TooFewMonthsRemaining"],
        ),
        ("not-begun", json!({"subscription": term(1, 400)}), &["SubscriptionNotStarted"]),
        (
            "bought-for-two-months",
            json!({"subscription": term(-1, 65)}),
            &["TooFewMonthsPurchased", "TooFewMonthsRemaining"],
        ),
        (
            "bought-for-two-months-where-the-rest-is-not-asked",
            json!({"className": "web-hosting", "subscription": term(-1, 65)}),
            &["TooFewMonthsPurchased"],
        ),
        ("two-months-left", json!({"subscription": term(-400, 65)}), &["TooFewMonthsRemaining"]),
        ("no-network", json!({"publicNetwork": null}), &["NoPublicBandwidth"]),
        ("no-bandwidth", json!({"publicNetwork": {"bandwidthMbps": 0}}), &["NoPublicBandwidth"]),
        (
            "no-address",
            json!({"className": strict, "publicNetwork": {"bandwidthMbps": 5, "addresses": null}}),
            &["NoPublicAddress"],
        ),
        (
            "no-first-order",
            json!({"className": "marketplace-site", "firstOrder": null}),
            &["FirstOrderTooShort", "FirstOrderTooSmall"],
        ),
        ("first-order-too-short", marketplace(11, 1200), &["FirstOrderTooShort"]),
        ("first-order-too-small", marketplace(12, 98), &["FirstOrderTooSmall"]),
        (
            "everything-at-once",
            json!({
                "className": strict, "provider": "HuaweiCloud", "region": "ap-southeast-1", "billingMethod": "Trial",
                "subscription": term(-30, -1), "publicNetwork": null, "state": "Stopped",
            }),
            &[
                "ProviderNotSupported",
                "RegionNotSupported",
                "BillingMethodNotSupported",
                "SubscriptionExpired",
                "TooFewMonthsPurchased",
                "TooFewMonthsRemaining",
                "NoPublicBandwidth",
                "NoPublicAddress",
                "InstanceStopped",
            ],
        ),
    ]
}

/// Asserts that each refusal says what was seen, what is asked for and what to do.
fn explained(object: &Value) {
    for refusal in object["status"]["refusals"].as_array().expect("refusals") {
        for field in ["/observed", "/required", "/remedy"] {
            assert!(!text(refusal, field).is_empty(), "{refusal:#}");
        }
    }
}

#[tokio::test]
async fn what_does_not_qualify_is_refused_for_exactly_its_reasons_by_request_and_by_filing() {
    let scene = Scene::new().await;
    let strict = scene.class(json!({"spec": {"requirements": {"publicAddress": true}}})).await;
    let rows = instances(&strict);
    let mut asked = Vec::new();
    for (name, change, reasons) in rows {
        let server = scene.server(json!({"spec": change})).await;
        // Each is asked for by a request and by a filing, among others that are served.
        let good = scene.server(json!({})).await;
        asked.push((name, server, good, reasons));
    }
    let mut manifests = Vec::new();
    for (name, server, good, _) in &asked {
        manifests.push(request(name, server));
        manifests.push(filing(name, by_instance(server)));
        manifests.push(request(&format!("good-{name}"), good));
    }
    scene.apply_all(&manifests).await;
    for (name, server, _, reasons) in &asked {
        for (kind, name) in [(INSTANCE, server.as_str()), (REQUEST, name), (FILING, name)] {
            explained(&scene.stalled(kind, name, reasons).await);
        }
        scene.ready(REQUEST, &format!("good-{name}")).await;
    }
    let records = scene.records().await;
    assert!(
        records.iter().all(|record| text(record, "/spec/claim/name").starts_with("good-")),
        "{records:#?}"
    );
    assert_eq!(records.len(), asked.len());
    shared().await.sound().await;
}

#[tokio::test]
async fn claims_that_cannot_be_served_are_refused_for_exactly_their_reasons() {
    let scene = Scene::new().await;
    let one = scene.class(json!({"spec": {"quota": 1}})).await;
    let (held, taken) = (scene.class(json!({"spec": {"suspend": true}})).await, instance_id());
    scene.put(&with(instance(&taken), json!({"spec": {"className": one}}))).await;
    scene.apply(&filing("first", by_instance(&taken))).await;
    scene.ready(FILING, "first").await;
    let suspended = scene.server(json!({"spec": {"className": held}})).await;
    let abroad = scene.server(json!({"spec": {"region": "us-west-1"}})).await;
    let server = scene.server(json!({})).await;
    let account = |manifest, account: &str| with(manifest, json!({"spec": {"accountID": account}}));
    let rows: Vec<(Value, &[&str])> = vec![
        (request("no-instance", "i-no-such-instance"), &["InstanceNotFound"]),
        (account(request("wrong-account", &server), "2002"), &["WrongAccount"]),
        (account(request("wrong-account-abroad", &abroad), "2002"), &["RegionNotSupported", "WrongAccount"]),
        (request("suspended", &suspended), &["IssuingSuspended"]),
        (
            account(request("suspended-wrong-account", &suspended), "2002"),
            &["IssuingSuspended", "WrongAccount"],
        ),
        (request("exhausted", &taken), &["QuotaExhausted"]),
        (account(request("exhausted-wrong-account", &taken), "2002"), &["QuotaExhausted", "WrongAccount"]),
        (filing("filing-no-instance", by_instance("i-no-such-instance")), &["InstanceNotFound"]),
        (account(filing("filing-wrong-account", by_instance(&server)), "2002"), &["WrongAccount"]),
        (filing("filing-exhausted", by_instance(&taken)), &["QuotaExhausted"]),
        (filing("filing-suspended", by_instance(&suspended)), &["IssuingSuspended"]),
        (filing("no-request", by_request("no-such-request")), &["RequestNotFound"]),
        (filing("request-refused", by_request("no-instance")), &["RequestNotReady"]),
        (filing("unknown-number", by_number("32a43232-a888-88e8-b9ec-00888be80000")), &["NumberNotFound"]),
        (filing("nil-number", by_number("00000000-0000-0000-0000-000000000000")), &["NumberNotFound"]),
    ];
    let mut manifests: Vec<Value> = rows.iter().map(|(manifest, _)| manifest.clone()).collect();
    manifests.push(filing("good", by_instance(&server)));
    scene.apply_all(&manifests).await;
    for (manifest, reasons) in &rows {
        explained(&scene.stalled(text(manifest, "/kind"), text(manifest, "/metadata/name"), reasons).await);
    }
    scene.ready(FILING, "good").await;
    let records = scene.records().await;
    let claims: Vec<_> = records.iter().map(|record| text(record, "/spec/claim/name")).collect();
    assert_eq!(claims, ["first", "good"]);
    shared().await.sound().await;
}

#[tokio::test]
async fn of_two_instances_of_one_id_the_one_declared_first_is_served() {
    let (mine, theirs) = (Scene::new().await, Scene::of(crate::fixture::Who::Bob).await);
    let server = mine.server(json!({})).await;
    theirs.put(&instance(&server)).await;
    // The API server tells time in seconds; within one, the namespace's name decides.
    let age = async |scene: &Scene<'_>| {
        let instance = scene.get(INSTANCE, &server).await;
        (text(&instance, "/metadata/creationTimestamp").to_owned(), scene.namespace().to_owned())
    };
    let (first, second) =
        if age(&mine).await < age(&theirs).await { (&mine, &theirs) } else { (&theirs, &mine) };
    first.ready(INSTANCE, &server).await;
    second.stalled(INSTANCE, &server, &["DuplicateInstance"]).await;
    for scene in [first, second] {
        scene.apply(&request("shop", &server)).await;
    }
    first.ready(REQUEST, "shop").await;
    let refused = second.stalled(REQUEST, "shop", &["DuplicateInstance"]).await;
    assert!(
        !refused["status"].to_string().contains(first.namespace()),
        "whose it is, is not said: {refused:#}"
    );
    // It goes on by itself when the cause goes.
    first.delete(INSTANCE, &server).await;
    second.ready(INSTANCE, &server).await;
    let ready = second.ready(REQUEST, "shop").await;
    assert_eq!(text(&ready, "/status/recordName"), format!("instance.{server}-1"));
    let counted = second.until(INSTANCE, &server, "counted", |i| i["status"]["quota"]["issued"] == 2).await;
    let unused = counted["status"]["unusedNumbers"].as_array().expect("unused numbers");
    assert_eq!(unused.len(), 1, "the other one's number is not for readers of this namespace: {unused:#?}");
    shared().await.sound().await;
}
