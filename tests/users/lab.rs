//! The one control plane of this program with what judges it, and the people who use it. Namespaces are fresh for
//! every scenario; people have their roles in all of them.

use std::sync::Mutex;

use tokio::sync::OnceCell;

use crate::fixture::{self, Cluster, must};
use crate::mirror::Mirror;
use crate::operator_process::Operator;
use crate::oracle::Oracle;
use crate::people;
pub use crate::people::People;

/// A control plane, judged from its first revision on.
#[derive(Debug)]
pub struct Lab {
    /// The control plane.
    pub cluster: &'static Cluster,
    /// Judges the invariants.
    pub oracle: Oracle,
    /// Shows the store as it is.
    pub mirror: Mirror,
    /// One sweep at a time: operators would serve the tenants of another one too.
    turn: tokio::sync::Mutex<()>,
    ended: Mutex<Vec<Operator>>,
}

/// The lab. The first caller starts it.
pub async fn lab() -> &'static Lab {
    static LAB: OnceCell<Lab> = OnceCell::const_new();
    LAB.get_or_init(|| async {
        let cluster = fixture::cluster().await;
        let etcd = must("find etcd", cluster.control_plane().etcd_endpoint());
        let lab = Lab {
            cluster,
            oracle: Oracle::start(&etcd),
            mirror: Mirror::start(&etcd),
            turn: tokio::sync::Mutex::default(),
            ended: Mutex::default(),
        };
        people::give_roles(cluster).await;
        lab
    })
    .await
}

impl Lab {
    /// Waits for one's turn.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Keeps an operator that ended, so that its log is judged.
    pub fn ended(&self, operator: Operator) {
        self.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(operator);
    }

    /// That no operator that ended logged a defect or a number.
    pub fn sound_logs(&self) {
        let numbers = self.oracle.numbers();
        let ended =
            std::mem::take(&mut *self.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        for operator in &ended {
            operator.sound(&numbers);
        }
    }
}
