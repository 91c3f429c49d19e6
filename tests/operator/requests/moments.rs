//! Answers that change although nobody changes anything: the operator wakes itself at that moment, not before and
//! not much later.

use k8s_openapi::jiff::{SignedDuration, Timestamp, ToSpan, tz};
use serde_json::{Value, json};

use crate::scene::{INSTANCE, REQUEST, Scene, condition, days_from_now, from_now, holds, request, text};
use crate::stage::shared;

/// How late the operator may be on a busy machine. Without a wake-up of its own it would be ten minutes.
const LATE: SignedDuration = SignedDuration::from_secs(10);

fn time(object: &Value, pointer: &str) -> Timestamp {
    text(object, pointer).parse().expect("a time")
}

#[track_caller]
fn assert_on_time(object: &Value, type_: &str, due: Timestamp) {
    let at = time(condition(object, type_), "/lastTransitionTime");
    assert!(due <= at && at <= due + LATE, "due at {due}, {type_} changed at {at}");
}

#[tokio::test]
async fn a_subscription_that_begins_gives_its_request_a_number_at_that_moment() {
    let scene = Scene::new().await;
    let begins = from_now(8);
    let term = json!({"startTime": begins, "expirationTime": days_from_now(400)});
    let server = scene.server(json!({"spec": {"subscription": term}})).await;
    scene.put(&request("shop", &server)).await;
    scene.stalled(REQUEST, "shop", &["SubscriptionNotStarted"]).await;
    let instance = scene.stalled(INSTANCE, &server, &["SubscriptionNotStarted"]).await;
    assert_eq!(text(&instance, "/status/nextChangeTime"), begins);
    let due = begins.parse().expect("a time");
    assert_on_time(&scene.ready(REQUEST, "shop").await, "Ready", due);
    assert_on_time(&scene.ready(INSTANCE, &server).await, "Eligible", due);
    shared().await.sound().await;
}

/// When a subscription ends whose rest is this many months at `last` and less afterwards. Months are counted as in
/// China; the last days of some months are the end of no whole number of months, so the number may be another.
fn rest_at(last: Timestamp) -> (i32, Timestamp) {
    let china = tz::offset(8).to_time_zone();
    let end = |months: i32| {
        let last = last.to_zoned(china.clone());
        let end = last.checked_add(months.months()).expect("a time");
        (end.checked_sub(months.months()).expect("a time") == last).then(|| (months, end.timestamp()))
    };
    [3, 2, 4, 5, 6, 1].into_iter().find_map(end).expect("a number of months that leads there and back")
}

#[tokio::test]
async fn an_instance_stops_qualifying_at_the_moment_at_which_its_rest_is_too_short() {
    let scene = Scene::new().await;
    let last: Timestamp = from_now(8).parse().expect("a time");
    let (months, end) = rest_at(last);
    let class = scene.class(json!({"spec": {"requirements": {"minMonthsRemaining": months}}})).await;
    let term = json!({"startTime": days_from_now(-400), "expirationTime": end.to_string()});
    let server = scene.server(json!({"spec": {"className": class, "subscription": term}})).await;
    let due = last + SignedDuration::from_secs(1);
    let instance = scene.ready(INSTANCE, &server).await;
    assert_eq!(time(&instance, "/status/nextChangeTime"), due);
    scene.put(&request("early", &server)).await;
    scene.ready(REQUEST, "early").await;

    let refused = scene.stalled(INSTANCE, &server, &["TooFewMonthsRemaining"]).await;
    assert_on_time(&refused, "Eligible", due);
    assert!(!holds(&refused, "Eligible"));
    assert_eq!(time(&refused, "/status/nextChangeTime"), end, "it changes again when the subscription ends");
    scene.put(&request("late", &server)).await;
    scene.stalled(REQUEST, "late", &["TooFewMonthsRemaining"]).await;
    scene.ready(REQUEST, "early").await;
    shared().await.sound().await;
}

#[tokio::test]
async fn a_subscription_that_runs_out_is_expired_at_that_moment() {
    let scene = Scene::new().await;
    let nothing_of_the_rest = json!({"spec": {"requirements": {"minMonthsRemaining": null}}});
    let class = scene.class(nothing_of_the_rest).await;
    let ends = from_now(8);
    let term = json!({"startTime": days_from_now(-400), "expirationTime": ends});
    let server = scene.server(json!({"spec": {"className": class, "subscription": term}})).await;
    let instance = scene.ready(INSTANCE, &server).await;
    assert_eq!(text(&instance, "/status/nextChangeTime"), ends);
    let refused = scene.stalled(INSTANCE, &server, &["SubscriptionExpired"]).await;
    assert_on_time(&refused, "Eligible", ends.parse().expect("a time"));
    assert_eq!(refused["status"]["nextChangeTime"], Value::Null);
    shared().await.sound().await;
}
