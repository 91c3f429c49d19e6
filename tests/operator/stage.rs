//! A control plane, the oracle that reads its history, and operators on it: what every test here stands on.
//! The shared one has one operator with its usual settings; whoever kills, multiplies or reconfigures operators
//! has a stage of its own.

use std::sync::Mutex;

use tokio::sync::OnceCell;

use crate::fixture::{self, Cluster, Who, must};
use crate::operator_process::{Operator, uuids};
use crate::oracle::Oracle;

/// A control plane with an oracle.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The control plane.
    pub cluster: &'a Cluster,
    /// What judges its history.
    pub oracle: Oracle,
    ended: Mutex<Vec<Operator>>,
}

/// The stage that tests share, with its one operator.
#[derive(Debug)]
pub struct Shared {
    stage: Stage<'static>,
    /// The operator.
    pub operator: Operator,
}

/// The shared stage. The first caller starts it.
pub async fn shared() -> &'static Shared {
    static SHARED: OnceCell<Shared> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let stage = Stage::on(fixture::cluster().await);
            let operator = Operator::start(stage.cluster, &[]).await;
            Shared { stage, operator }
        })
        .await
}

impl Shared {
    /// The control plane.
    pub fn cluster(&self) -> &'static Cluster {
        self.stage.cluster
    }

    /// The oracle, for the ledger as it reads it.
    pub fn oracle(&self) -> &Oracle {
        &self.stage.oracle
    }

    /// That every invariant held so far. To be called at the end of every test.
    pub async fn sound(&self) {
        self.stage.sound(&[&self.operator]).await;
    }
}

impl<'a> Stage<'a> {
    /// Starts to judge a cluster. To be called before the first operator is started on it.
    pub fn on(cluster: &'a Cluster) -> Self {
        let etcd = must("find etcd, whose history is judged", cluster.control_plane().etcd_endpoint());
        Self { cluster, oracle: Oracle::start(&etcd), ended: Mutex::default() }
    }

    /// Keeps an operator that ended, so that its log is judged too.
    pub fn ended(&self, operator: Operator) {
        self.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(operator);
    }

    /// That every invariant held so far, and that no operator, ended ones included, logged a defect or a number.
    pub async fn sound(&self, operators: &[&Operator]) {
        self.oracle.sound().await;
        let numbers = self.oracle.numbers();
        for operator in operators {
            operator.sound(&numbers);
        }
        self.ended
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .iter()
            .for_each(|o| o.sound(&numbers));
    }

    /// That no event of the cluster tells a number.
    pub async fn no_number_in_events(&self) {
        let args = ["get", "events.events.k8s.io", "--all-namespaces", "-o", "json"];
        let events = must("list events", self.cluster.kubectl(Who::Admin).ok(&args).await);
        let numbers = self.oracle.numbers();
        let leaked = uuids(&events).find(|uuid| numbers.contains(*uuid));
        assert!(leaked.is_none(), "an event tells the number {leaked:?}");
    }
}
