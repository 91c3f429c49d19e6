//! Several operators of which one works: who leads, what a standby leaves alone, and how the work is handed over
//! when the leader ends, dies, stands still, or loses the Lease or the server. How long it took is printed, and
//! asserted only in that it ends. A cluster of its own; that the ledger is right needs none of this.

use std::time::Instant;

use futures::future::join4;
use serde_json::{Value, json};
use testbed::{ControlPlane, audit};

use crate::fixture::{Cluster, OPERATOR, SOON, Who, eventually, install, must};
use crate::load::{self, LONG, answers, counts};
use crate::operator_process::Operator;
use crate::scene::{REQUEST, Scene, request, text};
use crate::stage::Stage;

const SYSTEM: &str = "icp-filing-system";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_works_and_another_goes_on_whatever_becomes_of_it() {
    let control_plane = must("start", ControlPlane::start(Cluster::options().audit(true)).await);
    let operator = must("install", install(&control_plane).await);
    let cluster = Cluster::bare(control_plane, operator);
    let stage = Stage::on(&cluster);
    let second = told_to_end(&stage).await;
    unreachable_server(&stage, second).await;
    // Each in a namespace of its own, with operators that serve no other: they have nothing to contend for.
    join4(killed(&stage), frozen(&stage), garbage(&stage), forbidden(&stage)).await;
    stage.sound(&[]).await;
    stage.no_number_in_events().await;
    drop(stage);
    cluster.stop().await;
}

#[tokio::test]
async fn who_may_not_use_the_lease_says_so_instead_of_standing_by() {
    let shared = crate::stage::shared().await;
    let cluster = shared.cluster();
    let operator = Operator::spawn(cluster, &["--leader-elect", "--lease-namespace", "kube-system"]);
    let words = [
        "not allowed to get, update, create the Lease icp-filing-operator in kube-system",
        "Role icp-filing-operator",
        "kubectl apply -k deploy/",
        "--lease-namespace",
        "--leader-elect=false",
    ];
    operator.waits_for(&words).await;
    operator.says("ERROR", &words).await;
    operator.finish().await;

    // Whoever may do everything still needs a namespace. That this one leads never, nobody here has to fear.
    let elsewhere = ["--leader-elect=true", "--lease-namespace=nowhere"];
    let folder = cluster.control_plane().dir();
    let operator = Operator::with(folder, &cluster.kubeconfig(Who::Admin), &elsewhere);
    let words = ["is there a namespace nowhere", "--lease-namespace"];
    operator.waits_for(&words).await;
    operator.says("WARN", &words).await;
    operator.finish().await;
    shared.sound().await;
}

/// Two with the flags that they are shipped with: one works, the other writes nothing, and goes on at SIGTERM.
async fn told_to_end(stage: &Stage<'_>) -> Operator {
    let cluster = stage.cluster;
    let scene = Scene::on(cluster, Who::Alice).await;
    let first = Operator::start(cluster, &["--leader-elect"]).await;
    leads(&first).await;
    let second = Operator::start(cluster, &["--leader-elect"]).await;
    let holder = holder(cluster, "icp-filing-operator").await;
    is(&second, &format!("ok: standby, {holder} leads\n")).await;
    let before = writes(&second).await;
    served(&scene, "first").await;
    idle(stage, &first, &second).await;
    assert_eq!(writes(&second).await, before, "a standby writes nothing");
    assert!(status(&first).await == 1 && status(&second).await == 0);

    let since = Instant::now();
    must("ask the leader to end", first.process().terminate());
    leads(&second).await;
    println!("handed over {:?} after SIGTERM", since.elapsed());
    served(&scene, "second").await;
    assert_eq!((status(&second).await, writes(&second).await > before), (1, true));
    let code = must("see it end", first.process().wait_exit(SOON).await);
    assert_eq!(code, 0, "{}", first.process().log_tail());
    first.says("INFO", &["released the lease"]).await;
    stage.ended(first);
    second
}

/// That nothing but the Lease is written once everything is done.
async fn idle(stage: &Stage<'_>, leader: &Operator, standby: &Operator) {
    let log = must("find the audit log", stage.cluster.control_plane().audit_log().ok_or("there is none"));
    let read = || must("read the audit log", audit::events(&log));
    eventually("quiet", LONG, async || {
        let (seen, renewed) = (read().len(), calls(leader, "PUT").await);
        eventually("renewals", SOON, async || match calls(leader, "PUT").await - renewed {
            0..3 => Err("fewer than three"),
            _ => Ok(()),
        })
        .await;
        let written: Vec<String> = read()[seen..]
            .iter()
            .filter(|event| event["user"]["username"] == OPERATOR)
            .filter(|event| !["get", "list", "watch"].contains(&text(event, "/verb")))
            .map(|event| format!("{} {}", text(event, "/verb"), text(event, "/objectRef/resource")))
            .collect();
        let lease = |call: &String| call == "update leases";
        if written.len() >= 3 && written.iter().all(lease) { Ok(()) } else { Err(format!("{written:?}")) }
    })
    .await;
    assert_eq!(calls(standby, "PUT").await, 0, "a standby does not touch a Lease that is held");
}

/// A leader that does not reach the API server stops by itself, and one of two goes on when the server is back.
async fn unreachable_server(stage: &Stage<'_>, leader: Operator) {
    let control_plane = stage.cluster.control_plane();
    let scene = Scene::on(stage.cluster, Who::Alice).await;
    let standby = Operator::start(stage.cluster, &["--leader-elect"]).await;
    must("kill the API server", control_plane.kill_apiserver().await);
    let since = Instant::now();
    leader.says("WARN", &["not leading any more", "not renewed in time"]).await;
    println!("stopped working {:?} after the API server did", since.elapsed());
    is(&leader, "ok: standby\n").await;
    assert_eq!(status(&leader).await, 0);
    must("start the API server again", control_plane.restart_apiserver().await);
    served(&scene, "after").await;
    let roles = [role(&leader).await, role(&standby).await];
    assert_eq!(roles.iter().filter(|role| *role == "ok: leads\n").count(), 1, "{roles:?}");
    for operator in [leader, standby] {
        operator.finish().await;
        stage.ended(operator);
    }
}

/// Two in a namespace of their own, the first of which leads.
struct Pair<'a> {
    scene: Scene<'a>,
    lease: String,
    first: Operator,
    second: Operator,
}

impl<'a> Pair<'a> {
    async fn start(stage: &'a Stage<'_>) -> Self {
        let scene = Scene::on(stage.cluster, Who::Alice).await;
        let lease = granted(stage.cluster, &scene).await;
        let flags = ["--leader-elect", "--namespace", scene.namespace()];
        let first = Operator::start(stage.cluster, &flags).await;
        leads(&first).await;
        let second = Operator::start(stage.cluster, &flags).await;
        is(&second, &format!("ok: standby, {} leads\n", holder(stage.cluster, &lease).await)).await;
        Self { scene, lease, first, second }
    }

    /// Twenty requests, of which the first are answered.
    async fn work(&self, stage: &Stage<'_>, round: &str) {
        let written = stage.oracle.writes();
        let mut requests = Vec::new();
        for server in 0..4 {
            let id = self.scene.server(json!({})).await;
            requests.extend((0..5).map(|n| request(&format!("{round}-{server}-{n}"), &id)));
        }
        load::create(&self.scene, Who::Alice, &requests).await;
        stage.oracle.written(written + 3).await;
    }

    async fn done(&self, count: usize) {
        let answers = answers(&self.scene, REQUEST, count).await;
        assert_eq!(counts(&answers), [("Ready", count)]);
        assert_eq!(self.scene.records().await.len(), count);
    }

    async fn end(self, stage: &Stage<'_>) {
        for operator in [self.first, self.second] {
            if operator.process().is_running() {
                operator.finish().await;
            }
            stage.ended(operator);
        }
    }
}

async fn killed(stage: &Stage<'_>) {
    let pair = Pair::start(stage).await;
    pair.work(stage, "killed").await;
    let since = Instant::now();
    pair.first.kill().await;
    leads(&pair.second).await;
    println!("handed over {:?} after SIGKILL", since.elapsed());
    pair.done(20).await;
    pair.end(stage).await;
}

/// The leader stands still in the middle of its work for longer than the Lease lasts.
async fn frozen(stage: &Stage<'_>) {
    let pair = Pair::start(stage).await;
    pair.work(stage, "before").await;
    let since = Instant::now();
    must("freeze the leader", pair.first.process().stop());
    leads(&pair.second).await;
    println!("handed over {:?} after SIGSTOP", since.elapsed());
    pair.done(20).await;
    must("let it go on", pair.first.process().cont());
    pair.first.says("WARN", &["not leading any more"]).await;
    is(&pair.first, &format!("ok: standby, {} leads\n", holder(stage.cluster, &pair.lease).await)).await;
    // Whatever was under way has been answered, or was dropped: from here on it writes nothing.
    let before = writes(&pair.first).await;
    pair.work(stage, "after").await;
    pair.done(40).await;
    assert_eq!(writes(&pair.first).await, before, "{}", pair.first.log());
    pair.end(stage).await;
}

/// A Lease of somebody who never was, with the worst that the API server lets in; then none at all.
async fn garbage(stage: &Stage<'_>) {
    let scene = Scene::on(stage.cluster, Who::Alice).await;
    let lease = granted(stage.cluster, &scene).await;
    let admin = stage.cluster.kubectl(Who::Admin);
    let record = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": lease, "namespace": SYSTEM},
        "spec": {
            "holderIdentity": "x\n\"".repeat(1000), "leaseDurationSeconds": i32::MAX, "leaseTransitions": i32::MAX,
            "renewTime": "9999-12-31T23:59:59.999999Z", "acquireTime": "0001-01-01T00:00:00.000000Z",
        },
    });
    must("write garbage", admin.ok_with_input(&["create", "-f", "-"], &record.to_string()).await);
    let operator =
        Operator::start(stage.cluster, &["--leader-elect", "--namespace", scene.namespace()]).await;
    let since = Instant::now();
    leads(&operator).await;
    println!("took a Lease of garbage after {:?}", since.elapsed());
    served(&scene, "garbage").await;
    for emptied in [r#"{"spec":null}"#, r#"{"spec":{"holderIdentity":""}}"#] {
        let patch = ["patch", "lease", &lease, "-n", SYSTEM, "--type=merge", "-p", emptied];
        must("empty the Lease", admin.ok(&patch).await);
        eventually("a Lease with a holder", SOON, async || match holder(stage.cluster, &lease).await {
            holder if holder.is_empty() => Err("none"),
            _ => Ok(()),
        })
        .await;
    }
    must("delete the Lease", admin.ok(&["delete", "lease", &lease, "-n", SYSTEM]).await);
    eventually("a new Lease", SOON, async || admin.ok(&["get", "lease", &lease, "-n", SYSTEM]).await).await;
    served(&scene, "deleted").await;
    let lost = operator.lines().iter().any(|line| line["level"] == "WARN" && line["leader"].is_string());
    assert!(!lost, "it leads on: {}", operator.log());
    operator.finish().await;
    stage.ended(operator);
}

/// A leader that loses the right to its Lease stops, says why, and leads again when it has it back.
async fn forbidden(stage: &Stage<'_>) {
    let pair = Pair::start(stage).await;
    let admin = stage.cluster.kubectl(Who::Admin);
    must("unbind", admin.ok(&["delete", "rolebinding", &pair.lease, "-n", SYSTEM]).await);
    let words = ["Lease", &pair.lease, SYSTEM, "Bind the Role", "kubectl apply -k deploy/"];
    for operator in [&pair.first, &pair.second] {
        operator.waits_for(&words).await;
        operator.says("WARN", &words).await;
    }
    granted(stage.cluster, &pair.scene).await;
    served(&pair.scene, "allowed").await;
    pair.end(stage).await;
}

/// Lets the operator use the Lease of those who serve the namespace of a scene alone, and gives its name.
async fn granted(cluster: &Cluster, scene: &Scene<'_>) -> String {
    let lease = format!("icp-filing-operator.{}", scene.namespace());
    let metadata = json!({"name": lease, "namespace": SYSTEM});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
        "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [lease],
            "verbs": ["get", "update", "create"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": lease},
        "subjects": [{"kind": "ServiceAccount", "name": "icp-filing-operator", "namespace": SYSTEM}],
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [role, binding]});
    must("let it use the Lease", cluster.kubectl(Who::Admin).apply(&list.to_string()).await);
    lease
}

/// Waits until a new request on a new instance has its number.
async fn served(scene: &Scene<'_>, name: &str) {
    let server = scene.server(json!({})).await;
    scene.apply(&request(name, &server)).await;
    scene.ready(REQUEST, name).await;
}

async fn role(operator: &Operator) -> String {
    operator.get("/readyz").await.map_or_else(|error| error, |(_, body)| body)
}

async fn is(operator: &Operator, expected: &str) {
    eventually(expected, SOON, async || match role(operator).await {
        role if role == expected => Ok(()),
        role => Err(format!("{role}\n{}", operator.process().log_tail())),
    })
    .await;
}

async fn leads(operator: &Operator) {
    is(operator, "ok: leads\n").await;
}

/// Who holds a Lease.
async fn holder(cluster: &Cluster, lease: &str) -> String {
    let args = ["get", "lease", lease, "-n", SYSTEM, "-o", "json"];
    let lease = must("read the Lease", cluster.kubectl(Who::Admin).ok(&args).await);
    let lease: Value = must("read the Lease", serde_json::from_str(&lease));
    text(&lease, "/spec/holderIdentity").to_owned()
}

/// How often an operator called with a method, answered or not.
async fn calls(operator: &Operator, method: &str) -> u64 {
    let sample = format!("rest_client_requests_total{{method=\"{method}\",");
    let metrics = operator.metrics().await;
    let counts = metrics.lines().filter(|line| line.starts_with(&sample));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// How often it wrote, its Lease aside.
async fn writes(operator: &Operator) -> u64 {
    calls(operator, "POST").await + calls(operator, "PATCH").await
}

/// What it says about leading to whoever reads its metrics.
async fn status(operator: &Operator) -> u64 {
    let metrics = operator.metrics().await;
    let sample = "leader_election_master_status{name=\"icp-filing-operator\"} ";
    let value = metrics.lines().find_map(|line| line.strip_prefix(sample)?.parse().ok());
    must("find the status", value.ok_or(metrics))
}
