//! The one control plane of this program with what judges it, and the people who use it. Namespaces are fresh for
//! every scenario; people have their roles in all of them.

use std::sync::Mutex;

use kube::api::DynamicObject;
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::fixture::{self, Cluster, Who, must};
use crate::mirror::Mirror;
use crate::objects;
use crate::operator_process::Operator;
use crate::oracle::Oracle;
use crate::plan::Kind;

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
        let role = |who: Who, role: &str| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": format!("faults-{}", who.name())},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who.name()}],
            })
        };
        let roles = [
            role(Who::Alice, "icp-filing-applicant"),
            role(Who::Bob, "icp-filing-applicant"),
            role(Who::Registrar, "icp-filing-registrar"),
        ];
        let roles = json!({"apiVersion": "v1", "kind": "List", "items": roles}).to_string();
        must("give people their roles", cluster.kubectl(Who::Admin).apply(&roles).await);
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

/// People at work, each with a connection that belongs to the runtime of the test.
#[derive(Clone)]
pub struct People {
    admin: Client,
    platform_admin: Client,
    registrar: Client,
    alice: Client,
    bob: Client,
}

impl People {
    /// Lets them begin.
    pub async fn new(cluster: &Cluster) -> Self {
        Self {
            admin: cluster.client(Who::Admin).await,
            platform_admin: cluster.client(Who::PlatformAdmin).await,
            registrar: cluster.client(Who::Registrar).await,
            alice: cluster.client(Who::Alice).await,
            bob: cluster.client(Who::Bob).await,
        }
    }

    /// The connection of somebody.
    pub fn client(&self, who: Who) -> Client {
        match who {
            Who::Admin => &self.admin,
            Who::Registrar => &self.registrar,
            Who::Alice => &self.alice,
            Who::Bob => &self.bob,
            _ => &self.platform_admin,
        }
        .clone()
    }

    /// The objects of a kind, as somebody.
    pub fn api(&self, who: Who, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        match objects::resource(kind.name()) {
            (resource, true) => Api::namespaced_with(self.client(who), namespace, &resource),
            (resource, false) => Api::all_with(self.client(who), &resource),
        }
    }
}

/// Who writes a kind.
pub fn writer(kind: Kind) -> Who {
    if matches!(kind, Kind::Request | Kind::Filing) { Who::Alice } else { Who::PlatformAdmin }
}
