//! A control plane with what judges it. How it is judged in the end is in `verdict`.

use serde_json::json;
use testbed::ControlPlane;

use crate::fixture::{self, Cluster, SOON, Who, eventually, must};
use crate::mirror::Mirror;
use crate::oracle::Oracle;
use crate::people;

/// A control plane, judged from its first revision on.
#[derive(Debug)]
pub struct Lab {
    /// The control plane.
    pub cluster: Cluster,
    /// Judges the invariants.
    pub oracle: Oracle,
    /// Shows the store as it is.
    pub mirror: Mirror,
    /// Its etcd.
    pub etcd: String,
}

/// The operator may write one Lease as it is shipped; here operators of each namespace contend for one of their own.
async fn give_leases(cluster: &Cluster) {
    let subject =
        json!({"kind": "ServiceAccount", "name": "icp-filing-operator", "namespace": "icp-filing-system"});
    let metadata = json!({"name": "faults-leases", "namespace": "icp-filing-system"});
    let rules = json!([{
        "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"],
    }]);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules,
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "faults-leases"},
        "subjects": [subject],
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [role, binding]}).to_string();
    must("give operators their leases", cluster.kubectl(Who::Admin).apply(&list).await);
}

impl Lab {
    /// Starts one. Its API server keeps a log of who changed what.
    pub async fn start() -> Self {
        let policy = fixture::repository("tests/faults/audit-policy.json");
        let policy = format!("--audit-policy-file={}", policy.display());
        let options = Cluster::options().audit(true).apiserver_args([policy]);
        let control_plane = must("start a control plane", ControlPlane::start(options).await);
        let etcd = must("find etcd", control_plane.etcd_endpoint());
        let (oracle, mirror) = (Oracle::start(&etcd), Mirror::start(&etcd));
        let operator = must("install the product", fixture::install(&control_plane).await);
        let cluster = Cluster::bare(control_plane, operator);
        people::give_roles(&cluster).await;
        give_leases(&cluster).await;
        // The authorizer learns of them from a watch.
        let registrar = cluster.kubectl(Who::Registrar);
        eventually("role of the registrar", SOON, async || {
            let args = ["auth", "can-i", "patch", "filings.icp-filing.dev", "--subresource=status", "-A"];
            registrar.ok(&args).await
        })
        .await;
        Self { cluster, oracle, mirror, etcd: etcd.trim_start_matches("http://").to_owned() }
    }

    /// A revision that is newer than everything before.
    pub async fn now(&self) -> u64 {
        must("reach etcd", crate::history::mark(&self.etcd).await)
    }
}
