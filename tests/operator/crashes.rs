//! Crashes: operators, API server and etcd are killed at random moments of a load that takes numbers through their
//! whole life. Whatever is killed when, the ledger is written as often as it would have been without, everything
//! ends where it should, and then nobody writes any more.

use crate::fixture::{Cluster, must};
use crate::lives::{Lives, is_quiet};
use crate::operator_process::Operator;
use crate::rng::Rng;
use crate::stage::Stage;

/// Instances in each load.
const SERVERS: usize = 10;

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// SIGKILL to the operator, and a new one.
    OperatorKilled,
    /// SIGTERM to the operator, and a new one.
    OperatorEnded,
    /// SIGKILL to the API server, and a new one.
    ServerKilled,
    /// SIGKILL to etcd, and a new one.
    StoreKilled,
}

use Fault::{OperatorEnded, OperatorKilled, ServerKilled, StoreKilled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_at_whatever_moment_everything_ends_as_it_should() {
    let cluster = must("start a control plane", Cluster::start().await);
    let stage = Stage::on(&cluster);
    let mut operator = Operator::spawn(&cluster, &[]);
    for (seed, faults) in [
        (1, &[OperatorKilled; 5][..]),
        (2, &[OperatorKilled; 5]),
        (3, &[OperatorEnded, OperatorKilled, OperatorEnded]),
        (4, &[ServerKilled]),
        (5, &[StoreKilled]),
        (6, &[ServerKilled, OperatorKilled, StoreKilled]),
    ] {
        operator = endured(&stage, operator, seed, faults).await;
        stage.sound(&[&operator]).await;
    }
    operator.finish().await;
    stage.ended(operator);

    // A new one finds nothing to do, however often it looks.
    let operator = Operator::start(&cluster, &["--resync-seconds", "1"]).await;
    is_quiet(&cluster, &operator, 6 * SERVERS).await;
    operator.finish().await;
    stage.ended(operator);
    stage.sound(&[]).await;
    stage.no_number_in_events().await;
    drop(stage);
    cluster.stop().await;
}

/// One load, in the course of which everything goes wrong that is listed; the operator that runs in the end.
async fn endured(stage: &Stage<'_>, operator: Operator, seed: u64, faults: &[Fault]) -> Operator {
    let lives = Lives::declare(stage.cluster, SERVERS).await;
    let (begin, end) = (stage.oracle.writes(), lives.writes());
    let mut chance = Rng::new(seed);
    let mut moments: Vec<_> = faults.iter().map(|_| chance.below(end)).collect();
    moments.sort_unstable();
    let disturbing = async {
        let mut operator = operator;
        for (moment, fault) in moments.iter().zip(faults) {
            stage.oracle.written(begin + moment).await;
            operator = happen(stage, operator, *fault).await;
        }
        operator
    };
    let ((), operator) = tokio::join!(lives.live(), disturbing);

    let what = format!("end of load {seed} after {faults:?} at writes {moments:?}");
    lives.settled(&what).await;
    stage.oracle.sound().await;
    assert_eq!(stage.oracle.writes() - begin, end, "the ledger was written more often than needed: {what}");
    operator
}

async fn happen(stage: &Stage<'_>, operator: Operator, fault: Fault) -> Operator {
    let control_plane = stage.cluster.control_plane();
    match fault {
        OperatorKilled => operator.kill().await,
        OperatorEnded => {
            // One that is told to end before it listens for that ends as any program does.
            operator.ready().await;
            operator.finish().await;
            assert!(operator.lines().last().is_some_and(|line| line["message"] == "stopped"));
        }
        ServerKilled => {
            must("kill the API server", control_plane.kill_apiserver().await);
            must("start the API server again", control_plane.restart_apiserver().await);
            return operator;
        }
        StoreKilled => {
            must("kill etcd", control_plane.kill_etcd().await);
            must("start etcd again", control_plane.restart_etcd().await);
            return operator;
        }
    }
    stage.ended(operator);
    Operator::spawn(stage.cluster, &[])
}
