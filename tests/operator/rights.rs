//! What the operator may do in a cluster: that it says which CRDs and which rights it misses and goes on by itself
//! when it has them, that it uses every right of its roles and asks for no other, and that it leaves other
//! namespaces alone when told to. A cluster of its own, in which nothing is installed at first.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testbed::{ControlPlane, audit};

use crate::fixture::{Cluster, OPERATOR, SOON, Who, eventually, install, must, repository};
use crate::load::{self, LONG, answers};
use crate::operator_process::Operator;
use crate::scene::{
    FILING, INSTANCE, REQUEST, Scene, by_request, filing, instance, is_settled, request, text, with,
};
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_does_what_it_may_and_says_what_it_may_not() {
    let cluster = nothing_installed().await;
    let stage = Stage::on(&cluster);
    let operator = crds_that_are_missing_are_named(&stage).await;
    every_right_is_used_and_no_other(&stage, operator).await;
    rights_that_are_missing_are_named(&stage).await;
    other_namespaces_are_left_alone(&stage).await;
    stage.sound(&[]).await;
    stage.no_number_in_events().await;
    drop(stage);
    cluster.stop().await;
}

/// A control plane that knows who the operator is, and no more.
async fn nothing_installed() -> Cluster {
    let options = Cluster::options().audit(true);
    let control_plane = must("start a control plane", ControlPlane::start(options).await);
    let admin = must("use kubectl", control_plane.kubectl());
    let system = "icp-filing-system";
    must("make a namespace", admin.ok(&["create", "namespace", system]).await);
    must(
        "make an account",
        admin.ok(&["create", "serviceaccount", "icp-filing-operator", "-n", system]).await,
    );
    let token = admin.ok(&["create", "token", "icp-filing-operator", "-n", system, "--duration=8h"]).await;
    let token = must("make a token", token);
    let kubeconfig = control_plane.kubeconfig_for_token("operator", token.trim());
    Cluster::bare(control_plane, must("write a kubeconfig", kubeconfig))
}

/// What is missing is said until it is there, and then everything goes on; the operator that was there all along.
async fn crds_that_are_missing_are_named(stage: &Stage<'_>) -> Operator {
    // Nothing at all may tell a number, however much is logged.
    let operator = Operator::spawn(stage.cluster, &["--log", "debug", "--leader-elect"]);
    let kinds = ["instanceclasses", "instances", "servicenumberrequests", "filings", "servicenumbers"];
    let words = [&["does not serve", "kubectl apply -k deploy/"], &kinds[..]].concat();
    operator.waits_for(&words).await;
    operator.says("ERROR", &words).await;
    // To install is also to try the policies out, on a status that an operator would mend meanwhile.
    must("freeze the operator", operator.process().stop());
    must("install", install(stage.cluster.control_plane()).await);
    must("let the operator go on", operator.process().cont());
    operator.ready().await;
    operator
}

/// Rights as `verb resource.group`.
type Rights = BTreeSet<String>;

fn right(verb: &str, group: &str, resource: &str) -> String {
    format!("{verb} {resource}.{group}")
}

async fn every_right_is_used_and_no_other(stage: &Stage<'_>, operator: Operator) {
    let cluster = stage.cluster;
    let log = must("find the audit log", cluster.control_plane().audit_log().ok_or("there is none"));
    let before = must("read the audit log", audit::events(&log)).len();
    let folder = cluster.control_plane().dir().display().to_string();
    let other = Operator::start(cluster, &["--state-dir", &folder]).await;
    // A Lease that is gone is made again.
    for verb in ["delete", "get"] {
        let lease = [verb, "lease", "icp-filing-operator", "-n", "icp-filing-system"];
        eventually("Lease", SOON, async || cluster.kubectl(Who::Admin).ok(&lease).await).await;
    }
    let scene = Scene::on(cluster, Who::Alice).await;

    // A whole life, a draft that is given up, and an instance that is ready again and again: where the same operator
    // says so twice it is one event and its count.
    let server = scene.server(json!({})).await;
    scene.ready(INSTANCE, &server).await;
    eventually("event that is counted", LONG, async || {
        scene.put(&with(instance(&server), json!({"spec": {"state": "Stopped"}}))).await;
        scene.stalled(INSTANCE, &server, &["InstanceStopped"]).await;
        scene.put(&instance(&server)).await;
        scene.ready(INSTANCE, &server).await;
        let (used, _) = used(&must("read the audit log", audit::events(&log))[before..]);
        if used.contains(&right("patch", "events.k8s.io", "events")) { Ok(()) } else { Err("none yet") }
    })
    .await;
    scene.apply(&request("shop", &server)).await;
    let draft = filing("shop", by_request("shop"));
    scene.apply(&draft).await;
    let record = text(&scene.ready(FILING, "shop").await, "/status/recordName").to_owned();
    scene.delete(FILING, "shop").await;
    scene.record(&record, "Issued").await;
    scene.apply(&with(draft, json!({"spec": {"submit": true}}))).await;
    scene.record(&record, "Submitted").await;
    // The record of a claim that is gone stays, and nobody asks for anything else: what is denied is judged below.
    scene.delete(REQUEST, "shop").await;

    // Whose number a name is has to be asked where two operators meet at one, which takes a crowd.
    eventually("live read of a record", LONG, async || {
        let server = scene.server(json!({})).await;
        let claims: Vec<Value> = (0..20).map(|n| request(&format!("{server}-{n}"), &server)).collect();
        load::create(&scene, Who::Alice, &claims).await;
        answers(&scene, REQUEST, 20).await;
        let (used, _) = used(&must("read the audit log", audit::events(&log))[before..]);
        if used.contains(&right("get", "icp-filing.dev", "servicenumbers")) {
            Ok(())
        } else {
            Err("none yet")
        }
    })
    .await;
    for operator in [operator, other] {
        // Watches are written down when they end.
        operator.finish().await;
        stage.ended(operator);
    }
    let watched = right("watch", "icp-filing.dev", "servicenumbers");
    let (used, denied) = eventually("end of the watches", LONG, async || {
        let events = audit::events(&log).map_err(|error| error.to_string())?;
        let (used, denied) = used(&events[before..]);
        if used.contains(&watched) { Ok((used, denied)) } else { Err(format!("{used:?}")) }
    })
    .await;
    assert_eq!(denied, Vec::<String>::new());
    // A list as of a revision may come from the cache of an API server that lags.
    let lists = must("read the audit log", audit::events(&log))
        .into_iter()
        .filter(|event| event["user"]["username"] == OPERATOR && text(event, "/verb") == "list");
    let old: Vec<Value> =
        lists.filter(|list| text(list, "/requestURI").contains("resourceVersion=")).collect();
    assert_eq!(old, Vec::<Value>::new());
    assert_eq!(used, granted(stage).await);
}

/// What the operator asked for and was given, and what it was denied.
fn used(events: &[Value]) -> (Rights, Vec<String>) {
    let mut used = Rights::new();
    let mut denied = Vec::new();
    for event in events.iter().filter(|event| event["user"]["username"] == OPERATOR) {
        let (verb, object) = (text(event, "/verb"), &event["objectRef"]);
        let group = text(object, "/apiGroup");
        if event["annotations"]["authorization.k8s.io/decision"] == "forbid" {
            denied.push(event.to_string());
        } else if object.is_object() && group != "authorization.k8s.io" {
            // What everybody may ask, such as the version and one's own rights, needs no grant.
            let resource = match text(object, "/subresource") {
                "" => text(object, "/resource").to_owned(),
                subresource => format!("{}/{subresource}", text(object, "/resource")),
            };
            used.insert(right(verb, group, &resource));
            // A PUT that creates is asked for the right to create, too.
            if verb == "update" && event["responseStatus"]["code"] == 201 {
                used.insert(right("create", group, &resource));
            }
        }
    }
    (used, denied)
}

/// What the shipped ClusterRole and Role grant.
async fn granted(stage: &Stage<'_>) -> Rights {
    let admin = stage.cluster.kubectl(Who::Admin);
    let mut rules = Vec::new();
    for kind in ["clusterrole", "role"] {
        let args = ["get", kind, "icp-filing-operator", "-n", "icp-filing-system", "-o", "json"];
        let role = must("read a role", admin.ok(&args).await);
        let role: Value = must("read a role", serde_json::from_str(&role));
        rules.extend(role["rules"].as_array().into_iter().flatten().cloned());
    }
    let all = |rule: &Value, field: &str| -> Vec<String> {
        let values = rule[field].as_array().into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut rights = Rights::new();
    for rule in &rules {
        for verb in all(rule, "verbs") {
            for group in all(rule, "apiGroups") {
                rights.extend(all(rule, "resources").iter().map(|resource| right(&verb, &group, resource)));
            }
        }
    }
    rights
}

async fn rights_that_are_missing_are_named(stage: &Stage<'_>) {
    let cluster = stage.cluster;
    let admin = cluster.kubectl(Who::Admin);
    let scene = Scene::on(cluster, Who::Alice).await;
    let server = scene.server(json!({})).await;
    let running = Operator::start(cluster, &[]).await;
    scene.ready(INSTANCE, &server).await;
    must("unbind", admin.ok(&["delete", "clusterrolebinding", "icp-filing-operator"]).await);
    let theirs = cluster.kubectl(Who::Operator);
    eventually("loss of rights", SOON, async || {
        let can =
            must("ask", theirs.run(&["auth", "can-i", "create", "servicenumbers.icp-filing.dev"]).await);
        if can.status.success() { Err(can.stdout) } else { Ok(()) }
    })
    .await;
    // The one that runs says which write is refused.
    scene.apply(&request("shop", &server)).await;
    running.says("WARN", &["cannot create resource", "servicenumbers"]).await;
    // The one that starts says everything that it misses.
    let starting = Operator::spawn(cluster, &[]);
    let words = [
        "not allowed to",
        "list instances",
        "watch filings",
        "create servicenumbers",
        "patch servicenumberrequests/status",
        "create events",
        "ClusterRole icp-filing-operator",
        "kubectl apply -k deploy/",
    ];
    starting.waits_for(&words).await;
    starting.says("ERROR", &words).await;

    let folder = repository("deploy/rbac");
    let apply = ["apply".as_ref(), "--server-side".as_ref(), "-k".as_ref(), folder.as_os_str()];
    must("bind again", admin.ok(&apply).await);
    starting.ready().await;
    scene.ready(REQUEST, "shop").await;
    for operator in [running, starting] {
        operator.finish().await;
        stage.ended(operator);
    }
}

async fn other_namespaces_are_left_alone(stage: &Stage<'_>) {
    let (served, other) =
        (Scene::on(stage.cluster, Who::Alice).await, Scene::on(stage.cluster, Who::Bob).await);
    // The other namespace is first, so that an operator that served it would have by the time the one is.
    for scene in [&other, &served] {
        let host = scene.server(json!({})).await;
        scene.apply_all(&[request("shop", &host), filing("shop", by_request("shop"))]).await;
    }
    let operator = Operator::start(stage.cluster, &["--namespace", served.namespace()]).await;
    served.ready(REQUEST, "shop").await;
    served.ready(FILING, "shop").await;
    for kind in [REQUEST, FILING] {
        let left = other.get(kind, "shop").await;
        assert!(!is_settled(&left), "{left:#}");
    }
    assert_eq!(other.records().await, Vec::<Value>::new());
    operator.finish().await;
    stage.ended(operator);

    let operator = Operator::start(stage.cluster, &[]).await;
    other.ready(FILING, "shop").await;
    operator.finish().await;
    stage.ended(operator);
}
