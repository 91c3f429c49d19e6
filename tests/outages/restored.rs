//! etcd is put back to a snapshot under a running operator, in the middle of its work: it ends with its message, and
//! issues nothing that was not issued before. How the records are brought back is tested elsewhere.

use crate::fixture::{SOON, Who, eventually, must};
use crate::ground::{cluster, is_whole, numbers_in_store, turn};
use crate::lives::Lives;
use crate::operator_process::Operator;
use crate::stage::Stage;

/// What an administrator adds to the revisions, as etcd's documentation advises: more than were made since.
const BUMP: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_runs_through_a_restore_issues_nothing_and_says_why_it_ends() {
    let _turn = turn().await;
    // How many writes of the ledger are lost.
    let losses: &[usize] = if is_whole() { &[1, 3, 20, 50] } else { &[20] };
    for &lost in losses {
        for bump in [None, Some(BUMP)] {
            restored(lost, bump).await;
            eprintln!("a snapshot {lost} writes old, revisions bumped by {bump:?}: nothing was issued");
        }
    }
}

async fn restored(lost: usize, bump: Option<u64>) {
    let cluster = cluster().await;
    let control_plane = cluster.control_plane();
    let stage = Stage::on(&cluster);
    let operator = Operator::start(&cluster, &["--resync-seconds", "1"]).await;
    let lives = Lives::declare(&cluster, 15).await;
    let snapshot = control_plane.dir().join("snapshot.db");
    let restoring = async {
        stage.oracle.written(30).await;
        must("save a snapshot", control_plane.save_snapshot(&snapshot).await);
        let saved = stage.oracle.writes();
        stage.oracle.written(saved + lost).await;
        // What the operator has no answer for was told to nobody, and nobody can know that it was lost.
        eventually("operator with its answers", SOON, async || {
            let answered = answered(&operator).await;
            if answered >= saved + lost { Ok(()) } else { Err(format!("{answered} writes are answered")) }
        })
        .await;
        // Claims are waiting, and the operator is in the middle of it.
        must("kill the API server", control_plane.kill_apiserver().await);
        stage.oracle.sound().await;
        stage.oracle.numbers()
    };
    let issued = tokio::select! {
        issued = restoring => issued,
        () = lives.live() => panic!("everything was done before the store could be put back"),
    };
    drop(stage);
    must("stop the servers", control_plane.stop_servers().await);
    must("restore", control_plane.restore_snapshot(&snapshot, bump).await);
    must("start the servers", control_plane.start_servers().await);
    // Somebody goes on to claim at once.
    let ended = tokio::select! {
        ended = operator.process().wait_exit(SOON) => ended,
        () = lives.live() => operator.process().wait_exit(SOON).await,
    };
    assert_eq!(must("see the operator end", ended), 3, "{}", operator.process().log_tail());
    operator.says("ERROR", &["the store went back in time", "restore"]).await;
    operator.sound(&issued);
    let kubectl = cluster.kubectl(Who::Admin);
    let now = numbers_in_store(&kubectl).await;
    let new = now.difference(&issued).count();
    assert_eq!(new, 0, "{new} numbers were issued on a store that went back: {}", operator.log());
    cluster.stop().await;
}

/// How many of its writes of the ledger an operator knows to be done.
async fn answered(operator: &Operator) -> usize {
    let metrics = operator.metrics().await;
    let counts = metrics.lines().filter(|line| {
        line.starts_with("icp_filing_numbers_issued_total{")
            || line.starts_with("icp_filing_record_changes_total{")
    });
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}
