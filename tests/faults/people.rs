//! The people who use a control plane. Namespaces are fresh for every scenario; people have their roles in all of them.

use kube::api::DynamicObject;
use kube::{Api, Client};
use serde_json::json;

use crate::fixture::{Cluster, Who, must};
use crate::objects;
use crate::plan::Kind;

/// Lets applicants and the registrar work in every namespace.
pub async fn give_roles(cluster: &Cluster) {
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
