//! What every outage happens on: a control plane of its own whose etcd flushes to disk, its oracle, one operator,
//! and numbers that live while servers fail at given moments. Nothing fails here.

use std::collections::HashSet;

use serde_json::Value;
use testbed::{ControlPlane, Kubectl};
use tokio::sync::{Mutex, MutexGuard};

use crate::fixture::{Cluster, Who, install, must};
use crate::lives::{Lives, is_quiet};
use crate::operator_process::Operator;
use crate::scene::text;
use crate::stage::Stage;

/// Whether every moment is to be played.
pub fn is_whole() -> bool {
    std::env::var_os("OUTAGES").is_some_and(|value| value == "all")
}

/// One outage at a time: two control planes on one machine would only make each other late.
pub async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// A control plane whose etcd flushes to disk, with `deploy/` in force.
pub async fn cluster() -> Cluster {
    let control_plane =
        must("start a control plane", ControlPlane::start(Cluster::options().fsync(true)).await);
    let operator = must("install", install(&control_plane).await);
    Cluster::bare(control_plane, operator)
}

/// Has numbers live, and something happen every time that the ledger was written another `every` times, as often as
/// that comes to pass. Ends when everything has ended as it would have if nothing had happened.
pub async fn live(stage: &Stage<'_>, servers: usize, every: usize, mut happen: impl AsyncFnMut(usize)) {
    let lives = Lives::declare(stage.cluster, servers).await;
    let (begin, end) = (stage.oracle.writes(), lives.writes());
    let happening = async {
        for moment in (every..end).step_by(every) {
            stage.oracle.written(begin + moment).await;
            happen(moment).await;
        }
    };
    tokio::join!(lives.live(), happening);
    lives.settled("the end of every life").await;
    stage.oracle.sound().await;
    assert_eq!(stage.oracle.writes() - begin, end, "the ledger was written more often than needed");
}

/// The records of the store, as they are.
async fn records(kubectl: &Kubectl) -> Vec<Value> {
    let text = must("read the ledger", kubectl.ok(&["get", "servicenumbers", "-o", "json"]).await);
    let list: Value = must("read the ledger", serde_json::from_str(&text));
    list["items"].as_array().cloned().unwrap_or_default()
}

/// The numbers that the store has.
pub async fn numbers_in_store(kubectl: &Kubectl) -> HashSet<String> {
    records(kubectl).await.iter().map(|record| text(record, "/spec/number").to_owned()).collect()
}

/// That every number that was ever issued is in the store, and every record that an operator was told it wrote.
pub async fn nothing_is_lost(stage: &Stage<'_>, operators: &[Operator]) {
    let kubectl = stage.cluster.kubectl(Who::Admin);
    assert_eq!(
        numbers_in_store(&kubectl).await,
        stage.oracle.numbers(),
        "the store has what was ever issued"
    );
    let records = records(&kubectl).await;
    let names: HashSet<&str> = records.iter().map(|record| text(record, "/metadata/name")).collect();
    for line in operators.iter().flat_map(Operator::lines) {
        let told = ["issued a number", "changed a record"].contains(&text(&line, "/message"));
        assert!(!told || names.contains(text(&line, "/record")), "it is lost: {line}");
    }
}

/// Ends an operator, then has a new one look at everything again and again: it has nothing to write.
pub async fn end_quietly(stage: &Stage<'_>, operators: Vec<Operator>, servers: usize) {
    nothing_is_lost(stage, &operators).await;
    for operator in operators {
        operator.finish().await;
        stage.ended(operator);
    }
    let operator = Operator::start(stage.cluster, &["--resync-seconds", "1"]).await;
    // Each instance is looked at with what is claimed on it.
    is_quiet(stage.cluster, &operator, servers).await;
    operator.finish().await;
    stage.ended(operator);
    stage.sound(&[]).await;
    stage.no_number_in_events().await;
}
