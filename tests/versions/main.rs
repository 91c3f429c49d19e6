//! An older build of the operator and this one on one ledger: beside each other, one after the other, and back again,
//! on a real API server and etcd whose every revision an oracle reads. `tests/versions/run` builds older revisions
//! and names them in OLD_OPERATOR; without it this build plays both sides, which tries the scenario itself.

#[path = "../operator/apparatus.rs"]
mod apparatus;
#[path = "../operator/staging.rs"]
mod staging;

mod disputed;

use apparatus::{fixture, history, objects, operator_process, oracle, wire};
use staging::{calls, lives, load, scene, stage};

use std::path::{Path, PathBuf};

use crate::disputed::Disputed;
use crate::fixture::{Cluster, Who, must};
use crate::lives::{Lives, is_quiet};
use crate::operator_process::{Operator, PROGRAM};
use crate::stage::Stage;

/// Servers of each of the four lives that are lived while versions change; each has one beside it that is refused.
const SERVERS: usize = 3;
const LIVES: usize = 4;
/// A look at everything every second.
const LOOKING: [&str; 2] = ["--resync-seconds", "1"];

/// A build of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Old,
    New,
}

impl Version {
    fn program(self) -> PathBuf {
        let old = std::env::var_os("OLD_OPERATOR").filter(|_| self == Self::Old);
        old.map_or_else(|| PathBuf::from(PROGRAM), PathBuf::from)
    }

    async fn start(self, cluster: &Cluster, more: &[&str]) -> Operator {
        let (folder, kubeconfig) = (cluster.control_plane().dir(), cluster.kubeconfig(Who::Operator));
        let operator = Operator::of(&self.program(), folder, &kubeconfig, more, &[]);
        operator.ready().await;
        operator
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_live_together_follow_each_other_and_go_back() {
    if Version::Old.program() == Path::new(PROGRAM) {
        eprintln!("OLD_OPERATOR names no older build: this one plays both sides");
    }
    let cluster = must("start a cluster", Cluster::start().await);
    let stage = Stage::on(&cluster);
    let mut lives = Vec::new();

    // The old one alone.
    let old = Version::Old.start(&cluster, &[]).await;
    lives.push(Lives::declare(&cluster, SERVERS).await);
    lives[0].live().await;
    settled(&lives, "what the old version serves").await;
    // The new one comes beside it in mid-work.
    lives.push(Lives::declare(&cluster, SERVERS).await);
    let joining = in_mid_life(&stage, &lives[1], async || Version::New.start(&cluster, &[]).await);
    let ((), new) = tokio::join!(lives[1].live(), joining);
    settled(&lives, "what both serve").await;
    // The update ends: the old one goes in mid-work.
    lives.push(Lives::declare(&cluster, SERVERS).await);
    let leaving = in_mid_life(&stage, &lives[2], async || end(&stage, old).await);
    tokio::join!(lives[2].live(), leaving);
    settled(&lives, "what the new version finishes").await;
    // And back: the old one comes in mid-work, and the new one is killed in what is begun.
    lives.push(Lives::declare(&cluster, SERVERS).await);
    let leaving = in_mid_life(&stage, &lives[3], async || {
        let old = Version::Old.start(&cluster, &[]).await;
        new.kill().await;
        stage.ended(new);
        old
    });
    let ((), old) = tokio::join!(lives[3].live(), leaving);
    settled(&lives, "what the old version finishes").await;
    end(&stage, old).await;

    both_are_quiet(&stage).await;
    settled(&lives, "what both looked at again and again").await;
    what_is_disputed_is_said_seldom_and_settled(&stage).await;
    settled(&lives, "everything").await;
    stage.sound(&[]).await;
    stage.no_number_in_events().await;
    drop(stage);
    cluster.stop().await;
}

/// Has something happen once a third of what a life writes into the ledger is there.
async fn in_mid_life<T>(stage: &Stage<'_>, life: &Lives<'_>, happen: impl AsyncFnOnce() -> T) -> T {
    stage.oracle.written(stage.oracle.writes() + life.writes() / 3).await;
    happen().await
}

async fn settled(lives: &[Lives<'_>], what: &str) {
    for life in lives {
        life.settled(what).await;
    }
}

async fn end(stage: &Stage<'_>, operator: Operator) {
    operator.finish().await;
    stage.ended(operator);
}

/// Both look at everything again and again, and neither finds anything to write.
async fn both_are_quiet(stage: &Stage<'_>) {
    let old = Version::Old.start(stage.cluster, &LOOKING).await;
    let new = Version::New.start(stage.cluster, &LOOKING).await;
    for operator in [&old, &new] {
        is_quiet(stage.cluster, operator, LIVES * (SERVERS + 1)).await;
    }
    end(stage, old).await;
    end(stage, new).await;
}

/// Two versions that tell different reasons contradict each other less and less often, and the one that stays has the
/// last word.
async fn what_is_disputed_is_said_seldom_and_settled(stage: &Stage<'_>) {
    let old = Version::Old.start(stage.cluster, &[]).await;
    let new = Version::New.start(stage.cluster, &[]).await;
    let disputed = Disputed::declare(stage.cluster).await;
    disputed.is_refused_by(None).await;
    disputed.is_said_seldom(stage.cluster).await;
    end(stage, old).await;
    end(stage, new).await;
    for version in [Version::New, Version::Old, Version::New] {
        let operator = version.start(stage.cluster, &LOOKING).await;
        disputed.is_refused_by(Some(version)).await;
        is_quiet(stage.cluster, &operator, LIVES * (SERVERS + 1) + 1).await;
        end(stage, operator).await;
    }
}
