//! Quotas that are shared by namespaces, that change while claims wait or come, and that are held: what is issued
//! stays issued, and what waits goes on by itself when it may.

use serde_json::{Value, json};

use crate::fixture::{SOON, Who, eventually, instance_id, unique};
use crate::load::{self, answers, counts};
use crate::scene::{
    CLASS, FILING, INSTANCE, REQUEST, Scene, by_instance, filing, instance, request, text, with,
};
use crate::stage::shared;

/// Requests on an instance, called after it and numbered.
fn requests(server: &str, numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(|n| request(&format!("{server}-{n}"), server)).collect()
}

/// The counts that an instance's status has.
fn counted(limit: usize, issued: usize) -> Value {
    json!({"limit": limit, "issued": issued, "available": limit.saturating_sub(issued), "inUse": 0, "consumed": 0})
}

#[tokio::test]
async fn instances_of_one_account_share_its_quota_in_all_namespaces() {
    const QUOTA: usize = 6;
    let shared = shared().await;
    let scenes = [Scene::of(Who::Alice).await, Scene::of(Who::Bob).await];
    let class = scenes[0].class(json!({"spec": {"quota": QUOTA, "quotaScope": "Account"}})).await;
    let (ours, theirs) = (unique(), unique());
    let bought_by = |account: &str| json!({"spec": {"className": class, "accountID": account}});
    let by = |account: &str, request: Value| with(request, json!({"spec": {"accountID": account}}));

    // Two instances in each namespace, five claims on each, and one instance of another account.
    let mut servers = Vec::new();
    for scene in &scenes {
        servers.push([scene.server(bought_by(&ours)).await, scene.server(bought_by(&ours)).await]);
    }
    let crowd = |at: usize| -> Vec<Value> {
        servers[at].iter().flat_map(|server| requests(server, 0..5)).map(|claim| by(&ours, claim)).collect()
    };
    let (first, second) = (crowd(0), crowd(1));
    tokio::join!(load::create(&scenes[0], Who::Alice, &first), load::create(&scenes[1], Who::Bob, &second),);
    let (first, second) = tokio::join!(answers(&scenes[0], REQUEST, 10), answers(&scenes[1], REQUEST, 10));
    let of = |answer: &str| {
        [&first, &second]
            .iter()
            .map(|answers| answers.get(answer).map_or(0, std::collections::HashSet::len))
            .sum::<usize>()
    };
    assert_eq!((of("Ready"), of("QuotaExhausted")), (QUOTA, 20 - QUOTA), "{first:?} {second:?}");
    let records = shared.oracle().records(|record| record.account_id == ours).await;
    assert_eq!(records.len(), QUOTA);
    for (scene, servers) in scenes.iter().zip(&servers) {
        for server in servers {
            let all = counted(QUOTA, QUOTA);
            scene.until(INSTANCE, server, "counted", |instance| instance["status"]["quota"] == all).await;
        }
    }

    // Another account has the quota for itself, and deleting an instance refunds nothing to this one.
    let other = scenes[0].server(bought_by(&theirs)).await;
    scenes[0].apply(&by(&theirs, request("other", &other))).await;
    scenes[0].ready(REQUEST, "other").await;
    scenes[0].delete(INSTANCE, &servers[0][0]).await;
    let late = scenes[0].server(bought_by(&ours)).await;
    scenes[0].apply(&by(&ours, request("late", &late))).await;
    scenes[0].stalled(REQUEST, "late", &["QuotaExhausted"]).await;
    shared.sound().await;
}

#[tokio::test]
async fn of_two_instances_of_one_name_the_older_is_served() {
    let shared = shared().await;
    let (older, younger) = (Scene::of(Who::Alice).await, Scene::of(Who::Bob).await);
    let id = instance_id();
    older.put(&instance(&id)).await;
    let created = |instance: &Value| text(instance, "/metadata/creationTimestamp").to_owned();
    let first = created(&older.get(INSTANCE, &id).await);
    // The server's clock tells seconds; of two that it cannot tell apart the namespace decides.
    eventually("later second", SOON, async || {
        younger.put(&instance(&id)).await;
        let second = created(&younger.get(INSTANCE, &id).await);
        if second > first {
            return Ok(());
        }
        younger.delete(INSTANCE, &id).await;
        Err(second)
    })
    .await;
    let claims = requests(&id, 0..4);
    tokio::join!(load::create(&older, Who::Alice, &claims), load::create(&younger, Who::Bob, &claims));
    younger.apply(&filing("direct", by_instance(&id))).await;
    assert_eq!(counts(&answers(&older, REQUEST, 4).await), [("Ready", 4)]);
    assert_eq!(counts(&answers(&younger, REQUEST, 4).await), [("DuplicateInstance", 4)]);
    younger.stalled(FILING, "direct", &["DuplicateInstance"]).await;
    younger.stalled(INSTANCE, &id, &["DuplicateInstance"]).await;
    older.ready(INSTANCE, &id).await;

    // When the older one goes, the younger is served with what the quota has left.
    older.delete(INSTANCE, &id).await;
    younger.ready(INSTANCE, &id).await;
    eventually("numbers for the younger", SOON, async || {
        let direct = crate::scene::holds(&younger.get(FILING, "direct").await, "Ready");
        let answers = answers(&younger, REQUEST, 4).await;
        let ready = answers.get("Ready").map_or(0, std::collections::HashSet::len) + usize::from(direct);
        let exhausted = answers.get("QuotaExhausted").map_or(0, std::collections::HashSet::len);
        let waiting = answers.get("DuplicateInstance").map_or(0, std::collections::HashSet::len);
        if (ready, waiting) == (1, 0) { Ok(exhausted) } else { Err(format!("{answers:?}")) }
    })
    .await;
    assert_eq!(shared.oracle().records(|record| record.instance_name == id).await.len(), 5);
    shared.sound().await;
}

#[tokio::test]
async fn a_quota_that_is_lowered_takes_nothing_back_and_raised_again_gives_more() {
    let shared = shared().await;
    let scene = Scene::new().await;
    let class = scene.class(json!({"spec": {"quota": 5}})).await;
    let server = scene.server(json!({"spec": {"className": class}})).await;
    let quota = async |quota: usize| {
        let class = with(crate::scene::class(&class), json!({"spec": {"quota": quota}}));
        scene.put(&class).await;
    };
    let count = async |limit: usize, issued: usize| {
        let expected = counted(limit, issued);
        scene.until(INSTANCE, &server, "counted", |instance| instance["status"]["quota"] == expected).await;
    };
    load::create(&scene, Who::Alice, &requests(&server, 0..4)).await;
    assert_eq!(counts(&answers(&scene, REQUEST, 4).await), [("Ready", 4)]);
    count(5, 4).await;

    quota(2).await;
    count(2, 4).await;
    load::create(&scene, Who::Alice, &requests(&server, 4..8)).await;
    assert_eq!(counts(&answers(&scene, REQUEST, 8).await), [("QuotaExhausted", 4), ("Ready", 4)]);

    quota(6).await;
    count(6, 6).await;
    eventually("two more numbers", SOON, async || {
        let answers = answers(&scene, REQUEST, 8).await;
        if counts(&answers) == [("QuotaExhausted", 2), ("Ready", 6)] {
            Ok(())
        } else {
            Err(format!("{answers:?}"))
        }
    })
    .await;
    let records = shared.oracle().records(|record| record.instance_name == server).await;
    assert_eq!(
        records.iter().map(|(_, r)| (r.slot, r.quota)).collect::<Vec<_>>(),
        [(0, 5), (1, 5), (2, 5), (3, 5), (4, 6), (5, 6)]
    );
    shared.sound().await;
}

#[tokio::test]
async fn a_quota_that_changes_under_a_crowd_holds_all_the_same() {
    const CLAIMS: usize = 60;
    let shared = shared().await;
    let scene = Scene::new().await;
    let class = scene.class(json!({"spec": {"quota": 20}})).await;
    let server = scene.server(json!({"spec": {"className": class}})).await;
    let claims = requests(&server, 0..CLAIMS);
    let changes = async {
        for quota in [4, 12, 7, 30, 2, 25, 30] {
            scene.put(&with(crate::scene::class(&class), json!({"spec": {"quota": quota}}))).await;
        }
    };
    tokio::join!(load::create(&scene, Who::Alice, &claims), changes);
    eventually("thirty numbers", SOON, async || {
        let answers = answers(&scene, REQUEST, CLAIMS).await;
        if counts(&answers) == [("QuotaExhausted", 30), ("Ready", 30)] {
            Ok(())
        } else {
            Err(format!("{answers:?}"))
        }
    })
    .await;
    assert_eq!(shared.oracle().records(|record| record.instance_name == server).await.len(), 30);
    shared.sound().await;
}

#[tokio::test]
async fn a_suspended_class_holds_new_numbers_and_lets_them_go_again() {
    let shared = shared().await;
    let scene = Scene::new().await;
    let class = scene.class(json!({"spec": {"quota": 8}})).await;
    let server = scene.server(json!({"spec": {"className": class}})).await;
    scene.apply_all(&requests(&server, 0..1)).await;
    let before = scene.ready(REQUEST, &format!("{server}-0")).await;

    scene.put(&with(crate::scene::class(&class), json!({"spec": {"suspend": true}}))).await;
    scene.apply_all(&requests(&server, 1..4)).await;
    scene.apply(&filing("direct", by_instance(&server))).await;
    for n in 1..4 {
        scene.stalled(REQUEST, &format!("{server}-{n}"), &["IssuingSuspended"]).await;
    }
    scene.stalled(FILING, "direct", &["IssuingSuspended"]).await;
    assert_eq!(scene.get(REQUEST, &format!("{server}-0")).await["status"], before["status"]);
    // A filing finds what was issued before.
    scene.apply(&filing("by-request", crate::scene::by_request(&format!("{server}-0")))).await;
    scene.ready(FILING, "by-request").await;

    scene.put(&crate::scene::class(&class)).await;
    for n in 1..4 {
        scene.ready(REQUEST, &format!("{server}-{n}")).await;
    }
    scene.ready(FILING, "direct").await;
    assert_eq!(scene.get(CLASS, &class).await["spec"]["suspend"], json!(false));
    assert_eq!(shared.oracle().records(|record| record.instance_name == server).await.len(), 5);
    shared.sound().await;
}
