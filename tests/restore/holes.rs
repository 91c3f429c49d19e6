//! What a store that was restored in part shows by itself: a hole in the slots of a key. And that the CronJob's account
//! may make a copy, and nothing else.

use serde_json::{Value, json};

use crate::cli::{Ended, ledger};
use crate::fixture::{Cluster, Who, must, repository};
use crate::objects::record;
use crate::operator_process::Operator;
use crate::scene::{FILING, REQUEST, Scene, by_instance, filing, request, text};

/// A hole is an error in the log and a count to alert on, and nothing is issued on its key, by whichever claim.
pub async fn a_hole_is_said_and_issues_nothing(cluster: &Cluster) {
    let scene = Scene::on(cluster, Who::Alice).await;
    let server = scene.server(json!({})).await;
    let missing = text(&record(&server, 1), "/metadata/name").to_owned();
    for slot in [0, 2] {
        scene.break_glass(&record(&server, slot)).await;
    }
    let operator = Operator::start(cluster, &[]).await;
    operator.says("ERROR", &[&missing, "is missing", "until it is restored"]).await;
    let metrics = operator.metrics().await;
    assert!(metrics.contains("icp_filing_records_lost_total 1"), "{metrics}");
    scene.apply(&request("shop", &server)).await;
    scene.apply(&filing("shop", by_instance(&server))).await;
    for kind in [REQUEST, FILING] {
        let stalled = scene.stalled(kind, "shop", &["LedgerIncomplete"]).await;
        assert!(stalled.to_string().contains(&missing), "{stalled:#}");
    }
    assert_eq!(scene.records().await, Vec::<Value>::new());
    scene.break_glass(&record(&server, 1)).await;
    for kind in [REQUEST, FILING] {
        scene.ready(kind, "shop").await;
    }
    operator.finish().await;
}

/// `deploy/backup` applies, and its account exports and cannot import.
pub async fn the_cron_job_may_copy_and_nothing_else(cluster: &Cluster) {
    let admin = cluster.kubectl(Who::Admin);
    let folder = repository("deploy/backup").display().to_string();
    must("apply deploy/backup", admin.ok(&["apply", "--server-side", "-k", &folder]).await);
    let account = "icp-filing-ledger-export";
    let token = admin.ok(&["create", "token", account, "-n", "icp-filing-system"]).await;
    let token = must("make a token", token);
    let kubeconfig = cluster.control_plane().kubeconfig_for_token(account, token.trim());
    let kubeconfig = must("write a kubeconfig", kubeconfig);
    let file = cluster.control_plane().dir().join("cron-job.jsonl").display().to_string();
    ledger(&kubeconfig, &["export", "--out", &file]).await.said(0, &[]);
    ledger(&kubeconfig, &["import", &file]).await.said(0, &["nothing to do"]);
    // One record less in the cluster than in the file: a name that was never issued.
    let text = must("read a copy", std::fs::read_to_string(&file));
    let (header, lines) = text.split_once('\n').expect("a header");
    let more = lines.lines().find_map(|line| next_slot(line, lines)).expect("a slot that is free");
    let count = lines.lines().count();
    let header = header.replace(&format!("\"records\":{count}"), &format!("\"records\":{}", count + 1));
    must("write a copy", std::fs::write(&file, format!("{header}\n{lines}{more}\n")));
    // The same number and claim in two slots: found before anything is tried.
    ledger(&kubeconfig, &["import", &file])
        .await
        .said(4, &["same number", "same claim", "nothing was written"]);
    for (args, code, words) in bad_files(&file) {
        let Ended { stdout, stderr, code: ended } = ledger(&kubeconfig, &args).await;
        assert_eq!(ended, code, "{args:?}: {stdout}{stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
}

/// The same record in the next slot, if that is within the quota and nobody's.
fn next_slot(line: &str, lines: &str) -> Option<String> {
    let record = |line: &str| -> Value { must("read a line", serde_json::from_str(line)) };
    let known = record(line)["slot"].as_i64().expect("a slot");
    let slot = known + 1;
    let next = line
        .replace(&format!("-{known}\",\"number\""), &format!("-{slot}\",\"number\""))
        .replace(&format!("\"slot\":{known}"), &format!("\"slot\":{slot}"));
    let is_taken = lines.lines().any(|other| record(other)["name"] == record(&next)["name"]);
    (record(&next)["quota"].as_i64() > Some(slot) && !is_taken).then_some(next)
}

/// What is no file, no folder, and no ledger of this cluster.
fn bad_files(file: &str) -> Vec<(Vec<&str>, i32, &'static str)> {
    let other = format!("{file}.other");
    let text = must("read a copy", std::fs::read_to_string(file));
    let header: Value = must("read a header", serde_json::from_str(text.lines().next().unwrap_or_default()));
    let text = text.replace(text_of(&header), "00000000-1111-2222-3333-444444444444");
    must("write a copy", std::fs::write(&other, text));
    let other: &'static str = other.leak();
    vec![
        (vec!["import", "/nowhere/ledger.jsonl"], 2, "Name a file that `ledger export` wrote"),
        (vec!["import", "/dev/null"], 2, "the file is empty"),
        (vec!["import", other], 2, "--rebuilt-cluster"),
        (vec!["import", other, "--rebuilt-cluster"], 4, "nothing was written"),
        (vec!["export", "--out", "/nowhere/ledger.jsonl"], 2, "cannot open folder"),
        (vec!["export", "--out", other], 2, "Name another file"),
        (vec!["export", "--as-group", "g"], 2, "--as <USER>"),
        (vec!["import"], 2, "<FILE>"),
    ]
}

fn text_of(header: &Value) -> &str {
    header["store"].as_str().expect("a store")
}
