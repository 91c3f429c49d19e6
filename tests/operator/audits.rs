//! Audits of a real cluster: a healthy one is found healthy, also while it is busy; every broken invariant that can be
//! planted is found by the subcommand, by the running operator's metrics and by its events; a dump tells the same.
//! A cluster of its own without an oracle, since the ledger is broken here on purpose.

mod planted;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fixture::{Cluster, SOON, Who, eventually, must};
use crate::load;
use crate::operator_process::{Operator, PROGRAM, uuids};
use crate::scene::{FILING, REQUEST, Scene, by_instance, by_request, filing, request, text, with};
use planted::Planted;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audits_find_what_is_broken_and_nothing_else() {
    let cluster = must("start a control plane", Cluster::start().await);
    let auditor = auditor(&cluster).await;
    let scene = Scene::on(&cluster, Who::Alice).await;
    let operator = Operator::start(&cluster, &[]).await;
    healthy(&cluster, &auditor, &scene).await;
    busy(&cluster, &auditor, &scene).await;
    without_rights(&cluster, &auditor).await;
    broken(&cluster, &auditor, &operator).await;
    odd(&auditor, &scene, &operator).await;
    lost(&cluster, &operator, &scene).await;
    let numbers = numbers(&cluster).await.into_iter().collect();
    operator.sound(&numbers);
    operator.finish().await;
    status_without_ledger(&auditor, &scene).await;
    cluster.stop().await;
}

/// The kubeconfig of somebody who has the auditor's role and no other.
async fn auditor(cluster: &Cluster) -> PathBuf {
    let admin = cluster.kubectl(Who::Admin);
    must("make an account", admin.ok(&["create", "serviceaccount", "auditor", "-n", "default"]).await);
    let token = admin.ok(&["create", "token", "auditor", "-n", "default", "--duration=1h"]).await;
    let token = must("make a token", token);
    must("write a kubeconfig", cluster.control_plane().kubeconfig_for_token("auditor", token.trim()))
}

/// What a run of the subcommand came to.
struct Audited {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Audited {
    fn json(&self) -> Value {
        must("read a report", serde_json::from_str(&self.out))
    }

    /// The codes of a severity.
    fn codes(&self, severity: &str) -> BTreeSet<String> {
        let report = self.json();
        let findings = report["findings"].as_array().into_iter().flatten();
        let of = findings.filter(|finding| finding["severity"] == severity);
        of.map(|finding| text(finding, "/code").to_owned()).collect()
    }
}

async fn audit(kubeconfig: &Path, more: &[&str]) -> Audited {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.arg("audit").arg("--kubeconfig").arg(kubeconfig).args(more).kill_on_drop(true);
    let output = must("run an audit", tokio::time::timeout(load::LONG, command.output()).await);
    let output = must("run an audit", output);
    let text = |bytes: Vec<u8>| must("read what it printed", String::from_utf8(bytes));
    Audited { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

async fn audit_json(kubeconfig: &Path) -> Audited {
    audit(kubeconfig, &["--output", "json"]).await
}

/// Every number of the ledger.
async fn numbers(cluster: &Cluster) -> BTreeSet<String> {
    let list = cluster.kubectl(Who::Admin).ok(&["get", "servicenumbers", "-o", "json"]).await;
    let list: Value = must("read the ledger", serde_json::from_str(&must("list the ledger", list)));
    list["items"].as_array().into_iter().flatten().map(|r| text(r, "/spec/number").to_owned()).collect()
}

/// The same report from what kubectl prints of the cluster, at a time at which nothing moves.
async fn dump_tells_the_same(cluster: &Cluster, auditor: &Path) {
    let kinds = "filings,servicenumberrequests,instances,instanceclasses,servicenumbers";
    for format in ["yaml", "json"] {
        let dump = cluster.kubectl(Who::Admin).ok(&["get", kinds, "-A", "-o", format]).await;
        let file = cluster.control_plane().dir().join(format!("dump.{format}"));
        must("write a dump", std::fs::write(&file, must("dump the cluster", dump)));
        let of_dump = audit(auditor, &["--output", "json", "--from", &file.display().to_string()]).await;
        let of_cluster = audit_json(auditor).await;
        let comparable = |audited: &Audited| with(audited.json(), json!({"source": null}));
        assert_eq!(comparable(&of_dump), comparable(&of_cluster));
        assert_eq!(of_dump.code, of_cluster.code);
    }
}

/// One number in every state.
pub async fn lives(scene: &Scene<'_>) {
    let server = scene.server(json!({})).await;
    for name in ["unused", "draft", "sent", "through"] {
        scene.apply(&request(name, &server)).await;
        if name != "unused" {
            let submit = name != "draft";
            let change = json!({"spec": {"submit": submit}});
            scene.apply(&with(filing(name, by_request(name)), change)).await;
        }
    }
    scene.apply(&filing("direct", by_instance(&server))).await;
    for name in ["draft", "sent", "through", "direct"] {
        scene.ready(FILING, name).await;
    }
    scene.ready(REQUEST, "unused").await;
    let record = text(&scene.ready(FILING, "through").await, "/status/recordName").to_owned();
    let review = json!({"recordName": record, "state": "Approved", "icpNumber": "浙ICP备11012345号-1"});
    scene.write_status(FILING, "through", json!({"review": review})).await;
    scene.record(&record, "Consumed").await;
    scene.until(FILING, "through", "completed", |f| !f["status"]["completedTime"].is_null()).await;
    scene.until(REQUEST, "through", "consumed", |r| r["status"]["state"] == "Consumed").await;
}

async fn healthy(cluster: &Cluster, auditor: &Path, scene: &Scene<'_>) {
    // Until the role is bound, the message says which one is missing.
    let refused = audit(auditor, &[]).await;
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    assert!(refused.err.contains("Bind the ClusterRole icp-filing-auditor"), "{}", refused.err);
    let role = ["create", "clusterrolebinding", "auditor", "--clusterrole=icp-filing-auditor"];
    let bind = [&role[..], &["--serviceaccount=default:auditor"]].concat();
    must("bind the role", cluster.kubectl(Who::Admin).ok(&bind).await);

    lives(scene).await;
    let clean = eventually("clean audit", SOON, async || {
        let audited = audit(auditor, &["--output", "json", "--strict"]).await;
        if audited.code == Some(0) { Ok(audited) } else { Err(audited.out + &audited.err) }
    })
    .await;
    let report = clean.json();
    assert_eq!((&report["verdict"], &report["findings"]), (&json!("Clean"), &json!([])));
    assert_eq!(report["keys"][0]["slots"].as_array().map(Vec::len), Some(5));
    dump_tells_the_same(cluster, auditor).await;

    let numbers = numbers(cluster).await;
    let table = audit(auditor, &[]).await;
    assert!(table.out.ends_with("nothing is broken, nothing is odd: 5 records of 1 key.\n"), "{}", table.out);
    for printed in [&table.out, &clean.out] {
        assert!(uuids(printed).all(|uuid| !numbers.contains(uuid)), "a number was printed unasked");
    }
    for more in [&["--show-numbers"][..], &["--show-numbers", "-o", "json"]] {
        let told = audit(auditor, more).await.out;
        assert!(numbers.iter().all(|number| told.contains(number)), "{told}");
    }
}

/// What is on its way between lists of a busy cluster is no finding.
async fn busy(cluster: &Cluster, auditor: &Path, scene: &Scene<'_>) {
    let crowd = Scene::on(cluster, Who::Bob).await;
    let mut objects = Vec::new();
    for _ in 0..12 {
        let server = crowd.server(json!({})).await;
        for n in 0..5 {
            let name = format!("{server}-{n}");
            objects.push(request(&name, &server));
            let submit = json!({"spec": {"submit": n % 2 == 0}});
            objects.push(with(filing(&name, by_request(&name)), submit));
        }
    }
    let churn = async {
        load::create(&crowd, Who::Bob, &objects).await;
        // Drafts come and go: their numbers are given back and bound again.
        for _ in 0..6 {
            scene.delete(FILING, "draft").await;
            scene.apply(&filing("draft", by_request("draft"))).await;
            scene.ready(FILING, "draft").await;
        }
        load::answers(&crowd, FILING, 60).await;
    };
    let audits = async {
        let mut looks = 0;
        loop {
            let audited = audit(auditor, &["--output", "json", "--strict"]).await;
            assert_eq!(audited.code, Some(0), "{}{}", audited.out, audited.err);
            looks += 1;
            if looks > 200 {
                return;
            }
        }
    };
    tokio::select! { () = churn => {}, () = audits => {} }
    let audited = audit(auditor, &["--output", "json", "--strict"]).await;
    assert_eq!(audited.code, Some(0), "{}{}", audited.out, audited.err);
}

async fn without_rights(cluster: &Cluster, auditor: &Path) {
    let bare = cluster.control_plane().kubeconfig_for_token("nobody", "nobody's");
    let bare = must("write a kubeconfig", bare);
    let refused = audit(&bare, &[]).await;
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("Check the credentials of the kubeconfig"), "{}", refused.err);
    let nothing = audit(auditor, &["--from", "/dev/null"]).await;
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(2), ""));
    assert!(nothing.err.contains("there is no manifest in it"), "{}", nothing.err);
}

/// The metric of an invariant or an oddity.
async fn gauge(operator: &Operator, series: &str) -> Option<u64> {
    let metrics = operator.metrics().await;
    metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

async fn broken(cluster: &Cluster, auditor: &Path, operator: &Operator) {
    let planted = Planted::all(cluster).await;
    for (invariant, count) in planted.invariants() {
        let series = format!("icp_filing_invariant_violations{{invariant=\"{invariant}\"}}");
        eventually(&series, SOON, async || match gauge(operator, &series).await {
            Some(found) if found == count => Ok(()),
            other => Err(format!("{other:?} and not {count}\n{}", operator.process().log_tail())),
        })
        .await;
    }
    let audited = audit_json(auditor).await;
    assert_eq!(audited.code, Some(3), "{}", audited.err);
    assert_eq!(audited.codes("Broken"), planted.codes());
    dump_tells_the_same(cluster, auditor).await;

    // One event and one line for each, on the record that it is about.
    let admin = cluster.kubectl(Who::Admin);
    for code in planted.codes() {
        operator.says("ERROR", &[&code, "an invariant of the ledger is broken"]).await;
        let args =
            ["get", "events.events.k8s.io", "-A", "-o", "json", "--field-selector=reason=InvariantBroken"];
        eventually(&format!("event of {code}"), SOON, async || {
            let events = admin.ok(&args).await.map_err(|error| error.to_string())?;
            let events: Value = serde_json::from_str(&events).map_err(|error| error.to_string())?;
            let of = |event: &&Value| text(event, "/note").starts_with(&format!("{code} ("));
            let found: Vec<_> = events["items"].as_array().into_iter().flatten().filter(of).collect();
            match found[..] {
                [event] if event["type"] == "Warning" && event["regarding"]["kind"] == "ServiceNumber" => {
                    Ok(())
                }
                _ => Err(format!("{found:#?}")),
            }
        })
        .await;
    }
    let numbers = numbers(cluster).await;
    let events = must("list events", admin.ok(&["get", "events.events.k8s.io", "-A", "-o", "json"]).await);
    assert!(uuids(&events).all(|uuid| !numbers.contains(uuid)), "an event tells a number");
    let table = audit(auditor, &[]).await;
    assert!(uuids(&table.out).all(|uuid| !numbers.contains(uuid)), "a number was printed unasked");
}

/// What people do that is allowed and odd is counted by the operator too, once it stays.
async fn odd(auditor: &Path, scene: &Scene<'_>, operator: &Operator) {
    let series = "icp_filing_oddities{code=\"ClaimGone\"}";
    let before = eventually("planted oddities", SOON, async || {
        let counted = gauge(operator, series).await.filter(|count| *count > 0).ok_or("none yet")?;
        let audited = audit_json(auditor).await;
        let gone = audited.json()["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|f| f["code"] == "ClaimGone")
            .count();
        if counted == gone as u64 { Ok(counted) } else { Err("not all") }
    })
    .await;
    scene.delete(REQUEST, "unused").await;
    eventually("counted oddity", SOON, async || match gauge(operator, series).await {
        Some(count) if count == before + 1 => Ok(()),
        other => Err(format!("{other:?} after {before}")),
    })
    .await;
}

/// A record that vanishes is the loss of a number, though its slot was the last.
async fn lost(cluster: &Cluster, operator: &Operator, scene: &Scene<'_>) {
    let record = text(&scene.get(FILING, "direct").await, "/status/recordName").to_owned();
    Planted::lose(cluster, &record).await;
    operator.says("ERROR", &["RecordLost", &record]).await;
}

/// With no operator that would mend the status, a filing that says more than the ledger is found.
async fn status_without_ledger(auditor: &Path, scene: &Scene<'_>) {
    let record = text(&scene.get(FILING, "draft").await, "/status/recordName").to_owned();
    let status = json!({"submittedTime": "2026-01-01T00:00:00Z", "recordName": record});
    scene.write_status(FILING, "draft", status).await;
    scene.write_status(FILING, "sent", json!({"recordName": "instance.never-0"})).await;
    let found = audit_json(auditor).await.codes("Broken");
    for code in ["SubmissionNotInLedger", "RecordLost"] {
        assert!(found.contains(code), "{found:?}");
    }
}
